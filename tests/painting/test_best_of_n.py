"""An agent that tries its proposals before it paints one."""

import numpy as np
import pytest

from spiral.engines import make, observe
from spiral.errors import InputError
from spiral.painting.best_of_n import ProposalSearch


def pictures(count: int) -> np.ndarray:
    blocks = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return blocks.repeat(4, axis=1).repeat(4, axis=2)


def errors(seen: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.square(seen.astype(float) - targets).sum((1, 2, 3))


def test_what_is_tried_is_what_would_be_painted(an_agent):
    strokes, targets = an_agent().preset.canvas, pictures(3)
    specification, generator = strokes.specification(), np.random.default_rng(2)
    past, options = specification.random(generator, (4, 3)), specification.random(generator, (3, 5))
    engines = [make("vector", 3, strokes.to_json()) for _ in range(5)]
    for engine in engines:
        for commands in past:
            engine.step(commands)
    got = ProposalSearch(engines[0], 5).errors(targets, options.reshape(15, -1))
    for index, engine in enumerate(engines):
        engine.step(options[:, index])
        assert got[:, index] == pytest.approx(errors(observe(engine.canvases(), 16), targets))


@pytest.mark.parametrize("moves", [0, 2])
def test_no_command_makes_it_worse(an_agent, moves):
    agent, targets = an_agent(), pictures(4)
    by_length = [agent.reconstruct(targets, commands=count, candidates=8, moves=moves) for count in range(1, 9)]
    blank = errors(np.full_like(targets, 255), targets)
    series = np.stack([blank, *(errors(paintings.observed, targets) for paintings in by_length)])
    assert (np.diff(series, axis=0) <= 0).all()
    assert (series[-1] < series[0]).all()
    for longer, shorter in zip(by_length[-1].programs, by_length[2].programs, strict=True):
        assert longer.array()[:3].tolist() == shorter.array().tolist(), "the same seed, the same beginning"


def test_it_helps_and_repeats(an_agent):
    agent, targets = an_agent(), pictures(4)
    alone, search, again = (agent.reconstruct(targets, commands=10, candidates=count) for count in (1, 16, 16))
    assert errors(search.observed, targets).sum() < errors(alone.observed, targets).sum()
    assert search.programs == again.programs


def test_moves_bring_the_best_proposal_nearer(an_agent):
    agent, targets = an_agent(), pictures(6)
    still, moved, again = (agent.reconstruct(targets, commands=6, candidates=8, moves=count) for count in (0, 6, 6))
    assert errors(moved.observed, targets).sum() < 0.97 * errors(still.observed, targets).sum()
    assert moved.programs == again.programs
    with pytest.raises(InputError, match="several candidates"):
        agent.reconstruct(targets, moves=2)
    with pytest.raises(InputError, match="moves must be"):
        agent.reconstruct(targets, candidates=2, moves=-1)


def test_compound_strokes_cannot_be_tried(an_agent):
    agent = an_agent(choices=("flag", "end", "size"), spline=True)
    with pytest.raises(InputError, match="compound"):
        agent.reconstruct(pictures(1), candidates=2)
