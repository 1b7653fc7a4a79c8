"""Commands that paint: paint, sample, render."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from spiral.commands.output import (
    Failures,
    console,
    output_names,
    progress_bar,
    say_written,
    write_painting,
    write_paintings,
)
from spiral.errors import InputError
from spiral.io.files import make_folder
from spiral.program import Program

if TYPE_CHECKING:
    from spiral.agent import Agent

Positional = tyro.conf.Positional
SHEET = 400
STROKES = 500
"""For photographs, where none are asked for."""
LARGE = 1024
"""Default longer side of a picture painted with --strokes, in pixels."""


@dataclass(frozen=True)
class Paint:
    """Redraw pictures: writes NAME.png and NAME.program.json for each."""

    images: Positional[tuple[Path, ...]]
    """Picture files, or folders of them."""
    out: Path
    """Folder for the results."""
    strokes: int | None = None
    """Paint the picture in its own shape with so many strokes, large ones first; when left out, the agent paints it
    once, resized to its square canvas, as in training, and without --checkpoint photographs in colour are painted in
    500 strokes."""
    size: int | None = None
    """The longer side of the result in pixels."""
    invert: bool = False
    """Invert the picture first: for ink on paper, if the agent paints white on black. Shadows and uneven light on the
    paper are taken out of grey pictures."""
    checkpoint: str | None = None
    """A shipped agent, an agent's folder, a run's folder, or hf:OWNER/NAME; when left out photos-reconstruct with
    --strokes and for photographs in colour, else mnist-reconstruct, or their vector variants if libmypaint is
    missing."""
    engine: str | None = None
    """Another engine than the agent was trained with: mypaint or vector."""
    brush: str | None = None
    """Another brush: ink, charcoal, watercolour, oil, or any that `spiral engines --brushes chart.png` shows, such as
    classic/calligraphy. The engine vector has one and ignores this."""
    palette: str | None = None
    """Colours to keep to: a file (.gpl, .ase, .json), or as #102030,#ffcc00, or how many of the picture's own to use,
    as 8; with --strokes."""
    effort: int = 2
    """How long to search for each stroke: 1 is quick, 4 takes as long as it needs; with 0 the agent paints alone, first
    the whole, then tiles of it. With --strokes."""
    focus: float = 0.1
    """0 paints all parts alike, 1 takes most care of edges and faces. With --strokes and an effort of at least 1."""
    on: Annotated[Path | None, tyro.conf.arg(name="continue")] = None
    """A photograph of the painting so far, to paint on from there; it is scaled to the picture's shape. With --strokes
    and an effort of at least 1."""
    after: Path | None = None
    """With --continue: the program painted so far. By comparison with its picture, the photograph's colour cast, blur
    and noise are taken back."""
    candidates: int = 16
    """With --effort 0: strokes that the agent proposes at a time, of which the best is painted; with 1 there is no
    search."""
    seed: int = 0
    """Seed of the brush and of sampling."""
    temperature: float | None = None
    """0 paints the most probable commands, 1 samples as in training; the agent's own when left out. Not with
    --strokes."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.agent import default, load_agent
        from spiral.datasets import find_images

        images: list[Path] = []
        for path in self.images:
            found = find_images(path) if os.path.isdir(path) else [path]  # unlike Path.is_dir it never raises
            if not found:
                raise InputError(f"there are no pictures in the folder {path}")
            images += found
        names = output_names(images, self.out)
        for option, given in (("palette", self.palette), ("continue", self.on)):
            if given is not None and self.strokes is None:
                raise InputError(f"--{option} needs --strokes")
        if self.on is not None and (len(images) > 1 or self.effort == 0):
            raise InputError("--continue needs one picture and an effort of at least 1")
        if self.after is not None and self.on is None:
            raise InputError("--after needs --continue, a photograph of what the program painted")
        failures, hints = Failures(len(images)), list[str]()
        known = dict(zip(names, images, strict=True))
        # --invert and --temperature are for the agents that paint once.
        decided = self.checkpoint or self.strokes is not None or self.invert or self.temperature is not None
        photographs = {} if decided else self._photographs(known, failures)
        others = {name: path for name, path in known.items() if name not in photographs and path not in failures.paths}
        if photographs:
            agent = load_agent(default(colour=True)).with_tools(self.engine, self.brush)
            hints.append(f"painted by {agent.name} in {STROKES} strokes, since in colour: {', '.join(photographs)}")
            self._strokes(agent, photographs, failures, STROKES)
        if others:
            chosen = self.checkpoint or default(colour=self.strokes is not None)
            agent = load_agent(chosen).with_tools(self.engine, self.brush)
            if self.strokes is None:
                self._once(agent, others, failures, hints)
            else:
                self._strokes(agent, others, failures, self.strokes)
        for hint in hints:  # only after success: errors stay alone
            console.print(hint)
        failures.tell()

    @staticmethod
    def _photographs(images: dict[str, Path], failures: Failures) -> dict[str, Path]:
        from spiral.datasets.pictures import is_photograph

        found: dict[str, Path] = {}
        for name, path in images.items():
            with failures.collected(path):
                found |= {name: path} if is_photograph(path) else {}
        return found

    def _once(self, agent: Agent, images: dict[str, Path], failures: Failures, hints: list[str]) -> None:
        import numpy as np

        from spiral.exports.documents import picture, shown

        read: dict[str, Any] = {}
        for name, path in images.items():
            with failures.collected(path):
                read[name] = agent.target(path, self.invert)
        if not read:
            return
        pictures = np.stack(list(read.values()))
        hints += self._hints(agent, [images[name] for name in read], pictures)
        painted = agent.reconstruct(pictures, self.seed, self.temperature)
        if self.size is None:
            pairs = zip(painted.programs, painted.canvases, strict=True)
            paintings = ((program, shown(canvas, program)) for program, canvas in pairs)
        else:
            sized = [program.with_settings(size=self.size) for program in painted.programs]
            paintings = ((program, picture(program)) for program in sized)
        write_paintings(self.out, list(read), paintings)

    def _hints(self, agent: Agent, images: list[Path], pictures: Iterable[Any]) -> list[str]:
        """Hints for likely causes of a poor result."""
        hints = []
        pairs = zip(images, pictures, strict=True)
        if turned := [path.name for path, target in pairs if agent.looks_inverted(target)]:
            which = turned[0] if len(turned) == 1 else f"{turned[0]} and {len(turned) - 1} more"
            what = "leave out --invert" if self.invert else "add --invert"
            hints.append(f"dark and light seem to be the wrong way round for {agent.name} in {which}: {what}")
        if self.checkpoint is None:
            hints.append(f"painted by {agent.name}, which knows digits; for photographs add --strokes 500")
        return hints

    def _strokes(self, agent: Agent, images: dict[str, Path], failures: Failures, strokes: int) -> None:
        import numpy as np
        from PIL import ImageOps

        from spiral.datasets.pictures import open_image
        from spiral.exports.documents import picture as rendered
        from spiral.exports.palettes import parse_palette
        from spiral.painting.marks import aspect_of
        from spiral.painting.painter import paint_picture

        size, written = LARGE if self.size is None else self.size, list[str]()
        paper = None if self.on is None else self._paper(self.on, agent)
        for name, path in images.items():
            picture = None
            with failures.collected(path):
                opened = open_image(path, agent.channels, agent.ground(self.invert))
                aspect_of(*opened.size)  # one that is too narrow fails alone
                picture = opened
            if picture is None:
                continue
            picture = ImageOps.invert(picture) if self.invert else picture
            palette = None if self.palette is None else parse_palette(self.palette, picture, files=True)
            make_folder(self.out)
            with progress_bar(path.name, strokes) as report:
                program = paint_picture(
                    agent, picture, strokes, size, self.seed, palette,
                    self.effort, self.focus, paper, self.candidates, report,
                )  # fmt: skip
            write_painting(
                self.out, name, program, rendered(program, paper=None if paper is None else np.asarray(paper))
            )
            written.append(name)
        if written:
            say_written(self.out, written)

    def _paper(self, photograph: Path, agent: Agent) -> Any:
        """What is on the paper by now, a Pillow picture."""
        from spiral.datasets.pictures import open_image
        from spiral.painting.photographed import on_the_paper

        seen = open_image(photograph, agent.channels, agent.ground())
        return seen if self.after is None else on_the_paper(seen, Program.load(self.after))


