"""The look of the vector engine's strokes; tests of the protocol are in test_base.py."""

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from spiral.engines import make, observe

GRID = 128  # on a canvas of 32 pixels a cell is a quarter of a pixel
WHITE_ON_BLACK = {"size": 32, "radii_at": 32, "grid": GRID, "ground": (0.0,) * 3, "ink": (1.0,) * 3}


def cell(place) -> int:
    """Option of the location (x, y) in pixels of 32."""
    column, row = (round(value * GRID / 32) for value in place)
    return row * GRID + column


def stroke(start, control, end, radius: float, **more) -> np.ndarray:
    """One stroke of full pressure, places in pixels of 32: float [H, W], 0 to 1."""
    names = {"choices": ("flag", "end", "control"), "radii": (radius,)}
    engine = make("vector", 1, {**WHITE_ON_BLACK, **names, **more})
    engine.step(np.array([[0, cell(start), 0]]))
    engine.step(np.array([[1, cell(end), cell(control)]]))
    return engine.canvases()[0, ..., 0] / 255


def coverage(start, control, end, radius: float, samples: int = 4, chords: int = 64) -> np.ndarray:
    """Share of each pixel's samples that lie within `radius` of the curve: float [32, 32], 0 to 1."""
    start, control, end = (np.array(place, float) for place in (start, control, end))
    t = np.linspace(0, 1, chords + 1)[:, None]
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end
    first, along = curve[:-1], np.diff(curve, axis=0)
    ticks = (np.arange(32 * samples) + 0.5) / samples
    x, y = ticks[None, :, None] - first[:, 0], ticks[:, None, None] - first[:, 1]
    part = np.clip((x * along[:, 0] + y * along[:, 1]) / np.maximum((along**2).sum(1), 1e-12), 0, 1)
    squared = ((x - part * along[:, 0]) ** 2 + (y - part * along[:, 1]) ** 2).min(axis=2)
    return (squared <= max(radius, 0.0) ** 2).reshape(32, samples, 32, samples).mean(axis=(1, 3))


places = st.tuples(st.integers(0, 31), st.integers(0, 31))


@given(places, places, places, st.sampled_from([1.0, 1.6, 4.0]))
@example((6, 18), (24, 1), (0, 0), 4.0)
@settings(max_examples=40, deadline=None)
def test_a_stroke_covers_what_lies_within_its_radius_of_the_curve(start, control, end, radius):
    out, back = np.subtract(control, start), np.subtract(end, control)
    # Sharp hairpins are left out: Agg flattens them coarsely and cuts up to about a pixel off the tip.
    assume(out @ back > -0.7 * np.linalg.norm(out) * np.linalg.norm(back) or not out.any() or not back.any())
    ours, expected = stroke(start, control, end, radius), coverage(start, control, end, radius)
    # Off by less than a pixel everywhere, and by little on the whole.
    assert (ours >= coverage(start, control, end, radius - 1.0) - 0.02).all()
    assert (ours <= coverage(start, control, end, radius + 1.0) + 0.02).all()
    assert np.abs(ours - expected).sum() < 0.12 * expected.sum() + 1.0


@pytest.mark.parametrize("radius", [1.0, 2.5, 6.0])
def test_a_stroke_without_length_is_a_dot(radius):
    dot = stroke((16, 16), (16, 16), (16, 16), radius)
    assert dot.sum() == pytest.approx(np.pi * radius**2, rel=0.15)
    # round: the same turned and mirrored, but for the last bits and the dot's thousandth of a pixel
    assert np.abs(dot - dot.T).max() < 0.05
    assert np.abs(dot - dot[::-1, ::-1]).max() < 0.05


def test_ends_are_round_and_reach_one_radius_beyond_the_end():
    line = stroke((10, 16), (14, 16), (18, 16), 4.0)
    columns = np.flatnonzero(line[15:17].max(axis=0) > 0.5)
    assert (columns.min(), columns.max()) == (6, 21)  # 10 - 4 and 18 + 4, as pixels
    assert line[12, 21] == 0.0  # a square end would fill this corner


