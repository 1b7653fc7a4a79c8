"""Lessons from a file of programs: the agent learns to write such programs, and its noise says which."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from problems import tiny

from spiral.datasets.codes import normal_codes
from spiral.engines import make, observe
from spiral.errors import InputError
from spiral.learning.lessons import Lessons
from spiral.learning.policy_learner import PolicyLearner
from spiral.learning.rollout import rollout
from spiral.settings import Preset

CPU = torch.device("cpu")


def inventing(lines: Path, lessons: int = 32, **learning) -> Preset:
    preset = tiny(lines, sees_target=False, noise=2, unroll_length=2, lessons=lessons, num_minibatches=2, **learning)
    return replace(preset, policy=replace(preset.policy, noise_to_core=True))


@pytest.fixture
def programs(lines, tmp_path) -> Path:
    """Programs whose first line goes somewhere along the diagonal and whose second goes to the lower left corner."""
    preset = inventing(lines)
    places = np.random.default_rng(0).integers(1, 8, 128)
    commands = np.stack([places * 9, np.full(128, 56)], 1)[..., None]
    engine = make(preset.engine, 128, preset.canvas.to_json())
    engine.reset(np.zeros(128, np.int64))
    for command in commands.swapaxes(0, 1):
        engine.step(command)
    np.savez(tmp_path / "programs.npz", images=observe(engine.canvases(), 16), programs=commands)
    return tmp_path / "programs.npz"


def test_lessons_of_a_file_are_its_programs_beside_the_codes_of_its_pictures(lines, programs):
    preset = inventing(lines, lesson_programs=str(programs))
    lessons = Lessons(preset).draw(PolicyLearner(preset, CPU).policy)
    assert lessons.commands.shape == (2, 64, 1) and lessons.before.noise is not None
    with np.load(programs) as archive:
        known = {tuple(code): tuple(program.ravel()) for code, program in zip(
            normal_codes(archive["images"], 2).round(5), archive["programs"], strict=True)}  # fmt: skip
    for code, program in zip(lessons.before.noise.numpy().round(5), lessons.commands[..., 0].T.tolist(), strict=True):
        assert known[tuple(code)] == tuple(program)


def test_fresh_noise_leaves_codes_distributed_as_noise_is(lines, programs):
    def drawn(share: float) -> tuple[torch.Tensor, torch.Tensor]:
        torch.manual_seed(0)
        preset = inventing(lines, lesson_programs=str(programs), lesson_noise=share, lessons=500)
        lessons = Lessons(preset).draw(PolicyLearner(preset, CPU).policy)
        assert lessons.before.noise is not None
        return lessons.before.noise, lessons.commands[0, :, 0].float()

    codes, places = drawn(0.0)
    assert len(codes.unique(dim=0)) <= 128, "one for each program"
    noise, same = drawn(0.6)
    assert len(noise.unique(dim=0)) == 1000 and torch.equal(places, same)
    assert float(noise.std()) == pytest.approx(1.0, abs=0.1)
    assert float((noise * codes).mean()) == pytest.approx(0.8, abs=0.1), "most of it still is the code"
    with pytest.raises(InputError, match="lesson_noise"):
        inventing(lines, lesson_programs=str(programs), lesson_noise=1.5)


def test_an_agent_that_studies_writes_such_programs_for_noise_alone(lines, programs):
    torch.manual_seed(0)
    preset = inventing(lines, lesson_programs=str(programs), policy_learning_rate=3e-3, lesson_pretraining=1.0)
    learner = PolicyLearner(preset, CPU)
    engine = make(preset.engine, 256, preset.canvas.to_json())
    painted = rollout(learner.policy, engine, None, 2, np.arange(256))
    nothing = torch.zeros(2, 256)
    losses = [learner.learn(painted, nothing, 0.0)["policy/lesson_loss"] for _ in range(120)]
    assert losses[-1] < 0.5 * losses[0]
    first, second = rollout(learner.policy, engine, None, 2, np.arange(256)).commands[..., 0]
    assert (second == 56).float().mean() > 0.9
    assert (first % 9 == 0).float().mean() > 0.9
    shares = torch.bincount(first // 9, minlength=8)[1:].float() / 256
    assert shares.min() > 0.02  # of seven places, each about a seventh of the programs


def test_an_agent_that_redraws_learns_the_programs_of_a_file_for_its_pictures(lines, programs):
    """The file's pictures are other than what its programs paint: the agent learns what the file says."""
    torch.manual_seed(0)
    with np.load(programs) as archive:
        pictures, commands = archive["images"][:, ::-1].copy(), archive["programs"]
    np.savez(programs, images=pictures, programs=commands)
    preset = tiny(
        lines, unroll_length=2, lessons=32, num_minibatches=2, lesson_programs=str(programs), lesson_pretraining=1.0,
        policy_learning_rate=3e-3,
    )  # fmt: skip
    learner = PolicyLearner(preset, CPU)
    lessons = Lessons(preset).draw(learner.policy)
    known = {picture.tobytes(): program.tobytes() for picture, program in zip(pictures, commands, strict=True)}
    assert lessons.targets is not None
    for picture, program in zip(lessons.targets.numpy(), lessons.commands.numpy().swapaxes(0, 1), strict=True):
        assert known[picture.tobytes()] == program.tobytes()

    engine = make(preset.engine, 128, preset.canvas.to_json())
    painted = rollout(learner.policy, engine, torch.from_numpy(pictures), 2, np.arange(128))
    for _ in range(120):
        learner.learn(painted, torch.zeros(2, 128), 0.0)
    written = rollout(learner.policy, engine, torch.from_numpy(pictures), 2, np.arange(128), 0.0).commands
    assert (written.numpy().swapaxes(0, 1) == commands).all(-1).mean() > 0.9


