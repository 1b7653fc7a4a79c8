"""Programs in words."""

import numpy as np

from spiral.engines.objects import SceneSettings
from spiral.engines.strokes import StrokeSettings
from spiral.exports.descriptions import describe
from spiral.program import Program
from spiral.specification import Category, Specification


def test_strokes_say_where_how_wide_and_in_which_colour():
    choices = ("flag", "end", "control", "size", "pressure", "red", "green", "blue")
    settings = StrokeSettings(
        size=64, grid=8, radii=(1.0, 4.0), radii_at=64, pressures=4, choices=choices, channels=3, levels=2
    )
    rows = np.array([[0, 9, 0, 0, 0, 0, 0, 0], [1, 18, 9, 1, 1, 1, 0, 0]])
    program = Program.from_array(settings.specification(), rows, "vector", settings.to_json())
    assert describe(program) == ["move to (8, 8)", "paint from (8, 8) to (16, 16), 8 wide, pressure 50%, #ff0000"]


def test_strokes_with_starts_begin_there():
    settings = StrokeSettings(size=64, grid=8, radii=(1.0,), choices=("flag", "start", "end"))
    rows = np.array([[0, 9, 18], [1, 9, 18]])
    lines = describe(Program.from_array(settings.specification(), rows, "vector", settings.to_json()))
    assert lines == ["do nothing", "paint from (8, 8) to (16, 16), 2 wide, pressure 100%"]


def test_points_of_compound_strokes_are_led_through():
    settings = StrokeSettings(size=64, grid=8, radii=(1.0,), radii_at=64, choices=("flag", "end"), spline=True)
    rows = np.array([[2, 9], [2, 18], [1, 27]])
    lines = describe(Program.from_array(settings.specification(), rows, "vector", settings.to_json()))
    assert lines[:2] == ["lead through (8, 8)", "lead through (16, 16)"]
    assert lines[2].startswith("paint from (0, 0) to (24, 24)")


def test_objects_say_what_and_where():
    settings = SceneSettings()
    rows = np.array([[0, 17, 1, 2, 3, 0, 0], [2, 17, 0, 0, 0, 3, 0], [1, 0, 0, 0, 0, 0, 0]])
    program = Program.from_array(settings.specification(), rows, "scene", settings.to_json())
    assert describe(program) == [
        "add a box of 1.3 m, #ff0000, at cell (1, 1)",
        "make the last a sphere of 0.6 m, #00ff00, at cell (1, 1)",
        "do nothing",
    ]


def test_other_commands_are_their_options():
    program = Program(Specification((Category("a", 3), Category("b", 2))), ((2, 1),), "vector", {})
    assert describe(program) == ["a 2  b 1"]
