"""The settings of an experiment, typed and frozen; `spiral.presets` has the experiments themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal

import msgspec

from spiral.engines import CanvasSettings, settings_of
from spiral.engines.strokes import StrokeSettings
from spiral.errors import InputError, require_within
from spiral.legacy import rename_settings
from spiral.models.discriminator import DiscriminatorSettings
from spiral.models.policy_settings import PolicySettings


@dataclass(frozen=True)
class DataSettings:
    """Which pictures to imitate.

    Attributes:
        source: `mnist-sample`, a folder, an `.npz` file or `hf:NAME`; see `spiral.datasets.load`.
        size: side S of the pictures as the networks observe them, 8 times a power of two; the engine's own canvas
            may be larger by a whole factor.
        held_out: number of held-out pictures, evenly spread over all, on which a run is evaluated.
    """

    source: str = "mnist-sample"
    size: int = 32
    held_out: int = 256

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: a number is out of range.
        """
        require_within("data", self, size=(8, 1024), held_out=(1, 100_000))


@dataclass(frozen=True)
class LearningSettings:
    """The algorithm's settings; section numbers are SPIRAL's, ++ is SPIRAL++.

    Attributes:
        batch_size: B, canvases painted at a time, and pictures in a discriminator step (appendix C: 64).
        unroll_length: T, commands in an unroll.
        unrolls_per_episode: of T commands in an episode; see `episode_length`.
        reward: the discriminator's score (eq. 4), minus the Euclidean distance to the target (section 3.3), or
            `mixed`, their sum.
        histogram_weight: weight of minus the earth mover's distance between the colour histograms of canvas and
            target, added to the reward (section 4.5).
        credit_assignment: reward at the end only (eq. 4), or the difference every command makes (++ section 2.2).
        reward_scale: the deviation that divides rewards: that of an `episode`'s return, or of the rewards of the same
            `command` in each episode, for long episodes whose first commands matter most; see `RewardScale`.
        gamma: the discount.
        gae_lambda: lambda of generalised advantage estimation; 1 is plain A2C.
        off_policy_correction: of commands that an older policy painted, as distributed actors do: `v-trace` (section
            3.4), or `none`, the plain advantages.
        population: number of policies that share one discriminator (++: a population); each paints and learns from its
            own B canvases.
        adversarial_loss: `wgan-gp` (eq. 1), `gan` (++ section 2.1, with `discriminator.spectral`), or `r3gan`, in
            neither paper: relativistic pairs with R1 and R2 penalties (Huang et al. 2024, who use Adam's betas 0 and
            0.99, and a gradient penalty weight of 0.02 to 1 that falls tenfold).
        gradient_penalty_weight: lambda of the gradient penalty; gamma of `r3gan`.
        gradient_penalty_end_factor: the same at the end of the run, as a share of it; it falls geometrically.
        drift_weight: weight of the pull of D's mean to 0 (section 3.2).
        matched_pairs: the real pairs of a discriminator step have the targets of its fake pairs, not others.
        replay_batches: batches of finished canvases the discriminator samples from (appendix C: 20).
        discriminator_updates: discriminator steps for each batch of B canvases.
        discriminator_learning_rate: Adam's rate for the discriminator (appendix C: 1e-4).
        discriminator_adam_beta1: Adam's beta1 there (appendix C: 0.5).
        discriminator_adam_beta2: Adam's beta2 there.
        policy_learning_rate: Adam's rate for the policy.
        policy_adam_beta1: Adam's beta1 there.
        learning_rate_end_factor: the policy's rate at the end of the run, as a share of `policy_learning_rate`; it
            falls linearly.
        warmup_updates: optimiser steps of the policy over which its rate rises from 0.
        update_epochs: passes over a batch of commands.
        num_minibatches: each pass splits the B canvases at random into so many, with an optimiser step each (PPO); the
            papers use one. Unrolls stay whole.
        hindsight_weight: weight of -log pi(commands) with the commands' own picture as the target; see
            `spiral.learning.hindsight`. In neither paper.
        hindsight_weight_end: the same at the end of the run; it falls linearly.
        lessons: random programs in each minibatch, which the policy learns from their pictures, 0 for none; see
            `spiral.learning.lessons`. In neither paper.
        lesson_pretraining: share of the run, at its beginning, in which the policy learns from lessons alone, if there
            are any.
        lesson_perturbed: share of the lessons that are what the agent has just painted, changed at random.
        lesson_programs: an `.npz` with `images` [N, S, S, C] and `programs` [N, T, K], written by `spiral lessons`;
            lessons are drawn from these instead of the engine's prior. A policy that redraws has the file's pictures as
            targets; one with noise gets their codes (`spiral.datasets.codes`) as its noise. Where the file has
            `taught`, bool [N, T], the other commands are not imitated.
        lesson_noise: share s of fresh noise in a code, in [0, 1]: sqrt(1 - s^2) code + s epsilon, which is distributed
            as noise is, too. It fills the gaps between the codes of unlike pictures.
        lesson_weight: weight of -log pi(program) there.
        lesson_weight_end: the same at the end of the run; it falls linearly.
        clip_coef: how far the ratio of a command's probabilities, now and when it was painted, may leave 1 (PPO).
        entropy_coef: weight of the entropy bonus, per nat.
        entropy_coef_end: the same at the end of the run; it falls geometrically.
        value_coef: weight of the value function's squared error.
        max_grad_norm: largest norm of the policy's gradient.
        start_penalty: cost of beginning a continuous sequence of strokes (section 4.3). Where strokes name their own
            start, each that does not go on from the last one's end pays it, so that few and long ones are painted.
        blank_penalty: cost of a canvas left blank (section 4.3).
        idle_penalty: cost of a command that leaves the canvas as it was, at the beginning of a run; it falls linearly
            to 0. Not in the paper: if most early commands make a picture worse, the policy first learns to do nothing.
        ema_decay: share of the old in the running average of the policy's weights, which is evaluated, saved as the
            agent and shipped.
    """

    batch_size: int = 64
    unroll_length: int = 8
    unrolls_per_episode: int = 1
    reward: Literal["discriminator", "l2", "mixed"] = "discriminator"
    histogram_weight: float = 0.0
    credit_assignment: Literal["terminal", "temporal"] = "temporal"
    reward_scale: Literal["episode", "command"] = "episode"
    gamma: float = 1.0
    gae_lambda: float = 0.9
    off_policy_correction: Literal["none", "v-trace"] = "none"
    population: int = 1
    adversarial_loss: Literal["wgan-gp", "gan", "r3gan"] = "wgan-gp"
    gradient_penalty_weight: float = 10.0
    gradient_penalty_end_factor: float = 1.0
    drift_weight: float = 1e-3
    matched_pairs: bool = False
    replay_batches: int = 20
    discriminator_updates: int = 1
    discriminator_learning_rate: float = 1e-4
    discriminator_adam_beta1: float = 0.5
    discriminator_adam_beta2: float = 0.999
    policy_learning_rate: float = 3e-4
    policy_adam_beta1: float = 0.5
    learning_rate_end_factor: float = 1.0
    warmup_updates: int = 100
    update_epochs: int = 1
    num_minibatches: int = 1
    hindsight_weight: float = 0.0
    hindsight_weight_end: float = 0.0
    lessons: int = 0
    lesson_pretraining: float = 0.0
    lesson_perturbed: float = 0.0
    lesson_programs: str = ""
    lesson_noise: float = 0.0
    lesson_weight: float = 0.5
    lesson_weight_end: float = 0.5
    clip_coef: float = 0.2
    entropy_coef: float = 0.01
    entropy_coef_end: float = 0.01
    value_coef: float = 0.5
    max_grad_norm: float = 1.0
    start_penalty: float = 0.0
    blank_penalty: float = 0.0
    idle_penalty: float = 0.0
    ema_decay: float = 0.998

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: a number is out of range.
        """
        counts = dict.fromkeys(
            ("batch_size", "unroll_length", "unrolls_per_episode", "population", "replay_batches"), (1, 1_000_000)
        )
        rates = dict.fromkeys(("discriminator_learning_rate", "policy_learning_rate"), (0.0, 1.0))
        unit = (
            "gamma",
            "gae_lambda",
            "discriminator_adam_beta1",
            "policy_adam_beta1",
            "learning_rate_end_factor",
            "ema_decay",
        )
        costs = (
            "gradient_penalty_weight",
            "drift_weight",
            "entropy_coef",
            "value_coef",
            "start_penalty",
            "blank_penalty",
            "idle_penalty",
            "hindsight_weight",
            "hindsight_weight_end",
            "lesson_weight",
            "lesson_weight_end",
        )
        require_within("learning", self, histogram_weight=(0.0, 1e6))
        require_within("learning", self, **counts, **rates, discriminator_updates=(0, 1000), warmup_updates=(0, 10**9))
        require_within("learning", self, update_epochs=(1, 100), clip_coef=(0.0, 1e6))
        require_within("learning", self, num_minibatches=(1, self.batch_size), lessons=(0, 1_000_000))
        require_within("learning", self, **dict.fromkeys(unit, (0.0, 1.0)), **dict.fromkeys(costs, (0.0, 1e6)))
        require_within(
            "learning",
            self,
            discriminator_adam_beta2=(0.0, 1.0),
            lesson_pretraining=(0.0, 1.0),
            lesson_perturbed=(0.0, 1.0),
            lesson_noise=(0.0, 1.0),
            gradient_penalty_end_factor=(1e-12, 1.0),
        )
        if self.lesson_perturbed and self.unrolls_per_episode > 1:
            raise InputError("lessons are perturbed programs of one unroll: set --learning.lesson-perturbed 0")
        lowest = 1e-12 if self.entropy_coef > 0 else 0.0  # a geometric schedule never reaches 0
        require_within("learning", self, entropy_coef_end=(lowest, 1e6), max_grad_norm=(1e-12, 1e12))

    @property
    def episode_length(self) -> int:
        """Commands in an episode."""
        return self.unroll_length * self.unrolls_per_episode


@dataclass(frozen=True)
class RunSettings:
    """How a run is executed; only `seed`, and rounding by the others, change what is learned.

    Attributes:
        minutes: length of a run that names neither minutes nor frames.
        seed: of everything random.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: `bfloat16` mixed precision, `float32`, or `auto`: bfloat16 where the processor multiplies it.
        threads: of the networks and of the engine; 0 for all processors.
        compile: compile the policy with `torch.compile`. `auto` does so in runs of at least 20 minutes if there is a
            C++ compiler; the rounding differs from `off`, and runs with `--frames` are never compiled by it.
        pipeline: whether the engine paints on one half of the canvases while the networks decide on the other; `auto`
            does so on a GPU. The programs are the same, apart from rounding.
        graphs: whether a GPU gets everything about one command, and every gradient, by one call (CUDA graphs); `auto`
            does so.
        figures_every: rounds after which the figures for the log are read, which waits for a GPU; 0 is 1 on a
            processor and 20 on a GPU.
        evaluate_seconds: time between evaluations on held-out pictures.
        checkpoint_seconds: time between checkpoints.
    """

    minutes: float = 30.0
    seed: int = 0
    device: str = "auto"
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    threads: int = 0
    compile: Literal["auto", "on", "off"] = "auto"
    pipeline: Literal["auto", "on", "off"] = "auto"
    graphs: Literal["auto", "off"] = "auto"
    figures_every: int = 0
    evaluate_seconds: float = 60.0
    checkpoint_seconds: float = 120.0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: a number is out of range.
        """
        require_within("run", self, seed=(0, 2**63 - 1), threads=(0, 1024), minutes=(0, 10**9))
        require_within("run", self, figures_every=(0, 10**6))
        require_within("run", self, evaluate_seconds=(0, 1e12), checkpoint_seconds=(0, 1e12))


