"""Palettes: colours for strokes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from spiral.errors import InputError
from spiral.exports.palette_files import ENDINGS, read_paints

_LEVELS = 256
_SHORT = re.compile("#([0-9a-fA-F])([0-9a-fA-F])([0-9a-fA-F])$")
"""`#fc0`, which is `#ffcc00`; without the sign it could be a number of colours."""


def parse_palette(text: str, picture: Image.Image | None = None, files: bool = False) -> npt.NDArray[np.float32]:
    """Parse a palette: `#102030,#ffcc00`, `#fc0`, a number of the picture's own colours, or a palette file's path.

    Args:
        text: the palette.
        picture: source of so many colours, by median cut; None without a picture.
        files: whether the text may name a file; not where it comes from a browser.

    Returns:
        float32 [P, 3], red, green and blue, 0 to 1.

    Raises:
        InputError: none of these forms, an unreadable file, or fewer than 1 or more than 256 colours.
    """
    if files and text.lower().endswith(ENDINGS):
        return read_paints(Path(text)).colours
    if text.isdecimal() and picture is not None:
        if not 1 <= int(text) <= _LEVELS:
            raise InputError(f"a palette has 1 to {_LEVELS} colours, not {text}")
        small = picture.convert("RGB")
        small.thumbnail((256, 256))
        colours = small.quantize(int(text)).getpalette() or []
        return np.array(colours, np.float32).reshape(-1, 3)[: int(text)] / np.float32(255)
    words = [_SHORT.sub(r"\1\1\2\2\3\3", word.strip()).removeprefix("#") for word in text.split(",")]
    if not 1 <= len(words) <= _LEVELS or not all(re.fullmatch("[0-9a-fA-F]{6}", word) for word in words):
        raise InputError(
            "a palette is a number of colours, colours like #102030,#ffcc00, or a .gpl, .ase or .json file; "
            f"got {text[:80]!r}"
        )
    return np.array([list(bytes.fromhex(word)) for word in words], np.float32) / np.float32(255)


def nearest(palette: npt.NDArray[np.float32], colours: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """The colour of a palette [P, 3] that is nearest to each of some colours [..., 3], all of them 0 to 1: [..., 3]."""
    return palette[np.square(palette - colours[..., None, :]).sum(-1).argmin(-1)]


def fewer(colours: list[str], most: int) -> dict[str, str]:
    """One of at most `most` colours for each of some, all as `#102030`; the same ones if there are no more."""
    if len(set(colours)) <= most:
        return {colour: colour for colour in colours}
    shades = np.array([list(bytes.fromhex(colour[1:])) for colour in colours], np.uint8)
    palette = parse_palette(str(most), Image.fromarray(shades[None]))
    chosen = (nearest(palette, shades / 255.0) * 255.0).round().astype(np.uint8)
    return {colour: f"#{bytes(one).hex()}" for colour, one in zip(colours, chosen, strict=True)}
