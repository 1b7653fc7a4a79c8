"""Engines execute commands on canvases."""

from spiral.engines.base import (
    Engine,
    Registration,
    blank,
    known,
    make,
    missing,
    observe,
    register,
    settings_of,
)
from spiral.engines.settings import CanvasSettings

__all__ = [
    "CanvasSettings",
    "Engine",
    "Registration",
    "blank",
    "known",
    "make",
    "missing",
    "observe",
    "register",
    "settings_of",
]
