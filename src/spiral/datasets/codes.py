"""Vectors that stand for pictures and are distributed as noise is, so that noise can be drawn without them later."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from spiral.errors import InputError

_ROUNDS = 150
"""After so many, digits' codes have as good as stopped changing towards noise."""
_SEED = 0
_ROWS = 8192


def normal_codes(images: npt.NDArray[np.uint8], length: int) -> npt.NDArray[np.float32]:
    """A vector for every picture, float32 [N, length], distributed nearly as N(0, 1) is; similar pictures are near.

    Principal components, turned at random and each component replaced by its rank's normal quantile, again and again
    (rotation-based iterative Gaussianization: Laparra, Camps-Valls and Malo 2011, arXiv 1602.00229, section II). Every
    turn is undone, so that a component stays what it was as nearly as can be. The same pictures get the same codes.

    Args:
        images: uint8 [N, S, S, C].
        length: of a code, at most the number of values in a picture.

    Raises:
        InputError: fewer than two pictures, or a code longer than a picture.
    """
    values = int(np.prod(images.shape[1:]))
    if len(images) < 2 or length > values:
        raise InputError(f"codes of {length} numbers need 2 pictures of as many values, got {len(images)} of {values}")
    codes = _normal(_components(images.reshape(len(images), values), length))
    generator = np.random.default_rng(_SEED)
    for _ in range(_ROUNDS):
        turn = np.linalg.qr(generator.normal(size=(length, length)))[0]
        codes = _normal(codes @ turn) @ turn.T
    return _normal(codes).astype(np.float32)


def _components(flat: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.float64]:
    """The first principal components of rows uint8 [N, D]: float64 [N, count], the ends with more paint positive."""
    mean = flat.mean(0)
    parts = [flat[start : start + _ROWS] - mean for start in range(0, len(flat), _ROWS)]
    axes = np.linalg.eigh(sum(part.T @ part for part in parts))[1][:, ::-1][:, :count]
    axes = axes * np.where(axes.sum(0) < 0, -1.0, 1.0)
    return np.concatenate([part @ axes for part in parts])


def _normal(codes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each column's ranks as normal quantiles: float64 [N, length]."""
    ranks = np.empty(codes.shape)
    np.put_along_axis(ranks, codes.argsort(0, kind="stable"), np.arange(len(codes))[:, None] + 0.5, axis=0)
    return torch.special.ndtri(torch.from_numpy(ranks / len(codes))).numpy()
