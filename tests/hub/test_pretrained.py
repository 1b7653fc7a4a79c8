"""Agents on the Hugging Face hub: saved, pushed, fetched, and refused if corrupt."""

import json
import pickle
import shutil
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from hub import COMMIT, serving
from problems import tiny

import spiral
from spiral.cli import main
from spiral.hub.downloads import FILES
from spiral.settings import Preset

pytest.importorskip("huggingface_hub")
from spiral.hub import PretrainedAgent

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)


@pytest.fixture
def agent(an_agent) -> PretrainedAgent:
    bare = an_agent()
    return PretrainedAgent(bare.preset, bare.policy, bare.discriminator, "tiny", {"commands": 1234, "seconds": 5.5})


@pytest.fixture
def saved(agent, tmp_path):
    agent.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Makes the hub's client use an address, with a cache of its own."""

    def at(address: str) -> None:
        constants = "huggingface_hub.constants"
        monkeypatch.setattr(f"{constants}.ENDPOINT", address)
        pattern = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(f"{constants}.HUGGINGFACE_CO_URL_TEMPLATE", pattern)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    return at


def test_a_saved_agent_paints_and_judges_the_same(agent, saved):
    loaded = PretrainedAgent.from_pretrained(saved)
    # Weights are saved in half precision, so saving them again gives the same bits.
    loaded.save_pretrained(saved.parent / "again")
    for file in FILES:
        assert (saved.parent / "again" / file).read_bytes() == (saved / file).read_bytes()
    ours, theirs = (one.reconstruct(PICTURES) for one in (loaded, spiral.load(saved)))
    assert ours.programs == theirs.programs == agent.reconstruct(PICTURES).programs
    assert (loaded.score(ours.observed, PICTURES) == spiral.load(saved).score(ours.observed, PICTURES)).all()


def test_config_is_that_of_any_checkpoint(agent, saved):
    config = json.loads((saved / "config.json").read_text())
    assert config == {"preset": config["preset"], "commands": 1234, "seconds": 5.5}
    assert Preset.from_json(config["preset"]) == agent.preset
    assert PretrainedAgent.from_pretrained(saved).record == {"commands": 1234, "seconds": 5.5}


def test_saving_leaves_what_else_is_in_a_folder(agent, saved):
    (saved / "README.md").write_text("mine")
    (saved / "notes.txt").write_text("kept")
    agent.with_tools(brush="ink").save_pretrained(saved)
    assert sorted(path.name for path in saved.iterdir()) == sorted([*FILES, "README.md", "notes.txt"])
    assert (saved / "README.md").read_text() == "mine"
    assert PretrainedAgent.from_pretrained(saved).strokes.brush == "ink"
    with pytest.raises(spiral.InputError, match=r"notes\.txt"):
        agent.save_pretrained(saved / "notes.txt")


def test_shipped_agents_and_runs_are_found(lines, tmp_path):
    assert PretrainedAgent.from_pretrained("mnist-generate").record["commands"] == 1500160
    trained = spiral.train(tiny(lines), tmp_path / "run", frames=64)
    pictures = np.zeros((1, 16, 16, 1), np.uint8)
    loaded = PretrainedAgent.from_pretrained(tmp_path / "run")
    assert loaded.reconstruct(pictures).programs == trained.reconstruct(pictures).programs
    with pytest.raises(spiral.InputError, match="no checkpoint 'crayons'"):
        PretrainedAgent.from_pretrained("crayons")


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


def change(file: str, **changes):
    def spoil(folder):
        config = json.loads((folder / file).read_text())
        config["preset"].update(changes)
        (folder / file).write_text(json.dumps(config))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "config.json").write_text("{"), "not JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "JSON object"),
        (lambda folder: (folder / "config.json").write_text('{"preset": 3}'), "no preset"),
        (change("config.json", surprise=1), "surprise"),
        (change("config.json", data={"size": 32}), "wrong weights|shape"),
        (lambda folder: (folder / "discriminator.safetensors").unlink(), "cannot read"),
        (lambda folder: shutil.copy(folder / "policy.safetensors", folder / "discriminator.safetensors"), "weights"),
        (lambda folder: (folder / "policy.safetensors").write_bytes(b"\0" * 100), "not a whole safetensors file"),
    ],
)
def test_spoilt_agents_are_refused(saved, spoil, message):
    spoil(saved)
    with pytest.raises(spiral.InputError, match=message):
        PretrainedAgent.from_pretrained(saved)


def test_pickles_are_never_read(saved):
    trap = pickle.dumps(Trap(saved / "sprung"))
    (saved / "policy.safetensors").unlink()
    (saved / "pytorch_model.bin").write_bytes(trap)
    with pytest.raises(spiral.InputError, match=r"cannot read .*policy\.safetensors"):
        PretrainedAgent.from_pretrained(saved)
    (saved / "policy.safetensors").write_bytes(trap)
    with pytest.raises(spiral.InputError, match="not a whole safetensors file"):
        PretrainedAgent.from_pretrained(saved)
    assert not (saved / "sprung").exists()


