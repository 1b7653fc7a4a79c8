"""The command `spiral`. With `--json`, machine-readable output goes to stdout; all other output goes to stderr.

Wrong input ends with exit status 2 and one line that says what and why.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO

import tyro

from spiral.commands.arguments import read_as_meant
from spiral.commands.editing import program_command
from spiral.commands.lessons import Lessons
from spiral.commands.listing import Engines, Presets, Scenes
from spiral.commands.measuring import Bench, Evaluate, Report
from spiral.commands.painting import Paint, Render, Sample
from spiral.commands.refining import Refine
from spiral.commands.robot import Robot
from spiral.commands.searching import Search
from spiral.commands.studio import Studio
from spiral.commands.training import train_command
from spiral.commands.tuning import tune_command
from spiral.errors import InputError, LeftOutWarning, PictureWarning, TrainingError

_COMMANDS: dict[str, Any] = {
    "paint": Paint,
    "sample": Sample,
    "render": Render,
    "refine": Refine,
    "search": Search,
    "lessons": Lessons,
    "evaluate": Evaluate,
    "report": Report,
    "bench": Bench,
    "presets": Presets,
    "engines": Engines,
    "scenes": Scenes,
    "robot": Robot,
    "studio": Studio,
}


def _usage() -> str:
    lines = ["usage: spiral COMMAND ...", "", "  train     train an agent: spiral train PRESET"]
    lines += ["  tune      train a population of agents that learn from each other: spiral tune PRESET"]
    lines += ["  program   edit programs: spiral program show|trim|reorder|recolor"]
    lines += [f"  {name:9} {(command.__doc__ or '').splitlines()[0]}" for name, command in _COMMANDS.items()]
    return "\n".join([*lines, "", "`spiral COMMAND --help` has more."])


def _dispatch(arguments: Sequence[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_usage())
    elif arguments[0] == "--version":
        from spiral import __version__

        print(f"spiral {__version__}")
    elif arguments[0] == "train":
        train_command(arguments[1:])
    elif arguments[0] == "tune":
        tune_command(arguments[1:])
    elif arguments[0] == "program":
        program_command(arguments[1:])
    elif arguments[0] in _COMMANDS:
        command: Callable[[], None] = tyro.cli(
            _COMMANDS[arguments[0]], args=list(arguments[1:]), prog=f"spiral {arguments[0]}"
        )
        command()
    else:
        raise InputError(f"unknown command {arguments[0]!r}; there are: train, tune, program, {', '.join(_COMMANDS)}")


@contextlib.contextmanager
def _picture_warnings() -> Iterator[list[str]]:
    """Keep warnings about pictures as lines for later; data sets' are shown at once, others as Python does."""
    kept: list[str] = []
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            told = f"spiral: {' '.join(str(message).split())}"
            if issubclass(category, LeftOutWarning):
                print(told, file=sys.stderr)  # now: a training run may take hours
            elif issubclass(category, PictureWarning):
                kept.append(told)
            else:
                others(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield kept


def _open_streams() -> None:
    """Give a process whose standard streams are closed, as a service's may be, streams that lead nowhere.

    Otherwise the next file that is opened would get their place, and what libraries print.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


def _require_place() -> None:
    """Check that there is a current folder, which torch asks for when it is imported.

    Raises:
        InputError: it was deleted.
    """
    try:
        os.getcwd()
    except OSError as error:
        raise InputError("the folder that this was started in does not exist any more; change to another") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status and prints no traceback for wrong input."""
    _open_streams()
    try:
        _require_place()
        with _picture_warnings() as kept:
            _dispatch(read_as_meant(sys.argv[1:] if arguments is None else arguments))
        for line in kept:  # only after success: errors stay alone
            print(line, file=sys.stderr)
        sys.stdout.flush()
        return 0
    except (InputError, TrainingError) as error:
        print(f"spiral: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt as stop:
        print(f"spiral: {str(stop) or 'stopped'}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            os.close(sys.stdout.fileno())
        return 1


def run() -> None:
    """The entry point of the installed command."""
    sys.exit(main())


if __name__ == "__main__":
    run()
