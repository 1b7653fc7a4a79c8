"""The canvas of `painter`: the layers on it so far, and the search for the next ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spiral.engines import make
from spiral.engines.strokes import StrokeSettings
from spiral.painting.bank import Bank
from spiral.painting.calibration import calibrated, covers
from spiral.painting.climbing import apart, by_side, climb, gains_of, windows
from spiral.painting.closed_form import fields
from spiral.painting.layers import Layer, compose, cover, layer, recolour, rounded, squared_error, worths
from spiral.painting.marks import SIDE, SIZE, Coverage, Floats, Marks, commands
from spiral.program import Program

_WASHES = 3
_LEAST_WASH = 0.01
"""Of the error, what a stroke over the whole ground must gain."""
_LEAST = 1e-3
"""Gain, as squared error of one pixel, below which a stroke earns nothing."""
_PARENTS = 20
_KEEP = 0.4
"""A stroke is painted in a round if it gains at least this share of the best one's gain."""
_TYPICAL = 1.2
"""Radius of the largest strokes: the canvas over the square root of their number, times this."""


@dataclass(frozen=True)
class Effort:
    """How hard to search.

    Attributes:
        share: of the bank, tried in a round.
        rounds: of hill climbing.
        mutations: in a round of hill climbing.
        revisions: how often the strokes of least worth are replaced by others.
    """

    share: float
    rounds: int
    mutations: int
    revisions: int = 0


