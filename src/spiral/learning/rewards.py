"""Rewards: what the agent is paid for its canvases (SPIRAL eq. 4 and section 4.3, SPIRAL++ section 2.2)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from spiral.models.discriminator import Discriminator

Credit = Literal["terminal", "temporal"]


def discriminator_scores(discriminator: Discriminator, canvases: Tensor, targets: Tensor | None) -> Tensor:
    """The discriminator's score of every canvas: float32 [T + 1, B] from uint8 [T + 1, B, S, S, C]."""
    count = canvases.shape[0]
    repeated = None if targets is None else targets.repeat(count, 1, 1, 1)
    return discriminator.judge(canvases.flatten(0, 1), repeated).view(count, -1)


def l2_scores(canvases: Tensor, targets: Tensor) -> Tensor:
    """Minus the Euclidean distance to the target: float32 [T + 1, B], of pixels in [0, 1] (SPIRAL section 3.3)."""
    difference = (canvases.float() - targets.float()) / 255.0
    return -difference.flatten(2).norm(dim=2)


def from_scores(scores: Tensor, credit: Credit, discount: float) -> Tensor:
    """Rewards float32 [T, B] of scores [T + 1, B].

    `terminal`: 0 but for the last step, which gets the last score (SPIRAL eq. 4). `temporal`: each step gets the
    difference that it made, discount * score after - score before (SPIRAL++ section 2.2), which adds up to the same
    at discount 1 but for the blank canvas's score.
    """
    if credit == "temporal":
        return discount * scores[1:] - scores[:-1]
    rewards = torch.zeros_like(scores[1:])
    rewards[-1] = scores[-1]
    return rewards


def penalties(starts: Tensor, canvases: Tensor, start_penalty: float, blank_penalty: float) -> Tensor:
    """The two small penalties of section 4.3, float32 [T, B], to be added to the rewards (they are negative).

    Args:
        starts: bool [T, B], which commands begin a continuous sequence of strokes.
        canvases: uint8 [T + 1, B, ...]; an episode whose last equals its first has left the canvas blank.
        start_penalty: cost of every start, at least 0.
        blank_penalty: cost of a blank canvas, at the last step, at least 0.
    """
    result = starts * -start_penalty
    result[-1] -= left_blank(canvases) * blank_penalty
    return result


def left_blank(canvases: Tensor) -> Tensor:
    """Which episodes end as they began: bool [B] from uint8 [T + 1, B, ...]."""
    return (canvases[-1] == canvases[0]).flatten(1).all(1)
