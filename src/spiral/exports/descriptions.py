"""Readable programs: one line for each command."""

from __future__ import annotations

from spiral.engines import settings_of
from spiral.engines.objects import ADD, CHANGE, TYPES, SceneSettings, colours
from spiral.engines.strokes import COLOURS, MOVE, StrokeSettings
from spiral.exports.paths import curves, hexadecimal
from spiral.program import Program


def describe(program: Program) -> list[str]:
    """One line on each command of a program; places are (x, y) in pixels of its canvas, or cells of a floor.

    Raises:
        InputError: settings that its engine does not understand.
    """
    settings = settings_of(program.engine, program.settings)
    if program.specification == settings.specification():
        if isinstance(settings, StrokeSettings):
            return _strokes(program, settings)
        if isinstance(settings, SceneSettings):
            return _objects(program, settings)
    return program.lines()


def _strokes(program: Program, settings: StrokeSettings) -> list[str]:
    drawn = {curve.command: curve for curve in curves(program)}
    flag, end = program.specification.index("flag"), settings.choices.index("end")
    coloured = any(name in settings.choices for name in COLOURS)
    lines = []
    for place, command in enumerate(program.commands):
        row, column = divmod(command[end], settings.grid)
        to = _point(column * settings.size / settings.grid, row * settings.size / settings.grid)
        if place in drawn:
            curve = drawn[place]
            details = [f"{curve.width:.3g} wide", f"pressure {curve.opacity:.0%}"]
            details += [curve.hexadecimal] if coloured else []
            lines.append(f"paint from {_point(*curve.points[0])} to {_point(*curve.points[-1])}, {', '.join(details)}")
        elif flag is not None and command[flag] == MOVE:
            lines.append("do nothing" if "start" in settings.choices else f"move to {to}")
        else:
            lines.append(f"lead through {to}")
    return lines


def _objects(program: Program, settings: SceneSettings) -> list[str]:
    verbs = {ADD: "add", CHANGE: "make the last"}
    options = program.array()[:, 1:]
    lines = []
    for (action, place, kind, size, *_), (red, green, blue) in zip(
        program.commands, colours(settings, options).tolist(), strict=True
    ):
        row, column = divmod(place, settings.grid)
        thing = f"{TYPES[kind]} of {settings.sizes[size]:g} m, {hexadecimal((red, green, blue))}"
        lines.append(f"{verbs[action]} a {thing}, at cell {_point(column, row)}" if action in verbs else "do nothing")
    return lines


def _point(x: float, y: float) -> str:
    return f"({x:.3g}, {y:.3g})"
