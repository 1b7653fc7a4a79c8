"""Ink on paper is read in any light; what is no ink on paper is inverted as it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiral.datasets import load
from spiral.datasets.paper import turned_over

SIZE = 64
ROWS, COLUMNS = np.mgrid[0:SIZE, 0:SIZE] / SIZE
LIGHTS = {
    "dim": np.full((SIZE, SIZE), 0.6),
    "from the side": 1.0 - 0.6 * COLUMNS,
    "from a corner": 1.0 - 0.35 * ROWS - 0.35 * COLUMNS,
    "a lens dark at its edges": 1.0 - 1.1 * ((ROWS - 0.5) ** 2 + (COLUMNS - 0.5) ** 2),
    "a hand's shadow": np.where(COLUMNS + 0.3 * ROWS > 0.6, 0.55, 1.0),
}


@pytest.fixture(scope="module")
def digits():
    return load("mnist-sample", SIZE, 1, "test").images[:8]


def lit(ink, light, darkness=0.75):
    """Photographs uint8 [N, S, S, 1] of ink uint8 [N, S, S, 1], which swallows so much of the light."""
    return np.round(250 * light[..., None] * (1 - darkness * ink / 255.0)).astype(np.uint8)


def error(some, others):
    return float(np.square(some.astype(float) - others).mean() / 255**2)


@pytest.mark.parametrize("light", LIGHTS.values(), ids=LIGHTS)
def test_a_drawing_is_the_same_in_any_light(digits, light):
    photographed = lit(digits, light)
    assert error(turned_over(photographed), digits) < 0.005 < 0.05 < error(255 - photographed, digits)


@pytest.mark.parametrize("light", LIGHTS.values(), ids=LIGHTS)
def test_an_empty_sheet_stays_empty(light):
    noise = np.random.default_rng(0).normal(0.0, 2.0, (1, SIZE, SIZE, 1))
    sheet = np.clip(lit(np.zeros((1, SIZE, SIZE, 1), np.uint8), light) + noise, 0, 255).astype(np.uint8)
    assert not turned_over(sheet).any()


@pytest.mark.parametrize("size", [28, 32, 64])
def test_black_on_white_is_only_inverted(size):
    clean = load("mnist-sample", size, 1, "test").images[:32]
    assert np.abs(turned_over(255 - clean).astype(int) - clean).max() <= 16
    assert error(turned_over(255 - clean), clean) < 1e-4


def test_white_on_black_and_colours_are_only_inverted(digits):
    assert np.array_equal(turned_over(digits), 255 - digits)
    colours = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
    assert np.array_equal(turned_over(colours), 255 - colours)


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_any_picture_can_be_turned_over(side, seed):
    pictures = np.random.default_rng(seed).integers(0, 256, (2, side, side, 1), dtype=np.uint8)
    turned = turned_over(pictures)
    assert turned.shape == pictures.shape and turned.dtype == np.uint8
