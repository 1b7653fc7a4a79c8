"""Ink on paper, as agents see it that paint light on dark: the light that fell on the paper is divided out.

A photograph of a drawing is darker where less light fell. Turned over, that would look like ink. What the paper would
look like without ink is estimated by a morphological closing (Serra 1982), which fills in whatever is dark and narrower
than its window.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spiral.datasets.pictures import WHITE, Picture, fit_opened, open_image

Floats = npt.NDArray[np.float32]

_WIDEST = 3
"""A pen may be as wide as a side divided by this."""
_FAINT = 0.12
"""Share of the light that the darkest part of a sheet without ink may swallow."""
_NOISE = 5.0
"""Ink is darker than paper by more than so many deviations of the paper's noise,"""
_SHADES = 10
"""and by more than so many of 255 shades: where paper is dark, a few shades are a large share of the light."""
_FULL = 0.85
"""Ink that swallows more of the light stays as it is, and lines that cover more of a pixel are not thin."""
_TOP = 0.998
"""Share of the pixels that are lighter than what counts as full ink."""
_DIM = 0.2
"""Where less than this share of the brightest light falls, noise would look like ink: no more is made up for."""
_BLACK = 50
"""No paper is darker: a picture that mostly is is not ink on paper, and only inverted."""
_PALE = 0.6
"""Lines that cover less of a pixel would fade, and are thickened."""
_FINER = 4
"""Ink that seems pale, as thin lines do, is looked at so many times as closely, or as closely as the picture allows."""


def fit_turned_over(picture: Picture, size: int, channels: int, ground: int = WHITE) -> npt.NDArray[np.uint8]:
    """`fit_image` with dark and light turned over, uint8 [S, S, C]; in grey, ink as on paper that is evenly lit.

    Clean drawings, black on white, are inverted and nothing else, unless their lines are much thinner than a pixel of
    the result: those are thickened. Pictures in colour and black ones are inverted, too. Ink that covers more than a
    third of a side in width and height is taken for a shadow, and at an edge so is a smaller part.

    Args:
        picture: a file's path or content, a Pillow picture, or an array.
        size: S.
        channels: C, 1 or 3.
        ground: what transparent parts show, 0 or 255.

    Raises:
        InputError: it cannot be read.
    """
    image = open_image(picture, channels, ground)
    seen = fit_opened(image, size, channels)
    if channels != 1 or np.median(seen) < _BLACK:
        return WHITE - seen
    ink = _Ink(seen[..., 0])
    full = 1.0 if ink.full > _FULL else ink.full
    finer = min(min(image.size) // size, _FINER)
    if full < 1.0 and finer > 1:
        closely = _Ink(fit_opened(image, finer * size, channels)[..., 0])
        darkest = closely.full - closely.noise
        if finer == _FINER and ink.full < _PALE * darkest:
            return _as_bytes(_reduced(closely.stretched(closely.full), finer))
        if 0.0 < ink.full < _FULL * darkest:  # thin lines: how dark they would be if they filled their pixels
            full = darkest
    return _as_bytes(ink.stretched(full))


def _as_bytes(ink: Floats) -> npt.NDArray[np.uint8]:
    """Ink float32 [S, S] in [0, 1] as uint8 [S, S, 1]."""
    return np.round(ink * WHITE).astype(np.uint8)[..., None]


class _Ink:
    """What swallows light in a grey picture uint8 [S, S].

    Attributes:
        dark: share of the light that is missing, float32 [S, S] in [0, 1].
        noise: how much of it noise may add.
        floor: what seems to be missing from paper without ink.
        full: what the darkest ink swallows; 0 if there is no ink.
    """

    def __init__(self, picture: npt.NDArray[np.uint8]) -> None:
        light = _light(picture)
        missing = (light - picture).astype(np.float32)
        self.dark = missing / np.maximum(light, _DIM * light.max()).astype(np.float32)
        (paper, deviation), full = _of_paper(self.dark), float(np.quantile(self.dark, _TOP))
        self.noise = 0.5 * _NOISE * deviation
        self.floor = paper + self.noise
        # A camera's noise is of one size where there is much light and where there is little.
        level, deviation = _of_paper(missing)
        noisy = np.quantile(missing, _TOP) - level < max(_NOISE * deviation, _SHADES)
        self.full = 0.0 if full - paper < _FAINT or noisy else full

    def stretched(self, full: float) -> Floats:
        """0 for paper, 1 for ink that swallows `full` of the light: float32 [S, S] in [0, 1]."""
        if full <= self.floor:
            return np.zeros_like(self.dark)
        return np.clip((self.dark - self.floor) / (full - self.floor), 0.0, 1.0)


def _of_paper(values: Floats) -> tuple[float, float]:
    """Mean and deviation of the paper's values, from the lowest quarter: ink may cover more than half of a sheet.

    The quantiles are those of a normal distribution.
    """
    low, quarter = np.quantile(values, (0.05, 0.25)).tolist()
    deviation = (quarter - low) / 0.97
    return quarter + 0.67 * deviation, deviation


def _light(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """What the paper would look like without ink: int32 [S, S]."""
    reach = max(len(picture) // _WIDEST // 2, 1)
    # Black beyond the edges: a corner is as dark as it is, not as light as what lies nearest to it.
    wide = np.pad(picture.astype(np.int32), 2 * reach)
    return -_highest(-_highest(wide, reach), reach)


def _highest(values: npt.NDArray, reach: int) -> npt.NDArray:
    """The highest value within `reach` in rows and columns; both sides become smaller by twice that."""
    for axis in (0, 1):
        values = np.lib.stride_tricks.sliding_window_view(values, 2 * reach + 1, axis).max(-1)
    return values


def _reduced(ink: Floats, times: int) -> Floats:
    """Ink reduced to a side so many times smaller, thickened as far as its lines would fade otherwise."""
    size = len(ink) // times
    small = ink
    for reach in range(times):
        thick = _highest(np.pad(ink, reach), reach)
        small = thick.reshape(size, times, size, times).mean((1, 3))
        if np.quantile(small, _TOP) > _FULL:
            break
    return small