@dataclass(frozen=True)
class Sample:
    """Invent pictures: writes 0000.png and 0000.program.json and so on."""

    out: Path
    """Folder for the results."""
    count: int = 16
    """How many."""
    checkpoint: str = "mnist-generate-noise"
    """A shipped agent, an agent's folder, a run's folder, or hf:OWNER/NAME on the Hugging Face hub."""
    seed: int = 0
    """Seed of everything random."""
    temperature: float | None = None
    """1 samples as in training, lower values more probable commands, higher ones less; the preset's when left out."""
    sheet: Path | None = None
    """A PNG to write with the pictures side by side, the first 400 of them."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.agent import load_agent
        from spiral.exports.sheets import contact_sheet
        from spiral.io.images import write_png

        if not 1 <= self.count <= 100_000:
            raise InputError(f"--count must be 1 to 100000, got {self.count}")
        paintings = load_agent(self.checkpoint).generate(self.count, self.seed, self.temperature)
        names = [f"{index:04d}" for index in range(self.count)]
        write_paintings(self.out, names, zip(paintings.programs, paintings.canvases, strict=True))
        if self.sheet is not None:
            shown = paintings.canvases[:SHEET]
            make_folder(self.sheet.parent)
            write_png(self.sheet, contact_sheet([shown], columns=math.ceil(math.sqrt(len(shown)))))


@dataclass(frozen=True)
class Render:
    """Show a program as a picture, SVG, GIF or video; the file's ending sets the format."""

    program: Positional[Path]
    """A program's JSON file."""
    out: Path
    """What to write: .png, .strip.png (ten moments), .gif, .mp4, .svg, .plot.svg (lines for a pen plotter), .ora
    (layers for Krita, MyPaint and GIMP), or .sheet.pdf (numbered paints and strokes, to print)."""
    size: int | None = None
    """Side of the picture in pixels; brushes scale with it."""
    colour_by_time: bool = False
    """Colour each stroke by its place in time, from blue to red."""
    on: Path | None = None
    """A picture to paint on, stretched to the canvas: for a program of `paint --continue`, the photograph."""
    palette: Path | None = None
    """A palette's file (.gpl, .ase, .json), whose numbers and names a .sheet.pdf shows."""

    def __call__(self) -> None:
        """Run it."""
        import numpy as np

        from spiral.datasets.pictures import open_image
        from spiral.exports.documents import write_document
        from spiral.exports.palette_files import read_paints
        from spiral.painting.editing import coloured_by_time

        loaded = Program.load(self.program)
        paper = None if self.on is None else np.asarray(open_image(self.on, 3))
        paints = None if self.palette is None else read_paints(self.palette)
        make_folder(self.out.parent)
        try:
            loaded = coloured_by_time(loaded) if self.colour_by_time else loaded
            write_document(self.out, loaded, self.size, paper, paints)
        except InputError as error:
            raise InputError(f"{self.program}: {error}") from error
        if loaded.continues and self.on is None:
            console.print(
                "the program continues a painting, here on blank paper; --on PHOTO shows it on the photograph"
            )
        console.print(f"wrote {self.out}")
