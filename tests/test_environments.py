import copy
import pickle

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


@pytest.mark.parametrize("seed", [[5, 6, 7], [5, None, 7], (1, 2, 3), 4])
def test_each_canvas_has_its_seed_as_in_a_vector_of_single_environments(seed):
    modes = ("vector_entry_point", "sync")
    many, single = (gymnasium.make_vec(NAME, num_envs=3, vectorization_mode=mode, steps=2) for mode in modes)
    given = list(seed) if isinstance(seed, tuple) else seed
    one, other = many.reset(seed=seed)[0], single.reset(seed=given)[0]
    seeded = [row for row in range(3) if not isinstance(seed, list) or seed[row] is not None]
    assert np.array_equal(one["target"][seeded], other["target"][seeded])
    many.action_space.seed(0)
    for _ in range(5):
        actions = many.action_space.sample()
        one, other = many.step(actions)[0], single.step(actions)[0]
        for name in one:
            assert np.array_equal(one[name][seeded], other[name][seeded]), name


def test_another_seed_of_one_canvas_changes_that_one_alone():
    env = gymnasium.make_vec(NAME, num_envs=3, vectorization_mode="vector_entry_point")
    one, other = (env.reset(seed=seeds)[0]["target"] for seeds in ([5, 6, 7], [5, 99, 7]))
    assert [np.array_equal(*pair) for pair in zip(one, other, strict=True)] == [True, False, True]
    with pytest.raises(InputError, match="a list of 3"):
        env.reset(seed=[1, 2])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
@pytest.mark.parametrize("engine", [name for name in ("vector", "mypaint", "scene") if missing(name) is None])
def test_a_copy_goes_on_exactly_as_the_environment(engine, copied):
    data = None if engine == "scene" else "mnist-sample"
    settings = {"brush": "classic/dry_brush", "ground": (0.0,) * 3, "ink": (1.0,) * 3} if engine == "mypaint" else None
    env = gymnasium.make(NAME, engine=engine, data=data, settings=settings, steps=4, size=32)
    for count in (None, 0, 3):
        if count is not None:
            env.reset(seed=1)
            env.action_space.seed(1)
            for _ in range(count):
                env.step(env.action_space.sample())
        other = copied(env)
        if count is None:
            continue
        assert np.array_equal(other.unwrapped.render(), env.unwrapped.render())
        for _ in range(4 - count):
            action = env.action_space.sample()
            (one, *rest), (seen, *others) = env.step(action), other.step(action)
            assert all(np.array_equal(one[name], seen[name]) for name in one) and rest[:3] == others[:3]
        (one, _), (seen, _) = env.reset(), other.reset()
        assert all(np.array_equal(one[name], seen[name]) for name in one), "random numbers go on, too"


def test_copies_of_canvases_that_began_at_different_times():
    env = gymnasium.make_vec(NAME, num_envs=3, vectorization_mode="vector_entry_point", steps=4)
    env.reset(seed=2)
    env.action_space.seed(2)
    env.step(env.action_space.sample())
    env.reset(options={"reset_mask": np.array([False, True, False])})
    env.step(env.action_space.sample())
    other = copy.deepcopy(env)
    for _ in range(6):
        action = env.action_space.sample()
        one, seen = env.step(action)[0], other.step(action)[0]
        assert all(np.array_equal(one[name], seen[name]) for name in one)
