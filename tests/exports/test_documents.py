"""Programs as documents: every format shows the strokes where the engine painted them, in their order."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image, ImageDraw

from spiral.engines import make
from spiral.engines.strokes import CHOICES, StrokeSettings
from spiral.errors import InputError
from spiral.exports.documents import write_document
from spiral.exports.paths import curves
from spiral.exports.svg import to_plot, to_svg
from spiral.program import Program
from spiral.specification import Category, Specification

SVG = "{http://www.w3.org/2000/svg}"
SETTINGS = StrokeSettings(size=64, choices=CHOICES, channels=3, radii=(1.0, 3.0), pressures=2, levels=4)
SPLINE = StrokeSettings(size=64, choices=("flag", "end"), radii=(2.0,), spline=True)


def a_program(settings: StrokeSettings = SETTINGS, count: int = 8, engine: str = "vector") -> Program:
    commands = settings.specification().random(np.random.default_rng(3), (count,))
    return Program.from_array(settings.specification(), commands, engine, settings.to_json(), seed=1)


def drawn_by_pillow(svg: str, size: int) -> np.ndarray:
    """An independent rendering of the paths of an SVG without opacity: dots along each curve, four times as large."""
    root = ElementTree.fromstring(svg)
    scale = 4
    picture = Image.new("RGB", (size * scale, size * scale), root.find(f"{SVG}rect").get("fill"))
    draw = ImageDraw.Draw(picture)
    for path in root.iter(f"{SVG}path"):
        numbers = np.array(re.findall(r"-?[\d.]+(?:e-?\d+)?", path.get("d")), float).reshape(-1, 2) * scale
        radius = float(path.get("stroke-width")) / 2 * scale
        for start, control, end in zip(numbers[:-2:2], numbers[1::2], numbers[2::2], strict=True):
            for t in np.linspace(0, 1, 400):
                x, y = (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end
                draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=path.get("stroke"))
    return np.asarray(picture.resize((size, size), Image.Resampling.BOX), float)


@pytest.mark.parametrize("settings", [SETTINGS, SPLINE])
def test_an_svg_shows_what_the_vector_engine_paints(settings):
    opaque = StrokeSettings.parse({**settings.to_json(), "pressures": 1})
    program = a_program(opaque)
    picture = program.render().astype(float)
    error = np.square((drawn_by_pillow(to_svg(program), 64) - picture) / 255).mean()
    assert error < 0.005, error


def test_paths_have_width_colour_opacity_and_title_in_order():
    program = a_program()
    root = ElementTree.fromstring(to_svg(program, 128))
    paths = list(root.iter(f"{SVG}path"))
    found = curves(program, 128)
    assert len(paths) == len(found) == int((program.array()[:, 0] == 1).sum())
    assert root.get("width") == "128"
    for path, curve in zip(paths, found, strict=True):
        command = dict(zip(program.specification.names, program.commands[curve.command], strict=True))
        assert float(path.get("stroke-width")) == 2 * (2.0, 6.0)[command["size"]]
        assert path.get("stroke") == "#" + "".join(f"{command[name] * 85:02x}" for name in ("red", "green", "blue"))
        assert float(path.get("stroke-opacity", 1)) == (0.5, 1.0)[command["pressure"]]
        assert path.find(f"{SVG}title").text.startswith(f"command {curve.command + 1}: flag 1")


def test_a_plot_has_lines_in_millimetres_and_a_layer_for_each_colour():
    settings = StrokeSettings(
        size=64, grid=64, radii=(1.0,), choices=("flag", "end", "red", "green", "blue"), channels=3
    )
    rows = [
        (0, 0, 0, 0, 0),
        (1, 63, 19, 0, 0),
        (1, 64 * 63, 19, 0, 0),
        (1, 0, 0, 0, 19),
        (0, 63, 0, 0, 0),
        (1, 0, 19, 0, 0),
    ]
    program = Program.from_array(settings.specification(), np.array(rows), "vector", settings.to_json())
    root = ElementTree.fromstring(to_plot(program, 64.0))
    layers = list(root.iter(f"{SVG}g"))
    assert [layer.get("stroke") for layer in layers] == ["#ff0000", "#0000ff"]
    assert [len(list(layer)) for layer in layers] == [2, 1], "what goes on where the pen is does not lift it"
    assert root.get("width") == "64mm"
    assert layers[0][0].get("d") == "M0 0Q31.5 0 63 0Q31.5 31.5 0 63"
    assert root.find(f"{SVG}rect") is None, "a pen cannot paint the ground"


def test_a_plot_needs_no_more_than_eight_pens():
    settings = StrokeSettings(
        size=64, grid=64, radii=(1.0,), choices=("flag", "end", "red", "green", "blue"), channels=3
    )
    rows = [(1, 40 * place, place % 20, (7 * place) % 20, (3 * place) % 20) for place in range(40)]
    program = Program.from_array(settings.specification(), np.array(rows), "vector", settings.to_json())
    layers = list(ElementTree.fromstring(to_plot(program)).iter(f"{SVG}g"))
    assert len({curve.hexadecimal for curve in curves(program)}) > 8 >= len(layers) >= 4
    assert len({layer.get("stroke") for layer in layers}) == len(layers)


def test_every_ending_is_its_format(tmp_path):
    program = a_program()
    for name in ("a.png", "a.strip.png", "a.gif", "a.mp4", "a.svg", "a.plot.svg"):
        write_document(tmp_path / name, program, 96)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (96, 96)
    with Image.open(tmp_path / "a.strip.png") as strip:
        assert strip.width > 9 * 96
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == len(curves(program)) + 1, "a jump only makes a frame last longer"
    with pytest.raises(InputError, match=r"\.plot\.svg, \.strip\.png"):
        write_document(tmp_path / "a.pdf", program)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_a_video_plays_the_strokes_in_order(tmp_path):
    from imageio_ffmpeg import read_frames

    program = a_program(count=30)
    write_document(tmp_path / "a.mp4", program, 63)
    reader = read_frames(str(tmp_path / "a.mp4"))
    about = next(reader)
    assert about["size"] == (62, 62), "the format wants even sides"
    frames = [np.frombuffer(frame, np.uint8).reshape(62, 62, 3).astype(float) for frame in reader]
    assert len(frames) >= 31
    final = program.render(63)[:62, :62].astype(float)
    errors = np.array([np.abs(frame - final).mean() for frame in frames[:31]])
    assert errors[-1] < 12 and errors[0] > 3 * errors[-1]
    assert np.abs(frames[0] - 255).max() < 12, "it begins with the blank canvas"


def test_long_processes_are_shown_in_few_frames(tmp_path):
    write_document(tmp_path / "a.gif", a_program(count=600), 16)
    with Image.open(tmp_path / "a.gif") as film:
        # Frames that show no change are put together by the format.
        assert 100 < film.n_frames <= 200


def test_other_programs_have_no_strokes():
    program = Program(Specification((Category("a", 2),)), ((0,),), "vector")
    with pytest.raises(InputError, match="not a program of brush strokes"):
        to_svg(program)
    assert make("vector", 1).specification != program.specification
