"""A printable sheet to paint from by hand: numbered paints, then the strokes in stages, each with number and paint."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path as File

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from spiral.exports.palette_files import Paints
from spiral.exports.palettes import fewer, nearest
from spiral.exports.paths import Curve, curves, hexadecimal, stroke_settings
from spiral.io.files import write_atomically
from spiral.io.images import shown_size, stretch
from spiral.program import Program

STAGES = 8
MOST_PAINTS = 24
"""Without a palette: more colours become the nearest of so many."""
_PAGE = (8.27, 11.69)
"""A4 in inches."""
_SHOWN = 480
_POINTS = 72
_MILLIMETRES = 150.0
"""Longer side of the paper that lengths and widths are given for."""
_DARK = 0.5


@dataclass(frozen=True)
class UsedPaint:
    """A paint of the sheet.

    Attributes:
        number: from 1; a palette file's paints keep theirs in every picture.
        name: from the palette's file, else its colour as `#102030`.
        colour: red, green, blue, 0 to 1.
        strokes: painted with it.
        length: of all of them together, in millimetres.
    """

    number: int
    name: str
    colour: tuple[float, ...]
    strokes: int
    length: float


def write_paint_sheet(path: File, program: Program, paints: Paints | None = None, stages: int = STAGES) -> None:
    """Write the sheet as a PDF, atomically: the paints on the first page, then a page for each stage.

    Args:
        path: the file.
        program: of brush strokes.
        paints: whose names and numbers are used; every stroke gets the nearest of them. The program's own colours, at
            most 24, when None.
        stages: at most; fewer if there are fewer strokes.

    Raises:
        InputError: not a program of brush strokes, its engine is missing, or the file cannot be written.
    """
    drawn = curves(program)
    numbers, used = numbered(drawn, program, paints)
    groups = [part.tolist() for part in np.array_split(np.arange(len(drawn)), stages) if len(part)]
    pictures = _after(program, [drawn[group[-1]].command for group in groups])
    stream = io.BytesIO()
    # Without a date the same program gives the same file.
    with PdfPages(stream, metadata={"CreationDate": None, "Creator": "spiral"}) as pages:
        pages.savefig(_first_page(program, used, len(drawn), pictures[-1]))
        before = pictures[0]
        for stage, (group, picture) in enumerate(zip(groups, pictures[1:], strict=True), 1):
            title = f"Stage {stage} of {len(groups)}: strokes {group[0] + 1} to {group[-1] + 1}"
            named = [(index + 1, drawn[index], numbers[index]) for index in group]
            pages.savefig(_stage_page(title, program, named, {paint.number: paint for paint in used}, before, picture))
            before = picture
    write_atomically(path, stream.getvalue())


def numbered(drawn: Sequence[Curve], program: Program, paints: Paints | None) -> tuple[list[int], list[UsedPaint]]:
    """The number of each stroke's paint, and all paints that are used, in the order of their numbers.

    Args:
        drawn: the strokes of the program, from `curves`.
        program: of brush strokes.
        paints: as in `write_paint_sheet`.
    """
    if paints is None:
        chosen = fewer([curve.hexadecimal for curve in drawn], MOST_PAINTS)
        order = list(dict.fromkeys(chosen[curve.hexadecimal] for curve in drawn))
        colours = np.array([list(bytes.fromhex(colour[1:])) for colour in order], np.float32).reshape(-1, 3) / 255
        names = tuple(order)
        numbers = [order.index(chosen[curve.hexadecimal]) for curve in drawn]
    else:
        colours, names = paints.colours, paints.names
        found = nearest(colours, np.array([curve.colour for curve in drawn], np.float32).reshape(-1, 3))
        numbers = [int((colours == colour).all(1).argmax()) for colour in found]
    scale = _MILLIMETRES / stroke_settings(program).size
    lengths = [_length(curve.points) * scale for curve in drawn]
    used = []
    for place in sorted(set(numbers)):
        own = [length for length, number in zip(lengths, numbers, strict=True) if number == place]
        used.append(UsedPaint(place + 1, names[place], tuple(colours[place].tolist()), len(own), sum(own)))
    return [number + 1 for number in numbers], used


def _length(points: npt.NDArray[np.float64]) -> float:
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def _after(program: Program, commands: list[int]) -> list[npt.NDArray[np.uint8]]:
    """The blank canvas, and the canvas after some commands, stretched to the picture's shape."""
    aspect, wanted = stroke_settings(program).aspect, {0, *(command + 1 for command in commands)}
    kept = []
    for done, canvas in enumerate(program.process(_SHOWN)):
        if done in wanted:
            kept.append(stretch(canvas, aspect).copy())
    return kept


