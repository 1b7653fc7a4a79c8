"""Metrics of paintings: pixel errors, and whether a classifier of real pictures recognises them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spiral.datasets import Dataset
from spiral.engines import CanvasSettings, blank
from spiral.evaluation.classifier import CLASSES, load_classifier, predict
from spiral.evaluation.objects import scene_accuracy
from spiral.program import Program

_PERFECT = 100.0
_WINDOW = 7


@dataclass(frozen=True)
class Reconstruction:
    """Errors of N paintings.

    Attributes:
        images: N.
        mse: mean squared error per pixel and channel, of values in [0, 1].
        l2: the squared error summed over a picture, averaged over pictures.
        blank_mse: the mse of leaving the canvas blank.
    """

    images: int
    mse: float
    l2: float
    blank_mse: float


def reconstruction_figures(
    engine: str,
    canvas: CanvasSettings,
    data: Dataset,
    programs: Sequence[Program],
    observed: npt.NDArray[np.uint8],
) -> dict[str, Any]:
    """Compare N paintings uint8 [N, S, S, C] with the pictures of a data set.

    Returns:
        The figures of `reconstruction`, `ratio` (mse / blank_mse), those of `similarity`, and for scenes whose programs
        are known those of `object_accuracy`.
    """
    before = blank(engine, canvas.to_json(), data.images.shape[1])
    figures: dict[str, Any] = asdict(reconstruction(data.images, observed, before))
    figures["ratio"] = figures["mse"] / figures["blank_mse"] if figures["blank_mse"] else None
    return figures | similarity(data.images, observed) | scene_accuracy(canvas, programs, data)


def reconstruction(
    images: npt.NDArray[np.uint8], paintings: npt.NDArray[np.uint8], blank: npt.NDArray[np.uint8]
) -> Reconstruction:
    """Compare paintings uint8 [N, H, W, C] with their targets.

    Args:
        images: the targets, uint8 [N, H, W, C].
        paintings: likewise.
        blank: the canvas before the first command, uint8 [H, W, C].

    Raises:
        ValueError: shapes that differ.
    """
    if images.shape != paintings.shape:
        raise ValueError(f"images {images.shape} and paintings {paintings.shape} differ in shape")
    real = images.astype(np.float64) / 255.0
    squared = np.square(paintings / 255.0 - real)
    return Reconstruction(
        images=len(images),
        mse=float(squared.mean()),
        l2=float(squared.sum(axis=(1, 2, 3)).mean()),
        blank_mse=float(np.square(blank / 255.0 - real).mean()),
    )


def mean_squared_errors(images: npt.NDArray[np.uint8], paintings: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Mean squared error of each of N pictures, float64 [N], of uint8 [N, H, W, C] or one for all; pixels in [0, 1]."""
    return np.square((images.astype(np.float64) - paintings) / 255.0).mean(axis=(1, 2, 3))


def similarity(images: npt.NDArray[np.uint8], paintings: npt.NDArray[np.uint8]) -> dict[str, float | None]:
    """Similarity of pictures, uint8 [N, H, W, C] both.

    Returns:
        `psnr`, the peak signal-to-noise ratio in decibels, averaged over pictures (a perfect one counts
        100); `ssim`, the structural similarity (Wang et al. 2004) by scikit-image, likewise, or None without it or
        for pictures smaller than its window of 7 pixels.
    """
    errors = mean_squared_errors(images, paintings)
    psnr = float(np.minimum(-10.0 * np.log10(np.maximum(errors, 1e-12)), _PERFECT).mean())
    try:
        from skimage.metrics import structural_similarity
    except ImportError:
        return {"psnr": psnr, "ssim": None}
    if min(images.shape[1:3]) < _WINDOW:
        return {"psnr": psnr, "ssim": None}
    pairs = zip(images, paintings, strict=True)
    ssim = [structural_similarity(one, other, channel_axis=2, data_range=255) for one, other in pairs]
    return {"psnr": psnr, "ssim": float(np.mean(ssim))}


def classification_accuracy(data: Dataset, paintings: npt.NDArray[np.uint8]) -> dict[str, float | None]:
    """Share of paintings, and of real pictures, for which the digit classifier predicts the right digit.

    Args:
        data: the targets with their labels.
        paintings: uint8 [N, H, W, C].

    Returns:
        `accuracy` and `real_accuracy`; None without labels that are digits.
    """
    labels = data.labels
    if labels is None or not are_digits(data):
        return {"accuracy": None, "real_accuracy": None}
    classifier = load_classifier()
    painted, real = (predict(classifier, images).argmax(1) for images in (paintings, data.images))
    return {"accuracy": float((painted == labels).mean()), "real_accuracy": float((real == labels).mean())}


def are_digits(data: Dataset) -> bool:
    """Whether the labels are digits, so that the digit classifier applies."""
    return data.labels is not None and data.labels.min() >= 0 and data.labels.max() < CLASSES
