"""The canvases of a policy: engines as the networks see them, tensors in and tensors out.

Canvases come in parts. Painting on a part begins when its commands are known and is waited for when its pictures are
needed; between the two the networks decide on the other parts. With one part on a processor each waits for the other,
as in a plain loop. With two, engines paint on one half in a thread of their own while the networks look at the other.
On a GPU nothing but a part's own copies is waited for: they have pinned memory and a stream of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.engines import DeviceEngine, Engine, make, make_on_device, observe
from spiral.learning.graphs import Graphed


class Part(Protocol):
    """Some of the canvases."""

    @property
    def engine(self) -> Engine | DeviceEngine:
        """What paints on them, M canvases."""
        ...

    def reset(self, seeds: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None) -> None:
        """Blank the canvases in `which`, bool [M], all when None; seeds int64 [M]."""
        ...

    def show(self, out: Tensor) -> None:
        """Put the pictures as they are into `out`, uint8 [M, S, S, C] on the device; `wait` before it is read."""
        ...

    def paint(self, commands: Tensor, out: Tensor) -> None:
        """Begin to execute commands int64 [M, K], on the device or the host; the pictures then come into `out`.

        Commands on the host may follow one another without a `wait`; they are executed in order.
        """
        ...

    def wait(self) -> None:
        """Let what follows on the device see the pictures of the last `show` or `paint`; raises what painting did."""
        ...


class Canvases:
    """B canvases in one or more parts.

    Attributes:
        parts: what paints, in the order of their rows.
        rows: the canvases of each part.
        batch: B.
        size: S, side of the pictures that a policy observes.
        channels: C.
        specification: of commands.
        waits: pairs of CUDA events around every wait for a part, for measurements; None unless somebody measures.
    """

    def __init__(self, parts: Sequence[Part], size: int) -> None:
        """Join parts into one batch, at least one."""
        self.parts, self.size = list(parts), size
        ends = np.cumsum([0, *(part.engine.batch for part in parts)]).tolist()
        self.rows = [slice(begin, end) for begin, end in itertools.pairwise(ends)]
        self.batch, first = ends[-1], parts[0].engine
        self.channels, self.specification = first.shape[2], first.specification
        self.waits: list[tuple[torch.cuda.Event, torch.cuda.Event]] | None = None

    def reset(self, seeds: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """Blank the canvases in `which`, bool [B], all when None; seeds int64 [B]."""
        for part, rows in zip(self.parts, self.rows, strict=True):
            part.reset(seeds[rows], None if which is None else which[rows])

    def show(self, out: Tensor) -> None:
        """Put all pictures as they are into uint8 [B, S, S, C] on the device."""
        for part, rows in zip(self.parts, self.rows, strict=True):
            part.show(out[rows])
            part.wait()

    def wait(self, part: Part) -> None:
        """Let the networks see what a part has painted."""
        if self.waits is None:
            return part.wait()
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        part.wait()
        end.record()
        self.waits.append((begin, end))

    def finish(self) -> None:
        """Wait for all parts."""
        for part in self.parts:
            part.wait()

    def wrap(self, wrapper: Callable[[Engine], Engine]) -> None:
        """Put something around every engine that works on processors, such as a measurement."""
        for part in self.parts:
            if isinstance(part, HostPart):
                part.engine = wrapper(part.engine)


class HostPart:
    """Canvases of an engine that works on processors."""

    def __init__(self, engine: Engine, size: int, device: torch.device, worker: Executor | None) -> None:
        """Show an engine's canvases on a device.

        Args:
            engine: M canvases.
            size: S.
            device: where the networks are.
            worker: where it paints; in the caller's thread when None.
        """
        self.engine, self._size, self._worker = engine, size, worker
        self._pending: list[Future[None]] = []
        self._copies: _Copies | None = None
        if device.type == "cuda":
            self._copies = _Copies(device, (engine.batch, *engine.shape), size, len(engine.specification.choices))

    def reset(self, seeds: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None) -> None:
        """See the protocol."""
        self.engine.reset(np.ascontiguousarray(seeds), which)

    def show(self, out: Tensor) -> None:
        """See the protocol."""
        if self._copies is None:
            observe(self.engine.canvases(), self._size, out=out.numpy())
            return
        self._copies.follow()
        self._copies.send(self.engine.canvases(), out)

    def paint(self, commands: Tensor, out: Tensor) -> None:
        """See the protocol."""
        fetch = None if self._copies is None else self._copies.fetch(commands)

        def work() -> None:
            self.engine.step(commands.numpy() if fetch is None else fetch())
            if self._copies is None:
                observe(self.engine.canvases(), self._size, out=out.numpy())
            else:
                self._copies.send(self.engine.canvases(), out)

        if self._worker is None:
            work()
        else:
            self._pending.append(self._worker.submit(work))

    def wait(self) -> None:
        """See the protocol."""
        pending, self._pending = self._pending, []
        for painting in pending:
            painting.result()
        if self._copies is not None:
            self._copies.join()


class _Copies:
    """Copies between a GPU and pinned memory, on a stream of their own; canvases are reduced by the GPU."""

    def __init__(self, device: torch.device, shape: tuple[int, int, int, int], size: int, choices: int) -> None:
        self._device, self._size = device, size
        self._stream = torch.cuda.Stream(device)
        self._commands = torch.zeros(shape[0], choices, dtype=torch.int64, pin_memory=True)
        self._pictures = torch.zeros(shape, dtype=torch.uint8, pin_memory=True)
        self._sent = torch.cuda.Event()

    def follow(self) -> None:
        """Order what comes after everything that the networks' stream has been given."""
        self._stream.wait_stream(torch.cuda.current_stream(self._device))

    def fetch(self, commands: Tensor) -> Callable[[], npt.NDArray[np.int64]]:
        """Begin to copy commands to the host; the function returned waits for them, in any thread."""
        self.follow()
        if commands.device.type == "cpu":
            return commands.numpy
        with torch.cuda.stream(self._stream):
            self._commands.copy_(commands, non_blocking=True)
            fetched = torch.cuda.Event()
            fetched.record(self._stream)

        def wait() -> npt.NDArray[np.int64]:
            fetched.synchronize()
            return self._commands.numpy()

        return wait

    def send(self, canvases: npt.NDArray[np.uint8], out: Tensor) -> None:
        """Begin to copy canvases to the GPU and to put them into `out` at the size that the networks see."""
        self._sent.synchronize()  # the last pictures may still be on their way
        np.copyto(self._pictures.numpy(), canvases)
        with torch.cuda.stream(self._stream):
            if self._pictures.shape == out.shape:
                out.copy_(self._pictures, non_blocking=True)
            else:
                there = self._pictures.to(self._device, non_blocking=True)
                out.copy_(observe_on_device(there, self._size))
            self._sent.record(self._stream)

    def join(self) -> None:
        """Let the networks' stream wait for the copies."""
        torch.cuda.current_stream(self._device).wait_stream(self._stream)


