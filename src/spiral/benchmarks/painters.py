"""Painters side by side: photographs in so many strokes, by each stroke engine and by fogleman/primitive."""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from spiral.agent import Agent
from spiral.engines import missing
from spiral.errors import InputError
from spiral.exports.documents import picture as rendered
from spiral.io.files import make_folder
from spiral.io.images import write_png
from spiral.painting.painter import paint_strokes

PHOTOGRAPHS = ("chelsea", "coffee", "flower", "immunohistochemistry", "portrait")
"""Of scikit-image and scikit-learn. No shipped agent has seen the first four; the portrait is part of `astronaut`."""
_PORTRAIT = slice(0, 300), slice(60, 360)
_SEEN, _SIZE = 128, 1024
_SHOWN, _GAP = 300, 6
"""Width of a picture on the sheet, and the space between two."""


def measure_painters(
    agents: Sequence[Agent],
    strokes: Sequence[int],
    effort: int,
    primitive: Path | None = None,
    report: Callable[[dict[str, Any]], object] = lambda row: None,
    sheet: Path | None = None,
) -> list[dict[str, Any]]:
    """Paint every photograph with every painter.

    Args:
        agents: one for each engine.
        strokes: numbers of strokes.
        effort: of the search.
        primitive: the program of fogleman/primitive, which paints as many rotated ellipses; left out when None.
        report: called with each row.
        sheet: a .png to write: each photograph and, to its right, its paintings in the order of the rows, a line for
            each number of strokes; nothing is written when None.

    Returns:
        Rows with `picture`, `strokes`, `painter`, `mse` (both pictures resized to 128x128, values in [0, 1]) and
        `seconds` of processor time.

    Raises:
        InputError: no strokes, scikit-image, scikit-learn or primitive is missing or fails, or the sheet cannot be
            written.
    """
    if not strokes:
        raise InputError("--strokes needs at least one number")
    rows, lines = [], []
    if sheet is not None:
        make_folder(sheet.parent)

    def add(row: dict[str, Any], painted: npt.NDArray[np.uint8]) -> None:
        rows.append(row)
        lines[-1].append(_shown(Image.fromarray(painted), lines[-1][0].height))
        report(row)

    for name in PHOTOGRAPHS:
        photograph = _photograph(name)
        for number in strokes:
            lines.append([_shown(photograph, round(_SHOWN * photograph.height / photograph.width))])
            for agent in agents:
                if missing(agent.preset.engine) is not None:
                    continue
                began = time.process_time()
                program = paint_strokes(agent, photograph, number, _SIZE, effort=effort)
                seconds = time.process_time() - began
                painted = rendered(program)
                add(_row(name, number, agent.preset.engine, photograph, painted, seconds), painted)
            if primitive is not None:
                painted, seconds = _primitive(primitive, photograph, number)
                add(_row(name, number, "primitive", photograph, painted, seconds), painted)
    if sheet is not None:
        write_png(sheet, _sheet(lines))
    return rows


def _shown(picture: Image.Image, height: int) -> Image.Image:
    return picture.convert("RGB").resize((_SHOWN, height), Image.Resampling.LANCZOS)


def _sheet(lines: Sequence[Sequence[Image.Image]]) -> npt.NDArray[np.uint8]:
    """Lines of pictures on white: uint8 [H, W, 3]. Those of a line are of one size."""
    wide = max(map(len, lines)) * (_SHOWN + _GAP) - _GAP
    high = sum(line[0].height + _GAP for line in lines) - _GAP
    whole, top = Image.new("RGB", (wide, high), "white"), 0
    for line in lines:
        for index, picture in enumerate(line):
            whole.paste(picture, (index * (_SHOWN + _GAP), top))
        top += line[0].height + _GAP
    return np.asarray(whole)


def error(photograph: Image.Image, painted: npt.NDArray[np.uint8]) -> float:
    """The mean squared error of a painting uint8 [H, W, 3], both resized to 128x128, values in [0, 1]."""
    seen, wanted = (
        np.asarray(each.convert("RGB").resize((_SEEN, _SEEN)), np.float64) / 255
        for each in (Image.fromarray(painted), photograph)
    )
    return float(np.square(seen - wanted).mean())


def _row(
    name: str, strokes: int, painter: str, photograph: Image.Image, painted: npt.NDArray[np.uint8], seconds: float
) -> dict[str, Any]:
    mse = error(photograph, painted)
    return {"picture": name, "strokes": strokes, "painter": painter, "mse": mse, "seconds": seconds}


def _photograph(name: str) -> Image.Image:
    try:
        from skimage import data
        from sklearn.datasets import load_sample_image
    except ImportError as missing_package:
        raise InputError(
            "the photographs are those of scikit-image and scikit-learn: pip install 'spiral-painter[data]'"
        ) from missing_package
    if name == "flower":
        return Image.fromarray(load_sample_image("flower.jpg"))
    if name == "portrait":
        return Image.fromarray(data.astronaut()[_PORTRAIT])
    return Image.fromarray(getattr(data, name)()).convert("RGB")


def _primitive(program: Path, photograph: Image.Image, shapes: int) -> tuple[npt.NDArray[np.uint8], float]:
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder, "in.png"), Path(folder, "out.png")
        photograph.save(given)
        how = ["-n", str(shapes), "-m", "7", "-a", "0", "-r", str(_SEEN), "-s", "512", "-j", "1"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        try:
            subprocess.run([str(program), "-i", str(given), "-o", str(out), *how], check=True, capture_output=True)
            painted = np.asarray(Image.open(out).convert("RGB"))
        except (OSError, subprocess.CalledProcessError) as problem:
            raise InputError(f"{program} does not paint: {problem}") from problem
        return painted, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
