import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spiral.learning.policy_gradient import LEAST_DEVIATION, normalize_advantages, policy_loss
from spiral.models.policy import Decision


def decision(log_probability: torch.Tensor) -> Decision:
    return Decision(log_probability, entropy=torch.ones_like(log_probability), value=torch.zeros_like(log_probability))


def test_the_loss_is_that_of_equation_3():
    thoughts = Decision(
        log_probability=torch.tensor([-1.0, -2.0]), entropy=torch.tensor([0.5, 1.5]), value=torch.tensor([1.0, 3.0])
    )
    loss, figures = policy_loss(
        thoughts, torch.tensor([2.0, -1.0]), torch.tensor([2.0, 5.0]), thoughts.log_probability, 0.1, 0.5, 0.2
    )
    # While nothing has been learned the ratios are 1: -(2 + -1)/2 - 0.1 * (0.5+1.5)/2 + 0.5 * (1 + 4)/2
    assert float(loss) == pytest.approx(-0.5 - 0.1 + 1.25)
    assert float(figures["entropy"]) == pytest.approx(1.0)
    assert float(figures["value_loss"]) == pytest.approx(2.5)


@given(st.floats(-2.0, 2.0), st.floats(-3.0, 3.0), st.floats(0.05, 0.9))
def test_a_further_pass_is_cut_where_the_ratio_has_gone_far_enough(change, advantage, clip_coef):
    now = torch.tensor([change - 1.0], requires_grad=True)
    loss, _ = policy_loss(
        decision(now), torch.tensor([advantage]), torch.zeros(1), torch.tensor([-1.0]), 0.0, 0.0, clip_coef
    )
    loss.backward()
    ratio = float(torch.tensor(change).exp())
    far = (advantage > 0 and ratio > 1 + clip_coef) or (advantage < 0 and ratio < 1 - clip_coef)
    expected = 0.0 if far else -ratio * advantage
    assert now.grad is not None
    near_the_edge = min(abs(ratio - 1 - clip_coef), abs(ratio - 1 + clip_coef)) < 1e-4
    assert near_the_edge or float(now.grad) == pytest.approx(expected, abs=1e-4)


def test_the_first_step_is_that_of_advantage_actor_critic():
    old, advantages = torch.tensor([-1.0, -0.5, -2.0]), torch.tensor([1.0, -2.0, 0.5])
    now = old.clone().requires_grad_()
    policy_loss(decision(now), advantages, torch.zeros(3), old, 0.0, 0.0, 0.2)[0].backward()
    (expected,) = torch.autograd.grad(-(now * advantages).mean(), now)
    assert now.grad is not None and torch.allclose(now.grad, expected)


def test_advantages_are_normalised_unless_they_are_mere_noise():
    advantages = torch.randn(1000) * 3 + 5
    assert float(normalize_advantages(advantages).mean()) == pytest.approx(0.0, abs=1e-5)
    assert float(normalize_advantages(advantages).std()) == pytest.approx(1.0, abs=1e-4)
    noise = torch.randn(1000) * 1e-4
    assert float(normalize_advantages(noise).std()) == pytest.approx(1e-4 / LEAST_DEVIATION, rel=0.1)
    assert torch.equal(normalize_advantages(torch.ones(10)), torch.zeros(10))