class Easel:
    """Layers on paper, and what can be added to them.

    Attributes:
        layers: from the first to the last.
        canvas: float32 [S, S, C], the paper with all of them.
    """

    def __init__(
        self,
        name: str,
        settings: StrokeSettings,
        radii: npt.NDArray[np.float64],
        target: Floats,
        weights: Floats,
        palette: Floats | None = None,
        factor: int = 1,
        paper: Floats | None = None,
        seed: int = 0,
    ) -> None:
        """Measure the brush and fill the bank.

        Args:
            name: of the engine.
            settings: of `marks.canvas_settings`.
            radii: float64 [sizes], of the strokes in pixels.
            target: float32 [S, S, C], 0 to 1.
            weights: float32 [S, S], of the pixels' squared errors.
            palette: colours to keep to, float32 [P, C]; any when None.
            factor: how many times as large the finished picture is.
            paper: float32 [S, S, C], what is on the canvas already; the settings' ground when None.
            seed: of the brush.
        """
        self.name, self.settings, self.target, self.weights, self.palette = name, settings, target, weights, palette
        quick = Coverage(name, settings, radii=radii)
        self._true = None
        if covers(quick):
            self.fine = Coverage(name, settings, factor, radii=radii)
            self.quick = Coverage(name, calibrated(quick, self.fine), radii=radii)
        else:
            # The brush mixes its colour with what it finds: only the engine knows what it leaves.
            self.fine = self.quick = quick
            self._true = make(name, 1, settings.to_json()), make(name, 1, settings.to_json())
        self.bank = Bank(self.quick, weights)
        blank = np.broadcast_to(np.array(settings.ground[: settings.channels], np.float32), target.shape)
        self.paper = (blank if paper is None else paper).copy()
        self.layers: list[Layer] = []
        self.canvas = self.paper.copy()
        # How many strokes the paper seems to hold already, plus one: the more there are, the smaller is the next.
        self._held, self._continues = 1, paper is not None
        if self._true is not None:
            engine = self._true[0]
            engine.reset(np.array([seed], np.int64))
            if paper is not None:
                engine.load(np.round(paper[None] * 255).astype(np.uint8), np.zeros((1, 2), np.float32))

    def error(self) -> float:
        """The weighted squared error so far."""
        return squared_error(self.target, self.canvas, self.weights)

    def wash(self, strokes: int) -> None:
        """Cover the ground with the largest brush, again as long as that earns something.

        Args:
            strokes: at most.
        """
        last, grid = len(self.settings.radii) - 1, self.settings.grid
        mark = np.array([[0, 0, grid // 2, grid // 2, grid - 1, grid - 1, last, self.settings.pressures - 1]])
        for _ in range(min(strokes, _WASHES)):
            gain, new = self._settle(mark, *self._fields())[0]
            if gain <= max(_LEAST, _LEAST_WASH * self.error()) or not self._add(new):
                return

    def round(self, room: int, effort: Effort, generator: np.random.Generator) -> int:
        """Paint up to `room` strokes that do not touch one another; returns how many.

        Where nothing helps on paper that was painted on already, the next round looks for strokes half as large.
        """
        painted = self._round(room, effort, generator)
        if not painted and self._continues:
            self._held *= 4
        return painted

    def _round(self, room: int, effort: Effort, generator: np.random.Generator) -> int:
        first, second = self._fields()
        side, unit = self.settings.size, self.settings.size / SIDE
        typical = _TYPICAL * side / np.sqrt(len(self.layers) + self._held)
        limits = (max(0.75 * unit, typical / 14), max(6.0 * unit, typical))
        only = self.palette[0] if self.palette is not None and len(self.palette) == 1 else None
        marks, estimates = self.bank.search(first, second, generator, effort.share, limits, only)
        if not len(marks):
            return 0
        marks = marks[estimates > 0.6 * _KEEP * estimates[0]]
        marks = marks[apart(self.quick, marks, _PARENTS, 2.0)]
        marks, gains, _ = climb(
            self.quick, marks, first, second, effort.rounds, effort.mutations, generator, self.palette
        )
        # What is far behind here will not be painted: it need not be measured at the finished picture's size.
        order = np.argsort(-gains, kind="stable")
        marks = marks[order[gains[order] > max(_LEAST, 0.8 * _KEEP * float(gains.max()))]]
        if not len(marks):
            return 0
        marks = marks[apart(self.fine, marks, room, 0.0)]
        settled = sorted(self._settle(marks, first, second), key=lambda pair: -pair[0])
        least = max(_LEAST, _KEEP * settled[0][0])
        return sum(self._add(new) for gain, new in settled if gain > least)

    def recolour(self) -> None:
        """Solve for all colours together."""
        if self._true is None:
            self.layers = recolour(self.layers, self.paper, self.target, self.weights, self.palette)
            self.canvas = compose(self.paper, self.layers)

    def prune(self, number: int) -> None:
        """Remove the strokes of least worth, so many."""
        if self._true is None:
            worth = worths(self.layers, self.paper, self.target, self.weights)
            gone = set(np.argsort(worth, kind="stable")[:number].tolist())
            self.layers = [each for index, each in enumerate(self.layers) if index not in gone]
            self.canvas = compose(self.paper, self.layers)

    def program(self, size: int, seed: int) -> Program:
        """All layers as a program for a canvas of `size` pixels."""
        settings, levels = self.settings, None
        marks = np.array([each.mark for each in self.layers], np.int64).reshape(-1, 8)
        if "red" in settings.choices:
            levels = np.array([self._levels(each) for each in self.layers], np.int64).reshape(-1, 3)
        rows = np.moveaxis(commands(settings, marks, levels), 0, 1).reshape(-1, len(settings.choices))
        changed = settings.to_json() | {"size": size}
        return Program.from_array(settings.specification(), rows, self.name, changed, seed)

    def _fields(self) -> tuple[Floats, Floats]:
        return fields(self.target - self.canvas, self.canvas, self.weights)

    def _levels(self, each: Layer) -> list[int]:
        return np.round(each.colour * (self.settings.levels - 1)).astype(int).tolist()

    def _settle(self, marks: Marks, first: Floats, second: Floats) -> list[tuple[float, Layer]]:
        """What marks gain in the finished picture, each in the best of three sizes."""
        variants = np.repeat(marks[:, None], 3, 1)
        variants[..., SIZE] = np.clip(variants[..., SIZE] + [-1, 0, 1], 0, len(self.settings.radii) - 1)
        around = windows(self.fine, variants[:, 2], slack=1)
        found: list[tuple[float, Layer]] = []
        for side, rows, corners, one, two in by_side(around, first, second):
            gains, colours, alpha = gains_of(self.fine, variants[rows], corners, side, one, two, self.palette)
            for row, pick in enumerate(gains.argmax(1).tolist()):
                corner = (int(corners[row, 0]), int(corners[row, 1]))
                mark, shape = variants[rows[row], pick], alpha[row, pick].reshape(side, side)
                new = layer(mark, corner, shape, rounded(colours[row, pick]))
                found.append((self._gain(new), new))
        return found

    def _gain(self, new: Layer) -> float:
        """What a stroke gains: exactly, where the closed form takes differences of large sums."""
        target, below, weights = self.target[new.box], self.canvas[new.box], self.weights[new.box]
        after: Floats = (below + new.alpha[..., None] * (new.colour - below)).astype(np.float32, copy=False)
        return squared_error(target, below, weights) - squared_error(target, after, weights)

    def _add(self, new: Layer) -> bool:
        """Paint a stroke; False if the engine shows that it earns nothing."""
        if self._true is None:
            cover(self.canvas, new)
        else:
            engine, trial = self._true
            trial.fork(engine, np.zeros(1, np.int64))
            levels = np.array([self._levels(new)], np.int64) if "red" in self.settings.choices else None
            for command in commands(self.settings, new.mark[None], levels):
                trial.step(command)
            after = trial.canvases()[0].astype(np.float32) / np.float32(255)
            if squared_error(self.target, after, self.weights) >= self.error():
                return False
            engine.fork(trial, np.zeros(1, np.int64))
            self.canvas = after
        self.layers.append(new)
        return True
