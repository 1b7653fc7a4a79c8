"""Functions of the studio's buttons, without a browser."""

import json
import time

import numpy as np
import pytest
from PIL import Image

from spiral.errors import InputError
from spiral.exports.paths import curves
from spiral.painting.editing import strokes
from spiral.studio import handlers

DIGITS, PHOTOS = "mnist-reconstruct-vector", "photos-reconstruct-vector"


@pytest.fixture(scope="module")
def painting(three) -> handlers.Painting:
    return handlers.paint(DIGITS, three, 12)


def test_agents_that_work_here_are_listed_and_runs_with_them(lines, tmp_path):
    from problems import tiny

    import spiral

    spiral.train(tiny(lines), tmp_path / "runs" / "mine", frames=64)
    (tmp_path / "runs" / "broken" / "agent").mkdir(parents=True)
    (tmp_path / "runs" / "broken" / "agent" / "config.json").write_text("{}")
    found = handlers.agents(tmp_path / "runs")
    assert (
        found[DIGITS].redraws
        and not handlers.paints_in_tiles(found[DIGITS])
        and handlers.paints_in_tiles(found[PHOTOS])
    )
    mine = str(tmp_path / "runs" / "mine")
    assert mine in found and str(tmp_path / "runs" / "broken") not in found
    assert handlers.paint(mine, Image.new("RGB", (9, 9)), 1).program.settings["size"] == 16


def test_an_agent_that_has_been_trained_on_is_read_again(lines, tmp_path):
    from problems import tiny

    import spiral

    run = tmp_path / "run"
    spiral.train(tiny(lines), run, frames=64)
    first = handlers.cached_agent(str(run))
    assert handlers.cached_agent(str(run)) is first
    time.sleep(0.01)
    spiral.train(tiny(lines), tmp_path / "other", frames=128)
    (tmp_path / "other" / "agent").rename(tmp_path / "run" / "newer")
    (run / "agent").rename(run / "older")
    (run / "newer").rename(run / "agent")
    assert handlers.cached_agent(str(run)) is not first


def test_a_drawing_is_painted_well(painting, three):
    target = painting.target.astype(float)
    seen = painting.program.render(64).reshape(32, 2, 32, 2).mean((1, 3))[..., None]
    assert np.square(seen - target).mean() < 0.25 * np.square(target).mean()
    assert handlers.paint(DIGITS, three, 12).program == painting.program
    dark = Image.eval(three, lambda value: 255 - value)
    assert handlers.paint(DIGITS, dark, 12, invert=True).program == painting.program


def test_photographs_keep_their_shape_and_numbers_have_bounds(three):
    wide = three.resize((120, 60))
    assert handlers.paint(PHOTOS, wide, 5).program.settings["aspect"] == 2.0
    for wrong in (0, handlers.MAX_STROKES + 1, "5", None, float("nan")):
        with pytest.raises(InputError, match="strokes must be"):
            handlers.paint(PHOTOS, wide, wrong)
    with pytest.raises(InputError, match="seed must be"):
        handlers.paint(PHOTOS, wide, 5, seed=-1)
    with pytest.raises(InputError, match="effort must be"):
        handlers.paint(PHOTOS, wide, 5, effort=7)
    red = handlers.paint(PHOTOS, wide, 5, effort=0, palette="#ff0000").program
    assert {curve.hexadecimal for curve in curves(red)} <= {"#ff0000"}
    with pytest.raises(InputError, match="a palette is"):
        handlers.paint(PHOTOS, wide, 5, palette="/etc/secret.json")


def test_what_takes_too_long_is_stopped(three, monkeypatch):
    monkeypatch.setattr(handlers, "SECONDS", 0.0)
    with pytest.raises(InputError, match="took longer than 0 seconds"):
        handlers.paint(PHOTOS, three, 200)
    with pytest.raises(InputError, match="took longer"):
        handlers.compare([DIGITS], three, 2000)


def test_a_visitor_stops_and_keeps_what_is_painted(three):
    seen = []
    stopped = handlers.paint(PHOTOS, three, 100, effort=1, report=lambda done: seen.append(done) or done >= 10)
    assert 10 <= len(strokes(stopped.program)) == seen[-1] < 60


