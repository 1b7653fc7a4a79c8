"""Programs as OpenRaster pictures, which Krita, MyPaint and GIMP open: paper below, a layer for each stage above.

A stage's layer is what its strokes leave on nothing. They are painted on black and on white: where the two differ, the
paint lets light through. Brushes that smudge what lies below cannot be taken apart so, and look a little different.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import numpy.typing as npt
from PIL import Image

from spiral.engines import make
from spiral.exports.paths import curves, stroke_settings
from spiral.io.files import write_atomically
from spiral.io.images import png_bytes, shown_size
from spiral.program import Program

STAGES = 8
_THUMBNAIL = 256


def write_openraster(path: Path, program: Program, size: int | None = None, stages: int = STAGES) -> None:
    """Write a program as an OpenRaster file (.ora), atomically.

    Args:
        path: the file.
        program: of brush strokes.
        size: the longer side in pixels; the program's own when None.
        stages: layers of strokes; fewer if there are fewer strokes.

    Raises:
        InputError: not a program of brush strokes, its engine is missing, or the file cannot be written.
    """
    program = program if size is None else program.with_settings(size=size)
    settings = stroke_settings(program)
    shape = shown_size(settings.size, settings.aspect)
    ground = tuple(round(255 * value) for value in settings.ground)
    layers = [("paper", Image.new("RGBA", shape, (*ground, 255)))]
    for name, pixels in stage_layers(program, stages):
        layers.append((name, Image.fromarray(pixels).resize(shape, Image.Resampling.BICUBIC)))
    merged = layers[0][1]
    for _, layer in layers[1:]:
        merged = Image.alpha_composite(merged, layer)
    thumbnail = merged.copy()
    thumbnail.thumbnail((_THUMBNAIL, _THUMBNAIL))
    entries = [f'<image w="{shape[0]}" h="{shape[1]}" version="0.0.3"><stack>']
    # The uppermost layer comes first.
    for number, (name, _) in reversed(list(enumerate(layers))):
        entries.append(f'<layer name={quoteattr(name)} src="data/layer{number:02d}.png" x="0" y="0" opacity="1.0"/>')
    stack = "\n".join([*entries, "</stack></image>", ""])
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        # The format wants this entry first, and not compressed.
        archive.writestr("mimetype", "image/openraster")
        archive.writestr("stack.xml", stack)
        for number, (_, layer) in enumerate(layers):
            archive.writestr(f"data/layer{number:02d}.png", png_bytes(layer))
        archive.writestr("mergedimage.png", png_bytes(merged))
        archive.writestr("Thumbnails/thumbnail.png", png_bytes(thumbnail))
    write_atomically(path, stream.getvalue())


def stage_layers(program: Program, stages: int) -> list[tuple[str, npt.NDArray[np.uint8]]]:
    """Names and pixels, uint8 [S, S, 4] with straight alpha, of the layers, the lowest first.

    Args:
        program: of brush strokes.
        stages: layers at most.

    Raises:
        InputError: not a program of brush strokes, or its engine is missing.
    """
    settings = stroke_settings(program)
    drawn = [curve.command for curve in curves(program)]
    groups = [part for part in np.array_split(np.array(drawn, np.int64), stages) if len(part)]
    engine, commands = make(program.engine, 2, program.settings), program.array()
    engine.reset(np.full(2, program.seed, np.int64))
    grounds = np.broadcast_to(np.array([0, 255], np.uint8)[:, None, None, None], (2, *engine.shape)).copy()
    found, begin, before, pen = [], 0, 0, np.zeros(2, np.float32)
    for group in groups:
        until = int(group[-1]) + 1
        engine.load(grounds, np.stack([pen, pen]))
        for command in commands[begin:until]:
            engine.step(np.stack([command, command]))
        black, white = engine.canvases().astype(np.float32) / 255
        alpha = np.clip(1 - (white - black).mean(2, keepdims=True), 0, 1)
        colour = np.clip(black / np.maximum(alpha, 1e-3), 0, 1)
        colour = colour if colour.shape[2] == 3 else np.repeat(colour, 3, 2)
        pixels = np.round(np.concatenate([colour, alpha], 2) * 255).astype(np.uint8)
        found.append((f"strokes {before + 1} to {before + len(group)}", pixels))
        cell = int(commands[until - 1][program.specification.names.index("end")])
        row, column = divmod(cell, settings.grid)
        pen = np.array([column, row], np.float32) * np.float32(settings.size / settings.grid)
        begin, before = until, before + len(group)
    return found
