"""The best colour of a mark, and what the mark then gains, in closed form.

Let b be what is below a mark, a its coverage, k its colour, and t(x) the light that reaches the viewer from there (1 if
nothing lies above). With e the error before, the error after is e - t a (k - b): a square in k. Its minimum and the
gain follow from five sums over the pixels, weighted by w:

    AB = sum w t a e + sum w t^2 a^2 b    (a value for each channel)
    F  = 2 sum w t a e.b + sum w t^2 a^2 b.b
    D  = sum w t^2 a^2
    k  = AB / D,    gain = sum over channels of k (2 AB - k D), minus F
"""

from __future__ import annotations

import numpy as np

from spiral.exports.palettes import nearest
from spiral.painting.marks import Floats

_LEAST = 1e-6


def fields(error: Floats, below: Floats, weights: Floats, light: Floats | None = None) -> tuple[Floats, Floats]:
    """What coverage and its square are summed with.

    Args:
        error: float32 [..., H, W, C], target minus canvas, 0 to 1.
        below: float32 [..., H, W, C], what the mark is painted on.
        weights: float32 [H, W].
        light: float32 [H, W], the share of light that passes what lies above; 1 when None.

    Returns:
        float32 [..., C + 1, H, W]: w t e and 2 w t e.b; float32 [..., C + 2, H, W]: w t^2 b, w t^2 b.b, w t^2.
    """
    once = weights if light is None else weights * light
    twice = once if light is None else once * light
    e, b = np.moveaxis(error, -1, -3), np.moveaxis(below, -1, -3)
    first = np.concatenate([e, 2 * (e * b).sum(-3, keepdims=True)], -3) * once
    second = np.concatenate([b, (b * b).sum(-3, keepdims=True), np.ones_like(b[..., :1, :, :])], -3) * twice
    return first.astype(np.float32, copy=False), second.astype(np.float32, copy=False)


def solve(
    first: Floats, second: Floats, palette: Floats | None = None, levels: int | None = None
) -> tuple[Floats, Floats]:
    """Gains and colours from the sums.

    Args:
        first: float32 [..., C + 1], sums of coverage times the first fields.
        second: float32 [..., C + 2], sums of squared coverage times the second ones.
        palette: colours to keep to, float32 [P, C]; any when None.
        levels: number of levels of each channel to keep to; any when None.

    Returns:
        Gains float32 [...] in squared error, and colours float32 [..., C], 0 to 1.
    """
    both, f = first[..., :-1] + second[..., :-2], first[..., -1] + second[..., -2]
    d = second[..., -1:]
    colours: Floats = np.clip(both / np.maximum(d, _LEAST), 0.0, 1.0).astype(np.float32, copy=False)
    if palette is not None:
        colours = nearest(palette, colours)
    if levels is not None:
        colours = np.round(colours * (levels - 1)) / np.float32(levels - 1)
    return (colours * (2 * both - colours * d)).sum(-1) - f, colours
