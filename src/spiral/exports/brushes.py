"""A chart of brushes: the same few strokes with each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from spiral.engines import make
from spiral.engines.strokes import CHOICES, MOVE, PAINT, StrokeSettings
from spiral.errors import InputError

SIZE, COLUMNS = 128, 10
_LABEL = 16
_GRID = 32
_SETTINGS = StrokeSettings(
    size=SIZE, choices=CHOICES, grid=_GRID, radii=(2.0, 5.0), radii_at=SIZE, pressures=4, levels=2, channels=3
)
_BLACK, _RED, _BLUE = (0, 0, 0), (1, 0, 0), (0, 0, 1)
_STROKES = (
    # from row, column over row, column to row, column; size, pressure, colour
    ((22, 3), (2, 8), (16, 16), 0, 1, _BLACK),
    ((16, 16), (30, 24), (8, 29), 0, 3, _BLACK),
    ((6, 3), (4, 12), (10, 20), 1, 3, _RED),
    ((27, 4), (29, 16), (25, 29), 1, 1, _BLUE),
    ((22, 22), (26, 24), (30, 26), 1, 3, _RED),
)


def brush_chart(brushes: Sequence[str]) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """A picture of strokes by brushes of mypaint-brushes, ten in a row, each with its name.

    Args:
        brushes: names from `spiral.engines.mypaint.brush_names`.

    Returns:
        The chart uint8 [H, W, 3], and the names of the brushes that this libmypaint cannot use, which it omits.

    Raises:
        InputError: libmypaint is missing, or none of the brushes works.
    """
    make("mypaint", 1, _SETTINGS.to_json())  # raises once if libmypaint is missing
    cells, names, broken = [], [], []
    for brush in brushes:
        try:
            cells.append(_try_out(brush))
            names.append(brush)
        except InputError:
            broken.append(brush)
    if not cells:
        raise InputError("there are no brushes that work here; to get them: apt-get install mypaint-brushes")
    rows = -(-len(cells) // COLUMNS)
    chart = Image.new("RGB", (COLUMNS * SIZE, rows * (SIZE + _LABEL)), (255, 255, 255))
    draw, font = ImageDraw.Draw(chart), ImageFont.load_default(size=10)
    for index, (cell, name) in enumerate(zip(cells, names, strict=True)):
        row, column = divmod(index, COLUMNS)
        left, top = column * SIZE, row * (SIZE + _LABEL)
        chart.paste(Image.fromarray(cell), (left, top + _LABEL))
        label = name
        while font.getlength(label) > SIZE - 4:
            label = label[1:]
        draw.text((left + 2, top + 2), label, (60, 60, 60), font)
    return np.asarray(chart), broken


def _try_out(brush: str) -> npt.NDArray[np.uint8]:
    engine = make("mypaint", 1, {**_SETTINGS.to_json(), "brush": brush})
    pen = (0, 0)
    for start, control, end, size, pressure, colour in _STROKES:
        if start != pen:
            engine.step(_command(MOVE, start, start, 0, 0, _BLACK))
        engine.step(_command(PAINT, end, control, size, pressure, colour))
        pen = end
    return engine.canvases()[0].copy()


def _command(
    flag: int, end: tuple[int, int], control: tuple[int, int], size: int, pressure: int, colour: tuple[int, int, int]
) -> npt.NDArray[np.int64]:
    chosen = {"flag": flag, "size": size, "pressure": pressure, "red": colour[0], "green": colour[1], "blue": colour[2]}
    chosen |= {"end": end[0] * _GRID + end[1], "control": control[0] * _GRID + control[1]}
    return np.array([[chosen[name] for name in CHOICES]], np.int64)
