"""Commands: one option picked from each of several named discrete choices (SPIRAL section 4.2).

A `Location` picks a cell of a square grid, a `Category` one of several options. A `Specification` lists the choices in
the order in which an agent decides them. It is all that an agent knows of an engine.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from spiral.errors import InputError

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

    def shifted(self, options: npt.ArrayLike, steps: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Cells int64 [...] moved by rows and columns, int [2, ...], and kept on the grid."""
        rows, columns = np.clip(np.stack(np.divmod(options, self.grid)) + np.asarray(steps), 0, self.grid - 1)
        return rows * self.grid + columns


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
