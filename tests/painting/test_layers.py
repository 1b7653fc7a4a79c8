"""Layers: colours solved for together, and what each is worth."""

import numpy as np
import pytest

from spiral.painting.layers import compose, layer, recolour, squared_error, visible, worths


@pytest.fixture
def painting():
    random = np.random.default_rng(0)
    ground, target = np.ones((20, 20, 3), np.float32), random.random((20, 20, 3)).astype(np.float32)
    weights = random.random((20, 20)).astype(np.float32)
    layers = [
        layer(np.zeros(8, np.int64), (x, y), random.random((8, 9)).astype(np.float32), random.random(3))
        for x, y in random.integers(0, 11, (6, 2)).tolist()
    ]
    return layers, ground, target, weights


def test_a_layer_is_cut_to_what_it_covers():
    alpha = np.zeros((9, 9), np.float32)
    alpha[2:4, 3:8] = 0.5
    cut = layer(np.zeros(8, np.int64), (10, 20), alpha, np.zeros(3, np.float32))
    assert cut.box == (slice(22, 24), slice(13, 18))
    assert (cut.alpha == 0.5).all()
    assert layer(cut.mark, (0, 0), alpha * 0, cut.colour).alpha.size == 0


def test_what_is_seen_of_each_layer_and_of_the_ground_makes_the_picture(painting):
    layers, ground, *_ = painting
    total, left = np.zeros_like(ground), np.ones((20, 20, 1), np.float32)
    for each, share in zip(layers, visible(layers, 20), strict=True):
        total[each.box] += share[..., None] * each.colour
        left[each.box] -= share[..., None]
    assert np.allclose(total + left * ground, compose(ground, layers), atol=1e-5)


def test_colours_solved_together_are_those_of_least_squares(painting):
    layers, ground, target, weights = painting
    # A target that colours within bounds can come near to, so that least squares without bounds has the same solution.
    target = 0.5 + 0.1 * (target - 0.5)
    ground = np.full_like(ground, 0.5)
    found = recolour(layers, ground, target, weights, sweeps=400)
    rows = np.zeros((400, len(layers)))
    for index, (each, share) in enumerate(zip(layers, visible(layers, 20), strict=True)):
        plane = np.zeros((20, 20))
        plane[each.box] = share
        rows[:, index] = plane.ravel()
    left = 1 - rows.sum(1)
    root = np.sqrt(weights.ravel())
    wanted = (target.reshape(-1, 3) - left[:, None] * 0.5) * root[:, None]
    best = np.linalg.lstsq(rows * root[:, None], wanted, rcond=None)[0]
    assert ((best > 0) & (best < 1)).all()
    assert np.allclose([each.colour for each in found], best, atol=0.01)
    assert squared_error(target, compose(ground, found), weights) < squared_error(
        target, compose(ground, layers), weights
    )


def test_colours_keep_to_a_palette(painting):
    layers, ground, target, weights = painting
    palette = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 1]], np.float32)
    for each in recolour(layers, ground, target, weights, palette):
        assert each.colour.tolist() in palette.tolist()


def test_a_layer_is_worth_what_its_absence_costs(painting):
    layers, ground, target, weights = painting
    whole = squared_error(target, compose(ground, layers), weights)
    for index, worth in enumerate(worths(layers, ground, target, weights)):
        without = compose(ground, layers[:index] + layers[index + 1 :])
        assert worth == pytest.approx(squared_error(target, without, weights) - whole, abs=1e-4)
