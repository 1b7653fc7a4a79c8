"""The marks of a painting as layers: what each covers, its colour, and the colours solved for together.

A brush that only covers leaves c + a (k - c) where c was, with coverage a and colour k. So the picture is linear in
every colour, with coverage times the light that passes the marks above: the best colours of all marks together are a
linear least squares problem, bounded to 0 to 1, solved by coordinate descent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from spiral.exports.palettes import nearest
from spiral.painting.marks import Floats, Marks

_LEAST = 1e-5
_LEVELS = 255


@dataclass(frozen=True)
class Layer:
    """One mark on the canvas.

    Attributes:
        mark: int64 [8].
        box: rows and columns of the canvas that it covers.
        alpha: float32 [h, w], its coverage there.
        colour: float32 [C], 0 to 1.
    """

    mark: Marks
    box: tuple[slice, slice]
    alpha: Floats
    colour: Floats


def layer(mark: Marks, corner: tuple[int, int], alpha: Floats, colour: Floats) -> Layer:
    """A layer from coverage float32 [h, w] whose upper left corner is at (x, y), cut to what is not 0."""
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    if not len(rows):
        return Layer(mark, (slice(0, 0), slice(0, 0)), alpha[:0, :0], colour)
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    x, y = corner
    box = (slice(y + top, y + bottom), slice(x + left, x + right))
    return Layer(mark, box, alpha[top:bottom, left:right].copy(), colour)


def cover(canvas: Floats, top: Layer) -> None:
    """Put a layer onto a canvas float32 [H, W, C], in place."""
    part = canvas[top.box]
    part += top.alpha[..., None] * (top.colour - part)


def compose(ground: Floats, layers: Sequence[Layer]) -> Floats:
    """The canvas float32 [H, W, C] after layers on a ground of that shape."""
    canvas = ground.copy()
    for each in layers:
        cover(canvas, each)
    return canvas


def visible(layers: Sequence[Layer], side: int) -> list[Floats]:
    """The share of each layer that is seen, float32 [h, w] in its box."""
    light, shares = np.ones((side, side), np.float32), []
    for each in reversed(layers):
        part = light[each.box]
        shares.append(part * each.alpha)
        part *= 1 - each.alpha
    return shares[::-1]


def recolour(
    layers: Sequence[Layer],
    ground: Floats,
    target: Floats,
    weights: Floats,
    palette: Floats | None = None,
    sweeps: int = 20,
) -> list[Layer]:
    """The same layers in the colours that are best together.

    Args:
        layers: from the first to the last.
        ground: float32 [S, S, C].
        target: float32 [S, S, C].
        weights: float32 [S, S].
        palette: colours to keep to, float32 [P, C]; any when None.
        sweeps: over all colours.
    """
    shares = visible(layers, len(target))
    error = target - compose(ground, layers)
    weighted = [weights[each.box] * share for each, share in zip(layers, shares, strict=True)]
    norms = [float((w * share).sum()) for w, share in zip(weighted, shares, strict=True)]
    colours = [each.colour for each in layers]
    for _ in range(sweeps):
        for index, each in enumerate(layers):
            if norms[index] < _LEAST:
                continue
            part = error[each.box]
            best = colours[index] + np.tensordot(weighted[index], part, 2) / norms[index]
            best = (np.clip(best, 0, 1) if palette is None else nearest(palette, best)).astype(np.float32)
            part -= shares[index][..., None] * (best - colours[index])
            colours[index] = best
    return [replace(each, colour=rounded(colour)) for each, colour in zip(layers, colours, strict=True)]


def rounded(colours: Floats) -> Floats:
    """Colours float32, 0 to 1, at the levels that a command can choose."""
    return np.round(colours * _LEVELS) / np.float32(_LEVELS)


def squared_error(target: Floats, canvas: Floats, weights: Floats) -> float:
    """The weighted squared error of a canvas float32 [S, S, C], summed."""
    return float((weights[..., None] * np.square(target - canvas)).sum(dtype=np.float64))


def worths(layers: Sequence[Layer], ground: Floats, target: Floats, weights: Floats) -> np.ndarray:
    """By how much the squared error would grow without each layer: float64 [N]."""
    shares = visible(layers, len(target))
    canvas, below = ground.copy(), []
    for each in layers:
        below.append(canvas[each.box].copy())
        cover(canvas, each)
    error, found = target - canvas, []
    for each, share, under in zip(layers, shares, below, strict=True):
        change = share[..., None] * (each.colour - under)
        part, weight = error[each.box], weights[each.box][..., None]
        found.append(float((weight * change * (2 * part + change)).sum(dtype=np.float64)))
    return np.array(found)
