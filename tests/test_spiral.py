"""The public functions of `import spiral`."""

import copy
import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from problems import tiny

import spiral
from spiral.agent import find, read_preset, writer_of
from spiral.datasets import load
from spiral.exports.paths import curves
from spiral.program import Program


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return load("mnist-sample", 28, 1, "test").images[:2]


@pytest.fixture(scope="module")
def agent():
    return spiral.load("mnist-reconstruct-vector")


def test_importing_it_is_quick_and_brings_no_torch():
    code = "import sys, spiral; print(sorted({'torch', 'matplotlib', 'ray', 'gradio'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_a_picture_in_any_form_gives_the_same_program(agent, digits, tmp_path):
    pixels, path = digits[0], tmp_path / "digit.png"
    picture = Image.fromarray(pixels[..., 0])
    picture.save(path)
    forms = (pixels, pixels[..., 0], picture, picture.convert("RGB"), path, str(path))
    programs = [agent.paint(form) for form in forms]
    assert all(program == programs[0] for program in programs)
    painted = programs[0].render(64).reshape(32, 2, 32, 2).mean((1, 3))
    target = load("mnist-sample", 32, 1, "test").images[0, ..., 0].astype(float)
    assert np.square(painted - target).mean() < 0.3 * np.square(target).mean()


@pytest.mark.parametrize("shape", [(5, 5, 2), (4,), (0, 4), (1, 4, 4, 1)])
def test_what_is_no_picture_is_refused(agent, shape):
    with pytest.raises(spiral.InputError, match="the picture must be"):
        agent.paint(np.zeros(shape, np.uint8))


def test_paint_keeps_a_pictures_shape_and_a_palette(an_agent, tmp_path):
    photograph = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    program = spiral.paint(photograph, strokes=6, agent=an_agent(), palette="#ff0000,#0000ff")
    assert {curve.hexadecimal for curve in curves(program)} <= {"#ff0000", "#0000ff"}
    spiral.export(program, tmp_path / "small.png", size=48)
    assert Image.open(tmp_path / "small.png").size == (48, 32)
    with pytest.raises(spiral.InputError, match="strokes must be 1 to"):
        spiral.paint(photograph, strokes=0, agent=an_agent())


def test_scores_rise_as_digits_are_painted(agent):
    painted = agent.reconstruct(load("mnist-sample", agent.size, 1, "test").images[:16])
    assert painted.targets is not None
    before, after = (agent.score(seen, painted.targets) for seen in (np.zeros_like(painted.observed), painted.observed))
    assert before.shape == (16,) and after.mean() > before.mean()
    with pytest.raises(spiral.InputError, match="beside its target"):
        agent.score(painted.observed)


def test_an_agent_redraws_at_its_own_temperature_unless_told_otherwise(agent):
    pictures = load("mnist-sample", agent.size, 1, "test").images[:4]
    sampling = copy.copy(agent)
    sampling.preset = replace(agent.preset, redraw_temperature=0.8)
    probable, sampled = agent.reconstruct(pictures).programs, sampling.reconstruct(pictures).programs
    assert probable == agent.reconstruct(pictures, temperature=0.0).programs != sampled
    assert sampled == agent.reconstruct(pictures, temperature=0.8).programs
    assert sampling.reconstruct(pictures, temperature=0.0).programs == probable
    with pytest.raises(spiral.InputError, match="redraw_temperature"):
        replace(agent.preset, redraw_temperature=-1.0)


def test_inventions_vary_more_where_the_noise_is_larger():
    agent = spiral.load("mnist-generate-noise").with_tools("vector")
    others = copy.copy(agent)

    def invented(scale):
        others.preset = replace(agent.preset, noise_scale=scale)
        return others.generate(32, temperature=0.0).observed.astype(float)

    # Without noise and at temperature 0 nothing distinguishes them: all share the brush's seed.
    assert invented(0.0).std(0).max() == 0.0
    assert 0.0 < invented(0.3).std(0).mean() < invented(1.0).std(0).mean()
    with pytest.raises(spiral.InputError, match="noise_scale"):
        replace(agent.preset, noise_scale=-1.0)


