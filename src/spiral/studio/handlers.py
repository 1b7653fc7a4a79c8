"""The functions of the studio's buttons, without the page: paint, generate, edit, compare, write documents.

All input from a browser is an argument here or in `spiral.studio.uploads`, and is checked.
"""

from __future__ import annotations

import contextlib
import functools
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from spiral.agent import Agent, find, load_agent, read_preset, shipped
from spiral.baselines.metropolis_hastings import SearchSettings, search
from spiral.datasets.pictures import recolour as recolour_pictures
from spiral.engines import missing, settings_of
from spiral.engines.strokes import StrokeSettings
from spiral.errors import InputError, require_number
from spiral.evaluation.metrics import mean_squared_errors
from spiral.exports.documents import write_document
from spiral.exports.palettes import parse_palette
from spiral.io.files import make_folder
from spiral.learning.checkpoint import CONFIG
from spiral.painting.editing import ORDERS, recolour, reorder, strokes, trim, with_ground
from spiral.painting.painter import DEFAULT_EFFORT, EFFORTS, paint_picture
from spiral.painting.photographed import on_the_paper
from spiral.painting.refining import refine as refine_programs
from spiral.program import Program
from spiral.settings import Preset

SECONDS = 60.0
"""Limit for one request."""
MAX_STROKES, MAX_SAMPLES, MAX_EVALUATIONS = 800, 64, 5000
MAX_PIXELS = 2048
"""Side of a document."""
MAX_GIF_PIXELS = 640
"""Side of a GIF, all of whose frames are in memory at once."""
_LOADED = 4
_REFINED = 256
"""Pixels of the canvas, at most, on which refining tries changes."""
KEPT_SECONDS = 3600
"""After this time a visitor's files are deleted."""


@dataclass(frozen=True)
class Painting:
    """A program and its origin.

    Attributes:
        agent: the name of the agent that wrote it.
        program: the program.
        target: the agent's target, uint8 [S, S, C] as it saw it; None for generation.
        paper: what the program continues, uint8 [h, w, C]; None for a blank canvas.
    """

    agent: str
    program: Program
    target: npt.NDArray[np.uint8] | None
    paper: npt.NDArray[np.uint8] | None = None


def agents(runs: Path | None = None) -> dict[str, Preset]:
    """The presets of all agents that work here, by name: shipped ones, then those of runs in a folder."""
    folders = [] if runs is None else sorted(path.parents[1] for path in runs.glob("*/agent/config.json"))
    found: dict[str, Preset] = {}
    for name in [*shipped(), *(str(folder.resolve()) for folder in folders)]:
        try:
            preset = read_preset(find(name))
        except InputError:
            continue  # of another version's settings
        if missing(preset.engine) is None:
            found[name] = preset
    return found