def test_programs_are_refined_edited_or_not(painting, three):
    target = painting.target.astype(float)

    def error(program):
        seen = program.render(64).reshape(32, 2, 32, 2, -1).mean((1, 3, 4))[..., None]
        return np.square(seen - target).mean()

    refined = handlers.refine(painting, painting.program, 60)
    assert error(refined) < error(painting.program) and refined.settings == painting.program.settings
    red = handlers.edit(painting.program, palette="#ff0000, #ffffff")
    assert handlers.refine(painting, red, 5).specification == red.specification
    assert len(handlers.refine(painting, painting.program, 500, report=lambda done: True).commands) <= 16
    with pytest.raises(InputError, match="number of evaluations"):
        handlers.refine(painting, red, 0)
    with pytest.raises(InputError, match="no target"):
        handlers.refine(handlers.Painting(DIGITS, red, None), red, 5)


def test_a_photograph_of_the_canvas_is_painted_on(three):
    begun = handlers.paint(PHOTOS, three, 4, effort=1)
    canvas = Image.fromarray(begun.program.render(200))
    more = handlers.paint(PHOTOS, three, 4, effort=1, canvas=canvas, before=begun.program)
    assert more.program.continues and more.paper is not None and not begun.program.continues
    for name, effort, says in ((PHOTOS, 0, "effort of painting on"), (DIGITS, 1, "choose an agent of photographs")):
        with pytest.raises(InputError, match=says):
            handlers.paint(name, three, 4, effort=effort, canvas=canvas)
    with pytest.raises(InputError, match="cannot be refined"):
        handlers.refine(more, more.program, 5)
    paints = np.array([[1, 0, 0]], np.float32)
    assert {c.hexadecimal for c in curves(handlers.paint(PHOTOS, three, 3, paints=paints).program)} == {"#ff0000"}


def test_inventing_needs_an_agent_that_does():
    with pytest.raises(InputError, match="redraws a target"):
        handlers.sample(DIGITS, 3)
    for count in (0, handlers.MAX_SAMPLES + 1):
        with pytest.raises(InputError, match="number of pictures"):
            handlers.sample("mnist-generate", count)


def test_edits_leave_out_turn_round_and_colour(painting):
    program, count = painting.program, len(strokes(painting.program))
    assert handlers.edit(program) == program
    fewer = handlers.edit(program, without="1, 3-4")
    assert len(strokes(fewer)) == count - 3
    reversed_ = handlers.edit(program, order="reverse")
    assert [s.start for s in strokes(reversed_)] == [s.start for s in strokes(program)][::-1]
    coloured = handlers.edit(program, palette="#ff0000, #00ff00", ground="#000080")
    assert {curve.hexadecimal for curve in curves(coloured)} == {"#ff0000", "#00ff00"}
    assert coloured.render()[0, 0].tolist() == [0, 0, 128]
    assert handlers.edit(program, brush="charcoal").settings["brush"] == "charcoal"


@pytest.mark.parametrize("text", ["0", "99", "3-1", "x", "1;2", "1" * 50, "2-"])
def test_stroke_numbers_that_are_none_are_refused(painting, text):
    with pytest.raises(InputError, match="strokes are numbers from 1"):
        handlers.edit(painting.program, without=text)


@pytest.mark.parametrize("wrong", [{"palette": "red"}, {"ground": "#12"}, {"order": "upside-down"}])
def test_edits_that_are_none_are_refused(painting, wrong):
    with pytest.raises(InputError):
        handlers.edit(painting.program, **wrong)


def test_comparing_says_who_and_how_well(three):
    attempts = handlers.compare([DIGITS, DIGITS], three, 200)
    assert [attempt.who for attempt in attempts] == [DIGITS, "search, 200 renderings"]
    assert 0 < attempts[0].mse < attempts[1].mse
    assert len(handlers.compare([DIGITS], three, 0)) == 1


@pytest.mark.parametrize("ending", ["json", "svg", "png", "gif"])
def test_documents_are_written_and_old_ones_deleted(painting, tmp_path, ending, monkeypatch):
    first = handlers.document(tmp_path, painting.program, ending, 96)
    assert first.name == f"painting.{ending}" and first.stat().st_size > 100
    if ending == "json":
        assert json.loads(first.read_text())["engine"] == "vector"
    elif ending != "svg":
        assert Image.open(first).size == (96, 96)
    monkeypatch.setattr(handlers, "KEPT_SECONDS", -1.0)
    second = handlers.document(tmp_path, painting.program, ending, None)
    assert second.exists() and not first.exists()


@pytest.mark.parametrize(("ending", "size"), [("exe", 64), ("../x", 64), ("png", 8), ("png", 100_000)])
def test_documents_of_other_kinds_or_sizes_are_refused(painting, tmp_path, ending, size):
    with pytest.raises(InputError):
        handlers.document(tmp_path, painting.program, ending, size)
