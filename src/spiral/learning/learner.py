"""The learners on one machine: those of one or several policies, and of the shared discriminator (SPIRAL section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from spiral.datasets import Dataset
from spiral.engines import Engine
from spiral.learning import checkpoint
from spiral.learning.checkpoint import Tensors
from spiral.learning.discriminator_learner import DiscriminatorLearner
from spiral.learning.policy_learner import MetricsCallback, PolicyLearner
from spiral.learning.real_images import RealImages
from spiral.models.policy import ADDITIONS
from spiral.settings import Preset

Evaluation = tuple[dict[str, float], list[Tensor], Tensor | None]
"""Figures, each policy's canvases uint8 [N, S, S, C], and their targets."""


class Learner:
    """The learners of a run.

    Attributes:
        policies: `learning.population` learners.
        discriminator: shared by all.
    """

    def __init__(self, preset: Preset, device: torch.device) -> None:
        """Networks with random weights drawn from the preset's seed.

        Raises:
            InputError: incompatible settings.
        """
        torch.manual_seed(preset.run.seed)
        self.preset, self.device = preset, device
        self.policies = [PolicyLearner(preset, device) for _ in range(preset.learning.population)]
        self.discriminator = DiscriminatorLearner(preset, device)

    @property
    def commands(self) -> int:
        """Commands learned from, by all policies."""
        return sum(policy.commands for policy in self.policies)

    def evaluate(
        self, engine: Engine, held_out: Dataset, metrics_callback: MetricsCallback | None = None
    ) -> Evaluation:
        """Let every policy paint the held-out pictures; see `PolicyLearner.evaluate`."""
        return combine_evaluations([policy.evaluate(engine, held_out, metrics_callback) for policy in self.policies])

    def take_cluster_means(self, real: RealImages) -> None:
        """Give the policies the cluster means, if they use any."""
        if real.cluster_means is not None:
            for policy in self.policies:
                policy.policy.cluster_means.copy_(real.cluster_means)
                policy.ema.cluster_means.copy_(real.cluster_means)

    def load_agent_weights(self, agent: Path) -> None:
        """Load the networks of an agent with the same specification and sizes; `policy.ADDITIONS` may be new.

        Raises:
            InputError: these differ.
        """
        discriminator = checkpoint.read_tensors(agent, "discriminator")
        checkpoint.fill(self.discriminator.network, discriminator, agent)
        for learner in self.policies:
            checkpoint.fill(learner.policy, checkpoint.read_tensors(agent, "policy"), agent, ADDITIONS)
            learner.ema.load_state_dict(learner.policy.state_dict())

    def state(self) -> dict[str, Tensors]:
        """Groups of tensors to save, random states included."""
        random = {"cpu": torch.get_rng_state(), **checkpoint.cuda_random(self.device)}
        return merge_states([policy.state() for policy in self.policies], self.discriminator.state()) | {
            "random": random
        }

    def restore(self, state: dict[str, Tensors]) -> None:
        """Restore what `state` returned.

        Raises:
            InputError: it belongs to another experiment.
        """
        for member, policy in enumerate(self.policies):
            policy.restore(member_state(state, member))
        self.discriminator.restore(state)
        if "random" in state:  # distributed runs save no random states
            checkpoint.restore_random(state["random"], self.device)


def merge_states(policies: Sequence[dict[str, Tensors]], discriminator: dict[str, Tensors]) -> dict[str, Tensors]:
    """Merge the states of several learners; groups of the second and later policies are numbered."""
    numbered = [{_numbered(name, i): group for name, group in state.items()} for i, state in enumerate(policies)]
    return {name: group for state in numbered for name, group in state.items()} | discriminator


def member_state(state: dict[str, Tensors], member: int) -> dict[str, Tensors]:
    """The state of one policy, 0 for the first, from what `merge_states` returned."""
    names = ("policy", "ema", "policy_optimizer", "reward_scale", "counts")
    return {name: state[_numbered(name, member)] for name in names}


def _numbered(name: str, member: int) -> str:
    return f"{name}-{member + 1}" if member else name


def combine_evaluations(evaluations: Sequence[tuple[dict[str, float], Tensor, Tensor | None]]) -> Evaluation:
    """The mean of several policies' evaluations; if there are several, with each policy's own under `policy-N/`."""
    figures = {
        name: sum(one[name] for one, _, _ in evaluations) / len(evaluations)
        for name in evaluations[0][0]
        if all(name in one for one, _, _ in evaluations)
    }
    if len(evaluations) > 1:
        figures |= {f"policy-{i + 1}/{name}": v for i, (own, _, _) in enumerate(evaluations) for name, v in own.items()}
    return figures, [canvases for _, canvases, _ in evaluations], evaluations[0][2]
