"""Accuracy of scenes, counted by hand."""

import numpy as np
import pytest

from spiral.engines.objects import ADD, SKIP, SceneSettings
from spiral.evaluation.objects import object_accuracy
from spiral.program import Program

SETTINGS = SceneSettings()


def program(*objects: tuple[int, ...]) -> Program:
    rows = np.array([[ADD, row * 16 + column, *rest] for row, column, *rest in objects] + [[SKIP] + [0] * 6])
    return Program.from_array(SETTINGS.specification(), rows, "scene", SETTINGS.to_json(), 0)


def truth(*programs: Program) -> np.ndarray:
    rows = np.zeros((len(programs), 4, 7), np.int64)
    rows[..., 0] = SKIP
    for index, one in enumerate(programs):
        rows[index, : len(one.array())] = one.array()
    return rows


def test_the_true_programs_are_right():
    one, two = program((3, 4, 0, 1, 3, 0, 0), (9, 9, 1, 2, 0, 3, 0)), program((1, 1, 2, 0, 1, 2, 3))
    figures = object_accuracy(SETTINGS, [one, two], truth(one, two))
    assert figures == {"recall": 1, "precision": 1, "cell": 1, "type": 1, "size": 1, "colour": 1, "colour_off": 0}


def test_misses_inventions_and_wrong_attributes_are_counted():
    wanted = program((3, 4, 0, 1, 3, 0, 0), (9, 9, 1, 2, 0, 3, 0), (14, 2, 3, 0, 0, 0, 0))
    found = program((4, 5, 0, 1, 3, 0, 1), (9, 9, 2, 2, 0, 3, 0), (14, 4, 3, 0, 0, 0, 0), (0, 15, 0, 0, 0, 0, 0))
    figures = object_accuracy(SETTINGS, [found], truth(wanted))
    assert figures["recall"] == pytest.approx(2 / 3), "two columns away is another object"
    assert figures["precision"] == pytest.approx(2 / 4)
    assert figures["cell"] == 0.5
    assert figures["type"] == 0.5
    assert figures["size"] == 1
    assert figures["colour"] == 0.5
    assert figures["colour_off"] == pytest.approx(1 / 3 / 3 / 2)


def test_one_object_is_matched_once_the_closest_first():
    wanted, found = program((5, 5, 0, 0, 0, 0, 0)), program((5, 6, 0, 0, 0, 0, 0), (5, 5, 1, 1, 1, 1, 1))
    figures = object_accuracy(SETTINGS, [found], truth(wanted))
    assert figures["recall"] == 1
    assert figures["precision"] == 0.5
    assert figures["cell"] == 1
    assert figures["type"] == 0


def test_an_empty_floor_matches_nothing():
    figures = object_accuracy(SETTINGS, [program()], truth(program((5, 5, 0, 0, 0, 0, 0))))
    assert figures["recall"] == figures["precision"] == 0
    assert figures["type"] is None
