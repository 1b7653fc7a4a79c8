"""The policy network: looks at a canvas, writes one command (SPIRAL sections 3.1 and 3.2, appendix B).

Encoder, LSTM core, autoregressive decoder, value head. The policy sees the command specification and pictures; it
does not know what a command means. Generation (noise), reconstruction (a target), blind (no canvas) are settings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from spiral.errors import InputError
from spiral.models.blocks import (
    LOCATION_PLANES,
    FeaturePyramid,
    ResidualBlock,
    ScaleHead,
    coordinate_planes,
    grid_positions,
    mlp,
    pictures_to_planes,
)
from spiral.models.locations import (
    GLIMPSE_WIDTH,
    LOCAL_FEATURE_SIDES,
    Glimpse,
    LocationHead,
    draw,
    gather_local_features,
    reduce_pictures,
)
from spiral.models.policy_settings import PolicySettings
from spiral.specification import Category, Choice, Location, Specification

CORE_SIDE = 8
"""Side of the encoder's last feature map."""
ADDITIONS = ("pyramid.", ".merged.")
"""In the names of weights that an agent may lack with which another one's training starts; they change nothing yet."""


@dataclass(frozen=True)
class Observation:
    """What the policy observes before a command; N is B when acting, T * B when learning.

    Attributes:
        canvas: uint8 [N, S, S, C].
        target: uint8 [N, S, S, C], or None without one.
        previous: int64 [N, K], the command before this one, zeros at the start.
        effective: bool [N, K], which of its choices had an effect, False at the start.
        progress: float32 [N], the share of the episode that is over, in [0, 1).
        noise: float32 [N, noise], drawn once an episode, or None.
    """

    canvas: Tensor
    target: Tensor | None
    previous: Tensor
    effective: Tensor
    progress: Tensor
    noise: Tensor | None


@dataclass(frozen=True)
class Decision:
    """The policy's evaluation of N commands.

    Attributes:
        log_probability: float32 [N], over the choices that have an effect, nats.
        entropy: float32 [N], likewise, nats.
        value: float32 [N], expected return.
    """

    log_probability: Tensor
    entropy: Tensor
    value: Tensor


class Features(NamedTuple):
    """The encoder's output for the decoder.

    Attributes:
        maps: feature maps float32 [N, channels, side, side] from fine to coarse, down to 8x8.
        reduced: with `local_features` the pictures [N, planes, side, side] reduced to `LOCAL_FEATURE_SIDES`, else
            empty.
        pictures: [N, planes, S, S] in the convolutions' precision, canvas and target in [-1, 1], or None if the policy
            sees neither.
    """

    maps: list[Tensor]
    reduced: list[Tensor]
    pictures: Tensor | None


State = tuple[Tensor, Tensor]
"""The LSTM's hidden and cell state, float32 [B, hidden] each."""


