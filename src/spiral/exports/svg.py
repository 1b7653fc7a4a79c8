"""Programs as SVG: a picture whose strokes are paths, or the bare lines for a pen plotter."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import numpy.typing as npt

from spiral.exports.measured_stroke_style import measured_curves
from spiral.exports.palettes import fewer
from spiral.exports.paths import Curve, curves, hexadecimal, stroke_settings
from spiral.io.files import write_atomically
from spiral.io.images import shown_size
from spiral.program import Program

PLOT_MILLIMETRES = 150.0
PENS = 8
"""Layers of a plot at most."""
_DOT = 0.01
"""A stroke that ends where it starts gets this length, so that its round ends are drawn."""


def write_svg(path: Path, program: Program, size: int | None = None) -> None:
    """Write a program as an SVG picture, atomically; see `to_svg`.

    Raises:
        InputError: the file cannot be written, or it is not a program of brush strokes.
    """
    write_atomically(path, to_svg(program, size).encode())


def to_svg(program: Program, size: int | None = None) -> str:
    """A picture: the ground, then each stroke as a path with its width, colour and opacity, in order.

    Each path has a title that names its command. Strokes of the `vector` engine are exact, apart from antialiasing; for
    a libmypaint brush, path, width, opacity (see `measured_curves`) and colour are shown, but not its texture.

    Raises:
        InputError: not a program of brush strokes.
    """
    settings = stroke_settings(program)
    side = settings.size if size is None else size
    width, height = shown_size(side, settings.aspect)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {side} {side}" '
        'preserveAspectRatio="none">',
        f"<title>{len(program.commands)} commands of a SPIRAL program</title>",
        f'<rect width="{side}" height="{side}" fill="{hexadecimal(settings.ground)}"/>',
        '<g fill="none" stroke-linecap="round" stroke-linejoin="round">',
    ]
    for curve in measured_curves(program, side):
        opacity = "" if curve.opacity >= 1.0 else f' stroke-opacity="{curve.opacity:.4g}"'
        parts.append(
            f'<path d="{_data(curve.points)}" stroke="{curve.hexadecimal}" stroke-width="{curve.width:.4g}"{opacity}>'
            f"<title>{_title(curve, program)}</title></path>"
        )
    return "\n".join([*parts, "</g>", "</svg>", ""])


def write_plot(path: Path, program: Program, millimetres: float = PLOT_MILLIMETRES) -> None:
    """Write a program as lines for a pen plotter, atomically; see `to_plot`.

    Raises:
        InputError: the file cannot be written, or it is not a program of brush strokes.
    """
    write_atomically(path, to_plot(program, millimetres).encode())


def to_plot(program: Program, millimetres: float = PLOT_MILLIMETRES) -> str:
    """Bare lines without fills and ground, in millimetres, one layer for each colour in the order of its first stroke.

    Each layer is a pen to change: more than eight colours become the eight that are nearest to them all.
    Layers are marked as in Inkscape, where vpype and AxiDraw's software change pens. A stroke that begins at the end of
    the last one of its layer continues the same line, so that the pen is not lifted.

    Raises:
        InputError: not a program of brush strokes.
    """
    settings = stroke_settings(program)
    stretch = (1.0, 1.0 / settings.aspect) if settings.aspect >= 1.0 else (settings.aspect, 1.0)
    layers: dict[str, list[npt.NDArray[np.float64]]] = {}
    drawn = list(curves(program))
    pens = fewer([curve.hexadecimal for curve in drawn], PENS)
    for curve in drawn:
        lines = layers.setdefault(pens[curve.hexadecimal], [])
        points = curve.points * stretch * (millimetres / settings.size)
        if lines and np.allclose(lines[-1][-1], points[0]):
            lines[-1] = np.concatenate([lines[-1], points[1:]])
        else:
            lines.append(points)
    width, height = (f"{millimetres * share:.6g}" for share in stretch)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" '
        f'width="{width}mm" height="{height}mm" viewBox="0 0 {width} {height}">'
    ]
    for number, (colour, lines) in enumerate(layers.items(), start=1):
        label = quoteattr(f"{number} {colour}")
        parts.append(
            f'<g inkscape:groupmode="layer" inkscape:label={label} id="layer{number}" fill="none" stroke="{colour}" '
            f'stroke-width="0.3" stroke-linecap="round" stroke-linejoin="round">'
        )
        parts += [f'<path d="{_data(points)}"/>' for points in lines]
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _data(points: npt.NDArray[np.float64]) -> str:
    """Path data of a start point and control and end points, [2 n + 1, 2]."""
    if (points == points[0]).all():
        points = np.array([points[0], points[0], points[0] + [_DOT, 0.0]])
    x, y = points[0]
    pieces = [f"M{x:.6g} {y:.6g}"]
    for (a, b), (c, d) in zip(points[1::2], points[2::2], strict=True):
        pieces.append(f"Q{a:.6g} {b:.6g} {c:.6g} {d:.6g}")
    return "".join(pieces)


def _title(curve: Curve, program: Program) -> str:
    chosen = zip(program.specification.names, program.commands[curve.command], strict=True)
    return f"command {curve.command + 1}: " + ", ".join(f"{name} {option}" for name, option in chosen)
