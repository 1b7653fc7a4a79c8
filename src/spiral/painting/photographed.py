"""What is on the paper, from a photograph of it and the program that was painted there.

A camera changes colours, blurs and adds noise. Where the painting went as planned, a comparison with the program's own
picture shows all three, and they are taken back. What remains different is what really is on the paper: a stroke that
failed, a stain, another colour.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from spiral.exports.documents import picture as rendered
from spiral.painting.marks import Floats
from spiral.program import Program

_SIDE = 512
"""Longer side, in pixels, at which both are compared."""
_BLURS = (0.0, 1.0, 2.0, 3.0, 4.5, 6.0)
"""Standard deviations in pixels."""
_ROUNDS = 4
_TRUSTED = 0.7
"""Share of the pixels, those that fit best, from which the camera's colours are learned."""
_DOUBT = 3.0
"""A difference counts half at so many times the noise."""
_NEAR = 2.0
"""Standard deviation, in pixels, over which a difference is averaged before it is believed."""


def on_the_paper(photograph: Image.Image, program: Program) -> Image.Image:
    """The painting as it is on the paper: RGB or L, its longer side 512 pixels at most.

    Args:
        photograph: of the whole painting and nothing else, in mode `L` or `RGB` as the program's channels are.
        program: what was painted so far.

    Raises:
        InputError: the program's engine is missing.
    """
    planned = Image.fromarray(rendered(program, _SIDE).squeeze())
    seen = _floats(photograph.convert(planned.mode).resize(planned.size, Image.Resampling.BICUBIC))
    wanted, best = _floats(planned), None
    for blur in _BLURS:
        blurred = _blurred(wanted, blur)
        balanced = balance(seen, blurred)
        off = float(np.median(np.abs(balanced - blurred)))
        if best is None or off < best[0]:
            best = off, balanced - blurred
    assert best is not None
    difference = best[1]
    near = _blurred(difference + 0.5, _NEAR) - 0.5
    noise = 1.5 * np.median(np.abs(near)) + 1e-3
    size = np.square(near).sum(2, keepdims=True)
    # The difference that is averaged is added: noise does not come back with it.
    paper = wanted + near * (size / (size + np.square(_DOUBT * noise)))
    pixels = np.round(np.clip(paper, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(pixels.squeeze())


def balance(seen: Floats, wanted: Floats) -> Floats:
    """Colours float32 [H, W, C] of a photograph turned into those of a picture of that shape, by one linear map.

    The map is fitted to the pixels that agree best, so a part that is different does not change it.
    """
    rows = np.concatenate([seen.reshape(-1, seen.shape[2]), np.ones((seen[..., 0].size, 1), np.float32)], 1)
    goal = wanted.reshape(-1, wanted.shape[2])
    kept = np.ones(len(rows), bool)
    # As if a few pixels had shown every colour unchanged: a picture of few colours does not tell about the others.
    prior = np.eye(rows.shape[1], goal.shape[1], dtype=np.float32)
    weight = 1e-4 * len(rows)
    after = seen.reshape(goal.shape)
    for _ in range(_ROUNDS):
        some = rows[kept]
        normal = some.T @ some + weight * np.eye(rows.shape[1])
        fitted = np.linalg.solve(normal, some.T @ goal[kept] + weight * prior)
        after = (rows @ fitted).astype(np.float32)
        off = np.square(after - goal).sum(1)
        kept = off <= np.quantile(off, _TRUSTED)
    return after.reshape(seen.shape)


def _floats(picture: Image.Image) -> Floats:
    pixels = np.asarray(picture, np.float32) / np.float32(255)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _blurred(pixels: Floats, sigma: float) -> Floats:
    """Gaussian blur of float32 [H, W, C], edges repeated."""
    if sigma == 0:
        return pixels
    reach = round(3 * sigma)
    taps = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in (0, 1):
        padded = np.pad(pixels, [(reach, reach) if axis == each else (0, 0) for each in range(3)], mode="edge")
        length = pixels.shape[axis]
        pixels = sum(
            (tap * padded.take(range(k, k + length), axis) for k, tap in enumerate(taps)), np.zeros_like(pixels)
        )
    return pixels
