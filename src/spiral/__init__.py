"""SPIRAL: agents that write programs which paint pictures (Ganin et al. 2018, arXiv 1804.01118).

    agent = spiral.load("mnist-reconstruct")
    program = agent.paint("seven.png")
    pixels = program.render(256)
    spiral.export(program, "seven.svg")

`spiral.paint` paints a picture of any size in many strokes, `spiral.train` makes a new agent, and
`gymnasium.make("spiral/Paint-v0")` is an environment.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import gymnasium

from spiral.errors import InputError, TrainingError
from spiral.program import Program

# What follows imports torch and more where it is called, so that `import spiral` is quick.
if TYPE_CHECKING:
    from spiral.agent import Agent
    from spiral.datasets.pictures import Picture
    from spiral.settings import Preset

__version__ = version("spiral-painter")
__all__ = ["InputError", "Program", "TrainingError", "__version__", "export", "load", "paint", "train"]

# By name only: the environments are imported when one is made.
gymnasium.register(
    "spiral/Paint-v0",
    entry_point="spiral.environments:PaintEnv",
    vector_entry_point="spiral.environments:PaintVectorEnv",
)


def load(name: str | os.PathLike[str] | None = None, device: str = "auto") -> Agent:
    """Load a trained agent of this package, from a folder, or from the Hugging Face hub.

    Args:
        name: an agent of this package (`spiral presets` lists them), an agent's or a run's folder, or `hf:OWNER/NAME`
            (extra `huggingface`); when None the package's agent for digits, with libmypaint, or without it the vector
            engine.
        device: where its networks compute: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    from spiral.agent import load_agent

    return load_agent(None if name is None else os.fspath(name), device)


def paint(
    picture: Picture,
    strokes: int = 500,
    agent: Agent | None = None,
    brush: str | None = None,
    palette: str | None = None,
    seed: int = 0,
    effort: int = 2,
) -> Program:
    """Paint a picture of any size and shape in many strokes, large ones first.

    Args:
        picture: a file's path or content, a Pillow picture, or an array [H, W] or [H, W, C] of uint8, of floats from 0
            to 1, or of bool.
        strokes: how many, at most.
        agent: that of photographs in this package when None.
        brush: `ink`, `charcoal`, `watercolour`, `oil`, or the name of a brush; the agent's own when None. The
            engine `vector`, which paints where libmypaint is missing, has one brush and ignores it.
        palette: colours to keep to: the path of a `.gpl`, `.ase` or `.json` file, or as `#102030,#ffcc00`, or how many
            of the picture's own, as `8`.
        seed: of the search and the brush; the same seed writes the same program.
        effort: how long to search for each stroke, 1 to 4; with 0 the agent paints alone.

    Raises:
        InputError: an argument cannot be used.
    """
    from spiral.agent import default
    from spiral.datasets.pictures import open_image
    from spiral.exports.palettes import parse_palette
    from spiral.painting.painter import paint_picture

    painter = (load(default(colour=True)) if agent is None else agent).with_tools(brush=brush)
    opened = open_image(picture, painter.channels, painter.ground())
    colours = None if palette is None else parse_palette(palette, opened, files=True)
    return paint_picture(painter, opened, strokes, seed=seed, palette=colours, effort=effort)


def train(
    preset: str | Preset, out: str | os.PathLike[str], minutes: float | None = None, frames: int | None = None
) -> Agent:
    """Train an agent on this machine, as `spiral train PRESET` does; the run's files go to the folder `out`.

    Args:
        preset: an experiment, or the name of one (`spiral presets` lists them).
        out: the run's folder.
        minutes: length of the run; the preset's when neither is given.
        frames: its length in commands instead; makes a run repeatable bit for bit.

    Raises:
        InputError: an unknown preset, a length out of range, or a folder that cannot be written.
        TrainingError: a quantity exploded.
    """
    from spiral.evaluation.summary import generation_metrics
    from spiral.learning import trainer
    from spiral.presets import preset as named

    chosen = named(preset) if isinstance(preset, str) else preset
    minutes = chosen.run.minutes if minutes is None and frames is None else minutes
    return load(trainer.train(chosen, Path(out), trainer.Budget(minutes, frames), metrics_callback=generation_metrics))


def export(program: Program, path: str | os.PathLike[str], size: int | None = None) -> None:
    """Execute a program and write it by the file's extension: .png, .gif, .mp4, .svg, .strip.png or .plot.svg.

    Args:
        program: what to show.
        path: the file.
        size: the longer side in pixels; the program's own when None.

    Raises:
        InputError: another extension, or the file cannot be written.
    """
    from spiral.exports.documents import write_document

    write_document(Path(path), program, size)
