"""Appendix A in small: the score's hill is wider than that of L2."""

import numpy as np
import pytest
import torch

from spiral.errors import InputError
from spiral.evaluation.discs import (
    Discs,
    agreement,
    draw_discs,
    half_width,
    minus_l2,
    plot_surfaces,
    score_of,
    surface,
    train_disc_discriminator,
    write_surfaces,
)


@pytest.mark.parametrize("conditional", [True, False])
def test_the_score_of_wgan_gp_is_a_wider_hill_than_l2(tmp_path, conditional):
    settings = Discs(out=tmp_path, steps=120, moments=2, conditional=conditional)
    moments = [
        (steps, surface(score_of(judge, settings), settings))
        for steps, judge in train_disc_discriminator(settings, "wgan-gp")
    ]
    assert [steps for steps, _ in moments] == [60, 120]
    score = moments[-1][1]
    l2 = surface(minus_l2(settings), settings)
    assert half_width(score, settings) > 1.2 * half_width(l2, settings)
    assert agreement(l2, settings) == 0.0
    assert np.unravel_index(l2.argmax(), l2.shape) == (12, 12)
    path = write_surfaces({"score": score, "minus L2": l2}, settings)
    assert plot_surfaces(path).count(b"<image") == 2


def test_surfaces_that_are_none(tmp_path):
    path = tmp_path / "surfaces.json"
    for text in ("{", "[]", '{"pixels": [1, 2], "surfaces": {"a": [[1, 2]]}}', '{"pixels": [1], "surfaces": {}}'):
        path.write_text(text)
        with pytest.raises(InputError, match="does not hold surfaces"):
            plot_surfaces(path)


def test_a_cone_falls_by_half_halfway():
    settings = Discs()
    rows, columns = np.mgrid[4:29, 4:29]
    cone = -np.minimum(np.hypot(rows - 16, columns - 16), 10.0)
    assert half_width(cone, settings) == pytest.approx(5.0, abs=0.15)
    assert agreement(-np.hypot(rows - 16, columns - 16), settings) == pytest.approx(1.0)


def test_discs_have_their_area():
    discs = draw_discs(torch.tensor([[16.0, 16.0], [10.3, 20.7]]), 4.0)
    assert discs.double().sum((1, 2, 3)).numpy() / 255.0 == pytest.approx(np.pi * 16, abs=1.5)
