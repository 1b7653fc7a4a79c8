"""Several learners of one policy, a GPU each: torch's DistributedDataParallel, started by Ray Train.

To the coordinator a group is one process with `PolicyLearnerProcess`'s methods: a `DDPGroup` passes every call to all
ranks, and returns the result of the first. Each rank learns from its share of an unroll's canvases, so that together
they take the step of a single learner.
"""

from __future__ import annotations

import asyncio
import tempfile
from typing import Any

import ray
from ray.exceptions import RayActorError

from spiral.errors import InputError, TrainingError
from spiral.scaling.actors_and_learners import PolicyLearnerProcess


class DDPGroup:
    """Represents a group of learners; an asynchronous Ray actor."""

    def __init__(self, ranks: int) -> None:
        """Represent `ranks` ranks."""
        self._queues = [asyncio.Queue() for _ in range(ranks)]
        self._answers = [asyncio.Queue() for _ in range(ranks)]

    async def setup(self, *arguments: Any) -> Any:
        """See `PolicyLearnerProcess`."""
        return await self._all("setup", arguments)

    async def weights(self) -> Any:
        """See `PolicyLearnerProcess`."""
        return await self._first("weights", ())

    async def learn(self, *arguments: Any) -> Any:
        """See `PolicyLearnerProcess`."""
        return await self._all("learn", arguments)

    async def evaluate(self, *arguments: Any) -> Any:
        """See `PolicyLearnerProcess`."""
        return await self._first("evaluate", arguments)

    async def state(self) -> Any:
        """See `PolicyLearnerProcess`."""
        return await self._first("state", ())

    async def next(self, rank: int) -> tuple[str, tuple[Any, ...]]:
        """Wait for a rank's next call."""
        return await self._queues[rank].get()

    async def answer(self, rank: int, value: Any, error: Exception | None) -> None:
        """Take a rank's result."""
        await self._answers[rank].put((value, error))

    async def _all(self, method: str, arguments: tuple[Any, ...]) -> Any:
        for queue in self._queues:
            await queue.put((method, arguments))
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
        await self._queues[0].put((method, arguments))
        value, error = await self._answers[0].get()
        if error is not None:
            raise error
        return value


def start_ddp_group(ranks: int, gpus: float) -> Any:
    """Start `ranks` ranks; returns the Ray actor that represents them. If a rank dies, so does that actor."""
    group = ray.remote(DDPGroup).options(num_cpus=0, max_concurrency=64).remote(ranks)
    ray.remote(_fit).options(num_cpus=0, num_gpus=0, max_retries=0).remote(group, ranks, gpus > 0)
    return group


def _fit(group: Any, ranks: int, gpus: bool) -> None:
    """Let Ray Train start the ranks and wait for their end."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    with tempfile.TemporaryDirectory() as folder:
        trainer = TorchTrainer(
            _run_rank,
            train_loop_config={"group": group},
            scaling_config=ScalingConfig(num_workers=ranks, use_gpu=gpus),
            run_config=RunConfig(name="policy-learners", storage_path=folder),
        )
        try:
            trainer.fit()
        finally:
            ray.kill(group)


def _run_rank(config: dict[str, Any]) -> None:
    """Execute calls, one after the other, until the group is gone.

    Any other error ends the rank and its group, which is then replaced; callers that wait for the rank see it as the
    rank's death.
    """
    from ray.train import get_context

    group, rank, process = config["group"], get_context().get_world_rank(), PolicyLearnerProcess()
    while True:
        try:
            method, arguments = ray.get(group.next.remote(rank))
        except RayActorError:
            return
        value = error = None
        try:
            value = getattr(process, method)(*arguments)
        except (InputError, TrainingError) as failure:  # goes to the caller
            error = failure
        ray.get(group.answer.remote(rank, value, error))
