"""The replay buffer from which the discriminator learns (SPIRAL section 3.4, appendix C)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from spiral.learning import checkpoint


class ReplayBuffer:
    """The last finished canvases with their targets, sampled uniformly (appendix C: 20 batches)."""

    def __init__(self, capacity: int, shape: tuple[int, int, int], conditional: bool, device: torch.device) -> None:
        """Room for `capacity` canvases of `shape` (S, S, C)."""
        self.canvases = torch.zeros(capacity, *shape, dtype=torch.uint8, device=device)
        self.targets = torch.zeros_like(self.canvases) if conditional else None
        self.added = 0

    def __len__(self) -> int:
        """Number of canvases held."""
        return min(self.added, len(self.canvases))

    def add(self, canvases: Tensor, targets: Tensor | None) -> None:
        """Put in uint8 [B, S, S, C] canvases and their targets; the oldest make room."""
        places = (self.added + torch.arange(len(canvases), device=canvases.device)) % len(self.canvases)
        self.canvases[places] = canvases
        if self.targets is not None and targets is not None:
            self.targets[places] = targets
        self.added += len(canvases)

    def sample(self, count: int) -> tuple[Tensor, Tensor | None]:
        """`count` canvases uint8 [count, S, S, C] and their targets."""
        places = torch.randint(len(self), (count,), device=self.canvases.device)
        return self.canvases[places], None if self.targets is None else self.targets[places]

    def state(self) -> dict[str, Tensor]:
        """Tensors to be saved."""
        state = {"canvases": self.canvases, "added": torch.tensor(self.added)}
        return state if self.targets is None else {**state, "targets": self.targets}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` returned.

        Raises:
            InputError: that of another buffer.
        """
        where = "the replay buffer's checkpoint"
        checkpoint.require_like(state, self.state(), where)
        self.canvases.copy_(state["canvases"])
        if self.targets is not None:
            self.targets.copy_(state["targets"])
        (self.added,) = checkpoint.counts_of(state, ("added",), where)
