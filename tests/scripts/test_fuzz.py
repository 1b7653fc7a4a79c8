"""Damaged files of every kind are read or refused: a short run of the fuzzer, and what it finds."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import fuzz  # noqa: E402
from fuzz_inputs import KINDS  # noqa: E402

from spiral.engines import missing  # noqa: E402

COUNTS = {"brush": 40, "picture": 60, "array": 60, "archive": 40, "agent": 40, "run": 6, "program": 60}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_read_or_refused(kind, tmp_path):
    if kind == "brush" and missing("mypaint") is not None:
        pytest.skip(f"mypaint: {missing('mypaint')}")
    originals, tally = tmp_path / "originals", [0, 0, 0]
    originals.mkdir()
    KINDS[kind].originals(originals)
    attempt = KINDS[kind].prepare(originals)
    for number in range(COUNTS[kind]):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert fuzz.tried(attempt, fuzz.input_of(kind, 0, number, originals, folder), tally) is None, (kind, number)
    assert min(tally[:2]) > 0, "some are read, some refused"


def test_the_same_number_is_the_same_input(tmp_path):
    made = []
    for name in ("one", "other"):
        (tmp_path / name / "originals").mkdir(parents=True)
        KINDS["array"].originals(tmp_path / name / "originals")
        made.append(fuzz.input_of("array", 3, 14, tmp_path / name / "originals", tmp_path / name).read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("raises", "KeyError: 'found'"),
        ("aborts", "died of SIGABRT"),
        pytest.param("devours", "MemoryError", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux's")),
    ],
)
def test_what_fails_is_saved_with_its_reason(tmp_path, what, reason):
    """In a process of its own, which one of the kinds ends."""
    script = tmp_path / "a.py"
    script.write_text(
        f"import os, sys; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "import fuzz\nfrom fuzz_inputs import KINDS, Kind\n"
        "def raises(path): raise KeyError('found')\ndef aborts(path): os.abort()\n"
        "def devours(path): return bytearray(5 * 2**30)\n"
        "def damage(chance, originals, folder):\n    path = folder / 'a'; path.write_text('x'); return path\n"
        f"KINDS['array'] = Kind(lambda folder: None, damage, lambda originals: {what})\n"
        "if __name__ == '__main__':\n"
        f"    sys.exit(fuzz.main(['array', '--count', '2', '--out', {str(tmp_path / 'found')!r}]))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 1 and "0 inputs were read, 0 refused, 2 failed" in done.stdout
    for number in range(2):
        folder = tmp_path / "found" / f"array-0-{number}"
        assert (folder / "a").is_file() and reason in (folder / "failure.txt").read_text()
