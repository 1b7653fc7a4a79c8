"""The discriminator's learner: network, optimiser and replay buffer (SPIRAL sections 3.2 and 3.4)."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from spiral.errors import InputError
from spiral.learning import checkpoint, machine
from spiral.learning.adversarial import discriminator_loss
from spiral.learning.checkpoint import Tensors
from spiral.learning.networks import make_discriminator
from spiral.learning.real_images import RealImages
from spiral.learning.replay_buffer import ReplayBuffer
from spiral.learning.schedules import geometric
from spiral.learning.trajectory import Trajectory
from spiral.settings import Preset


class DiscriminatorLearner:
    """The discriminator and all of its state that a checkpoint holds."""

    def __init__(self, preset: Preset, device: torch.device) -> None:
        """A network with random weights.

        Raises:
            InputError: incompatible settings.
        """
        learning, size, channels = preset.learning, preset.data.size, preset.canvas.channels
        if learning.matched_pairs and not preset.redraws:
            raise InputError("matched pairs need targets: leave out --learning.matched-pairs")
        self.preset = preset
        # A new context for every pass: within one context, autocast would reuse the weights it converted first.
        # Penalties of zero-centred slopes are squares of small numbers: they are computed in full precision.
        precision = "float32" if learning.adversarial_loss == "r3gan" else preset.run.precision
        self.mixed = functools.partial(machine.mixed_precision, device, precision)
        self.network = make_discriminator(preset, device)
        betas = (learning.discriminator_adam_beta1, learning.discriminator_adam_beta2)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), learning.discriminator_learning_rate, betas, fused=True
        )
        capacity = learning.replay_batches * learning.batch_size
        self.replay_buffer = ReplayBuffer(capacity, (size, size, channels), preset.policy.sees_target, device)

    def learn(self, episode: Trajectory, real: RealImages, progress: float) -> dict[str, Tensor]:
        """Put the finished canvases into the replay buffer, then learn from it, `learning.discriminator_updates` times.

        `progress` is the share of the run that is over, for the schedules.

        Returns:
            Figures of the last step for the log, scalars on the device; empty before the first finished canvas, or if
            pixels are the only reward.
        """
        learning, figures = self.preset.learning, dict[str, Tensor]()
        if learning.reward == "l2":
            return figures
        canvases, targets = episode.canvases[-1], episode.targets
        # Where an episode is one unroll, all are over. Elsewhere a GPU is waited for: how many are is known only there.
        if episode.steps < learning.episode_length:
            over = episode.terminated
            canvases, targets = canvases[over], None if targets is None else targets[over]
        self.replay_buffer.add(canvases, targets)
        weight = learning.gradient_penalty_weight
        weight = geometric(weight, weight * learning.gradient_penalty_end_factor, progress)
        for _ in range(learning.discriminator_updates if len(self.replay_buffer) else 0):
            figures = self._step(real, weight)
        return figures

    def _step(self, real: RealImages, penalty_weight: float) -> dict[str, Tensor]:
        """One step on B real pictures and as many replayed canvases."""
        learning = self.preset.learning
        pictures, conditions = real.pick(learning.batch_size)
        fake, fake_conditions = self.replay_buffer.sample(len(pictures))
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
        return {f"discriminator/{name}": value for name, value in figures.items()}

    def state(self) -> dict[str, Tensors]:
        """Groups of tensors to save."""
        return {
            "discriminator": self.network.state_dict(),
            "discriminator_optimizer": checkpoint.pack_optimizer(self.optimizer),
            "replay": self.replay_buffer.state(),
        }

    def restore(self, state: dict[str, Tensors]) -> None:
        """Restore what `state` returned.

        Raises:
            InputError: it belongs to another experiment.
        """
        checkpoint.fill(self.network, state["discriminator"], "the discriminator's checkpoint")
        checkpoint.unpack_optimizer(self.optimizer, state["discriminator_optimizer"])
        self.replay_buffer.restore(state["replay"])
