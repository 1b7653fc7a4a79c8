import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spiral.engines import make, missing, mypaint
from spiral.errors import InputError
from spiral.exports.brushes import brush_chart

works = pytest.mark.skipif(missing("mypaint") is not None, reason="libmypaint is not here")


@works
def test_the_seed_moves_the_bristles_of_a_random_brush_and_nothing_else():
    engine = make("mypaint", 3, {"brush": "classic/dry_brush", "radii": (4.0,)})
    command = np.tile([1, 800, 500, 0, 9], (3, 1))
    engine.reset(np.array([1, 1, 2]))
    engine.step(command)
    first, same, other = engine.canvases().astype(int)
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert np.abs(first - other).mean() < 0.5 * (255 - first).mean()


@works
def test_pressure_goes_from_the_last_strokes_to_this_ones():
    settings = {"brush": "classic/pen", "radii": (3.0,), "size": 64, "grid": 32}
    engine = make("mypaint", 1, settings)
    row = 16 * 32
    for command in ([0, row, 0, 0, 0], [1, row + 10, row + 5, 0, 1], [1, row + 30, row + 20, 0, 9]):
        engine.step(np.array([command]))
    ink = (255 - engine.canvases()[0, ..., 0].astype(int)).sum(axis=0)
    assert ink[50:58].mean() > 1.2 * ink[22:30].mean()


@works
def test_many_brushes_can_be_read_and_painted_with():
    names = mypaint.brush_names()
    assert {"classic/dry_brush", "classic/pen"} <= set(names)
    for name in names[::10]:
        engine = make("mypaint", 1, {"brush": name, "size": 32})
        engine.step(np.array([[1, 500, 300, 0, 9]]))


@works
@pytest.mark.parametrize("style", mypaint.STYLES)
def test_styles_stand_for_brushes_that_paint(style):
    engine = make("mypaint", 1, {"brush": style, "size": 64})
    before = engine.canvases().copy()
    engine.step(np.array([[1, 1000, 300, 2, 9]]))
    assert (engine.canvases() != before).mean() > 0.01


@works
@pytest.mark.parametrize("name", ["classic/none", "../../../../etc/passwd", "/etc/passwd", "x.myb"])
def test_a_brush_that_is_not_there_is_refused(name):
    with pytest.raises(InputError):
        make("mypaint", 1, {"brush": name})


@works
@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version": 2}', '{"version": 3, "settings": 5}'])
def test_a_broken_brush_is_refused(tmp_path, text):
    path = tmp_path / "broken.myb"
    path.write_text(text)
    with pytest.raises(InputError, match="brush"):
        make("mypaint", 1, {"brush": str(path)})


@works
@pytest.mark.parametrize(
    "points",
    [
        "[[0, 0]]",
        "[[1, 0], [0, 0]]",
        "[[0, 0], [1]]",
        "[[0, 0], [1, NaN]]",
        "[[0, 0], [1, 1e999]]",
        '[[0, 0], [1, "1"]]',
        "5",
        "{}",
        str([[x, x] for x in range(65)]),
    ],
)
def test_curves_that_would_end_the_process_are_refused_by_name(tmp_path, points):
    setting = f'{{"base_value": 1.0, "inputs": {{"pressure": {points}}}}}'
    (tmp_path / "curve.myb").write_text(f'{{"version": 3, "settings": {{"opaque": {setting}}}}}')
    with pytest.raises(InputError, match=r"curve\.myb: the curve of 'opaque' over 'pressure' must have"):
        mypaint.read_brush(str(tmp_path / "curve.myb"))


