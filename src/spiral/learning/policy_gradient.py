"""The policy's loss: advantage actor-critic with an entropy bonus (SPIRAL section 3.2, eq. 3)."""

from __future__ import annotations

import torch
from torch import Tensor

from spiral.models.policy import Decision

LEAST_DEVIATION = 0.1
"""Least divisor of advantages, in units of the return's deviation; runs that learn have 0.3 to 0.6."""


def policy_loss(
    decision: Decision,
    advantages: Tensor,
    value_targets: Tensor,
    old_log_probability: Tensor,
    entropy_coef: float | Tensor,
    value_coef: float,
    clip_coef: float,
) -> tuple[Tensor, dict[str, Tensor]]:
    """-sum log pi(a_t) A_t - entropy bonus + value error, averaged over N = T * B commands.

    The first term is PPO's clipped objective (Schulman et al. 2017, eq. 7). While the policy is still the one that
    painted the commands, the ratio is 1 and the gradient is that of log pi(a_t) A_t.

    Args:
        decision: the policy's evaluation of the commands, N = T * B.
        advantages: float32 [N], R_t - V(s_t) or its estimate, without gradient.
        value_targets: float32 [N], without gradient.
        old_log_probability: float32 [N], log probability of the commands when they were painted.
        entropy_coef: weight of the entropy bonus, per nat.
        value_coef: weight of the value function's squared error.
        clip_coef: how far the ratio may leave 1 before its gradient is cut.

    Returns:
        The loss and figures for the log, scalars.
    """
    ratio = (decision.log_probability - old_log_probability).exp()
    gain = torch.minimum(ratio * advantages, ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages).mean()
    entropy = decision.entropy.mean()
    value_error = (decision.value - value_targets).square().mean()
    spread = value_targets.var().clamp_min(1e-8)
    total = -gain - entropy_coef * entropy + value_coef * value_error
    figures = {
        "policy_loss": -gain.detach(),
        "entropy": entropy.detach(),
        "value_loss": value_error.detach(),
        "value_explained": 1.0 - value_error.detach() / spread,
    }
    return total, figures


def normalize_advantages(advantages: Tensor, among: Tensor | None = None) -> Tensor:
    """Normalise advantages to mean 0 and deviation 1 over `among`, the whole batch of which they may be a share.

    If they hardly differ, as when every canvas is left blank, they are only the value function's noise. Scaled to
    deviation 1, it would drown the entropy bonus, the only way out of that state.
    """
    among = advantages if among is None else among
    return (advantages - among.mean()) / among.std().clamp_min(LEAST_DEVIATION)


def imitation_loss(decision: Decision, which: Tensor | None = None) -> Tensor:
    """-log pi(commands), nats a command: the mean over N = T * B commands, or those of `which`, bool [T, B]."""
    if which is None:
        return -decision.log_probability.mean()
    weight = which.flatten().float()
    return -(decision.log_probability * weight).sum() / weight.sum().clamp_min(1.0)
