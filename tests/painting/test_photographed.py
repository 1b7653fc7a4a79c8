"""Photographs of paintings: the camera's errors are taken back, the painter's are not."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from spiral.exports.documents import picture as rendered
from spiral.painting.painter import paint_strokes
from spiral.painting.photographed import balance, on_the_paper


@pytest.fixture(scope="module")
def picture():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((120, 80), Image.Resampling.BILINEAR)


@pytest.fixture(scope="module")
def half(an_agent, picture):
    return paint_strokes(an_agent(), picture, 12, size=192, effort=1)


def photographed(canvas, seed=0):
    """Blurred, yellowish, darker, noisy."""
    seen = np.asarray(Image.fromarray(canvas).filter(ImageFilter.GaussianBlur(1.5)), float)
    seen = seen * [0.85, 0.8, 0.55] + 12 + np.random.default_rng(seed).normal(0, 8, seen.shape)
    return Image.fromarray(np.clip(seen, 0, 255).astype(np.uint8))


def off(one, other, box=None):
    one, other = (np.asarray(Image.fromarray(np.asarray(p)).resize((192, 128)), float) / 255 for p in (one, other))
    return float(np.square(one - other)[box or ...].mean())


def test_the_camera_is_taken_back_and_a_stain_is_not(half):
    planned = rendered(half)
    stained = planned.copy()
    stained[20:70, 30:90] = (20, 160, 40)
    photograph = photographed(stained)
    found = np.asarray(on_the_paper(photograph, half))
    assert off(found, stained) < 0.1 * off(photograph, stained)
    inside = (slice(30, 60), slice(40, 80))
    assert off(found, stained, inside) < 0.1 * off(planned, stained, inside), "the stain is there"


def test_painting_on_from_a_photograph_beats_painting_on_blindly(an_agent, picture, half):
    # Ink was spilt; the planned strokes know nothing of it.
    canvas = rendered(half).copy()
    canvas[10:90, 20:90] = (10, 10, 40)
    paper = Image.fromarray(canvas)
    blind = paint_strokes(an_agent(), picture, 12, size=192, effort=1, paper=Image.fromarray(rendered(half)))
    photograph = photographed(canvas)
    seeing = paint_strokes(an_agent(), picture, 12, size=192, effort=1, paper=on_the_paper(photograph, half))
    assert seeing.continues and not half.continues
    ends = [off(program.render(paper=np.asarray(paper)), np.asarray(picture)) for program in (seeing, blind)]
    assert ends[0] < 0.8 * ends[1]


def test_a_balance_is_fitted_to_what_agrees():
    wanted = np.random.default_rng(0).random((20, 20, 3)).astype(np.float32)
    seen = (wanted * [0.9, 0.7, 0.5] + 0.05).astype(np.float32)
    seen[:5] = 0
    assert np.abs(balance(seen, wanted)[5:] - wanted[5:]).max() < 0.02
