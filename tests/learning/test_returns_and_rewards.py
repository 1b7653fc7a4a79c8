import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spiral.engines.strokes import MOVE, PAINT, StrokeSettings
from spiral.learning.returns import generalized_advantage_estimation, v_trace
from spiral.learning.rewards import from_scores, histogram_scores, l2_scores, penalties
from spiral.learning.trajectory import active, stroke_starts
from spiral.specification import Category, Specification

shares = st.floats(0, 1, width=32)


@given(st.integers(1, 6), shares, shares, st.integers(0, 100))
def test_advantages_are_the_sum_of_the_paper(steps, gamma, gae_lambda, seed):
    generator = np.random.default_rng(seed)
    rewards, values = generator.normal(size=(2, steps, 3))
    got, targets = generalized_advantage_estimation(torch.tensor(rewards), torch.tensor(values), gamma, gae_lambda)
    bootstrap_value = np.concatenate([values[1:], np.zeros((1, 3))])
    errors = rewards + gamma * bootstrap_value - values
    for start in range(steps):
        expected = sum((gamma * gae_lambda) ** (k - start) * errors[k] for k in range(start, steps))
        assert np.allclose(got[start], expected, atol=1e-6)
    assert np.allclose(targets, got + torch.tensor(values))


def test_with_lambda_one_they_are_returns_minus_values():
    rewards, values = torch.randn(2, 5, 4)
    got, targets = generalized_advantage_estimation(rewards, values, 1.0, 1.0)
    returns = rewards.flip(0).cumsum(0).flip(0)
    assert torch.allclose(got, returns - values, atol=1e-5)
    assert torch.allclose(targets, returns, atol=1e-5)


@given(st.integers(1, 6), st.integers(0, 100))
def test_temporal_rewards_add_up_to_the_terminal_one(steps, seed):
    scores = torch.randn(steps + 1, 3, generator=torch.Generator().manual_seed(seed))
    temporal, terminal = (from_scores(scores, credit) for credit in ("temporal", "terminal"))
    assert torch.allclose(temporal.sum(0) + scores[0], terminal.sum(0), atol=1e-5)
    assert not terminal[:-1].any()
    terminated = torch.tensor([True, False, True])
    assert torch.equal(from_scores(scores, "terminal", terminated)[-1], scores[-1] * terminated), (
        "others have not terminated yet"
    )


def test_an_unroll_ends_with_the_value_of_what_follows():
    rewards, values = torch.randn(2, 6, 4)
    whole, _ = generalized_advantage_estimation(rewards, values, 0.9, 0.8)
    first, _ = generalized_advantage_estimation(rewards[:3], values[:3], 0.9, 0.0, values[3])
    assert torch.allclose(first, generalized_advantage_estimation(rewards, values, 0.9, 0.0)[0][:3], atol=1e-5)
    second, _ = generalized_advantage_estimation(rewards[3:], values[3:], 0.9, 0.8)
    assert torch.allclose(second, whole[3:], atol=1e-5)


def test_l2_is_the_euclidean_distance():
    canvas, target = torch.zeros(1, 1, 2, 2, 1, dtype=torch.uint8), torch.zeros(1, 2, 2, 1, dtype=torch.uint8)
    target[0, 0] = 255
    assert float(l2_scores(canvas, target)) == pytest.approx(-(2**0.5))


@given(st.integers(0, 100))
def test_histograms_are_compared_by_the_earth_movers_distance(seed):
    generator = np.random.default_rng(seed)
    # Values in the middle of a bin lose nothing by being counted in bins.
    canvas, target = (generator.integers(0, 32, (2, 4, 4, 3)) * 8 + 4).astype(np.uint8)
    scores = histogram_scores(torch.from_numpy(canvas)[None, None], torch.from_numpy(target)[None])
    # Between samples of equal size the distance is the mean difference of the sorted values; a bin is 1/32 wide.
    ordered = [np.sort(picture.reshape(16, 3), axis=0).astype(float) / 8 for picture in (canvas, target)]
    expected = np.abs(ordered[0] - ordered[1]).mean() / 32 * np.sqrt(48)
    assert float(scores) == pytest.approx(-expected, rel=1e-4)


def test_a_stroke_that_names_another_start_than_the_last_end_begins_anew():
    specification = StrokeSettings(grid=4, choices=("flag", "start", "end")).specification()
    flags, places = [PAINT, PAINT, PAINT, MOVE, PAINT, PAINT], [(5, 6), (6, 9), (2, 3), (3, 1), (3, 1), (1, 1)]
    commands = torch.tensor([[flag, *place] for flag, place in zip(flags, places, strict=True)])[:, None]
    effective = active(specification, commands)
    previous = torch.tensor([[PAINT, 4, 5]])
    starts = stroke_starts(specification, effective, torch.ones(1, 3, dtype=torch.bool), commands, previous)
    assert starts[:, 0].tolist() == [False, False, True, False, True, False]


