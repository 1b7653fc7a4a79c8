"""Editing of programs: split them into strokes, leave some out, reorder them, recolour them.

A stroke begins where the pen is, so leaving one out would move the next one's beginning. Here every stroke keeps its
own beginning: if the pen is elsewhere, a jump is inserted, unless commands say where strokes start. The result is an
ordinary program.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from spiral.engines.strokes import ALL_CHOICES, COLOURS, MOVE, PAINT, POINT, StrokeSettings
from spiral.errors import InputError
from spiral.exports.palettes import nearest
from spiral.exports.paths import curves, stroke_settings
from spiral.program import Program

Order = Literal["reverse", "large-first", "small-first", "dark-first", "light-first"]
ORDERS: tuple[Order, ...] = get_args(Order)
_LEVELS = 256
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Stroke:
    """One visible stroke.

    Attributes:
        start: the grid cell where it begins.
        commands: one command, or for a compound stroke one for each point.
    """

    start: int
    commands: tuple[tuple[int, ...], ...]


def strokes(program: Program) -> list[Stroke]:
    """The visible strokes of a program, in order, without commands that paint nothing.

    Raises:
        InputError: not a program of brush strokes.
    """
    settings = stroke_settings(program)
    end, flag = settings.choices.index("end"), program.specification.index("flag")
    start = program.specification.index("start")
    found: list[Stroke] = []
    pen, waiting = 0, []
    for command in program.commands:
        kind = PAINT if flag is None else command[flag]
        if kind == MOVE:
            pen, waiting = command[end], []
            continue
        pen = pen if start is None else command[start]
        waiting.append(command)
        if kind != POINT:
            found.append(Stroke(pen, tuple(waiting)))
            pen, waiting = command[end], []
    return found


def assemble(program: Program, chosen: Sequence[Stroke]) -> Program:
    """A program of some strokes, in this order, with jumps where needed and everything else as in `program`.

    Raises:
        InputError: not a program of brush strokes.
    """
    settings = stroke_settings(program)
    if "start" in settings.choices:
        commands = tuple(command for stroke in chosen for command in stroke.commands)
        return replace(program, commands=commands)
    if "flag" not in settings.choices:
        # Without a flag the pen cannot jump: the program gets one.
        settings = replace(settings, choices=("flag", *settings.choices))
        chosen = [Stroke(s.start, tuple((PAINT, *command) for command in s.commands)) for s in chosen]
    end, flag = settings.choices.index("end"), settings.choices.index("flag")
    rows: list[tuple[int, ...]] = []
    pen = 0
    for stroke in chosen:
        if stroke.start != pen:
            jump = [0] * len(settings.choices)
            jump[flag], jump[end] = MOVE, stroke.start
            rows.append(tuple(jump))
        rows += stroke.commands
        pen = stroke.commands[-1][end]
    return Program(
        settings.specification(), tuple(rows), program.engine, settings.to_json(), program.seed, program.continues
    )


def trim(program: Program, first: int = 1, last: int | None = None, without: Collection[int] = ()) -> Program:
    """Keep only the strokes `first` to `last`, inclusive, without some.

    Args:
        program: of brush strokes.
        first: number of a stroke, counted from 1.
        last: likewise; the last stroke when None.
        without: numbers in `program` of strokes to leave out.

    Raises:
        InputError: there is no such stroke, or it is not a program of brush strokes.
    """
    found = strokes(program)
    last = len(found) if last is None else last
    if not 1 <= first <= last <= len(found):
        raise InputError(f"strokes {first} to {last} are not among 1 to {len(found)}")
    if wrong := [number for number in without if not 1 <= number <= len(found)]:
        raise InputError(f"stroke {wrong[0]} is not among 1 to {len(found)}")
    return assemble(program, [found[number - 1] for number in range(first, last + 1) if number not in without])


def reorder(program: Program, order: Order | Sequence[int]) -> Program:
    """Put the strokes in another order: a named one, or all their numbers, counted from 1.

    Raises:
        InputError: an order that does not name every stroke once.
    """
    found, drawn = strokes(program), curves(program)
    if isinstance(order, str):
        brightness = [float(_LUMA @ np.array(curve.colour)) for curve in drawn]
        widths = [curve.width for curve in drawn]
        keys: dict[str, Callable[[int], float]] = {
            "reverse": lambda place: -place,
            "large-first": lambda place: -widths[place],
            "small-first": lambda place: widths[place],
            "dark-first": lambda place: brightness[place],
            "light-first": lambda place: -brightness[place],
        }
        if order not in keys:
            raise InputError(f"there is no order {order!r}; there are: {', '.join(keys)}")
        places = sorted(range(len(found)), key=keys[order])
    else:
        places = [number - 1 for number in order]
        if sorted(places) != list(range(len(found))):
            raise InputError(f"the order must name each of the strokes 1 to {len(found)} once")
    return assemble(program, [found[place] for place in places])


def recolour(program: Program, palette: npt.NDArray[np.float32]) -> Program:
    """Every stroke in the nearest colour of a palette float32 [P, 3], red, green and blue, 0 to 1.

    If the program has no colours, all strokes have one: the palette's colours are then assigned in turn, from the first
    stroke to the last.

    Raises:
        InputError: not a program of brush strokes.
    """
    settings = stroke_settings(program)
    drawn = curves(program)
    if "red" in settings.choices:
        given = nearest(palette, np.array([curve.colour for curve in drawn]).reshape(-1, 3))
    else:
        given = palette[np.arange(len(drawn)) * len(palette) // max(1, len(drawn))]
    return with_colours(program, dict(zip((curve.command for curve in drawn), given, strict=True)))


def with_colours(program: Program, colours: dict[int, npt.NDArray[np.floating]]) -> Program:
    """The same strokes with new colours, [3] of red, green and blue, 0 to 1, by the command's position.

    If colours are not choices of the commands, they become so, with 256 levels each.

    Raises:
        InputError: not a program of brush strokes.
    """
    settings = stroke_settings(program)
    # The usual order may differ from the program's.
    choices = tuple(name for name in ALL_CHOICES if name in settings.choices or name in COLOURS)
    coloured = replace(settings, choices=choices, channels=3, levels=_LEVELS)
    rows = []
    for place, command in enumerate(program.commands):
        chosen = dict(zip(settings.choices, command, strict=True))
        levels = np.round(np.asarray(colours.get(place, np.zeros(3))) * (_LEVELS - 1)).astype(int).tolist()
        chosen |= dict(zip(COLOURS, levels, strict=True))
        rows.append(tuple(chosen[name] for name in choices))
    return Program(
        coloured.specification(), tuple(rows), program.engine, coloured.to_json(), program.seed, program.continues
    )


def coloured_by_time(program: Program) -> Program:
    """The same strokes in colours from blue to red, first to last, as the paper shows parsed drawings (fig. 6).

    Raises:
        InputError: not a program of brush strokes.
    """
    from matplotlib import colormaps

    places = [curve.command for curve in curves(program)]
    colours = colormaps["turbo"](0.08 + 0.84 * np.arange(len(places)) / max(1, len(places) - 1))[:, :3]
    return with_colours(program, dict(zip(places, colours, strict=True)))


def with_ground(program: Program, ground: npt.NDArray[np.floating]) -> Program:
    """The same program on paper of another colour, [3] of red, green and blue, 0 to 1.

    Raises:
        InputError: not a program of brush strokes.
    """
    settings: StrokeSettings = stroke_settings(program)
    red, green, blue = (float(value) for value in ground)
    channels = 1 if settings.channels == 1 and red == green == blue else 3
    changed = replace(settings, ground=(red, green, blue), channels=channels)
    return replace(program, settings=changed.to_json())
