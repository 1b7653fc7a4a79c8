"""Checkpoints with earlier names of settings and weights can still be read."""

import json
from dataclasses import replace

import torch
from safetensors.torch import load_file, save_file

from spiral.agent import load_agent
from spiral.io.files import read_bytes
from spiral.learning import run_checkpoints
from spiral.learning.trainer import Budget, train
from spiral.legacy import _FILES, _MODULES, _SETTINGS, rename_group, rename_settings
from spiral.presets import PRESETS
from spiral.settings import Preset


def aged(preset: Preset) -> dict:
    """A preset's JSON values as they were written then."""
    values = preset.to_json()
    for section, names in _SETTINGS.items():
        back = {new: old for old, new in names.items()}
        values[section] = {back.get(key, key): value for key, value in values[section].items()}
    return values


def test_every_old_name_stands_for_a_setting_of_today():
    for name, preset in PRESETS.items():
        assert Preset.from_json(aged(preset)) == preset, name
    values = PRESETS["mnist-reconstruct"].to_json()
    assert rename_settings(values) == values, "today's names stay"


def test_groups_keep_a_members_number():
    assert [rename_group(name) for name in ("average", "average-2", "units-3", "policy-2")] == [
        "ema", "ema-2", "reward_scale-3", "policy-2",
    ]  # fmt: skip


def test_a_run_of_the_old_names_paints_and_goes_on(lines, tmp_path):
    from problems import tiny

    preset, out = tiny(lines), tmp_path / "run"
    expected = load_agent(str(train(preset, out, Budget(frames=64 * 2))))
    modules, files = ({new: old for old, new in table.items()} for table in (_MODULES, _FILES))
    for folder in (out / "agent", run_checkpoints.last(out)):
        config = json.loads(read_bytes(folder / "config.json", 1 << 20))
        (folder / "config.json").write_text(json.dumps({**config, "preset": aged(preset)}))
        for path in list(folder.glob("*.safetensors")):
            old = {}
            for key, value in load_file(path).items():
                head, dot, rest = key.partition(".")
                old[modules.get(head, head) + dot + rest] = value
            save_file(old, path)
            path.rename(path.with_name(f"{files.get(path.stem, path.stem)}.safetensors"))
    assert (out / "checkpoints").is_dir() and list(out.glob("checkpoints/*/average.safetensors"))
    agent = load_agent(str(out / "agent"))
    assert all(torch.equal(a, b) for a, b in zip(agent.policy.parameters(), expected.policy.parameters(), strict=True))
    resumed = load_agent(str(train(replace(preset), out, Budget(frames=64 * 4), resume=True)))
    assert not torch.equal(next(resumed.policy.parameters()), next(agent.policy.parameters()))
