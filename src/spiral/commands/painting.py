"""Commands that paint: paint, sample, render."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import tyro

from spiral.commands.output import console, names_of, write_paintings
from spiral.errors import InputError
from spiral.files import make_folder
from spiral.program import Program

Positional = tyro.conf.Positional
SHEET = 400


@dataclass(frozen=True)
class Paint:
    """Redraw pictures: writes NAME.png and NAME.program.json for each."""

    images: Positional[tuple[Path, ...]]
    """Picture files, or folders of them."""
    out: Path
    """Folder for the results."""
    invert: bool = False
    """Turn dark and light over first: for drawings black on white, where the agent paints white on black."""
    checkpoint: str | None = None
    """A shipped agent, an agent's folder, or a run's folder; mnist-reconstruct, or where libmypaint is missing
    mnist-reconstruct-vector, when left out."""
    seed: int = 0
    """Seed of the brush and of sampling."""
    temperature: float = 0.0
    """0 paints the most probable commands, 1 samples as in training."""

    def __call__(self) -> None:
        """Run it."""
        import numpy as np

        from spiral.agent import load_agent
        from spiral.datasets import find_images, read_image

        images: list[Path] = []
        for path in self.images:
            found = find_images(path) if os.path.isdir(path) else [path]  # unlike Path.is_dir it never raises
            if not found:
                raise InputError(f"there are no pictures in the folder {path}")
            images += found
        names = names_of(images)
        agent = load_agent(self.checkpoint)
        pictures = np.stack([read_image(path, agent.size, agent.channels) for path in images])
        pictures = 255 - pictures if self.invert else pictures
        paintings = agent.paint(pictures, self.seed, self.temperature)
        write_paintings(self.out, names, paintings.programs, paintings.canvases)


@dataclass(frozen=True)
class Sample:
    """Invent pictures: writes 0000.png and 0000.program.json and so on."""

    out: Path
    """Folder for the results."""
    count: int = 16
    """How many."""
    checkpoint: str = "mnist-generate"
    """A shipped agent, an agent's folder, or a run's folder."""
    seed: int = 0
    """Seed of everything random."""
    temperature: float | None = None
    """1 samples as in training, below 1 the agent is more cautious, above wilder; its preset's own when left out."""
    sheet: Path | None = None
    """A PNG to write with the pictures side by side, the first 400 of them."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.agent import load_agent
        from spiral.exports.pictures import write_png
        from spiral.exports.sheets import contact_sheet

        if not 1 <= self.count <= 100_000:
            raise InputError(f"--count must be 1 to 100000, got {self.count}")
        paintings = load_agent(self.checkpoint).sample(self.count, self.seed, self.temperature)
        names = [f"{index:04d}" for index in range(self.count)]
        write_paintings(self.out, names, paintings.programs, paintings.canvases)
        if self.sheet is not None:
            shown = paintings.canvases[:SHEET]
            make_folder(self.sheet.parent)
            write_png(self.sheet, contact_sheet([shown], columns=math.ceil(math.sqrt(len(shown)))))


@dataclass(frozen=True)
class Render:
    """Show a program as a picture, SVG, GIF or video; the format follows from the file's ending."""

    program: Positional[Path]
    """A program's JSON file."""
    out: Path
    """What to write: .png, .strip.png (ten moments), .gif, .mp4, .svg, or .plot.svg (lines for a pen plotter)."""
    size: int | None = None
    """Side of the picture in pixels; brushes scale with it."""
    colour_by_time: bool = False
    """Colour each stroke by its place in time, from blue to red."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.exports.colours import coloured_by_time
        from spiral.exports.documents import write_document

        loaded = Program.load(self.program)
        make_folder(self.out.parent)
        try:
            loaded = coloured_by_time(loaded) if self.colour_by_time else loaded
            write_document(self.out, loaded, self.size)
        except InputError as error:
            raise InputError(f"{self.program}: {error}") from error
        console.print(f"wrote {self.out}")
