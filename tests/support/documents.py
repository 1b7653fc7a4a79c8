"""Commands in the documentation: fenced blocks and inline commands, and the real parsers of both."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from spiral import cli
from spiral.commands.editing import VERBS
from spiral.commands.experiments import parse_experiment
from spiral.commands.training import RunOptions
from spiral.commands.tuning import OutputOptions
from spiral.presets import PRESETS
from spiral.scaling.settings import ClusterSettings, PopulationSettings
from spiral.settings import Preset

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SPIRAL = re.compile(r"^(?:\.venv/bin/)?spiral(?= |$)")
_STANDS_FOR = {
    "PRESET": "mnist-reconstruct", "AGENT": "mnist-reconstruct", "NAME": "mnist-reconstruct", "SEED": "0", "N": "2",
    "SOURCE": "mnist-sample", "FOLDER": "mnist-sample", "PROGRAM": "a.program.json", "PROGRAM.json": "a.program.json",
    "FIRST:6379": "127.0.0.1:6379",
}  # fmt: skip
"""Words in capitals that a reader is to replace."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and the line of the page where it begins."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    found = _FENCE.finditer(text)
    return [Block(one.group(1), one.group(2), text[: one.start()].count("\n") + 1) for one in found]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text())


def inline(page: Path) -> list[str]:
    """The code inside the lines of a page."""
    return [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(page))]


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a block, comments left out and capitals replaced."""
    for line in text.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield [_STANDS_FOR.get(word, word) for word in words]


def arguments_of_spiral(words: list[str]) -> list[str] | None:
    """The arguments after `spiral`; None for another program."""
    return words[1:] if _SPIRAL.match(words[0]) else None


def check_spiral(arguments: list[str]) -> None:
    """Parse a command line of `spiral` with its own parser, without running it.

    Raises:
        SystemExit: it is wrong; argparse's and tyro's way.
        InputError: likewise.
    """
    verb, *rest = arguments or ["--help"]
    if "--help" in rest or verb.startswith("-"):
        return
    if verb == "train":
        parse_experiment("train", rest, options=RunOptions(), cluster=ClusterSettings())
    elif verb == "tune":
        parse_experiment("tune", rest, population=PopulationSettings(), output=OutputOptions())
    elif verb == "program":
        tyro.cli(VERBS[rest[0]], args=rest[1:])
    else:
        tyro.cli(cli._COMMANDS[verb], args=rest)


def is_whole(arguments: list[str]) -> bool:
    """Whether an inline command is complete: `spiral train` and `spiral paint --strokes` only name one."""
    named = len(arguments) == 2 and arguments[1].startswith("--")
    return (len(arguments) > 1 and not named) or arguments[:1] in (["presets"], ["engines"], ["bench"])


def known_flags() -> set[str]:
    """Every flag that `spiral` has, from its own help."""
    lines = [[verb, "--help"] for verb in cli._COMMANDS] + [["program", verb, "--help"] for verb in VERBS]
    lines += [[verb, preset, "--help"] for verb in ("train", "tune") for preset in (*PRESETS,)[-3:]]
    lines += [["train", "mnist-reconstruct", "--help"]]
    shown, width = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "300"
    try:
        with contextlib.redirect_stdout(shown):
            for line in lines:
                with contextlib.suppress(SystemExit):
                    cli.main(line)
    finally:
        os.environ.pop("COLUMNS") if width is None else os.environ.update(COLUMNS=width)
    return set(re.findall(r"--[a-z][\w.-]*", shown.getvalue()))


def smaller(preset: Preset) -> Preset:
    """A preset of fewer canvases, for code that names one."""
    learning, data = replace(preset.learning, batch_size=4), replace(preset.data, held_out=8)
    return replace(preset, learning=learning, data=data)


def shortened(arguments: list[str], largest: dict[str, int], added: dict[str, str]) -> list[str]:
    """A command line of `spiral` made short: numbers after some flags cut down, flags added for some verbs."""
    result, flag = [], ""
    for word in arguments:
        flag = word if word.startswith("--") else flag
        if word == "--minutes":
            word = flag = "--frames"
        if flag in largest and word.isdigit():
            word = str(min(int(word), largest[flag]))
        result.append(word)
    more = shlex.split(added.get(arguments[0], ""))
    if "--start" in arguments:  # its networks have fixed sizes
        more = [word for pair in zip(more[::2], more[1::2], strict=True) if ".channels" not in pair[0]
                and not pair[0].startswith("--policy") for word in pair]  # fmt: skip
    if arguments[0] == "train" and "--frames" not in result and "--help" not in result:
        more = ["--frames", str(largest["--frames"]), *more]
    return result + more
