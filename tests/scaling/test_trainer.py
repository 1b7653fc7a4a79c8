"""Distributed runs on a small Ray cluster of this machine's own: they learn, count, mend themselves, and go on."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from problems import rows, tiny

from spiral.agent import load_agent
from spiral.errors import InputError
from spiral.learning import checkpoint
from spiral.learning.trainer import Budget
from spiral.learning.trainer import train as train_alone
from spiral.scaling.settings import ClusterSettings

pytest.importorskip("ray")

from spiral.scaling.trainer import train


def test_a_distributed_run_learns_counts_and_can_be_gone_on_with_anywhere(lines, tmp_path):
    out = tmp_path / "run"
    agent = train(tiny(lines), out, Budget(frames=64 * 300), ClusterSettings(2))
    last = rows(out)[-1]
    assert last["commands"] == 64 * 300, "not one more"
    assert last["mse"] < 0.6 * last["blank_mse"]
    status = json.loads((out / "crew.json").read_text())
    assert status["commands"] == 64 * 300 and status["lost"] == status["dropped"] == 0
    assert status["painted"] <= 64 * (300 + 2 + 1), "no more was painted than may be under way"
    assert set(status["crew"]) == {"policy learner", "discriminator learner", "actor 1", "actor 2"}
    assert load_agent(str(agent)).conditional
    assert checkpoint.newest(out / "checkpoints").name == f"{64 * 300:012d}"
    figures = [row for row in rows(out) if "cluster/age" in row]
    assert all(0 <= row["cluster/age"] <= 3 for row in figures)
    preset = tiny(lines, correction="v-trace")
    train_alone(preset, out, Budget(frames=64 * 302), resume=True)
    assert rows(out)[-1]["commands"] == 64 * 302, "one machine goes on with it"
    with pytest.raises(InputError, match="--resume"):
        train(tiny(lines), out, Budget(frames=64), ClusterSettings(1))


def test_several_policies_and_several_learners_of_each(lines, tmp_path):
    out = tmp_path / "run"
    train(tiny(lines, policies=2, steps=2), out, Budget(frames=64 * 2 * 8), ClusterSettings(2, learners=2))
    last = rows(out)[-1]
    assert last["commands"] == 64 * 2 * 8 and "policy-2/mse" in last
    assert (out / "agent-2" / "policy.safetensors").is_file()


def test_unrolls_that_are_too_old_are_thrown_away_and_not_counted(lines, tmp_path):
    out = tmp_path / "run"
    train(tiny(lines), out, Budget(frames=64 * 20), ClusterSettings(2, queue=4, max_age=0))
    status = json.loads((out / "crew.json").read_text())
    assert status["commands"] == 64 * 20
    assert status["dropped"] > 0 and status["painted"] >= 64 * 20 + status["dropped"]


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

    def status() -> dict:
        try:
            return json.loads((out / "crew.json").read_text())
        except (OSError, ValueError):
            return {"commands": 0, "crew": {}}

    def kill() -> None:
        for name in ("actor 1", "discriminator learner", "policy learner"):
            while (pid := status()["crew"].get(name, {}).get("pid")) is None or status()["commands"] < 640:
                time.sleep(0.05)
            killed[name] = pid
            os.kill(pid, signal.SIGKILL)
            while status()["crew"].get(name, {}).get("pid") in (None, pid):
                time.sleep(0.05)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    train(preset, out, Budget(minutes=0.6), ClusterSettings(1))
    assert not thread.is_alive(), f"only {sorted(killed)} were replaced"
    after, counted = status(), [row["commands"] for row in rows(out)]
    assert all(after["crew"][name]["losses"] == 1 for name in killed)
    assert counted == sorted(counted) and counted[-1] == after["commands"] > 640
    assert after["commands"] == int(checkpoint.newest(out / "checkpoints").name)
    assert after["painted"] >= after["commands"], "what was painted once is learned from once"


def test_a_driver_that_is_killed_takes_all_with_it_and_its_run_can_be_gone_on_with(lines, tmp_path):
    out = tmp_path / "run"
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
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
    reached = int(checkpoint.newest(out / "checkpoints").name)
    train(tiny(lines), out, Budget(frames=reached + 64 * 4), ClusterSettings(1), resume=True)
    counted = [row["commands"] for row in rows(out)]
    assert counted == sorted(counted) and counted[-1] == reached + 64 * 4
