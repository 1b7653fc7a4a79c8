"""Programs by matching pursuit: at every step the stroke that helps a canvas most (Mallat and Zhang 1993).

The atoms are random strokes, painted once to see what they cover. On reduced canvases the best colour of each atom, and
what it gains, follow in closed form (`spiral.painting.closed_form`), for all atoms and many canvases by one matrix
product. The best few are then executed and moved a little, and the best of those
is painted: what counts in the end is what the engine paints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.engines import make, observe
from spiral.engines.strokes import COLOURS, StrokeSettings
from spiral.errors import InputError, require_number
from spiral.painting.best_of_n import ProposalSearch, best_of
from spiral.painting.closed_form import fields, solve
from spiral.painting.marks import Floats
from spiral.specification import Location, Specification

MAXIMUM_ATOMS = 1_000_000
BATCH = 64
"""Canvases at once: a libmypaint brush takes 0.7 MB, and each canvas has `CANDIDATES` forks."""
CANDIDATES = 8
_SHORT = 0.7
"""Share of the atoms whose end and control point lie near their start: details need them."""
_NEAR = 0.06
"""Deviation of these points from the start, by axis, as a share of the grid."""
_SIDE = 32
"""Side of the reduced canvases."""
_PAINTED = 256
"""Atoms painted at once."""


@dataclass(frozen=True)
class Atoms:
    """Random strokes and what they cover.

    Attributes:
        commands: int64 [A, K].
        cover: float32 [A, P], mean coverage of each of the P cells of a reduced canvas, 0 to 1.
        squared: float32 [A, P], mean of its square.
    """

    commands: npt.NDArray[np.int64]
    cover: Tensor
    squared: Tensor


def require_starts(settings: StrokeSettings) -> None:
    """Make sure that a command is judged by what it paints: it names its start, and no jump of the pen prepares it.

    Raises:
        InputError: strokes begin at the pen's place.
    """
    if "start" not in settings.choices:
        raise InputError(
            f"this search needs strokes that name their own start, and these commands are {settings.choices}: "
            "choose another preset, or add 'start' to --canvas.choices"
        )


def paint_atoms(engine: str, settings: StrokeSettings, size: int, count: int, seed: int) -> Atoms:
    """Draw random strokes and paint them.

    Args:
        engine: its name.
        settings: of the canvases; commands name where strokes start.
        size: side S of the pictures that an agent observes.
        count: A.
        seed: of the strokes.

    Raises:
        InputError: commands whose strokes begin at the pen's place, or a number out of range.
    """
    require_number("the number of strokes to search", count, CANDIDATES, MAXIMUM_ATOMS)
    require_starts(settings)
    generator = np.random.default_rng(seed)
    commands = settings.sample_programs(generator, 1, count)[0]
    short = round(_SHORT * count)
    commands[:short] = _shortened(settings.specification(), commands[:short], generator)
    shape = tuple(name for name in settings.choices if name not in COLOURS)
    plain = settings.to_json() | {"choices": shape, "channels": 1, "ground": (0.0,) * 3, "ink": (1.0,) * 3}
    canvases = make(engine, _PAINTED, plain)
    kept = [settings.choices.index(name) for name in shape]
    cover, squared = [], []
    for start in range(0, count, _PAINTED):
        part = commands[start : start + _PAINTED][:, kept]
        chosen = np.arange(_PAINTED) < len(part)
        canvases.reset(np.zeros(_PAINTED, np.int64))
        canvases.step(np.resize(part, (_PAINTED, len(kept))), chosen)
        seen = torch.from_numpy(observe(canvases.canvases(), size)[: len(part), ..., 0]).float()[:, None] / 255
        cover.append(_reduced(seen).flatten(1))
        squared.append(_reduced(seen.square()).flatten(1))
    return Atoms(commands, torch.cat(cover), torch.cat(squared))


def _shortened(
    specification: Specification, commands: npt.NDArray[np.int64], generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Strokes int64 [A, K] with their end and control point moved near their start."""
    commands, start = commands.copy(), commands[:, specification.index("start")]
    for index, choice in enumerate(specification.choices):
        if isinstance(choice, Location) and choice.name != "start":
            away = np.rint(generator.normal(0.0, _NEAR * choice.grid, (2, len(commands)))).astype(np.int64)
            commands[:, index] = choice.shifted(start, away)
    return commands


