"""Checks of a brush's settings before libmypaint sees them: it ends the process, or never returns, for wrong ones."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from spiral.errors import InputError

_MOST_POINTS = 64
"""Of a curve; libmypaint ends the process for more, or for one."""
_LARGEST = 1e6
_RATES = ("dabs_per_actual_radius", "dabs_per_basic_radius")
_REACH = {
    "dabs_per_second": 500.0, "tracking_noise": 50.0, "custom_input": 100.0, "pressure_gain_log": 2.0,
    "speed1_gamma": 20.0, "speed2_gamma": 20.0,
}  # fmt: skip
"""How far settings may go that make work for libmypaint, or drive curves that do: a few times as far as MyPaint's."""
_MOST_DABS = 1000.0
"""Dabs in the length of a radius, the rates multiplied by the ellipse's ratio; MyPaint's own brushes reach 233."""
_RANGES = {
    "pressure": (0.0, 1.0), "random": (0.0, 1.0), "stroke": (0.0, 1.0), "speed1": (0.0, 4.0), "speed2": (0.0, 4.0),
    "direction": (0.0, 180.0), "direction_angle": (0.0, 360.0), "attack_angle": (-180.0, 180.0),
    "tilt_declination": (0.0, 90.0), "tilt_ascension": (-180.0, 180.0), "tilt_declinationx": (-90.0, 90.0),
    "tilt_declinationy": (-90.0, 90.0), "custom": (-10.0, 10.0), "gridmap_x": (0.0, 256.0), "gridmap_y": (0.0, 256.0),
    "viewzoom": (-2.77, 4.15), "barrel_rotation": (-180.0, 180.0), "brush_radius": (-2.0, 6.0),
}  # fmt: skip
"""Usual values of what a curve is over: libmypaint extends a curve's first and last pieces as far as these go."""


def check_brush(path: Path, settings: dict[str, Any]) -> None:
    """Check a brush's settings.

    Args:
        path: for messages.
        settings: base values and curves by name, as in a `.myb` file.

    Raises:
        InputError: one has a wrong base value or curve, or the brush would paint without end; the message names it.
    """
    for name, setting in settings.items():
        inputs = setting.get("inputs", {}) if isinstance(setting, dict) else None
        if not isinstance(inputs, dict) or not _finite(setting.get("base_value", 0.0)):
            raise InputError(f"{path}: the setting {name!r} must have a finite base_value and inputs")
        for curve, points in inputs.items():
            if not _is_curve(points):
                raise InputError(
                    f"{path}: the curve of {name!r} over {curve!r} must have no points or 2 to {_MOST_POINTS} "
                    "points [x, y], finite, with x in ascending order"
                )
    for name, most in _REACH.items():
        if (reach := _reach(settings, name)) > most:
            raise InputError(f"{path}: the setting {name!r} reaches {reach:g}, more than {most:g}")
    dabs = sum(_reach(settings, name) for name in _RATES) * max(1.0, _reach(settings, "elliptical_dab_ratio"))
    if dabs > _MOST_DABS:
        names = " and ".join((*_RATES, "elliptical_dab_ratio"))
        raise InputError(f"{path} would paint too slowly: {names} reach {dabs:g} dabs a radius, above {_MOST_DABS:g}")


def _is_curve(points: Any) -> bool:
    if not isinstance(points, list) or len(points) == 1 or len(points) > _MOST_POINTS:
        return False
    if not all(isinstance(point, list) and len(point) == 2 and all(map(_finite, point)) for point in points):
        return False
    return all(first[0] <= second[0] for first, second in itertools.pairwise(points))


def _finite(value: Any) -> bool:
    """Whether a value is a number that libmypaint's floats can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _reach(settings: dict[str, Any], name: str) -> float:
    """The largest absolute value that a setting's base value and curves may add up to."""
    setting = settings.get(name, {})
    reach = abs(setting.get("base_value", 0.0))
    for curve, points in setting.get("inputs", {}).items():
        if points and curve in _RANGES:
            low, high = _RANGES[curve]
            ends = (_extended(points[1], points[0], low), _extended(points[-2], points[-1], high))
            reach += max(abs(y) for y in (*ends, *(y for _, y in points)))
    return reach


def _extended(inner: list[float], outer: list[float], x: float) -> float:
    """The line through a curve's two last points at `x`; the outer one's value where `x` lies on the curve."""
    (x0, y0), (x1, y1) = inner, outer
    beyond = (x - x1) * (x1 - x0) > 0
    return y1 + (y1 - y0) / (x1 - x0) * (x - x1) if beyond else y1
