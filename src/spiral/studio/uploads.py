"""Uploads from a browser, checked before any other use."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from spiral.datasets.pictures import decode_picture
from spiral.errors import InputError
from spiral.exports.palette_files import read_paints
from spiral.io.files import read_bytes

MAXIMUM_BYTES = 8 * 2**20
MAXIMUM_PIXELS = 24 * 2**20
_SIDE = 2048
"""Longer side of a stored picture: more than any agent observes."""
_PREFIX = "data:image/png;base64,"


def uploaded_picture(path: str) -> Image.Image:
    """An uploaded file as an RGB picture of at most 2,048 pixels a side.

    Raises:
        InputError: too many bytes or pixels, or a format that Pillow does not read, such as SVG.
    """
    name = Path(path).name
    return _kept(decode_picture(read_bytes(Path(path), MAXIMUM_BYTES), name, 3, MAXIMUM_PIXELS))


def uploaded_paints(path: str) -> npt.NDArray[np.float32]:
    """The colours of an uploaded palette file, float32 [P, 3].

    Raises:
        InputError: not a `.gpl`, `.ase` or `.json` palette.
    """
    try:
        return read_paints(Path(path)).colours
    except InputError as error:
        # The visitor knows the file's name, not its folder here.
        raise InputError(str(error).replace(path, Path(path).name)) from error


def drawn_picture(value: str | None) -> Image.Image:
    """The pad's drawing, a PNG as a data URL, as an RGB picture.

    Raises:
        InputError: nothing was drawn, or the value is invalid.
    """
    if not value:
        raise InputError("draw something first, or drop a picture")
    if not isinstance(value, str) or not value.startswith(_PREFIX) or len(value) > MAXIMUM_BYTES:
        raise InputError("this is not a drawing of the pad")
    try:
        data = base64.b64decode(value[len(_PREFIX) :], validate=True)
    except binascii.Error as error:
        raise InputError("this is not a drawing of the pad") from error
    return _kept(decode_picture(data, "the drawing", 3, MAXIMUM_PIXELS))


def _kept(picture: Image.Image) -> Image.Image:
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    return picture
