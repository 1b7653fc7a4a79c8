"""libmypaint, the engine of the paper (SPIRAL section 4.2), through the compiled extension `_mypaint`.

A stroke is a quadratic Bezier curve fed to libmypaint in 50 sub-steps of 0.1 s. Its pressure goes linearly from the
last stroke's to this one's; the first stroke after a jump begins with one sub-step at its start point and has its own
pressure throughout. A jump resets the brush and sets the pen down at its end, at zero pressure.
"""

from __future__ import annotations

import functools
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spiral.engines.base import Engine, check_commands, check_fork, check_load, check_mask
from spiral.engines.brush_checks import check_brush
from spiral.engines.splines import Splines
from spiral.engines.strokes import MOVE, Strokes, StrokeSettings, decode
from spiral.errors import InputError
from spiral.io.files import read_bytes

try:
    from spiral.engines import _mypaint  # pyright: ignore[reportAttributeAccessIssue]
except ImportError:
    _mypaint = None

BRUSH_FOLDERS = (
    "/usr/share/mypaint-data/2.0/brushes",
    "/usr/share/mypaint-data/1.0/brushes",
    "/usr/local/share/mypaint-data/2.0/brushes",
    "/opt/homebrew/share/mypaint-data/2.0/brushes",
)
OWN_BRUSHES = Path(__file__).parent / "brushes"
"""The brushes inside the released wheels; a package built from source has none."""
_BRUSH_LIMIT = 2**20
STYLES = {
    "ink": "deevad/liner",
    "charcoal": "classic/charcoal",
    "watercolour": "deevad/watercolor_expressive",
    "watercolor": "deevad/watercolor_expressive",
    "oil": "tanda/oil-01-paint",
}
"""Short names of brushes, by style of painting."""


def missing() -> str | None:
    """Why libmypaint cannot be used here, or None when it can."""
    if _mypaint is None:
        return "spiral was installed without its libmypaint extension"
    if not brush_folders():
        return "the brushes of mypaint-brushes are not installed"
    return None


def brush_folders() -> list[Path]:
    """Existing folders with brushes: SPIRAL_BRUSHES of the environment, the system's, the package's own."""
    chosen = os.environ.get("SPIRAL_BRUSHES")
    folders = [Path(folder).expanduser() for folder in (*((chosen,) if chosen else ()), *BRUSH_FOLDERS, OWN_BRUSHES)]
    return [folder for folder in folders if folder.is_dir()]


def brush_names() -> list[str]:
    """Names of all brushes installed here, such as `classic/pen`."""
    names = {str(f.relative_to(folder).with_suffix("")) for folder in brush_folders() for f in folder.rglob("*.myb")}
    return sorted(names)


@functools.lru_cache(maxsize=64)
def read_brush(name: str) -> str:
    """The JSON of a brush, by name (`classic/dry_brush`), by style (`STYLES`) or as the path of a `.myb` file.

    Raises:
        InputError: no such brush, or the file is no brush of version 3.
    """
    name = STYLES.get(name, name)
    if name.endswith(".myb"):
        path = Path(name)
    else:
        candidates = [folder / f"{name}.myb" for folder in brush_folders() if ".." not in Path(name).parts]
        path = next((candidate for candidate in candidates if candidate.is_file()), None)
        if path is None:
            raise InputError(_not_found(name))
    text = read_bytes(path, limit=_BRUSH_LIMIT)
    if (version := re.search(rb"^\s*version\s+(\d+)\s*$", text, re.MULTILINE)) and not text.lstrip().startswith(b"{"):
        raise InputError(
            f"{path} is a MyPaint brush of version {version[1].decode()}, which is too old; "
            "open it in MyPaint 1.2 or later and save it again"
        )
    try:
        decoded = text.decode("utf-8-sig")
        brush = json.loads(decoded)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a brush: {error}") from error
    if not isinstance(brush, dict) or brush.get("version") != 3 or not isinstance(brush.get("settings"), dict):
        raise InputError(f"{path} is not a MyPaint brush of version 3")
    check_brush(path, brush["settings"])
    return decoded


def _not_found(name: str) -> str:
    """Why there is no brush of this name."""
    if Path(name).is_file():
        return f"{name} is no brush of MyPaint, whose names end in .myb; if it is an archive of brushes, unpack it"
    told = f"no brush {name!r} in {', '.join(map(str, brush_folders())) or 'any brush folder'}"
    chosen = os.environ.get("SPIRAL_BRUSHES")
    ignored = chosen and Path(chosen).expanduser() not in brush_folders()
    return f"{told}; the variable SPIRAL_BRUSHES={chosen} names no folder" if ignored else told


