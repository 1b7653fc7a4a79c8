"""Engines execute commands on canvases."""

from spiral.engines.base import (
    DeviceEngine,
    Engine,
    Registration,
    blank,
    known,
    make,
    make_on_device,
    missing,
    observe,
    register,
    settings_of,
)
from spiral.engines.settings import CanvasSettings

__all__ = [
    "CanvasSettings",
    "DeviceEngine",
    "Engine",
    "Registration",
    "blank",
    "known",
    "make",
    "make_on_device",
    "missing",
    "observe",
    "register",
    "settings_of",
]