def test_starts_and_blank_canvases_cost():
    effective = torch.tensor([[1, 1, 0, 1, 1, 1], [0] * 6]).T.bool()[:, :, None].repeat(1, 1, 2)
    starts = stroke_starts(Specification((Category("a", 2), Category("b", 2))), effective)
    assert starts[:, 0].tolist() == [True, False, False, True, False, False]
    going_on = stroke_starts(Specification((Category("a", 2), Category("b", 2))), effective, effective[0])
    assert going_on[:, 0].tolist() == [False, False, False, True, False, False], "the first one only goes on"
    idle = torch.zeros_like(starts)
    fines = penalties(starts, torch.tensor([False, True]), idle, 0.1, 2.0, 0.5)
    assert fines[:, 0].tolist() == pytest.approx([-0.1, 0, 0, -0.1, 0, 0])
    assert fines[:, 1].tolist() == pytest.approx([0, 0, 0, 0, 0, -2.0])
    idle[1, 0] = idle[3, 0] = True
    fines = penalties(starts, torch.tensor([False, True]), idle, 0.1, 2.0, 0.5)
    assert fines[:, 0].tolist() == pytest.approx([-0.1, -0.5, 0, -0.6, 0, 0])


def by_the_book(rewards, values, gamma, gae_lambda, bootstrap_value, ratios, clip):
    """IMPALA eq. 1 as it stands: a sum of products for every step, with lambda in c (remark 2)."""
    steps = len(rewards)
    following = np.concatenate([values[1:], bootstrap_value[None]])
    weights, traces = np.minimum(clip, ratios), gae_lambda * np.minimum(1.0, ratios)
    errors = weights * (rewards + gamma * following - values)
    targets = values.copy()
    for start in range(steps):
        for step in range(start, steps):
            targets[start] += gamma ** (step - start) * np.prod(traces[start:step], axis=0) * errors[step]
    later = np.concatenate([targets[1:], bootstrap_value[None]])
    bootstrap = gae_lambda * later + (1 - gae_lambda) * following
    return rewards + gamma * bootstrap - values, targets, weights


@given(st.integers(1, 6), shares, shares, st.floats(0.5, 2.0, width=32), st.integers(0, 100))
def test_v_trace_is_the_sum_of_products_of_impala(steps, gamma, gae_lambda, clip, seed):
    generator = np.random.default_rng(seed)
    rewards, values = generator.normal(size=(2, steps, 3))
    bootstrap_value, ratios = generator.normal(size=3), generator.lognormal(size=(steps, 3))
    given_ = (rewards, values, bootstrap_value, ratios)
    tensors = [torch.tensor(array) for array in given_]
    got = v_trace(tensors[0], tensors[1], gamma, gae_lambda, tensors[2], tensors[3], clip)
    for mine, expected in zip(
        got, by_the_book(rewards, values, gamma, gae_lambda, bootstrap_value, ratios, clip), strict=True
    ):
        assert np.allclose(mine, expected, atol=1e-6)


@given(st.integers(1, 6), shares, shares, st.integers(0, 100))
def test_v_trace_without_lag_is_the_result_on_policy(steps, gamma, gae_lambda, seed):
    generator = torch.Generator().manual_seed(seed)
    rewards, values = torch.randn(2, steps, 3, generator=generator)
    bootstrap_value, units = torch.randn(3, generator=generator), torch.rand(steps, 3, generator=generator)
    advantages, targets = generalized_advantage_estimation(rewards, values, gamma * units, gae_lambda, bootstrap_value)
    got, aims, weights = v_trace(rewards, values, gamma * units, gae_lambda, bootstrap_value, torch.ones(steps, 3))
    assert torch.allclose(got * weights, advantages, atol=1e-5)
    assert torch.allclose(aims, targets, atol=1e-5)


def test_v_trace_does_not_follow_what_the_policy_would_not_do():
    """Commands that the policy hardly ever writes now have no effect, not on the value before them either."""
    rewards, values = torch.full((3, 1), 5.0), torch.zeros(3, 1)
    _, targets, weights = v_trace(rewards, values, 1.0, 1.0, None, torch.tensor([[1.0], [0.0], [1.0]]))
    assert targets[:, 0].tolist() == [5.0, 0.0, 5.0]
    assert weights[:, 0].tolist() == [1.0, 0.0, 1.0]