@dataclass(frozen=True)
class Preset:
    """One experiment.

    Attributes:
        name: as typed on the command line.
        summary: one line.
        engine: name of the engine.
        canvas: its settings, brush strokes' or a scene's; `canvas.size` is a multiple of `data.size`.
        data: the pictures.
        policy: the policy's sizes and inputs; reconstruction where it sees a target.
        discriminator: sizes; it judges pairs where the policy sees a target.
        learning: the algorithm.
        run: seed, device, timing.
        temperature: default of sampling for generation; 1 as in training.
        redraw_temperature: the same for reconstruction; 0 takes the most probable commands. In a long episode an agent
            whose command left the canvas as it was would otherwise repeat it to the end.
        noise_scale: deviation of the noise from which pictures are invented, 0 to 100; in training it is 1. Below 1
            they vary less (the truncation trick: Brock et al. 2019, section 3.1), above 1 more, which makes up for an
            agent that paints something like a mean where its noise lies between the codes of its lessons.
    """

    name: str
    summary: str
    engine: str = "mypaint"
    canvas: CanvasSettings = field(default_factory=StrokeSettings)
    data: DataSettings = field(default_factory=DataSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    discriminator: DiscriminatorSettings = field(default_factory=DiscriminatorSettings)
    learning: LearningSettings = field(default_factory=LearningSettings)
    run: RunSettings = field(default_factory=RunSettings)
    temperature: float = 1.0
    redraw_temperature: float = 0.0
    noise_scale: float = 1.0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: a temperature or the noise's scale is out of range.
        """
        require_within(
            "preset", self, temperature=(0.0, 100.0), redraw_temperature=(0.0, 100.0), noise_scale=(0.0, 100.0)
        )

    @property
    def redraws(self) -> bool:
        """Whether the agent redraws a given picture (reconstruction), not generates."""
        return self.policy.sees_target and not self.policy.cluster_means

    @property
    def usual_temperature(self) -> float:
        """The default of sampling for what the agent does, generation or reconstruction."""
        return self.redraw_temperature if self.redraws else self.temperature

    def to_json(self) -> dict[str, Any]:
        """The preset as JSON values."""
        return msgspec.to_builtins(asdict(self))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Preset:
        """A preset from JSON values.

        Raises:
            InputError: a field that is unknown, missing or of the wrong type.
        """
        values = rename_settings(values)
        rest = {name: value for name, value in values.items() if name != "canvas"}
        try:
            preset = msgspec.convert(rest, cls)
        except msgspec.ValidationError as error:
            raise InputError(f"wrong settings: {error}") from error
        if not isinstance(canvas := values.get("canvas", {}), Mapping):
            raise InputError("wrong settings: canvas must be an object")
        # Which settings a canvas has depends on the engine.
        preset = replace(preset, canvas=settings_of(preset.engine, canvas))
        unknown = _unknown(values, preset)
        if unknown:
            raise InputError(f"unknown settings: {', '.join(unknown)}; a newer version of this package may know them")
        return preset


def _unknown(values: Mapping[str, Any], known: Any, prefix: str = "") -> list[str]:
    names = {f.name for f in fields(known)}
    result = [prefix + name for name in values if name not in names]
    for name in names & set(values):
        inner = getattr(known, name)
        if is_dataclass(inner) and isinstance(values[name], Mapping):
            result += _unknown(values[name], inner, f"{prefix}{name}.")
    return result
