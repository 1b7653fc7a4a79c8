"""SPIRAL: agents that write programs which paint pictures (Ganin et al. 2018, arXiv 1804.01118)."""

from __future__ import annotations

from importlib.metadata import version

import gymnasium

from spiral.errors import InputError, TrainingError
from spiral.program import Program

__version__ = version("spiral-painter")
__all__ = ["InputError", "Program", "TrainingError", "__version__"]

# By name only: the environments are imported when one is made.
gymnasium.register(
    "spiral/Paint-v0",
    entry_point="spiral.environments:PaintEnv",
    vector_entry_point="spiral.environments:PaintVectorEnv",
)
