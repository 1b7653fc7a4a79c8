"""The vector engine on the device of the networks: Agg's strokes as tensors.

`spiral.engines.outlines` has the polygons, `spiral.engines.coverage` fills them, and colours are mixed here, in Agg's
own whole numbers. Pictures are those of `spiral.engines.vector`, within two of 255 levels at most.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spiral.engines.agg import DOT
from spiral.engines.coverage import SUBPIXELS, cover
from spiral.engines.outlines import arc_points, levels_for, outlines, polylines
from spiral.engines.strokes import COLOURS, PAINT, StrokeSettings, decode

_OPAQUE = 255


def build(batch: int, settings: dict[str, Any], device: torch.device) -> VectorEngineOnDevice | None:
    """Build the engine, or None for compound strokes; use `spiral.engines.make_on_device`."""
    parsed = StrokeSettings.parse(settings)
    return None if parsed.spline else VectorEngineOnDevice(batch, parsed, device)


class VectorEngineOnDevice:
    """A batch of canvases; see `spiral.engines.DeviceEngine` for the protocol."""

    name = "vector"

    def __init__(self, batch: int, settings: StrokeSettings, device: torch.device) -> None:
        """Blank canvases."""
        self.batch, self.specification, self.settings = batch, settings.specification(), settings.to_json()
        self.shape: tuple[int, int, int] = (settings.size, settings.size, settings.channels)
        self._settings, self._device = settings, device
        self._columns = {name: index for index, name in enumerate(settings.choices)}
        self._radii, self._opacities, self._levels, self._ink = self._tables(device)
        largest = float(self._radii.max())
        self._arc = arc_points(largest)
        # An outline runs along both sides of a curve, which turns back once at most, and round its caps and corners.
        self._cuts = 12 * settings.size + 24 * math.ceil(largest) + 600
        ground = [round(_OPAQUE * value) for value in settings.ground[: settings.channels]]
        self._ground = torch.tensor(ground, dtype=torch.uint8, device=device)
        self._pixels = self._ground.expand(batch, *self.shape).clone()
        self._pens = torch.zeros(batch, 2, dtype=torch.float64, device=device)
        self.state = [self._pixels, self._pens]

    def _tables(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Radii float64; opacities, levels of colours and the ink int64 0 to 255: what `decode` makes of options."""
        settings, one = self._settings, np.zeros(1, np.int64)

        def decoded(name: str, count: int) -> Any:
            position = self._columns.get(name)
            options = np.arange(count if position is not None else 1)
            commands = np.tile(np.repeat(one, len(settings.choices)), (len(options), 1))
            if position is not None:
                commands[:, position] = options
            return decode(settings, commands)

        radii = decoded("size", len(settings.radii)).radius.astype(np.float64)
        opacities = np.floor(decoded("pressure", settings.pressures).pressure.astype(np.float64) * _OPAQUE + 0.5)
        levels = np.floor(decoded("red", settings.levels).colour[:, 0].astype(np.float64) * _OPAQUE + 0.5)
        ink = np.floor(np.asarray(settings.ink, np.float32).astype(np.float64) * _OPAQUE + 0.5)

        def there(array: np.ndarray, kind: torch.dtype) -> Tensor:
            return torch.from_numpy(array).to(device, kind)

        return (
            there(radii, torch.float64),
            there(opacities, torch.int64),
            there(levels, torch.int64),
            there(ink, torch.int64),
        )

    def reset(self, which: Tensor | None = None) -> None:
        """Blank the canvases in `which` and put their pens in the upper left corner; see the protocol."""
        chosen = torch.ones(self.batch, dtype=torch.bool, device=self._device) if which is None else which
        self._pixels.copy_(torch.where(chosen[:, None, None, None], self._ground, self._pixels))
        self._pens.copy_(torch.where(chosen[:, None], 0.0, self._pens))

    def step(self, commands: Tensor) -> None:
        """Execute one command on each canvas; see the protocol."""
        settings = self._settings
        end = self._place(commands, "end")
        pens = self._place(commands, "start") if "start" in self._columns else self._pens
        control = self._place(commands, "control") if "control" in self._columns else (pens + end) / 2
        dot = (pens == end).all(1) & (pens == control).all(1)
        drawn_to = torch.stack([end[:, 0] + DOT * dot, end[:, 1]], dim=1)
        radius = self._chosen(commands, "size", self._radii)
        points, count = polylines(pens, control, drawn_to, levels_for(settings.size))
        corners = outlines(points, count, radius, self._arc)
        covers = cover((corners * SUBPIXELS + 0.5).floor().long(), settings.size, self._cuts).clamp_max(_OPAQUE)
        if "flag" in self._columns:
            covers = covers * (commands[:, self._columns["flag"]] == PAINT)[:, None, None]
        opacity = self._chosen(commands, "pressure", self._opacities)[:, None, None]
        self._pixels.copy_(_mixed(self._pixels, self._colour(commands), opacity, covers))
        self._pens.copy_(end)

    def canvases(self) -> Tensor:
        """The canvases, uint8 [B, H, W, C]."""
        return self._pixels

    def _place(self, commands: Tensor, name: str) -> Tensor:
        """The location of a choice: float64 [B, 2], (x, y) in pixels."""
        grid, cells = self._settings.grid, commands[:, self._columns[name]]
        places = torch.stack([cells % grid, cells // grid], dim=1).double() * (self._settings.size / grid)
        return places.float().double()  # as exact as `decode` has it

    def _chosen(self, commands: Tensor, name: str, table: Tensor) -> Tensor:
        """The value of a choice for each canvas, the first of the table where it is no choice: [B]."""
        column = self._columns.get(name)
        return table[:1].expand(self.batch) if column is None else table[commands[:, column]]

    def _colour(self, commands: Tensor) -> Tensor:
        """Colours int64 [B, C], 0 to 255."""
        if "red" not in self._columns:
            return self._ink[: self.shape[2]].expand(self.batch, -1)
        return torch.stack([self._levels[commands[:, self._columns[name]]] for name in COLOURS], dim=1)


def _mixed(pixels: Tensor, colour: Tensor, opacity: Tensor, covers: Tensor) -> Tensor:
    """Opaque pixels uint8 [B, H, W, C] with a colour over them: `fixed_blender_rgba_plain` of matplotlib's Agg."""
    product = opacity * covers + 128
    alpha = (((product >> 8) + product) >> 8)[..., None]
    below, over = pixels.long() * _OPAQUE, (colour << 8)[:, None, None, :]
    mixed = ((over - below) * alpha + (below << 8)) // (((alpha + _OPAQUE) << 8) - alpha * _OPAQUE)
    mixed = torch.where(alpha == _OPAQUE, colour[:, None, None, :], mixed)
    return torch.where(alpha == 0, pixels, mixed.to(torch.uint8))
