"""Every experiment as a typed, frozen value: presets differ in settings, the loop is the same."""

from __future__ import annotations

from dataclasses import replace

from spiral.engines.objects import SceneSettings
from spiral.engines.strokes import ALL_CHOICES, CHOICES, StrokeSettings
from spiral.errors import InputError
from spiral.models.discriminator import DiscriminatorSettings
from spiral.models.policy_settings import PolicySettings
from spiral.settings import DataSettings, LearningSettings, Preset, RunSettings

_BLACK, _WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
_STARTS = ("flag", "start", "end", "control", "size", "pressure")

MNIST_RECONSTRUCT = Preset(
    name="mnist-reconstruct",
    summary="redraw a handwritten digit with libmypaint; laptop size",
    canvas=StrokeSettings(
        size=64, radii=(1.0, 1.6, 2.3, 3.0, 4.0), pressures=6, brush="classic/pen", ground=_BLACK, ink=_WHITE
    ),
    policy=PolicySettings(
        channels=16,
        stride=2,
        core_channels=32,
        residual_blocks=4,
        location_blocks=1,
        skip_connections=True,
        glimpse=16,
    ),
    discriminator=DiscriminatorSettings(channels=32),
    learning=LearningSettings(
        unroll_length=20,
        discriminator_learning_rate=3e-4,
        policy_learning_rate=8e-4,
        learning_rate_end_factor=0.05,
        update_epochs=2,
        num_minibatches=4,
        lessons=16,
        lesson_pretraining=0.3,
        lesson_weight=0.0,
        lesson_weight_end=0.0,
        entropy_coef=0.03,
        entropy_coef_end=0.005,
        blank_penalty=3.0,
        ema_decay=0.999,
    ),
)
MNIST_RECONSTRUCT_VECTOR = replace(
    MNIST_RECONSTRUCT,
    name="mnist-reconstruct-vector",
    summary="redraw a handwritten digit with the embedded vector engine; laptop size",
    engine="vector",
)
MNIST_RECONSTRUCT_BLIND = replace(
    MNIST_RECONSTRUCT,
    name="mnist-reconstruct-blind",
    summary="redraw a handwritten digit without ever seeing the canvas; laptop size",
    policy=replace(MNIST_RECONSTRUCT.policy, sees_canvas=False),
)
MNIST_RECONSTRUCT_L2 = replace(
    MNIST_RECONSTRUCT,
    name="mnist-reconstruct-l2",
    summary="redraw a handwritten digit for minus its Euclidean distance, without a discriminator; laptop size",
    learning=replace(MNIST_RECONSTRUCT.learning, reward="l2"),
)
MNIST_RECONSTRUCT_PAPER = replace(
    MNIST_RECONSTRUCT,
    name="mnist-reconstruct-paper",
    summary="the paper's sizes: 64x64, 32x32 grid, 8 residual blocks, DCGAN discriminator; for a GPU",
    canvas=replace(MNIST_RECONSTRUCT.canvas, pressures=10, brush="classic/dry_brush", radii=(1.0, 2.0, 4.0)),
    data=DataSettings(size=64),
    policy=PolicySettings(),
    discriminator=DiscriminatorSettings(channels=64),
    learning=LearningSettings(unroll_length=20, credit_assignment="terminal", gae_lambda=1.0),
    run=RunSettings(minutes=24 * 60.0),
    # The paper's agents sample their programs; the most probable commands of a young one leave the canvas blank.
    redraw_temperature=1.0,
)
MNIST_GENERATE = replace(
    MNIST_RECONSTRUCT,
    name="mnist-generate",
    summary="invent handwritten digits from noise; laptop size",
    canvas=replace(MNIST_RECONSTRUCT.canvas, radii=(1.5, 2.5, 3.5), pressures=4),
    policy=replace(MNIST_RECONSTRUCT.policy, noise=10, cluster_means=128, glimpse=0),
    discriminator=DiscriminatorSettings(channels=32, minibatch_stddev=16),
    learning=replace(
        MNIST_RECONSTRUCT.learning,
        unroll_length=8,
        num_minibatches=1,
        lessons=0,
        entropy_coef_end=0.006,
        start_penalty=0.01,
        ema_decay=0.998,
    ),
    temperature=0.5,
)
MNIST_GENERATE_NOISE = replace(
    MNIST_GENERATE,
    name="mnist-generate-noise",
    summary="paint new digits from noise alone, taught by the programs of a redrawing agent "
    "(--learning.lesson-programs); laptop size",
    # Those of the preset of mnist-reconstruct, whose programs it learns. The shipped mnist-reconstruct names where
    # strokes start; such programs taught worse digits.
    canvas=MNIST_RECONSTRUCT.canvas,
    policy=replace(MNIST_GENERATE.policy, sees_target=False, cluster_means=0, noise_to_core=True),
    learning=replace(
        MNIST_GENERATE.learning,
        unroll_length=MNIST_RECONSTRUCT.learning.unroll_length,
        batch_size=4,
        num_minibatches=4,
        discriminator_updates=0,
        lessons=16,
        lesson_pretraining=1.0,
    ),
    temperature=0.5,
    noise_scale=1.18,
)
OMNIGLOT_RECONSTRUCT = replace(
    MNIST_RECONSTRUCT,
    name="omniglot-reconstruct",
    summary="redraw a handwritten character of any script; laptop size; --data.source names OMNIGLOT's folder",
    canvas=replace(
        MNIST_RECONSTRUCT.canvas,
        choices=_STARTS,
        radii=(0.5, 0.7, 0.9, 1.2),
    ),
    data=DataSettings(source="glyphs"),
    policy=replace(MNIST_RECONSTRUCT.policy, channels=32, pyramid_blocks=2, merge_blocks=1),
    learning=replace(MNIST_RECONSTRUCT.learning, unroll_length=16),
)
OMNIGLOT_RECONSTRUCT_L2 = replace(
    OMNIGLOT_RECONSTRUCT,
    name="omniglot-reconstruct-l2",
    summary="the same for minus its Euclidean distance, without a discriminator; laptop size",
    learning=replace(OMNIGLOT_RECONSTRUCT.learning, reward="l2"),
)
OMNIGLOT_GENERATE = replace(
    MNIST_GENERATE_NOISE,
    name="omniglot-generate",
    summary="paint new characters from noise alone, taught by the programs of omniglot-reconstruct "
    "(--learning.lesson-programs); laptop size; --data.source names OMNIGLOT's folder",
    canvas=OMNIGLOT_RECONSTRUCT.canvas,
    data=OMNIGLOT_RECONSTRUCT.data,
    policy=replace(MNIST_GENERATE_NOISE.policy, noise=16),
    learning=replace(MNIST_GENERATE_NOISE.learning, unroll_length=OMNIGLOT_RECONSTRUCT.learning.unroll_length),
    temperature=0.6,
    noise_scale=1.0,
)
_COLOUR_POLICY = PolicySettings(
    channels=16,
    stride=4,
    core_channels=32,
    residual_blocks=4,
    location_blocks=1,
    skip_connections=True,
    local_features=True,
)
PHOTOS_RECONSTRUCT = Preset(
    name="photos-reconstruct",
    summary="redraw a photograph in colour, stroke by stroke; laptop size; --data.source photos:FOLDER names your own",
    canvas=StrokeSettings(
        size=64, choices=ALL_CHOICES, grid=16, levels=20, ground=_WHITE, channels=3, pressures=4, brush="classic/pen"
    ),
    data=DataSettings(source="photos", size=64, held_out=64),
    policy=replace(
        _COLOUR_POLICY,
        core_channels=64,
        location_channels=32,
        merge_blocks=1,
        ordinal=("size", "pressure", "red", "green", "blue"),
    ),
    discriminator=DiscriminatorSettings(channels=16),
    learning=replace(
        MNIST_RECONSTRUCT.learning,
        unroll_length=5,
        unrolls_per_episode=10,
        lessons=0,
        hindsight_weight=0.3,
        hindsight_weight_end=0.1,
        reward="mixed",
        reward_scale="command",
        gamma=0.7,
        gae_lambda=0.7,
        entropy_coef=0.02,
    ),
    run=RunSettings(evaluate_seconds=300.0),
    redraw_temperature=0.3,
)
PHOTOS_RECONSTRUCT_VECTOR = replace(
    PHOTOS_RECONSTRUCT,
    name="photos-reconstruct-vector",
    summary="the same with the embedded vector engine; laptop size",
    engine="vector",
)
PHOTOS_RECONSTRUCT_L2 = replace(
    PHOTOS_RECONSTRUCT,
    name="photos-reconstruct-l2",
    summary="the same for minus its Euclidean distance, without a discriminator; laptop size",
    learning=replace(PHOTOS_RECONSTRUCT.learning, reward="l2"),
)
CELEBA_RECONSTRUCT = replace(
    PHOTOS_RECONSTRUCT,
    name="celeba-reconstruct",
    summary="redraw a face in 20 strokes; laptop size; --data.source names CelebA's folder",
    data=DataSettings(source="celeba", size=64),
    learning=replace(PHOTOS_RECONSTRUCT.learning, unrolls_per_episode=4, entropy_coef_end=0.001),
    run=RunSettings(evaluate_seconds=120.0),
)
CELEBA_RECONSTRUCT_L2 = replace(
    CELEBA_RECONSTRUCT,
    name="celeba-reconstruct-l2",
    summary="the same for minus its Euclidean distance, without a discriminator; laptop size",
    learning=replace(CELEBA_RECONSTRUCT.learning, reward="l2"),
)
CELEBA_RECONSTRUCT_PAPER = replace(
    MNIST_RECONSTRUCT_PAPER,
    name="celeba-reconstruct-paper",
    summary="redraw a face, the paper's sizes: 64x64, 32x32 grid, 20 strokes, 20 levels a colour; for a GPU; "
    "--data.source names CelebA's folder",
    canvas=StrokeSettings(size=64, choices=CHOICES, channels=3),
    data=DataSettings(source="celeba", size=64),
)

