"""Engines whose canvases are tensors: the same pictures as those of the engines on processors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spiral.engines import DeviceEngine, known, make, make_on_device, missing
from spiral.engines.coverage import cover
from spiral.engines.objects import SceneSettings
from spiral.engines.strokes import ALL_CHOICES, CHOICES, LOCATIONS, StrokeSettings

CPU = torch.device("cpu")
NEAR = 2
DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")],
    ),
]


def both(name, batch, canvas, device):
    there = make_on_device(name, batch, canvas, torch.device(device))
    assert isinstance(there, DeviceEngine)
    here = make(name, batch, canvas)
    here.reset(np.zeros(batch, np.int64))
    assert (there.shape, there.specification, there.settings) == (here.shape, here.specification, here.settings)
    return here, there


def furthest(here, there):
    return int(np.abs(here.canvases().astype(int) - there.canvases().cpu().numpy().astype(int)).max())


@pytest.mark.skipif(missing("scene") is not None, reason=f"scene: {missing('scene')}")
@pytest.mark.parametrize("device", DEVICES)
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), objects=st.integers(1, 6), steps=st.integers(1, 10))
def test_scenes_are_those_of_the_processor(device, seed, objects, steps):
    canvas = SceneSettings(size=32, grid=4, sizes=(0.9, 1.6), objects=objects).to_json()
    here, there = both("scene", 16, canvas, device)
    generator = np.random.default_rng(seed)
    for commands in here.specification.random(generator, (steps, 16)):
        here.step(commands)
        there.step(torch.from_numpy(commands).to(device))
        assert furthest(here, there) <= NEAR
    which = generator.random(16) < 0.5
    here.reset(np.zeros(16, np.int64), which)
    there.reset(torch.from_numpy(which).to(device))
    for commands in here.specification.random(generator, (2, 16)):
        here.step(commands)
        there.step(torch.from_numpy(commands).to(device))
    assert furthest(here, there) <= NEAR


@pytest.mark.skipif(missing("scene") is not None, reason=f"scene: {missing('scene')}")
def test_scenes_that_are_no_sprites_stay_on_the_processor():
    assert make_on_device("scene", 1, SceneSettings(shadows=True).to_json(), CPU) is None


STROKES = (
    StrokeSettings(size=64, grid=32, radii=(1.0, 1.6, 2.3, 3.0, 4.0), pressures=6, ground=(0.0,) * 3, ink=(1.0,) * 3),
    StrokeSettings(size=64, radii=(1.0, 8.0, 24.0)),
    StrokeSettings(size=32, grid=7, radii=(0.3, 2.0), choices=("flag", "end", "size", "pressure")),
    StrokeSettings(size=64, grid=16, choices=CHOICES, levels=20, channels=3, pressures=4),
    StrokeSettings(size=64, grid=16, choices=ALL_CHOICES, levels=20, channels=3, pressures=4),
    StrokeSettings(size=32, grid=16, choices=("start", "end")),
    StrokeSettings(size=16, grid=8, radii=(1.5,), radii_at=16, choices=("end",)),
)


@pytest.mark.parametrize("device", DEVICES)
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), which=st.sampled_from(STROKES), steps=st.integers(1, 4))
def test_strokes_are_those_of_the_processor(device, seed, which, steps):
    here, there = both("vector", 24, which.to_json(), device)
    generator = np.random.default_rng(seed)
    near = which.grid
    for commands in here.specification.random(generator, (steps, 24)):
        for name in LOCATIONS:
            if name in which.choices and generator.random() < 0.5:  # near the corner where pens begin, and dots
                commands[:, which.choices.index(name)] = generator.choice([0, 1, near, near + 1], 24)
        here.step(commands)
        there.step(torch.from_numpy(commands).to(device))
        assert furthest(here, there) <= NEAR
    some = generator.random(24) < 0.5
    here.reset(np.zeros(24, np.int64), some)
    there.reset(torch.from_numpy(some).to(device))
    assert furthest(here, there) <= NEAR


def test_compound_strokes_stay_on_the_processor():
    spline = StrokeSettings(spline=True, choices=("flag", "end", "size"))
    assert make_on_device("vector", 1, spline.to_json(), CPU) is None


def test_polygons_cover_their_area():
    square = torch.tensor([[[320, 384], [768, 384], [768, 1024], [320, 1024]]])
    shares = cover(square, 8, 64)[0] / 256
    assert shares.sum().item() == 1.75 * 2.5
    assert shares[1, 1].item() == 0.75 * 0.5
    assert shares[2, 2].item() == 1.0
    slanted = torch.tensor([[[-384, 77], [2022, 794], [563, 2406]]])  # beyond the canvas on three sides
    fine = cover(slanted * 16, 128, 2048)[0].double().view(8, 16, 8, 16).mean((1, 3))
    assert (cover(slanted, 8, 128)[0] - fine).abs().max() <= 2


def test_an_engine_without_a_device_offers_none():
    assert known()["mypaint"].on_device == ""
    assert make_on_device("mypaint", 1, {}, CPU) is None
