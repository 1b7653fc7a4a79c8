"""A simulated arm that paints programs of brush strokes on a sheet of paper."""

from spiral.robot.painter import Performance, perform

__all__ = ["Performance", "perform"]
