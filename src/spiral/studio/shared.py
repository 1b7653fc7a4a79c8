"""What all tabs share: the studio's settings, how refusals are told, and the queue for whatever paints."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from spiral.engines import missing, mypaint
from spiral.engines.base import stroke_engines
from spiral.errors import InputError
from spiral.program import Program
from spiral.studio.handlers import Painting

OWN, AS_IT_IS = "the agent's own", "as it is"
ONE_AT_A_TIME: dict[str, Any] = {"concurrency_id": "painter", "concurrency_limit": 1}
"""For events that sample: the random state of a process is one."""
ONE_DOCUMENT: dict[str, Any] = {"concurrency_id": "document", "concurrency_limit": 1}
"""For events that write: a film takes memory."""


@dataclass(frozen=True)
class Studio:
    """Where a studio reads and writes.

    Attributes:
        runs: folder with training runs, which need not exist.
        files: folder for documents that are downloaded.
    """

    runs: Path
    files: Path


@dataclass(frozen=True)
class OpenPainting:
    """What a visitor is looking at.

    Attributes:
        painting: as it was painted.
        program: the same after editing.
    """

    painting: Painting
    program: Program


def show_input_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, whose refusals are shown to the visitor as they are worded."""

    @functools.wraps(function)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except InputError as error:
            raise gr.Error(str(error), duration=8, print_exception=False) from error

    return wrapped


def require_painting(opened: OpenPainting | None) -> OpenPainting:
    """What a visitor is looking at.

    Raises:
        InputError: nothing.
    """
    if opened is None:
        raise InputError("paint something first")
    return opened


def brushes() -> list[str]:
    """Brushes to choose from, styles first; none without libmypaint."""
    if missing("mypaint") is not None:
        return []
    styles = [name for name in mypaint.STYLES if name != "watercolor"]
    return [*styles, *mypaint.brush_names()]


def engines() -> list[str]:
    """Engines of brush strokes that work here."""
    return [name for name in stroke_engines() if missing(name) is None]


def chosen(value: str | None) -> str | None:
    """A choice, or None for leaving things as they are."""
    return None if value in (None, "", OWN, AS_IT_IS) else value
