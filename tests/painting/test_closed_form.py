"""The best colour of a mark and its gain, against painting it."""

import numpy as np
import pytest

from spiral.painting.closed_form import fields, solve


def squared(error, weights):
    return float((weights[..., None] * np.square(error)).sum())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("covered", [False, True])
def test_the_gain_is_what_painting_gains_and_no_other_colour_gains_more(channels, covered):
    random = np.random.default_rng(channels)
    below, target = random.random((2, 6, 7, channels))
    alpha, weights = random.random((2, 6, 7))
    light = random.random((6, 7)) if covered else np.ones((6, 7))
    # What lies above adds some light of its own.
    above = (1 - light)[..., None] * 0.3
    error = target - above - light[..., None] * below
    first, second = fields(error, below, weights, light if covered else None)
    sums = (alpha * first).sum((1, 2)), (alpha**2 * second).sum((1, 2))
    gain, colour = solve(*sums)

    def painted(k):
        after = below + alpha[..., None] * (k - below)
        return squared(error, weights) - squared(target - above - light[..., None] * after, weights)

    assert gain == pytest.approx(painted(colour), rel=1e-4)
    for change in random.normal(0, 0.05, (20, channels)):
        assert painted(np.clip(colour + change, 0, 1)) <= gain + 1e-4
    palette = random.random((5, channels)).astype(np.float32)
    gain, colour = solve(*sums, palette)
    assert gain == pytest.approx(max(painted(k) for k in palette), rel=1e-4)
    assert any(np.array_equal(colour, k) for k in palette)
