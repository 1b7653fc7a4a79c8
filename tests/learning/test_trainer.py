"""Training on tiny problems: it learns, is repeatable, survives kills, and reports why it stops."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from problems import rows, tiny
from safetensors.torch import load_file, save_file

from spiral.agent import load_agent
from spiral.datasets import load
from spiral.datasets.clusters import balanced_clusters, means_of_clusters
from spiral.datasets.scenes import draw_scenes
from spiral.engines import make, missing
from spiral.engines.objects import ADD, SceneSettings
from spiral.errors import InputError, TrainingError
from spiral.evaluation.classifier import load_classifier
from spiral.evaluation.summary import generation_metrics
from spiral.learning import run_checkpoints
from spiral.learning.discriminator_learner import DiscriminatorLearner
from spiral.learning.learner import Learner
from spiral.learning.rollout import rollout
from spiral.learning.trainer import Budget, train
from spiral.learning.trajectory import Trajectory
from spiral.presets import PRESETS
from spiral.settings import Preset


def test_an_agent_learns_from_the_discriminators_score_alone(lines, tmp_path):
    train(tiny(lines), tmp_path / "run", Budget(frames=64 * 300))
    last = rows(tmp_path / "run")[-1]
    assert last["commands"] == 64 * 300
    assert last["mse"] < 0.5 * last["blank_mse"]
    assert (tmp_path / "run" / "agent" / "policy.safetensors").is_file()
    assert list((tmp_path / "run" / "tensorboard").iterdir())
    assert list((tmp_path / "run" / "sheets").glob("*.png"))


@pytest.mark.parametrize(
    "settings",
    [
        {"adversarial_loss": "gan"},
        {"adversarial_loss": "r3gan", "gradient_penalty_weight": 0.5, "gradient_penalty_end_factor": 0.1},
        {"credit_assignment": "terminal"},
        {"reward": "l2"},
        {"sees_target": False, "noise": 4, "blank_penalty": 1.0, "start_penalty": 0.1},
        {"noise": 4, "cluster_means": 8},
        {"matched_pairs": True, "discriminator_updates": 2},
        {"update_epochs": 3},
        {"complement": True},
        {"off_policy_correction": "v-trace", "update_epochs": 2},
        {"population": 2},
    ],
)
def test_every_setting_runs_in_the_same_loop(lines, tmp_path, settings):
    train(tiny(lines, **settings), tmp_path / "run", Budget(frames=64 * 6))
    assert rows(tmp_path / "run")[-1]["commands"] == 64 * 6


def test_the_same_seed_trains_the_same_agent(lines, tmp_path):
    agents = [train(tiny(lines), tmp_path / name, Budget(frames=64 * 5)) for name in ("one", "other")]
    weights = [load_file(agent / "policy.safetensors") for agent in agents]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_resumed_run_is_the_run_that_was_not_interrupted(lines, tmp_path):
    whole = train(
        tiny(lines, learning_rate_end_factor=1.0, entropy_coef_end=0.1), tmp_path / "whole", Budget(frames=64 * 8)
    )
    half = tiny(lines, learning_rate_end_factor=1.0, entropy_coef_end=0.1)
    train(half, tmp_path / "parts", Budget(frames=64 * 4))
    parts = train(half, tmp_path / "parts", Budget(frames=64 * 8), resume=True)
    weights = [load_file(agent / "policy.safetensors") for agent in (whole, parts)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    commands = [row["commands"] for row in rows(tmp_path / "parts")]
    assert commands == sorted(commands)


def test_watching_leaves_the_run_as_it_was(lines, tmp_path):
    """Measured or not, interrupted or not: the classifier must not use up the run's random numbers."""
    preset = tiny(lines, sees_target=False, noise=4, learning_rate_end_factor=1.0, entropy_coef_end=0.1)
    preset = replace(preset, run=replace(preset.run, evaluate_seconds=0.0))
    weights = []
    for name, watched in (("plain", None), ("watched", generation_metrics)):
        load_classifier.cache_clear()
        agent = train(preset, tmp_path / name, Budget(frames=64 * 4), metrics_callback=watched)
        weights.append(load_file(agent / "policy.safetensors"))
    assert "held_out/frechet" in rows(tmp_path / "watched")[-1]
    assert "held_out/class_entropy" not in rows(tmp_path / "watched")[-1], "lines are no digits"
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_unit_of_reward_is_that_of_painted_canvases(lines):
    both = Learner(tiny(lines, blank_penalty=3.0, batch_size=8), torch.device("cpu"))
    learner, judge = both.policies[0], both.discriminator.network
    engine = make("vector", 8, learner.preset.canvas.to_json())
    targets = torch.zeros(8, 16, 16, 1, dtype=torch.uint8)
    painted = rollout(learner.policy, engine, targets, 1, np.zeros(8, np.int64))

    def with_blank(count: int) -> Trajectory:
        canvases = painted.canvases.clone()
        canvases[-1, :count] = canvases[0, :count]
        return replace(painted, canvases=canvases)

    assert learner.rewards(with_blank(8), judge).tolist() == [[-3.0] * 8], "no unit yet: no division by nearly nothing"
    assert float(learner.reward_scale.state) == 0.0
    assert learner.rewards(with_blank(7), judge).abs().max() < 10.0
    learner.rewards(painted, judge)
    unit = float(learner.reward_scale.state)
    assert unit > 0.0
    for _ in range(200):
        learner.rewards(with_blank(8), judge)
    assert float(learner.reward_scale.state) == unit, "blank canvases leave it as it is"