def pursue(
    atoms: Atoms, search: ProposalSearch, targets: npt.NDArray[np.uint8], commands: int, seed: int, moves: int
) -> npt.NDArray[np.int64]:
    """Write programs from blank canvases: int64 [T, N, K].

    A command that nothing helps paints nothing, if commands have a flag.

    Args:
        atoms: of `paint_atoms`.
        search: N canvases, and `CANDIDATES` forks of each.
        targets: uint8 [N, S, S, C].
        commands: T.
        seed: of the brushes and the moves.
        moves: how often the best candidate is moved, in `CANDIDATES` - 1 ways each time, 0 to 1000.

    Raises:
        InputError: a number out of range.
    """
    engine, generator, written = search.engine, np.random.default_rng(seed), []
    engine.reset(seed + np.arange(len(targets)))
    for _ in range(commands):
        chosen = best_strokes(atoms, search, targets, moves, generator)
        engine.step(chosen)
        written.append(chosen)
    return np.stack(written)


def best_strokes(
    atoms: Atoms, search: ProposalSearch, targets: npt.NDArray[np.uint8], moves: int, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """The next command of each canvas, int64 [N, K]; the canvases stay as they are. The rest is as in `pursue`."""
    settings = StrokeSettings.parse(search.engine.settings)
    seen = observe(search.engine.canvases(), targets.shape[1])
    tried = _candidates(atoms, settings, _small(seen), _small(targets))
    return best_of(search, seen, targets, tried, moves, generator)


def _candidates(atoms: Atoms, settings: StrokeSettings, below: Floats, goal: Floats) -> npt.NDArray[np.int64]:
    """The atoms that seem to gain most, in their best colours: int64 [N, CANDIDATES, K].

    Args:
        atoms: all.
        settings: of the canvases.
        below: float32 [N, side, side, C], the reduced canvases.
        goal: float32 [N, side, side, C], the reduced targets.
    """
    first, second = fields(goal - below, below, np.ones(below.shape[1:3], np.float32))
    once, twice = _sums(atoms.cover, first), _sums(atoms.squared, second)
    coloured = "red" in settings.choices
    ink = None if coloured else np.array([settings.ink[: below.shape[-1]]], np.float32)
    gains, colours = solve(once, twice, ink, settings.levels if coloured else None)
    best = torch.from_numpy(gains).topk(CANDIDATES, dim=0).indices.T.numpy()
    found = atoms.commands[best]
    if coloured:
        options = np.round(colours[best, np.arange(len(below))[:, None]] * (settings.levels - 1)).astype(np.int64)
        for channel, name in enumerate(COLOURS):
            found[..., settings.choices.index(name)] = options[..., channel]
    return found


def _sums(cover: Tensor, maps: Floats) -> Floats:
    """Sums of maps [N, M, side, side] under coverages [A, P]: float32 [A, N, M]."""
    number, count = maps.shape[:2]
    flat = torch.from_numpy(maps.reshape(number * count, -1)).T
    return (cover @ flat).view(len(cover), number, count).numpy()


def _small(pictures: npt.NDArray[np.uint8]) -> Floats:
    """Reduced pictures in [0, 1]: float32 [N, side, side, C] of uint8 [N, S, S, C]."""
    return _reduced(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255).permute(0, 2, 3, 1).numpy()


def _reduced(planes: Tensor) -> Tensor:
    return torch.nn.functional.adaptive_avg_pool2d(planes, min(_SIDE, planes.shape[-1]))
