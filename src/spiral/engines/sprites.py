"""Scenes composed of pictures of single objects, which MuJoCo rendered once.

Camera, lights and floor never move, and objects have few places, so there are only 256 * 4 * 3 pictures of single
objects, apart from colour. Without shadows and smoothed edges, each pixel of a scene is that of its nearest object: a
z-buffer. All light is white, so a pixel is its object's colour times the picture of the white object, plus the gloss,
which is the picture of the black object. The result is MuJoCo's, apart from rounding.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spiral.engines.objects import TYPES, SceneSettings, colours, geoms
from spiral.engines.renderer import SceneRenderer, samples, with_renderer

_LARGEST = 128
"""Larger canvases are rendered as a whole: their sprites would take too much memory."""


def can_use_sprites(settings: SceneSettings) -> bool:
    """Whether scenes with these settings can be composed of sprites."""
    return not settings.shadows and samples(settings) == 0 and settings.size <= _LARGEST


@dataclass
class RenderBuffers:
    """B pictures that are being painted.

    Attributes:
        pixels: uint8 [B, S, S, 3].
        depth: float32 [B, S, S], near 0 to far 1.
    """

    pixels: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]


class Sprites:
    """Pictures of single objects, rendered when they are first needed; use `sprites_for`."""

    def __init__(self, settings: SceneSettings) -> None:
        """Begin without sprites.

        Args:
            settings: for which `can_use_sprites` holds.
        """
        self.settings = settings
        self.floor, self.far = self._render(np.zeros((0, 6), np.int64))
        count = settings.grid**2 * len(TYPES) * len(settings.sizes)
        self.side = self._extent()
        self.known = np.zeros(count, bool)
        self.corner = np.zeros((count, 2), np.int64)
        self.white = np.zeros((count, self.side, self.side), np.uint8)
        self.gloss = np.zeros_like(self.white)
        self.depth = np.ones((count, self.side, self.side), np.float32)
        self._window = np.arange(self.side)
        self._most = settings.size - self.side

    def blank(self, buffers: RenderBuffers, rows: npt.NDArray[np.int64]) -> None:
        """Empty the floors of some pictures."""
        buffers.pixels[rows], buffers.depth[rows] = self.floor, self.far

    def learn_all(self) -> None:
        """Render every single object that has not been needed yet: 3,072 of them with the usual settings."""
        sizes = len(self.settings.sizes)
        for key in np.flatnonzero(~self.known).tolist():
            place, kind = divmod(key // sizes, len(TYPES))
            self._learn(key, np.array([place, kind, key % sizes, 0, 0, 0]))

    def draw(self, buffers: RenderBuffers, rows: npt.NDArray[np.int64], options: npt.NDArray[np.int64]) -> None:
        """Draw one object each, int64 [R, 6], into R different pictures."""
        keys = self._keys(options)
        for key in np.unique(keys[~self.known[keys]]):
            self._learn(int(key), options[np.argmax(keys == key)])
        top, left = self.corner[keys].T
        where = (
            rows[:, None, None],
            (top[:, None] + self._window)[:, :, None],
            (left[:, None] + self._window)[:, None, :],
        )
        depth = self.depth[keys]
        behind = buffers.depth[where]
        nearer = depth <= behind  # of two at the same depth MuJoCo shows the one drawn later
        colour = colours(self.settings, options)[:, None, None, :]
        gloss = self.gloss[keys][..., None].astype(np.float32)
        lit = gloss + (self.white[keys][..., None] - gloss) * colour + 0.5
        buffers.depth[where] = np.where(nearer, depth, behind)
        buffers.pixels[where] = np.where(nearer[..., None], lit.astype(np.uint8), buffers.pixels[where])

    def _keys(self, options: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return (options[..., 0] * len(TYPES) + options[..., 1]) * len(self.settings.sizes) + options[..., 2]

    def _render(self, options: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        depth = np.empty((self.settings.size, self.settings.size), np.float32)

        def work(renderer: SceneRenderer) -> npt.NDArray[np.uint8]:
            return renderer.render(geoms(self.settings, options), depth)

        return with_renderer(self.settings, work), depth

    def _learn(self, key: int, options: npt.NDArray[np.int64]) -> None:
        """Render one object in white and in black, and keep the window around it."""
        bright, dark = options.copy(), options.copy()
        bright[3:], dark[3:] = self.settings.levels - 1, 0
        (white, depth), (gloss, _) = self._render(bright[None]), self._render(dark[None])
        shown = np.argwhere(depth < self.far)
        if len(shown):
            self.corner[key] = np.minimum(shown.min(0), self._most)
        top, left = self.corner[key]
        window = slice(top, top + self.side), slice(left, left + self.side)
        here = (depth < self.far)[window]
        self.white[key], self.gloss[key] = white[window][..., 0], gloss[window][..., 0]
        self.depth[key] = np.where(here, depth[window], 1.0)
        self.known[key] = True

    def _extent(self) -> int:
        """Side of a window that holds every object, measured in the middle of the floor."""
        middle, side = self.settings.grid // 2, 1
        largest = int(np.argmax(self.settings.sizes))
        for kind in range(len(TYPES)):
            option = np.array([[middle * self.settings.grid + middle, kind, largest, 0, 0, 0]])
            shown = np.argwhere(self._render(option)[1] < self.far)
            if len(shown):
                side = max(side, int(np.ptp(shown, axis=0).max()) + 1)
        return min(side + 2, self.settings.size)


def sprites_for(settings: SceneSettings) -> Sprites:
    """The sprites for these settings; the last few are kept."""
    return _sprites(replace(settings, objects=1))  # single objects do not depend on how many a scene may hold


@functools.lru_cache(maxsize=4)
def _sprites(settings: SceneSettings) -> Sprites:
    return Sprites(settings)
