"""Returns and advantages."""

from __future__ import annotations

import torch
from torch import Tensor


def generalised_advantages(
    rewards: Tensor, values: Tensor, discount: float | Tensor, decay: float, after: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16).

    Args:
        rewards: float32 [T, B].
        values: float32 [T, B], V before each step.
        discount: gamma in [0, 1]; or float32 [T, B], gamma times how much larger than at this step the unit is in which
            rewards and values of the next one are counted.
        decay: lambda in [0, 1]; 1 is the plain A2C advantage R_t - V(s_t) of SPIRAL eq. 3.
        after: float32 [B], V after the last step, 0 where the episode ended there; 0 everywhere when None.

    Returns:
        Advantages and the value function's targets (advantages + values), float32 [T, B] both.
    """
    last = torch.zeros_like(values[:1]) if after is None else after[None]
    following = torch.cat([values[1:], last])
    discounts = torch.as_tensor(discount, device=values.device).expand(values.shape)
    errors = rewards + discounts * following - values
    advantages = torch.empty_like(errors)
    running = torch.zeros_like(errors[0])
    for step in reversed(range(len(errors))):
        running = errors[step] + discounts[step] * decay * running
        advantages[step] = running
    return advantages, advantages + values
