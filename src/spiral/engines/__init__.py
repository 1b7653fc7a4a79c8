"""Engines execute commands on canvases."""

from spiral.engines.base import ENGINES, Engine, blank, make, missing, observe, settings_of
from spiral.engines.settings import CanvasSettings

__all__ = [
    "ENGINES",
    "CanvasSettings",
    "Engine",
    "blank",
    "make",
    "missing",
    "observe",
    "settings_of",
]