def test_resuming_needs_a_checkpoint_of_the_same_experiment(lines, tmp_path):
    with pytest.raises(InputError, match="no checkpoint to resume"):
        train(tiny(lines), tmp_path / "run", Budget(frames=64), resume=True)
    train(tiny(lines), tmp_path / "run", Budget(frames=64))
    with pytest.raises(InputError, match="other settings"):
        train(tiny(lines, policy_learning_rate=1e-5), tmp_path / "run", Budget(frames=64), resume=True)
    with pytest.raises(InputError, match="--resume"):
        train(tiny(lines), tmp_path / "run", Budget(frames=64))


def stopped_at_once(preset, out: Path, monkeypatch, at: str) -> None:
    """Begin a run that is interrupted in `at`."""

    def interrupt(*given, **named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(at, interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(preset, out, Budget(frames=64 * 4))


@pytest.mark.parametrize("resume", [True, False])
def test_a_run_stopped_before_anything_was_saved_begins_afresh(lines, tmp_path, monkeypatch, capfd, resume):
    out = tmp_path / "run"
    stopped_at_once(tiny(lines), out, monkeypatch, "spiral.learning.run_checkpoints.save")
    assert (out / "metrics.jsonl").is_file() and not (out / "checkpoints").exists()
    train(tiny(lines), out, Budget(frames=64 * 2), resume=resume)
    assert "starting afresh" in capfd.readouterr().err
    assert rows(out)[-1]["commands"] == 64 * 2


def test_a_run_stopped_at_its_first_command_can_be_resumed(lines, tmp_path, monkeypatch):
    out = tmp_path / "run"
    stopped_at_once(tiny(lines), out, monkeypatch, "spiral.learning.trainer.train_iteration")
    assert (out / "checkpoints" / f"{0:012d}").is_dir() and (out / "agent").is_dir()
    with pytest.raises(InputError, match="--resume"):
        train(tiny(lines), out, Budget(frames=64 * 4))
    agents = [train(tiny(lines), tmp_path / "whole", Budget(frames=64 * 4))]
    agents.append(train(tiny(lines), out, Budget(frames=64 * 4), resume=True))
    weights = [load_file(agent / "policy.safetensors") for agent in agents]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


WRONG_TENSORS = {
    "policy_optimizer": {"0.exp_avg": torch.zeros(3)},
    "discriminator_optimizer": {"nobody": torch.zeros(())},
    "reward_scale": {"state": torch.zeros(7)},
    "replay": {"canvases": torch.zeros((1, 16, 16, 1), dtype=torch.uint8)},
    "counts": {"updates": torch.tensor(4), "commands": torch.tensor(-4)},
    "random": {"cpu": torch.zeros(3, dtype=torch.uint8)},
    "policy": {"other": torch.zeros(3)},
}
"""Whole files that hold something else."""


@pytest.mark.parametrize("how", ["cut", "gone", "config", "empty", *WRONG_TENSORS])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(lines, tmp_path, capfd, how):
    preset = tiny(lines)
    preset = replace(preset, run=replace(preset.run, checkpoint_seconds=0.0))
    out = tmp_path / "run"
    train(preset, out, Budget(frames=64 * 4))
    before, damaged = sorted((out / "checkpoints").iterdir())
    weights = damaged / "ema.safetensors"
    if how == "cut":
        weights.write_bytes(weights.read_bytes()[:-9])
    elif how == "gone":
        weights.unlink()
    elif how == "config":
        (damaged / "config.json").write_text('{"preset": {}, "seconds": "x"}')
    elif how in WRONG_TENSORS:
        save_file(WRONG_TENSORS[how], damaged / f"{how}.safetensors")
    else:
        for file in damaged.iterdir():
            file.unlink()
    train(preset, out, Budget(frames=64 * 4), resume=True)
    told = capfd.readouterr().err.replace("\n", "")
    assert f"continuing from the checkpoint before, {before}" in told
    assert damaged.is_dir() and damaged.with_name(f"{damaged.name}.damaged").is_dir()
    for folder in sorted((out / "checkpoints").iterdir()):
        (folder / "config.json").write_text("?")
    with pytest.raises(InputError, match="no checkpoint can be read"):
        train(preset, out, Budget(frames=64 * 4), resume=True)


def test_a_quantity_that_is_not_finite_stops_the_run_and_spares_the_checkpoint(lines, tmp_path, monkeypatch):
    preset = tiny(lines)
    preset = replace(preset, run=replace(preset.run, checkpoint_seconds=0.0))
    judged = 0
    original = DiscriminatorLearner.learn

    def break_down(self, episode, real, progress):
        nonlocal judged
        judged += 1
        if judged == 4:
            with torch.no_grad():
                next(self.network.parameters()).fill_(float("nan"))
        return original(self, episode, real, progress)

    monkeypatch.setattr(DiscriminatorLearner, "learn", break_down)
    with pytest.raises(TrainingError, match=r"discriminator/\w+ is not finite"):
        train(preset, tmp_path / "run", Budget(frames=64 * 20))
    weights = load_file(tmp_path / "run" / "agent" / "discriminator.safetensors")
    assert all(torch.isfinite(tensor.float()).all() for tensor in weights.values())
    monkeypatch.setattr(DiscriminatorLearner, "learn", original)
    train(preset, tmp_path / "run", Budget(frames=64 * 20), resume=True)


def test_an_agent_with_cluster_means_invents_and_carries_them_along(lines, tmp_path):
    agent = load_agent(str(train(tiny(lines, cluster_means=8, noise=2), tmp_path / "run", Budget(frames=64 * 5))))
    images = load(str(lines), 16, 1, "train").images
    assert torch.equal(
        agent.policy.cluster_means, torch.from_numpy(means_of_clusters(images, balanced_clusters(images, 8)))
    )
    assert not agent.conditional
    first, again, other = agent.generate(12, 1), agent.generate(12, 1), agent.generate(12, 2)
    assert first.programs == again.programs != other.programs
    with pytest.raises(InputError, match="spiral sample"):
        agent.reconstruct(first.observed)


def test_policies_that_share_a_discriminator_are_each_to_be_seen(lines, tmp_path):
    preset, out = tiny(lines, population=3), tmp_path / "run"
    first = train(preset, out, Budget(frames=3 * 64 * 60))
    last = rows(out)[-1]
    own = [last[f"policy-{member}/mse"] for member in (1, 2, 3)]
    assert len(set(own)) == 3, "each paints in its own way"
    assert last["mse"] == pytest.approx(np.mean(own), abs=1e-5)
    sheet = Image.open(sorted((out / "sheets").glob("*.png"))[-1])
    alone = train(tiny(lines), tmp_path / "alone", Budget(frames=64))
    single = Image.open(sorted((alone.parent / "sheets").glob("*.png"))[-1])
    assert sheet.height > 1.8 * single.height, "targets and three policies instead of targets and one"
    weights = [load_file(out / name / "policy.safetensors") for name in ("agent", "agent-2", "agent-3")]
    assert all(any(not torch.equal(weights[0][name], other[name]) for name in weights[0]) for other in weights[1:])
    assert load_agent(str(out / "agent-2")).conditional and first == out / "agent"
    train(preset, out, Budget(frames=3 * 64 * 61), resume=True)
    assert rows(out)[-1]["commands"] == 3 * 64 * 61


def test_one_agent_can_begin_where_another_ended(lines, tmp_path):
    first = train(tiny(lines), tmp_path / "first", Budget(frames=64 * 5))
    second = Learner(tiny(lines), torch.device("cpu"))
    second.load_agent_weights(first)
    own, given = second.policies[0].policy.state_dict(), load_file(first / "policy.safetensors")
    assert all(torch.equal(own[name].half(), given[name]) for name in own)


def test_a_run_that_is_killed_goes_on_from_its_checkpoint(lines, tmp_path):
    out = tmp_path / "run"
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1] / 'support')!r})\n"
        "from pathlib import Path; from dataclasses import replace; from problems import tiny\n"
        "from spiral.learning.trainer import Budget, train\n"
        f"p = tiny(Path({str(lines)!r})); p = replace(p, run=replace(p.run, checkpoint_seconds=0.2))\n"
        f"train(p, Path({str(out)!r}), Budget(minutes=5))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL, env=dict(os.environ))
    deadline = time.monotonic() + 60
    while len(list(out.glob("checkpoints/0*"))) < 2 and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    preset = tiny(lines)
    reached = int(run_checkpoints.last(out).name)
    assert reached > 0
    train(preset, out, Budget(frames=reached + 64 * 3), resume=True)
    commands = [row["commands"] for row in rows(out)]
    assert commands == sorted(commands) and commands[-1] == reached + 64 * 3