def cached_agent(name: str) -> Agent:
    """An agent, from memory if it was used recently and is unchanged.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    return _loaded(name, (find(name) / CONFIG).stat().st_mtime_ns)


@functools.lru_cache(maxsize=_LOADED)
def _loaded(name: str, written: int) -> Agent:
    return load_agent(name)


def paints_in_tiles(preset: Preset) -> bool:
    """Whether an agent paints pictures of any shape in many strokes, not only on its canvas in a few."""
    canvas = preset.canvas
    return isinstance(canvas, StrokeSettings) and canvas.channels == 3 and not canvas.spline


def default_strokes(preset: Preset) -> int:
    """Default number of strokes."""
    return 200 if paints_in_tiles(preset) else preset.learning.episode_length


def max_strokes(preset: Preset) -> int:
    """Most useful number of strokes: beyond its episode an agent continues as at the end."""
    return MAX_STROKES if paints_in_tiles(preset) else 4 * preset.learning.episode_length


def paint(
    name: str,
    picture: Image.Image,
    strokes: int,
    seed: int = 0,
    engine: str | None = None,
    brush: str | None = None,
    invert: bool = False,
    report: Callable[[int], object] = lambda done: None,
    effort: int = DEFAULT_EFFORT,
    palette: str = "",
    paints: npt.NDArray[np.float32] | None = None,
    canvas: Image.Image | None = None,
    before: Program | None = None,
) -> Painting:
    """Let an agent redraw a picture.

    Args:
        name: of the agent.
        picture: RGB.
        strokes: the most, 1 to `MAX_STROKES`.
        seed: of the brush.
        engine: another than in training.
        brush: likewise.
        invert: invert the picture first.
        report: called with the number of strokes so far from time to time; if it returns True, a photograph's painting
            ends there.
        effort: of the search for photographs' strokes; 0 for the agent alone.
        palette: colours for photographs, as `#102030,#ffcc00`, or a number of the picture's own; any when empty.
        paints: a palette file's colours, float32 [P, 3], in place of that.
        canvas: a photograph of the painting so far, RGB, to paint on from there; blank when None.
        before: what was painted so far, to take the camera's errors back; left out when it is not known.

    Raises:
        InputError: incompatible arguments, or it took longer than `SECONDS`.
    """
    require_number("strokes", strokes, 1, MAX_STROKES)
    require_number("seed", seed, 0, 2**31)
    agent = cached_agent(name).with_tools(engine, brush)
    target = agent.target(picture, invert)
    paper = None
    if paints_in_tiles(agent.preset):
        picture = ImageOps.invert(picture) if invert else picture
        colours = parse_palette(palette.strip(), picture) if palette.strip() and paints is None else paints
        if canvas is not None:
            require_number("the effort of painting on", effort, 1, max(EFFORTS))
            paper = canvas if before is None else on_the_paper(canvas, before)
        program = paint_picture(
            agent, picture, strokes, seed=seed, palette=colours, effort=effort, paper=paper, report=_on_time(report)
        )
    elif canvas is not None:
        raise InputError("only photographs are painted on: choose an agent of photographs")
    else:
        program = agent.reconstruct(target[None], seed, commands=strokes).programs[0]
    return Painting(name, program, target, None if paper is None else np.asarray(paper))


def refine(
    painting: Painting,
    program: Program,
    evaluations: int,
    seed: int = 0,
    report: Callable[[int], object] = lambda done: None,
) -> Program:
    """Refine the program of a painting.

    Args:
        painting: of a picture.
        program: as painted, or edited.
        evaluations: how often the program is executed, 1 to `MAX_EVALUATIONS`.
        seed: of the changes.
        report: called with the evaluations so far from time to time; if it returns True, refining ends there.

    Raises:
        InputError: an invented picture, one that continues a painting, or it took longer than `SECONDS`.
    """
    require_number("the number of evaluations", evaluations, 1, MAX_EVALUATIONS)
    if painting.target is None:
        raise InputError("an invented picture has no target to come nearer to")
    agent, on_time = cached_agent(painting.agent), _on_time(report)
    full, seen = int(program.settings["size"]), len(painting.target)
    small = max(side for side in range(seen, max(seen, _REFINED) + 1, seen) if full % side == 0)
    writes = agent.preset.canvas.specification() == program.specification and agent.preset.engine == program.engine
    found = refine_programs(
        [program.with_settings(size=small)],
        recolour_pictures(painting.target[None], settings_of(program.engine, program.settings).channels),
        evaluations,
        seed,
        agent if writes and full == agent.preset.canvas.size else None,
        lambda done, _: on_time(done),
    )
    return found.programs[0].with_settings(size=full)


def sample(name: str, count: int, seed: int = 0, temperature: float | None = None) -> list[Painting]:
    """Let an agent generate pictures.

    Raises:
        InputError: a number out of range, or an agent that redraws.
    """
    require_number("the number of pictures", count, 1, MAX_SAMPLES)
    require_number("seed", seed, 0, 2**31)
    if temperature is not None:
        require_number("temperature", temperature, 0.0, 10.0)
    return [Painting(name, program, None) for program in cached_agent(name).sample(count, seed, temperature)]


def edit(
    program: Program,
    without: str = "",
    order: str | None = None,
    palette: str = "",
    ground: str = "",
    brush: str | None = None,
) -> Program:
    """Edit a program of brush strokes; empty arguments change nothing.

    Args:
        program: as painted.
        without: strokes to leave out, by number from 1, as `2, 5-7`.
        order: of the remaining strokes.
        palette: colours for the strokes, as `#102030,#ffcc00`.
        ground: colour of the paper, as `#ffffff`.
        brush: another one.

    Raises:
        InputError: not a program of strokes, or an invalid argument.
    """
    left_out = parse_numbers(without, len(strokes(program)))
    result = trim(program, without=left_out) if left_out else program
    if order is not None and order not in ORDERS:
        raise InputError(f"there is no order {order!r}; there are: {', '.join(ORDERS)}")
    result = reorder(result, order) if order else result
    result = with_ground(result, parse_palette(ground)[0]) if ground.strip() else result
    result = recolour(result, parse_palette(palette)) if palette.strip() else result
    return result.with_settings(brush=brush) if brush else result


def parse_numbers(text: str, most: int) -> set[int]:
    """Parse numbers from 1 to `most`: `2, 5-7`.

    Raises:
        InputError: other text.
    """
    numbers: set[int] = set()
    for word in filter(None, re.split(r"[,\s]+", text.strip())):
        found = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", word)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last <= most:
            raise InputError(f"strokes are numbers from 1 to {most}, as 2, 5-7; got {word[:40]!r}")
        numbers.update(range(first, last + 1))
    return numbers


@dataclass(frozen=True)
class ComparisonResult:
    """The result of an agent or of the search on a picture.

    Attributes:
        who: an agent's name, or the search.
        program: the program.
        mse: mean squared error, pixels in [0, 1].
        seconds: duration.
    """

    who: str
    program: Program
    mse: float
    seconds: float


def compare(
    names: list[str],
    picture: Image.Image,
    evaluations: int,
    seed: int = 0,
    invert: bool = False,
    report: Callable[[int], object] = lambda done: None,
) -> list[ComparisonResult]:
    """Run agents, and Metropolis-Hastings search with the first one's engine, on one picture, at their canvas sizes.

    Args:
        names: of agents that paint a picture once.
        picture: RGB.
        evaluations: renderings of the search, 0 for no search.
        seed: of brush and search.
        invert: invert the picture first.
        report: called with the number of renderings so far from time to time.

    Raises:
        InputError: incompatible arguments, or it took longer than `SECONDS`.
    """
    require_number("the number of renderings", evaluations, 0, MAX_EVALUATIONS)
    require_number("seed", seed, 0, 2**31)
    attempts = []
    for name in dict.fromkeys(names):
        agent = cached_agent(name)
        target, began = agent.target(picture, invert)[None], time.perf_counter()
        painted = agent.reconstruct(target, seed)
        mse = float(mean_squared_errors(painted.observed, target)[0])
        attempts.append(ComparisonResult(name, painted.programs[0], mse, time.perf_counter() - began))
    if evaluations:
        agent, on_time = cached_agent(names[0]), _on_time(report)
        target = agent.target(picture, invert)[None]
        canvas, settings = agent.preset.canvas.to_json(), SearchSettings()
        found = search(
            agent.preset.engine, canvas, target, evaluations, settings, seed, report=lambda done, _: on_time(done)
        )
        who = f"search, {int(found.evaluations[-1]):,} renderings"
        mse = float(mean_squared_errors(found.observed, target)[0])
        attempts.append(ComparisonResult(who, found.programs[0], mse, found.seconds))
    return attempts


def document(
    folder: Path, program: Program, ending: str, size: int | None, paper: npt.NDArray[np.uint8] | None = None
) -> Path:
    """Write a program in a format, `json` or one of `write_document`, and return the file.

    Args:
        folder: for the studios' files; those older than an hour are deleted.
        program: the program.
        ending: of the file, without its dot.
        size: longer side in pixels, 16 to `MAX_PIXELS`; the program's own when None.
        paper: what the program continues, uint8 [h, w, C].

    Raises:
        InputError: another ending, or a size out of range.
    """
    for old in folder.glob("*/painting.*"):
        with contextlib.suppress(FileNotFoundError):  # another request may clean up, too
            if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(old.parent, ignore_errors=True)
    if size is not None:
        most = MAX_PIXELS if ending != "gif" else MAX_GIF_PIXELS
        require_number(f"the size of a .{ending}", size, 16, most)
    path = make_folder(folder / f"{time.time_ns():x}") / f"painting.{ending}"
    if ending == "json":
        program.save(path)
    else:
        write_document(path, program, size, paper)
    return path


def _on_time(report: Callable[[int], object]) -> Callable[[int], object]:
    """Pass reports and their answers on, and stop the caller after `SECONDS`."""
    end = time.monotonic() + SECONDS

    def check(done: int) -> object:
        if time.monotonic() > end:
            raise InputError(f"this took longer than {SECONDS:g} seconds; try less of it")
        return report(done)

    return check
