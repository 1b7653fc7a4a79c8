"""What learns to judge: the discriminator, its optimiser and the replay buffer (SPIRAL sections 3.2 and 3.4)."""

from __future__ import annotations

import functools

import torch

from spiral.errors import InputError
from spiral.learning import checkpoint, machine
from spiral.learning.adversarial import ReplayBuffer, discriminator_loss
from spiral.learning.checkpoint import Tensors
from spiral.learning.networks import make_discriminator
from spiral.learning.real_images import RealImages
from spiral.learning.trajectory import Trajectory
from spiral.settings import Preset


class DiscriminatorLearner:
    """The discriminator and everything of it that a checkpoint must hold."""

    def __init__(self, preset: Preset, device: torch.device) -> None:
        """A network with random weights.

        Raises:
            InputError: settings that do not go together.
        """
        learning, size, channels = preset.learning, preset.data.size, preset.canvas.channels
        if learning.matched_pairs and not preset.redraws:
            raise InputError("pairs with the same targets need targets: leave out --learning.matched-pairs")
        self.preset = preset
        # Entered anew for every pass: inside one context autocast would go on using the weights it first converted.
        # Penalties of zero-centred slopes are squares of small numbers: they are computed in full precision.
        precision = "float32" if learning.adversarial_loss == "r3gan" else preset.run.precision
        self.mixed = functools.partial(machine.mixed_precision, device, precision)
        self.network = make_discriminator(preset, device)
        betas = (learning.discriminator_adam_beta1, learning.discriminator_beta2)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), learning.discriminator_learning_rate, betas, fused=True
        )
        capacity = learning.replay_batches * learning.batch_size
        self.replay = ReplayBuffer(capacity, (size, size, channels), preset.policy.sees_target, device)

    def learn(self, episode: Trajectory, real: RealImages, spent: float) -> dict[str, float]:
        """Put the finished canvases into the replay buffer, then learn from it, `learning.discriminator_updates` times.

        `spent` is the share of the run that is over, for the schedules.

        Returns:
            Figures for the log, of the last step; none before the first canvas was finished, or where pixels are the
            only reward.
        """
        learning, figures = self.preset.learning, {}
        if learning.reward == "l2":
            return figures
        ended, targets = episode.ended, episode.targets
        self.replay.add(episode.canvases[-1][ended], None if targets is None else targets[ended])
        for _ in range(learning.discriminator_updates if len(self.replay) else 0):
            figures = self._step(real, learning.gradient_penalty_weight * learning.penalty_end ** min(spent, 1.0))
        return figures

    def _step(self, real: RealImages, penalty_weight: float) -> dict[str, float]:
        """One step on B real pictures and as many replayed canvases."""
        learning = self.preset.learning
        pictures, conditions = real.pick(learning.batch_size)
        fake, fake_conditions = self.replay.sample(len(pictures))
        if learning.matched_pairs and fake_conditions is not None:
            pictures = conditions = fake_conditions
        with self.mixed():
            loss, figures = discriminator_loss(
                self.network,
                pictures,
                conditions,
                fake,
                fake_conditions,
                learning.adversarial_loss,
                penalty_weight,
                learning.drift_weight,
            )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {f"discriminator/{name}": float(value) for name, value in figures.items()}

    def state(self) -> dict[str, Tensors]:
        """Groups of tensors to be saved."""
        return {
            "discriminator": self.network.state_dict(),
            "discriminator_optimizer": checkpoint.pack_optimizer(self.optimizer),
            "replay": self.replay.state(),
        }

    def restore(self, state: dict[str, Tensors]) -> None:
        """Take over what `state` returned.

        Raises:
            InputError: it is of another experiment.
        """
        checkpoint.fill(self.network, state["discriminator"], "the discriminator's checkpoint")
        checkpoint.unpack_optimizer(self.optimizer, state["discriminator_optimizer"])
        self.replay.restore(state["replay"])
