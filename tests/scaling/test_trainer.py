"""Distributed runs on a small local Ray cluster: they learn, count, recover from failures, and resume."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from problems import rows, tiny

from spiral.agent import load_agent
from spiral.errors import InputError
from spiral.learning import run_checkpoints
from spiral.learning.trainer import Budget
from spiral.learning.trainer import train as train_alone
from spiral.scaling.settings import ClusterSettings

pytest.importorskip("ray")

from spiral.scaling.trainer import train


def status(out: Path) -> dict[str, Any]:
    try:
        return json.loads((out / "cluster.json").read_text())
    except (OSError, ValueError):
        return {"commands": 0, "processes": {}}


def wait_for(found: Callable[[], Any], seconds: float = 60.0) -> Any:
    until = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return value


def test_a_distributed_run_learns_counts_and_can_be_gone_on_with_anywhere(lines, tmp_path):
    out = tmp_path / "run"
    agent = train(tiny(lines), out, Budget(frames=64 * 200), ClusterSettings(2))
    last = rows(out)[-1]
    assert last["commands"] == 64 * 200, "not one more"
    assert last["mse"] < 0.6 * last["blank_mse"]
    after = status(out)
    assert after["commands"] == 64 * 200 and after["lost"] == after["dropped"] == 0
    assert after["painted"] <= 64 * (200 + 2 + 1), "no more was painted than may be in flight"
    assert set(after["processes"]) == {"policy learner", "discriminator learner", "actor 1", "actor 2"}
    assert load_agent(str(agent)).conditional
    assert run_checkpoints.last(out).name == f"{64 * 200:012d}"
    figures = [row for row in rows(out) if "cluster/policy_lag" in row]
    assert all(0 <= row["cluster/policy_lag"] <= 3 for row in figures)
    train_alone(tiny(lines), out, Budget(frames=64 * 202), resume=True)
    assert rows(out)[-1]["commands"] == 64 * 202, "one machine goes on with it"
    newest = run_checkpoints.last(out)
    (newest / "policy_optimizer.safetensors").write_bytes(b"cut off")
    train(tiny(lines), out, Budget(frames=64 * 204), ClusterSettings(1), resume=True)
    assert rows(out)[-1]["commands"] == 64 * 204, "and a cluster with what one machine made of it"
    assert newest.with_name(f"{newest.name}.damaged").is_dir(), "that is, with the checkpoint before a damaged one"
    assert rows(out)[-1]["mse"] < 0.7 * last["blank_mse"]
    with pytest.raises(InputError, match="--resume"):
        train(tiny(lines), out, Budget(frames=64), ClusterSettings(1))


@pytest.mark.slow
def test_several_policies_and_several_learners_of_each(lines, tmp_path):
    out = tmp_path / "run"
    train(tiny(lines, population=2, unroll_length=2), out, Budget(frames=64 * 2 * 8), ClusterSettings(2, learners=2))
    last = rows(out)[-1]
    assert last["commands"] == 64 * 2 * 8 and "policy-2/mse" in last
    assert (out / "agent-2" / "policy.safetensors").is_file()


@pytest.mark.slow
def test_a_rank_that_is_killed_takes_its_group_with_it_and_another_group_goes_on(lines, tmp_path):
    out = tmp_path / "run"

    def kill() -> None:
        wait_for(lambda: status(out)["commands"] >= 640, 120.0)
        os.kill(status(out)["processes"]["policy learner"]["pid"], signal.SIGKILL)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    train(tiny(lines), out, Budget(minutes=1.5), ClusterSettings(1, learners=2))
    after, counted = status(out), [row["commands"] for row in rows(out)]
    assert not thread.is_alive() and after["processes"]["policy learner"]["restarts"] == 1
    assert counted == sorted(counted) and counted[-1] == after["commands"] > 640


@pytest.mark.slow
def test_a_stragglers_unrolls_are_thrown_away_and_not_counted(lines, tmp_path):
    """One of two actors stands still while the other one's unrolls are learned from."""
    out = tmp_path / "run"

    def stop_and_go() -> None:
        pid = wait_for(lambda: status(out)["processes"].get("actor 2", {}).get("pid"))
        wait_for(lambda: status(out)["commands"] > 64 * 10)
        for _ in range(4):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(1.0)
            os.kill(pid, signal.SIGCONT)
            time.sleep(1.0)

    thread = threading.Thread(target=stop_and_go, daemon=True)
    thread.start()
    train(tiny(lines), out, Budget(minutes=0.3), ClusterSettings(2, max_policy_lag=2))
    thread.join()
    after = status(out)
    assert after["dropped"] > 0 and after["painted"] >= after["commands"] + after["dropped"]
    assert after["commands"] == int(run_checkpoints.last(out).name)


