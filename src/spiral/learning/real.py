"""What a run imitates: real pictures, and beside what the discriminator sees each (SPIRAL section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.datasets.cells import equal_cells, mean_pictures
from spiral.learning.rollout import Trajectory


@dataclass(frozen=True)
class Real:
    """What to imitate, and beside what the discriminator sees it.

    Attributes:
        pictures: uint8 [N, S, S, C].
        companions: uint8 [N, S, S, C], the pictures themselves in reconstruction (the pair is target, target: eq. 6),
            the mean picture of a picture's cell where the noise holds codes; None where a picture is judged alone.
        means: uint8 [codes, S, S, C], the mean picture of every code's cell, or None.
    """

    pictures: Tensor
    companions: Tensor | None
    means: Tensor | None = None

    def pick(self, count: int) -> tuple[Tensor, Tensor | None]:
        """`count` random pictures and their companions."""
        places = torch.randint(len(self.pictures), (count,), device=self.pictures.device)
        return self.pictures[places], None if self.companions is None else self.companions[places]

    def beside(self, episode: Trajectory) -> Tensor | None:
        """Beside what painted canvases are judged: their targets, or their codes' means; uint8 [B, S, S, C]."""
        if self.means is None or episode.noise is None:
            return episode.targets
        return self.means[episode.noise[:, -len(self.means) :].argmax(1)]


def real_pictures(images: npt.NDArray[np.uint8], conditional: bool, codes: int, device: torch.device) -> Real:
    """Real pictures on a device.

    Args:
        images: uint8 [N, S, S, C].
        conditional: judged beside themselves, as the canvases are beside their targets.
        codes: number of cells beside whose means they are judged instead; 0 for none.
        device: where the networks are.

    Raises:
        InputError: `codes` is no power of two, or there are fewer pictures than codes.
    """
    pictures = torch.from_numpy(images).to(device)
    if not codes:
        return Real(pictures, pictures if conditional else None)
    cells = equal_cells(images, codes)
    means = torch.from_numpy(mean_pictures(images, cells)).to(device)
    return Real(pictures, means[torch.from_numpy(cells).to(device)], means)
