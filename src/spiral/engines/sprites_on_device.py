"""The scene engine on the device of the networks: sprites put together as tensors (see `spiral.engines.sprites`).

All single objects are rendered beforehand, by MuJoCo on a processor. Of each scene the picture is kept, and the picture
without the object placed last, since only that one can change: every command draws at most one object.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from spiral.engines.objects import ADD, CHANGE, TYPES, SceneSettings
from spiral.engines.sprites import Sprites, can_use_sprites, sprites_for


def build(batch: int, settings: dict[str, Any], device: torch.device) -> SceneEngineOnDevice | None:
    """Build the engine, or None where scenes are no sprites; use `spiral.engines.make_on_device`."""
    parsed = SceneSettings.parse(settings)
    return SceneEngineOnDevice(batch, parsed, device) if can_use_sprites(parsed) else None


class SceneEngineOnDevice:
    """A batch of scenes; see `spiral.engines.DeviceEngine` for the protocol."""

    name = "scene"

    def __init__(self, batch: int, settings: SceneSettings, device: torch.device) -> None:
        """Make empty floors, and render all single objects if that has not been done in this process."""
        self.batch, self.specification, self.settings = batch, settings.specification(), settings.to_json()
        self.shape: tuple[int, int, int] = (settings.size, settings.size, settings.channels)
        self._settings = settings
        sprites = sprites_for(settings)
        sprites.learn_all()
        self._load(sprites, device)
        pixels, depth = self._floor.expand(batch, -1, -1), self._far.expand(batch, -1)
        self._now, self._now_depth = pixels.clone(), depth.clone()
        # Without the object placed last.
        self._before, self._before_depth = pixels.clone(), depth.clone()
        self._count = torch.zeros(batch, dtype=torch.int64, device=device)
        self.state = [self._now, self._now_depth, self._before, self._before_depth, self._count]

    def _load(self, sprites: Sprites, device: torch.device) -> None:
        """Put the sprites onto the device: N sprites of P pixels, whose places in the picture are P indices each."""
        size, window = self._settings.size, np.arange(sprites.side)
        rows, columns = (sprites.corner[:, axis, None] + window for axis in (0, 1))
        places = (rows[:, :, None] * size + columns[:, None, :]).reshape(len(rows), -1)
        levels = (np.arange(self._settings.levels) / (self._settings.levels - 1)).astype(np.float32)

        def there(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        count = len(places)
        self._places, self._depth = there(places), there(sprites.depth.reshape(count, -1))
        self._white, self._gloss = (there(part.reshape(count, -1)) for part in (sprites.white, sprites.gloss))
        self._levels, self._floor = there(levels), there(sprites.floor.reshape(1, -1, 3))
        self._far = there(sprites.far.reshape(1, -1))

    def reset(self, which: Tensor | None = None) -> None:
        """Clear the floors in `which`; see the protocol."""
        chosen = torch.ones_like(self._count, dtype=torch.bool) if which is None else which
        self._now.copy_(torch.where(chosen[:, None, None], self._floor, self._now))
        self._now_depth.copy_(torch.where(chosen[:, None], self._far, self._now_depth))
        self._count.copy_(torch.where(chosen, 0, self._count))

    def step(self, commands: Tensor) -> None:
        """Execute one command in each scene; see the protocol."""
        action, place, kind, size = commands[:, :4].unbind(1)
        adds = (action == ADD) & (self._count < self._settings.objects)
        drawn = adds | ((action == CHANGE) & (self._count > 0))
        self._count += adds
        # What is there now is what an added object is put into; a changed one is put into what was there before it.
        self._before.copy_(torch.where(adds[:, None, None], self._now, self._before))
        self._before_depth.copy_(torch.where(adds[:, None], self._now_depth, self._before_depth))
        key = (place * len(TYPES) + kind) * len(self._settings.sizes) + size
        where = self._places[key]
        depth, behind = self._depth[key], self._before_depth.gather(1, where)
        nearer = depth <= behind  # of two at the same depth MuJoCo shows the one drawn later
        colours = self._levels[commands[:, 4:7]][:, None, :]
        gloss = self._gloss[key][..., None].float()
        lit = (gloss + (self._white[key][..., None] - gloss) * colours + 0.5).to(torch.uint8)
        three = where[..., None].expand(-1, -1, 3)
        lit = torch.where(nearer[..., None], lit, self._before.gather(1, three))
        pixels = self._before.scatter(1, three, lit)
        depths = self._before_depth.scatter(1, where, torch.where(nearer, depth, behind))
        self._now.copy_(torch.where(drawn[:, None, None], pixels, self._now))
        self._now_depth.copy_(torch.where(drawn[:, None], depths, self._now_depth))

    def canvases(self) -> Tensor:
        """The pictures uint8 [B, S, S, 3]."""
        return self._now.view(self.batch, *self.shape)
