"""Population based training: bad members copy good ones, and a crash costs an interval at most."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from problems import line_pictures, tiny

from spiral.agent import load_agent
from spiral.errors import InputError
from spiral.evaluation.population_plots import lineage, plot_schedules

pytest.importorskip("ray")

from spiral.scaling.population import PERTURBATION_FACTORS, read_rows, train_population, with_settings
from spiral.scaling.settings import PopulationSettings

SETTINGS = PopulationSettings(4, 64 * 24, 6, rates=(1e-5, 3e-3))


def test_the_worst_take_over_from_the_best_and_perturb(lines, tmp_path):
    preset = tiny(lines)
    rows = train_population(preset, SETTINGS, tmp_path / "run", False)
    assert {row["commands"] for row in rows} == {256, 512, 768, 1024, 1280, 1536}
    assert [row["member"] for row in rows if row["commands"] == 1536] == [0, 1, 2, 3], "all get to the end"
    events = [json.loads(line) for line in (tmp_path / "run" / "population.jsonl").read_text().splitlines()]
    taken = 0
    for number, event in enumerate(events):
        if event["copied_from"] != event["member"]:
            # It copied at the end of its previous interval, by the results known then.
            before = max(i for i in range(number) if events[i]["member"] == event["member"])
            known = {one["member"]: one["score"] for one in events[: before + 1]}
            assert known[event["member"]] == max(known.values()) and known[event["copied_from"]] == min(known.values())
            source = [one for one in events[: before + 1] if one["member"] == event["copied_from"]][-1]
            for name in ("policy_learning_rate", "entropy_coef"):
                assert min(abs(event[name] / source[name] / one - 1) for one in PERTURBATION_FACTORS) < 1e-6
            taken += 1
    assert taken >= 2
    agent = load_agent(str(tmp_path / "run"))
    best = min((row for row in rows if row["commands"] == SETTINGS.frames), key=lambda row: row["score"])
    assert agent.preset.learning.policy_learning_rate == pytest.approx(best["policy_learning_rate"])
    with pytest.raises(InputError, match="--resume"):
        train_population(preset, SETTINGS, tmp_path / "run", False)
    nowhere = replace(preset, data=replace(preset.data, source=str(tmp_path / "nothing")))
    with pytest.raises(InputError, match="nothing"):
        train_population(nowhere, SETTINGS, tmp_path / "other", False)
    with pytest.raises(InputError, match="no population to go on with"):
        train_population(preset, SETTINGS, tmp_path / "nowhere", True)


@pytest.mark.slow
def test_a_population_that_is_killed_goes_on(tmp_path):
    out = tmp_path / "run"
    data = line_pictures(tmp_path / "lines.npz")
    settings = PopulationSettings(3, 64 * 400, 10, rates=(1e-4, 3e-3), max_concurrent=2)
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1] / 'support')!r})\n"
        "from pathlib import Path; from problems import tiny\n"
        "from spiral.scaling.population import train_population\n"
        "from spiral.scaling.settings import PopulationSettings\n"
        f"train_population(tiny(Path({str(data)!r})), {settings!r}, Path({str(out)!r}), False)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while not (out / "population.jsonl").exists() or len(read_rows(out)) < 15:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len((out / "population.jsonl").read_text().splitlines())
    rows = train_population(tiny(data), settings, out, True)
    assert [row["member"] for row in rows if row["commands"] == settings.frames] == [0, 1, 2]
    written = [json.loads(line) for line in (out / "population.jsonl").read_text().splitlines()]
    assert len(written) > before and all(row["commands"] > 2560 for row in written[before:]), "it did not begin again"
    assert os.path.exists(out / "agent" / "policy.safetensors")


def row(member: int, copied_from: int, commands: int, score: float) -> dict:
    return {
        "member": member, "copied_from": copied_from, "commands": commands, "score": score,
        "policy_learning_rate": 1e-4 * (member + 1), "entropy_coef": 1e-2,
    }  # fmt: skip


def test_the_line_of_the_winner_goes_back_through_those_it_took_over_from():
    rows = [row(0, 0, 10, 0.9), row(1, 1, 10, 0.5), row(0, 1, 20, 0.4), row(1, 1, 20, 0.6), row(0, 0, 30, 0.3)]
    rows.append(row(1, 1, 30, 0.55))
    assert [(r["member"], r["commands"]) for r in lineage(rows)] == [(1, 10), (0, 20), (0, 30)]
    svg = plot_schedules(rows)
    assert svg == plot_schedules(rows) and b"entropy cost" in svg


def test_a_members_settings_stay_until_the_next_comparison(lines):
    preset = with_settings(
        tiny(lines, learning_rate_end_factor=0.1), {"policy_learning_rate": 2e-4, "entropy_coef": 0.05}
    )
    learning = preset.learning
    assert (learning.policy_learning_rate, learning.learning_rate_end_factor) == (2e-4, 1.0)
    assert (learning.entropy_coef, learning.entropy_coef_end) == (0.05, 0.05)


@pytest.mark.parametrize("wrong", [{"members": 0}, {"rates": (1e-3, 1e-4)}, {"entropy_coefs": (0.0, 0.1)}])
def test_wrong_populations_are_refused(wrong):
    with pytest.raises(InputError, match="population"):
        PopulationSettings(**wrong)
