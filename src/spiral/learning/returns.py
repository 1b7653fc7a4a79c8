"""Returns and advantages."""

from __future__ import annotations

import torch
from torch import Tensor


def generalised_advantages(rewards: Tensor, values: Tensor, discount: float, decay: float) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16) of complete episodes.

    Args:
        rewards: float32 [T, B].
        values: float32 [T, B], V before each step; the value after the last step is 0.
        discount: gamma in [0, 1].
        decay: lambda in [0, 1]; 1 is the plain A2C advantage R_t - V(s_t) of SPIRAL eq. 3.

    Returns:
        Advantages and the value function's targets (advantages + values), float32 [T, B] both.
    """
    following = torch.cat([values[1:], torch.zeros_like(values[:1])])
    errors = rewards + discount * following - values
    advantages = torch.empty_like(errors)
    running = torch.zeros_like(errors[0])
    for step in reversed(range(len(errors))):
        running = errors[step] + discount * decay * running
        advantages[step] = running
    return advantages, advantages + values
