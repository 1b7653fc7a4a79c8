"""The processes of a distributed run, each a few of the trainer's own functions (SPIRAL section 3.4).

They are plain classes; `supervisor` makes Ray actors of them. The constructors do nothing: errors occur in `setup`, and
Ray passes them to the driver instead of taking them for a crash.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import Any

import ray
import torch
from ray.util import get_node_ip_address
from torch import distributed

from spiral.datasets import load
from spiral.engines import make
from spiral.learning import machine
from spiral.learning.checkpoint import Tensors
from spiral.learning.ddp import use_ddp
from spiral.learning.discriminator_learner import DiscriminatorLearner
from spiral.learning.figures import episode_figures, to_numbers
from spiral.learning.learner import Evaluation, combine_evaluations
from spiral.learning.networks import make_discriminator, make_policy
from spiral.learning.policy_learner import MetricsCallback, PolicyLearner
from spiral.learning.trainer import load_real_images, make_actor
from spiral.learning.trajectory import Trajectory, concatenate
from spiral.scaling.serialization import Weights, flatten, to_arrays, to_tensors, unflatten
from spiral.settings import Preset


@dataclass(frozen=True)
class Placement:
    """Where a process runs.

    Attributes:
        pid: its process id.
        host: the machine's address.
        node: Ray's id of it.
        device: what its networks compute on.
    """

    pid: int
    host: str
    node: str
    device: str


@dataclass(frozen=True)
class UnrollReport:
    """An actor's report on an unroll.

    Attributes:
        version: number of policy updates behind the weights it was painted with.
        seconds: time for painting.
        waited: seconds that the actor was idle before.
        figures: of the episodes; see `episode_figures`.
    """

    version: int
    seconds: float
    waited: float
    figures: dict[str, float]


@dataclass(frozen=True)
class StepReport:
    """A learner's report on a step.

    Attributes:
        seconds: its time.
        figures: for the log.
        updates: of the network so far.
        commands: learned from so far; 0 for the discriminator.
    """

    seconds: float
    figures: dict[str, float]
    updates: int = 0
    commands: int = 0


def _prepare_process(preset: Preset, threads: int, seed: int) -> Preset:
    """Prepare this process; without a GPU of its own it computes on the processor."""
    machine.keep_memory()
    machine.use_threads(threads)
    torch.manual_seed(seed)
    return preset if ray.get_gpu_ids() else replace(preset, run=replace(preset.run, device="cpu"))


def _placement(device: torch.device) -> Placement:
    return Placement(os.getpid(), get_node_ip_address(), ray.get_runtime_context().get_node_id(), str(device))


class ActorProcess:
    """Paints unrolls with a copy of the policy."""

    def setup(
        self, preset: Preset, seed: int, threads: int, compiled: bool, canvases: int | None = None, first: int = 0
    ) -> Placement:
        """Prepare, always on the processor: with such small batches a GPU would mostly wait.

        Raises:
            InputError: the engine or the pictures are missing.
        """
        preset = _prepare_process(preset, threads, seed)
        device = torch.device("cpu")
        self.preset, self.policy, self.version = preset, make_policy(preset), -1
        self.actor = make_actor(preset, self.policy, load_real_images(preset, device), threads, canvases, first)
        if compiled:
            machine.compile_policy(self.policy)
        self.idle_since = time.perf_counter()
        return _placement(device)

    def unroll(self, weights: Weights, version: int) -> tuple[Trajectory, UnrollReport]:
        """An unroll of T commands on all canvases, as arrays, by the policy of these weights."""
        began = time.perf_counter()
        if version != self.version:
            self.policy.load_state_dict(unflatten(weights, self.policy.state_dict()))
            self.version = version
        with machine.mixed_precision(torch.device("cpu"), self.preset.run.precision):
            trajectory = self.actor.unroll()
        figures = to_numbers(episode_figures(trajectory, self.policy.specification))
        waited, self.idle_since = began - self.idle_since, time.perf_counter()
        return to_arrays(trajectory), UnrollReport(version, self.idle_since - began, waited, figures)


class PolicyLearnerProcess:
    """The policy learner, with the last published discriminator as its scorer."""

    def setup(self, preset: Preset, state: dict[str, Tensors], threads: int, compiled: bool) -> Placement:
        """Continue from a state; see `PolicyLearner.state`.

        Raises:
            InputError: it does not fit, or there is no such device.
        """
        self.preset = _prepare_process(preset, threads, preset.run.seed)
        self.device = machine.choose_device(self.preset.run.device)
        self.learner = PolicyLearner(self.preset, self.device)
        self.learner.restore(to_tensors(state))
        self.rank, self.ranks = 0, 1
        if distributed.is_available() and distributed.is_initialized():
            self.rank, self.ranks = distributed.get_rank(), distributed.get_world_size()
            use_ddp(self.learner)
        self.scorer = make_discriminator(self.preset, self.device)
        self.eval_engine: Any = None
        if compiled:
            machine.compile_policy(self.learner.policy)
        return _placement(self.device)

    def weights(self) -> Weights:
        """The actors' weights."""
        return flatten(self.learner.policy.state_dict())

    def learn(self, scorer: Weights, progress: float, *unrolls: Trajectory) -> tuple[Weights, StepReport]:
        """Score a batch of unrolls and learn from it; `progress` is the share of the budget used up."""
        began = time.perf_counter()
        self.scorer.load_state_dict(unflatten(scorer, self.scorer.state_dict()))
        episode = concatenate([to_tensors(unroll, self.device) for unroll in unrolls]).share(self.rank, self.ranks)
        rewards = self.learner.rewards(episode, self.scorer, progress)
        figures = to_numbers(self.learner.learn(episode, rewards, progress))
        learned = StepReport(time.perf_counter() - began, figures, self.learner.updates, self.learner.commands)
        return self.weights(), learned

    def evaluate(self, metrics_callback: MetricsCallback | None) -> Any:
        """See `PolicyLearner.evaluate`; as arrays."""
        if self.eval_engine is None:
            data, canvas = self.preset.data, self.preset.canvas
            held_out = load(data.source, data.size, canvas.channels, "test").evenly_spaced(data.held_out)
            engine = make(self.preset.engine, len(held_out), canvas.to_json(), torch.get_num_threads())
            self.eval_engine = engine, held_out
        engine, held_out = self.eval_engine
        return to_arrays(self.learner.evaluate(engine, held_out, metrics_callback))

    def state(self) -> dict[str, Tensors]:
        """See `PolicyLearner.state`; as arrays."""
        return to_arrays(self.learner.state())