@given(st.integers(0, 3), st.sampled_from([1.0, 1.5, 2.25]))
@settings(deadline=None)
def test_places_and_widths_are_finer_than_a_pixel(quarter, radius):
    height = 16 + quarter / 4
    column = stroke((6, height), (16, height), (26, height), radius)[:, 16]
    assert (column * (np.arange(32) + 0.5)).sum() / column.sum() == pytest.approx(height, abs=0.05)
    assert column.sum() == pytest.approx(2 * radius, rel=0.06)


def test_pressure_is_opacity():
    values = {**WHITE_ON_BLACK, "choices": ("end", "pressure"), "radii": (8.0,), "pressures": 4}
    for level in range(4):
        engine = make("vector", 1, values)
        engine.step(np.array([[cell((31, 31)), level]]))
        assert engine.canvases()[0, 16, 16, 0] == pytest.approx(255 * (level + 1) / 4, abs=2)


def test_a_translucent_colour_mixes_with_what_is_below():
    values = {"size": 32, "grid": 32, "radii_at": 32, "radii": (8.0,), "channels": 3, "levels": 2, "pressures": 2}
    engine = make("vector", 1, {**values, "choices": ("end", "pressure", "red", "green", "blue")})
    engine.step(np.array([[31 * 32 + 31, 1, 0, 0, 1]]))
    engine.step(np.array([[0, 0, 1, 0, 0]]))
    assert np.abs(engine.canvases()[0, 16, 16].astype(int) - [128, 0, 128]).max() <= 2


@given(st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_a_large_picture_shows_the_same_strokes(seed):
    pictures = []
    for size in (64, 1024):
        engine = make("vector", 1, {"size": size})
        for command in engine.specification.random(np.random.default_rng(seed), (5, 1)):
            engine.step(command)
        pictures.append(observe(engine.canvases(), 64).astype(int))
    assert np.abs(pictures[0] - pictures[1]).mean() < 4


@pytest.mark.parametrize(
    "extreme",
    [{"size": 512, "radii_at": 8, "radii": (512.0,)}, {"size": 8, "radii_at": 4096, "radii": (0.05,), "grid": 256}],
)
def test_the_widest_and_the_thinnest_brush_are_painted_without_trouble(extreme):
    engine = make("vector", 1, {**extreme, "choices": ("end",)})
    engine.step(np.array([[engine.specification.sizes[0] - 1]]))
    assert (engine.canvases() == 0).all() if extreme["size"] == 512 else (engine.canvases() > 200).all()


def test_engines_beside_each_other_do_not_meet():
    def paint(engines: list, seed: int) -> list:
        for command in engines[0].specification.random(np.random.default_rng(seed), (4, 2)):
            for engine in engines:
                engine.step(command)
        return [engine.canvases().copy() for engine in engines]

    kinds = ({}, {"radii": (3.0,) * 6, "ink": (0.5,) * 3})
    together = paint([make("vector", 2, kind) for kind in kinds], 0)
    for picture, kind in zip(together, kinds, strict=True):
        assert np.array_equal(picture, paint([make("vector", 2, kind)], 0)[0])


def test_a_users_matplotlib_settings_change_nothing():
    plain = stroke((2, 3), (30, 8), (9, 28), 1.6)
    with mpl.rc_context({"path.sketch": (5.0, 20.0, 2.0), "path.snap": True, "lines.solid_capstyle": "butt"}):
        assert np.array_equal(stroke((2, 3), (30, 8), (9, 28), 1.6), plain)


def test_canvases_are_the_engines_own_memory():
    engine = make("vector", 2, {"size": 32})
    before = engine.canvases()
    engine.step(np.array([[1, 500, 300, 3, 9]] * 2))
    assert np.shares_memory(before, engine.canvases())
    assert before.min() < 128
