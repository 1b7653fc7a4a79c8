"""Command lines of an experiment: a preset's own values are the defaults of the typed flags."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import tyro

from spiral.engines import settings_of
from spiral.errors import InputError
from spiral.presets import PRESETS, preset
from spiral.settings import Preset


def parse_experiment(command: str, arguments: Sequence[str], **flags: Any) -> tuple[Preset, list[Any]] | None:
    """`spiral COMMAND PRESET --flag ... --section.setting ...`.

    Args:
        command: its name.
        arguments: those after it.
        flags: the command's own flags, dataclass instances that hold the defaults.

    Returns:
        The preset and the flags as given; None after a request for help, which has been printed.

    Raises:
        InputError: no preset, or an unknown one.
    """
    if not arguments or arguments[0].startswith("-"):
        if arguments and arguments[0] in ("-h", "--help"):
            print(f"usage: spiral {command} PRESET [OPTIONS]; presets: {', '.join(PRESETS)}")
            print(f"`spiral {command} PRESET --help` lists its options.")
            return None
        raise InputError(f"name a preset to {command}: {', '.join(PRESETS)}")
    base = _on_engine(preset(arguments[0]), arguments)
    flat = tyro.conf.arg(name="")
    given = {**flags, "preset": base}
    everything = dataclasses.make_dataclass(
        "Experiment", [(name, Annotated[type(value), flat]) for name, value in given.items()], frozen=True
    )
    result: Any = tyro.cli(
        everything,
        args=list(arguments[1:]),
        default=everything(**given),
        prog=f"spiral {command} {base.name}",
        description=base.summary,
    )
    chosen = replace(result.preset, name=base.name, summary=base.summary)
    return chosen, [getattr(result, name) for name in flags]


def _on_engine(base: Preset, arguments: Sequence[str]) -> Preset:
    """The preset, with a default canvas if `--engine NAME` has another kind of settings."""
    named = dict(itertools.pairwise(arguments)).get("--engine")
    named = next((one.partition("=")[2] for one in arguments if one.startswith("--engine=")), named)
    if named is None:
        return base
    plain = settings_of(named, {})
    return base if type(plain) is type(base.canvas) else replace(base, engine=named, canvas=plain)
