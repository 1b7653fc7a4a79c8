"""EMA weights: the exponential moving average of a network's weights, which is evaluated and shipped."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

_SOON = 10
"""After n updates the average looks back over about n / 10 of them, as long as that is less than the decay allows."""


@torch.no_grad()
def update_ema(ema: nn.Module, network: nn.Module, decay: float, updates: int) -> None:
    """Move the averaged weights towards the network's, in place.

    Args:
        ema: the same architecture, whose weights are the averages.
        network: what learns.
        decay: share of the old in the average, 0 to 1.
        updates: of the network so far; the first ones count for more, so that random weights are soon forgotten.
    """
    keep = min(decay, updates / (updates + _SOON))
    # All weights in one call: one by one they would be a hundred kernels on a GPU.
    get_ema_multi_avg_fn(keep)(list(ema.parameters()), list(network.parameters()), updates)
