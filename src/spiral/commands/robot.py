"""The command for painting with a robot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from spiral.commands.output import console, show_figures
from spiral.errors import InputError
from spiral.io.files import make_folder

Positional = tyro.conf.Positional
GIF_RATE = 10.0
VIDEO_RATE = 25.0


@dataclass(frozen=True)
class Robot:
    """Let a simulated arm paint a program on a sheet: writes a film (.mp4, .gif), or G-code for a plotter (.gcode)."""

    program: Positional[Path]
    """A NAME.program.json of brush strokes, as `paint` and `sample` write them."""
    out: Path
    """The file: .mp4, .gif or .gcode."""
    pace: float = 4.0
    """Speed of the film, as a multiple of real time."""
    pauses: bool = False
    """In G-code, wait before a stroke of another colour, for its pen."""
    refill: float | None = None
    """In G-code, wait for fresh paint after so many millimetres of painting."""
    palette: Path | None = None
    """A palette's file (.gpl, .ase, .json), whose names and numbers the pauses ask for."""
    sheet: Path | None = None
    """A PNG to write with the finished sheet."""
    json: bool = False
    """Print one JSON object on stdout: the tip's error, the joints' speeds and angles, the time."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.program import Program

        ending = self.out.suffix.lower()
        if ending not in (".mp4", ".gif", ".gcode"):
            raise InputError(f"cannot write {self.out}: the ending must be .mp4, .gif or .gcode")
        if not 0.1 <= self.pace <= 1000:
            raise InputError(f"--pace must be 0.1 to 1000, got {self.pace}")
        program = Program.load(self.program)
        make_folder(self.out.parent)
        if ending == ".gcode":
            from spiral.exports.palette_files import read_paints
            from spiral.robot.gcode import write_gcode

            paints = None if self.palette is None else read_paints(self.palette)
            write_gcode(self.out, program, self.pauses, self.refill, paints)
            console.print(f"wrote {self.out}")
            return
        self._film(program, ending)

    def _film(self, program: Any, ending: str) -> None:
        from spiral.exports.animation import film_video, write_gif
        from spiral.io.images import write_png
        from spiral.robot import simulate

        with console.status("painting"):
            if ending == ".gif":
                frames: list[Any] = []
                simulation = simulate(program, lambda frame: frames.append(frame[::2, ::2].copy()), GIF_RATE, self.pace)
                write_gif(self.out, frames, round(1000 / GIF_RATE))
            else:
                # Frames are written at once: those of a long program would fill the memory.
                simulation = film_video(
                    self.out, lambda add: simulate(program, add, VIDEO_RATE, self.pace), round(VIDEO_RATE)
                )
        if self.sheet is not None:
            make_folder(self.sheet.parent)
            write_png(self.sheet, simulation.sheet)
        figures = simulation.tracking_figures()
        figures |= {
            "engine_mse": simulation.canvas_mse(program),
            "vector_mse": simulation.canvas_mse(program, "vector"),
        }
        show_figures(figures, self.json)
        console.print(f"wrote {self.out}")
