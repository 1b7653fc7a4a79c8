"""Who holds which seat of a distributed run: hires processes, and others for those that die."""

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
from spiral.scaling.calls import Calls, Reference
from spiral.scaling.group import hire_group
from spiral.scaling.parts import Actor, DiscriminatorPart, PolicyPart
from spiral.scaling.seats import LearnerSeat, Seat
from spiral.scaling.settings import ClusterSettings
from spiral.scaling.wire import flatten, to_arrays, unflatten
from spiral.settings import Preset

_FETCH_SECONDS = 20.0
_REMIND_SECONDS = 30.0
_FRUITLESS = 5


class Staff:
    """All seats of a run.

    Attributes:
        policies: a seat for the learner of each policy.
        discriminator: the one of the discriminator's learner.
        actors: those who paint; they share the policies out among themselves.
        forgotten: number of commands that were learned from in vain, since a learner and what it had published were
            lost.
    """

    def __init__(
        self,
        preset: Preset,
        settings: ClusterSettings,
        state: Callable[[], dict[str, Tensors]],
        say: Callable[[str], None],
        compiled: bool,
        calls: Calls,
    ) -> None:
        """Ask Ray for everybody; see `Crew`."""
        self._preset, self._settings, self._state, self._say = preset, settings, state, say
        self._compiled, self._calls = compiled, calls
        self._threads = preset.run.threads or 1
        self._gpus = ray.cluster_resources().get("GPU", 0)
        self._asked: dict[str, float] = {}
        self.forgotten = 0
        members = range(preset.learning.population)
        names = ["policy learner"] if len(members) == 1 else [f"policy learner {member + 1}" for member in members]
        self.policies = [LearnerSeat(name, member) for member, name in enumerate(names)]
        self.discriminator = LearnerSeat("discriminator learner")
        self.actors = [Seat(f"actor {n + 1}", n % len(members)) for n in range(settings.actors)]
        begun = state()
        for seat in self.policies:
            self._hire_policy_learner(seat, member_state(begun, seat.member))
        self._hire_discriminator_learner(begun)
        for seat in self.actors:
            self._hire_actor(seat)

    @property
    def learners(self) -> list[LearnerSeat]:
        """Those who learn."""
        return [*self.policies, self.discriminator]

    @property
    def seats(self) -> list[Seat]:
        """Everybody."""
        return [*self.learners, *self.actors]

    def replace(self, seat: Seat, error: Any) -> None:
        """Somebody died, or was not to be reached: hire another one.

        What a learner published is not lost with it, unless its node went, too. The rest of its state, moments,
        averages and the replay buffer, is that of the checkpoint, which is a little older.

        Raises:
            TrainingError: none lives long enough to do anything.
        """
        self._say(f"{seat.name} was lost ({type(error).__name__}); another one takes its place")
        seat.losses += 1
        seat.fruitless += 1
        if seat.fruitless > _FRUITLESS:
            raise TrainingError(f"{seat.name} dies before it has done anything, again and again: {_first_line(error)}")
        with contextlib.suppress(Exception):
            ray.kill(seat.handle)
        if not isinstance(seat, LearnerSeat):
            self._hire_actor(seat)
            return
        state = self._state()
        if seat is self.discriminator:
            weights, _ = _published(seat.weights, state["discriminator"])
            seat.weights = ray.put(flatten(weights))
            seat.version += 1
            self._hire_discriminator_learner({**state, "discriminator": weights})
            return
        before, mine = seat.last, member_state(state, seat.member)
        weights, there = _published(seat.weights, mine["policy"])
        seat.weights, mine["policy"] = ray.put(flatten(weights)), weights
        seat.version += 1  # or actors would go on with those that were lost
        if there:
            mine["counts"] = {
                "updates": torch.tensor(before.updates),
                "commands": torch.tensor(before.commands),
            }
        self._hire_policy_learner(seat, mine)
        self.forgotten += before.commands - seat.last.commands

    def ask_for_weights(self, seat: LearnerSeat) -> None:
        """Have a learner publish once more: nobody has its weights yet, or they are gone, and perhaps it is, too."""
        if seat.asked or seat.place is None:
            return
        seat.asked, handle = True, seat.handle
        weights = handle.weights.remote()

        def there(_: Any) -> None:
            seat.asked = False
            if handle is seat.handle:
                seat.weights = weights
                seat.version += 1

        def failed(error: Any) -> None:
            seat.asked = False
            if handle is seat.handle:
                self.replace(seat, error)

        self._calls.expect(weights, there, failed)

    def remind(self) -> None:
        """Say who still waits for a place in the cluster.

        Raises:
            TrainingError: a learner has waited for too long.
        """
        now = time.monotonic()
        for seat in self.seats:
            waited = now - self._asked.get(seat.name, now)
            if isinstance(seat, LearnerSeat) and waited > self._settings.patience:
                each = f"1 processor{' and 1 GPU' if self._gpus else ''}"
                needs = each if self._settings.learners == 1 else f"{self._settings.learners} times {each}"
                raise TrainingError(
                    f"{seat.name} found no place in the cluster in {self._settings.patience:.0f} s: it needs {needs}; "
                    "join a node (`ray start --address ...`) and go on with --resume"
                )
            if waited > _REMIND_SECONDS and not seat.reminded:
                seat.reminded = True
                self._say(f"{seat.name} waits for a place in the cluster")

    def _hire(self, seat: Seat, handle: Any, *arguments: Any) -> None:
        """Give the seat to a new process; it counts as ready when it has begun."""
        seat.handle, seat.place, seat.busy, seat.calls, seat.reminded = handle, None, False, 0, False
        self._asked[seat.name] = time.monotonic()

        def ready(place: Any) -> None:
            seat.place = place
            self._asked.pop(seat.name, None)
            if isinstance(seat, LearnerSeat) and seat.weights is None:
                self.ask_for_weights(seat)
            if seat.losses:
                self._say(f"{seat.name} is there again, on {place.host}")

        def failed(error: Any) -> None:
            if handle is seat.handle:
                self.replace(seat, error)

        self._calls.expect(handle.begin.remote(*arguments), ready, failed)

    def _hire_actor(self, seat: Seat) -> None:
        handle = ray.remote(Actor).options(num_cpus=1, num_gpus=0).remote()
        number, before = self.actors.index(seat), sum(seat.last.commands for seat in self.policies)
        seed = self._preset.run.seed + 1000 * (1 + number) + 1_000_000 * seat.losses + before
        canvases = self._settings.canvases
        first = number * (canvases or self._preset.learning.batch_size)
        self._hire(seat, handle, self._preset, seed, self._threads, self._compiled, canvases, first)

    def _hire_policy_learner(self, seat: LearnerSeat, state: dict[str, Tensors]) -> None:
        seat.last = replace(seat.last, **{name: int(count) for name, count in state["counts"].items()})
        gpus = 1.0 if self._gpus else 0.0
        if self._settings.learners > 1:
            handle = hire_group(self._settings.learners, gpus)
        else:
            handle = ray.remote(PolicyPart).options(num_cpus=1, num_gpus=gpus).remote()
        self._hire(seat, handle, self._preset, ray.put(to_arrays(state)), self._threads, self._compiled)

    def _hire_discriminator_learner(self, state: dict[str, Tensors]) -> None:
        mine = {name: state[name] for name in ("discriminator", "discriminator_optimizer", "replay")}
        gpus = 1.0 if self._gpus > self._settings.learners * len(self.policies) else 0.0
        handle = ray.remote(DiscriminatorPart).options(num_cpus=1, num_gpus=gpus).remote()
        self._hire(self.discriminator, handle, self._preset, ray.put(to_arrays(mine)), self._threads)


def _published(reference: Reference, otherwise: Tensors) -> tuple[Tensors, bool]:
    """The weights that a learner published last, or others when they are gone, and whether they were there."""
    if reference is None:
        return otherwise, False
    try:
        weights: Any = ray.get(reference, timeout=_FETCH_SECONDS)
    except (RayActorError, ObjectLostError, RayTaskError, GetTimeoutError):
        return otherwise, False
    return {name: tensor.clone() for name, tensor in unflatten(weights, otherwise).items()}, True


def _first_line(error: Any) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
