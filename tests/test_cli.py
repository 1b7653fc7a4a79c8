"""The command line as users call it: results, exit status 2 and one line for wrong input."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from spiral import agent
from spiral.cli import main
from spiral.datasets import load
from spiral.engines import make, missing, observe
from spiral.program import Program

AGENTS = [
    name
    for name, engine in (("mnist-reconstruct", "mypaint"), ("mnist-reconstruct-vector", "vector"))
    if missing(engine) is None
]


works = pytest.mark.skipif(missing("mypaint") is not None, reason="libmypaint is not installed")


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("digits")
    for index, picture in enumerate(load("mnist-sample", 28, 1, "test").images[:3]):
        Image.fromarray(picture[..., 0]).save(folder / f"{index}.png")
    return sorted(folder.iterdir())


def fails(capsys, *arguments: str) -> str:
    """Run a command that must end with status 2 and one line on stderr; returns the line."""
    capsys.readouterr()
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("spiral: ")
    return err


@pytest.mark.parametrize("name", AGENTS)
def test_paint_then_render_gives_the_same_picture_at_any_size(name, digits, tmp_path):
    out = tmp_path / "deep" / "out"
    assert main(["paint", *map(str, digits), "--checkpoint", name, "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(
        f"{path.stem}{ending}" for path in digits for ending in (".png", ".program.json")
    )
    program = str(out / "0.program.json")
    assert main(["render", program, "--out", str(tmp_path / "again.png")]) == 0
    assert (tmp_path / "again.png").read_bytes() == (out / "0.png").read_bytes()
    assert main(["render", program, "--size", "200", "--out", str(tmp_path / "large.png")]) == 0
    assert Image.open(tmp_path / "large.png").size == (200, 200)
    assert main(["render", program, "--out", str(tmp_path / "film.gif")]) == 0
    assert Image.open(tmp_path / "film.gif").n_frames > 2


@pytest.mark.parametrize("name", AGENTS)
def test_the_shipped_agents_are_as_good_as_the_readme_says(name, capsys):
    assert main(["evaluate", "--checkpoint", name, "--data", "mnist-sample", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["images"] == 1000
    assert figures["mse"] <= 0.25 * figures["blank_mse"]
    assert figures["l2"] == pytest.approx(figures["mse"] * 32 * 32)
    assert figures["accuracy"] >= 0.95
    assert figures["real_accuracy"] >= 0.985
    assert figures["programs_per_second"] > 0


@pytest.mark.parametrize("name", AGENTS)
def test_shipped_agents_are_small_and_tell_how_they_were_made(name):
    folder = agent.find(name)
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 8 * 2**20
    assert "spiral train" in (folder / "README.md").read_text()
    assert (folder / "metrics.jsonl").is_file()


@pytest.mark.parametrize("name", [pytest.param("photos-reconstruct", marks=works), "photos-reconstruct-vector"])
def test_the_photographs_agents_are_as_good_as_the_readme_says(capsys, name):
    options = ["--data", "photos", "--limit", "100", "--commands", "20", "50", "--json"]
    assert main(["evaluate", "--checkpoint", name, *options]) == 0
    after = json.loads(capsys.readouterr().out)["after"]
    assert after[0]["mse"] < 0.020 and after[1]["mse"] < 0.015
    assert after[0]["psnr"] > 16 and after[1]["psnr"] > after[0]["psnr"]


@works
def test_a_photograph_is_painted_by_the_shipped_agent(tmp_path):
    from skimage.data import chelsea

    Image.fromarray(chelsea()).save(tmp_path / "cat.png")
    out = tmp_path / "out"
    assert main(["paint", str(tmp_path / "cat.png"), "--strokes", "100", "--size", "256", "--out", str(out)]) == 0
    painted = Image.open(out / "cat.png")
    assert painted.size == (256, 170)
    photograph = np.asarray(Image.fromarray(chelsea()).resize((64, 42)), float)
    shown = np.asarray(painted.resize((64, 42)), float)
    assert np.square((shown - photograph) / 255).mean() < 0.015


@works
@pytest.mark.parametrize(
    ("name", "most"),
    [("mnist-reconstruct-blind", 0.4), ("mnist-reconstruct-l2", 0.25), ("omniglot-reconstruct", 0.5)],
)
def test_other_shipped_agents_redraw_digits(name, most, capsys):
    """Digits are new to the characters' agent, whose brushes are too thin for them."""
    assert main(["evaluate", "--checkpoint", name, "--data", "mnist-sample", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ratio"] <= most


def test_proposals_and_moves_of_the_best_bring_a_painting_nearer(capsys):
    command = ["evaluate", "--checkpoint", "photos-reconstruct-vector", "--data", "photos", "--split", "test"]
    errors, command = [], [*command, "--limit", "8", "--commands", "8"]
    moved = ["--candidates", "8", "--moves", "4"]
    for options in ([], ["--candidates", "8"], moved, [*moved, "--evaluations", "40"]):
        assert main([*command, "--json", *options]) == 0
        errors.append(json.loads(capsys.readouterr().out)["mse"])
    assert errors[3] < errors[2] < errors[1] < errors[0]
    assert "evaluations must be 0 to" in fails(capsys, *command, "--evaluations", "-1")
    assert "candidates" in fails(capsys, *command, "--moves", "4")


@works
def test_the_shipped_agent_invents_digits_of_all_classes(capsys):
    assert main(["evaluate", "--checkpoint", "mnist-generate", "--data", "mnist-sample", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["images"] == 1000 and figures["classes"] == 10
    assert figures["class_entropy"] >= 2.1 and figures["confidence"] >= 0.85
    assert figures["frechet"] <= 0.25 * min(figures["frechet_blank"], figures["frechet_random"])
    assert figures["repeats"] < 0.01


def test_a_large_picture_is_painted_in_its_shape_and_shown_in_every_format(tmp_path, capsys):
    pixels = np.zeros((40, 60), np.uint8)
    pixels[10:30, 20:25], pixels[20:24, 5:50] = 255, 200
    Image.fromarray(pixels).save(tmp_path / "cross.png")
    out, picture = tmp_path / "out", str(tmp_path / "cross.png")
    options = ["--checkpoint", "mnist-reconstruct-vector", "--strokes", "24", "--size", "120", "--out", str(out)]
    assert main(["paint", picture, *options]) == 0
    painted = Image.open(out / "cross.png")
    assert painted.size == (120, 80)
    shown = np.asarray(painted.convert("L").resize((60, 40)), float)
    assert np.square(shown - pixels).mean() < 0.5 * np.square(pixels.astype(float)).mean()
    program = str(out / "cross.program.json")
    for name in ("x.png", "x.svg", "x.plot.svg", "x.strip.png", "x.gif", "x.mp4"):
        assert main(["render", program, "--size", "64", "--out", str(tmp_path / name)]) == 0
        assert (tmp_path / name).stat().st_size > 200
    capsys.readouterr()
    assert main(["program", "show", program, "--json"]) == 0
    count = len(json.loads(capsys.readouterr().out)["strokes"])
    assert 1 <= count <= 24
    assert main(["program", "show", program]) == 0
    half, turned, red = (str(tmp_path / f"{name}.json") for name in ("half", "turned", "red"))
    assert main(["program", "trim", program, "--last", str(count // 2), "--out", half]) == 0
    assert main(["program", "reorder", half, "--order", "reverse", "--out", turned]) == 0
    assert main(["program", "recolor", turned, "--palette", "#ff0000", "--ground", "#ffffff", "--out", red]) == 0
    assert main(["render", red, "--out", str(tmp_path / "red.png")]) == 0
    colours = np.asarray(Image.open(tmp_path / "red.png")).reshape(-1, 3)
    assert colours[:, 0].min() > 250 and colours[:, 1].min() < 100, "red on white"


def test_the_greedy_painter_is_a_search(tmp_path, capsys):
    Image.new("L", (8, 8), 200).save(tmp_path / "a.png")
    options = ["--greedy", "8", "--evaluations", "24", "--preset", "mnist-reconstruct-vector", "--json"]
    assert main(["search", str(tmp_path / "a.png"), "--out", str(tmp_path / "o"), *options]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert [point["evaluations"] for point in figures["curve"]] == [8, 16, 24]
    assert figures["ratio"] < 1.0
    assert json.loads((tmp_path / "o" / "search.json").read_text())["greedy"] == 8


def test_painting_more_pictures_does_not_change_the_first():
    loaded = agent.load_agent(AGENTS[-1])
    pictures = load("mnist-sample", loaded.size, 1, "test").images
    few, many = loaded.reconstruct(pictures[:2], seed=3), loaded.reconstruct(pictures[:5], seed=3)
    assert few.programs == many.programs[:2]
    assert np.array_equal(few.canvases, many.canvases[:2])


def test_lists(capsys):
    assert main(["presets", "--json"]) == 0
    assert "mnist-reconstruct" in json.loads(capsys.readouterr().out)["presets"]
    assert main(["engines", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["vector"]["works"]
    assert main(["program"]) == 2 and main(["program", "--help"]) == 0
    assert main(["presets"]) == main(["engines"]) == main([]) == main(["--version"]) == 0


def test_training_writes_what_the_contract_says(tmp_path):
    out = tmp_path / "run"
    small = [
        "--learning.batch-size",
        "8",
        "--learning.unroll-length",
        "2",
        "--data.held-out",
        "8",
        "--engine",
        "vector",
    ]
    assert main(["train", "mnist-reconstruct", "--out", str(out), "--frames", "32", *small]) == 0
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["commands"] == 32 and {"seconds", "mse", "blank_mse"} <= set(rows[-1])
    assert (out / "agent" / "config.json").is_file()
    assert main(["train", "mnist-reconstruct", "--out", str(out), "--frames", "48", "--resume", *small]) == 0
    data = str(tmp_path / "d.npz")
    np.savez(data, images=np.zeros((4, 10, 12), np.uint8))
    assert main(["evaluate", "--checkpoint", str(out), "--data", data]) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dance"], "unknown command"),
        (["train"], "name a preset"),
        (["train", "mnist-dream"], "unknown preset"),
        (["train", "mnist-reconstruct", "--minutes", "-1", "--out", "{tmp}/r"], "--minutes"),
        (["train", "mnist-reconstruct", "--data.source", "{tmp}/none", "--out", "{tmp}/r"], "no such file"),
        (["train", "mnist-reconstruct", "--engine", "chalk", "--out", "{tmp}/r"], "unknown engine"),
        (["train", "mnist-reconstruct", "--data.size", "48", "--out", "{tmp}/r"], "power of two"),
        (["train", "mnist-reconstruct", "--resume", "--out", "{tmp}/r"], "no checkpoint to resume"),
        (["train", "mnist-reconstruct", "--run.device", "toaster", "--out", "{tmp}/r"], "unknown device"),
        (["paint", "--out", "{tmp}/o"], "at least one picture"),
        (["paint", "{tmp}/none.png", "--out", "{tmp}/o"], "none.png"),
        (["paint", "{tmp}/text.png", "--out", "{tmp}/o"], "not a readable picture"),
        (["paint", "{tmp}/a/7.png", "{tmp}/b/7.png", "--out", "{tmp}/o"], "both called '7'"),
        (["paint", "{tmp}/a/7.png", "--checkpoint", "nobody", "--out", "{tmp}/o"], "no checkpoint"),
        (["paint", "{tmp}/a/7.png", "--checkpoint", "{tmp}/a", "--out", "{tmp}/o"], "config.json"),
        (["paint", "{tmp}/a/7.png", "--out", "{tmp}/text.png"], "cannot create the folder"),
        (["paint", "{tmp}/a/7.png", "--out", "{tmp}/o", "--strokes", "0"], "strokes must be"),
        (["paint", "{tmp}/a/7.png", "--out", "{tmp}/o", "--palette", "3"], "--palette needs --strokes"),
        (["paint", "{tmp}/a/7.png", "--out", "{tmp}/o", "--engine", "chalk"], "unknown engine"),
        (
            ["paint", "{tmp}/text.png", "--out", "{tmp}/o", "--strokes", "9", "--checkpoint", AGENTS[-1]],
            "not a readable",
        ),
        (["sample", "--checkpoint", AGENTS[-1], "--out", "{tmp}/o"], "spiral paint"),
        (["program"], "name a verb"),
        (["program", "sing"], "unknown verb"),
        (["program", "trim", "{tmp}/p.json", "--last", "9", "--out", "{tmp}/x.json"], "not among 1 to 1"),
        (["program", "reorder", "{tmp}/p.json", "--numbers", "2", "--out", "{tmp}/x.json"], "once"),
        (["program", "recolor", "{tmp}/p.json", "--out", "{tmp}/x.json"], "--palette, --ground"),
        (["program", "recolor", "{tmp}/p.json", "--palette", "red", "--out", "{tmp}/x.json"], "#102030"),
        (["program", "show", "{tmp}/text.png"], "not a program"),
        (["search", "{tmp}/a/7.png", "--greedy", "5", "--evaluations", "3", "--out", "{tmp}/o"], "--greedy"),
        (["evaluate", "--data", "mnist-sample", "--commands", "0"], "--commands"),
        (["render", "{tmp}/none.json", "--out", "{tmp}/x.png"], "none.json"),
        (["render", "{tmp}/text.png", "--out", "{tmp}/x.png"], "not a program"),
        (["render", "{tmp}/p.json", "--out", "{tmp}/x.bmp"], "ending"),
        (["render", "{tmp}/p.json", "--size", "99999", "--out", "{tmp}/x.png"], "size must be"),
        (["render", "{tmp}/other.json", "--out", "{tmp}/x.png"], "specification"),
        (["render", "{tmp}/unknown.json", "--out", "{tmp}/x.png"], "unknown engine"),
        (["evaluate", "--data", "{tmp}/none.npz"], "no such file"),
        (["evaluate", "--data", "mnist-sample", "--limit", "0"], "--limit"),
        (["evaluate", "--data", "mnist-sample", "--split", "half"], "--split"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_nothing(arguments, says, capsys, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("L", (9, 9)).save(tmp_path / name / "7.png")
    (tmp_path / "text.png").write_text("not a picture")
    vector = agent.load_agent("mnist-reconstruct-vector").preset.canvas
    rows = ((1,) + (0,) * (len(vector.choices) - 1),)
    good = Program(vector.specification(), rows, "vector", vector.to_json())
    good.save(tmp_path / "p.json")
    (tmp_path / "other.json").write_bytes(good.to_json().replace(b'"grid":32,"radii"', b'"grid":16,"radii"'))
    (tmp_path / "unknown.json").write_bytes(good.to_json().replace(b'"vector"', b'"chalk"'))
    before = sorted(tmp_path.rglob("*"))
    line = fails(capsys, *(argument.format(tmp=tmp_path) for argument in arguments))
    assert says in line
    after = [path for path in sorted(tmp_path.rglob("*")) if path not in before]
    assert [path for path in after if path.is_file()] == []


def spoil(folder: Path, how: str) -> None:
    weights = folder / "policy.safetensors"
    if how == "truncated":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif how == "missing":
        weights.unlink()
    elif how == "pickle":
        weights.write_bytes(b"\x80\x04K\x01.")
    elif how == "config":
        (folder / "config.json").write_text("{")
    elif how == "empty":
        (folder / "config.json").write_text("{}")
    else:
        tensors = load_file(weights)
        name = next(iter(sorted(tensors)))
        if how == "shape":
            tensors[name] = np.zeros((3, 3), np.float16)
        elif how == "nan":
            tensors[name] = np.full_like(tensors[name], np.nan)
        else:
            tensors["surplus"] = tensors.pop(name)
        save_file(tensors, weights)


@pytest.mark.parametrize("how", ["truncated", "missing", "pickle", "config", "empty", "shape", "nan", "names"])
def test_a_spoilt_checkpoint_is_refused(how, capsys, digits, tmp_path):
    shutil.copytree(agent.find(AGENTS[-1]), tmp_path / "agent")
    spoil(tmp_path / "agent", how)
    line = fails(capsys, "paint", str(digits[0]), "--checkpoint", str(tmp_path / "agent"), "--out", str(tmp_path / "o"))
    assert str(tmp_path / "agent") in line
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("seed", ["-1", str(2**64)])
@pytest.mark.parametrize(
    "command", [("sample", "--count", "1"), ("paint", "7.png", "--strokes", "2", "--effort", "1"),
                ("paint", "7.png", "--strokes", "2", "--effort", "0"), ("paint", "7.png", "--checkpoint", AGENTS[-1])],
)  # fmt: skip
def test_a_seed_out_of_range_is_told(capsys, tmp_path, monkeypatch, command, seed):
    monkeypatch.chdir(tmp_path)
    Image.effect_noise((28, 28), 50).save("7.png")
    assert "seed must be 0 to" in fails(capsys, *command, f"--seed={seed}", "--out", "out")


def test_a_pointer_in_place_of_weights_is_named(capsys, tmp_path):
    shutil.copytree(agent.find(AGENTS[-1]), tmp_path / "agent")
    (tmp_path / "agent" / "policy.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:a\n")
    line = fails(capsys, "paint", "7.png", "--checkpoint", str(tmp_path / "agent"), "--out", str(tmp_path))
    assert "git lfs pull" in line


def test_a_current_folder_that_was_deleted_is_told(capsys, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "does not exist any more; change to another" in fails(capsys, "presets")


def test_closed_streams_are_no_matter():
    """As a service's or a cron job's may be: a file that took their place would get what libraries print."""
    script = "import os, sys; from spiral.cli import main; sys.exit(main(['presets', '--json']) or os.open('/', 0) < 3)"
    command = f'"{sys.executable}" -c "{script}" <&- >&- 2>&-'
    assert subprocess.run(command, shell=True).returncode == 0


def test_a_folder_without_permission_is_named(capsys, digits, tmp_path):
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write anywhere")
    arguments = ("paint", str(digits[0]), "--checkpoint", AGENTS[-1], "--out")
    assert "Permission denied" in fails(capsys, *arguments, str(tmp_path / "o"))
    assert "no permission" in fails(capsys, *arguments, str(tmp_path))


def test_an_inventing_agent_is_trained_sampled_and_measured(tmp_path, capsys):
    run, out = tmp_path / "run", tmp_path / "out"
    small = ["--engine", "vector", "--frames", "128", "--learning.unroll-length", "2", "--data.held-out", "16"]
    assert main(["train", "mnist-generate", *small, "--run.threads", "1", "--out", str(run)]) == 0
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"held_out/class_entropy", "held_out/frechet", "held_out/repeats"} <= set(last)
    assert "Fréchet distance" in capsys.readouterr().err
    sheet = ["--sheet", str(tmp_path / "new" / "sheet.png")]
    assert main(["sample", "--checkpoint", str(run), "--count", "3", "--seed", "5", "--out", str(out), *sheet]) == 0
    assert sorted(path.name for path in out.glob("*.png")) == ["0000.png", "0001.png", "0002.png"]
    assert Image.open(sheet[1]).size[0] > 2 * 64
    capsys.readouterr()
    assert main(["evaluate", "--checkpoint", str(run), "--data", "mnist-sample", "--limit", "100", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["images"] == 100
    assert figures["class_entropy_real"] > 2.2 and figures["confidence_real"] > 0.8
    untrained = (figures["frechet"], figures["frechet_random"], figures["frechet_blank"])
    assert figures["frechet_real"] < 0.3 * min(untrained)
    assert 0 < figures["precision_real"] <= 1 and 0 <= figures["recall"] <= figures["recall_real"]


@pytest.mark.parametrize("name", AGENTS[-1:])
def test_an_inventing_agent_learns_from_another_ones_programs(name, tmp_path, capsys):
    path, run = tmp_path / "new" / "lessons.npz", tmp_path / "run"
    assert main(["lessons", "--data", "mnist-sample", "--checkpoint", name, "--limit", "300", "--out", str(path)]) == 0
    with np.load(path) as archive:
        assert archive["images"].shape == (300, 32, 32, 1) and archive["programs"].shape[0] == 300
        length = str(archive["programs"].shape[1])
    kind = ["--policy.no-sees-target", "--policy.cluster-means", "0", "--policy.noise", "4", "--policy.noise-to-core"]
    few = ["--learning.lessons", "16", "--learning.lesson-pretraining", "0.5", "--learning.lesson-programs", str(path)]
    rest = ["--engine", agent.load_agent(name).preset.engine, "--data.held-out", "8", "--frames", "1500"]
    train = ["train", "mnist-generate", *kind, *few, *rest, "--out", str(run), "--learning.unroll-length"]
    assert main([*train, length]) == 0
    losses = [json.loads(line).get("policy/lesson_loss") for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert (run / "agent" / "policy.safetensors").is_file() and losses
    assert "programs of 3 commands" in fails(capsys, *train, "3", "--resume")


@pytest.mark.parametrize("name", AGENTS[-1:])
def test_refined_lessons_are_nearer_to_their_pictures(name, tmp_path):
    agent_, write = agent.load_agent(name), ["lessons", "--data", "mnist-sample", "--checkpoint", name, "--limit", "6"]
    errors = []
    for evaluations in ("0", "40"):
        path = tmp_path / f"{evaluations}.npz"
        assert main([*write, "--commands", "5", "--evaluations", evaluations, "--out", str(path)]) == 0
        with np.load(path) as archive:
            assert archive["programs"].shape[:2] == (6, 5)
            engine = make(agent_.preset.engine, 6, agent_.preset.canvas.to_json())
            engine.reset(np.arange(6))
            for commands in archive["programs"].astype(np.int64).swapaxes(0, 1):
                engine.step(commands)
            errors.append(np.square(observe(engine.canvases(), agent_.size) / 255 - archive["images"] / 255).mean())
    assert errors[1] < 0.9 * errors[0]


@works
def test_a_search_finds_programs_for_agents_to_learn_from(digits, tmp_path, capsys):
    folder, path = digits[0].parent, tmp_path / "found.npz"
    write = ["lessons", "--data", str(folder), "--out", str(path), "--commands", "20", "--moves", "1"]
    few = [*write, "--strokes", "200"]
    assert main([*few, "--preset", "celeba-reconstruct"]) == 0
    with np.load(path) as archive:
        assert archive["programs"].shape[1:] == (20, 9) and archive["images"].shape[1:] == (64, 64, 3)
        assert (archive["programs"][..., 0] == 1).any()
    assert "'start'" in fails(capsys, *few, "--preset", "mnist-reconstruct")
    assert "does not paint strokes" in fails(capsys, *few, "--preset", "scene-reconstruct")
    assert "leave out --preset" in fails(capsys, *few, "--preset", "celeba-reconstruct", "--evaluations", "5")
    assert "--commands" in fails(capsys, *few, "--commands", "0")


@works
def test_an_agent_and_a_search_write_programs_in_turns(digits, tmp_path, capsys):
    path = tmp_path / "turns.npz"
    data = ["lessons", "--data", str(digits[0].parent), "--out", str(path), "--moves", "1"]
    # Without strokes of its own the search moves the agent's commands.
    assert main([*data, "--strokes", "0", "--checkpoint", "celeba-reconstruct", "--turns", "1", "1"]) == 0
    with np.load(path) as archive:
        assert (archive["programs"][archive["taught"]][:, 0] == 1).mean() > 0.5
    write = [*data, "--strokes", "200"]
    assert main([*write, "--checkpoint", "celeba-reconstruct", "--turns", "3", "2"]) == 0
    with np.load(path) as archive:
        count, taught = len(archive["images"]), archive["taught"]
        assert archive["programs"].shape == (count, 20, 9)
        assert taught.shape == (count, 20) and 7 <= taught[0].sum() <= 9
    assert "celeba-reconstruct and a search" in capsys.readouterr().err.replace("\n", " ")
    own = [*data, "--strokes", "0", "--turns", "1", "1", "--checkpoint"]
    assert "'start'" in fails(capsys, *own, "mnist-reconstruct-vector")
    still = [*own, "celeba-reconstruct"]
    still[still.index("--moves") + 1] = "0"
    assert "--moves 1 or more" in fails(capsys, *still)
    assert "--turns" in fails(capsys, *data, "--strokes", "0", "--preset", "celeba-reconstruct")
    assert "must be 1 to 1000" in fails(capsys, *write, "--checkpoint", "celeba-reconstruct", "--turns", "0", "2")
    assert "leave out --preset" in fails(capsys, *write, "--preset", "celeba-reconstruct", "--turns", "3", "2")
    assert "--evaluations" in fails(capsys, *write, "--turns", "3", "2", "--evaluations", "5")
    assert "redraws nothing" in fails(capsys, *write, "--checkpoint", "mnist-generate", "--turns", "3", "2")
    assert "does not paint strokes" in fails(capsys, *write, "--checkpoint", "scene-reconstruct", "--turns", "3", "2")


def test_search_writes_programs_and_its_record(digits, tmp_path, capsys):
    out = tmp_path / "found"
    engine = ["--preset", "mnist-reconstruct-vector", "--evaluations", "60", "--commands", "5", "--chains", "2"]
    assert main(["search", str(digits[0]), *engine, "--out", str(out), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    record = json.loads((out / "search.json").read_text())
    assert figures["evaluations"] == record["evaluations"] == 60
    assert record["curve"][0]["l2"] >= record["curve"][-1]["l2"] == pytest.approx(figures["l2"], rel=1e-4)
    assert len(Program.load(out / "0.program.json").commands) <= 5
    assert main(["search", "--data", "mnist-sample", "--limit", "2", *engine, "--out", str(tmp_path / "data")]) == 0
    assert len(list((tmp_path / "data").glob("*.program.json"))) == 2


def test_search_wants_pictures_or_a_data_set(digits, tmp_path, capsys):
    twins = [str(digits[0]), str(shutil.copy(digits[0], tmp_path / digits[0].name))]
    assert "both called" in fails(capsys, "search", *twins, "--out", str(tmp_path / "o"))
    assert "--limit" in fails(capsys, "search", "--data", "mnist-sample", "--limit", "-3", "--out", str(tmp_path))
    assert "seed" in fails(capsys, "search", str(digits[0]), "--seed", "-1", "--out", str(tmp_path))
    assert "cannot read" in fails(capsys, "paint", "a" * 300 + ".png", "--out", str(tmp_path))
    assert "--data" in fails(capsys, "search", "--out", str(tmp_path))
    assert "--data" in fails(capsys, "search", str(digits[0]), "--data", "mnist-sample", "--out", str(tmp_path))
    with pytest.raises(SystemExit, match="2"):
        main(["search", str(digits[0]), "--variance", "-1", "--out", str(tmp_path)])
    assert "search.variance must be" in capsys.readouterr().err


def test_render_colours_strokes_by_time(digits, tmp_path):
    out = tmp_path / "out"
    assert main(["paint", str(digits[0]), "--checkpoint", AGENTS[-1], "--out", str(out)]) == 0
    command = ["render", str(out / "0.program.json"), "--colour-by-time", "--size", "256", "--out"]
    assert main([*command, str(tmp_path / "time.png")]) == 0
    picture = np.asarray(Image.open(tmp_path / "time.png"))
    assert picture.shape == (256, 256, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


def test_a_folder_of_drawings_black_on_white_is_painted(tmp_path):
    for name, turn in (("white-on-black", False), ("black-on-white", True)):
        folder = tmp_path / name / "deeper"
        folder.mkdir(parents=True)
        for index, digit in enumerate(load("mnist-sample", 32, 1, "test").images[:2, :, :, 0]):
            Image.fromarray(255 - digit if turn else digit).save(folder / f"{index}.png")
        arguments = [
            "--checkpoint",
            AGENTS[-1],
            "--out",
            str(tmp_path / f"{name}-out"),
            *(["--invert"] if turn else []),
        ]
        assert main(["paint", str(tmp_path / name), *arguments]) == 0
    for program in ("0.program.json", "1.program.json"):
        one, other = (tmp_path / f"{name}-out" / program for name in ("white-on-black", "black-on-white"))
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.skipif(missing("scene") is not None, reason=f"scene: {missing('scene')}")
def test_the_scenes_agent_is_as_good_as_the_guide_says(capsys, tmp_path):
    options = ["--data", "scenes", "--limit", "100", "--json"]
    assert main(["evaluate", "--checkpoint", "scene-reconstruct", *options]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["ratio"] < 0.30
    assert figures["recall"] > 0.80
    Image.fromarray(load("scenes:1", 64, 3, "train").images[0]).save(tmp_path / "scene.png")
    out = tmp_path / "built"
    assert main(["paint", str(tmp_path / "scene.png"), "--checkpoint", "scene-reconstruct", "--out", str(out)]) == 0
    assert main(["render", str(out / "scene.program.json"), "--out", str(out / "large.png"), "--size", "200"]) == 0
    assert Image.open(out / "large.png").size == (200, 200)
    line = fails(capsys, "render", str(out / "scene.program.json"), "--out", str(out / "x.svg"))
    assert "not a program of brush strokes" in line
    engine = ["--checkpoint", "scene-reconstruct", "--engine", "vector"]
    assert "cannot execute" in fails(
        capsys, "paint", str(tmp_path / "scene.png"), *engine, "--out", str(tmp_path / "n")
    )
