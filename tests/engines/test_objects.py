"""Effects of commands on a scene, without rendering."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiral.engines.objects import ADD, CHANGE, FLOOR, SKIP, Objects, SceneSettings, geoms, objects_after
from spiral.errors import InputError

SETTINGS = SceneSettings(objects=3)


def test_a_command_has_as_many_settings_as_in_the_paper():
    assert np.prod(SETTINGS.specification().sizes) == 4 * 16**2 * 3 * 4**3 * 3


@given(st.integers(0, 1000), st.integers(1, 12))
def test_objects_are_added_changed_or_left(seed, steps):
    commands = SETTINGS.specification().random(np.random.default_rng(seed), (steps, 2))
    expected: list[list[list[int]]] = [[], []]
    objects = Objects.none(SETTINGS, 2)
    for step in commands:
        before = [[list(one) for one in scene] for scene in expected]
        for scene, command in zip(expected, step.tolist(), strict=True):
            action, options = command[0], command[1:]
            if action == ADD and len(scene) < 3:
                scene.append(options)
            elif action == CHANGE and scene:
                scene[-1] = options
        changed = objects.execute(step, np.ones(2, bool))
        assert changed.tolist() == [old != new for old, new in zip(before, expected, strict=True)]
    for source in (objects, objects_after(SETTINGS, commands)):
        got = [source.options[index, : source.count[index]].tolist() for index in range(2)]
        assert got == expected


def test_only_the_chosen_scenes_are_changed():
    objects = Objects.none(SETTINGS, 2)
    command = np.array([ADD, 5, 1, 2, 3, 0, 1])
    assert objects.execute(np.stack([command, command]), np.array([False, True])).tolist() == [False, True]
    assert objects.count.tolist() == [0, 1]
    assert objects.execute(np.stack([command * 0 + SKIP] * 2), np.ones(2, bool)).tolist() == [False, False]


@given(st.integers(0, 1000))
def test_objects_stand_on_the_floor_inside_the_grid(seed):
    options = SETTINGS.specification().random(np.random.default_rng(seed), (50,))[:, 1:]
    stand = geoms(SETTINGS, options)
    assert (np.abs(stand.centre[:, :2]) < np.array(FLOOR)).all()
    row, column = np.divmod(options[:, 0], 16)
    order = np.argsort(row, kind="stable")
    assert (np.diff(stand.centre[order, 1]) <= 0).all(), "the first row is the farthest"
    assert (np.diff(stand.centre[np.argsort(column, kind="stable"), 0]) >= 0).all()
    lowest = {0: stand.half[:, 0], 1: stand.half[:, 2], 2: stand.half[:, 1], 3: stand.half[:, 0] + stand.half[:, 1]}
    for kind, height in lowest.items():
        mine = options[:, 1] == kind
        assert stand.centre[mine, 2] == pytest.approx(height[mine])


@pytest.mark.parametrize(
    "wrong", [{"grid": 0}, {"sizes": ()}, {"channels": 1}, {"samples": 3}, {"objects": 1000}, {"x": 1}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(InputError, match="settings"):
        SceneSettings.parse(wrong)
