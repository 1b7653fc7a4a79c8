"""Brush strokes as commands: the settings, the specification and the decoding that stroke engines share.

SPIRAL section 4.2: a command is a quadratic Bezier curve from the pen's place over a control point to an end
point, with a pressure, a brush size and a colour, and a flag that says whether to paint it or to jump. Not in the
paper: with the choice `start` a stroke begins where its command says, so that no command is spent on a jump.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spiral.engines.settings import MAXIMUM_SIZE, CanvasSettings
from spiral.engines.stroke_prior import sample_walks
from spiral.errors import InputError
from spiral.specification import Category, Choice, Location, Specification, When

COLOURS = ("red", "green", "blue")
CHOICES = ("flag", "end", "control", "size", "pressure", *COLOURS)
"""The paper's."""
ALL_CHOICES = ("flag", "start", *CHOICES[1:])
"""The paper's and this package's own, in the usual order."""
LOCATIONS = ("start", "end", "control")
LONGEST = 16
"""How many times as long as the other one side of a picture may be."""
MOVE, PAINT, POINT = 0, 1, 2
"""Options of the flag; `POINT` only with `StrokeSettings.spline`."""
PAINTING = When("flag", (PAINT,))


@dataclass(frozen=True)
class StrokeSettings(CanvasSettings):
    """Settings that every stroke engine understands.

    Attributes:
        size: see `CanvasSettings`.
        channels: likewise.
        choices: what the agent decides, in this order; any of `ALL_CHOICES` except `end` may be left out. Left out, a
            flag always paints, a stroke starts at the pen's place, a control point lies midway, the size is the first
            radius, the pressure is full, and the colour is `ink`. Red, green and blue are left out together. With a
            `start` each stroke sets the pen down anew, and a flag that does not paint does nothing.
        grid: cells on a side of the location grid; cell c stands for pixel c * size / grid.
        radii: brush radii in pixels of a canvas of `radii_at` pixels; on a canvas of another size they scale with it.
        radii_at: the canvas side that `radii` are meant for.
        pressures: number of pressure levels, spread evenly over 1 / pressures to 1.
        levels: number of levels of red, green and blue, spread evenly over 0 to 1.
        ground: colour of the blank canvas, red, green and blue 0 to 1.
        ink: colour of a stroke when colour is not chosen.
        spline: the compound stroke of SPIRAL++: the flag's third option adds a point without painting, and painting
            draws a spline through all points added since; then there is no control point. See `spiral.engines.splines`.
        aspect: width over height of the picture that the square canvas is shown as, 1/16 to 16; engines paint on the
            square, which is stretched when written.
        brush: name of a brush of mypaint-brushes, path of a `.myb` file, or a style: `ink`, `charcoal`, `watercolour`,
            `oil` (`vector` has one brush and ignores it).
    """

    choices: tuple[str, ...] = ("flag", "end", "control", "size", "pressure")
    grid: int = 32
    radii: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 12.0, 24.0)
    radii_at: int = 64
    pressures: int = 10
    levels: int = 20
    ground: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ink: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spline: bool = False
    aspect: float = 1.0
    brush: str = "classic/dry_brush"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: a setting is out of range.
        """
        colours = [name in self.choices for name in COLOURS]
        unit = all(0.0 <= value <= 1.0 for value in (*self.ground, *self.ink))
        rules = (
            self.size_rule(),
            (8 <= self.radii_at <= MAXIMUM_SIZE, f"radii_at must be 8 to {MAXIMUM_SIZE}"),
            (1 / LONGEST <= self.aspect <= LONGEST, f"aspect must be 1/{LONGEST} to {LONGEST}"),
            (2 <= self.grid <= 256, "grid must be 2 to 256"),
            ("end" in self.choices, "choices must hold 'end'"),
            (set(self.choices) <= set(ALL_CHOICES), f"choices must be among {ALL_CHOICES}"),
            (len(set(self.choices)) == len(self.choices), "choices must not repeat"),
            ("flag" not in self.choices or self.choices[0] == "flag", "'flag' must be the first choice"),
            (all(colours) or not any(colours), "red, green and blue go together"),
            (not any(colours) or self.channels == 3, "colour choices need channels=3"),
            (1 <= len(self.radii) <= 64, "radii must hold 1 to 64 values"),
            (all(math.isfinite(r) and 0.05 <= r <= 512 for r in self.radii), "radii must be 0.05 to 512"),
            (1 <= self.pressures <= 256, "pressures must be 1 to 256"),
            (2 <= self.levels <= 256, "levels must be 2 to 256"),
            (unit, "ground and ink must be 0 to 1"),
            (
                not self.spline or ("flag" in self.choices and "control" not in self.choices),
                "spline needs the choice 'flag' and excludes 'control'",
            ),
            (not self.spline or "start" not in self.choices, "spline excludes 'start'"),
            (
                self.channels == 3 or len({*self.ground}) == len({*self.ink}) == 1,
                "with channels=1 ground and ink must be greys",
            ),
        )
        for holds, message in rules:
            if not holds:
                raise InputError(f"stroke settings: {message}")

    def specification(self) -> Specification:
        """The specification of a command under these settings."""
        sizes = {"flag": 3 if self.spline else 2, "size": len(self.radii), "pressure": self.pressures}
        when = PAINTING if "flag" in self.choices else None
        choices: list[Choice] = []
        for name in self.choices:
            # A jump is to its end; a stroke with a start of its own needs none.
            condition = None if name == "flag" or (name == "end" and "start" not in self.choices) else when
            if name in LOCATIONS:
                choices.append(Location(name, self.grid, condition))
            else:
                choices.append(Category(name, sizes.get(name, self.levels), condition))
        return Specification(tuple(choices))

    def sample_programs(self, generator: np.random.Generator, length: int, count: int) -> npt.NDArray[np.int64]:
        """Walks of the pen: int64 [length, count, K]; see `spiral.engines.stroke_prior`."""
        return sample_walks(self, generator, length, count)


@dataclass(frozen=True)
class Strokes:
    """A batch of strokes in pixels, as an engine draws them.

    Attributes:
        paint: bool [B], False for a jump to `end`, or for nothing where there are starts.
        start: float32 [B, 2], (x, y) in pixels, where the pen is set down first; None where strokes begin at the pen's
            place.
        end: float32 [B, 2], (x, y) in pixels.
        control: float32 [B, 2], (x, y) in pixels; only meaningful where `midway` is False.
        midway: True when the control point is not a choice and lies halfway between start and end.
        radius: float32 [B], pixels.
        pressure: float32 [B], 0 to 1.
        colour: float32 [B, 3], red, green, blue, 0 to 1.
    """

    paint: npt.NDArray[np.bool_]
    start: npt.NDArray[np.float32] | None
    end: npt.NDArray[np.float32]
    control: npt.NDArray[np.float32]
    midway: bool
    radius: npt.NDArray[np.float32]
    pressure: npt.NDArray[np.float32]
    colour: npt.NDArray[np.float32]


def decode(settings: StrokeSettings, commands: npt.NDArray[np.int64]) -> Strokes:
    """Turn checked commands int64 [B, K] into strokes in pixels.

    Grid cell c stands for pixel c * size / grid, as in the published environment.
    """
    columns = {name: commands[:, position] for position, name in enumerate(settings.choices)}
    batch = len(commands)
    cell = settings.size / settings.grid

    def place(name: str) -> npt.NDArray[np.float32]:
        if name not in columns:
            return np.zeros((batch, 2), np.float32)
        row, column = np.divmod(columns[name], settings.grid)
        return (np.stack([column, row], axis=1) * cell).astype(np.float32)

    radii = np.asarray(settings.radii, np.float32) * np.float32(settings.size / settings.radii_at)
    full = np.ones(batch, np.float32)
    pressure = (
        full if "pressure" not in columns else ((columns["pressure"] + 1) / settings.pressures).astype(np.float32)
    )
    if "red" in columns:
        levels = [columns[name] / (settings.levels - 1) for name in COLOURS]
        colour = np.stack(levels, axis=1).astype(np.float32)
    else:
        colour = np.tile(np.asarray(settings.ink, np.float32), (batch, 1))
    return Strokes(
        paint=columns["flag"] == PAINT if "flag" in columns else np.ones(batch, bool),
        start=place("start") if "start" in columns else None,
        end=place("end"),
        control=place("control"),
        midway="control" not in columns,
        radius=radii[columns["size"]] if "size" in columns else full * radii[0],
        pressure=pressure,
        colour=colour,
    )