@works
@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("elliptical_dab_ratio", {"base_value": 1e6}),
        ("dabs_per_actual_radius", {"inputs": {"pressure": [[0, 0], [1, 5000]]}}),
        ("dabs_per_basic_radius", {"inputs": {"direction": [[0, 0], [1, 100]]}}),  # 18,000 at 180 degrees
        ("tracking_noise", {"base_value": 1e5}),
        ("pressure_gain_log", {"base_value": 80.0}),
    ],
)
def test_brushes_that_would_paint_without_end_are_refused(tmp_path, name, setting):
    """They have more dabs than a computer paints in an hour."""
    radius = {"base_value": 2.0, "inputs": {}}
    settings = {"dabs_per_actual_radius": radius, name: setting}
    (tmp_path / "slow.myb").write_text(json.dumps({"version": 3, "settings": settings}))
    with pytest.raises(InputError, match=name):
        mypaint.read_brush(str(tmp_path / "slow.myb"))


def brush(folder: Path, **settings: object) -> str:
    """The path of a brush with these base values, or base values and curves."""
    full = {name: value if isinstance(value, dict) else {"base_value": value} for name, value in settings.items()}
    text = {name: {"base_value": 0.0, "inputs": {}, **value} for name, value in full.items()}
    (folder / "own.myb").write_text(json.dumps({"version": 3, "settings": text}))
    return str(folder / "own.myb")


IN_LITTLE_MEMORY = """
import resource, sys
import numpy as np
from spiral.engines import make
limit = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + 2**28
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
engine = make("mypaint", 1, {"brush": sys.argv[1], "size": 32, "radii": (float(sys.argv[2]),), "radii_at": 32}, 1)
for command in engine.specification.random(np.random.default_rng(0), (20, 1)):
    engine.step(command)
print((engine.canvases() < 255).sum())
"""


