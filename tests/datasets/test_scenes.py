"""Random scenes with their programs."""

import json

import numpy as np
import pytest

from spiral.cli import main
from spiral.datasets import load
from spiral.datasets.scenes import draw_scenes
from spiral.engines import make, missing
from spiral.engines.objects import ADD, SKIP, SceneSettings, geoms
from spiral.errors import InputError

pytestmark = pytest.mark.skipif(missing("scene") is not None, reason=f"scene: {missing('scene')}")


def test_programs_build_the_pictures():
    images, programs = draw_scenes(40, seed=3, size=32)
    assert images.shape == (40, 32, 32, 3)
    engine = make("scene", 40, {"size": 32})
    for commands in programs.swapaxes(0, 1):
        engine.step(commands)
    assert np.array_equal(engine.canvases(), images)
    placed = (programs[:, :, 0] == ADD).sum(1)
    assert set(placed.tolist()) == {1, 2, 3, 4, 5}
    assert set(np.unique(programs[:, :, 0])) == {ADD, SKIP}
    settings = SceneSettings(size=32)
    for program, count in zip(programs, placed, strict=True):
        stand = geoms(settings, program[:count, 1:])
        apart = np.linalg.norm(stand.centre[:, None, :2] - stand.centre[None, :, :2], axis=-1)
        touching = stand.centre[:, None, 2] + stand.centre[None, :, 2]
        assert (apart >= touching)[~np.eye(count, dtype=bool)].all(), "no object stands inside another"


def test_the_same_seed_draws_the_same_and_splits_differ():
    few, more = draw_scenes(5, 0, 32), draw_scenes(8, 0, 32)
    assert np.array_equal(few[0], more[0][:5])
    assert np.array_equal(few[1], more[1][:5])
    train, test = load("scenes:20", 32, 3, "train"), load("scenes:20", 32, 3, "test").evenly_spaced(20)
    assert len(train) == 20
    assert np.array_equal(train.images[:5], few[0])
    assert not {one.tobytes() for one in train.images} & {one.tobytes() for one in test.images}
    assert test.programs is not None
    assert len(test.programs) == 20
    for wrong in ("scenes:0", "scenes:many", "scenes:-3"):
        with pytest.raises(InputError, match="COUNT"):
            load(wrong, 32, 3)


def test_scenes_on_disk_keep_their_programs(tmp_path):
    out = tmp_path / "s" / "scenes.npz"
    assert main(["scenes", "--out", str(out), "--count", "12", "--size", "32", "--seed", "5"]) == 0
    images, programs = draw_scenes(12, 5, 32)
    data = load(out, 32, 3)
    assert np.array_equal(data.images, images)
    assert data.programs is not None
    assert np.array_equal(data.programs, programs)
    held_out = load(out, 32, 3, "test")
    assert held_out.programs is not None
    assert np.array_equal(held_out.programs, programs[9:10])
    beside = out.with_suffix(".json")
    record = json.loads(beside.read_text())
    for programs_, message in ((record["programs"][:3], "does not belong"), ([[[9] * 7]] * 12, "option 9")):
        beside.write_text(json.dumps(record | {"programs": programs_}))
        with pytest.raises(InputError, match=message):
            load(out, 32, 3)
    beside.write_text('{"somebody": "else"}')
    assert load(out, 32, 3).programs is None
    beside.write_text("{")
    with pytest.raises(InputError, match="does not hold scenes"):
        load(out, 32, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--out", "a.zip"], "must end with .npz"), (["--out", "a.npz", "--count", "0"], "--count")],
)
def test_wrong_options_are_refused(capsys, options, message):
    assert main(["scenes", *options]) == 2
    assert message in capsys.readouterr().err
