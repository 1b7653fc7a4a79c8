"""Shared by all tabs: the studio's settings, error messages, and the queue for painting."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
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
"""For events that sample: a process has one random state."""
ONE_DOCUMENT: dict[str, Any] = {"concurrency_id": "document", "concurrency_limit": 1}
"""For events that write: films take memory."""


@dataclass(frozen=True)
class Studio:
    """The folders of a studio.

    Attributes:
        runs: folder with training runs, which need not exist.
        files: folder for downloads.
        stopping: sessions of visitors who want to stop what is being painted.
    """

    runs: Path
    files: Path
    stopping: set[str | None] = field(default_factory=set)

    def until_stopped(self, session: str | None, report: Callable[[int], object]) -> Callable[[int], bool]:
        """Reports that are passed on, with the answer whether the visitor wants to stop."""
        self.stopping.discard(session)

        def told(done: int) -> bool:
            report(done)
            return session in self.stopping

        return told


@dataclass(frozen=True)
class OpenPainting:
    """The painting that a visitor has open.

    Attributes:
        painting: as painted.
        program: the same after editing.
    """

    painting: Painting
    program: Program


def show_input_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Show a function's `InputError` messages to the visitor."""

    @functools.wraps(function)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except InputError as error:
            raise gr.Error(str(error), duration=8, print_exception=False) from error

    return wrapped


def require_painting(opened: OpenPainting | None) -> OpenPainting:
    """The painting that a visitor has open.

    Raises:
        InputError: there is none.
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
    """A choice, or None for no change."""
    return None if value in (None, "", OWN, AS_IT_IS) else value
