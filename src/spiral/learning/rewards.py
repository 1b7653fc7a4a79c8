"""Rewards: computed from scores of the canvases (SPIRAL eq. 4 and section 4.3, SPIRAL++ section 2.2).

All scores are in one unit, the Euclidean distance between pictures of pixels in [0, 1]: the gradient penalty keeps the
critic's slope at 1 in that unit, so scores can be added.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from spiral.models.discriminator import Discriminator

Credit = Literal["terminal", "temporal"]
_BINS = 32


def discriminator_scores(discriminator: Discriminator, canvases: Tensor, targets: Tensor | None) -> Tensor:
    """The discriminator's score of every canvas: float32 [T + 1, B] from uint8 [T + 1, B, S, S, C]."""
    count = canvases.shape[0]
    repeated = None if targets is None else targets.repeat(count, 1, 1, 1)
    return discriminator.score_images(canvases.flatten(0, 1), repeated).view(count, -1)


def l2_scores(canvases: Tensor, targets: Tensor) -> Tensor:
    """Minus the Euclidean distance to the target: float32 [T + 1, B], of pixels in [0, 1] (SPIRAL section 3.3)."""
    difference = (canvases.float() - targets.float()) / 255.0
    return -difference.flatten(2).norm(dim=2)


def histogram_scores(canvases: Tensor, targets: Tensor) -> Tensor:
    """Minus the earth mover's distance between colour histograms (SPIRAL section 4.5): float32 [T + 1, B].

    Each channel's histogram has 32 bins. In one dimension the distance is the area between the distribution functions;
    its mean over channels, a pixel's mean error, is multiplied by the square root of the number of values in a
    picture: the Euclidean distance if every value had that error.

    Args:
        canvases: uint8 [T + 1, B, S, S, C].
        targets: uint8 [B, S, S, C].
    """
    difference = _distributions(canvases) - _distributions(targets)
    return -difference.abs().mean(-1).mean(-1) * targets[0].numel() ** 0.5


def _distributions(pictures: Tensor) -> Tensor:
    """Distribution functions of each channel's values: float32 [..., C, bins] of uint8 [..., S, S, C]."""
    lead, channels = pictures.shape[:-3], pictures.shape[-1]
    values = pictures.reshape(-1, pictures.shape[-3] * pictures.shape[-2], channels).transpose(1, 2)
    bins = values.long() * _BINS // 256
    counts = torch.zeros(*bins.shape[:2], _BINS, device=pictures.device)
    counts.scatter_add_(2, bins, torch.ones((), device=pictures.device).expand(bins.shape))
    return (counts.cumsum(-1) / bins.shape[-1]).view(*lead, channels, _BINS)


def from_scores(scores: Tensor, credit: Credit, terminated: Tensor | None = None) -> Tensor:
    """Rewards float32 [T, B] of scores [T + 1, B].

    `terminal`: 0 except at an episode's last step, which gets the last score (SPIRAL eq. 4). `temporal`: each step gets
    the difference it makes (SPIRAL++ section 2.2). The sum is the same, minus the blank canvas's score; with a discount
    below 1 the agent then prefers strokes that help at once.

    Args:
        scores: of the canvases before the first step and after every one.
        credit: which of the two.
        terminated: bool [B], which episodes end with the last step; all when None.
    """
    if credit == "temporal":
        return scores[1:] - scores[:-1]
    rewards = torch.zeros_like(scores[1:])
    rewards[-1] = scores[-1] if terminated is None else scores[-1] * terminated
    return rewards


def penalties(
    starts: Tensor,
    left_blank: Tensor,
    idle: Tensor,
    start_penalty: float,
    blank_penalty: float,
    idle_penalty: float,
) -> Tensor:
    """The two small penalties of section 4.3 and one of ours, float32 [T, B], to add to the rewards.

    Args:
        starts: bool [T, B], which commands begin a continuous sequence of strokes.
        left_blank: bool [B], which episodes end here with a blank canvas.
        idle: bool [T, B], which commands left the canvas as it was.
        start_penalty: cost of every start, at least 0.
        blank_penalty: cost of a blank canvas, at the last step, at least 0.
        idle_penalty: cost of a command that did nothing, at least 0.
    """
    result = starts * -start_penalty - idle * idle_penalty
    result[-1] -= left_blank * blank_penalty
    return result
