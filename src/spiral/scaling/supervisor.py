"""The supervisor of a distributed run: starts its processes, and replaces dead ones."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ray
import torch
from ray.exceptions import GetTimeoutError, ObjectLostError, RayActorError, RayTaskError

from spiral.errors import TrainingError
from spiral.learning.checkpoint import Tensors
from spiral.learning.learner import member_state
from spiral.scaling.actors_and_learners import ActorProcess, DiscriminatorLearnerProcess, PolicyLearnerProcess
from spiral.scaling.ddp import start_ddp_group
from spiral.scaling.futures import Futures, ObjectRef
from spiral.scaling.placement import LearnerSlot, Slot
from spiral.scaling.serialization import flatten, to_arrays, unflatten
from spiral.scaling.settings import ClusterSettings
from spiral.settings import Preset

_FETCH_SECONDS = 20.0
_WARN_SECONDS = 30.0
_MAX_FAILED_STARTS = 5


class Supervisor:
    """All processes of a run, by slot.

    Attributes:
        policies: a slot for the learner of each policy.
        discriminator: the slot of the discriminator's learner.
        actors: their slots; the policies are divided among them.
        rolled_back: number of commands whose learning was lost with a learner and its published weights.
    """

    def __init__(
        self,
        preset: Preset,
        settings: ClusterSettings,
        state: Callable[[], dict[str, Tensors]],
        say: Callable[[str], None],
        compiled: bool,
        futures: Futures,
    ) -> None:
        """Start all processes; see `Coordinator`."""
        self._preset, self._settings, self._state, self._say = preset, settings, state, say
        self._compiled, self._futures = compiled, futures
        self._threads = preset.run.threads or 1
        self._gpus = ray.cluster_resources().get("GPU", 0)
        self._requested: dict[str, float] = {}
        self.rolled_back = 0
        members = range(preset.learning.population)
        names = ["policy learner"] if len(members) == 1 else [f"policy learner {member + 1}" for member in members]
        self.policies = [LearnerSlot(name, member) for member, name in enumerate(names)]
        self.discriminator = LearnerSlot("discriminator learner")
        self.actors = [Slot(f"actor {n + 1}", n % len(members)) for n in range(settings.actors)]
        begun = state()
        for slot in self.policies:
            self._start_policy_learner(slot, member_state(begun, slot.member))
        self._start_discriminator_learner(begun)
        for slot in self.actors:
            self._start_actor(slot)

    @property
    def learners(self) -> list[LearnerSlot]:
        """All learners."""
        return [*self.policies, self.discriminator]

    @property
    def slots(self) -> list[Slot]:
        """Everybody."""
        return [*self.learners, *self.actors]

    def replace(self, slot: Slot, error: Any) -> None:
        """Replace a process that died or cannot be reached.

        A learner's published weights survive it, unless its node is lost, too. The rest of its state, moments, averages
        and the replay buffer, comes from the checkpoint, which is a little older.

        Raises:
            TrainingError: processes in this slot keep dying at the start.
        """
        self._say(f"{slot.name} was lost ({type(error).__name__}); it is replaced")
        slot.restarts += 1
        slot.failed_starts += 1
        if slot.failed_starts > _MAX_FAILED_STARTS:
            raise TrainingError(f"{slot.name} keeps dying before its first result: {_first_line(error)}")
        with contextlib.suppress(Exception):
            ray.kill(slot.handle)
        if not isinstance(slot, LearnerSlot):
            self._start_actor(slot)
            return
        state = self._state()
        if slot is self.discriminator:
            weights, _ = _published(slot.weights, state["discriminator"])
            slot.weights = ray.put(flatten(weights))
            slot.version += 1
            self._start_discriminator_learner({**state, "discriminator": weights})
            return
        before, mine = slot.last, member_state(state, slot.member)
        weights, there = _published(slot.weights, mine["policy"])
        slot.weights, mine["policy"] = ray.put(flatten(weights)), weights
        slot.version += 1  # or actors would keep the lost weights
        if there:
            mine["counts"] = {
                "updates": torch.tensor(before.updates),
                "commands": torch.tensor(before.commands),
            }
        self._start_policy_learner(slot, mine)
        self.rolled_back += before.commands - slot.last.commands

    def fetch_weights(self, slot: LearnerSlot) -> None:
        """Let a learner publish again: its weights are not published yet, or lost, perhaps with the learner."""
        if slot.fetching_weights or slot.placement is None:
            return
        slot.fetching_weights, handle = True, slot.handle
        weights = handle.weights.remote()

        def there(_: Any) -> None:
            slot.fetching_weights = False
            if handle is slot.handle:
                slot.weights = weights
                slot.version += 1

        def failed(error: Any) -> None:
            slot.fetching_weights = False
            if handle is slot.handle:
                self.replace(slot, error)

        self._futures.add_callbacks(weights, there, failed)

    def warn_of_waiting(self) -> None:
        """Report processes that still wait for a place in the cluster.

        Raises:
            TrainingError: a learner has waited for too long.
        """
        now = time.monotonic()
        for slot in self.slots:
            waited = now - self._requested.get(slot.name, now)
            if isinstance(slot, LearnerSlot) and waited > self._settings.placement_timeout:
                each = f"1 processor{' and 1 GPU' if self._gpus else ''}"
                needs = each if self._settings.learners == 1 else f"{self._settings.learners} times {each}"
                raise TrainingError(
                    f"{slot.name} found no place in the cluster in {self._settings.placement_timeout:.0f} s: "
                    f"it needs {needs}; "
                    "join a node (`ray start --address ...`) and continue with --resume"
                )
            if waited > _WARN_SECONDS and not slot.warned:
                slot.warned = True
                self._say(f"{slot.name} waits for a place in the cluster")

    def _start(self, slot: Slot, handle: Any, *arguments: Any) -> None:
        """Fill the slot with a new process; it counts as ready after `setup`."""
        slot.handle, slot.placement, slot.busy, slot.in_flight, slot.warned = handle, None, False, 0, False
        self._requested[slot.name] = time.monotonic()

        def ready(place: Any) -> None:
            slot.placement = place
            self._requested.pop(slot.name, None)
            if isinstance(slot, LearnerSlot) and slot.weights is None:
                self.fetch_weights(slot)
            if slot.restarts:
                self._say(f"{slot.name} runs again, on {place.host}")

        def failed(error: Any) -> None:
            if handle is slot.handle:
                self.replace(slot, error)

        self._futures.add_callbacks(handle.setup.remote(*arguments), ready, failed)

    def _start_actor(self, slot: Slot) -> None:
        handle = ray.remote(ActorProcess).options(num_cpus=1, num_gpus=0).remote()
        number, before = self.actors.index(slot), sum(slot.last.commands for slot in self.policies)
        seed = self._preset.run.seed + 1000 * (1 + number) + 1_000_000 * slot.restarts + before
        canvases = self._settings.canvases_per_actor
        first = number * (canvases or self._preset.learning.batch_size)
        self._start(slot, handle, self._preset, seed, self._threads, self._compiled, canvases, first)

    def _start_policy_learner(self, slot: LearnerSlot, state: dict[str, Tensors]) -> None:
        slot.last = replace(slot.last, **{name: int(count) for name, count in state["counts"].items()})
        gpus = 1.0 if self._gpus else 0.0
        if self._settings.learners > 1:
            handle = start_ddp_group(self._settings.learners, gpus)
        else:
            handle = ray.remote(PolicyLearnerProcess).options(num_cpus=1, num_gpus=gpus).remote()
        self._start(slot, handle, self._preset, ray.put(to_arrays(state)), self._threads, self._compiled)

    def _start_discriminator_learner(self, state: dict[str, Tensors]) -> None:
        mine = {name: state[name] for name in ("discriminator", "discriminator_optimizer", "replay")}
        gpus = 1.0 if self._gpus > self._settings.learners * len(self.policies) else 0.0
        handle = ray.remote(DiscriminatorLearnerProcess).options(num_cpus=1, num_gpus=gpus).remote()
        self._start(self.discriminator, handle, self._preset, ray.put(to_arrays(mine)), self._threads)


def _published(reference: ObjectRef, otherwise: Tensors) -> tuple[Tensors, bool]:
    """A learner's last published weights, or `otherwise` if they are lost, and whether they were found."""
    if reference is None:
        return otherwise, False
    try:
        weights: Any = ray.get(reference, timeout=_FETCH_SECONDS)
    except (RayActorError, ObjectLostError, RayTaskError, GetTimeoutError):
        return otherwise, False
    return {name: tensor.clone() for name, tensor in unflatten(weights, otherwise).items()}, True


def _first_line(error: Any) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