def test_a_file_that_does_not_fit_is_refused(lines, programs, tmp_path):
    preset = inventing(lines, lesson_programs=str(programs))
    longer = replace(preset, learning=replace(preset.learning, unroll_length=3))
    with pytest.raises(InputError, match="128 programs of 3 commands"):
        Lessons(longer)
    np.savez(tmp_path / "pictures.npz", images=np.zeros((9, 16, 16, 1), np.uint8))
    redrawing = tiny(lines, unroll_length=2, lessons=32, lesson_programs=str(tmp_path / "small.npz"))
    np.savez(tmp_path / "small.npz", images=np.zeros((9, 8, 8, 1), np.uint8), programs=np.zeros((9, 2, 1), np.int64))
    with pytest.raises(InputError, match="must hold pictures of"):
        Lessons(redrawing)
    with pytest.raises(InputError, match="holds no programs"):
        Lessons(inventing(lines, lesson_programs=str(tmp_path / "pictures.npz")))


def lessons_in_turns(path: Path, taught: np.ndarray | None) -> str:
    """A file of 40 programs of 4 commands: the first two go anywhere, the last two to cell 9."""
    generator = np.random.default_rng(0)
    programs = generator.integers(64, size=(40, 4, 1))
    programs[:, 2:] = 9
    arrays = {"images": generator.integers(255, size=(40, 16, 16, 1), dtype=np.uint8), "programs": programs}
    np.savez(path, **arrays if taught is None else {**arrays, "taught": taught})
    return str(path)


def test_only_the_taught_commands_of_a_file_are_imitated(lines, tmp_path):
    taught = np.zeros((40, 4), bool)
    taught[:, 2:] = True
    preset = tiny(
        lines, unroll_length=2, unrolls_per_episode=2, lessons=16, num_minibatches=1, lesson_pretraining=1.0,
        lesson_programs=lessons_in_turns(tmp_path / "turns.npz", taught),
    )  # fmt: skip
    learner = PolicyLearner(replace(preset, run=replace(preset.run, precision="float32")), CPU)
    assert learner.lessons is not None
    for _ in range(4):
        drawn = learner.lessons.draw(learner.policy)
        assert drawn.taught is not None
        assert torch.equal(drawn.taught, drawn.index >= 2), "they go along from draw to draw"
        assert drawn.rows(torch.tensor([3, 5])).taught is not None
    episode = Lessons(tiny(lines, lessons=64, unroll_length=2)).draw(learner.policy)
    for _ in range(60):
        figures = learner.learn(episode, torch.zeros(episode.commands.shape[:2]), 0.0)
    assert float(figures["policy/lesson_loss"]) < 0.7, "cell 9 is all there is to learn; anywhere else costs 4.2 nats"


def test_what_is_taught_must_fit_the_programs(lines, tmp_path):
    fitting = lessons_in_turns(tmp_path / "fits.npz", np.ones((40, 4), bool))
    learned = dict(unroll_length=4, lessons=2)
    assert Lessons(tiny(lines, lesson_programs=fitting, **learned)).programs is not None
    for name, taught in (
        ("shape", np.ones((40, 3), bool)), ("type", np.ones((40, 4))), ("nothing", np.zeros((40, 4), bool)),
    ):  # fmt: skip
        with pytest.raises(InputError, match="taught"):
            Lessons(tiny(lines, lesson_programs=lessons_in_turns(tmp_path / f"{name}.npz", taught), **learned))
