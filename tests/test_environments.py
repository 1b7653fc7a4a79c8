import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import spiral  # registers the environments
from spiral.engines import missing
from spiral.errors import InputError

NAME = "spiral/Paint-v0"


@pytest.mark.parametrize("arguments", [{}, {"reward": "l2"}, {"data": None}, {"settings": {"channels": 3, "size": 32}}])
def test_gymnasiums_own_check_passes(arguments):
    assert spiral.__version__
    check_env(gymnasium.make(NAME, **arguments).unwrapped, skip_render_check=False)


@pytest.mark.skipif(missing("scene") is not None, reason=f"scene: {missing('scene')}")
def test_scenes_are_an_environment_too():
    check_env(gymnasium.make(NAME, engine="scene", data="scenes:16", size=64, reward="l2").unwrapped)


@pytest.mark.parametrize("arguments", [{}, {"data": None}])
def test_observations_are_in_the_order_of_their_space(arguments):
    env = gymnasium.make(NAME, **arguments)
    first, _ = env.reset(seed=0)
    later = env.step(env.action_space.sample())[0]
    assert list(first) == list(later) == list(env.observation_space)
    many = gymnasium.make_vec(NAME, num_envs=2, vectorization_mode="vector_entry_point", **arguments)
    assert list(many.reset(seed=0)[0]) == list(many.observation_space)


def test_the_vector_environment_resets_finished_canvases_at_the_next_step():
    env = gymnasium.make_vec(NAME, num_envs=3, vectorization_mode="vector_entry_point", steps=2, reward="l2")
    env.reset(seed=0)
    env.action_space.seed(0)
    for round_ in range(3):
        ends = [env.step(env.action_space.sample())[2].all() for _ in range(2)]
        assert ends == [False, True], round_
        seen, rewards, terminated, _, _ = env.step(env.action_space.sample())
        assert not terminated.any() and not rewards.any()
        assert not seen["canvas"].any() and not seen["step"].any()


def test_seeds_repeat_an_episode():
    def play():
        env = gymnasium.make(NAME, reward="l2")
        first, _ = env.reset(seed=3)
        env.action_space.seed(3)
        steps = [env.step(env.action_space.sample()) for _ in range(8)]
        return first["target"], steps[-1][0]["canvas"], [step[1] for step in steps]

    for one, other in zip(play(), play(), strict=True):
        assert np.array_equal(one, other)


def test_l2_rewards_add_up_to_the_distance_won():
    env = gymnasium.make(NAME, reward="l2")
    seen, _ = env.reset(seed=1)
    env.action_space.seed(1)
    before = np.linalg.norm((seen["canvas"].astype(float) - seen["target"]) / 255)
    total = 0.0
    for _ in range(8):
        seen, reward, terminated, _, _ = env.step(env.action_space.sample())
        total += reward
    after = np.linalg.norm((seen["canvas"].astype(float) - seen["target"]) / 255)
    assert terminated
    assert total == pytest.approx(before - after)


@pytest.mark.parametrize(
    "arguments", [{"steps": 0}, {"reward": "praise"}, {"reward": "l2", "data": None}, {"size": 48}, {"engine": "x"}]
)
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(InputError):
        gymnasium.make(NAME, **arguments)


def test_many_environments_hold_the_pictures_once():
    one, other = (gymnasium.make("spiral/Paint-v0", engine="vector", size=16).unwrapped for _ in range(2))
    assert np.shares_memory(one._batch._targets, other._batch._targets)
    with pytest.raises(ValueError, match="read-only"):
        one._batch._targets[0] = 0
    seen, _ = one.reset(seed=0)
    seen["target"][0] = 0  # observations are copies
