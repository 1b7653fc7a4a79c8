"""Commands per second of the training loop and of its parts, beside the plain reference loop."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from spiral.benchmarks.reference import ReferenceLoop
from spiral.engines import Engine
from spiral.learning import machine
from spiral.learning.trainer import Phase, set_up, train_iteration
from spiral.settings import Preset

MATRIX_SIDE = 2048
WARM_UP = 3


@dataclass
class Clock:
    """Seconds spent by name; names may be entered repeatedly."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Count the time inside towards `name`."""
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


class TimedEngine:
    """An engine that counts the seconds its caller waits for it."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Wrap an engine."""
        self._engine, self._clock = engine, clock
        self.name, self.specification, self.settings = engine.name, engine.specification, engine.settings
        self.batch, self.shape = engine.batch, engine.shape

    def reset(self, seeds: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """See the protocol."""
        with self._clock("engine"):
            self._engine.reset(seeds, which)

    def step(self, commands: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """See the protocol."""
        with self._clock("engine"):
            self._engine.step(commands, which)

    def load(
        self,
        pictures: npt.NDArray[np.uint8],
        pens: npt.NDArray[np.float32],
        which: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """See the protocol."""
        self._engine.load(pictures, pens, which)

    def fork(self, source: Engine, rows: npt.NDArray[np.int64], which: npt.NDArray[np.bool_] | None = None) -> None:
        """See the protocol."""
        self._engine.fork(source._engine if isinstance(source, TimedEngine) else source, rows, which)

    def canvases(self) -> npt.NDArray[np.uint8]:
        """See the protocol."""
        return self._engine.canvases()


class Loop:
    """The training loop of a preset, one round at a time."""

    def __init__(self, preset: Preset, threads: int) -> None:
        """Set up what `train` does, without a run's folder."""
        self.preset, self.threads, self.clock = preset, machine.use_threads(threads), Clock()
        self.learner, self.actors, self.pictures = set_up(preset, self.threads)
        if preset.run.compile == "on":
            for each in self.learner.policies:
                machine.compile_policy(each.policy)
        for actor in self.actors:
            actor.canvases.wrap(lambda engine: TimedEngine(engine, self.clock))

    def round(self) -> int:
        """Run one iteration; returns the number of commands painted."""
        before = self.learner.commands
        self.turn(self.clock)
        return self.learner.commands - before

    def turn(self, phase: Phase) -> None:
        """Run one iteration, measured by `phase`."""
        for _ in train_iteration(self.learner, self.actors, self.pictures, 0.0, phase):
            pass


def commands_per_second(loop: Loop | ReferenceLoop, seconds: float, threads: int) -> float:
    """The rate of a loop over whole rounds for at least `seconds`, with `threads` threads of torch."""
    torch.set_num_threads(threads)
    began, commands = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        commands += loop.round()
    return commands / passed


def measure_loops(preset: Preset, threads: int, repeats: int, seconds: float) -> dict[str, list[float]]:
    """Commands per second of the loop and of the reference loop on one thread and on all, in turns.

    Both learn without lessons, which the plain loop does not have.

    Args:
        preset: a reconstruction by WGAN-GP.
        threads: of the loop; all processors when 0.
        repeats: how often each is measured.
        seconds: at least, for each.
    """
    preset = replace(preset, learning=replace(preset.learning, lessons=0))
    ours, plain = Loop(preset, threads), ReferenceLoop(preset)
    plain.round()
    for _ in range(WARM_UP):
        ours.round()
    rates: dict[str, list[float]] = {"loop": [], "reference_1_thread": [], "reference_all_threads": []}
    for _ in range(repeats):
        rates["loop"].append(commands_per_second(ours, seconds, ours.threads))
        rates["reference_1_thread"].append(commands_per_second(plain, seconds, 1))
        rates["reference_all_threads"].append(commands_per_second(plain, seconds, ours.threads))
    return rates


def measure_phases(preset: Preset, threads: int, seconds: float) -> dict[str, Any]:
    """Where the time of the loop goes.

    Returns:
        For `paint`, `judge` and `learn` each `milliseconds` a round, `share` of the loop, `commands_per_second` of the
        phase alone, `flops` a round and `of_matrix_rate`, the achieved share of `matrix_flops_per_second`;
        `engine_share`, the part of the loop spent waiting for the engine; `peak_megabytes` of the process.
    """
    flops = count_flops(Loop(replace(preset, run=replace(preset.run, compile="off")), threads))
    loop = Loop(preset, threads)
    for _ in range(WARM_UP):
        loop.round()
    loop.clock.seconds.clear()
    commands, rounds, began = 0, 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        commands += loop.round()
        rounds += 1
    spent = loop.clock.seconds
    whole, rate = sum(spent[name] for name in flops), matrix_rate(loop)
    result: dict[str, Any] = {
        name: {
            "milliseconds": 1000 * spent[name] / rounds,
            "share": spent[name] / whole,
            "commands_per_second": commands / spent[name],
            "flops": flops[name],
            "of_matrix_rate": flops[name] * rounds / spent[name] / rate,
        }
        for name in flops
    }
    result |= {"engine_share": spent["engine"] / whole, "matrix_flops_per_second": rate}
    return {**result, "peak_megabytes": peak_megabytes(loop.learner.device)}


class FlopCounter(TorchDispatchMode):
    """Adds up flops from torch's registry; torch's own counter does not support second derivatives."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: D105
        result = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func._overloadpacket):
            self.total += count(*args, **(kwargs or {}), out_val=result)
        return result


def count_flops(loop: Loop) -> dict[str, int]:
    """Floating point operations of convolutions and matrix products in each phase of one round."""
    counted: dict[str, int] = {}

    @contextlib.contextmanager
    def phase(name: str) -> Iterator[None]:
        with FlopCounter() as counter:
            yield
        counted[name] = counter.total

    loop.turn(phase)
    return counted


def matrix_rate(loop: Loop) -> float:
    """Floating point operations per second of a large matrix product in the loop's own precision."""
    with loop.learner.policies[0].mixed():
        left, right = torch.randn(2, MATRIX_SIDE, MATRIX_SIDE, device=loop.learner.device)
        seconds = fastest(lambda: left @ right, 10)
    return 2 * MATRIX_SIDE**3 / seconds


def fastest(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of some repeats."""
    result = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        result = min(result, time.perf_counter() - began)
    return result


def peak_megabytes(device: torch.device) -> float:
    """Peak memory of this process: of the GPU if it computes there, else of the machine (Linux: KiB)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