def test_long_episodes_learn_in_unrolls_from_a_mixed_reward(lines, tmp_path):
    preset = tiny(lines, unroll_length=2, unrolls_per_episode=3, gamma=0.5, reward="mixed", histogram_weight=0.1)
    agent = train(preset, tmp_path / "run", Budget(frames=64 * 2 * 100))
    figures = rows(tmp_path / "run")
    errors = [row["mse"] for row in figures if "mse" in row]
    assert errors[-1] < errors[0], "it did not learn"
    assert load_agent(str(agent)).reconstruct(load(str(lines), 16, 1).images[:2]).programs[0].array().shape[0] == 6


@pytest.mark.parametrize("name", [name for name in PRESETS if name.endswith("-paper")])
def test_what_is_not_the_papers_is_off_in_its_presets(name):
    preset, learning = PRESETS[name], PRESETS[name].learning
    assert (learning.reward, learning.credit_assignment, learning.adversarial_loss) == (
        "discriminator", "terminal", "wgan-gp",
    )  # fmt: skip
    assert learning.num_minibatches == learning.update_epochs == 1
    assert not (learning.lessons or learning.hindsight_weight or learning.idle_penalty or preset.policy.glimpse)
    assert preset.usual_temperature == 1.0, "programs are sampled"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_json(name):
    assert Preset.from_json(json.loads(json.dumps(PRESETS[name].to_json()))) == PRESETS[name]