class Policy(nn.Module):
    """See the module's docstring."""

    coordinates: Tensor
    """float32 [1, 2, S, S], row and column of every pixel in [-1, 1]."""
    cluster_means: Tensor
    """uint8 [P, S, S, C], with `settings.cluster_means` only; the learner fills them in."""

    def __init__(self, specification: Specification, size: int, channels: int, settings: PolicySettings) -> None:
        """A policy for commands of `specification` and pictures of `size` x `size` x `channels`.

        Args:
            specification: the K choices of a command.
            size: side S of the pictures: 8 times a power of two.
            channels: C of the pictures, 1 or 3.
            settings: sizes and inputs.
        """
        super().__init__()
        if unknown := set(settings.ordinal) - {c.name for c in specification.choices if isinstance(c, Category)}:
            raise InputError(f"there is no choice called {sorted(unknown)[0]!r} among {specification.names}")
        self.specification, self.size, self.settings = specification, size, settings
        width, wide = settings.channels, settings.core_channels
        finest = size // settings.stride
        downs = int(math.log2(finest // CORE_SIDE)) if finest >= CORE_SIDE else -1
        if downs < 0 or CORE_SIDE * 2**downs * settings.stride != size:
            least = CORE_SIDE * settings.stride
            raise InputError(f"the observation size must be {least} times a power of two, got {size}")
        locations = len(self._chosen_locations())
        planes = 2 + channels * (settings.sees_canvas + settings.sees_target)
        self.register_buffer("coordinates", coordinate_planes(size), persistent=False)
        if settings.cluster_means:
            empty = torch.zeros(settings.cluster_means, size, size, channels, dtype=torch.uint8)
            self.register_buffer("cluster_means", empty)
        self.stem = nn.Conv2d(planes, width, 5, stride=settings.stride, padding=2)
        condition = settings.embedding * len(specification.choices) + 1
        self.condition = mlp(condition, 64, 32, width)
        self.noise_mlp = mlp(settings.noise, 64, 32, width) if settings.noise else None
        self.downs = nn.ModuleList(
            nn.Conv2d(width if level == 0 else wide, wide, 4, stride=2, padding=1) for level in range(downs)
        )
        deepest = wide if downs else width
        self.where = (
            nn.Conv2d(LOCATION_PLANES * locations, deepest, 3, padding=1) if settings.skip_connections else None
        )
        self.blocks = nn.Sequential(*(ResidualBlock(deepest) for _ in range(settings.residual_blocks)))
        self.pyramid = None
        if settings.pyramid_blocks:
            sides = [finest // 2**level for level in range(downs + 1)]
            self.pyramid = FeaturePyramid(self._widths(), sides, settings.pyramid_blocks)
        self.squeeze = nn.Linear(deepest * CORE_SIDE**2, settings.hidden)
        self.core_noise_mlp = mlp(settings.noise, settings.hidden, settings.hidden) if settings.noise_to_core else None
        self.core = nn.LSTMCell(settings.hidden, settings.hidden)
        self.value = nn.Linear(settings.hidden, 1)
        self.embeddings = nn.ModuleList(_embedding(c, settings.embedding) for c in specification.choices)
        self.heads = nn.ModuleList(self._head(position) for position in range(len(specification.choices)))
        # Pictures at two scales and the finest feature map; see `gather_local_features`.
        seen = len(LOCAL_FEATURE_SIDES) * (planes - 2) + width if settings.local_features else 0
        self.local_linear = nn.Linear(seen * locations, settings.hidden) if seen else None
        self.glimpse = Glimpse(planes - 2, settings.glimpse) if settings.glimpse else None
        seen += GLIMPSE_WIDTH if settings.glimpse else 0
        self.merges = nn.ModuleList(
            mlp(
                settings.hidden + settings.embedding + seen * isinstance(c, Location),
                settings.hidden,
                settings.hidden,
            )
            for c in specification.choices[:-1]
        )

    def _widths(self) -> list[int]:
        """Channels of the encoder's feature maps, fine to coarse."""
        return [self.settings.channels] + [self.settings.core_channels] * len(self.downs)

    def _head(self, position: int) -> nn.Module:
        choice, settings = self.specification.choices[position], self.settings
        if not isinstance(choice, Location):
            ordered = choice.name in settings.ordinal
            return ScaleHead(settings.hidden, choice.size) if ordered else nn.Linear(settings.hidden, choice.size)
        locations = [i for i, _ in self._chosen_locations()]
        earlier = sum(1 for i in locations if i < position)
        skips = self._widths() if settings.skip_connections else []
        planes = LOCATION_PLANES * (len(locations) + earlier) if settings.skip_connections else 0
        return LocationHead(
            choice.grid,
            self.size // settings.stride,
            settings.hidden,
            settings.location_channels,
            settings.location_blocks,
            skips,
            planes,
            settings.merge_blocks,
        )

    def initial_state(self, batch: int) -> State:
        """The core's state before the first command: zeros."""
        zeros = self.squeeze.weight.new_zeros(batch, self.settings.hidden, dtype=torch.float32)
        # Two tensors: one shared tensor would make the compiler recompile for the states that follow.
        return zeros, zeros.clone()

    def draw_cluster_means(self, batch: int) -> Tensor | None:
        """A random cluster mean for each of B canvases, uint8 [B, S, S, C]; None for a policy without any."""
        if not self.settings.cluster_means:
            return None
        return self.cluster_means[torch.randint(len(self.cluster_means), (batch,), device=self.cluster_means.device)]

    def act(
        self, seen: Observation, state: State, temperature: float = 1.0, lots: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, State]:
        """Sample one command for each of B canvases.

        Args:
            seen: the observation, N = B.
            state: the core's state.
            temperature: divides the logits; 0 takes the most probable option of every choice.
            lots: float32 [K, B] in [0, 1), which decide the choices one after the other; drawn when None.

        Returns:
            The commands, int64 [B, K]; their log probability at temperature 1, as in `evaluate`, float32 [B]; the
            expected return from here on, float32 [B]; the core's next state.
        """
        features, vector = self.encode(seen)
        state = self.core(vector, state)
        value = self.value(state[0])[:, 0].float()
        chosen: list[Tensor] = []
        effective: list[Tensor] = []
        log_probability = torch.zeros_like(seen.progress)
        for option, logits in self.decode(state[0], features, seen.previous, None, temperature, lots):
            chosen.append(option)
            effective.append(self._works(chosen, effective))
            log_probability = log_probability + _of(functional.log_softmax(logits, -1), option) * effective[-1]
        return torch.stack(chosen, dim=1), log_probability, value, state

    def bootstrap_value(self, seen: Observation, state: State) -> Tensor:
        """The expected return from here on, float32 [B], for B canvases."""
        return self.value(self.core(self.encode(seen)[1], state)[0])[:, 0].float()

    def evaluate(self, seen: Observation, commands: Tensor, state: State) -> tuple[Decision, State]:
        """Evaluate commands: all T steps are encoded and decoded at once, only the core runs step by step.

        Args:
            seen: the observations of T steps, N = T * B, time first.
            commands: int64 [T, B, K].
            state: the core's state before the first step.

        Returns:
            The evaluation of the commands, N = T * B, and the core's state after the last step.
        """
        steps, batch = commands.shape[:2]
        features, vector = self.encode(seen)
        outputs = []
        for vector_now in vector.view(steps, batch, -1):
            state = self.core(vector_now, state)
            outputs.append(state[0])
        z, given = torch.cat(outputs), commands.flatten(0, 1)
        value = self.value(z)[:, 0].float()
        chosen: list[Tensor] = []
        effective: list[Tensor] = []
        log_probability = entropy = torch.zeros_like(value)
        for option, logits in self.decode(z, features, seen.previous, given):
            # A choice without effect gets neither credit nor an entropy bonus.
            chosen.append(option)
            works = self._works(chosen, effective)
            effective.append(works)
            log_probabilities = functional.log_softmax(logits, dim=-1)
            log_probability = log_probability + _of(log_probabilities, option) * works
            entropy = entropy - (log_probabilities.exp() * log_probabilities).sum(-1) * works
        return Decision(log_probability, entropy, value), state

    def encode(self, seen: Observation) -> tuple[Features, Tensor]:
        """The decoder's features, and the vector for the core [N, hidden]."""
        shown = [seen.canvas] if self.settings.sees_canvas else []
        if self.settings.sees_target:
            if seen.target is None:
                raise ValueError("this policy needs a target")
            shown.append(seen.target)
        # The coordinates are the same for all: they are convolved once and added, not copied N times.
        x = self._stem(self.coordinates, slice(0, 2))
        pictures = pictures_to_planes(torch.cat(shown, dim=-1)) if shown else None
        if pictures is not None:
            # Converted once to the precision of the convolutions, in which everything below reads them.
            pictures = pictures.to(x.dtype)
            x = x + self._stem(pictures, slice(2, None))
        embedded = [
            embed(_embeddable(choice, seen.previous[:, i])) * seen.effective[:, i : i + 1]
            for i, (choice, embed) in enumerate(zip(self.specification.choices, self.embeddings, strict=True))
        ]
        condition = self.condition(torch.cat([*embedded, seen.progress[:, None]], dim=1))
        if self.noise_mlp is not None:
            if seen.noise is None:
                raise ValueError("this policy needs noise")
            condition = condition + self.noise_mlp(seen.noise)
        # The addition has the convolution's precision: a mixed one would be slow and need a copy later.
        shift = (condition + self.stem.bias)[:, :, None, None].to(x.dtype)  # pyright: ignore[reportOperatorIssue]
        x = functional.relu(x + shift)
        features = [x]
        for down in self.downs:
            x = functional.relu(down(x))
            features.append(x)
        if self.where is not None:
            x = x + self.where(draw(self._positions(seen.previous), CORE_SIDE))
        x = functional.relu(self.blocks(x))
        features[-1] = x
        reduced: list[Tensor] = []
        if pictures is not None and self.settings.local_features:
            reduced = reduce_pictures(pictures)
        vector = self.squeeze(x.flatten(1))
        if self.core_noise_mlp is not None and seen.noise is not None:
            vector = vector + self.core_noise_mlp(seen.noise)
        if self.pyramid is not None:
            features = self.pyramid(features)
        return Features(features, reduced, pictures), functional.relu(vector)

    def _stem(self, planes: Tensor, inputs: slice) -> Tensor:
        """The first convolution's part for some of its input planes, without its bias."""
        weight, stem = self.stem.weight[:, inputs], self.stem
        return functional.conv2d(planes, weight, stride=stem.stride, padding=stem.padding)  # pyright: ignore[reportArgumentType]

    def decode(
        self,
        z: Tensor,
        features: Features,
        previous: Tensor,
        given: Tensor | None,
        temperature: float = 1.0,
        lots: Tensor | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Decide the K choices one after the other; `given` int64 [N, K] are evaluated instead of sampled.

        `lots` are those of `act`.

        Yields:
            The option int64 [N] and the logits float32 [N, size] of every choice, in the specification's order.
        """
        places = self._positions(previous) if self.settings.skip_connections else []
        if self.local_linear is not None:
            finest, reduced = features.maps[0], features.reduced
            cells = [(previous[:, i], choice.grid) for i, choice in self._chosen_locations()]
            z = z + self.local_linear(
                torch.cat([gather_local_features(finest, reduced, *cell) for cell in cells], dim=1)
            )
        for position, choice in enumerate(self.specification.choices):
            head = self.heads[position]
            logits = head(z, features.maps, places) if isinstance(choice, Location) else head(z)
            logits = logits.float()
            if given is not None:
                option = given[:, position]
            else:
                option = _pick(logits, temperature, None if lots is None else lots[position])
            yield option, logits
            if position < len(self.merges):
                told = [z, self.embeddings[position](_embeddable(choice, option))]
                if self.settings.local_features and isinstance(choice, Location):
                    told.append(gather_local_features(features.maps[0], features.reduced, option, choice.grid))
                if self.glimpse is not None and features.pictures is not None and isinstance(choice, Location):
                    told.append(self.glimpse(features.pictures, option, choice.grid))
                z = functional.relu(z + self.merges[position](torch.cat(told, dim=1)))
                if self.settings.skip_connections and isinstance(choice, Location):
                    places = [*places, grid_positions(option, choice.grid)]

    def _works(self, chosen: list[Tensor], effective: list[Tensor]) -> Tensor:
        """Whether the last of the options int64 [N] has an effect: bool [N]; `effective` is that of those before."""
        choice = self.specification.choices[len(effective)]
        if choice.when is None:
            return torch.ones_like(chosen[0], dtype=torch.bool)
        cause = self.specification.names.index(choice.when.choice)
        allowed = torch.zeros_like(effective[cause])
        for option in choice.when.options:
            allowed = allowed | (chosen[cause] == option)
        return effective[cause] & allowed

    def _positions(self, commands: Tensor) -> list[Tensor]:
        """Positions of the location choices of commands int64 [N, K], float32 [N, 2] each."""
        return [grid_positions(commands[:, i], choice.grid) for i, choice in self._chosen_locations()]

    def _chosen_locations(self) -> list[tuple[int, Location]]:
        return [(i, c) for i, c in enumerate(self.specification.choices) if isinstance(c, Location)]


def _embedding(choice: Choice, width: int) -> nn.Module:
    return nn.Linear(2, width) if isinstance(choice, Location) else nn.Embedding(choice.size, width)


def _embeddable(choice: Choice, option: Tensor) -> Tensor:
    """Locations are embedded by position, not by index."""
    return grid_positions(option, choice.grid) if isinstance(choice, Location) else option


def _of(values: Tensor, option: Tensor) -> Tensor:
    """The value [N] of the option int64 [N] that was taken, of values [N, size] of all."""
    return values.gather(1, option[:, None])[:, 0]


def _pick(logits: Tensor, temperature: float, lot: Tensor | None = None) -> Tensor:
    """Options int64 [N], sampled by `lot` float32 [N] in [0, 1), which is drawn when None."""
    if temperature == 0.0:
        return logits.argmax(-1)
    # One uniform number a row looked up in the distribution function: far fewer random numbers than Gumbel's trick,
    # and no host synchronisation, unlike torch.multinomial.
    below = (logits / temperature).softmax(-1).cumsum(-1)
    lot = torch.rand(len(logits), device=logits.device) if lot is None else lot
    return (below <= lot[:, None] * below[:, -1:]).sum(-1).clamp_max(logits.shape[-1] - 1)
