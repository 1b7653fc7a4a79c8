"""Hints of `spiral paint` for pictures that the agent does not expect."""

import json

from PIL import Image, ImageOps

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
