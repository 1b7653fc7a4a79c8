import io
import json
import string
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from spiral.engines import make, missing, observe
from spiral.engines.base import stroke_engines
from spiral.errors import InputError
from spiral.program import Program
from spiral.specification import Category, Location, Specification, When

HERE = [name for name in stroke_engines() if missing(name) is None]
SMALL = {"size": 32, "grid": 16, "radii": (1.0, 3.0), "radii_at": 32}
FLAG, END, PRESSURE = Category("flag", 2), Location("end", 8), Category("pressure", 4, When("flag", (1,)))
SPECIFICATION = Specification((FLAG, END, PRESSURE))

commands = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 63), st.integers(0, 3)), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(string.printable),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(string.printable), inner, max_size=4),
    max_leaves=12,
)


def program(rows: list, seed: int = 0) -> Program:
    return Program(SPECIFICATION, tuple(rows), "vector", {"grid": 8, "brush": 'a "b" \n'}, seed)


@given(commands, st.integers(0, 2**63 - 1))
def test_a_program_survives_json(rows, seed):
    original = program(rows, seed)
    again = Program.from_json(original.to_json())
    assert again == original
    assert again.array().tolist() == [list(row) for row in rows]


def test_a_program_survives_a_file(tmp_path):
    path = tmp_path / "p.json"
    program([(1, 5, 2)]).save(path)
    assert Program.load(path) == program([(1, 5, 2)])
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.json"]


@given(st.text() | st.binary() | json_values.map(lambda value: json.dumps(value)))
def test_what_is_no_program_is_refused(data):
    with pytest.raises(InputError, match="not a program"):
        Program.from_json(data)


FIELDS = ["format", "version", "engine", "settings", "seed", "specification", "commands"]


@given(st.sampled_from(FIELDS), json_values)
def test_a_program_with_one_field_spoilt_is_refused_or_still_valid(name, value):
    good = json.loads(program([(1, 5, 2)]).to_json())
    try:
        loaded = Program.from_json(json.dumps({**good, name: value}))
    except InputError:
        return
    SPECIFICATION.check(loaded.array()) if loaded.commands and name != "specification" else None
    assert name not in ("format", "version") or good[name] == value


@pytest.mark.parametrize("row", [(2, 0, 0), (0, 64, 0), (0, 0, -1), (0, 0), (0, 0, 0, 0), (0, 0, 2**70)])
def test_commands_out_of_range_are_refused(row):
    with pytest.raises(InputError):
        program([(0, 0, 0), row])


def test_a_file_that_begins_with_a_mark_of_its_encoding_is_read(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + program([(1, 5, 2)]).to_json())
    assert Program.load(tmp_path / "a.json") == program([(1, 5, 2)])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.json"):
        Program.load(tmp_path / "nowhere.json")


@pytest.mark.parametrize("name", HERE)
def test_a_program_is_the_same_picture_twice_and_larger_with_its_brushes(name):
    engine = make(name, 1, SMALL)
    commands = engine.specification.random(np.random.default_rng(6), (4,))
    program = Program.from_array(engine.specification, commands, name, engine.settings, seed=7)
    assert np.array_equal(program.render(), Program.from_json(program.to_json()).render())
    large = program.render(128)
    assert large.shape == (128, 128, 1)
    small = program.render()[None].astype(float)
    assert np.abs(observe(large[None], 32).astype(float) - small).mean() < 6
    assert [frame.shape for frame in program.process()] == [(32, 32, 1)] * 5


@pytest.mark.parametrize("name", HERE)
def test_a_program_of_another_specification_is_refused(name):
    engine = make(name, 1, SMALL)
    program = Program.from_array(engine.specification, np.zeros((1, 5), np.int64), name, {**SMALL, "grid": 8})
    with pytest.raises(InputError, match="specification"):
        program.render()


def test_a_program_reads_as_lines_without_what_has_no_effect():
    assert str(program([(1, 13, 2), (0, 8, 3)])) == "1  flag 1  end (5, 1)  pressure 2\n2  flag 0  end (0, 1)"
    assert str(program([(0, 0, 0)] * 10)).startswith(" 1  flag 0  end (0, 0)\n 2")
    assert repr(program([(1, 5, 2)] * 3)) == "<Program: 3 commands (flag, end, pressure) for vector>"
    assert str(program([])) == ""


def test_a_notebook_shows_a_program_as_its_picture_or_in_words():
    settings = {**SMALL, "aspect": 2.0}
    engine = make("vector", 1, settings)
    shown = Program.from_array(
        engine.specification, np.ones((3, len(engine.specification.names)), np.int64), "vector", settings
    )
    drawn = shown._repr_png_()
    assert drawn is not None
    with Image.open(io.BytesIO(drawn)) as picture:
        assert picture.size == (256, 128)
    assert replace(shown, engine="crayons")._repr_png_() is None