def _page(title: str) -> Figure:
    figure = Figure(figsize=_PAGE)
    figure.text(0.08, 0.95, title, fontsize=15)
    return figure


def _picture(figure: Figure, box: tuple[float, float, float, float], pixels: npt.NDArray[np.uint8]) -> Axes:
    axes = figure.add_axes(box)
    grey = pixels.shape[2] == 1
    axes.imshow(pixels[..., 0] if grey else pixels, cmap="gray" if grey else None, vmin=0, vmax=255)
    axes.set_xticks([])
    axes.set_yticks([])
    return axes


def _first_page(program: Program, used: list[UsedPaint], strokes: int, finished: npt.NDArray[np.uint8]) -> Figure:
    figure = _page(f"{len(used)} paints, {strokes} strokes")
    _picture(figure, (0.08, 0.57, 0.84, 0.36), finished)
    width, height = shown_size(1000, stroke_settings(program).aspect)
    paper = f"{_MILLIMETRES * width / 1000:.0f} x {_MILLIMETRES * height / 1000:.0f} mm"
    figure.text(0.08, 0.545, f"Lengths are for a picture of {paper}.", fontsize=8)
    columns = 1 if len(used) <= MOST_PAINTS else 2 if len(used) <= 2 * MOST_PAINTS else 4
    rows = max(1, -(-len(used) // columns))
    step = min(0.03, 0.46 / rows)
    for place, paint in enumerate(used):
        column, row = divmod(place, rows)
        left, top = 0.08 + 0.84 * column / columns, 0.52 - step * row
        figure.add_artist(
            Rectangle((left + 0.04, top - 0.7 * step), 0.06, 0.8 * step, fc=paint.colour, ec="0.5", lw=0.4)
        )
        figure.text(left + 0.03, top - 0.5 * step, str(paint.number), fontsize=8, ha="right")
        about = f"{paint.name}  {hexadecimal(paint.colour)}" if paint.name[:1] != "#" else paint.name
        about += f"  {paint.strokes} strokes" if columns > 2 else f"   {paint.strokes} strokes, {paint.length:.0f} mm"
        figure.text(left + 0.11, top - 0.5 * step, about, fontsize=8 if columns < 4 else 5)
    return figure


def _stage_page(
    title: str,
    program: Program,
    named: list[tuple[int, Curve, int]],
    paints: dict[int, UsedPaint],
    before: npt.NDArray[np.uint8],
    after: npt.NDArray[np.uint8],
) -> Figure:
    """Above the plan of a stage's strokes, on what was there before, pale; below the picture after it, and the list."""
    settings, figure = stroke_settings(program), _page(title)
    pale = (255 - (255 - before.astype(np.float32)) * 0.25).astype(np.uint8)
    plan = _picture(figure, (0.08, 0.45, 0.84, 0.48), pale)
    height, width = pale.shape[:2]
    scale = np.array([width, height]) / settings.size
    # Of a pixel of the plan on the page, for the width of lines.
    unit = min(0.84 * _PAGE[0] / width, 0.48 * _PAGE[1] / height) * _POINTS
    for number, curve, paint in named:
        points = curve.points * scale - 0.5
        codes = [Path.MOVETO, *itertools.repeat(Path.CURVE3, len(points) - 1)]
        colour = paints[paint].colour
        line = max(0.5, curve.width * float(np.sqrt(scale.prod())) * unit)
        path = Path(points, codes)
        plan.add_patch(PathPatch(path, fill=False, ec=colour, lw=line, capstyle="round", joinstyle="round", alpha=0.8))
        bright, (x, y) = float(np.mean(colour)), points[0].tolist()
        plan.text(
            x, y, str(number), fontsize=4.5, ha="center", va="center", clip_on=True,
            color="black" if bright > _DARK else "white",
        )  # fmt: skip
    plan.set_xlim(-0.5, width - 0.5)
    plan.set_ylim(height - 0.5, -0.5)
    _picture(figure, (0.08, 0.05, 0.4, 0.37), after).set_anchor("N")
    millimetres = _MILLIMETRES / settings.size
    rows = max(1, -(-len(named) // 3))
    size = min(6.5, 0.36 * _PAGE[1] * _POINTS / rows / 1.25)
    for place, (number, curve, paint) in enumerate(named):
        column, row = divmod(place, rows)
        text = f"{number}: paint {paint}, {curve.width * millimetres:.1f} mm"
        top = 0.42 - row * 1.25 * size / _POINTS / _PAGE[1]
        figure.text(0.52 + 0.14 * column, top, text, fontsize=size, va="top")
    return figure
