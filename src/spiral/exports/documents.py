"""A program in every format that shows it: the file's name says which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spiral.errors import InputError
from spiral.exports.animation import sample_frames, write_gif, write_strip, write_video
from spiral.exports.svg import write_plot, write_svg
from spiral.io.images import stretch, write_png
from spiral.program import Program

GIF_FRAMES, VIDEO_FRAMES, STRIP_FRAMES = 200, 600, 10
"""Longer processes show several commands a frame."""
PLOT_FILE, STRIP_FILE = ".plot.svg", ".strip.png"


def write_document(path: Path, program: Program, size: int | None = None) -> None:
    """Execute a program and write it as the file's ending says, atomically.

    `.png` is the finished picture, `.strip.png` ten moments of its making, `.gif` and `.mp4` the process, `.svg` the
    strokes as paths, `.plot.svg` bare lines for a pen plotter.

    Args:
        path: the file.
        program: what to show.
        size: side in pixels; the program's own when None. A plot has millimetres and ignores it.

    Raises:
        InputError: another ending, a file that cannot be written, a program that its engine cannot execute, or, for
            SVG, one that is not of brush strokes.
    """
    count = len(program.commands) + 1

    def some(limit: int) -> Iterator[npt.NDArray[np.uint8]]:
        return (shown(frame, program) for frame in sample_frames(program.process(size), count, limit))

    writers: dict[str, Callable[[], None]] = {
        PLOT_FILE: lambda: write_plot(path, program),
        STRIP_FILE: lambda: write_strip(path, some(STRIP_FRAMES)),
        ".svg": lambda: write_svg(path, program, size),
        ".png": lambda: write_png(path, picture(program, size)),
        ".gif": lambda: write_gif(path, some(GIF_FRAMES), _pace(count)),
        ".mp4": lambda: write_video(path, some(VIDEO_FRAMES), 1000 // _pace(count)),
    }
    for ending, write in writers.items():
        if path.name.lower().endswith(ending):
            return write()
    raise InputError(f"cannot write {path}: the ending must be one of {', '.join(writers)}")


def picture(program: Program, size: int | None = None) -> npt.NDArray[np.uint8]:
    """The finished picture: uint8 [H, W, C], the longer of its sides `size`, or the program's own when None.

    Raises:
        InputError: the program does not fit the engine it names, or that engine is not to be had here.
    """
    return shown(program.render(size), program)


def shown(canvas: npt.NDArray[np.uint8], program: Program) -> npt.NDArray[np.uint8]:
    """A program's square canvas uint8 [S, S, C] as the picture it is of, in the aspect of `StrokeSettings`."""
    aspect = float(program.settings.get("aspect", 1.0))
    return canvas if aspect == 1.0 else stretch(canvas, aspect)


def _pace(count: int) -> int:
    """Milliseconds for which a frame of so many is shown: 0.3 s for a few, all in about 12 s for many."""
    return max(40, min(300, 12_000 // count))
