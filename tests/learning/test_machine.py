import functools

import pytest
import torch

from spiral.errors import InputError
from spiral.learning import machine
from spiral.learning.trainer import Budget, worth_compiling
from spiral.models.policy import Observation, Policy, PolicySettings
from spiral.specification import Category, Location, Specification, When


def small() -> tuple[Policy, Observation]:
    torch.manual_seed(0)
    specification = Specification((Category("flag", 2), Location("end", 4), Category("size", 2, When("flag", (1,)))))
    settings = PolicySettings(
        channels=4,
        core_channels=4,
        residual_blocks=1,
        hidden=8,
        location_channels=4,
        location_blocks=1,
        skip_connections=True,
    )
    pictures = torch.randint(256, (2, 6, 16, 16, 1), dtype=torch.uint8)
    zeros = torch.zeros(6, 3, dtype=torch.int64)
    seen = Observation(pictures[0], pictures[1], zeros, zeros.bool(), torch.zeros(6), None)
    return Policy(specification, 16, 1, settings), seen


def test_a_compiled_policy_does_what_the_plain_one_does(monkeypatch, tmp_path):
    policy, seen = small()
    plain, _ = small()
    # Only tracing the graph could fail here; generating C++ from it takes a minute and is torch's code.
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    monkeypatch.setattr(machine, "cannot_compile", lambda: None)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    machine.compile_policy(policy)
    with torch.no_grad():
        commands, *_, state = policy.act(seen, policy.initial_state(6), 0.0)
        expected, *_ = plain.act(seen, plain.initial_state(6), 0.0)
    assert torch.equal(commands, expected)
    decision, _ = policy.evaluate(seen, commands[None], policy.initial_state(6))
    alike, _ = plain.evaluate(seen, commands[None], plain.initial_state(6))
    assert torch.allclose(decision.log_probability, alike.log_probability, atol=1e-5)
    decision.log_probability.sum().backward()
    assert policy.stem.weight.grad is not None and state[0].shape == (6, 8)


def test_without_a_compiler_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    assert "g++" in (machine.cannot_compile() or "")
    with pytest.raises(InputError, match=r"run\.compile"):
        machine.compile_policy(small()[0])
    assert not worth_compiling(Budget(minutes=60))


def test_only_long_runs_by_the_clock_are_compiled(monkeypatch):
    monkeypatch.setattr(machine, "cannot_compile", lambda: None)
    assert worth_compiling(Budget(minutes=30))
    assert not worth_compiling(Budget(minutes=10))
    assert not worth_compiling(Budget(frames=10**9))
    assert not worth_compiling(Budget(minutes=30, frames=10**9))


def test_unknown_devices_are_refused():
    with pytest.raises(InputError, match="unknown device"):
        machine.choose_device("toaster")
    with pytest.raises(InputError, match="is not here"):
        machine.choose_device("cuda:99")
