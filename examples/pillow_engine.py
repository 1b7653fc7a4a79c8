"""An engine of one's own: ellipses drawn by Pillow. The page "Extend" of the documentation goes through it."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from spiral.engines import CanvasSettings, Registration, register
from spiral.engines.base import check_commands, check_fork, check_load
from spiral.errors import InputError
from spiral.specification import Category, Location, Specification


@dataclass(frozen=True)
class EllipseSettings(CanvasSettings):
    grid: int = 16
    radii: tuple[float, ...] = (0.06, 0.12, 0.25)  # shares of the canvas's side
    shades: int = 4  # from black to white
    samples: int = 4  # a pixel's side is sampled so often

    def __post_init__(self) -> None:
        if not (
            self.size_rule()[0] and min(self.radii, default=0.0) > 0 and 1 <= self.samples <= 8 and self.shades >= 2
        ):
            raise InputError(f"ellipse settings out of range: {self}")

    def specification(self) -> Specification:
        radius = len(self.radii)
        sizes = (Category("width", radius), Category("height", radius), Category("shade", self.shades))
        return Specification((Location("centre", self.grid), *sizes))


class EllipseEngine:
    name = "ellipses"

    def __init__(self, batch: int, settings: EllipseSettings) -> None:
        self.chosen, self.settings, self.batch = settings, settings.to_json(), batch
        self.specification, self.shape = settings.specification(), (settings.size, settings.size, settings.channels)
        self.pixels = np.zeros((batch, *self.shape), np.uint8)

    def reset(self, seeds, which=None) -> None:
        self.pixels[slice(None) if which is None else which] = 0

    def load(self, pictures, pens, which=None) -> None:
        pictures, _ = check_load(self, pictures, pens)
        rows = slice(None) if which is None else which
        self.pixels[rows] = pictures[rows]

    def fork(self, source, rows, which=None) -> None:
        rows, chosen = check_fork(self, source, rows, which)
        self.pixels[chosen] = source.pixels[rows[chosen]]

    def step(self, commands, which=None) -> None:
        commands, side = check_commands(self, commands), self.chosen.size * self.chosen.samples
        for index in range(self.batch) if which is None else np.flatnonzero(which):
            cell, width, height, shade = commands[index]
            middle = (np.array([cell % self.chosen.grid, cell // self.chosen.grid]) + 0.5) / self.chosen.grid
            reach = np.array([self.chosen.radii[width], self.chosen.radii[height]])
            large = Image.new("L", (side, side))
            ImageDraw.Draw(large).ellipse([*(side * (middle - reach)), *(side * (middle + reach))], fill=255)
            cover = np.asarray(large.reduce(self.chosen.samples))[..., None] / 255.0
            tone = 255.0 * shade / (self.chosen.shades - 1)
            self.pixels[index] = np.rint(self.pixels[index] * (1.0 - cover) + tone * cover)

    def canvases(self):
        return self.pixels


def missing() -> str | None:
    return None  # or one line that says what is not installed


def build(batch, settings, threads) -> EllipseEngine:
    return EllipseEngine(batch, EllipseSettings.parse(settings))


REGISTRATION = Registration(__name__, "ellipses, by Pillow", "pip install pillow", f"{__name__}:EllipseSettings")
register("ellipses", REGISTRATION)
