"""Pictures of any size painted by a small agent: the whole picture first, then overlapping tiles, coarse to fine.

An agent sees S x S pixels. At level k the canvas is S k pixels wide and the agent works on tiles of S, whose corners
lie half a tile apart, always on the one with the largest error. All strokes go onto one canvas, so that they may cross
the tiles' borders, and into one program, which renders at any size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from spiral.agent import Agent
from spiral.engines import Engine, make, observe
from spiral.engines.strokes import CHOICES, COLOURS, MOVE, PAINT
from spiral.errors import InputError, require_number, require_seed
from spiral.exports.palettes import nearest
from spiral.learning import machine
from spiral.painting.best_of_n import MAXIMUM_CANDIDATES, ProposalSearch, ProposalState, best_of_n
from spiral.painting.marks import aspect_of
from spiral.program import Program

LEVELS = (1, 2, 4, 8)
CANDIDATES = 16
MAXIMUM_STROKES = 20_000
_MAXIMUM_GRID = 256
_COLOUR_LEVELS = 256
_VISIT = 8
"""Commands on a tile before the next one is chosen."""
_PATIENCE = 16
"""Visits in a row without a stroke that end a level."""
_LEAST_STROKES = 2
"""Least strokes for each of a level's adjacent tiles; with fewer the level is skipped."""

Palette = npt.NDArray[np.float32]
"""Colours to choose from, float32 [P, 3], 0 to 1."""


@dataclass(frozen=True)
class Tile:
    """A tile: at level `level` of a picture, its corner in half tiles."""

    level: int
    row: int
    column: int


def paint_tiles(
    agent: Agent,
    picture: Image.Image,
    strokes: int,
    size: int | None = None,
    seed: int = 0,
    palette: Palette | None = None,
    candidates: int = CANDIDATES,
    report: Callable[[int], object] | None = None,
) -> Program:
    """Write one program that paints a picture in strokes; the same seed writes the same program.

    Args:
        agent: one that redraws with brush strokes.
        picture: in the agent's mode, `L` or `RGB`, of any size and shape.
        strokes: visible strokes at most, 1 to `MAXIMUM_STROKES`; jumps of the pen are not counted.
        size: the longer side in pixels when the program is rendered; the canvas it was painted on when None.
        seed: of the brush.
        palette: every stroke takes the nearest of these colours; any colour when None.
        candidates: commands that the agent proposes at a time, of which the best is taken; with 1 the agent's most
            probable command is taken.
        report: called with the number of strokes so far from time to time; if it returns True, the painting ends there.

    Raises:
        InputError: an agent that does not redraw or has compound strokes, a palette for grey, or a number out of range.
    """
    require_number("strokes", strokes, 1, MAXIMUM_STROKES)
    require_number("candidates", candidates, 1, MAXIMUM_CANDIDATES)
    require_seed(seed)
    if not agent.conditional:
        raise InputError(f"{agent.name} paints without a target; use `spiral sample`")
    if palette is not None and "red" not in agent.strokes.choices:
        raise InputError(f"{agent.name} does not choose colours; a palette needs one that does")
    whole = _Canvas(agent, picture, _levels(agent, strokes), seed, palette)
    search = ProposalSearch(make(agent.preset.engine, 1, agent.strokes.to_json()), candidates)
    shares = np.array(whole.levels) / sum(whole.levels)
    with machine.seeded(seed, agent.device), machine.mixed_precision(agent.device, "float32"):
        for level, upto in zip(whole.levels, np.cumsum(shares), strict=True):
            visits: dict[Tile, int] = {}
            idle = 0
            while whole.strokes < round(strokes * upto) and idle < _PATIENCE:
                before = whole.strokes
                tile = whole.worst(level, visits)
                visits[tile] = visits.get(tile, 0) + 1
                _visit(agent, whole, tile, min(_VISIT, round(strokes * upto) - before), search)
                idle = idle + 1 if whole.strokes == before else 0
                if report is not None and report(whole.strokes):
                    return whole.program(size)
    return whole.program(size)


def _levels(agent: Agent, strokes: int) -> tuple[int, ...]:
    fits = [level for level in LEVELS if level * agent.strokes.grid <= _MAXIMUM_GRID]
    return tuple(level for level in fits if level == 1 or _LEAST_STROKES * level**2 <= strokes)


def _visit(agent: Agent, whole: _Canvas, tile: Tile, steps: int, search: ProposalSearch) -> None:
    """Let the agent paint on a tile, choosing the best of its proposals for each command."""
    target, pen = whole.target(tile)[None], whole.corner(tile)
    # On a canvas that is not blank, the agent begins in the middle of an episode.
    length = agent.preset.learning.episode_length
    done = length // 2 if whole.strokes else 0
    specification = whole.local.specification()
    proposals, end = ProposalState.start(agent.policy, specification, 1), specification.names.index("end")
    for step in range(steps):
        progress = min(done + step, length - 1) / length
        # A tile is part of the whole canvas, so it is loaded, not forked.
        whole.load(tile, proposals.previous[0, end], search.engine)
        chosen, proposals = best_of_n(agent.policy, search, proposals, target, progress)
        pen = whole.execute(tile, chosen[0], pen)


