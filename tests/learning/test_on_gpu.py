"""What only a GPU can show: copies that overlap, CUDA graphs, and a loop that waits for nothing."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from problems import line_pictures, rows, tiny

from spiral.engines import make, missing, observe
from spiral.learning.learner import Learner
from spiral.learning.rollout import reset_episodes, unroll
from spiral.learning.trainer import Budget, load_real_images, make_actor, set_up, train, train_iteration, unmeasured

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"),
    # A graph that cannot be recorded is only warned of.
    pytest.mark.filterwarnings("error:going on without a CUDA graph"),
]
DEVICE = torch.device("cuda")


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    return line_pictures(tmp_path_factory.mktemp("problem") / "lines.npz")


def on_gpu(preset, **settings):
    return replace(preset, run=replace(preset.run, **{"device": "cuda", "precision": "float32", **settings}))


def exactly(monkeypatch):
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.parametrize("engine", ["vector", "mypaint"])
@pytest.mark.parametrize("pipeline", ["on", "off"])
@pytest.mark.parametrize("size", [16, 32])
def test_pictures_are_those_of_the_commands(lines, engine, pipeline, size):
    if (reason := missing(engine)) is not None:
        pytest.skip(reason)
    preset = tiny(lines, unroll_length=5)
    preset = replace(preset, engine=engine, canvas=replace(preset.canvas, size=size))
    preset = on_gpu(preset, pipeline=pipeline)
    learner = Learner(preset, DEVICE)
    real = load_real_images(preset, DEVICE)
    actor = make_actor(preset, learner.policies[0].policy, real, 2, canvases=37)
    for _ in range(4):
        torch.manual_seed(3)
        seeds = np.asarray(torch.randint(2**31, (37,)).numpy())
        torch.manual_seed(3)
        found = actor.unroll()
        plain = make(engine, 37, preset.canvas.to_json())
        plain.reset(seeds)
        for step, commands in enumerate(found.commands.cpu().numpy()):
            plain.step(commands)
            painted = found.canvases[step + 1].cpu().numpy()
            if engine == "vector":  # on the device, where it offers that
                assert np.abs(painted.astype(int) - observe(plain.canvases(), 16)).max() <= 2
            else:
                assert np.array_equal(painted, observe(plain.canvases(), 16))


def test_a_graph_decides_what_the_plain_policy_does(lines, monkeypatch):
    exactly(monkeypatch)
    preset = on_gpu(tiny(lines, unroll_length=4), graphs="off")
    learner, real = Learner(preset, DEVICE), load_real_images(preset, DEVICE)
    policy = learner.policies[0].policy
    actors = [make_actor(on_gpu(preset, graphs=graphs), policy, real, 1, canvases=16) for graphs in ("off", "auto")]
    for _ in range(3):
        painted = []
        for actor in actors:
            torch.manual_seed(5)
            painted.append(actor.unroll())
        plain, graphed = painted
        assert (plain.commands == graphed.commands).float().mean() > 0.99
        assert torch.allclose(plain.log_probability[0], graphed.log_probability[0], atol=1e-3)
        assert torch.allclose(plain.values[0], graphed.values[0], atol=1e-3)
        with torch.no_grad():  # a graph reads the weights of its own time
            for weight in policy.parameters():
                weight.add_(0.05 * torch.randn_like(weight))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_graphs_learn_what_the_plain_loop_does(lines, monkeypatch, precision):
    exactly(monkeypatch)
    learned = []
    for graphs in ("off", "auto"):
        preset = tiny(lines, unroll_length=2, num_minibatches=3, lessons=4, lesson_pretraining=0.5)
        preset = on_gpu(preset, graphs=graphs, precision=precision)
        torch.manual_seed(0)
        learner, actors, real = set_up(preset, 1)
        for progress in (0.0, 0.1, 0.6, 0.7):
            (figures,) = train_iteration(learner, actors, real, progress, unmeasured)
        learned.append({name: float(value) for name, value in figures.items()})
    near = 0.02 if precision == "float32" else 0.2
    for name in ("policy/entropy", "policy/lesson_loss", "ink"):
        assert learned[0][name] == pytest.approx(learned[1][name], rel=near, abs=near), name


@pytest.mark.parametrize("engine", ["vector", "mypaint", "scene"])
def test_a_round_does_not_wait_for_the_gpu(lines, engine):
    if (reason := missing(engine)) is not None:
        pytest.skip(reason)
    preset = tiny(lines, unroll_length=2, num_minibatches=2, lessons=4)
    if engine == "scene":
        from spiral.engines.objects import SceneSettings

        canvas = SceneSettings(size=32, grid=4, sizes=(1.6,), levels=3)
        policy = replace(preset.policy, stride=2)
        data = replace(preset.data, source="scenes:64", size=32)
        preset = replace(preset, canvas=canvas, policy=policy, data=data)
    preset = on_gpu(replace(preset, engine=engine))
    learner, actors, real = set_up(preset, 1)
    for _ in range(2):
        list(train_iteration(learner, actors, real, 0.0, unmeasured))
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(2):
            list(train_iteration(learner, actors, real, 0.0, unmeasured))
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_unrolls_continue_episodes(lines):
    preset = on_gpu(tiny(lines, unroll_length=2, unrolls_per_episode=3))
    learner, real = Learner(preset, DEVICE), load_real_images(preset, DEVICE)
    actor = make_actor(preset, learner.policies[0].policy, real, 1, canvases=6)
    for _ in range(7):
        episode = actor.unroll()
        blank = (episode.canvases[0] == episode.before.blank).flatten(1).all(1)
        assert bool(blank[episode.index[0] == 0].all())
    assert actor.unroll().before.elapsed.unique().tolist() == [0, 2, 4]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_agent_learns(lines, tmp_path, precision):
    preset = on_gpu(tiny(lines), precision=precision)
    train(preset, tmp_path / "run", Budget(frames=64 * 300))
    errors = [row["mse"] / row["blank_mse"] for row in rows(tmp_path / "run") if "mse" in row]
    assert errors[-1] < 0.4


def test_a_run_that_is_resumed_goes_on(lines, tmp_path):
    preset = on_gpu(tiny(lines))
    train(preset, tmp_path / "run", Budget(frames=64 * 3))
    train(preset, tmp_path / "run", Budget(frames=64 * 6), resume=True)
    assert rows(tmp_path / "run")[-1]["commands"] == 64 * 6


def test_a_policy_on_a_processor_is_not_disturbed(lines):
    preset = replace(tiny(lines), run=replace(tiny(lines).run, device="cpu"))
    learner, actors, real = set_up(preset, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(train_iteration(learner, actors, real, 0.0, unmeasured))
    policy = learner.policies[0].policy
    seeds, targets = np.zeros(64, np.int64), real.pick(64)[0]
    engine = make("vector", 64, preset.canvas.to_json())
    trajectory, _ = unroll(policy, engine, reset_episodes(policy, engine, targets, seeds), 1, 1)
    assert trajectory.commands.device.type == "cpu"
