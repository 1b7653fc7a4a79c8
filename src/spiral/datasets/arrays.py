"""Arrays of any usual type and order of axes as pictures of bytes: uint8 [..., H, W, C]."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from spiral.errors import InputError

_TOPS = (1, 255, 1023, 4095, 16383, 65535)
"""White of masks and of cameras and scanners with 8 to 16 bits; theirs is the first that no value exceeds."""
_OVERSHOOT = 0.05
"""How far resampling may have led float pictures out of 0 to 1."""
_CHANNELS = (1, 3, 4)
_AT_ONCE = 2**20
"""Values that are converted at a time: the copies in between are eight times as large."""


def as_bytes(values: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint8]:
    """Brightness as bytes, by the range of the values; bytes stay as they are.

    Black is 0, or the lowest value where some are negative (-1 for floats from -1 to 1); white is the first of 1, 255,
    1023, 4095, 16383 and 65535 that no value exceeds, or else the highest value. What is not a number is black.

    Args:
        values: bool, integers or floats, [...] with at least one axis, of one or more pictures with a common range.
        name: for messages.

    Raises:
        InputError: another type.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind not in "iuf":
        raise InputError(f"{name} holds {values.dtype}, which is no brightness; use uint8, or floats from 0 to 1")
    black, white = _black_and_white(values)
    result = np.empty(values.shape, np.uint8)
    rows = max(1, _AT_ONCE // max(1, math.prod(values.shape[1:])))
    for start in range(0, len(values), rows):
        part = values[start : start + rows].astype(np.float64)
        shade = np.nan_to_num((part - black) / (white - black), nan=0.0, posinf=1.0, neginf=0.0)
        result[start : start + rows] = (shade.clip(0.0, 1.0) * 255.0).round()
    return result


def _black_and_white(values: npt.NDArray[Any]) -> tuple[float, float]:
    finite = values if values.dtype.kind in "iu" else values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if values.dtype.kind == "f" and high <= 1.0 + _OVERSHOOT:
        if low >= -_OVERSHOOT:
            return 0.0, 1.0
        if low >= -1.0 - _OVERSHOOT:
            return -1.0, 1.0
    black = min(low, 0.0)
    white = next((float(top) for top in _TOPS if black == 0.0 and high <= top), high)
    return black, white if white > black else black + 1.0


def as_pictures(values: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint8]:
    """A stack of pictures as uint8 [N, H, W, C], C 1, 3 or 4.

    Args:
        values: of any type for `as_bytes`; [N, H, W], [N, H, W, C], [N, C, H, W], or rows [N, H * H] of squares.
        name: for messages.

    Raises:
        InputError: another type or shape, or no pixels.
    """
    if values.ndim == 2 and values.shape[0] != values.shape[1]:  # a square would be a single picture
        side = math.isqrt(values.shape[1])
        values = values.reshape(len(values), side, side) if side > 1 and side**2 == values.shape[1] else values
    ordered = _channels_last(values, 1)
    if ordered is None or 0 in ordered.shape[1:]:  # a file of 200 bytes may claim billions of empty pictures
        raise InputError(
            f"{name}: images must be [N, H, W], [N, H, W, C] or [N, C, H, W] with C 1, 3 or 4, "
            f"got {values.dtype} {values.shape}"
        )
    return as_bytes(ordered, name)


def as_picture(values: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint8]:
    """One picture as uint8 [H, W, C], C 1, 3 or 4, from [H, W], [H, W, C] or [C, H, W]; see `as_pictures`.

    Raises:
        InputError: another type or shape, or no pixels.
    """
    ordered = _channels_last(values, 0)
    if ordered is None or not ordered.size:
        raise InputError(
            f"{name} must be [H, W], [H, W, C] or [C, H, W] with C 1, 3 or 4, got {values.dtype} {values.shape}"
        )
    return as_bytes(ordered, name)


def _channels_last(values: npt.NDArray[Any], leading: int) -> npt.NDArray[Any] | None:
    if values.ndim == leading + 2:
        return values[..., None]
    if values.ndim != leading + 3:
        return None
    if values.shape[-1] in _CHANNELS:
        return values
    return np.moveaxis(values, leading, -1) if values.shape[leading] in _CHANNELS else None


def on_ground(pixels: npt.NDArray[np.uint8], ground: int = 255) -> npt.NDArray[np.uint8]:
    """Transparent pictures uint8 [..., 4] on a ground of one brightness: uint8 [..., 3]; others stay as they are."""
    if pixels.shape[-1] != 4:
        return pixels
    result = np.empty((*pixels.shape[:-1], 3), np.uint8)
    for index, picture in enumerate(pixels):
        share = picture[..., 3:].astype(np.float32) / 255.0
        result[index] = (picture[..., :3] * share + ground * (1.0 - share)).round()
    return result
