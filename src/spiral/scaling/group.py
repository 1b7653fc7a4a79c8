"""Several learners of one policy, a GPU each: torch's DistributedDataParallel, started by Ray Train.

To the crew a group is one process with `PolicyPart`'s methods: a `Relay` hands every call to all ranks, and answers
with what the first one says. Each rank learns from its share of an unroll's canvases, so that together they take the
step that a single learner would have taken.
"""

from __future__ import annotations

import asyncio
import tempfile
from typing import Any

import ray
from ray.exceptions import RayActorError

from spiral.errors import InputError, TrainingError
from spiral.scaling.parts import PolicyPart


class Relay:
    """Stands for a group of learners; an asynchronous Ray actor."""

    def __init__(self, workers: int) -> None:
        """For so many ranks."""
        self._calls = [asyncio.Queue() for _ in range(workers)]
        self._answers = [asyncio.Queue() for _ in range(workers)]

    async def begin(self, *arguments: Any) -> Any:
        """See `PolicyPart`."""
        return await self._all("begin", arguments)

    async def weights(self) -> Any:
        """See `PolicyPart`."""
        return await self._first("weights", ())

    async def learn(self, *arguments: Any) -> Any:
        """See `PolicyPart`."""
        return await self._all("learn", arguments)

    async def evaluate(self, *arguments: Any) -> Any:
        """See `PolicyPart`."""
        return await self._first("evaluate", arguments)

    async def state(self) -> Any:
        """See `PolicyPart`."""
        return await self._first("state", ())

    async def next(self, rank: int) -> tuple[str, tuple[Any, ...]]:
        """What a rank is to do next; waits for it."""
        return await self._calls[rank].get()

    async def answer(self, rank: int, value: Any, error: Exception | None) -> None:
        """What came of it."""
        await self._answers[rank].put((value, error))

    async def _all(self, method: str, arguments: tuple[Any, ...]) -> Any:
        for calls in self._calls:
            await calls.put((method, arguments))
        # The first error ends the wait: the other ranks may be waiting for the one that failed.
        first = None
        for answer in asyncio.as_completed([self._answer(rank) for rank in range(len(self._answers))]):
            rank, (value, error) = await answer
            if error is not None:
                raise error
            first = value if rank == 0 else first
        return first

    async def _answer(self, rank: int) -> tuple[int, tuple[Any, Exception | None]]:
        return rank, await self._answers[rank].get()

    async def _first(self, method: str, arguments: tuple[Any, ...]) -> Any:
        await self._calls[0].put((method, arguments))
        value, error = await self._answers[0].get()
        if error is not None:
            raise error
        return value


def hire_group(workers: int, gpus: float) -> Any:
    """Start so many ranks; returns the Ray actor that stands for them. If a rank dies, so does that actor."""
    relay = ray.remote(Relay).options(num_cpus=0, max_concurrency=64).remote(workers)
    ray.remote(_fit).options(num_cpus=0, num_gpus=0, max_retries=0).remote(relay, workers, gpus > 0)
    return relay


def _fit(relay: Any, workers: int, gpus: bool) -> None:
    """Let Ray Train start the ranks and wait for their end."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    with tempfile.TemporaryDirectory() as folder:
        trainer = TorchTrainer(
            _serve,
            train_loop_config={"relay": relay},
            scaling_config=ScalingConfig(num_workers=workers, use_gpu=gpus),
            run_config=RunConfig(name="policy-learners", storage_path=folder),
        )
        try:
            trainer.fit()
        finally:
            ray.kill(relay)


def _serve(config: dict[str, Any]) -> None:
    """What a rank does: calls, one after the other, until nobody is there to call.

    Any other error ends the rank, and with it the group, for another one to take its place: it is what those who wait
    for a rank see of its death.
    """
    from ray.train import get_context

    relay, rank, part = config["relay"], get_context().get_world_rank(), PolicyPart()
    while True:
        try:
            method, arguments = ray.get(relay.next.remote(rank))
        except RayActorError:
            return
        value = error = None
        try:
            value = getattr(part, method)(*arguments)
        except (InputError, TrainingError) as failure:  # goes to whoever called
            error = failure
        ray.get(relay.answer.remote(rank, value, error))