SCENE_RECONSTRUCT = Preset(
    name="scene-reconstruct",
    summary="rebuild a 3D scene from its picture, object by object; laptop size",
    engine="scene",
    canvas=SceneSettings(),
    data=DataSettings(source="scenes", size=64, held_out=128),
    policy=replace(_COLOUR_POLICY, ordinal=("size", "red", "green", "blue"), glimpse=16),
    discriminator=DiscriminatorSettings(channels=16),
    learning=replace(
        MNIST_RECONSTRUCT.learning,
        unroll_length=8,
        lesson_pretraining=0.9,
        lesson_weight=1.0,
        lesson_weight_end=1.0,
        reward_scale="command",
        gamma=0.9,
        entropy_coef=0.005,
        entropy_coef_end=0.001,
        blank_penalty=0.0,
    ),
)
SCENE_RECONSTRUCT_RL = replace(
    SCENE_RECONSTRUCT,
    name="scene-reconstruct-rl",
    summary="the same by reinforcement learning alone, without lessons; laptop size",
    learning=replace(
        SCENE_RECONSTRUCT.learning,
        lessons=0,
        entropy_coef=0.06,
        entropy_coef_end=0.005,
        idle_penalty=1.0,
    ),
)
SCENE_RECONSTRUCT_L2 = replace(
    SCENE_RECONSTRUCT_RL,
    name="scene-reconstruct-l2",
    summary="the same for minus its Euclidean distance, without a discriminator or lessons; laptop size",
    learning=replace(SCENE_RECONSTRUCT_RL.learning, reward="l2"),
)
SCENE_RECONSTRUCT_PAPER = replace(
    MNIST_RECONSTRUCT_PAPER,
    name="scene-reconstruct-paper",
    summary="rebuild a 3D scene, the paper's sizes: 64x64, 20 commands, 50,000 scenes; for a GPU",
    engine="scene",
    canvas=SceneSettings(),
    data=DataSettings(source="scenes:50000", size=64),
)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        MNIST_RECONSTRUCT,
        MNIST_RECONSTRUCT_VECTOR,
        MNIST_RECONSTRUCT_BLIND,
        MNIST_RECONSTRUCT_L2,
        MNIST_RECONSTRUCT_PAPER,
        MNIST_GENERATE,
        MNIST_GENERATE_NOISE,
        OMNIGLOT_RECONSTRUCT,
        OMNIGLOT_RECONSTRUCT_L2,
        OMNIGLOT_GENERATE,
        PHOTOS_RECONSTRUCT,
        PHOTOS_RECONSTRUCT_VECTOR,
        PHOTOS_RECONSTRUCT_L2,
        CELEBA_RECONSTRUCT,
        CELEBA_RECONSTRUCT_L2,
        CELEBA_RECONSTRUCT_PAPER,
        SCENE_RECONSTRUCT,
        SCENE_RECONSTRUCT_RL,
        SCENE_RECONSTRUCT_L2,
        SCENE_RECONSTRUCT_PAPER,
    )
}


def preset(name: str) -> Preset:
    """The preset called `name`.

    Raises:
        InputError: there is none.
    """
    if name not in PRESETS:
        raise InputError(f"unknown preset {name!r}; there are: {', '.join(PRESETS)}")
    return PRESETS[name]
