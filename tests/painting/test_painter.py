"""Whole pictures: their shape, colours, and how near they come."""

import numpy as np
import pytest
from PIL import Image

from spiral.agent import load_agent
from spiral.engines import missing
from spiral.errors import InputError
from spiral.exports.documents import picture as rendered
from spiral.painting import painter
from spiral.painting.painter import paint_strokes
from spiral.painting.tiles import paint_tiles
from spiral.program import Program


def photograph(width: int = 90, height: int = 60) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)


def error(program, picture=None):
    target = np.asarray((picture or photograph()).resize((60, 40)), float)
    return float(np.square((rendered(program, 60).astype(float) - target) / 255).mean())


@pytest.fixture(scope="module")
def painting(an_agent):
    counted = []
    program = paint_strokes(an_agent(), photograph(), 20, size=200, effort=1, report=counted.append)
    return program, counted


def test_a_program_paints_the_picture_in_its_own_shape(painting, an_agent):
    program, counted = painting
    assert int((program.array()[:, 0] == 1).sum()) == counted[-1] <= 20
    assert counted == sorted(counted)
    assert rendered(program).shape == (133, 200, 3)
    assert program.render().shape == (200, 200, 3)
    first, second = (paint_strokes(an_agent(), photograph(), 5, size=100, effort=1) for _ in range(2))
    assert first == second, "the same seed writes the same program"


def test_it_is_nearer_than_the_agent_alone_and_the_ground_is_covered(painting, an_agent):
    program, _ = painting
    assert error(program) < 0.5 * error(paint_tiles(an_agent(), photograph(), 20))
    first = program.array()[:2]
    covered = type(program).from_array(program.specification, first, program.engine, program.settings)
    assert (covered.render() != 255).any(2).all(), "the first stroke leaves no white"


def test_what_is_white_already_needs_no_stroke(an_agent):
    assert not paint_strokes(an_agent(), Image.new("RGB", (30, 30), "white"), 5, size=64, effort=1).commands


def test_strokes_keep_to_a_palette_and_to_ink(an_agent):
    palette = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
    program = paint_strokes(an_agent(), photograph(), 6, size=128, palette=palette, effort=1)
    painted = program.array()[program.array()[:, 0] == 1][:, -3:]
    assert {tuple(row) for row in painted.tolist()} <= {(255, 0, 0), (0, 0, 255)}
    grey = an_agent(choices=("end",), channels=1)
    program = paint_strokes(grey, photograph().convert("L"), 6, size=128, effort=1)
    assert "red" not in program.specification.names and len(program.commands) == 12
    with pytest.raises(InputError, match="does not choose colours"):
        paint_strokes(grey, photograph().convert("L"), 6, palette=palette)
    with pytest.raises(InputError, match="compound"):
        spline = an_agent(choices=("flag", "end", "size", "red", "green", "blue"), spline=True)
        paint_strokes(spline, photograph(), 6)


def test_painting_goes_on_from_what_is_there(painting, an_agent):
    program, _ = painting
    paper = Image.fromarray(rendered(program))
    more = paint_strokes(an_agent(), photograph(), 10, size=192, effort=1, paper=paper)
    target = np.asarray(photograph().resize((192, 192)), float)
    before = np.asarray(paper.resize((192, 192)), float)
    after = more.render(paper=np.asarray(paper))
    assert np.square(after - target).mean() < 0.9 * np.square(before - target).mean()
    assert len(more.commands) <= 20


@pytest.mark.parametrize(
    ("given", "says"), [({"effort": 9}, "effort"), ({"focus": 2}, "focus"), ({"size": 5000}, "size")]
)
def test_numbers_have_bounds(an_agent, given, says):
    with pytest.raises(InputError, match=f"{says} must be"):
        paint_strokes(an_agent(), photograph(), 5, **given)


def test_it_ends_where_the_report_says_so(an_agent):
    program = paint_strokes(an_agent(), photograph(), 40, size=128, effort=1, report=lambda done: True)
    assert 0 < len(program.commands) < 40


def test_where_a_brush_does_not_do_what_is_expected_the_better_painting_is_kept(an_agent, monkeypatch):
    few = paint_strokes(an_agent(), photograph(), 1, size=128, effort=1)
    alone = paint_strokes(an_agent(), photograph(), 12, size=128, effort=1)
    monkeypatch.setattr(painter, "paint_strokes", lambda *arguments: few)
    monkeypatch.setattr(painter, "paint_tiles", lambda *arguments: alone)
    assert painter.paint_picture(an_agent(), photograph(), 12) is alone
    monkeypatch.setattr(painter, "paint_strokes", lambda *arguments: alone)
    monkeypatch.setattr(painter, "paint_tiles", None)
    assert painter.paint_picture(an_agent(), photograph(), 12) is alone


@pytest.mark.skipif(missing("mypaint") is not None, reason="libmypaint is not here")
def test_a_painting_that_is_good_already_is_continued_in_finer_strokes():
    chelsea = pytest.importorskip("skimage.data").chelsea
    agent, cat = load_agent("photos-reconstruct"), Image.fromarray(chelsea())
    begun = paint_strokes(agent, cat, 100, 256, effort=1)
    paper = Image.fromarray(begun.render(256))
    further = paint_strokes(agent, cat, 40, 256, effort=1, paper=paper)

    def error(painted: np.ndarray) -> float:
        small = [np.asarray(each.resize((64, 64)), float) for each in (Image.fromarray(painted), cat)]
        return float(np.square(small[0] - small[1]).mean())

    whole = np.concatenate([begun.array(), further.array()])
    together = Program.from_array(begun.specification, whole, begun.engine, begun.settings, begun.seed)
    assert len(further.commands) == 80, "40 strokes, each with a jump"
    assert error(together.render(256)) < 0.92 * error(begun.render(256))