class DiscriminatorLearnerProcess:
    """The discriminator learner and its replay buffer."""

    def setup(self, preset: Preset, state: dict[str, Tensors], threads: int) -> Placement:
        """Continue from a state; see `DiscriminatorLearner.state`.

        Raises:
            InputError: the pictures are missing.
        """
        preset = _prepare_process(preset, threads, preset.run.seed + 1)
        self.device = machine.choose_device(preset.run.device)
        self.learner = DiscriminatorLearner(preset, self.device)
        self.learner.restore(to_tensors(state))
        self.real = load_real_images(preset, self.device)
        return _placement(self.device)

    def weights(self) -> Weights:
        """The weights that score canvases."""
        return flatten(self.learner.network.state_dict())

    def learn(self, progress: float, *unrolls: Trajectory) -> tuple[Weights, StepReport]:
        """Put finished canvases into the replay buffer and learn; `progress` is the share of the budget used up."""
        began = time.perf_counter()
        episode = concatenate([to_tensors(unroll, self.device) for unroll in unrolls])
        figures = to_numbers(self.learner.learn(episode, self.real, progress))
        return self.weights(), StepReport(time.perf_counter() - began, figures)

    def state(self) -> dict[str, Tensors]:
        """See `DiscriminatorLearner.state`; as arrays."""
        return to_arrays(self.learner.state())


def merge_evaluations(evaluations: list[Any]) -> Evaluation:
    """Combine several policies' evaluations, as tensors."""
    return combine_evaluations([to_tensors(one) for one in evaluations])
