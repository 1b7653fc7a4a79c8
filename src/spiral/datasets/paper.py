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
"""Ink is darker than paper by more than so many deviations of the paper's noise."""
_FULL = 0.85
"""Ink that swallows more of the light stays as it is."""
_TOP = 0.998
"""Share of the pixels that are lighter than what counts as full ink."""
_BLACK = 50
"""No paper is darker: a picture that mostly is is not ink on paper, and only inverted."""
_PALE = 0.5
"""Ink that seems to swallow less of the light may be a thin line: it is looked at more closely."""
_FINER = 4


def fit_turned_over(picture: Picture, size: int, channels: int, ground: int = WHITE) -> npt.NDArray[np.uint8]:
    """`fit_image` with dark and light turned over, uint8 [S, S, C]; in grey, ink as on paper that is evenly lit.

    Ink on white paper, as dark as can be, is inverted and nothing else, and so are pictures in colour and black ones.
    Lines thinner than a pixel of the result are thickened to one. Ink that covers more than a third of a side in width
    and height is taken for a shadow.

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
    ink, contrast = _ink(seen[..., 0])
    if contrast < _PALE and min(image.size) >= _FINER * size:
        closely, found = _ink(fit_opened(image, _FINER * size, channels)[..., 0])
        ink = _reduced(closely) if found else ink
    return np.round(ink * WHITE).astype(np.uint8)[..., None]


def _ink(picture: npt.NDArray[np.uint8]) -> tuple[Floats, float]:
    """Ink of a grey picture, dark on light: float32 [S, S] in [0, 1], 0 for paper; and how dark it is beside paper."""
    light = np.maximum(_light(picture), 1)
    missing = (light - picture).clip(0).astype(np.float32)
    dark = missing / light.astype(np.float32)
    (paper, noise), full = _of_paper(dark), float(np.quantile(dark, _TOP))
    # A camera's noise is of one size where there is much light and where there is little.
    level, deviation = _of_paper(missing)
    contrast, floor = full - paper, paper + 0.5 * _NOISE * noise
    full = 1.0 if full > _FULL else full
    if contrast < _FAINT or full <= floor or np.quantile(missing, _TOP) - level < _NOISE * deviation:
        return np.zeros_like(dark), 0.0
    return np.clip((dark - floor) / (full - floor), 0.0, 1.0), contrast


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


def _reduced(ink: Floats) -> Floats:
    """Ink reduced to a side `_FINER` times smaller, thickened as far as its lines would fade otherwise."""
    size = len(ink) // _FINER
    small = ink
    for reach in range(_FINER):
        thick = _highest(np.pad(ink, reach), reach)
        small = thick.reshape(size, _FINER, size, _FINER).mean((1, 3))
        if np.quantile(small, _TOP) > _FULL:
            break
    return small
