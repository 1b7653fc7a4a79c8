"""Recorded functions: called with new arguments they give new results, from the memory of the first call."""

import warnings

import numpy as np
import pytest
import torch
from problems import tiny

from spiral.engines import make_on_device, missing
from spiral.learning.canvases import DevicePart, observe_on_device, upload
from spiral.learning.graphs import Graphed, mapped
from spiral.learning.learner import Learner
from spiral.learning.rollout import decide
from spiral.learning.trainer import load_real_images, make_actor, set_up, train_iteration, unmeasured
from spiral.models.policy import Decision, Observation

CPU = torch.device("cpu")


def recorder(function):
    """What a CUDA graph does, on a processor: computes again in the memory of the recorded arguments and results."""
    results = function()

    def replay():
        again = []
        mapped(function(), again.append)
        mine = []
        mapped(results, mine.append)
        for old, new in zip(mine, again, strict=True):
            if isinstance(old, torch.Tensor):
                old.detach().copy_(new.detach())

    return results, replay


def test_new_arguments_give_new_results():
    graphed = Graphed(lambda a, b: (a + b, {"product": a * b}), recorder=recorder)
    a, b = torch.randn(2, 5), torch.randn(5)
    first = graphed(a, b)
    second = graphed(a + 1, b)
    assert torch.equal(first[0], a + b), "results are the caller's own"
    assert torch.equal(second[0], a + 1 + b)
    assert torch.equal(second[1]["product"], (a + 1) * b)
    assert torch.equal(graphed(a[:1], b)[0], a[:1] + b), "another shape is recorded apart"


def test_constants_and_absent_arguments_are_part_of_what_is_recorded():
    graphed = Graphed(lambda x, scale, extra: x * scale if extra is None else x * scale + extra, recorder=recorder)
    x = torch.randn(3)
    assert torch.equal(graphed(x, 2.0, None), x * 2)
    assert torch.equal(graphed(x, 3.0, None), x * 3)
    assert torch.equal(graphed(x, 3.0, x), x * 3 + x)
    assert torch.equal(graphed(x=x, scale=2.0, extra=None), x * 2)


def test_what_is_changed_in_place_is_changed_once():
    count = torch.zeros(3)

    def add(x):
        count.add_(x)
        return count * 2

    graphed = Graphed(add, state=[count], recorder=recorder)
    assert torch.equal(graphed(torch.ones(3)), torch.full((3,), 2.0))
    assert torch.equal(graphed(torch.ones(3)), torch.full((3,), 4.0))
    assert torch.equal(count, torch.full((3,), 2.0))


@pytest.mark.parametrize("engine", ["vector", "scene"])
def test_a_recorded_engine_paints_what_it_does_itself(engine):
    if (reason := missing(engine)) is not None:
        pytest.skip(reason)
    settings = {"size": 32, "grid": 4, **({"sizes": (1.6,), "levels": 3} if engine == "scene" else {})}
    plain, recorded = (make_on_device(engine, 5, settings, CPU) for _ in range(2))
    assert plain is not None and recorded is not None
    part, pictures = DevicePart(recorded, 16, CPU), torch.zeros(5, 16, 16, plain.shape[2], dtype=torch.uint8)
    part._execute = Graphed(part._once, owned=False, state=recorded.state, recorder=recorder)
    generator = np.random.default_rng(0)
    for reset in (None, torch.tensor([True, False, True, False, False])):
        for each in (plain, recorded):
            each.reset(reset)
        for commands in plain.specification.random(generator, (4, 5)):
            plain.step(torch.from_numpy(commands))
            part.paint(torch.from_numpy(commands), pictures)
            assert torch.equal(pictures, observe_on_device(plain.canvases(), 16))


def test_what_cannot_be_recorded_is_called_as_it_is():
    def refuse(function):
        raise RuntimeError("operation not permitted\n when stream is capturing")

    graphed = Graphed(lambda x: x + 1, recorder=refuse)
    with pytest.warns(UserWarning, match="without a CUDA graph: operation not permitted when"):
        assert graphed(torch.zeros(1)).item() == 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert graphed(torch.ones(1)).item() == 2.0


def test_trees_keep_their_kinds():
    tree = {"a": [torch.zeros(1), None], "b": Decision(torch.zeros(1), torch.zeros(1), torch.zeros(1))}
    kinds = mapped(tree, type)
    assert kinds["a"] == [torch.Tensor, type(None)]
    assert kinds["b"].value is torch.Tensor


def test_recorded_rounds_learn_what_plain_ones_do(lines):
    preset = tiny(lines, unroll_length=2, batch_size=12, num_minibatches=5, lessons=3, lesson_pretraining=0.5)
    states = []
    for graphs in (False, True):
        learner, actors, real = set_up(preset, 1)
        if graphs:  # as `set_up` does on a GPU
            (policy,) = learner.policies
            policy._slopes = Graphed(policy._gradients, owned=False, recorder=recorder)
            policy._lesson_slopes = Graphed(policy._lesson_gradients, owned=False, recorder=recorder)
            actors[0].decide = Graphed(actors[0].decide, recorder=recorder)
        for progress in (0.0, 0.1, 0.6, 0.7, 0.8):
            (figures,) = train_iteration(learner, actors, real, progress, unmeasured)
        states.append((figures, learner.policies[0].policy.state_dict()))
    for name, value in states[0][1].items():
        assert torch.allclose(value, states[1][1][name], atol=1e-6), name
    for name, value in states[0][0].items():
        assert torch.allclose(value, states[1][0][name], atol=1e-4), name


def test_deciding_has_no_graph_breaks(lines):
    preset = tiny(lines)
    learner = Learner(preset, CPU)
    actor = make_actor(preset, learner.policies[0].policy, load_real_images(preset, CPU), 1, canvases=4)
    episodes = actor.unroll().before
    seen = Observation(
        torch.zeros(4, 16, 16, 1, dtype=torch.uint8),
        episodes.targets,
        episodes.previous,
        episodes.effective,
        torch.zeros(4),
        None,
    )
    lots = torch.rand(1, 4)
    whole = torch.compile(decide, backend="eager", fullgraph=True, dynamic=False)
    with torch.no_grad():
        expected = decide(actor.policy, seen, episodes.state, 1.0, lots)
        found = whole(actor.policy, seen, episodes.state, 1.0, lots)
    assert torch.equal(found[0], expected[0])
    assert torch.allclose(found[2], expected[2], atol=1e-6)


def test_an_upload_stays_on_the_processor_where_the_networks_are():
    value = torch.ones(3)
    assert upload(value, CPU) is value
