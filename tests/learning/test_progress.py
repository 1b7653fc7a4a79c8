import json

from problems import rows, tiny

from spiral.learning.progress import Progress


def test_what_is_learned_again_is_not_told_twice(lines, tmp_path):
    with Progress.start(tmp_path / "run", tiny(lines), False, 0.0) as progress:
        for commands in (64, 128, 192):
            progress._write(commands, {"mse": 1.0 / commands})
        progress.rewind(128)
        progress._write(160, {"mse": 0.5})
    assert [row["commands"] for row in rows(tmp_path / "run")] == [64, 128, 160]


def test_a_line_that_a_crash_cut_off_is_dropped_when_a_run_goes_on(lines, tmp_path):
    out = tmp_path / "run"
    with Progress.start(out, tiny(lines), False, 0.0) as progress:
        progress._write(64, {})
    with (out / "metrics.jsonl").open("a") as stream:
        stream.write(json.dumps({"commands": 128, "seconds": 1.0})[:-5])
    with Progress.start(out, tiny(lines), True, 60.0):
        pass
    assert [row["commands"] for row in rows(out)] == [64]
