"""Hints of `spiral paint` for pictures that the agent does not expect."""

import json

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from spiral.agent import default
from spiral.cli import main
from spiral.datasets import load
from spiral.program import Program

AGENT = ("--checkpoint", "mnist-reconstruct-vector")


def test_paper_and_pen_are_told_from_chalk_and_board(tmp_path, capsys):
    digit = Image.fromarray(load("mnist-sample", 28, 1, "test").images[0][..., 0])
    digit.save(tmp_path / "chalk.png")
    ImageOps.invert(digit).save(tmp_path / "pen.png")
    out = ("--out", str(tmp_path / "out"), *AGENT)

    def told(*arguments: str) -> str:
        assert main(["paint", *arguments, *out]) == 0
        return " ".join(capsys.readouterr().err.split())

    assert "wrong way round" not in told(str(tmp_path / "chalk.png"))
    assert "wrong way round" not in told(str(tmp_path / "pen.png"), "--invert")
    assert "in pen.png: add --invert" in told(str(tmp_path / "pen.png"))
    assert "in chalk.png: leave out --invert" in told(str(tmp_path / "chalk.png"), "--invert")
    assert "wrote 2 pictures" in told(str(tmp_path / "chalk.png"), str(tmp_path / "pen.png"))


def test_who_names_no_agent_is_told_which_one_paints(tmp_path, capsys):
    Image.new("RGB", (40, 30), (0, 0, 0)).save(tmp_path / "night.jpg")
    assert main(["paint", str(tmp_path / "night.jpg"), "--out", str(tmp_path / "out")]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "which knows digits; for photographs add --strokes" in said and "night.program.json" in said


def test_a_picture_is_not_overwritten_by_its_painting(tmp_path, capsys, monkeypatch):
    Image.effect_noise((30, 20), 50).save(tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    monkeypatch.chdir(tmp_path)
    for command in (["paint", "a.png", *AGENT], ["paint", str(tmp_path), *AGENT], ["search", "a.png"]):
        assert main([*command, "--out", "."]) == 2
        assert "would be overwritten by its painting; name another folder with --out" in capsys.readouterr().err
    assert (tmp_path / "a.png").read_bytes() == before


def test_a_size_of_0_is_refused(tmp_path, capsys):
    Image.effect_noise((30, 20), 50).save(tmp_path / "a.png")
    more = ("--strokes", "2", "--size", "0", "--out", str(tmp_path / "out"))
    assert main(["paint", str(tmp_path / "a.png"), *AGENT, *more]) == 2
    assert "size must be 8 to" in capsys.readouterr().err


def test_one_bad_file_does_not_stop_a_folder(tmp_path, capsys):
    pictures, out = tmp_path / "pictures", tmp_path / "out"
    pictures.mkdir()
    digit = Image.fromarray(load("mnist-sample", 28, 1, "test").images[0][..., 0])
    for name in ("a", "b", "c", "d"):
        digit.save(pictures / f"{name}.png")
    (pictures / "b.png").write_bytes(b"")
    (pictures / "c.png").write_bytes((pictures / "a.png").read_bytes()[:50])
    (pictures / "._a.png").write_bytes(b"of a Mac")
    for more in ([], ["--strokes", "2", "--size", "32", "--candidates", "1"]):
        assert main(["paint", str(pictures), "--out", str(out), *AGENT, *more]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert "b.png is an empty file" in lines[-3] and "c.png is not a readable picture" in lines[-2]
        assert lines[-1] == "spiral: 2 of 4 pictures could not be painted, as listed above; the others were painted"
        assert sorted(path.name for path in out.glob("*.png")) == ["a.png", "d.png"]


def test_a_picture_too_narrow_for_strokes_fails_alone(tmp_path, capsys):
    for name, size in (("a", (30, 20)), ("narrow", (2000, 3))):
        Image.effect_noise(size, 50).save(tmp_path / f"{name}.png")
    more = ("--strokes", "2", "--size", "32", "--effort", "0", "--candidates", "1")
    assert main(["paint", str(tmp_path), "--out", str(tmp_path / "out"), *AGENT, *more]) == 2
    assert "2000x3 pixels is too narrow" in capsys.readouterr().err and (tmp_path / "out" / "a.png").is_file()


def test_names_that_look_like_markup_are_shown_as_they_are(tmp_path, capsys):
    folder, out = tmp_path / "[bold]a[", tmp_path / "[bold]b["  # with what follows: [/red]
    folder.mkdir()
    path = folder / "red]:smile:.png"
    Image.effect_noise((28, 28), 50).save(path)
    more = ("--strokes", "2", "--size", "32", "--effort", "1", *AGENT)
    assert main(["paint", str(path), "--out", str(out), *more]) == 0
    assert "wrote" in (told := capsys.readouterr().err) and str(out / path.name) in told.replace("\n", "")


def test_white_ink_on_nothing_is_seen_by_an_agent_of_white_on_black(tmp_path, capsys):
    digit = load("mnist-sample", 28, 1, "test").images[0][..., 0]
    for name, ink in (("white", 255), ("black", 0)):
        layers = [Image.new("L", (28, 28), ink)] * 3 + [Image.fromarray(digit)]
        Image.merge("RGBA", layers).save(tmp_path / f"{name}.png")
    painted = {}
    for name, more in (("white", []), ("black", ["--invert"])):
        assert main(["paint", str(tmp_path / f"{name}.png"), "--out", str(tmp_path / "out"), *AGENT, *more]) == 0
        assert "wrong way round" not in capsys.readouterr().err
        painted[name] = (tmp_path / "out" / f"{name}.png").read_bytes()
    assert painted["white"] == painted["black"], "both are the digit, white on black"


def test_a_picture_of_one_colour_is_told_in_one_line(tmp_path, capsys):
    Image.new("L", (30, 30), 0).save(tmp_path / "night.png")
    assert main(["paint", str(tmp_path / "night.png"), "--out", str(tmp_path / "out"), *AGENT]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert sum("night.png has the same colour everywhere" in line for line in lines) == 1
    assert main(["paint", str(tmp_path / "night.png"), "--out", str(tmp_path / "night.png"), *AGENT]) == 2
    assert capsys.readouterr().err.count("\n") == 1, "errors stay alone"


def test_a_photograph_in_colour_is_painted_by_the_painter_and_a_drawing_by_the_agent_of_digits(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("spiral.commands.painting.STROKES", 3)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    Image.fromarray(pixels).resize((60, 50)).save(tmp_path / "garden.png")
    paper = Image.new("RGB", (60, 60), (250, 250, 245))
    ImageDraw.Draw(paper).line([(30, 10), (30, 50)], (20, 30, 160), 8)
    paper.save(tmp_path / "pen.png")
    out = tmp_path / "out"
    assert main(["paint", str(tmp_path), "--out", str(out), "--size", "64"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert f"painted by {default(colour=True)} in 3 strokes, since in colour: garden" in said
    assert f"painted by {default()}, which knows digits" in said
    assert Image.open(out / "garden.png").size == (64, 53) and Image.open(out / "pen.png").size == (64, 64)


def test_a_program_is_refined_and_keeps_its_size(tmp_path, capsys):
    digit = Image.fromarray(load("mnist-sample", 28, 1, "test").images[0][..., 0])
    digit.save(tmp_path / "seven.png")
    out = ("--out", str(tmp_path / "out"), *AGENT)
    assert main(["paint", str(tmp_path / "seven.png"), *out]) == 0
    program, better = tmp_path / "out" / "seven.program.json", tmp_path / "better.json"
    how = ["--target", str(tmp_path / "seven.png"), "--evaluations", "40", "--json"]
    capsys.readouterr()
    assert main(["refine", str(program), *how, *AGENT, "--out", str(better)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["mse"] <= figures["mse_before"] < 0.1
    assert Program.load(better).settings == Program.load(program).settings
    assert len(Program.load(better).commands) == figures["commands"] <= figures["commands_before"]
    assert main(["refine", str(program), *how]) == 0
    assert (tmp_path / "out" / "seven.refined.program.json").is_file()
    assert main(["refine", str(program), *how, "--checkpoint", "photos-reconstruct-vector"]) == 2
    assert "leave out --checkpoint" in capsys.readouterr().err


def test_painting_on_and_palette_files_are_checked(tmp_path, capsys):
    Image.new("RGB", (40, 30), (90, 20, 0)).save(tmp_path / "a.jpg")
    picture, out = str(tmp_path / "a.jpg"), ("--out", str(tmp_path / "out"))
    for options, says in (
        (["--continue", picture], "--continue needs --strokes"),
        (["--continue", picture, "--strokes", "3", "--effort", "0"], "--continue needs one picture"),
        (["--palette", str(tmp_path / "none.gpl"), "--strokes", "3"], "none.gpl"),
        (["--strokes", "3", "--effort", "9"], "effort must be"),
    ):
        assert main(["paint", picture, *options, *out]) == 2
        assert says in capsys.readouterr().err
