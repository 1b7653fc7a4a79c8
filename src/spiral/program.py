"""Programs: what a command is, and a list of commands with everything needed to execute it again.

A command is one option picked from each of several named discrete choices (SPIRAL section 4.2): a
`Location` picks a cell of a square grid, a `Category` one of several options. A `Specification` is the
choices in the order in which an agent decides them. A `Program` is a specification, commands, the name
and settings of the engine that executes them, and a seed.

Pure data: this module knows no engine. Agents see nothing of an engine but its specification.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from spiral.errors import InputError
from spiral.files import read_bytes, write_atomically

FORMAT = "spiral-program"
VERSION = 1
MAXIMUM_COMMANDS = 100_000
MAXIMUM_GRID = 1024
MAXIMUM_OPTIONS = 4096


class When(msgspec.Struct, frozen=True):
    """A choice has an effect only while an earlier choice took one of `options`."""

    choice: str
    options: tuple[int, ...]


class Location(msgspec.Struct, frozen=True, tag_field="kind", tag="location", omit_defaults=True):
    """A cell of a `grid` x `grid` square; option index = row * grid + column, row 0 at the top."""

    name: str
    grid: int
    when: When | None = None

    @property
    def size(self) -> int:
        """Number of options."""
        return self.grid * self.grid


class Category(msgspec.Struct, frozen=True, tag_field="kind", tag="category", omit_defaults=True):
    """One of `size` options, 0 to size - 1."""

    name: str
    size: int
    when: When | None = None


Choice = Location | Category


class Specification(msgspec.Struct, frozen=True, array_like=True):
    """The choices that make up one command, in the order in which they are decided.

    K below is the number of choices; a command is an int64 vector [K].
    """

    choices: tuple[Choice, ...]

    def __post_init__(self) -> None:
        """Check the choices themselves.

        Raises:
            InputError: no choice, a name twice, a size out of range, or `when` naming no earlier category.
        """
        if not self.choices:
            raise InputError("a specification needs at least one choice")
        earlier: dict[str, Choice] = {}
        for choice in self.choices:
            limit = MAXIMUM_GRID if isinstance(choice, Location) else MAXIMUM_OPTIONS
            extent = choice.grid if isinstance(choice, Location) else choice.size
            if not choice.name or choice.name in earlier:
                raise InputError(f"choice names must be unique and not empty, got {choice.name!r}")
            if not 1 <= extent <= limit:
                raise InputError(f"choice {choice.name!r} has size {extent}, must be 1 to {limit}")
            if choice.when is not None:
                cause = earlier.get(choice.when.choice)
                if not isinstance(cause, Category):
                    raise InputError(
                        f"choice {choice.name!r} depends on {choice.when.choice!r}, which is not an earlier category"
                    )
                if not choice.when.options or not all(0 <= option < cause.size for option in choice.when.options):
                    raise InputError(f"choice {choice.name!r} depends on options that {cause.name!r} does not have")
            earlier[choice.name] = choice

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the choices, in order."""
        return tuple(choice.name for choice in self.choices)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of options of each choice, in order."""
        return tuple(choice.size for choice in self.choices)

    def index(self, name: str) -> int | None:
        """Position of the choice called `name`, or None where there is none."""
        return self.names.index(name) if name in self.names else None

    def check(self, commands: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return `commands` as int64 [..., K] after checking every index.

        Raises:
            InputError: not whole numbers, a wrong number of choices, or an option out of range.
        """
        array = np.asarray(commands)
        if array.size and array.dtype.kind not in "iu":
            raise InputError(f"commands must be whole numbers, got {array.dtype}")
        if array.ndim == 0 or array.shape[-1] != len(self.choices):
            raise InputError(
                f"a command has {len(self.choices)} choices {self.names}, got an array of shape {array.shape}"
            )
        wrong = (array < 0) | (array >= np.asarray(self.sizes))
        if wrong.any():
            where = tuple(int(i) for i in np.argwhere(wrong)[0])
            name, size = self.names[where[-1]], self.sizes[where[-1]]
            place = f"command {where[0]}, " if len(where) > 1 else ""
            raise InputError(f"{place}choice {name!r}: option {int(array[where])} is not in 0..{size - 1}")
        return array.astype(np.int64, copy=False)

    def active(self, commands: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which choices of each command have an effect: bool [..., K] for commands int64 [..., K]."""
        result = np.ones(commands.shape, dtype=bool)
        for position, choice in enumerate(self.choices):
            if choice.when is not None:
                cause = self.names.index(choice.when.choice)
                result[..., position] = result[..., cause] & np.isin(commands[..., cause], choice.when.options)
        return result

    def random(self, generator: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Uniformly random commands: int64 [*shape, K]."""
        return generator.integers(0, np.asarray(self.sizes), size=(*shape, len(self.sizes)), dtype=np.int64)


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
        if not 0 <= self.seed < 2**63:
            raise InputError(f"seed must be 0 to 2**63 - 1, got {self.seed}")
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
            file = msgspec.json.decode(data, type=_ProgramFile)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"not a program: {error}") from error
        except InputError as error:
            raise InputError(f"not a program: {error}") from error
        if file.format != FORMAT or file.version != VERSION:
            raise InputError(f"not a program of format {FORMAT} version {VERSION}: {file.format} {file.version}")
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
