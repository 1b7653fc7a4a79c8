"""Engines execute commands on canvases."""

from spiral.engines.base import ENGINES, Engine, make, missing, observe, process, render

__all__ = ["ENGINES", "Engine", "make", "missing", "observe", "process", "render"]
