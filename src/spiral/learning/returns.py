"""Returns and advantages."""

from __future__ import annotations

import torch
from torch import Tensor


def generalized_advantage_estimation(
    rewards: Tensor, values: Tensor, gamma: float | Tensor, gae_lambda: float, bootstrap_value: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16).

    Args:
        rewards: float32 [T, B].
        values: float32 [T, B], V before each step.
        gamma: gamma in [0, 1]; or float32 [T, B], gamma times the ratio of the next step's reward unit to this
            step's.
        gae_lambda: lambda in [0, 1]; 1 is the plain A2C advantage R_t - V(s_t) of SPIRAL eq. 3.
        bootstrap_value: float32 [B], V after the last step, 0 where the episode ended there; 0 everywhere when None.

    Returns:
        Advantages and the value function's targets (advantages + values), float32 [T, B] both.
    """
    last = torch.zeros_like(values[:1]) if bootstrap_value is None else bootstrap_value[None]
    following = torch.cat([values[1:], last])
    discounts = torch.as_tensor(gamma, device=values.device).expand(values.shape)
    errors = rewards + discounts * following - values
    advantages = torch.empty_like(errors)
    running = torch.zeros_like(errors[0])
    for step in reversed(range(len(errors))):
        running = errors[step] + discounts[step] * gae_lambda * running
        advantages[step] = running
    return advantages, advantages + values


def v_trace(
    rewards: Tensor,
    values: Tensor,
    gamma: float | Tensor,
    gae_lambda: float,
    bootstrap_value: Tensor | None,
    ratios: Tensor,
    clip: float = 1.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """V-trace advantages (IMPALA: Espeholt et al. 2018, eq. 1 and remark 2; SPIRAL section 3.4).

    Distributed actors paint with a policy some updates old; `generalized_advantage_estimation` would estimate the
    advantages of that policy. With ratios of 1 the two are the same.

    Args:
        rewards: float32 [T, B].
        values: float32 [T, B], V before each step.
        gamma: see `generalized_advantage_estimation`.
        gae_lambda: lambda in [0, 1].
        bootstrap_value: float32 [B], V after the last step, 0 where the episode ended there; 0 everywhere when None.
        ratios: float32 [T, B], probability of each command under the learner's policy over that under the actor's.
        clip: largest ratio, rho bar; the trace coefficients c are clipped at 1 even if it is larger.

    Returns:
        Advantages, the value function's targets, and the clipped ratios, float32 [T, B] each. The policy gradient uses
        advantage times ratio. They are separate because a baseline must be subtracted from the advantage alone:
        subtracted from the product, it would push the policy towards the actor's or away from it.
    """
    last = torch.zeros_like(values[:1]) if bootstrap_value is None else bootstrap_value[None]
    following = torch.cat([values[1:], last])
    discounts = torch.as_tensor(gamma, device=values.device).expand(values.shape)
    weights, traces = ratios.clamp_max(clip), ratios.clamp_max(1.0)
    errors = weights * (rewards + discounts * following - values)
    corrections = torch.empty_like(errors)
    running = torch.zeros_like(errors[0])
    for step in reversed(range(len(errors))):
        running = errors[step] + discounts[step] * gae_lambda * traces[step] * running
        corrections[step] = running
    later = torch.cat([corrections[1:], torch.zeros_like(corrections[:1])])
    advantages = rewards + discounts * (following + gae_lambda * later) - values
    return advantages, values + corrections, weights
