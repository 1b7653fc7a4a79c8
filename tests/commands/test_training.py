"""What an interrupted training run says."""

import pytest

from spiral.cli import main


def stopped(capsys, monkeypatch, out, at: str) -> str:
    def interrupt(*given, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(at, interrupt)
    small = ["--engine", "vector", "--learning.batch-size", "8", "--data.held-out", "8", "--frames", "64"]
    assert main(["train", "mnist-reconstruct", "--out", str(out), *small]) == 130
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("at", ["spiral.learning.trainer.load", "spiral.learning.trainer.train_iteration"])
def test_an_interrupted_run_promises_only_what_is_there(capsys, monkeypatch, tmp_path, at):
    said = stopped(capsys, monkeypatch, tmp_path / "r", at)
    if at.endswith("load"):
        assert said == "spiral: stopped before the first checkpoint"
    else:
        found = tmp_path / "r" / "checkpoints" / "000000000000"
        assert said == f"spiral: stopped; the same command with --resume continues {found}" and found.is_dir()


def test_other_commands_promise_nothing(capsys, monkeypatch):
    monkeypatch.setattr("spiral.cli._usage", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    assert main([]) == 130 and capsys.readouterr().err == "spiral: stopped\n"
