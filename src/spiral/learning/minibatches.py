"""Minibatches of whole unrolls, as PPO takes them from a rollout (Schulman et al. 2017, algorithm 1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spiral.learning.canvases import upload
from spiral.learning.trajectory import Trajectory
from spiral.models.policy import Decision, Policy


def minibatches(batch: int, count: int, device: torch.device) -> Sequence[Tensor]:
    """Rows of `count` minibatches, int64 [about B / count] each, in random order; the only one is in order.

    Unrolls stay whole, since the core of the policy runs over time.
    """
    if count == 1:
        return [torch.arange(batch, device=device)]
    return upload(torch.randperm(batch), device).tensor_split(count)


def sample(batch: int, count: int, device: torch.device) -> Tensor:
    """`count` of `batch` rows at random, int64 [count]."""
    return upload(torch.randperm(batch)[:count], device)


def evaluate_actions(policy: Policy, batch: Sequence[Trajectory]) -> list[Decision]:
    """What a policy thinks of the commands of several trajectories, N = T * B each; see `Policy.evaluate`."""
    return [policy.evaluate(part.observations(), part.commands, part.before.state)[0] for part in batch]