class MypaintEngine:
    """A batch of libmypaint canvases; see `spiral.engines.base.Engine` for the protocol."""

    name = "mypaint"

    def __init__(self, batch: int, settings: StrokeSettings, threads: int | None = None) -> None:
        """Canvases for `batch` pictures, all blank, seeded with 0.

        Raises:
            InputError: the brush cannot be found or read.
        """
        assert _mypaint is not None
        self._stroke_settings = settings
        self.settings: dict[str, Any] = settings.to_json()
        self.specification = settings.specification()
        self.batch = batch
        self.shape: tuple[int, int, int] = (settings.size, settings.size, settings.channels)
        self._threads = threads or os.cpu_count() or 1
        self._pixels = np.zeros((batch, *self.shape), np.uint8)
        self._splines = Splines(batch) if settings.spline else None
        try:
            self._native = _mypaint.Canvases(
                batch, settings.size, settings.channels, read_brush(settings.brush), list(settings.ground)
            )
        except ValueError as error:
            raise InputError(f"brush {settings.brush!r}: {error}") from error
        self.reset(np.zeros(batch, np.int64))

    def reset(self, seeds: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """Blank the canvases in `which`, put their pens in the upper left corner, and seed their brushes."""
        seeds = np.ascontiguousarray(np.broadcast_to(seeds, (self.batch,)), dtype=np.int64)
        chosen = check_mask(self, which).view(np.uint8)
        self._native.reset(chosen, seeds, self._pixels, self._threads)
        if self._splines is not None:
            self._splines.reset(chosen.view(bool))

    def load(
        self,
        pictures: npt.NDArray[np.uint8],
        pens: npt.NDArray[np.float32],
        which: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Put pictures onto the canvases of `which`, pens lifted; see the protocol."""
        pictures, pens = check_load(self, pictures, pens)
        chosen = check_mask(self, which).view(np.uint8)
        self._native.load(chosen, pictures, pens, self._pixels, self._threads)
        if self._splines is not None:
            self._splines.reset(chosen.view(bool), pens)

    def fork(self, source: Engine, rows: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """Become copies of canvases of another engine; see the protocol."""
        rows, chosen = check_fork(self, source, rows, which)
        assert isinstance(source, MypaintEngine)
        self._native.fork(chosen.view(np.uint8), source._native, rows, self._threads)
        self._pixels[chosen] = source._pixels[rows[chosen]]
        if self._splines is not None and source._splines is not None:
            self._splines.fork(source._splines, rows, chosen)

    def step(self, commands: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """Execute one command in each canvas of `which`; see the protocol."""
        commands = check_commands(self, commands)
        strokes, chosen = decode(self._stroke_settings, commands), check_mask(self, which).view(np.uint8)
        if self._splines is None:
            if strokes.start is not None:
                chosen = chosen & strokes.paint
                jumps = replace(strokes, paint=np.zeros_like(strokes.paint), end=strokes.start)
                self._execute(jumps, chosen)
            self._execute(strokes, chosen)
            return
        flags = commands[:, self._stroke_settings.choices.index("flag")]
        pieces = self._splines.add(flags, strokes.end, chosen.view(bool))
        if (jumps := chosen & (flags == MOVE)).any():
            self._execute(strokes, jumps)
        lengths = np.array([len(some) for some in pieces])
        for piece in range(int(lengths.max())):
            drawn = lengths > piece
            control, end = np.zeros_like(strokes.control), np.zeros_like(strokes.end)
            for index in np.flatnonzero(drawn):
                control[index], end[index] = pieces[index][piece]
            self._execute(replace(strokes, control=control, end=end, midway=False), drawn.view(np.uint8))

    def _execute(self, strokes: Strokes, chosen: npt.NDArray[np.uint8]) -> None:
        try:
            self._native.stroke(
                chosen,
                strokes.paint.view(np.uint8),
                strokes.control,
                strokes.midway,
                strokes.end,
                strokes.radius,
                strokes.pressure,
                strokes.colour,
                self._pixels,
                self._threads,
            )
        except OverflowError as error:
            raise InputError(
                f"brush {self._stroke_settings.brush!r}: {error}; lower its dabs_per_actual_radius, "
                "dabs_per_basic_radius, dabs_per_second or radius, or paint with another brush"
            ) from error

    def canvases(self) -> npt.NDArray[np.uint8]:
        """The canvases, uint8 [B, H, W, C]: the engine's own memory."""
        return self._pixels


def build(batch: int, settings: dict[str, Any], threads: int | None) -> MypaintEngine:
    """Build the engine from JSON settings; called by `spiral.engines.make`."""
    return MypaintEngine(batch, StrokeSettings.parse(settings), threads)
