"""Metrics of generated pictures: variety, similarity to real ones, repeats. No targets are involved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from spiral.evaluation.classifier import CLASSES

NEIGHBOURS = 3
_ROWS = 1000
"""Distances are computed for so many pictures at a time to save memory."""

Features = npt.NDArray[np.float64]
"""A classifier's features of N pictures, before its last layer: float64 [N, F]."""


@dataclass(frozen=True)
class ClassCoverage:
    """The classes that a classifier predicts for N pictures.

    Attributes:
        class_entropy: of the predicted classes' frequencies, nats; log 10 = 2.303 if all ten digits are as frequent.
        classes: number of classes predicted at least once.
        confidence: mean probability of the predicted class.
    """

    class_entropy: float
    classes: int
    confidence: float


def class_coverage(probabilities: npt.NDArray[np.float32]) -> ClassCoverage:
    """Class coverage from a classifier's probabilities float32 [N, 10]."""
    counts = np.bincount(probabilities.argmax(1), minlength=CLASSES)
    shares = counts[counts > 0] / counts.sum()
    return ClassCoverage(float(-(shares * np.log(shares)).sum()), len(shares), float(probabilities.max(1).mean()))


def frechet_distance(one: Features, other: Features) -> float:
    """Distance of the Gaussians fitted to two sets of features (Heusel et al. 2017, eq. 6), at least 0.

    |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)). The trace of the root is that of (R C2 R)^(1/2) with R the root of
    C1, which is symmetric, so that eigenvalues of symmetric matrices suffice.
    """
    covariance, other_covariance = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ other_covariance @ root)
    squared = np.square(one.mean(0) - other.mean(0)).sum() + np.trace(covariance) + np.trace(other_covariance)
    return float(max(0.0, squared - 2.0 * np.sqrt(np.clip(cross, 0.0, None)).sum()))


def precision_and_recall(real: Features, invented: Features, neighbours: int = NEIGHBOURS) -> tuple[float, float]:
    """Improved precision and recall (Kynkäänniemi et al. 2019, eq. 1 and 2).

    Precision is the share of generated pictures within the manifold of the real ones, that is, no farther from some
    real picture than its own `neighbours`-th nearest; recall is the share of real pictures within the manifold of the
    generated ones.
    """
    return _within(real, invented, neighbours), _within(invented, real, neighbours)


def _within(manifold: Features, points: Features, neighbours: int) -> float:
    # Double precision and differences: repeated pictures are exactly 0 apart.
    basis, queries = torch.from_numpy(manifold), torch.from_numpy(points)
    exact = "donot_use_mm_for_euclid_dist"
    nearest = min(neighbours + 1, len(basis))  # the nearest of all is the picture itself
    radii = torch.cat(
        [torch.cdist(rows, basis, compute_mode=exact).kthvalue(nearest, dim=1).values for rows in basis.split(_ROWS)]
    )
    inside = [(torch.cdist(rows, basis, compute_mode=exact) <= radii).any(1) for rows in queries.split(_ROWS)]
    return float(torch.cat(inside).double().mean())


def repeat_rate(pictures: npt.NDArray[np.uint8]) -> float:
    """Share of pictures uint8 [N, ...] that equal an earlier one exactly."""
    return 1.0 - len(np.unique(pictures.reshape(len(pictures), -1), axis=0)) / len(pictures)