def test_what_goes_up_is_a_checkpoint_and_a_page(agent, saved, monkeypatch):
    from huggingface_hub import HfApi, ModelCard, RepoUrl

    up = {}

    def create_repo(self, repo_id, **options):
        return RepoUrl(f"https://huggingface.co/{repo_id}")

    def upload_folder(self, *, repo_id, folder_path, **options):
        up.update({path.name: path.read_bytes() for path in folder_path.rglob("*")}, repo=repo_id)
        return "address"

    monkeypatch.setattr(HfApi, "create_repo", create_repo)
    monkeypatch.setattr(HfApi, "upload_folder", upload_folder)
    assert agent.push_to_hub("me/tiny") == "address"
    assert up.pop("repo") == "me/tiny"
    page = ModelCard(up.pop("README.md").decode())
    assert up == {file: (saved / file).read_bytes() for file in FILES}
    assert page.data.license == "apache-2.0" and page.data.library_name == "spiral-painter"
    assert {"spiral", "pytorch_model_hub_mixin"} <= set(page.data.tags or [])
    assert page.data.pipeline_tag == "image-to-image"
    assert 'spiral.load("hf:me/tiny")' in page.text and "agent.paint(" in page.text and "| 1,234 |" in page.text
    agent.push_to_hub("me/tiny", model_card_kwargs={"license": "cc-by-4.0"})
    assert ModelCard(up["README.md"].decode()).data.license == "cc-by-4.0"


def test_a_page_does_not_tell_where_its_maker_keeps_pictures(an_agent):
    bare = an_agent()
    moved = replace(bare.preset, data=replace(bare.preset.data, source="/home/someone/secret"))
    page = PretrainedAgent(moved, bare.policy, bare.discriminator, "tiny").generate_model_card()
    assert "secret" not in str(page) and "of its maker's own" in page.text


def test_an_agent_is_fetched_once_and_nothing_else_of_its_repository(saved, hub):
    (saved / "pytorch_model.bin").write_bytes(b"not asked for")
    wanted = spiral.load(saved).reconstruct(PICTURES).programs
    with serving("me/tiny", saved) as (address, asked):
        hub(address)
        assert spiral.load("hf:me/tiny").reconstruct(PICTURES).programs == wanted
        assert PretrainedAgent.from_pretrained("me/tiny").record["commands"] == 1234
        assert set(asked) == set(FILES)
        with pytest.raises(spiral.InputError, match="cannot load hf:me/other: there is no such repository"):
            spiral.load("hf:me/other")
    # Without the network the cache still serves.
    assert spiral.load("hf:me/tiny").reconstruct(PICTURES).programs == wanted
    assert PretrainedAgent.from_pretrained("me/tiny", local_files_only=True).name == "hf:me/tiny"


def test_what_is_fetched_is_checked(saved, hub):
    (saved / "policy.safetensors").write_bytes(pickle.dumps({"weights": 1}))
    with serving("me/tiny", saved) as (address, _):
        hub(address)
        with pytest.raises(spiral.InputError, match="not a whole safetensors file"):
            spiral.load("hf:me/tiny")


def test_a_repository_that_is_no_agent_is_refused(saved, hub):
    (saved / "policy.safetensors").rename(saved / "model.safetensors")
    with serving("me/tiny", saved) as (address, _):
        hub(address)
        with pytest.raises(spiral.InputError, match=r"no agent: its repository has no policy\.safetensors"):
            spiral.load("hf:me/tiny")


def test_without_the_network_the_command_ends_at_once_in_one_line(hub, tmp_path, capsys):
    hub("http://127.0.0.1:9")
    began = time.perf_counter()
    assert main(["sample", "--checkpoint", "hf:me/tiny", "--out", str(tmp_path / "out")]) == 2
    assert time.perf_counter() - began < 20
    told = capsys.readouterr().err.splitlines()
    assert told == ["spiral: cannot load hf:me/tiny: the hub cannot be reached, and it was never fetched"]


def test_pushing_without_the_network_is_an_input_error(agent, hub):
    hub("http://127.0.0.1:9")
    with pytest.raises(spiral.InputError, match="cannot push to me/tiny"):
        agent.push_to_hub("me/tiny")


def test_a_commit_can_be_named_and_is_not_waited_for_either(hub):
    hub("http://127.0.0.1:9")
    began = time.perf_counter()
    with pytest.raises(spiral.InputError, match="cannot be reached"):
        spiral.load(f"hf:me/tiny@{COMMIT}")
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize("name", ["hf:../../etc", "hf:", "hf:a/b/c"])
def test_names_that_no_repository_has_are_refused(name):
    with pytest.raises(spiral.InputError, match="cannot load hf:"):
        spiral.load(name)


def test_without_the_client_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(spiral.InputError, match="pip install"):
        spiral.load("hf:me/tiny")
    monkeypatch.delitem(sys.modules, "spiral.hub.pretrained")
    with pytest.raises(ImportError, match="pip install"):
        __import__("spiral.hub.pretrained")


def test_a_folder_comes_before_the_hub(saved, monkeypatch):
    monkeypatch.chdir(saved.parent)
    (saved.parent / "me").mkdir()
    saved.rename(saved.parent / "me" / "tiny")
    assert PretrainedAgent.from_pretrained("me/tiny").name == "me/tiny"
