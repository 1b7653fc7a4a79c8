"""Engines: commands in, canvases out, always for a batch of B independent canvases."""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from spiral.engines.settings import CanvasSettings
from spiral.errors import InputError
from spiral.specification import Specification

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@runtime_checkable
class Engine(Protocol):
    """Executes commands on a batch of B independent canvases of H x W pixels and C channels.

    Attributes:
        name: the engine's registered name.
        specification: the K choices of a command.
        settings: the engine's settings as JSON values; `make(name, batch, settings)` builds its twin.
        batch: B.
        shape: (H, W, C).
    """

    name: str
    specification: Specification
    settings: dict[str, Any]
    batch: int
    shape: tuple[int, int, int]

    def reset(self, seeds: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """Blank the canvases in `which` (bool [B], all when None) and seed their randomness (int64 [B])."""
        ...

    def load(
        self,
        pictures: npt.NDArray[np.uint8],
        pens: npt.NDArray[np.float32],
        which: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Put pictures onto canvases, for example to undo or to paint over a photograph.

        Args:
            pictures: uint8 [B, H, W, C], opaque.
            pens: float32 [B, 2], positions of the lifted pens, (x, y) in pixels, on the canvas.
            which: bool [B], all when None.

        Raises:
            InputError: a wrong shape or a point off the canvas; no canvas is touched then.
        """
        ...

    def fork(self, source: Engine, rows: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """Become exact copies of another engine's canvases: the same commands then leave the same pictures.

        All state that later commands depend on is copied: pixels, pens, brushes, objects and random states.

        Args:
            source: an engine of the same kind and settings, of any batch; it may be this one.
            rows: int64 [B], the source's canvas to copy for each.
            which: bool [B], all when None.

        Raises:
            InputError: another kind of engine or other settings, a wrong shape, or a row that the source does not
                have; no canvas is touched then.
        """
        ...

    def step(self, commands: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """Execute one command in each canvas of `which`.

        Args:
            commands: int64 [B, K]; every index is checked.
            which: bool [B], all when None.

        Raises:
            InputError: a wrong shape or an option out of range; no canvas is touched then.
        """
        ...

    def canvases(self) -> npt.NDArray[np.uint8]:
        """The canvases, uint8 [B, H, W, C], without a copy: valid until the next `reset` or `step`."""
        ...


@runtime_checkable
class DeviceEngine(Protocol):
    """An engine whose B canvases are tensors on the device of the networks; the same pictures as `Engine` paints.

    Nothing is checked, and nothing waits for the device: commands come from a policy and pictures stay where it is.
    What commands change is changed in place, so that a step can be recorded and replayed (`spiral.learning.graphs`).

    Attributes:
        name: the engine's registered name.
        specification: the K choices of a command.
        settings: the engine's settings as JSON values.
        batch: B.
        shape: (H, W, C).
        state: all tensors that commands change.
    """

    name: str
    specification: Specification
    settings: dict[str, Any]
    batch: int
    shape: tuple[int, int, int]
    state: list[Tensor]

    def reset(self, which: Tensor | None = None) -> None:
        """Blank the canvases in `which`, bool [B] on the device, all when None."""
        ...

    def step(self, commands: Tensor) -> None:
        """Execute one command on each canvas: int64 [B, K] on the device, every option in its range."""
        ...

    def canvases(self) -> Tensor:
        """The canvases, uint8 [B, H, W, C] on the device, valid until the next `reset` or `step`."""
        ...


_STROKES = "spiral.engines.strokes:StrokeSettings"


@dataclass(frozen=True)
class Registration:
    """An engine's module, installation and class of settings.

    Attributes:
        module: has `build(batch, settings, threads) -> Engine` and `missing() -> str | None`; imported when needed.
        summary: one line.
        install: how to get what is missing.
        settings: `MODULE:CLASS`, a subclass of `CanvasSettings`; those of brush strokes when left out.
        on_device: a module with `build(batch, settings, device) -> DeviceEngine | None`, None for settings that it does
            not support; empty where the engine paints on processors only.
    """

    module: str
    summary: str
    install: str
    settings: str = _STROKES
    on_device: str = ""


ENGINES: dict[str, Registration] = {
    "mypaint": Registration(
        "spiral.engines.mypaint",
        "libmypaint, the engine of the paper: real brushes",
        "apt-get install libmypaint-dev mypaint-brushes, then install spiral again so that its extension is built",
    ),
    "vector": Registration(
        "spiral.engines.vector",
        "antialiased curves of a width, an opacity and a colour; needs only wheels",
        "pip install spiral-painter",
        on_device="spiral.engines.vector_on_device",
    ),
    "scene": Registration(
        "spiral.engines.scene",
        "objects on a floor, rendered by MuJoCo",
        "pip install 'spiral-painter[mujoco]', and where OpenGL is missing apt-get install libegl1 libegl-mesa0",
        "spiral.engines.objects:SceneSettings",
        on_device="spiral.engines.sprites_on_device",
    ),
}
"""Engines of this package, and those registered so far; see `known`."""
ENTRY_POINTS = "spiral.engines"
"""The group of entry points by which an installed package offers engines: `NAME = "MODULE:REGISTRATION"`."""


def register(name: str, registration: Registration) -> None:
    """Make another engine known to `make`, programs, presets and environments.

    It holds for this process. A package that offers a `Registration` by an entry point of the group `spiral.engines`
    is found in every process, and by the command line:

        [project.entry-points."spiral.engines"]
        ellipses = "pillow_engine:REGISTRATION"

    Args:
        name: as in `--engine` and in programs.
        registration: the engine.

    Raises:
        InputError: the name is taken by another engine.
    """
    if ENGINES.setdefault(name, registration) != registration:
        raise InputError(f"there is an engine {name!r} already ({ENGINES[name].summary}); choose another name")


def known() -> dict[str, Registration]:
    """All engines by name: this package's, registered ones, and those of installed packages.

    An installed engine that cannot be loaded is left out with a warning; one with the name of another, silently.
    """
    for name in set(_offered()) - set(ENGINES):
        try:
            _load(name)
        except InputError as error:
            warnings.warn(str(error), stacklevel=2)
    return dict(ENGINES)


@functools.cache
def _offered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _load(name: str) -> None:
    """Register the engine that an installed package offers under `name`."""
    point = _offered()[name]
    try:
        registration = point.load()
    except Exception as error:  # a foreign module may raise anything when imported
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"the engine {name!r} of {point.value!r} cannot be loaded: {reason}") from error
    if not isinstance(registration, Registration):
        raise InputError(f"the engine {name!r} cannot be loaded: {point.value!r} is no Registration")
    ENGINES.setdefault(name, registration)


def missing(name: str) -> str | None:
    """Why the engine `name` cannot work here, in one line, or None when it can.

    Where installing something is not the remedy, the remedy follows a semicolon.
    """
    try:
        return _module(name).missing()
    except ImportError as error:
        return f"its module cannot be loaded: {error}"


def remedy(reason: str, install: str) -> str:
    """Why something is `missing`, and what to do: the reason's own remedy, or what installs it."""
    return reason if ";" in reason else f"{reason}; to get it: {install}"


def make(name: str, batch: int, settings: Mapping[str, Any] | None = None, threads: int | None = None) -> Engine:
    """Build an engine for `batch` canvases.

    Args:
        name: of one that is `known`.
        batch: number of canvases B, at least 1.
        settings: the engine's settings; others have their defaults.
        threads: how many threads execute commands; the number of processors when None.

    Raises:
        InputError: unknown engine, wrong settings, or something the engine needs is not installed.
    """
    if batch < 1:
        raise InputError(f"batch must be at least 1, got {batch}")
    reason = missing(name)
    if reason is not None:
        raise InputError(f"the engine {name!r} does not work here: {remedy(reason, ENGINES[name].install)}")
    return _module(name).build(batch, dict(settings or {}), threads)


def make_on_device(name: str, batch: int, settings: Mapping[str, Any], device: torch.device) -> DeviceEngine | None:
    """Build an engine whose canvases are tensors on `device`, or None where the engine does not offer one.

    Args:
        name: of one that is `known`.
        batch: number of canvases B, at least 1.
        settings: the engine's settings; others have their defaults.
        device: where the networks compute.

    Raises:
        InputError: unknown engine, wrong settings, or something the engine needs is not installed.
    """
    module = _registration(name).on_device
    if not module or missing(name) is not None:
        return None
    return importlib.import_module(module).build(batch, dict(settings), device)


def settings_of(name: str, values: Mapping[str, Any]) -> CanvasSettings:
    """An engine's settings from JSON values, whether or not it works here.

    Raises:
        InputError: unknown engine, or wrong settings.
    """
    module, _, kind = _registration(name).settings.partition(":")
    try:
        found = getattr(importlib.import_module(module), kind)
    except (ImportError, AttributeError) as error:
        raise InputError(f"the settings of the engine {name!r} cannot be loaded: {error}") from error
    return found.parse(values)


def stroke_engines() -> list[str]:
    """Names of the engines whose commands are brush strokes, whether or not they work here."""
    return [name for name, registration in known().items() if registration.settings == _STROKES]


def blank(name: str, settings: Mapping[str, Any], size: int) -> npt.NDArray[np.uint8]:
    """The canvas before the first command as an agent observes it: uint8 [size, size, C]."""
    engine = make(name, 1, settings, threads=1)
    engine.reset(np.zeros(1, np.int64))
    return observe(engine.canvases(), size)[0]


def _registration(name: str) -> Registration:
    if name not in ENGINES and name in _offered():
        _load(name)
    if name not in ENGINES:
        raise InputError(f"unknown engine {name!r}; there are: {', '.join(known())}")
    return ENGINES[name]


def _module(name: str) -> Any:
    return importlib.import_module(_registration(name).module)


def check_commands(engine: Engine, commands: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Check the commands of `Engine.step`: int64 [B, K].

    Raises:
        InputError: a wrong shape or an option out of range.
    """
    commands = engine.specification.check(commands)
    if commands.shape != (engine.batch, len(engine.specification.choices)):
        raise InputError(f"expected {engine.batch} commands, got an array of shape {commands.shape}")
    return commands


def check_mask(engine: Engine, which: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
    """Check a `which` and make it contiguous in memory: bool [B], all true for None.

    Raises:
        InputError: a wrong shape, or not bool: integers could be meant as indices.
    """
    if which is None:
        return np.ones(engine.batch, bool)
    mask = np.asarray(which)
    if mask.shape != (engine.batch,) or mask.dtype != bool:
        raise InputError(f"which must be bool [{engine.batch}], got {mask.dtype} {list(mask.shape)}")
    return np.ascontiguousarray(mask)


def check_load(
    engine: Engine, pictures: npt.NDArray[np.uint8], pens: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Check the arguments of `Engine.load` and make them contiguous in memory.

    Raises:
        InputError: a wrong shape or type, or a pen off the canvas.
    """
    expected = (engine.batch, *engine.shape)
    if pictures.shape != expected or pictures.dtype != np.uint8:
        raise InputError(f"pictures must be uint8 {expected}, got {pictures.dtype} {pictures.shape}")
    pens = np.ascontiguousarray(pens, np.float32)
    side = max(engine.shape[:2])
    if pens.shape != (engine.batch, 2) or not ((pens >= 0) & (pens <= side)).all():
        raise InputError(f"pens must be {engine.batch} points (x, y) from 0 to {side}")
    return np.ascontiguousarray(pictures), pens


def check_fork(
    engine: Engine, source: Engine, rows: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Check the rows int64 [B] and the mask bool [B] of `Engine.fork` and make them contiguous in memory.

    Raises:
        InputError: another kind of engine or other settings, a wrong shape or type, or a row out of range.
    """
    if type(source) is not type(engine) or source.settings != engine.settings:
        raise InputError(f"a {engine.name!r} engine forks from engines of its own kind and settings only")
    rows, chosen = np.asarray(rows), check_mask(engine, which)
    if rows.shape != (engine.batch,) or rows.dtype.kind not in "iu":
        raise InputError(f"rows must be {engine.batch} whole numbers, got {rows.dtype} {list(rows.shape)}")
    if ((rows < 0) | (rows >= source.batch))[chosen].any():
        raise InputError(f"rows must be 0 to {source.batch - 1}")
    return np.ascontiguousarray(rows, np.int64), chosen


def observe(
    canvases: npt.NDArray[np.uint8], size: int, out: npt.NDArray[np.uint8] | None = None
) -> npt.NDArray[np.uint8]:
    """Canvases at the size that an agent observes: uint8 [B, H, W, C] to uint8 [B, size, size, C].

    Each pixel is the mean over its block, rounded to nearest.

    Raises:
        InputError: H and W are not a multiple of `size`.
    """
    batch, height, width, channels = canvases.shape
    if height % size or width % size:
        raise InputError(f"the render size {height}x{width} must be a multiple of the observation size {size}")
    if out is None:
        out = np.empty((batch, size, size, channels), dtype=np.uint8)
    if height == width == size:
        out[...] = canvases
        return out
    rows, columns = height // size, width // size
    total = np.zeros((batch, size, size, channels), dtype=np.uint32)
    for row in range(rows):
        for column in range(columns):
            total += canvases[:, row::rows, column::columns]
    out[...] = (total + rows * columns // 2) // (rows * columns)
    return out
