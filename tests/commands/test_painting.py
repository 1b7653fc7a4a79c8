"""Hints of `spiral paint` for pictures that the agent does not expect."""

from PIL import Image, ImageOps

from spiral.cli import main
from spiral.datasets import load

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
