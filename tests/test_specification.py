import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiral.errors import InputError
from spiral.specification import Category, Location, Specification, When

FLAG, END, PRESSURE = Category("flag", 2), Location("end", 8), Category("pressure", 4, When("flag", (1,)))
SPECIFICATION = Specification((FLAG, END, PRESSURE))


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


def test_a_shifted_cell_stays_on_the_grid():
    cells = np.array([0, 9, 63])
    assert END.shifted(cells, [[0, 1, 1], [1, -1, 0]]).tolist() == [1, 16, 63]
    assert END.shifted(9, (-2, 7)).tolist() == 7
