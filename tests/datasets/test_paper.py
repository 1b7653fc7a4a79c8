"""Ink on paper is read in any light and with any pen; what is no ink on paper is inverted as it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from spiral.datasets import load
from spiral.datasets.paper import fit_turned_over
from spiral.datasets.pictures import fit_image

SIZE = 64


def lights(size):
    rows, columns = np.mgrid[0:size, 0:size] / size
    return {
        "dim": np.full((size, size), 0.6),
        "from the side": 1.0 - 0.6 * columns,
        "from a corner": 1.0 - 0.35 * rows - 0.35 * columns,
        "a lens dark at its edges": 1.0 - 1.1 * ((rows - 0.5) ** 2 + (columns - 0.5) ** 2),
        "a hand's shadow": np.where(columns + 0.3 * rows > 0.6, 0.55, 1.0),
    }


@pytest.fixture(scope="module")
def digits():
    return load("mnist-sample", SIZE, 1, "test").images[:8]


def lit(ink, light, darkness=0.75):
    """A photograph uint8 [S, S] of ink uint8 [S, S], which swallows so much of the light float [S, S]."""
    return np.round(250 * light * (1 - darkness * ink / 255.0)).astype(np.uint8)


def error(some, others):
    return float(np.square(some.astype(float) - others).mean() / 255**2)


@pytest.mark.parametrize("kind", lights(1))
def test_a_drawing_is_the_same_in_any_light(digits, kind):
    photographs = [lit(digit[..., 0], lights(SIZE)[kind]) for digit in digits]
    read = np.stack([fit_turned_over(photograph, SIZE, 1) for photograph in photographs])
    assert error(read, digits) < 0.005 < 0.05 < error(255 - np.stack(photographs)[..., None], digits)


@pytest.mark.parametrize("kind", lights(1))
@pytest.mark.parametrize("size", [SIZE, 500])
def test_an_empty_sheet_stays_empty(kind, size):
    sheet = lit(np.zeros((size, size)), lights(size)[kind]) + np.random.default_rng(0).normal(0.0, 4.0, (size, size))
    assert not fit_turned_over(sheet.clip(0, 255).astype(np.uint8), SIZE, 1).any()


@pytest.mark.parametrize("width", [4, 16, 64, 200])
def test_thin_and_thick_pens_can_be_read(width):
    sheet = Image.new("L", (1200, 1200))
    ImageDraw.Draw(sheet).line([(300, 300), (900, 900)], fill=255, width=width)
    read = fit_turned_over(lit(np.asarray(sheet), lights(1200)["from a corner"]), SIZE, 1)[..., 0]
    along = read[np.arange(18, 46), np.arange(18, 46)]
    assert along.min() > 90, "no gap in the line"
    assert read[:10].max() < 40 and read[:, :10].max() < 40, "nor anything elsewhere"


@pytest.mark.parametrize("size", [28, 32, 64])
def test_black_on_white_is_only_inverted(size):
    clean = load("mnist-sample", size, 1, "test").images[:32]
    read = np.stack([fit_turned_over(255 - digit, size, 1) for digit in clean])
    assert np.abs(read.astype(int) - clean).max() <= 16 and error(read, clean) < 1e-4


@pytest.mark.parametrize("margin", [0, 2, 6])
def test_a_drawing_may_fill_the_frame(digits, margin):
    for digit in digits:
        rows, columns = np.nonzero(digit[..., 0] > 60)
        tight = np.pad(digit[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1, 0], margin)
        read, inverted = fit_turned_over(255 - tight, 32, 1), fit_image(tight, 32, 1)
        assert error(read, inverted) < 0.15 * error(0 * read, inverted)


@pytest.mark.parametrize("size", [105, 420])
def test_thin_lines_of_a_clean_drawing_are_only_inverted(size):
    drawing = Image.new("L", (size, size), 255)
    ImageDraw.Draw(drawing).line([(size // 4, size // 5), (size * 3 // 4, size * 4 // 5)], width=size // 35)
    assert np.array_equal(fit_turned_over(drawing, 32, 1), 255 - fit_image(drawing, 32, 1))


@pytest.mark.parametrize("kind", lights(1))
def test_thin_lines_are_the_same_in_any_light(kind):
    sheet = Image.new("L", (420, 420))
    ImageDraw.Draw(sheet).line([(100, 80), (310, 340)], fill=255, width=12)
    read = fit_turned_over(lit(np.asarray(sheet), lights(420)[kind]), 32, 1)
    assert error(read, fit_image(sheet, 32, 1)) < 5e-4


def test_noise_in_the_dark_is_no_ink():
    rows, columns = np.mgrid[0:128, 0:128] / 128
    corner = 1.0 - 0.85 * np.clip(0.7 * columns + 0.5 * rows, 0.0, 1.0)
    for seed in range(8):
        noise = np.random.default_rng(seed).normal(0.0, 1.5, (128, 128))
        sheet = (lit(np.zeros((128, 128)), corner) + noise).clip(0, 255).astype(np.uint8)
        assert not fit_turned_over(sheet, 32, 1).any()


def test_ink_is_as_dark_where_the_camera_is_noisy():
    sheet = Image.new("L", (128, 128))
    ImageDraw.Draw(sheet).ellipse([30, 20, 100, 110], outline=255, width=14)
    shaded = lit(np.asarray(sheet), lights(128)["from the side"]) + np.random.default_rng(0).normal(0, 8, (128, 128))
    read = fit_turned_over(shaded.clip(0, 255).astype(np.uint8), 32, 1)
    assert np.quantile(read, 0.95) > 240


def test_white_on_black_and_colours_are_only_inverted(digits):
    assert np.array_equal(fit_turned_over(digits[0], SIZE, 1), 255 - digits[0])
    colours = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    assert np.array_equal(fit_turned_over(colours, SIZE, 3), 255 - fit_image(colours, SIZE, 3))


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([8, 28, 64]), st.integers(0, 2**32 - 1))
def test_any_picture_can_be_turned_over(height, width, size, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    read = fit_turned_over(picture, size, 1)
    assert read.shape == (size, size, 1) and read.dtype == np.uint8
