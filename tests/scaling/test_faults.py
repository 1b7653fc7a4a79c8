"""The fault drill, as documented."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "faults.py"


@pytest.mark.slow
@pytest.mark.timeout(590)
def test_whatever_is_killed_the_run_goes_on():
    command = [sys.executable, str(SCRIPT), "mnist-reconstruct-vector", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout.splitlines()[-1])
    assert len(results) == 6
    for name, row in results.items():
        assert row["learned_again"] < 120 and row["replaced"] < 120, name
    assert results["actor 1"]["lost"] == results["discriminator learner"]["lost"] == 0
