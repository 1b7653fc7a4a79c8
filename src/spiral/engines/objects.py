"""Scenes as programs: each command places an object on a floor (SPIRAL sections 4.2 and 4.6).

A command chooses an action (add an object, do nothing, or change the object placed last), and then the object's place,
type, size and colour: 3 * 16^2 * 4 * 3 * 4^3 settings, as in the paper. This module does no rendering.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from spiral.engines.settings import CanvasSettings
from spiral.errors import InputError
from spiral.specification import Category, Location, Specification, When

ADD, SKIP, CHANGE = 0, 1, 2
"""Options of the action."""
TYPES = ("sphere", "box", "cylinder", "capsule")
COLOURS = ("red", "green", "blue")
FLOOR = (4.0, 4.53)
"""Half the width and half the depth of the grid, in metres: a square as the camera sees it."""
MAXIMUM_OBJECTS = 200
SAMPLED_OBJECTS = 5
"""Most objects in a scene of `SceneSettings.sample_programs`."""
_PLACING = When("action", (ADD, CHANGE))


@dataclass(frozen=True)
class SceneSettings(CanvasSettings):
    """Settings of the scene engine.

    Attributes:
        size: see `CanvasSettings`.
        channels: likewise.
        grid: cells on a side of the floor; row 0 is the farthest from the camera.
        sizes: half heights of objects in metres; the floor is 8 metres wide.
        levels: of red, green and blue, spread evenly over 0 to 1.
        objects: the most that a scene holds; further ones are not added.
        shadows: whether the light casts shadows, which takes about three times as long.
        samples: of multisampling at the edges; None takes 4 on canvases of more than 128 pixels and none on smaller
            ones, where it would take twice as long.
    """

    channels: Literal[1, 3] = 3
    grid: int = 16
    sizes: tuple[float, ...] = (0.6, 0.9, 1.3)
    levels: int = 4
    objects: int = 20
    shadows: bool = False
    samples: int | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: a setting is out of range.
        """
        rules = (
            self.size_rule(),
            (self.channels == 3, "channels must be 3: scenes are coloured"),
            (1 <= self.grid <= 256, "grid must be 1 to 256"),
            (1 <= len(self.sizes) <= 64, "sizes must hold 1 to 64 values"),
            (all(math.isfinite(size) and 0.01 <= size <= FLOOR[0] for size in self.sizes), "sizes must be 0.01 to 4"),
            (2 <= self.levels <= 256, "levels must be 2 to 256"),
            (1 <= self.objects <= MAXIMUM_OBJECTS, f"objects must be 1 to {MAXIMUM_OBJECTS}"),
            (self.samples is None or self.samples in (0, 2, 4, 8), "samples must be 0, 2, 4 or 8"),
        )
        for holds, message in rules:
            if not holds:
                raise InputError(f"scene settings: {message}")

    def specification(self) -> Specification:
        """The specification of a command under these settings."""
        return Specification(
            (
                Category("action", 3),
                Location("place", self.grid, _PLACING),
                Category("type", len(TYPES), _PLACING),
                Category("size", len(self.sizes), _PLACING),
                *(Category(name, self.levels, _PLACING) for name in COLOURS),
            )
        )

    def sample_programs(self, generator: np.random.Generator, length: int, count: int) -> npt.NDArray[np.int64]:
        """Draw programs of 1 to 5 objects, farthest first, followed by commands that do nothing.

        The objects stand in different cells; all other options are uniform.
        """
        specification = self.specification()
        commands = specification.random(generator, (length, count))
        most = min(length, SAMPLED_OBJECTS, self.objects, self.grid**2)
        cells = generator.random((count, self.grid**2)).argsort(1)[:, :most]
        objects = generator.integers(1, most + 1, size=count)
        placed = np.arange(most) < objects[:, None]
        commands[:, :, 0] = SKIP
        commands[:most, :, 0] = np.where(placed, ADD, SKIP).T
        commands[:most, :, 1] = np.sort(np.where(placed, cells, self.grid**2), axis=1).clip(max=self.grid**2 - 1).T
        return commands


@dataclass(frozen=True)
class Objects:
    """The objects of B scenes, at most N each, in the order in which they were placed.

    Attributes:
        options: int64 [B, N, 6], the options of place, type, size, red, green and blue.
        count: int64 [B], how many there are; later entries of `options` are meaningless.
    """

    options: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]

    @classmethod
    def none(cls, settings: SceneSettings, batch: int) -> Objects:
        """Empty scenes."""
        return cls(np.zeros((batch, settings.objects, 6), np.int64), np.zeros(batch, np.int64))

    def execute(self, commands: npt.NDArray[np.int64], which: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Execute checked commands int64 [B, 7] in place, in the scenes of `which` bool [B].

        A change where nothing has been placed yet does nothing.

        Returns:
            Which scenes have changed, bool [B].
        """
        action, options = commands[:, 0], commands[:, 1:]
        adds = which & (action == ADD) & (self.count < self.options.shape[1])
        changes = which & (action == CHANGE) & (self.count > 0)
        self.count[adds] += 1
        rows = np.flatnonzero(adds | changes)
        last = self.count[rows] - 1
        changed = np.zeros(len(commands), bool)
        changed[rows] = adds[rows] | (self.options[rows, last] != options[rows]).any(1)
        self.options[rows, last] = options[rows]
        return changed


def objects_after(settings: SceneSettings, commands: npt.NDArray[np.int64]) -> Objects:
    """The objects that whole programs place: N scenes from checked commands int64 [T, N, 7]."""
    objects = Objects.none(settings, commands.shape[1])
    for step in commands:
        objects.execute(step, np.ones(len(step), bool))
    return objects


@dataclass(frozen=True)
class Geoms:
    """Objects in metres, for a renderer.

    Attributes:
        types: int64 [..., N], indices into `TYPES`.
        half: float64 [..., N, 3], half extents as MuJoCo has them: radius; half sides; radius and half length.
        centre: float64 [..., N, 3], x to the right, y away from the camera, z up; all stand on the floor.
        colour: float32 [..., N, 3], 0 to 1.
    """

    types: npt.NDArray[np.int64]
    half: npt.NDArray[np.float64]
    centre: npt.NDArray[np.float64]
    colour: npt.NDArray[np.float32]


_SHAPES = np.array([[1.0, 0.0, 0.0], [0.8, 0.8, 0.8], [0.7, 1.0, 0.0], [0.55, 0.45, 0.0]])
"""Half extents of each type of size 1, of about the same bulk; a capsule's length is that between its caps."""
_HEIGHTS = np.array([1.0, 0.8, 1.0, 1.0])
"""Half height of each type of size 1."""


def geoms(settings: SceneSettings, options: npt.NDArray[np.int64]) -> Geoms:
    """Objects int64 [..., N, 6] in metres."""
    place, types, size = options[..., 0], options[..., 1], options[..., 2]
    row, column = np.divmod(place, settings.grid)
    width, depth = FLOOR
    extent = np.asarray(settings.sizes)[size]
    height = extent * _HEIGHTS[types]
    across = (2.0 * (column + 0.5) / settings.grid - 1.0) * width
    away = (1.0 - 2.0 * (row + 0.5) / settings.grid) * depth
    centre = np.stack([across, away, height], axis=-1)
    return Geoms(types, extent[..., None] * _SHAPES[types], centre, colours(settings, options))


def colours(settings: SceneSettings, options: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """The colours of objects int64 [..., N, 6]: float32 [..., N, 3], 0 to 1."""
    return (options[..., 3:] / (settings.levels - 1)).astype(np.float32)
