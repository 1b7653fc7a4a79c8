"""Real pictures to imitate, each with the discriminator's condition (SPIRAL section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.datasets.clusters import balanced_clusters, means_of_clusters


@dataclass(frozen=True)
class RealImages:
    """Real pictures on the networks' device.

    Attributes:
        pictures: uint8 [N, S, S, C].
        conditions: uint8 [N, S, S, C], the other half of each pair: in reconstruction the picture itself (the pair is
            target, target: eq. 6), with cluster means that of its cluster; or None.
        cluster_means: uint8 [P, S, S, C], the mean picture of every cluster, or None.
    """

    pictures: Tensor
    conditions: Tensor | None
    cluster_means: Tensor | None = None

    def pick(self, count: int) -> tuple[Tensor, Tensor | None]:
        """`count` random pictures and their conditions."""
        places = torch.randint(len(self.pictures), (count,), device=self.pictures.device)
        return self.pictures[places], None if self.conditions is None else self.conditions[places]


def real_images(images: npt.NDArray[np.uint8], pairs: bool, cluster_means: int, device: torch.device) -> RealImages:
    """Real pictures on a device.

    Args:
        images: uint8 [N, S, S, C].
        pairs: judge each picture beside itself, as a canvas beside its target.
        cluster_means: number of clusters whose means are the conditions instead; 0 for none.
        device: where the networks are.

    Raises:
        InputError: `cluster_means` is no power of two, or there are fewer pictures.
    """
    pictures = torch.from_numpy(images).to(device)
    if not cluster_means:
        return RealImages(pictures, pictures if pairs else None)
    clusters = balanced_clusters(images, cluster_means)
    means = torch.from_numpy(means_of_clusters(images, clusters)).to(device)
    return RealImages(pictures, means[torch.from_numpy(clusters).to(device)], means)
