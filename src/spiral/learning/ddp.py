"""One policy learned by several processes, a GPU each; every rank takes a share of the canvases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from spiral.learning.minibatches import evaluate_actions
from spiral.learning.trajectory import Trajectory
from spiral.models.policy import Decision, Policy

if TYPE_CHECKING:
    from spiral.learning.policy_learner import PolicyLearner


class EvaluateActions(nn.Module):
    """`Policy.evaluate` as a module's forward pass, which DistributedDataParallel wraps."""

    def __init__(self, policy: Policy) -> None:
        """Wrap a policy."""
        super().__init__()
        self.policy = policy

    def forward(self, batch: Sequence[Trajectory]) -> list[Decision]:
        """See `minibatches.evaluate_actions`."""
        return evaluate_actions(self.policy, batch)


def all_gather(values: Tensor) -> Tensor:
    """The values of all ranks, [..., B] of [..., B / ranks] each.

    Statistics of a batch must cover all ranks.
    """
    parts = [torch.empty_like(values) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, values.contiguous())
    return torch.cat(parts, dim=-1)


def use_ddp(learner: PolicyLearner) -> None:
    """Average a learner's gradients over all ranks; torch's process group must be initialised."""
    devices = [learner.device] if learner.device.type == "cuda" else None
    learner.evaluate_actions = DistributedDataParallel(EvaluateActions(learner.policy), device_ids=devices)
    learner.all_gather = all_gather
