"""What a run imitates: real pictures, and beside what the discriminator sees each (SPIRAL section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.datasets.cells import equal_cells, mean_pictures


@dataclass(frozen=True)
class Real:
    """Real pictures on the networks' device.

    Attributes:
        pictures: uint8 [N, S, S, C].
        companions: uint8 [N, S, S, C], beside what each is judged: in reconstruction itself (the pair is target,
            target: eq. 6), with prototypes that of its cell; None where pictures are judged alone.
        prototypes: uint8 [P, S, S, C], the mean picture of every cell, or None.
    """

    pictures: Tensor
    companions: Tensor | None
    prototypes: Tensor | None = None

    def pick(self, count: int) -> tuple[Tensor, Tensor | None]:
        """`count` random pictures and their companions."""
        places = torch.randint(len(self.pictures), (count,), device=self.pictures.device)
        return self.pictures[places], None if self.companions is None else self.companions[places]


def real_pictures(images: npt.NDArray[np.uint8], pairs: bool, prototypes: int, device: torch.device) -> Real:
    """Real pictures on a device.

    Args:
        images: uint8 [N, S, S, C].
        pairs: judged beside themselves, as the canvases are beside their targets.
        prototypes: number of cells beside whose means they are judged instead; 0 for none.
        device: where the networks are.

    Raises:
        InputError: `prototypes` is no power of two, or there are fewer pictures.
    """
    pictures = torch.from_numpy(images).to(device)
    if not prototypes:
        return Real(pictures, pictures if pairs else None)
    cells = equal_cells(images, prototypes)
    means = torch.from_numpy(mean_pictures(images, cells)).to(device)
    return Real(pictures, means[torch.from_numpy(cells).to(device)], means)