class _Canvas:
    """The canvas that contains all tiles, and the program so far."""

    def __init__(
        self, agent: Agent, picture: Image.Image, levels: tuple[int, ...], seed: int, palette: Palette | None
    ) -> None:
        local, finest = agent.strokes, levels[-1]
        if local.spline:
            raise InputError(f"{agent.name} paints compound strokes, which do not fit into tiles")
        self.levels, self.local, self.observed, self.palette = levels, local, agent.size, palette
        self.radii = sorted({radius / level for radius in local.radii for level in levels})
        self.settings = replace(
            local,
            size=agent.size * finest,
            grid=local.grid * finest,
            choices=tuple(name for name in CHOICES if name in local.choices or name in ("flag", "size")),
            radii=tuple(self.radii),
            levels=_COLOUR_LEVELS,
            aspect=aspect_of(*picture.size),
        )
        self.engine = make(agent.preset.engine, 1, self.settings.to_json())
        self.engine.reset(np.array([seed], np.int64))
        self.seed, self.commands, self.pen, self.strokes = seed, [], (0, 0), 0
        channels = self.settings.channels
        self.targets: dict[int, npt.NDArray[np.uint8]] = {}
        for level in levels:
            side = agent.size * level
            scaled = picture.resize((side, side), Image.Resampling.BILINEAR)
            self.targets[level] = np.asarray(scaled, np.uint8).reshape(side, side, channels)

    def target(self, tile: Tile) -> npt.NDArray[np.uint8]:
        """A tile's target: uint8 [S, S, C]."""
        half = self.observed // 2
        top, left = tile.row * half, tile.column * half
        return self.targets[tile.level][top : top + 2 * half, left : left + 2 * half].copy()

    def seen(self, tile: Tile) -> npt.NDArray[np.uint8]:
        """A tile's current pixels: uint8 [S, S, C]."""
        factor = self.levels[-1] // tile.level
        half = self.observed * factor // 2
        top, left = tile.row * half, tile.column * half
        part = self.engine.canvases()[:, top : top + 2 * half, left : left + 2 * half]
        return observe(part, self.observed)[0]

    def load(self, tile: Tile, pen: int, engine: Engine) -> None:
        """Put a tile onto the one canvas of an engine, with the pen at a cell of it."""
        factor = engine.shape[0] // self.observed
        large = self.seen(tile).repeat(factor, axis=0).repeat(factor, axis=1)
        row, column = divmod(int(pen), self.local.grid)
        engine.load(large[None], np.array([[column, row]], np.float32) * (engine.shape[0] / self.local.grid))

    def worst(self, level: int, visits: Mapping[Tile, int]) -> Tile:
        """The tile with the largest squared error, divided by n + 1 after n visits."""
        side = self.observed * level
        seen = observe(self.engine.canvases(), side)[0].astype(np.float32)
        error = np.square(seen - self.targets[level]).sum(2)
        half = self.observed // 2
        halves = error.reshape(2 * level, half, 2 * level, half).sum((1, 3))
        tiles = halves[:-1, :-1] + halves[1:, :-1] + halves[:-1, 1:] + halves[1:, 1:]
        for tile, count in visits.items():
            tiles[tile.row, tile.column] /= count + 1
        row, column = np.unravel_index(tiles.argmax(), tiles.shape)
        return Tile(level, int(row), int(column))

    def execute(self, tile: Tile, command: npt.NDArray[np.int64], pen: tuple[int, int]) -> tuple[int, int]:
        """Execute a tile's command from a pen at a cell of the whole canvas; returns the pen's next cell."""
        chosen = dict(zip(self.local.choices, command.tolist(), strict=True))
        end = self._cell(tile, chosen["end"])
        if chosen.get("flag", PAINT) == MOVE:
            return end
        pen = self._cell(tile, chosen["start"]) if "start" in chosen else pen
        if pen != self.pen:
            self._add({**chosen, "flag": MOVE, "end": pen, "control": pen, "size": 0})
        control = self._cell(tile, chosen["control"]) if "control" in chosen else end
        size = self.radii.index(self.local.radii[chosen.get("size", 0)] / tile.level)
        colour = np.array([chosen.get(name, 0) for name in COLOURS]) / (self.local.levels - 1)
        if self.palette is not None:
            colour = nearest(self.palette, colour)
        levels = np.round(colour * (_COLOUR_LEVELS - 1)).astype(int).tolist()
        strokes = dict(zip(COLOURS, levels, strict=True))
        self._add({**chosen, **strokes, "flag": PAINT, "end": end, "control": control, "size": size})
        self.strokes += 1
        return end

    def corner(self, tile: Tile) -> tuple[int, int]:
        """A tile's upper left corner as a cell of the whole canvas."""
        return self._cell(tile, 0)

    def program(self, size: int | None) -> Program:
        """All commands so far."""
        settings = self.settings if size is None else replace(self.settings, size=size)
        commands = np.array(self.commands, np.int64).reshape(-1, len(settings.choices))
        return Program.from_array(settings.specification(), commands, self.engine.name, settings.to_json(), self.seed)

    def _add(self, command: dict[str, Any]) -> None:
        row = []
        for name in self.settings.choices:
            value = command[name]
            if name in ("end", "control"):
                value = value[0] * self.settings.grid + value[1]
            row.append(value if name not in COLOURS or command["flag"] == PAINT else 0)
        self.engine.step(np.array([row], np.int64))
        self.commands.append(row)
        self.pen = command["end"]

    def _cell(self, tile: Tile, index: int) -> tuple[int, int]:
        row, column = divmod(index, self.local.grid)
        finer = self.levels[-1] // tile.level
        half = self.local.grid // 2
        return (tile.row * half + row) * finer, (tile.column * half + column) * finer