def test_a_notebook_shows_paintings_as_a_sheet(agent):
    painted = agent.reconstruct(load("mnist-sample", agent.size, 1, "test").images[:3])
    with Image.open(io.BytesIO(painted._repr_png_())) as sheet:
        shown = np.asarray(sheet)
    assert (shown == painted.sheet(columns=8)).all()
    # Targets above, enlarged to the canvases' size.
    assert (shown[2:66, 2:66, 0] == painted.targets[0, ..., 0].repeat(2, 0).repeat(2, 1)).all()
    assert (shown[68:132, 2:66, 0] == painted.canvases[0, ..., 0]).all()


def test_training_leaves_an_agent_that_paints(lines, tmp_path):
    agent = spiral.train(tiny(lines), tmp_path / "run", frames=64)
    assert agent.paint(np.zeros((16, 16), np.uint8)) == spiral.load(tmp_path / "run").paint(
        np.zeros((16, 16), np.uint8)
    )
    with pytest.raises(spiral.InputError, match="unknown preset"):
        spiral.train("crayons", tmp_path / "other", frames=64)


def test_a_drawing_the_wrong_way_round_is_noticed_and_turned(agent, digits, recwarn):
    paper = 255 - digits[0]
    with pytest.warns(UserWarning, match="wrong way round"):
        agent.paint(paper)
    recwarn.clear()
    assert agent.paint(paper, invert=True) == agent.paint(digits[0])
    assert not recwarn.list


def test_a_shaded_digit_is_painted_like_a_clean_one(agent, digits, recwarn):
    light = np.linspace(1.0, 0.4, 28)[:, None, None]
    blank, shaded = 240 * np.broadcast_to(light, digits[0].shape), 240 * light * (1 - 0.8 * digits[0] / 255.0)
    painted, clean = (
        agent.paint(picture, invert=turn).render().astype(float) / 255
        for picture, turn in ((shaded.astype(np.uint8), True), (digits[0], False))
    )
    assert np.square(painted - clean).mean() < 0.01
    assert agent.paint(blank.astype(np.uint8), invert=True).render().max() == 0
    assert not recwarn.list


@pytest.mark.parametrize("wrong", [{"temperature": -1.0}, {"temperature": float("nan")}, {"candidates": 0}])
def test_numbers_out_of_range_are_refused(agent, digits, wrong):
    with pytest.raises(spiral.InputError, match="must be"):
        agent.paint(digits[0], **wrong)
    target = np.zeros((1, agent.size, agent.size, 1), np.uint8)
    for commands in (0, -1):
        with pytest.raises(spiral.InputError, match="commands must be"):
            agent.reconstruct(target, commands=commands)
    with pytest.raises(spiral.InputError, match="number of pictures"):
        agent.reconstruct(target[:0])


def test_many_canvases_are_judged_as_few(agent):
    canvases = np.random.default_rng(0).integers(0, 256, (300, agent.size, agent.size, 1), dtype=np.uint8)
    scores = agent.score(canvases, canvases[::-1])
    assert scores.shape == (300,)
    assert scores[290:] == pytest.approx(agent.score(canvases[290:], canvases[::-1][290:]), abs=1e-3)


def test_settings_that_want_more_than_the_weights_beside_them_are_refused(agent, lines, tmp_path):
    import json

    folder = tmp_path / "run" / "agent"
    spiral.train(tiny(lines), tmp_path / "run", frames=64)
    config = json.loads((folder / "config.json").read_text())
    config["preset"]["policy"] |= {"core_channels": 4096, "residual_blocks": 256}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(spiral.InputError, match="fewer weights"):
        spiral.load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(spiral.InputError, match=r"^cannot read .*config\.json"):
        spiral.load(folder)


def test_a_programs_writer_is_found_at_any_size_and_the_default_agent_comes_first():
    for name in ("photos-reconstruct", "celeba-reconstruct", "mnist-reconstruct", "mnist-reconstruct-vector"):
        preset = read_preset(find(name))
        commands = preset.canvas.sample_programs(np.random.default_rng(0), 3, 1)[:, 0]
        specification, large = preset.canvas.specification(), replace(preset.canvas, size=128)
        written = tuple(map(tuple, commands.tolist()))
        program = Program(specification, written, preset.engine, large.to_json())
        assert writer_of(program) == ("photos-reconstruct" if name == "celeba-reconstruct" else name)
        other = replace(preset.canvas, ground=(0.4, 0.4, 0.4))
        assert writer_of(Program(specification, written, preset.engine, other.to_json())) is None
