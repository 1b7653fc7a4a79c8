"""Programs refined one command at a time."""

import numpy as np
import pytest

from spiral.engines import observe
from spiral.errors import InputError
from spiral.painting.refining import refine
from spiral.program import Program


@pytest.fixture
def problem(an_agent):
    agent = an_agent()
    canvas = agent.preset.canvas
    rows = canvas.specification().random(np.random.default_rng(0), (3, 6))
    programs = [Program.from_array(canvas.specification(), one, "vector", canvas.to_json(), 3) for one in rows]
    wanted = canvas.specification().random(np.random.default_rng(1), (3, 6))
    pictures = [Program.from_array(canvas.specification(), one, "vector", canvas.to_json()).render() for one in wanted]
    return agent, programs, observe(np.stack(pictures), 16)


def errors(programs, targets):
    seen = observe(np.stack([program.render() for program in programs]), 16)
    return np.square((seen.astype(float) - targets) / 255).sum((1, 2, 3))


@pytest.mark.parametrize("proposes", [False, True])
def test_programs_come_nearer_and_the_same_seed_refines_alike(problem, proposes):
    agent, programs, targets = problem
    helper = agent if proposes else None
    found = refine(programs, targets, 120, seed=1, agent=helper)
    assert np.allclose(found.before, errors(programs, targets), rtol=1e-4)
    assert np.allclose(found.after, errors(found.programs, targets), rtol=1e-4)
    assert (found.after <= found.before).all() and found.after.mean() < 0.8 * found.before.mean()
    assert refine(programs, targets, 120, seed=1, agent=helper).programs == found.programs
    assert [program.seed for program in found.programs] == [3, 3, 3]
    if not proposes:
        alone = refine(programs[:1], targets[:1], 120, seed=1)
        assert alone.programs == found.programs[:1], "a picture does not depend on those beside it"


def test_more_evaluations_are_never_worse(problem):
    _, programs, targets = problem
    few, many = (refine(programs, targets, number).after for number in (20, 60))
    assert (many <= few).all()


def test_commands_that_do_nothing_disappear(problem):
    _, programs, _ = problem
    blank = np.full((1, 16, 16, 3), 255, np.uint8)
    assert not refine(programs[:1], blank, 200).programs[0].commands


def test_programs_keep_their_length_if_asked_to(problem):
    _, programs, targets = problem
    found = refine(programs, targets, 60, shorten=False)
    assert [len(program.commands) for program in found.programs] == [6, 6, 6]
    assert (found.after < found.before).all()


def test_what_does_not_fit_is_refused(problem):
    _, programs, targets = problem
    with pytest.raises(InputError, match="targets must be"):
        refine(programs, targets[:1], 5)
    with pytest.raises(InputError, match="evaluations must be"):
        refine(programs, targets, 0)
    other = programs[0].with_settings(size=64)
    with pytest.raises(InputError, match="same engine and settings"):
        refine([programs[0], other], targets[:2], 5)
