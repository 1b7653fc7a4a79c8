"""The scale of rewards: the networks never see numbers much larger or smaller than 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from spiral.learning import checkpoint

Measure = Literal["episode", "command"]
_SHARE = 0.01
_LEAST = 1e-3
"""A command's unit is at least this share of the largest one."""


class RewardScale:
    """Running deviations of the scores, which have no unit of their own.

    `episode`: one unit, the deviation of a whole episode's return. `command`: each command of an episode has its own,
    the root mean square of its rewards. The first strokes of a photograph change a hundred times more than those
    after the fiftieth. With one unit, the later rewards drown in the errors of the value function and in the entropy
    bonus, and nothing is learned from them.

    Attributes:
        state: float32 [] for `episode`, 0 until there is one; float32 [2, length] for `command`: mean squares, and the
            number of batches behind each.
    """

    def __init__(self, measure: Measure, length: int, device: torch.device) -> None:
        """Begin without a batch.

        Args:
            measure: which of the two.
            length: commands in an episode.
            device: where the rewards are.
        """
        self.measure = measure
        self.state = torch.zeros((2, length) if measure == "command" else (), device=device)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over a saved `state`.

        Raises:
            InputError: that of another measure or length.
        """
        checkpoint.require_like(tensors, {"state": self.state}, "the reward scale's checkpoint")
        self.state = tensors["state"].to(self.state)

    def learn(self, rewards: Tensor, index: Tensor, blank: Tensor) -> None:
        """Update the units with a batch.

        For `episode` only canvases that are not blank count, and fewer of them weigh less: batches of blank ones would
        shrink the unit until any stroke cost far more than the penalty for a blank canvas.

        Args:
            rewards: float32 [T, B], in the scores' own unit.
            index: int64 [T, B], the place of each command in its episode, 0 for the first.
            blank: bool [B], which canvases are blank after them.
        """
        if self.measure == "command":
            squares, counts = self.state
            number = torch.zeros_like(counts).index_add_(0, index.flatten(), torch.ones_like(rewards).flatten())
            total = torch.zeros_like(counts).index_add_(0, index.flatten(), rewards.square().flatten())
            share = torch.where(number > 0, (1.0 / (counts + 1.0)).clamp_min(_SHARE), 0.0)
            self.state = torch.stack(
                [torch.lerp(squares, total / number.clamp_min(1.0), share), counts + (number > 0).float()]
            )
            return
        painted, batch = ~blank, rewards.shape[1]
        count = painted.sum()
        spread = torch.maximum(_deviation(rewards.sum(0), painted), _deviation(rewards, painted.expand_as(rewards)))
        known = self.state > 0
        share = torch.where(known, _SHARE * count / batch, 1.0)
        learns = (count > 1) & (known | (count >= batch // 2))
        self.state = torch.where(learns, torch.lerp(self.state, spread, share), self.state)

    def of(self, index: Tensor) -> Tensor:
        """The unit at each command: float32 [T, B] from its place int64 [T, B]; beyond an episode's end the last one.

        The unit of `episode` is 1 until half a batch has painted.
        """
        if self.measure == "command":
            units = self.state[0].sqrt()
            units = torch.maximum(units, units.max() * _LEAST).clamp_min(1e-6)
            return units[index.clamp_max(len(units) - 1)]
        return torch.where(self.state > 0, self.state, 1.0).clamp_min(1e-6).expand(index.shape)


def _deviation(values: Tensor, which: Tensor) -> Tensor:
    """The standard deviation of those of `which`, bool like the values; in shapes that do not depend on them."""
    count = which.sum()
    mean = torch.where(which, values, 0.0).sum() / count.clamp_min(1)
    return (torch.where(which, values - mean, 0.0).square().sum() / (count - 1).clamp_min(1)).sqrt()