def test_presets_with_unknown_or_wrong_settings_are_refused():
    good = PRESETS["mnist-reconstruct"].to_json()
    with pytest.raises(InputError, match=r"learning\.speed"):
        Preset.from_json({**good, "learning": {**good["learning"], "speed": 9}})
    with pytest.raises(InputError, match="wrong settings"):
        Preset.from_json({**good, "data": {**good["data"], "size": "big"}})


@pytest.mark.skipif(missing("scene") is not None, reason=f"scene: {missing('scene')}")
def test_the_same_loop_learns_to_build_something(tmp_path):
    canvas = SceneSettings(size=32, grid=4, sizes=(1.6,), levels=3, objects=1)
    images, _ = draw_scenes(300, seed=0, most=1, settings=canvas)
    np.savez(tmp_path / "scenes.npz", images=images)
    base = tiny(tmp_path / "scenes.npz", reward="l2", idle_penalty=10.0)
    policy = replace(base.policy, stride=2, local_features=True)
    preset = replace(base, engine="scene", canvas=canvas, data=replace(base.data, size=32), policy=policy)
    built = []
    for name, rounds in (("before", 1), ("after", 120)):
        agent = load_agent(str(train(preset, tmp_path / name, Budget(frames=64 * rounds))))
        paintings = agent.reconstruct(images[:200], temperature=1.0)
        assert {program.engine for program in paintings.programs} == {"scene"}
        built.append(float(np.mean([program.array()[0, 0] == ADD for program in paintings.programs])))
    assert built[0] < 0.6, "nothing is as likely as anything else"
    assert built[1] > 0.9, "being idle costs"