@works
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's account of memory")
@pytest.mark.parametrize(
    ("settings", "paints"),
    [
        ({"offset_by_random": 1e5}, False),
        ({"offset_by_speed": 1e6}, False),
        ({"hardness": 1.0, "anti_aliasing": 1e-9}, True),
        ("Dieterle/Posterizer", True),
    ],
    ids=["offsets at random", "offsets by speed", "an infinite radius", "an infinite radius in a brush of MyPaint"],
)
def test_no_brush_takes_all_memory(tmp_path, settings, paints):
    """libmypaint's map of tiles reaches as far as the farthest dab."""
    name = settings
    if not isinstance(settings, str):
        name = brush(tmp_path, opaque=1.0, dabs_per_actual_radius=2.0, **settings)
    elif name not in mypaint.brush_names():
        pytest.skip("this brush is not here")
    done = subprocess.run([sys.executable, "-c", IN_LITTLE_MEMORY, name, "1.0"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not paints or int(done.stdout) > 20


@works
def test_a_stroke_of_too_many_dabs_is_an_error_that_names_the_brush(tmp_path):
    tiny = {"inputs": {"pressure": [[0, -20], [1, -20]]}}
    path = brush(tmp_path, opaque=1.0, hardness=0.8, dabs_per_actual_radius=990.0, radius_logarithmic=tiny)
    engine = make("mypaint", 2, {"brush": path, "size": 512}, 2)
    with pytest.raises(InputError, match=r"own\.myb.*too many dabs; lower its dabs_per_actual_radius"):
        engine.step(np.array([[1, 1023, 500, 0, 9], [0, 500, 300, 0, 9]]))
    engine.reset(np.zeros(2, np.int64))
    engine.step(np.array([[0, 500, 300, 0, 9]] * 2))
    assert (engine.canvases() == 255).all(), "it can be used again"


def test_every_brush_of_mypaint_passes_the_checks():
    for name in mypaint.brush_names():
        mypaint.read_brush(name)


@pytest.mark.parametrize("setting", ["1", '{"base_value": "1"}', '{"base_value": NaN}', '{"inputs": []}'])
def test_settings_of_a_brush_are_numbers(tmp_path, setting):
    (tmp_path / "s.myb").write_text(f'{{"version": 3, "settings": {{"opaque": {setting}}}}}')
    with pytest.raises(InputError, match=r"s\.myb: the setting 'opaque'"):
        make("mypaint", 1, {"brush": str(tmp_path / "s.myb")})


@works
def test_a_brush_of_an_editor_that_marks_utf_8_paints(tmp_path):
    text = mypaint.read_brush("classic/pen")
    (tmp_path / "marked.myb").write_text(text, encoding="utf-8-sig")
    assert mypaint.read_brush(str(tmp_path / "marked.myb")) == text


@works
def test_what_is_wrong_with_a_brushs_name_is_told(tmp_path, monkeypatch):
    (tmp_path / "pack.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"pack\.zip is no brush of MyPaint, .* unpack it"):
        mypaint.read_brush(str(tmp_path / "pack.zip"))
    monkeypatch.setenv("SPIRAL_BRUSHES", f"{tmp_path}:/tmp")
    with pytest.raises(InputError, match=rf"no brush 'mine' in .*SPIRAL_BRUSHES={tmp_path}:/tmp names no folder"):
        mypaint.read_brush("mine")


@works
def test_an_old_brush_is_called_old(tmp_path):
    (tmp_path / "old.myb").write_text("# mypaint brush file\nversion 2\nopaque 0.81\n")
    with pytest.raises(InputError, match=r"version 2, which is too old; open it in MyPaint"):
        make("mypaint", 1, {"brush": str(tmp_path / "old.myb")})


@works
def test_one_broken_brush_does_not_spoil_the_chart(tmp_path, monkeypatch):
    folder = next(path for path in mypaint.brush_folders() if (path / "classic" / "pen.myb").is_file())
    (tmp_path / "good.myb").write_text((folder / "classic" / "pen.myb").read_text())
    points = '{"base_value": 1.0, "inputs": {"pressure": [[0, 0]]}}'
    (tmp_path / "bad.myb").write_text(f'{{"version": 3, "settings": {{"opaque": {points}}}}}')
    monkeypatch.setenv("SPIRAL_BRUSHES", str(tmp_path))
    chart, broken = brush_chart(["good", "bad"])
    assert chart.shape[1] > 0 and broken == ["bad"]


@works
def test_the_native_layer_checks_what_it_is_handed():
    native = mypaint._mypaint.Canvases(2, 32, 1, mypaint.read_brush("classic/pen"), [0.0, 0.0, 0.0])
    ones, out = np.ones(2, np.uint8), np.zeros((2, 32, 32, 1), np.uint8)
    points, values, colours = np.zeros((2, 2), np.float32), np.ones(2, np.float32), np.ones((2, 3), np.float32)
    good = [ones, ones, points, False, points, values, values, colours, out, 1]
    good[4] = np.full((2, 2), 20, np.float32)
    native.stroke(*good)
    assert out.any()
    for place, wrong in (
        (0, np.ones(3, np.uint8)),
        (2, np.full((2, 2), np.nan, np.float32)),
        (4, np.full((2, 2), 1e9, np.float32)),
        (5, np.zeros(2, np.float32)),
        (6, np.full(2, 1.5, np.float32)),
        (7, np.ones((2, 2), np.float32)),
        (8, np.zeros((2, 31, 32, 1), np.uint8)),
    ):
        arguments = list(good)
        arguments[place] = wrong
        with pytest.raises((ValueError, TypeError)):
            native.stroke(*arguments)


@works
def test_stdout_stays_clean():
    code = (
        "import numpy as np; from spiral.engines import make\n"
        "e = make('mypaint', 64, {'brush': 'classic/pen', 'size': 32}); r = np.random.default_rng(0)\n"
        "for i in range(100): e.step(e.specification.random(r, (64,)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""


def test_without_its_extension_the_error_names_the_package(monkeypatch):
    monkeypatch.setattr(mypaint, "_mypaint", None)
    with pytest.raises(InputError, match="libmypaint-dev"):
        make("mypaint", 1)


def test_without_brushes_the_error_names_the_package(monkeypatch):
    if mypaint._mypaint is None:
        pytest.skip("the extension is not here")
    monkeypatch.setattr(mypaint, "BRUSH_FOLDERS", ())
    monkeypatch.setattr(mypaint, "OWN_BRUSHES", Path("/nowhere"))
    monkeypatch.delenv("SPIRAL_BRUSHES", raising=False)
    with pytest.raises(InputError, match="mypaint-brushes"):
        make("mypaint", 1)


def test_brushes_are_looked_for_in_ones_own_folder_then_the_systems_then_the_packages(monkeypatch, tmp_path):
    folders = [tmp_path / name for name in ("chosen", "system", "package")]
    for place, folder in enumerate(folders):
        (folder / "test").mkdir(parents=True)
        for name in ("first", "second", "third")[place:]:
            (folder / "test" / f"{name}.myb").write_text(
                json.dumps({"version": 3, "settings": {}, "from": folder.name})
            )
    monkeypatch.setenv("SPIRAL_BRUSHES", str(folders[0]))
    monkeypatch.setattr(mypaint, "BRUSH_FOLDERS", ("/nowhere", str(folders[1])))
    monkeypatch.setattr(mypaint, "OWN_BRUSHES", folders[2])
    assert mypaint.brush_folders() == folders
    names = [f"test/{name}" for name in ("first", "second", "third")]
    # SPIRAL_BRUSHES has all three, the system's the last two, the package's the last.
    assert [json.loads(mypaint.read_brush.__wrapped__(name))["from"] for name in names] == ["chosen"] * 3
    monkeypatch.delenv("SPIRAL_BRUSHES")
    assert mypaint.brush_names() == names[1:]
    assert [json.loads(mypaint.read_brush.__wrapped__(name))["from"] for name in names[1:]] == ["system"] * 2
    monkeypatch.setattr(mypaint, "BRUSH_FOLDERS", ())
    assert mypaint.brush_names() == names[2:]
    assert json.loads(mypaint.read_brush.__wrapped__(names[2]))["from"] == "package"
    if mypaint._mypaint is not None:
        assert mypaint.missing() is None


@works
@pytest.mark.parametrize("threads", [1, 2, 3, 64])
def test_any_number_of_threads_paints_the_same(threads):
    generator = np.random.default_rng(0)
    pictures = []
    for count in (1, threads):
        engine = make("mypaint", 5, {"radii": (1.0, 6.0)}, count)
        engine.reset(np.arange(5))
        for command in engine.specification.random(np.random.default_rng(1), (6, 5)):
            engine.step(command, generator.permuted([True, True, True, True, True]))
        pictures.append(engine.canvases().copy())
    assert np.array_equal(*pictures)


@works
def test_a_forked_process_paints_on():
    code = """
import os, numpy as np
from spiral.engines import make
engine = make("mypaint", 8, {"brush": "classic/pen"}, 2)
commands = engine.specification.random(np.random.default_rng(0), (2, 8))
engine.step(commands[0])
child = os.fork()
engine.step(commands[1])
ink = int((engine.canvases() < 255).sum())
if child == 0:
    os._exit(0 if ink else 1)
assert os.waitpid(child, 0)[1] == 0 and ink
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@works
def test_what_an_eraser_takes_away_shows_the_ground():
    settings = {"size": 64, "channels": 3, "ground": (0.8, 0.4, 0.2), "brush": "deevad/large_hard_eraser"}
    engine = make("mypaint", 1, settings)
    before = engine.canvases().copy()
    engine.step(np.array([[1, 600, 300, 3, 9]]))
    assert np.abs(engine.canvases().astype(int) - before).max() <= 1, "paper from which paper is erased is paper"


@works
def test_brushes_that_are_newer_than_libmypaint_make_no_noise():
    code = (
        "from spiral.engines import make, mypaint\n"
        "for name in mypaint.brush_names(): make('mypaint', 1, {'brush': name, 'size': 16})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""