def test_a_batch_can_be_put_together_from_several_actors_unrolls(lines, tmp_path):
    out = tmp_path / "run"
    train(tiny(lines), out, Budget(frames=64 * 200), ClusterSettings(2, canvases_per_actor=16))
    last = rows(out)[-1]
    assert last["commands"] == 64 * 200
    assert last["mse"] < 0.9 * last["blank_mse"]
    for wrong in (ClusterSettings(1, canvases_per_actor=48), ClusterSettings(1, learners=3)):
        with pytest.raises(InputError, match="divide the batch"):
            train(tiny(lines), tmp_path / "other", Budget(frames=64), wrong)
        assert not (tmp_path / "other").exists()


def test_wrong_input_far_away_is_told_as_if_it_were_here(lines, tmp_path):
    preset = replace(tiny(lines), data=replace(tiny(lines).data, source=str(tmp_path / "nowhere")))
    with pytest.raises(InputError, match="nowhere"):
        train(preset, tmp_path / "run", Budget(frames=64), ClusterSettings(1))
    with pytest.raises(InputError, match="no Ray cluster at"):
        train(tiny(lines), tmp_path / "other", Budget(frames=64), ClusterSettings(1, address="127.0.0.1:1"))


def test_whoever_is_killed_is_replaced_and_nothing_is_counted_twice(lines, tmp_path):
    """kill -9 of an actor, the discriminator learner and the policy learner while the run goes on."""
    out, killed = tmp_path / "run", {}
    preset = tiny(lines)
    preset = replace(preset, run=replace(preset.run, checkpoint_seconds=1.0))

    def kill() -> None:
        for name in ("actor 1", "discriminator learner", "policy learner"):
            wait_for(lambda: status(out)["commands"] >= 640)
            pid = killed[name] = wait_for(lambda name=name: status(out)["processes"].get(name, {}).get("pid"))
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda name=name, pid=pid: status(out)["processes"].get(name, {}).get("pid") not in (None, pid))

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    train(preset, out, Budget(minutes=0.8), ClusterSettings(1))
    assert not thread.is_alive(), f"only {sorted(killed)} were replaced"
    after, counted = status(out), [row["commands"] for row in rows(out)]
    assert all(after["processes"][name]["restarts"] == 1 for name in killed)
    assert counted == sorted(counted) and counted[-1] == after["commands"] > 640
    assert rows(out)[-1]["mse"] < 0.6 * rows(out)[-1]["blank_mse"], "those who came after went on from what was learned"
    assert after["commands"] == int(run_checkpoints.last(out).name)
    assert after["painted"] >= after["commands"], "what was painted once is learned from once"


@pytest.mark.slow
def test_a_driver_that_is_killed_takes_all_with_it_and_its_run_can_be_gone_on_with(lines, tmp_path):
    out = tmp_path / "run"
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1] / 'support')!r})\n"
        "from pathlib import Path; from dataclasses import replace; from problems import tiny\n"
        "from spiral.learning.trainer import Budget; from spiral.scaling.trainer import train\n"
        "from spiral.scaling.settings import ClusterSettings\n"
        f"p = tiny(Path({str(lines)!r})); p = replace(p, run=replace(p.run, checkpoint_seconds=0.5))\n"
        f"train(p, Path({str(out)!r}), Budget(minutes=5), ClusterSettings(1))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while int(max((path.name for path in out.glob("checkpoints/0*")), default="0")) == 0:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    reached = int(run_checkpoints.last(out).name)
    train(tiny(lines), out, Budget(frames=reached + 64 * 4), ClusterSettings(1), resume=True)
    counted = [row["commands"] for row in rows(out)]
    assert counted == sorted(counted) and counted[-1] == reached + 64 * 4