class DevicePart:
    """Canvases that are on the networks' device: there is nothing to copy or to wait for."""

    def __init__(self, engine: DeviceEngine, size: int, device: torch.device, graphs: bool = False) -> None:
        """Show an engine's canvases at side `size`; a command is executed by a CUDA graph with `graphs`."""
        self.engine, self._size, self._device = engine, size, device
        self._execute: Callable[[Tensor], Tensor] = self._once
        if graphs:
            self._execute = Graphed(self._once, owned=False, state=engine.state)

    def _once(self, commands: Tensor) -> Tensor:
        """Execute commands; returns the pictures."""
        self.engine.step(commands)
        return observe_on_device(self.engine.canvases(), self._size)

    def reset(self, seeds: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None) -> None:
        """See the protocol."""
        self.engine.reset(None if which is None else upload(torch.from_numpy(which), self._device))

    def show(self, out: Tensor) -> None:
        """See the protocol."""
        out.copy_(observe_on_device(self.engine.canvases(), self._size))

    def paint(self, commands: Tensor, out: Tensor) -> None:
        """See the protocol."""
        out.copy_(self._execute(upload(commands, self._device)))

    def wait(self) -> None:
        """See the protocol."""


def make_canvases(
    name: str,
    batch: int,
    settings: Mapping[str, Any],
    threads: int,
    size: int,
    device: torch.device,
    halves: bool = False,
    ahead: bool = False,
    graphs: bool = False,
) -> Canvases:
    """Blank canvases for a policy on `device`; those of an engine that works there if it offers one.

    Args:
        name: the engine.
        batch: B.
        settings: the engine's.
        threads: of an engine that works on processors.
        size: S.
        device: where the networks are.
        halves: whether engines paint on one half while the networks look at the other.
        ahead: whether an engine paints in a thread of its own, also where there are no halves.
        graphs: whether an engine on the device executes its commands by a CUDA graph.

    Raises:
        InputError: the engine is missing.
    """
    if device.type == "cuda" and (there := make_on_device(name, batch, settings, device)) is not None:
        return Canvases([DevicePart(there, size, device, graphs)], size)
    counts = [batch - batch // 2, batch // 2] if halves and batch > 1 else [batch]
    parts: list[Part] = []
    for count in counts:  # each has its own thread, in which it executes commands in their order
        worker = ThreadPoolExecutor(1, "engine") if halves or ahead else None
        parts.append(HostPart(make(name, count, settings, threads), size, device, worker))
    return Canvases(parts, size)


def canvases_of(engine: Engine | Canvases, size: int, device: torch.device) -> Canvases:
    """An engine's canvases as they are, in one part; canvases are returned unchanged."""
    return engine if isinstance(engine, Canvases) else Canvases([HostPart(engine, size, device, None)], size)


def observe_on_device(canvases: Tensor, size: int) -> Tensor:
    """`spiral.engines.observe` of a tensor: uint8 [B, H, W, C] to uint8 [B, size, size, C]."""
    batch, height, width, channels = canvases.shape
    if height == width == size:
        return canvases
    rows, columns = height // size, width // size
    blocks = canvases.view(batch, size, rows, size, columns, channels)
    total = blocks.sum(dim=(2, 4), dtype=torch.int32)
    return ((total + rows * columns // 2) // (rows * columns)).to(torch.uint8)


def upload(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device; from the host without waiting for it."""
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
