"""Programs: a list of commands with everything needed to execute it again, saved as JSON.

A `Program` is a specification, commands, the name and settings of the engine that executes them, and a seed.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from spiral.engines import make
from spiral.errors import InputError, require_seed
from spiral.io.files import read_bytes, write_atomically
from spiral.specification import Choice, Location, Specification

FORMAT = "spiral-program"
VERSION = 1
MAXIMUM_COMMANDS = 100_000
_SHOWN = 256
"""Longer side, in pixels, at which a notebook shows a program's picture."""


@dataclass(frozen=True)
class Program:
    """Commands and all that is needed to execute them again to the same picture.

    Attributes:
        specification: the K choices of each command.
        commands: T commands of K option indices each.
        engine: name of the engine that executes them.
        settings: that engine's settings (JSON values only).
        seed: seeds the engine's own randomness (brush jitter), 0 to 2**63 - 1.
    """

    specification: Specification
    commands: tuple[tuple[int, ...], ...]
    engine: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every command against the specification.

        Raises:
            InputError: too many commands, an index out of range, a negative seed.
        """
        if len(self.commands) > MAXIMUM_COMMANDS:
            raise InputError(f"a program has at most {MAXIMUM_COMMANDS} commands, got {len(self.commands)}")
        require_seed(self.seed)
        width = len(self.specification.choices)
        for position, command in enumerate(self.commands):
            if len(command) != width:
                raise InputError(f"command {position} has {len(command)} choices, the specification {width}")
        self.array()

    def array(self) -> npt.NDArray[np.int64]:
        """The commands as int64 [T, K]."""
        if not self.commands:
            return np.zeros((0, len(self.specification.choices)), dtype=np.int64)
        try:
            array = np.array(self.commands, dtype=np.int64)
        except OverflowError as error:
            raise InputError("a command holds a number that is far out of range") from error
        return self.specification.check(array)

    @classmethod
    def from_array(
        cls,
        specification: Specification,
        commands: npt.NDArray[np.integer],
        engine: str,
        settings: Mapping[str, Any],
        seed: int = 0,
    ) -> Program:
        """A program from commands as an integer array [T, K]."""
        rows = tuple(tuple(int(option) for option in row) for row in commands)
        return cls(specification, rows, engine, dict(settings), seed)

    def with_settings(self, **changes: Any) -> Program:
        """The same commands with other settings of the engine, `size=1024` for instance."""
        return replace(self, settings={**self.settings, **changes})

    def process(self, size: int | None = None) -> Iterator[npt.NDArray[np.uint8]]:
        """Execute the commands and yield the canvas before the first and after each of them; see `render`.

        Yields:
            uint8 [H, W, C], T + 1 times, the engine's own memory: copy what you keep.
        """
        settings = dict(self.settings) if size is None else {**self.settings, "size": size}
        engine = make(self.engine, 1, settings, threads=1)
        if engine.specification != self.specification:
            raise InputError(
                f"the program's specification {self.specification.names} is not that of the engine {self.engine!r} "
                f"with its settings {engine.specification.names}"
            )
        engine.reset(np.array([self.seed], dtype=np.int64))
        yield engine.canvases()[0]
        for command in self.array():
            engine.step(command[None])
            yield engine.canvases()[0]

    def render(self, size: int | None = None) -> npt.NDArray[np.uint8]:
        """Execute the commands on a blank canvas: uint8 [H, W, C].

        Args:
            size: side of the picture in pixels; the engine's own setting when None. Brush radii scale with it.

        Raises:
            InputError: the program does not fit the engine it names, or that engine is missing.
        """
        *_, last = self.process(size)
        return last.copy()

    def lines(self) -> list[str]:
        """The commands as T lines to read: their choices in order, those without effect left out.

        A location is `(column, row)` of its grid, from the upper left corner.
        """
        array = self.array()
        active = self.specification.active(array)

        def word(choice: Choice, option: int) -> str:
            row, column = divmod(option, choice.grid) if isinstance(choice, Location) else (None, option)
            return f"{choice.name} {column}" if row is None else f"{choice.name} ({column}, {row})"

        lines = []
        for command, counts in zip(array.tolist(), active, strict=True):
            chosen = zip(self.specification.choices, command, counts, strict=True)
            lines.append("  ".join(word(choice, option) for choice, option, counted in chosen if counted))
        return lines

    def __str__(self) -> str:
        """One numbered command a line; see `lines`."""
        digits = len(str(len(self.commands)))
        return "\n".join(f"{number:{digits}}  {line}" for number, line in enumerate(self.lines(), 1))

    def __repr__(self) -> str:
        """The number of commands, their choices and engine; the commands themselves may be thousands."""
        return f"<Program: {len(self.commands)} commands ({', '.join(self.specification.names)}) for {self.engine}>"

    def _repr_png_(self) -> bytes | None:
        """Show a program's picture in a notebook, or its `repr` if it cannot be painted here."""
        from spiral.io.images import png_bytes, stretch, to_image

        try:
            canvas = self.render(_SHOWN)
        except InputError:
            return None
        return png_bytes(to_image(stretch(canvas, float(self.settings.get("aspect", 1.0)))))

    def to_json(self) -> bytes:
        """The program as UTF-8 JSON, one command a line."""
        head = {
            "format": FORMAT,
            "version": VERSION,
            "engine": self.engine,
            "settings": dict(self.settings),
            "seed": self.seed,
            "specification": self.specification.choices,
        }
        lines = [f'  "{key}": {msgspec.json.encode(value).decode()},' for key, value in head.items()]
        rows = ",\n    ".join(msgspec.json.encode(command).decode() for command in self.commands)
        lines.append(f'  "commands": [\n    {rows}\n  ]' if rows else '  "commands": []')
        return ("{\n" + "\n".join(lines) + "\n}\n").encode()

    @classmethod
    def from_json(cls, data: bytes | str) -> Program:
        """Parse and check a program.

        Raises:
            InputError: not JSON, a wrong field, or a command that the specification forbids.
        """
        try:
            marked = data.encode() if isinstance(data, str) else data
            # Some editors begin a file with a mark of its encoding.
            file = msgspec.json.decode(marked.removeprefix(codecs.BOM_UTF8), type=_ProgramFile)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise InputError(f"not a program: {error}") from error
        except InputError as error:
            raise InputError(f"not a program: {error}") from error
        if file.format != FORMAT or file.version != VERSION:
            raise InputError(
                f"not a program of format {FORMAT} version {VERSION} but {file.format} {file.version}; "
                "a newer version of this package may read it"
            )
        return cls(Specification(file.specification), file.commands, file.engine, file.settings, file.seed)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the JSON atomically.

        Raises:
            InputError: the file cannot be written.
        """
        write_atomically(Path(path), self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Program:
        """Read a program from a JSON file.

        Raises:
            InputError: the file is missing, unreadable or no program.
        """
        data = read_bytes(Path(path), limit=64 * 2**20)
        try:
            return cls.from_json(data)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


class _ProgramFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON layout of a program."""

    format: str
    version: int
    engine: str
    settings: dict[str, Any]
    seed: int
    specification: tuple[Choice, ...]
    commands: tuple[tuple[int, ...], ...]
