"""Programs in other colours: each stroke coloured by its place in time, as the paper shows parsed drawings (fig. 6)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spiral.engines.strokes import CHOICES, StrokeSettings
from spiral.errors import InputError
from spiral.program import Program

_LEVELS = 256
_COLOURS = ("red", "green", "blue")


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
