"""The scene engine: MuJoCo's pictures of objects on a floor (SPIRAL section 4.6).

A plain loop over `mujoco.Renderer` renders every object of every scene after every command. Here only changed
scenes are painted, and only when their canvases are read. If possible, an object is a sprite that MuJoCo has rendered
once (`spiral.engines.sprites`), and adding it changes nothing else. With shadows, smoothed edges or large canvases
whole scenes are rendered, in as many threads as there are processors.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from spiral.engines.base import Engine, check_commands, check_fork, check_mask
from spiral.engines.objects import Objects, SceneSettings, geoms
from spiral.engines.renderer import missing, thread_renderer, workers
from spiral.engines.sprites import RenderBuffers, can_use_sprites, sprites_for
from spiral.errors import InputError

__all__ = ["SceneEngine", "build", "missing"]


def build(batch: int, settings: dict[str, Any], threads: int | None) -> SceneEngine:
    """Build the engine; use `spiral.engines.make`."""
    return SceneEngine(batch, SceneSettings.parse(settings), threads)


class SceneEngine:
    """A batch of scenes; see `spiral.engines.Engine` for the protocol."""

    name = "scene"

    def __init__(self, batch: int, settings: SceneSettings, threads: int | None) -> None:
        """Make empty floors; use `make`."""
        self.batch, self.specification, self.settings = batch, settings.specification(), settings.to_json()
        self.shape: tuple[int, int, int] = (settings.size, settings.size, settings.channels)
        self._settings, self._threads = settings, max(1, min(threads or os.cpu_count() or 1, batch))
        self._objects = Objects.none(settings, batch)
        self._sprites = sprites_for(settings) if can_use_sprites(settings) else None
        self._buffers = RenderBuffers(
            np.zeros((batch, *self.shape), np.uint8),
            np.ones((batch, *self.shape[:2]) if self._sprites else (0, 0, 0), np.float32),
        )
        self._painted = np.full(batch, -1)
        """How many of a scene's objects its picture shows; -1 if it must be painted anew."""

    def reset(self, seeds: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """Clear the floors in `which`; nothing in a scene is random, so seeds change nothing."""
        if np.shape(seeds) != (self.batch,):
            raise InputError(f"seeds must be {self.batch} whole numbers")
        chosen = check_mask(self, which)
        self._objects.count[chosen] = 0
        self._painted[chosen] = -1

    def load(
        self,
        pictures: npt.NDArray[np.uint8],
        pens: npt.NDArray[np.float32],
        which: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Refuse: a scene consists of objects, which a picture does not name.

        Raises:
            InputError: always.
        """
        raise InputError("a scene cannot begin from a picture")

    def fork(self, source: Engine, rows: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """Become copies of canvases of another engine; see the protocol."""
        rows, chosen = check_fork(self, source, rows, which)
        assert isinstance(source, SceneEngine)
        taken = rows[chosen]
        self._objects.options[chosen] = source._objects.options[taken]
        self._objects.count[chosen] = source._objects.count[taken]
        self._painted[chosen] = source._painted[taken]
        self._buffers.pixels[chosen] = source._buffers.pixels[taken]
        if self._sprites is not None:
            self._buffers.depth[chosen] = source._buffers.depth[taken]

    def step(self, commands: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """Execute one command in each scene of `which`; see the protocol."""
        changed = self._objects.execute(check_commands(self, commands), check_mask(self, which))
        # Every change concerns the last object; if it is painted already, the picture must be painted anew.
        self._painted[changed & (self._painted >= self._objects.count)] = -1

    def canvases(self) -> npt.NDArray[np.uint8]:
        """The pictures uint8 [B, S, S, 3]; changed scenes are painted now."""
        rows = np.flatnonzero(self._painted < self._objects.count)
        if len(rows):
            if self._sprites is not None:
                self._put_together(rows)
            else:
                self._render(rows)
            self._painted[rows] = self._objects.count[rows]
        return self._buffers.pixels

    def _put_together(self, rows: npt.NDArray[np.int64]) -> None:
        sprites, count = self._sprites, self._objects.count[rows]
        assert sprites is not None
        sprites.blank(self._buffers, rows[self._painted[rows] < 0])
        done = np.maximum(self._painted[rows], 0)
        for place in range(int(done.min()), int(count.max())):
            now = rows[(done <= place) & (place < count)]
            if len(now):
                sprites.draw(self._buffers, now, self._objects.options[now, place])

    def _render(self, rows: npt.NDArray[np.int64]) -> None:
        def work(part: npt.NDArray[np.int64]) -> None:
            renderer = thread_renderer(self._settings)
            for row in part:
                present = self._objects.options[row, : self._objects.count[row]]
                self._buffers.pixels[row] = renderer.render(geoms(self._settings, present))

        parts = np.array_split(rows, min(self._threads, len(rows)))
        jobs = [worker.submit(work, part) for worker, part in zip(workers(len(parts)), parts, strict=True)]
        for job in jobs:
            job.result()
