"""Lessons: any program is an example of how to paint its picture."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from problems import tiny

from spiral.engines import make, observe
from spiral.engines.strokes import MOVE, PAINT, StrokeSettings
from spiral.errors import InputError
from spiral.learning.hindsight import hindsight, informative
from spiral.learning.lessons import Lessons, perturb
from spiral.learning.networks import make_policy
from spiral.learning.policy_gradient import imitation_loss
from spiral.learning.policy_learner import PolicyLearner
from spiral.learning.rollout import reset_episodes, unroll_programs
from spiral.models.policy import Decision
from spiral.models.policy_settings import PolicySettings
from spiral.settings import Preset

CPU = torch.device("cpu")


def with_jumps(lines) -> Preset:
    preset = tiny(lines, unroll_length=6)
    return replace(preset, canvas=replace(preset.canvas, choices=("flag", "end")))


def replayed(preset: Preset, flags: list[int]):
    engine = make("vector", 1, preset.canvas.to_json())
    ends = [9, 27, 45, 54, 12, 33][: len(flags)]
    commands = np.array([[[flag, end]] for flag, end in zip(flags, ends, strict=True)], np.int64)
    blank = torch.zeros(1, 16, 16, 1, dtype=torch.uint8)
    episodes = reset_episodes(make_policy(preset), engine, blank, np.zeros(1, np.int64))
    return unroll_programs(engine, episodes, commands, len(commands))[0], engine


def test_in_hindsight_the_last_canvas_was_the_target(lines):
    episode, engine = replayed(with_jumps(lines), [MOVE, PAINT, PAINT])
    learned = hindsight(episode)
    assert learned.targets is not None
    assert np.array_equal(learned.targets.numpy(), observe(engine.canvases(), 16))
    assert torch.equal(learned.commands, episode.commands) and torch.equal(learned.canvases, episode.canvases)
    assert np.array_equal(episode.canvases[0, 0].numpy(), np.zeros((16, 16, 1), np.uint8)), "it begins blank"


def test_only_what_the_picture_tells_of_is_imitated(lines):
    preset = with_jumps(lines)
    episode, _ = replayed(preset, [MOVE, MOVE, PAINT, PAINT, MOVE, MOVE])
    # The first jump is overruled by the second, which is where the stroke begins; the last ones lead nowhere.
    expected = [False, True, True, True, False, False]
    assert informative(episode, preset.canvas.specification())[:, 0].tolist() == expected


def test_the_loss_is_the_mean_over_the_commands_that_count():
    decision = Decision(torch.tensor([-1.0, -2.0, -4.0, -8.0]), torch.zeros(4), torch.zeros(4))
    assert float(imitation_loss(decision)) == pytest.approx(15.0 / 4)
    assert float(imitation_loss(decision, torch.tensor([[True, False], [True, False]]))) == pytest.approx(2.5)
    assert float(imitation_loss(decision, torch.zeros(2, 2, dtype=torch.bool))) == 0.0


def test_lessons_show_what_the_engine_paints_and_repeat_with_the_seed(lines):
    preset = tiny(lines, unroll_length=3, lessons=4, num_minibatches=2)
    lessons, policy = Lessons(preset), make_policy(preset)
    torch.manual_seed(1)
    first, second = lessons.draw(policy), lessons.draw(policy)
    torch.manual_seed(1)
    again = lessons.draw(policy)
    assert torch.equal(first.commands, again.commands) and not torch.equal(first.commands, second.commands)
    assert first.commands.shape == (3, 8, 1) and first.targets is not None
    engine = make("vector", 8, preset.canvas.to_json())
    for command in first.commands.numpy():
        engine.step(command)
    assert np.array_equal(first.targets.numpy(), observe(engine.canvases(), 16))
    assert first.progress[:, 0].tolist() == pytest.approx([0.0, 1 / 3, 2 / 3])


@pytest.mark.parametrize("settings", [{"lessons": 16}, {"hindsight_weight": 1.0, "hindsight_weight_end": 1.0}])
def test_a_policy_learns_to_tell_programs_from_their_pictures(lines, settings):
    """Without rewards, the policy learns from lessons or hindsight alone."""
    preset = tiny(
        lines, unroll_length=1, batch_size=16, num_minibatches=2, entropy_coef=0.0, value_coef=0.0, **settings
    )
    learner = PolicyLearner(replace(preset, run=replace(preset.run, precision="float32")), CPU)
    unseen = Lessons(replace(preset, learning=replace(preset.learning, lessons=32))).draw(learner.policy)
    untaught = Lessons(tiny(lines, lessons=16, num_minibatches=1)).draw(learner.policy)

    def loss() -> float:
        with torch.no_grad():
            seen = learner.policy.evaluate(unseen.observations(), unseen.commands, unseen.before.state)[0]
        return float(imitation_loss(seen))

    before = loss()
    for _ in range(60):
        figures = learner.learn(untaught, torch.zeros(untaught.commands.shape[:2]), 0.0)
    assert loss() < 0.75 * before, "programs that were never shown are told better"
    assert ("policy/lesson_loss" if "lessons" in settings else "policy/hindsight_loss") in figures


def test_lessons_need_an_agent_that_sees_a_target(lines):
    with pytest.raises(InputError, match="lessons"):
        PolicyLearner(tiny(lines, sees_target=False, noise=2, lessons=4), CPU)
    with pytest.raises(InputError, match="hindsight"):
        PolicyLearner(tiny(lines, sees_target=False, noise=2, hindsight_weight=0.1), CPU)


def test_settings_of_colour_have_lessons_too():
    canvas = StrokeSettings(
        size=32, channels=3, choices=("flag", "end", "control", "size", "pressure", "red", "green", "blue"), grid=8
    )
    preset = Preset("c", "", "vector", canvas=canvas, policy=PolicySettings(channels=4, hidden=16, residual_blocks=0))
    preset = replace(preset, learning=replace(preset.learning, lessons=2, batch_size=2))
    drawn = Lessons(preset).draw(make_policy(preset))
    assert drawn.targets is not None and drawn.targets.shape == (2, 32, 32, 3)


def test_a_perturbed_program_is_near_the_one_it_comes_from(lines):
    specification = with_jumps(lines).canvas.specification()
    generator = np.random.default_rng(0)
    old = specification.random(generator, (6, 500))
    new = perturb(old, specification, generator)
    assert np.array_equal(specification.check(new), new)
    changed = (new != old).any(-1)
    assert 0.15 < changed.mean() < 0.35
    grid = specification.choices[1].grid  # pyright: ignore[reportAttributeAccessIssue]
    (rows, columns), (were, where) = np.divmod(new[..., 1], grid), np.divmod(old[..., 1], grid)
    assert np.abs(rows - were).max() <= grid // 2 and np.abs(columns - where).mean() < 0.5


def test_a_share_of_the_lessons_are_the_agents_own_programs_perturbed(lines, monkeypatch):
    monkeypatch.setattr("spiral.learning.lessons.perturb", lambda commands, *_: commands)
    preset = tiny(lines, unroll_length=3, lessons=4, num_minibatches=2, lesson_perturbed=0.5)
    painted = torch.full((3, 5, 1), 7)
    drawn = Lessons(preset).draw(make_policy(preset), painted)
    assert (drawn.commands == 7).all(0).squeeze(-1).tolist()[:4] == [True] * 4
    assert not (drawn.commands[:, 4:] == 7).all()
    with pytest.raises(InputError, match="perturbed"):
        tiny(lines, unroll_length=3, unrolls_per_episode=2, lessons=4, lesson_perturbed=0.5)


def test_lessons_of_long_episodes_go_on_from_draw_to_draw(lines):
    preset = tiny(lines, unroll_length=2, unrolls_per_episode=3, lessons=6, num_minibatches=1)
    lessons, policy = Lessons(preset), make_policy(preset)
    draws = [lessons.draw(policy) for _ in range(7)]
    for before, after in itertools.pairwise(draws):
        going = after.before.elapsed > 0
        assert going.any() and not going.all(), "every canvas is at another unroll"
        assert torch.equal(after.canvases[0][going], before.canvases[-1][going])
        assert torch.equal(after.before.previous[going], before.commands[-1][going])
        assert not after.canvases[0][~going].any()
        assert torch.equal(after.targets, after.canvases[-1])
    assert {int(e) for draw in draws for e in draw.before.elapsed} == {0, 2, 4}


def test_without_lessons_there_is_no_pretraining(lines):
    learner = PolicyLearner(tiny(lines, lesson_pretraining=1.0), CPU)
    painted = Lessons(tiny(lines, lessons=64)).draw(learner.policy)
    figures = learner.learn(painted, torch.zeros(painted.commands.shape[:2]), 0.0)
    assert "policy/policy_loss" in figures and "policy/lesson_loss" not in figures


def test_pretraining_is_on_lessons_alone_until_its_share_is_over(lines):
    learner = PolicyLearner(tiny(lines, lessons=4, lesson_pretraining=0.5), CPU)
    painted = Lessons(tiny(lines, lessons=64)).draw(learner.policy)
    rewards = torch.zeros(painted.commands.shape[:2])
    assert set(learner.learn(painted, rewards, 0.49)) == {"policy/lesson_loss", "policy/gradient_norm"}
    assert {"policy/lesson_loss", "policy/policy_loss"} <= set(learner.learn(painted, rewards, 0.5))


def test_lessons_painted_ahead_are_the_same(lines):
    preset = tiny(lines, lessons=8, unroll_length=3, unrolls_per_episode=2)
    policy, drawn = make_policy(preset), []
    for pipeline in ("off", "on"):
        lessons = Lessons(replace(preset, run=replace(preset.run, pipeline=pipeline)))
        torch.manual_seed(4)
        drawn.append([lessons.draw(policy) for _ in range(3)])
    for plain, ahead in zip(*drawn, strict=True):
        assert torch.equal(plain.commands, ahead.commands)
        assert torch.equal(plain.canvases, ahead.canvases)
        assert torch.equal(plain.before.elapsed, ahead.before.elapsed)
        assert torch.equal(plain.targets, ahead.targets)
