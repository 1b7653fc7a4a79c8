import json
import time
from pathlib import Path

import pytest
from problems import rows, tiny

from spiral.errors import InputError
from spiral.learning.run_log import RunLog


def test_what_is_learned_again_is_not_told_twice(lines, tmp_path):
    with RunLog.start(tmp_path / "run", tiny(lines), False, 0.0) as log:
        for commands in (64, 128, 192):
            log._write(commands, {"mse": 1.0 / commands})
        log.rewind(128)
        log._write(160, {"mse": 0.5})
    assert [row["commands"] for row in rows(tmp_path / "run")] == [64, 128, 160]


def test_a_line_that_a_crash_cut_off_is_dropped_when_a_run_goes_on(lines, tmp_path):
    out = tmp_path / "run"
    with RunLog.start(out, tiny(lines), False, 0.0) as log:
        log._write(64, {})
    with (out / "metrics.jsonl").open("a") as stream:
        stream.write(json.dumps({"commands": 128, "seconds": 1.0})[:-5])
    with RunLog.start(out, tiny(lines), True, 60.0):
        pass
    assert [row["commands"] for row in rows(out)] == [64]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("full", ["metrics", "tensorboard"])
def test_a_full_disk_is_told_in_one_line(lines, tmp_path, capfd, full):
    with pytest.raises(InputError, match="cannot write the log of the run") as refused:  # noqa: SIM117
        with RunLog.start(tmp_path / "run", tiny(lines), False, 0.0) as log:
            if full == "metrics":
                log._metrics.close()
                log._metrics = open("/dev/full", "w")  # noqa: SIM115
            else:
                events = log._writer._get_file_writer().event_writer._async_writer._writer._writer
                events.filename = "/dev/full"
            for commands in range(100):
                log._write(commands, {"mse": 1.0})
                time.sleep(0.01)  # TensorBoard's thread writes when it likes
    assert "\n" not in str(refused.value) and "Traceback" not in capfd.readouterr().err
