"""Ink on paper, as agents see it that paint light on dark: the light that fell on the paper is divided out.

A photograph of a drawing is darker where less light fell. Turned over, that would look like ink. What the paper would
look like without ink is estimated by a morphological closing (Serra 1982), which fills in whatever is dark and narrower
than its window.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from spiral.datasets.pictures import WHITE

_WIDEST = 3
"""A pen may be a side divided by this wide."""
_FAINT = 0.12
"""Darkest share of the paper's light that a sheet without ink may swallow."""
_FULL = 0.85
"""Ink that swallows more of the light stays as it is."""
_TOP = 0.998
"""Share of the pixels that are lighter than what counts as full ink."""
_BLACK = 50
"""No paper is darker: a picture that is mostly darker is not ink on paper, and only inverted."""
_NOISE = 2.5
"""What is lighter than so many times the median darkness is paper: most of a sheet is."""


def turned_over(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Pictures with dark and light turned over, uint8 [N, S, S, C]; grey ones as ink on paper that is evenly lit.

    Ink on white paper, as dark as can be, is what it is without that. Ink that covers more than a third of a side in
    width and height is taken for a shadow. Pictures in colour, C = 3, and black ones are inverted and nothing else.

    Args:
        pictures: uint8 [N, S, S, C].
    """
    if pictures.shape[-1] != 1:
        return WHITE - pictures
    return np.stack([_ink(picture[..., 0]) for picture in pictures])[..., None]


def _ink(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Ink of a grey picture, dark on light: uint8 [S, S], 0 where there is none."""
    if np.median(picture) < _BLACK:
        return WHITE - picture
    paper = np.maximum(_paper(picture), 1).astype(np.float32)
    dark = np.clip(1.0 - picture / paper, 0.0, 1.0)
    floor = _NOISE * float(np.median(dark))
    full = float(np.quantile(dark, _TOP))
    if full - floor < _FAINT:
        return np.zeros_like(picture)
    full = 1.0 if full > _FULL else full
    return np.round(np.clip((dark - floor) / (full - floor), 0.0, 1.0) * WHITE).astype(np.uint8)


def _paper(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """How light the paper is everywhere: uint8 [S, S]."""
    reach = max(len(picture) // _WIDEST // 2, 1)
    # Beyond the edges the light goes on falling as it does before them; a reflection would be too light there.
    padded = np.pad(picture.astype(np.int32), 2 * reach, mode="reflect", reflect_type="odd")
    wide = Image.fromarray(np.clip(padded, 0, WHITE).astype(np.uint8))
    closed = wide.filter(ImageFilter.MaxFilter(2 * reach + 1)).filter(ImageFilter.MinFilter(2 * reach + 1))
    return np.asarray(closed)[2 * reach : -2 * reach, 2 * reach : -2 * reach]
