"""Marks: what they cover, and the search over all places at once."""

import numpy as np
import pytest

from spiral.engines import make
from spiral.engines.strokes import StrokeSettings
from spiral.painting.bank import Bank
from spiral.painting.calibration import covers
from spiral.painting.climbing import climb, cut_out, gains_of, windows
from spiral.painting.closed_form import fields
from spiral.painting.marks import SIDE, Coverage, canvas_settings, commands

OWN = StrokeSettings(channels=3, choices=("flag", "end", "control", "size", "pressure", "red", "green", "blue"))
SETTINGS = canvas_settings(OWN, SIDE, 1.0)
MARK = np.array([[60, 80, 90, 70, 120, 110, 12, 5]])


@pytest.fixture(scope="module")
def coverage():
    return Coverage("vector", SETTINGS)


def painted(mark, colour=(0.2, 0.6, 0.4)):
    engine = make("vector", 1, SETTINGS.to_json())
    levels = np.round(np.array([colour]) * 255).astype(np.int64)
    for command in commands(SETTINGS, mark, levels):
        engine.step(command)
    return engine.canvases()[0].astype(np.float32) / 255


def test_coverage_in_a_window_is_that_on_the_canvas(coverage):
    whole = coverage.render(MARK, SIDE)[0]
    moved = MARK - [20, 40, 20, 40, 20, 40, 0, 0]
    small = coverage.render(moved, 64)[0]
    assert np.allclose(small[:44, :54], whole[20:64, 10:64], atol=0.02) and whole.max() > 0.5
    fine = Coverage("vector", SETTINGS, factor=4).render(MARK, SIDE)[0]
    assert np.abs(fine - whole).mean() < 0.002
    colour = np.array([0.2, 0.6, 0.4])
    assert np.allclose(painted(MARK), 1 + whole[..., None] * (colour - 1), atol=0.02)
    assert covers(coverage)


def test_the_bank_finds_the_place_of_a_mark_and_climbing_the_mark(coverage):
    target = painted(MARK)
    canvas, weights = np.ones_like(target), np.ones((SIDE, SIDE), np.float32)
    error = float(np.square(target - canvas).sum())
    first, second = fields(target - canvas, canvas, weights)
    radius = SETTINGS.radii[12]
    stream = np.random.default_rng(0)
    marks, gains = Bank(coverage, weights).search(first, second, stream, 1.0, (radius * 0.9, radius * 1.1))
    assert (np.diff(gains) <= 0).all() and gains[0] > 0.4 * error
    around = windows(coverage, marks[:1])
    side = int(around.sides[0])
    parts = cut_out(first, around.corners, side), cut_out(second, around.corners, side)
    exact, _, _ = gains_of(coverage, marks[:1, None], around.corners, side, *parts)
    assert exact[0, 0] == pytest.approx(gains[0], rel=0.1)
    better, gain, _ = climb(coverage, marks[:1], first, second, 40, 16, stream)
    assert gain[0] > 0.9 * error and gain[0] > exact[0, 0]
    assert better.shape == (1, 8)


@pytest.mark.parametrize("side", [SIDE, 2 * SIDE])
def test_marks_larger_than_the_canvas_are_searched_too(side):
    settings = canvas_settings(OWN, side, 1.0)
    wide, black = Coverage("vector", settings), np.zeros((side, side, 3), np.float32)
    weights, last = np.ones((side, side), np.float32), settings.radii[-2]
    first, second = fields(black - 1, black + 1, weights)
    stream = np.random.default_rng(0)
    marks, gains = Bank(wide, weights).search(first, second, stream, 1.0, (last * 0.9, last * 1.2))
    assert gains[0] > 0.6 * 3 * side**2 and (marks[:, 6] >= len(settings.radii) - 2).all()
