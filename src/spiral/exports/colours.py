"""Programs in other colours: each stroke coloured by its place in time, as the paper shows parsed drawings (fig. 6)."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from spiral.engines.strokes import CHOICES, StrokeSettings
from spiral.errors import InputError
from spiral.program import Program

_LEVELS = 256
_COLOURS = ("red", "green", "blue")


def parse_palette(text: str, picture: Image.Image) -> npt.NDArray[np.float32]:
    """A palette as one writes it: `#102030,#ffcc00`, or a number of the picture's own colours.

    Args:
        text: what was written.
        picture: from which so many colours are taken, by median cut.

    Returns:
        float32 [P, 3], red, green and blue, 0 to 1.

    Raises:
        InputError: neither of the two, or fewer than 1 or more than 256 colours.
    """
    if text.isdecimal():
        if not 1 <= int(text) <= _LEVELS:
            raise InputError(f"a palette has 1 to {_LEVELS} colours, not {text}")
        small = picture.convert("RGB")
        small.thumbnail((256, 256))
        colours = small.quantize(int(text)).getpalette() or []
        return np.array(colours, np.float32).reshape(-1, 3)[: int(text)] / np.float32(255)
    words = [word.strip().removeprefix("#") for word in text.split(",")]
    if not 1 <= len(words) <= _LEVELS or not all(re.fullmatch("[0-9a-fA-F]{6}", word) for word in words):
        raise InputError(f"a palette is a number of colours, or colours like #102030,#ffcc00; got {text[:80]!r}")
    return np.array([list(bytes.fromhex(word)) for word in words], np.float32) / np.float32(255)


def coloured_by_time(program: Program) -> Program:
    """The same strokes, in colours that run through a colour map from the first visible one to the last.

    The colours are choices of the new program's commands, so it is a program like any other: it renders at every size
    and its colours can be edited.

    Raises:
        InputError: the program is not one of brush strokes.
    """
    from matplotlib import colormaps

    settings = StrokeSettings.parse(program.settings)
    if program.specification != settings.specification():
        raise InputError("only programs of brush strokes can be coloured by time")
    kept = [position for position, name in enumerate(settings.choices) if name not in _COLOURS]
    commands = program.array()[:, kept]
    visible = program.specification.active(program.array()).all(1)
    order = np.clip(np.cumsum(visible) - 1, 0, None) / max(1, int(visible.sum()) - 1)
    levels = np.round(colormaps["turbo"](0.08 + 0.84 * order)[:, :3] * (_LEVELS - 1)).astype(np.int64)
    coloured = replace(
        settings,
        choices=tuple(name for name in CHOICES if name in settings.choices or name in _COLOURS),
        channels=3,
        levels=_LEVELS,
    )
    # `CHOICES` may order the choices otherwise than the program does.
    columns = {settings.choices[position]: commands[:, index] for index, position in enumerate(kept)}
    columns |= {name: levels[:, index] for index, name in enumerate(_COLOURS)}
    ordered = np.stack([columns[name] for name in coloured.choices], axis=1)
    return Program.from_array(coloured.specification(), ordered, program.engine, coloured.to_json(), program.seed)
