"""Palettes of paint in files: GIMP's `.gpl`, Adobe's `.ase`, and JSON, with the colours' names."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spiral.errors import InputError
from spiral.exports.paths import hexadecimal
from spiral.io.files import read_bytes

ENDINGS = (".gpl", ".ase", ".json")
_LIMIT = 2**20
_MOST = 256
_ASE_COLOUR = 1
_ASE_VALUES = {b"RGB ": 3, b"GRAY": 1, b"CMYK": 4}


@dataclass(frozen=True)
class Paints:
    """Colours with names, in the file's order: a colour keeps its number in every picture.

    Attributes:
        names: P names; a colour without one is named by its hexadecimal value.
        colours: float32 [P, 3], red, green and blue, 0 to 1.
    """

    names: tuple[str, ...]
    colours: npt.NDArray[np.float32]


def read_paints(path: Path) -> Paints:
    """Read a palette by its file's ending.

    JSON is an object of names and colours, `{"ochre": "#cc7722"}`, or a list of colours, or a list of objects with
    `name` and `colour` (or `color`).

    Raises:
        InputError: another ending, an unreadable file, or not 1 to 256 colours.
    """
    readers = {".gpl": _read_gpl, ".ase": _read_ase, ".json": _read_json}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: palettes are read from {', '.join(ENDINGS)} files")
    data = read_bytes(path, limit=_LIMIT)
    try:
        found = reader(data)
    except (ValueError, KeyError, TypeError, AttributeError, struct.error, RecursionError) as error:
        raise InputError(f"{path} is no {path.suffix} palette: {error}") from error
    if not 1 <= len(found) <= _MOST:
        raise InputError(f"{path}: a palette has 1 to {_MOST} colours, this file has {len(found)}")
    colours = np.array([colour for _, colour in found], np.float32)
    if not ((colours >= 0) & (colours <= 1)).all():
        raise InputError(f"{path}: a colour is out of range")
    return Paints(tuple(name or hexadecimal(colour) for name, colour in found), colours)


def _parse(text: str) -> tuple[float, ...]:
    digits = text.strip().removeprefix("#")
    if not re.fullmatch("[0-9a-fA-F]{6}", digits):
        raise ValueError(f"a colour looks like #cc7722, not {text[:40]!r}")
    return tuple(value / 255 for value in bytes.fromhex(digits))


def _read_gpl(data: bytes) -> list[tuple[str, tuple[float, ...]]]:
    lines = data.decode("utf-8", "replace").splitlines()
    if not lines or lines[0].strip() != "GIMP Palette":
        raise ValueError("its first line is not 'GIMP Palette'")
    found = []
    for line in lines[1:]:
        match = re.match(r"\s*(\d+)\s+(\d+)\s+(\d+)\s*(.*)", line)
        if match:
            name = match[4].strip()
            colour = tuple(int(match[place]) / 255 for place in (1, 2, 3))
            found.append(("" if name == "Untitled" else name, colour))
    return found


def _read_ase(data: bytes) -> list[tuple[str, tuple[float, ...]]]:
    signature, _, _, blocks = struct.unpack_from(">4sHHI", data)
    if signature != b"ASEF":
        raise ValueError("it does not begin with 'ASEF'")
    found, place = [], 12
    for _ in range(blocks):
        kind, length = struct.unpack_from(">HI", data, place)
        block = data[place + 6 : place + 6 + length]
        place += 6 + length
        if kind != _ASE_COLOUR:
            continue
        (letters,) = struct.unpack_from(">H", block)
        name = block[2 : 2 + 2 * letters].decode("utf-16-be", "replace").rstrip("\0")
        model = block[2 + 2 * letters : 6 + 2 * letters]
        if model not in _ASE_VALUES:
            raise ValueError(f"colours in {model.decode('ascii', 'replace').strip()} cannot be read, RGB can")
        values = struct.unpack_from(f">{_ASE_VALUES[model]}f", block, 6 + 2 * letters)
        found.append((name, _rgb(values)))
    return found


def _rgb(values: tuple[float, ...]) -> tuple[float, ...]:
    """Red, green and blue of RGB, grey or (uncalibrated) CMYK."""
    if len(values) == 4:
        *inks, black = values
        return tuple((1 - ink) * (1 - black) for ink in inks)
    return values * 3 if len(values) == 1 else values


def _read_json(data: bytes) -> list[tuple[str, tuple[float, ...]]]:
    content: Any = json.loads(data)
    if isinstance(content, dict):
        return [(str(name), _parse(colour)) for name, colour in content.items()]
    return [
        ("", _parse(entry)) if isinstance(entry, str) else (str(entry.get("name", "")), _parse(_colour(entry)))
        for entry in content
    ]


def _colour(entry: dict[str, Any]) -> str:
    return entry["colour"] if "colour" in entry else entry["color"]
