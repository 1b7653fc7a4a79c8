"""Pictures sorted into equal clusters of similar ones, without labels.

Against mode collapse, a generator draws a cluster with its noise, and its pictures are judged beside those of that
cluster: self-conditioning (Liu et al. 2020, "Diverse image generation via self-conditioned GANs", arXiv 2006.10728).
Here clusters are equal instead of k-means clusters, so that a cluster drawn uniformly at random is as frequent as in
the data, and the condition is a cluster's mean picture instead of its number.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spiral.errors import InputError

_POWER_STEPS = 20


def balanced_clusters(images: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.int64]:
    """The cluster of every picture, int64 [N] in [0, count).

    The pictures are split at the median along their first principal component, each half again along its own, and so
    on; each split makes sizes differ by at most one picture.

    Args:
        images: uint8 [N, S, S, C].
        count: number of clusters, a power of two.

    Raises:
        InputError: `count` is no power of two, or there are fewer pictures than clusters.
    """
    if count < 1 or count & (count - 1):
        raise InputError(f"the number of clusters must be a power of two, got {count}")
    if count > len(images):
        raise InputError(f"{count} clusters need as many pictures, got {len(images)}")
    flat = images.reshape(len(images), -1).astype(np.float32)
    clusters = [np.arange(len(images))]
    while len(clusters) < count:
        clusters = [half for cluster in clusters for half in _halve(flat, cluster)]
    result = np.empty(len(images), np.int64)
    for number, cluster in enumerate(clusters):
        result[cluster] = number
    return result


def means_of_clusters(images: npt.NDArray[np.uint8], clusters: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """The mean picture of each of K clusters: uint8 [K, S, S, C] of images uint8 [N, S, S, C] in clusters int64 [N]."""
    means = [images[clusters == number].mean(0) for number in range(int(clusters.max()) + 1)]
    return np.stack(means).round().astype(np.uint8)


def _halve(flat: npt.NDArray[np.float32], cluster: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], ...]:
    centred = flat[cluster] - flat[cluster].mean(0)
    # Power iteration needs no covariance matrix; it starts at the picture furthest from the mean.
    axis = centred[np.square(centred).sum(1).argmax()]
    for _ in range(_POWER_STEPS):
        axis = centred.T @ (centred @ axis)
        axis = axis / max(float(np.linalg.norm(axis)), 1e-12)
    order = np.argsort(centred @ axis, kind="stable")
    middle = len(cluster) // 2
    return cluster[order[:middle]], cluster[order[middle:]]
