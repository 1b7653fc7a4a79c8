import json
import string

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiral.errors import InputError
from spiral.program import Category, Location, Program, Specification, When

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


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.json"):
        Program.load(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    "choices",
    [
        (),
        (FLAG, FLAG),
        (Location("end", 0),),
        (Category("a", 10**9),),
        (PRESSURE,),
        (FLAG, Category("x", 2, When("flag", (5,)))),
        (END, Category("x", 2, When("end", (1,)))),
    ],
)
def test_specifications_are_checked(choices):
    with pytest.raises(InputError):
        Specification(choices)


def test_choices_after_a_jump_have_no_effect():
    jump, stroke = [0, 3, 2], [1, 3, 2]
    assert SPECIFICATION.active(np.array([jump, stroke])).tolist() == [[True, True, False], [True, True, True]]


@given(st.integers(0, 10))
def test_random_commands_are_valid(seed):
    drawn = SPECIFICATION.random(np.random.default_rng(seed), (5, 7))
    assert drawn.shape == (5, 7, 3)
    assert SPECIFICATION.check(drawn) is not None


def test_floats_are_no_commands():
    with pytest.raises(InputError, match="whole numbers"):
        SPECIFICATION.check(np.zeros((2, 3)))


def test_the_specification_is_plain_json():
    assert msgspec.json.decode(msgspec.json.encode(SPECIFICATION)) is not None
