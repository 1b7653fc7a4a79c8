"""Every engine of brush strokes follows the protocol; the same tests run on all that work here."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiral.engines import Engine, make, missing, observe
from spiral.engines.base import stroke_engines
from spiral.errors import InputError

HERE = [name for name in stroke_engines() if missing(name) is None]
SMALL = {"size": 32, "grid": 16, "radii": (1.0, 3.0), "radii_at": 32}


def painted(name: str, commands: np.ndarray, threads: int = 1, **more) -> np.ndarray:
    """The canvases after commands [T, B, K]."""
    engine = make(name, commands.shape[1], {**SMALL, **more}, threads)
    engine.reset(np.arange(commands.shape[1]))
    for command in commands:
        engine.step(command)
    return engine.canvases().copy()


def some_commands(name: str, seed: int, steps: int = 4, batch: int = 5, **more) -> np.ndarray:
    return make(name, 1, {**SMALL, **more}).specification.random(np.random.default_rng(seed), (steps, batch))


@pytest.mark.parametrize("name", HERE)
class TestEveryEngine:
    def test_is_an_engine(self, name):
        engine = make(name, 3, SMALL)
        assert isinstance(engine, Engine)
        assert engine.canvases().shape == (3, *engine.shape) == (3, 32, 32, 1)
        assert engine.canvases().dtype == np.uint8
        assert make(name, 3, engine.settings).settings == engine.settings

    @given(seed=st.integers(0, 50))
    @settings(max_examples=8, deadline=None)
    def test_the_same_commands_give_the_same_picture_on_any_number_of_threads(self, name, seed):
        commands = some_commands(name, seed)
        one = painted(name, commands, threads=1)
        assert np.array_equal(one, painted(name, commands, threads=3))
        assert np.array_equal(one, painted(name, commands, threads=1))

    def test_canvases_are_independent(self, name):
        commands = some_commands(name, 1)
        alone = painted(name, commands[:, :1])
        assert np.array_equal(painted(name, commands)[:1], alone)

    def test_only_chosen_canvases_are_touched(self, name):
        engine = make(name, 3, SMALL)
        command = np.tile([1, 200, 120, 1, 9], (3, 1))
        blank = engine.canvases().copy()
        engine.step(command, np.array([True, False, True]))
        changed = (engine.canvases() != blank).any(axis=(1, 2, 3))
        assert changed.tolist() == [True, False, True]
        engine.reset(np.zeros(3, np.int64), np.array([True, False, False]))
        changed = (engine.canvases() != blank).any(axis=(1, 2, 3))
        assert changed.tolist() == [False, False, True]

    @pytest.mark.parametrize("wrong", [[0, 1, 1], [1.0, 0.0, 1.0], [True, False], [[True, False, True]]])
    def test_a_choice_of_canvases_that_is_not_bool_or_does_not_fit_is_refused(self, name, wrong):
        engine = make(name, 3, SMALL)
        blank = engine.canvases().copy()
        for call in (
            lambda which: engine.reset(np.zeros(3, np.int64), which),
            lambda which: engine.load(np.zeros_like(blank), np.zeros((3, 2)), which),
            lambda which: engine.step(np.tile([1, 200, 120, 1, 9], (3, 1)), which),
        ):
            with pytest.raises(InputError, match=r"which must be bool \[3\]"):
                call(np.array(wrong))
        assert np.array_equal(engine.canvases(), blank)

    def test_nothing_of_an_episode_is_left_after_a_reset(self, name):
        commands = some_commands(name, 2)
        engine = make(name, 5, SMALL)
        for command in some_commands(name, 3):
            engine.step(command)
        engine.reset(np.arange(5))
        for command in commands:
            engine.step(command)
        assert np.array_equal(engine.canvases(), painted(name, commands))

    def test_a_jump_leaves_no_mark_and_moves_the_pen(self, name):
        jump, line = [0, 8 * 16 + 8, 0, 0, 9], [1, 8 * 16 + 12, 8 * 16 + 10, 0, 9]
        jumped = painted(name, np.array([[jump]]))
        assert np.array_equal(jumped, np.full_like(jumped, 255))
        drawn = painted(name, np.array([[jump], [line]]))[0, ..., 0] < 200
        rows, columns = np.nonzero(drawn)
        assert rows.min() >= 12 and rows.max() <= 20  # on row 16 of 32, not from the corner; the brush jitters
        assert columns.min() >= 13 and columns.max() <= 27

    @pytest.mark.parametrize("channels", [1, 3])
    def test_a_loaded_picture_is_painted_on_as_after_a_jump(self, name, channels):
        changed = {**SMALL, "channels": channels, "brush": "classic/pen"}
        first, second = make(name, 3, changed), make(name, 3, changed)
        for command in some_commands(name, 4, batch=3):
            first.step(command)
        jump = np.array([[0, 8 * 16 + 4, 0, 0, 0]] * 3)
        stroke = np.array([[1, 3 * 16 + 12, 12 * 16 + 9, 1, 9]] * 3)
        first.step(jump)
        second.load(first.canvases().copy(), np.array([[8.0, 16.0]] * 3), np.array([True, True, False]))
        assert np.array_equal(second.canvases()[:2], first.canvases()[:2])
        assert (second.canvases()[2] == 255).all()
        first.step(stroke)
        second.step(stroke)
        assert np.abs(first.canvases()[:2].astype(int) - second.canvases()[:2]).max() <= 2
        assert (second.canvases()[:2] != 255).any()

    def test_pictures_that_do_not_fit_are_not_loaded(self, name):
        engine = make(name, 2, SMALL)
        blank, pens = engine.canvases().copy(), np.zeros((2, 2))
        black = np.zeros_like(blank)
        for pictures, places in (
            (black[:1], pens), (black.astype(float), pens), (black[..., 0], pens),
            (black, pens[:1]), (black, pens - 1), (black, pens + 33), (black, pens * np.nan),
        ):  # fmt: skip
            with pytest.raises(InputError, match="must be"):
                engine.load(pictures, places)
        assert np.array_equal(engine.canvases(), blank)

    def test_the_pen_starts_in_the_corner(self, name):
        drawn = painted(name, np.array([[[1, 0 * 16 + 8, 0 * 16 + 4, 0, 9]]]))[0, ..., 0] < 128
        rows, columns = np.nonzero(drawn)
        assert rows.max() <= 5 and columns.min() <= 2 and 12 <= columns.max() <= 20

    def test_white_on_black_is_black_on_white_turned_over(self, name):
        commands = some_commands(name, 4)
        black = painted(name, commands).astype(int)
        white = painted(name, commands, ground=(0.0,) * 3, ink=(1.0,) * 3).astype(int)
        assert np.abs(black + white - 255).max() <= 2

    def test_grey_equals_every_channel_of_colour(self, name):
        commands = some_commands(name, 5)
        assert np.array_equal(painted(name, commands, channels=3), painted(name, commands).repeat(3, axis=3))

    def test_colours_come_out_as_asked(self, name):
        more = {
            "choices": ("end", "red", "green", "blue"),
            "channels": 3,
            "levels": 3,
            "radii": (6.0,),
            "brush": "classic/pen",
        }
        middle = painted(name, np.array([[[255, 2, 1, 0]]]), **more)[0, 16, 16]
        assert np.abs(middle.astype(int) - [255, 127, 0]).max() <= 3

    def test_a_larger_brush_leaves_more_ink(self, name):
        thin, thick = (painted(name, np.array([[[1, 200, 100, size, 9]]])) for size in (0, 1))
        assert (255 - thick.astype(int)).sum() > 1.5 * (255 - thin.astype(int)).sum()

    @pytest.mark.parametrize("command", [[2, 0, 0, 0, 0], [0, 256, 0, 0, 0], [0, 0, -1, 0, 0], [0, 0, 0, 2, 0]])
    def test_an_index_out_of_range_is_refused_and_touches_nothing(self, name, command):
        engine = make(name, 2, SMALL)
        before = engine.canvases().copy()
        with pytest.raises(InputError, match="option"):
            engine.step(np.array([[1, 200, 100, 1, 9], command]))
        assert np.array_equal(engine.canvases(), before)

    @given(shape=st.lists(st.integers(0, 6), max_size=3), kind=st.sampled_from([np.int64, np.int8, np.float32, bool]))
    @settings(max_examples=30, deadline=None)
    def test_arrays_of_any_shape_and_type_are_refused_or_executed(self, name, shape, kind):
        engine = make(name, 2, SMALL)
        fits = shape == [2, 5] and kind in (np.int64, np.int8)
        try:
            engine.step(np.zeros(shape, kind))
        except InputError:
            assert not fits
        else:
            assert fits


def test_unknown_engines_and_empty_batches_are_refused():
    with pytest.raises(InputError, match="unknown engine"):
        make("crayon", 1)
    with pytest.raises(InputError, match="batch"):
        make("vector", 0)


@given(st.integers(0, 1000))
def test_observing_is_the_mean_over_blocks(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    expected = np.floor(pixels.reshape(2, 4, 2, 4, 2, 3).mean(axis=(2, 4)) + 0.5)
    assert np.array_equal(observe(pixels, 4), expected)
    assert np.array_equal(observe(pixels, 8), pixels)


def test_observing_needs_a_whole_factor():
    with pytest.raises(InputError, match="multiple"):
        observe(np.zeros((1, 64, 64, 1), np.uint8), 48)
