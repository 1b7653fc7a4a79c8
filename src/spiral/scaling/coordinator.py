r"""The coordinator of a distributed run: gives work, takes results (SPIRAL section 3.4).

    actors --unrolls--> policy learners --weights--> actors
       \--unrolls--> discriminator learner --weights--> policy learners, which score with them

The driver sees only references and small reports; unrolls and weights go from process to process. Back-pressure: an
actor gets work only while few unrolls of its policy are in flight. Only commands that a policy learner has learned from
count; the learner counts them itself, with its weights.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import ObjectLostError, RayActorError, RayTaskError

from spiral.errors import InputError
from spiral.learning.checkpoint import Tensors
from spiral.learning.learner import Evaluation, merge_states
from spiral.learning.policy_learner import MetricsCallback
from spiral.scaling.actors_and_learners import StepReport, UnrollReport, merge_evaluations
from spiral.scaling.futures import Futures, ObjectRef, object_lost, unwrapped
from spiral.scaling.placement import Batch, LearnerSlot, Slot
from spiral.scaling.serialization import to_tensors
from spiral.scaling.settings import MAX_CALLS_IN_FLIGHT, ClusterSettings
from spiral.scaling.supervisor import Supervisor
from spiral.settings import Preset


class Coordinator:
    """Gives work to all processes of a run and takes their results.

    Attributes:
        supervisor: starts and replaces the processes.
        painted: number of commands painted so far.
        dropped: those that were too old to learn from.
    """

    def __init__(
        self,
        preset: Preset,
        settings: ClusterSettings,
        state: Callable[[], dict[str, Tensors]],
        say: Callable[[str], None],
        frames: int | None,
        compiled: bool,
    ) -> None:
        """Start all processes.

        Args:
            preset: the experiment.
            settings: how it is distributed.
            state: reads the state of all learners from the newest checkpoint; see `learner.merge_states`.
            say: prints a message.
            frames: number of commands after which learning ends.
            compiled: whether policies are compiled.

        Raises:
            InputError: incompatible settings.
        """
        learning = preset.learning
        if settings.actors < learning.population:
            raise InputError(f"{learning.population} policies need at least as many actors, not {settings.actors}")
        self._unrolls, self._frames, self._progress = settings.unrolls(learning.batch_size), frames, 0.0
        self._max_policy_lag, self._scored = settings.max_policy_lag, learning.reward != "l2"
        self._batch_commands = learning.unroll_length * learning.batch_size
        self._futures = Futures()
        self.supervisor = Supervisor(preset, settings, state, say, compiled, self._futures)
        self.painted = self.dropped = self._lost_commands = self._learning = self._turns = 0
        self._reports: list[dict[str, float]] = []
        self._in_flight = [0] * learning.population
        painting = [sum(1 for slot in self.supervisor.actors if slot.member == m) for m in range(learning.population)]
        self._max_in_flight = [settings.max_unrolls_in_flight(many, self._unrolls) for many in painting]

    @property
    def commands(self) -> int:
        """Commands learned from, by all policies."""
        return sum(slot.last.commands for slot in self.supervisor.policies)

    @property
    def lost(self) -> int:
        """Number of commands, painted or learned from, that were lost with a process or a node."""
        return self._lost_commands + self.supervisor.rolled_back

    def step(self, progress: float, seconds: float) -> list[dict[str, float]]:
        """Give work to all free processes, and wait at most `seconds` for a result.

        Args:
            progress: the share of the budget used up, for the schedules.
            seconds: to wait.

        Returns:
            Figures of the policy learners' steps since the last call.

        Raises:
            InputError: a process cannot work with these settings, or on its machine.
            TrainingError: a learner has found no place in the cluster.
        """
        self._progress = progress
        self._dispatch()
        self._futures.wait(seconds)
        self.supervisor.warn_of_waiting()
        reports, self._reports = self._reports, []
        return reports

    def drain(self, seconds: float = 60.0) -> None:
        """Wait until the learners have finished their current batches; no policy begins another."""
        self._frames = 0
        until = time.monotonic() + seconds
        while any(slot.busy for slot in self.supervisor.learners) and time.monotonic() < until:
            self._futures.wait(1.0)

    def evaluate(self, metrics_callback: MetricsCallback | None) -> Evaluation | None:
        """Let every policy paint the held-out pictures; None if a learner is not running now.

        Raises:
            InputError: the pictures are missing on its machine.
            TrainingError: it failed in another way.
        """
        found = self._call_learners(
            self.supervisor.policies, lambda slot: slot.handle.evaluate.remote(metrics_callback)
        )
        return None if found is None else merge_evaluations(found)

    def state(self) -> dict[str, Tensors] | None:
        """The state of all learners, to be saved; None if one is not running now.

        Raises:
            TrainingError: a process failed.
        """
        states = self._call_learners(self.supervisor.learners, lambda slot: slot.handle.state.remote())
        return None if states is None else merge_states(*to_tensors((states[:-1], states[-1])))

    def _call_learners(self, slots: list[LearnerSlot], call: Callable[[Slot], ObjectRef]) -> list[Any] | None:
        if any(slot.placement is None for slot in slots):
            return None
        found, asked = [], [(slot, slot.handle, call(slot)) for slot in slots]
        for slot, handle, reference in asked:
            try:
                found.append(ray.get(reference))
            except RayActorError as error:
                # A busy process's call fails later, and the process is replaced then; an idle one has no call to fail.
                if handle is slot.handle and not slot.busy:
                    self.supervisor.replace(slot, error)
            except ObjectLostError:
                continue
            except RayTaskError as error:
                if not object_lost(error):
                    raise unwrapped(error) from error
        return found if len(found) == len(slots) else None

    def _dispatch(self) -> None:
        discriminator = self.supervisor.discriminator
        if discriminator.free and discriminator.waiting:
            self._learn_discriminator(discriminator, discriminator.waiting.popleft())
        for slot in self.supervisor.policies:
            while slot.free and discriminator.weights is not None and slot.waiting and self._within_budget():
                batch = slot.waiting.popleft()
                if slot.version - batch.version <= self._max_policy_lag:
                    self._learn_policy(slot, batch)
                else:
                    self.dropped += self._batch_commands
                    self._release(batch)
        while waiting := [slot for slot in self.supervisor.actors if self._can_paint(slot)]:
            slot = min(waiting, key=lambda slot: (slot.in_flight, slot.turn))
            self._request_unroll(slot, self.supervisor.policies[slot.member])

    def _can_paint(self, slot: Slot) -> bool:
        return (
            slot.placement is not None
            and slot.in_flight < MAX_CALLS_IN_FLIGHT
            and self.supervisor.policies[slot.member].weights is not None
            and self._in_flight[slot.member] < self._max_in_flight[slot.member]
        )

    def _within_budget(self) -> bool:
        """Whether one more batch may be learned from within the budget."""
        return self._frames is None or self.commands + self._learning * self._batch_commands < self._frames

    def _request_unroll(self, slot: Slot, policy: LearnerSlot) -> None:
        slot.in_flight += 1
        slot.turn = self._turns = self._turns + 1
        self._in_flight[slot.member] += 1
        handle = slot.handle
        unroll, painted = handle.unroll.options(num_returns=2).remote(policy.weights, policy.version)

        def done(report: UnrollReport) -> None:
            if handle is slot.handle:
                slot.in_flight -= 1
                slot.failed_starts = 0
            self.painted += self._batch_commands // self._unrolls
            self._add_to_batch(policy, unroll, report)

        def failed(error: Any) -> None:
            self._in_flight[slot.member] -= 1
            if handle is not slot.handle:
                return  # another call to the same process has failed before
            if object_lost(error):
                slot.in_flight -= 1
                self.supervisor.fetch_weights(policy)
            else:
                self.supervisor.replace(slot, error)

        self._futures.add_callbacks(painted, done, failed)

    def _add_to_batch(self, policy: LearnerSlot, unroll: ObjectRef, report: UnrollReport) -> None:
        """Collect unrolls until they make a batch."""
        batch = policy.partial_batch or Batch(policy.member, readers=2 if self._scored else 1)
        batch.unrolls.append(unroll)
        batch.reports.append(report)
        if len(batch.unrolls) < self._unrolls:
            policy.partial_batch = batch
            return
        policy.partial_batch = None
        policy.waiting.append(batch)
        if self._scored:
            self.supervisor.discriminator.waiting.append(batch)

    def _learn_policy(self, slot: LearnerSlot, batch: Batch) -> None:
        slot.busy = True
        self._learning += 1
        age, scorer, handle = slot.version - batch.version, self.supervisor.discriminator.weights, slot.handle
        learn = handle.learn.options(num_returns=2)
        weights, learned = learn.remote(scorer, self._progress, *batch.unrolls)

        def done(report: StepReport) -> None:
            self._learning -= 1
            if handle is not slot.handle:
                slot.waiting.appendleft(batch)  # that process's update was lost with it
                return
            slot.publish(weights, report)
            self._release(batch)
            self._reports.append(self._figures(slot, batch, age))

        def failed(error: Any) -> None:
            self._learning -= 1
            self._lost_commands += self._batch_commands * object_lost(error)
            self._requeue(slot, handle, batch, error)
            if object_lost(error):
                self.supervisor.fetch_weights(self.supervisor.discriminator)

        self._futures.add_callbacks(learned, done, failed)

    def _learn_discriminator(self, slot: LearnerSlot, batch: Batch) -> None:
        slot.busy, handle = True, slot.handle
        weights, learned = handle.learn.options(num_returns=2).remote(self._progress, *batch.unrolls)

        def done(report: StepReport) -> None:
            if handle is slot.handle:
                slot.publish(weights, report)
            self._release(batch)

        self._futures.add_callbacks(learned, done, lambda error: self._requeue(slot, handle, batch, error))

    def _release(self, batch: Batch) -> None:
        """Count a learner that is through with a batch; after both, other unrolls have room."""
        batch.readers -= 1
        if not batch.readers:
            self._in_flight[batch.member] -= len(batch.unrolls)

    def _requeue(self, slot: LearnerSlot, handle: Any, batch: Batch, error: Any) -> None:
        """Give a batch that a learner failed on to its replacement, unless the batch is lost."""
        if object_lost(error):
            slot.busy = slot.busy and handle is not slot.handle
            self._release(batch)
            return
        slot.waiting.appendleft(batch)
        if handle is slot.handle:
            self.supervisor.replace(slot, error)

    def _figures(self, slot: LearnerSlot, batch: Batch, age: int) -> dict[str, float]:
        """A step's figures of all processes, for the log."""
        reports, discriminator = batch.reports, self.supervisor.discriminator
        names = reports[0].figures
        means = {name: statistics.fmean(report.figures[name] for report in reports) for name in names}
        return {
            **slot.last.figures,
            **discriminator.last.figures,
            **means,
            "cluster/policy_lag": age,
            "cluster/waiting": len(slot.waiting),
            "cluster/actors": sum(1 for actor in self.supervisor.actors if actor.placement is not None),
            "cluster/dropped": self.dropped,
            "cluster/lost": self.lost,
            "actor/seconds": statistics.fmean(report.seconds for report in reports),
            "actor/idle": statistics.fmean(report.waited / (report.waited + report.seconds) for report in reports),
            "policy_learner/seconds": slot.last.seconds,
            "discriminator_learner/seconds": discriminator.last.seconds,
        }
