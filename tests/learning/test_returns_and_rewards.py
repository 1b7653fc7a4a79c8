import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spiral.learning.returns import generalised_advantages
from spiral.learning.rewards import from_scores, l2_scores, penalties
from spiral.learning.rollout import stroke_starts
from spiral.program import Category, Specification

shares = st.floats(0, 1, width=32)


@given(st.integers(1, 6), shares, shares, st.integers(0, 100))
def test_advantages_are_the_sum_of_the_paper(steps, discount, decay, seed):
    generator = np.random.default_rng(seed)
    rewards, values = generator.normal(size=(2, steps, 3))
    got, targets = generalised_advantages(torch.tensor(rewards), torch.tensor(values), discount, decay)
    after = np.concatenate([values[1:], np.zeros((1, 3))])
    errors = rewards + discount * after - values
    for start in range(steps):
        expected = sum((discount * decay) ** (k - start) * errors[k] for k in range(start, steps))
        assert np.allclose(got[start], expected)
    assert np.allclose(targets, got + torch.tensor(values))


def test_with_lambda_one_they_are_returns_minus_values():
    rewards, values = torch.randn(2, 5, 4)
    got, targets = generalised_advantages(rewards, values, 1.0, 1.0)
    returns = rewards.flip(0).cumsum(0).flip(0)
    assert torch.allclose(got, returns - values, atol=1e-5)
    assert torch.allclose(targets, returns, atol=1e-5)


@given(st.integers(1, 6), st.integers(0, 100))
def test_temporal_rewards_add_up_to_the_terminal_one(steps, seed):
    scores = torch.randn(steps + 1, 3, generator=torch.Generator().manual_seed(seed))
    temporal, terminal = (from_scores(scores, credit, 1.0) for credit in ("temporal", "terminal"))
    assert torch.allclose(temporal.sum(0) + scores[0], terminal.sum(0), atol=1e-5)
    assert not terminal[:-1].any()


def test_l2_is_the_euclidean_distance():
    canvas, target = torch.zeros(1, 1, 2, 2, 1, dtype=torch.uint8), torch.zeros(1, 2, 2, 1, dtype=torch.uint8)
    target[0, 0] = 255
    assert float(l2_scores(canvas, target)) == pytest.approx(-(2**0.5))


def test_starts_and_blank_canvases_cost():
    effective = torch.tensor([[1, 1, 0, 1, 1, 1], [0] * 6]).T.bool()[:, :, None].repeat(1, 1, 2)
    starts = stroke_starts(Specification((Category("a", 2), Category("b", 2))), effective)
    assert starts[:, 0].tolist() == [True, False, False, True, False, False]
    canvases = torch.zeros(7, 2, 4, 4, 1, dtype=torch.uint8)
    canvases[3:, 0, 1, 1] = 9
    fines = penalties(starts, canvases, 0.1, 2.0)
    assert fines[:, 0].tolist() == pytest.approx([-0.1, 0, 0, -0.1, 0, 0])
    assert fines[:, 1].tolist() == pytest.approx([0, 0, 0, 0, 0, -2.0])
