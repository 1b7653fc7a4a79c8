"""Commands that edit programs: show, trim, reorder, recolor."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.table import Table
from rich.text import Text

from spiral.commands.output import console
from spiral.errors import InputError
from spiral.io.files import make_folder
from spiral.painting.editing import Order
from spiral.program import Program

Positional = tyro.conf.Positional


@dataclass(frozen=True)
class Show:
    """List a program's strokes: where each runs, how wide it is and in which colour."""

    program: Positional[Path]
    """A program's JSON file."""
    json: bool = False
    """Print one JSON object on stdout."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.exports.paths import curves

        program = Program.load(self.program)
        drawn = curves(program)
        rows = [
            {
                "stroke": number,
                "command": curve.command + 1,
                "from": curve.points[0].round(1).tolist(),
                "to": curve.points[-1].round(1).tolist(),
                "width": round(curve.width, 2),
                "opacity": round(curve.opacity, 3),
                "colour": curve.hexadecimal,
            }
            for number, curve in enumerate(drawn, 1)
        ]
        about = {"engine": program.engine, "commands": len(program.commands), "size": program.settings.get("size")}
        if self.json:
            print(json.dumps({**about, "strokes": rows}))
            return
        table = Table("stroke", "command", "from (x, y)", "to", "width", "opacity", "colour")
        for row in rows:
            ends = (", ".join(f"{value:g}" for value in row[name]) for name in ("from", "to"))
            swatch = Text.assemble(("    ", f"on {row['colour']}"), f" {row['colour']}")
            table.add_row(
                str(row["stroke"]), str(row["command"]), *ends, f"{row['width']:g}", f"{row['opacity']:g}", swatch
            )
        console.print(f"{self.program}: {len(program.commands)} commands for {program.engine}, {len(rows)} strokes")
        console.print(table)


@dataclass(frozen=True)
class Trim:
    """Keep only some strokes of a program."""

    program: Positional[Path]
    """A program's JSON file."""
    out: Path
    """The file to write."""
    first: int = 1
    """The first stroke to keep, counted from 1."""
    last: int | None = None
    """The last one to keep; all further ones when left out."""
    without: tuple[int, ...] = ()
    """Strokes to leave out, by their numbers in the whole program."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.painting.editing import trim

        _save(self.out, trim(Program.load(self.program), self.first, self.last, self.without))


@dataclass(frozen=True)
class Reorder:
    """Paint the same strokes in another order."""

    program: Positional[Path]
    """A program's JSON file."""
    out: Path
    """The file to write."""
    order: Order = "large-first"
    """A named order."""
    numbers: tuple[int, ...] = ()
    """Instead, the strokes' numbers in the order in which to paint them, each once."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.painting.editing import reorder

        _save(self.out, reorder(Program.load(self.program), self.numbers or self.order))


@dataclass(frozen=True)
class Recolor:
    """Paint the same strokes in the colours of a palette."""

    program: Positional[Path]
    """A program's JSON file."""
    out: Path
    """The file to write."""
    palette: str | None = None
    """Colours as #102030,#ffcc00: each stroke takes the nearest, or, if all strokes have one colour, the colours are
    assigned in turn from the first stroke to the last."""
    ground: str | None = None
    """Colour of the paper, as #ffffff."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.exports.palettes import parse_palette
        from spiral.painting.editing import recolour, with_ground

        if self.palette is None and self.ground is None:
            raise InputError("say what to change: --palette, --ground or both")
        program = Program.load(self.program)
        if self.ground is not None:
            program = with_ground(program, parse_palette(self.ground)[0])
        if self.palette is not None:
            program = recolour(program, parse_palette(self.palette))
        _save(self.out, program)


VERBS: dict[str, Any] = {"show": Show, "trim": Trim, "reorder": Reorder, "recolor": Recolor}


def program_command(arguments: Sequence[str]) -> None:
    """`spiral program VERB ...`.

    Raises:
        InputError: an unknown verb, or an error of the verb.
    """
    if not arguments:
        raise InputError(f"name a verb: spiral program {'|'.join(VERBS)}")
    if arguments[0] in ("-h", "--help", "help"):
        lines = [f"  {name:9} {(verb.__doc__ or '').splitlines()[0]}" for name, verb in VERBS.items()]
        print("\n".join(["usage: spiral program VERB PROGRAM.json ...", "", *lines]))
        return
    if arguments[0] not in VERBS:
        raise InputError(f"unknown verb {arguments[0]!r}; there are: {', '.join(VERBS)}")
    prog = f"spiral program {arguments[0]}"
    command: Callable[[], None] = tyro.cli(VERBS[arguments[0]], args=list(arguments[1:]), prog=prog)
    command()


def _save(out: Path, program: Program) -> None:
    make_folder(out.parent)
    program.save(out)
    console.print(f"wrote {out}")
