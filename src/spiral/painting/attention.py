"""Where a viewer looks: weights of a picture's pixels, more at edges and in faces."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from PIL import Image

from spiral.painting.marks import Floats

_SEARCHED = 256
"""Longer side of the picture in which faces are looked for."""
_LEAST_FACE = 24
_EDGES, _FACES = 9.0, 9.0
_MARGIN = 0.15
"""By how much a face is larger than the box around brows and mouth, on each side."""


def attention(target: Floats, focus: float, picture: Image.Image | None = None) -> Floats:
    """Weights float32 [S, S] of the pixels, 1 on average: more where brightness changes, and in faces.

    Args:
        target: float32 [S, S, C].
        focus: 0 weighs all pixels alike, 1 strong edges and faces ten times as much as the rest.
        picture: the same in its own shape, in which faces are looked for; they are not when None.
    """
    if focus == 0:
        return np.ones(target.shape[:2], np.float32)
    down, across = np.gradient(target.mean(2))
    edges = np.hypot(down, across)
    padded = np.pad(edges, 2, mode="edge")
    near = np.lib.stride_tricks.sliding_window_view(padded, (5, 5)).mean((2, 3))
    weights = 1 + _EDGES * focus * np.minimum(1, near / max(1e-6, float(np.quantile(near, 0.95))))
    if picture is not None:
        weights = weights + _FACES * focus * face_map(picture, len(target))
    return (weights / weights.mean()).astype(np.float32)


def face_map(picture: Image.Image, side: int) -> Floats:
    """Where faces are: float32 [side, side], 1 inside, 0 outside, stretched over the whole picture."""
    rows, columns = np.mgrid[:side, :side].astype(np.float32) / np.float32(side)
    seen = np.zeros((side, side), np.float32)
    for left, top, width, height in faces(picture):
        away = np.hypot(
            (columns - left - width / 2) / (width * (0.5 + _MARGIN)),
            (rows - top - height / 2) / (height * (0.5 + _MARGIN)),
        )
        seen = np.maximum(seen, np.clip(4 * (1.25 - away), 0, 1)).astype(np.float32)
    return seen


def faces(picture: Image.Image) -> list[tuple[float, float, float, float]]:
    """Faces that look at the viewer: left, top, width and height as shares of the picture.

    Found by scikit-image's cascade of local binary patterns. Without scikit-image there are none.
    """
    detector = _detector()
    if detector is None or min(picture.size) < _LEAST_FACE:
        return []
    small = picture.convert("RGB")
    small.thumbnail((_SEARCHED, _SEARCHED))
    width, height = small.size
    if min(small.size) < _LEAST_FACE:
        return []
    found = detector.detect_multi_scale(
        np.asarray(small), scale_factor=1.2, step_ratio=1, min_size=(_LEAST_FACE, _LEAST_FACE), max_size=(height, width)
    )
    return [(f["c"] / width, f["r"] / height, f["width"] / width, f["height"] / height) for f in found]


@functools.cache
def _detector() -> Any:
    try:
        from skimage import data
        from skimage.feature import Cascade
    except ImportError:
        return None
    return Cascade(data.lbp_frontal_face_cascade_filename())
