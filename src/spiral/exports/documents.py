"""Export of a program to a picture, film or plot; the file's extension sets the format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spiral.errors import InputError
from spiral.exports.animation import sample_frames, write_gif, write_strip, write_video
from spiral.exports.openraster import write_openraster
from spiral.exports.paint_sheet import write_paint_sheet
from spiral.exports.palette_files import Paints
from spiral.exports.svg import write_plot, write_svg
from spiral.io.images import stretch, write_png
from spiral.program import Program

GIF_FRAMES, VIDEO_FRAMES, STRIP_FRAMES = 200, 600, 10
"""Longer processes show several commands per frame."""
PLOT_FILE, STRIP_FILE, LAYERS_FILE, SHEET_FILE = ".plot.svg", ".strip.png", ".ora", ".sheet.pdf"


def write_document(
    path: Path,
    program: Program,
    size: int | None = None,
    paper: npt.NDArray[np.uint8] | None = None,
    paints: Paints | None = None,
) -> None:
    """Execute a program and write it by the file's extension, atomically.

    `.png` is the finished picture, `.strip.png` ten moments of the process, `.gif` and `.mp4` the process, `.svg` the
    strokes as paths, `.plot.svg` bare lines for a pen plotter, `.ora` (OpenRaster) a layer for each stage, `.sheet.pdf`
    numbered paints and strokes to print.

    Args:
        path: the file.
        program: what to show.
        size: side in pixels; the program's own when None. A plot is in millimetres and ignores it.
        paper: a picture uint8 [h, w, 1 or 3] to paint on in pictures and films; blank when None.
        paints: whose numbers and names a sheet shows; the program's own colours when None.

    Raises:
        InputError: another extension, a file that cannot be written, a program that its engine cannot execute, or, for
            SVG, one without brush strokes.
    """
    count = len(program.commands) + 1

    def some(limit: int) -> Iterator[npt.NDArray[np.uint8]]:
        return (shown(frame, program) for frame in sample_frames(program.process(size, paper), count, limit))

    writers: dict[str, Callable[[], None]] = {
        PLOT_FILE: lambda: write_plot(path, program),
        STRIP_FILE: lambda: write_strip(path, some(STRIP_FRAMES)),
        LAYERS_FILE: lambda: write_openraster(path, program, size),
        SHEET_FILE: lambda: write_paint_sheet(path, program, paints),
        ".svg": lambda: write_svg(path, program, size),
        ".png": lambda: write_png(path, picture(program, size, paper)),
        ".gif": lambda: write_gif(path, some(GIF_FRAMES), _pace(count)),
        ".mp4": lambda: write_video(path, some(VIDEO_FRAMES), 1000 // _pace(count)),
    }
    for ending, write in writers.items():
        if path.name.lower().endswith(ending):
            return write()
    raise InputError(f"cannot write {path}: the ending must be one of {', '.join(writers)}")


def picture(
    program: Program, size: int | None = None, paper: npt.NDArray[np.uint8] | None = None
) -> npt.NDArray[np.uint8]:
    """The finished picture: uint8 [H, W, C], its longer side `size`, or the program's own when None.

    On `paper`, a picture uint8 [h, w, 1 or 3], or on blank paper when None.

    Raises:
        InputError: the program does not fit the engine it names, or that engine is missing.
    """
    return shown(program.render(size, paper), program)


def shown(canvas: npt.NDArray[np.uint8], program: Program) -> npt.NDArray[np.uint8]:
    """A program's square canvas uint8 [S, S, C] stretched to the aspect of its `StrokeSettings`."""
    aspect = float(program.settings.get("aspect", 1.0))
    return canvas if aspect == 1.0 else stretch(canvas, aspect)


def _pace(count: int) -> int:
    """Milliseconds per frame: 300 for a few frames, less for many, for 12 s in all."""
    return max(40, min(300, 12_000 // count))
