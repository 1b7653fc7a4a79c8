"""Common settings of all engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

import msgspec
import numpy as np
import numpy.typing as npt

from spiral.errors import InputError
from spiral.specification import Specification

MAXIMUM_SIZE = 4096


@dataclass(frozen=True)
class CanvasSettings:
    """A canvas, and the choices of a command on it.

    Attributes:
        size: side of the square canvas in pixels, 8 to 4096.
        channels: 3, or 1 for grey.
    """

    size: int = 64
    channels: Literal[1, 3] = 1

    def size_rule(self) -> tuple[bool, str]:
        """Whether the size is in range, and the rule in words."""
        return 8 <= self.size <= MAXIMUM_SIZE, f"size must be 8 to {MAXIMUM_SIZE}"

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Settings from JSON values.

        Raises:
            InputError: an unknown name, a wrong type or a value out of range.
        """
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise InputError(f"unknown engine settings: {', '.join(sorted(map(str, unknown)))}")
        try:
            return msgspec.convert(dict(values), cls)
        except msgspec.ValidationError as error:
            raise InputError(f"engine settings: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return msgspec.to_builtins(asdict(self))

    def specification(self) -> Specification:
        """The specification of a command under these settings."""
        raise NotImplementedError

    def sample_programs(self, generator: np.random.Generator, length: int, count: int) -> npt.NDArray[np.int64]:
        """Draw programs from a prior: int64 [length, count, K]; see `spiral.learning.lessons`.

        The default is uniformly random commands; an engine's settings may override it with visible programs.
        """
        return self.specification().random(generator, (length, count))
