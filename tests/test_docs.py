"""The documentation is correct: its commands and code run, its links exist."""

import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import documents
import pytest
from documents import PAGES, ROOT
from PIL import Image

from spiral import cli
from spiral.datasets import load
from spiral.engines import known, missing

LARGEST = {
    "--frames": 32, "--evaluations": 20, "--strokes": 4, "--population": 2, "--limit": 4, "--size": 256, "--last": 2,
    "--intervals": 2, "--commands": 10, "--candidates": 2, "--greedy": 4, "--learning.unrolls-per-episode": 2,
}  # fmt: skip
"""How the tests shorten a command: the numbers after these flags become at most so large; `--minutes` is `--frames`."""
SMALL = (
    "--learning.batch-size 2 --learning.num-minibatches 2 --data.held-out 4 --policy.channels 4 "
    "--policy.core-channels 4 --policy.hidden 16 --policy.residual-blocks 0 --policy.location-blocks 0 "
    "--discriminator.channels 4 --run.threads 1 --run.compile off"
)
ADDED = {
    "train": SMALL,
    "tune": f"{SMALL} --intervals 2",
    "evaluate": "--limit 4",
    "lessons": "--limit 40",
    "bench": "--repeats 1 --seconds 0.3",
    "scenes": "--count 50",
}
"""Flags that the tests add to a command."""
IN_PYTHON = {
    r'preset\("mnist-reconstruct-vector"\)': 'smaller(preset("mnist-reconstruct-vector"))',
    r"frames=[\d_]+": "frames=64",
    r"minutes=\d+": "frames=64",
    r"range\(300\)": "range(1)",
}
"""How the tests shorten code."""
MADE_UP = ("spiral.datasets.photos.CROPS", "spiral.datasets.scenes.COUNTS")
"""Data sets that are drawn as they are needed; the tests draw fewer pictures."""
SLOW = re.compile(r"--actors|^tune|^bench|^robot .*(mp4|gif)|^tensorboard|^studio|^python|--learning.population")
"""Commands that only the slow tests run; the others parse them."""
NOT_HERE = re.compile(r"^ray |--address|^export RAY_|^make |^source ")
"""Commands that no test runs but that are parsed: for several machines, and `make demo` and `make test`."""


@pytest.fixture(scope="session")
def presumed(tmp_path_factory) -> Path:
    """A folder with the files that the pages mention."""
    folder = tmp_path_factory.mktemp("presumed")
    data = pytest.importorskip("skimage.data")
    photograph = Image.fromarray(data.cat()).reduce(3)
    for name in ("photo.jpg", "canvas.jpg"):
        photograph.save(folder / name)
    for index, part in enumerate(("my-pictures", "drawings")):
        (folder / part).mkdir()
        for place in range(3):
            photograph.rotate(90 * place).resize((80, 80)).save(folder / part / f"{index}{place}.png")
    digits = load("mnist-sample", 28, 1, "test").images[:2]
    for name, digit in zip(("7.png", "photo-of-a-digit.png"), digits, strict=True):
        Image.fromarray(digit[..., 0]).save(folder / name)
    agent = ("--checkpoint", "mnist-reconstruct-vector", "--out", str(folder / "painted"))
    assert cli.main(["paint", str(folder / "7.png"), *agent]) == 0
    shutil.copytree(ROOT / "docs" / "runs" / "digits", folder / "runs" / "digits")
    return folder


@pytest.fixture
def desk(presumed, tmp_path, monkeypatch) -> Path:
    """A fresh copy of that folder, to work in."""
    monkeypatch.setattr("spiral.learning.machine.processors", lambda: 1)
    for name in MADE_UP:
        monkeypatch.setattr(name, {"train": 300, "test": 60})
    shutil.copytree(presumed, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    monkeypatch.syspath_prepend(ROOT / "examples")
    monkeypatch.setattr("spiral.engines.base.ENGINES", known())
    monkeypatch.delitem(sys.modules, "pillow_engine", raising=False)
    return tmp_path / "desk"


def work_through(page: Path, slowly: bool) -> None:
    """Run a page's commands and code, from beginning to end."""
    names: dict = {"__name__": "page", "smaller": documents.smaller}
    for block in documents.blocks(page):
        where = f"{page.name}, line {block.line}"
        if block.language == "python":
            run_python(block.text, names, where)
        elif block.language == "bash":
            for words in documents.commands(block.text):
                run_command(words, slowly, f"{where}: {' '.join(words)}")


def run_python(code: str, names: dict, where: str) -> None:
    if '"scene"' in code and missing("scene") is not None:
        return
    for long, short in IN_PYTHON.items():
        code = re.sub(long, short, code, flags=re.MULTILINE)
    exec(compile(code, where, "exec"), names)


def run_command(words: list[str], slowly: bool, where: str) -> None:
    arguments = documents.arguments_of_spiral(words)
    plain = " ".join(arguments if arguments is not None else [words[0].removeprefix(".venv/bin/"), *words[1:]])
    check(words, where)
    if NOT_HERE.search(plain) or (SLOW.search(plain) and not slowly):
        return
    if plain.startswith("studio"):
        serve_studio(where)
    elif arguments is not None:
        run_spiral(documents.shortened(arguments, LARGEST, ADDED), where)
    elif words[0] == "python":
        script = [str(ROOT / word) if word.endswith(".py") else word for word in words[1:]]
        run_script([sys.executable, *script], where)
    elif plain.startswith("tensorboard"):
        serve(plain.split()[1:], where)


def run_spiral(arguments: list[str], where: str) -> None:
    if "--actors" in arguments or arguments[0] == "tune":  # Ray wants a process to itself
        pytest.importorskip("ray")
        return run_script([sys.executable, "-m", "spiral.cli", *arguments], where)
    try:
        status = cli.main(arguments)
    except SystemExit as error:  # of `--help`
        status = error.code
    if status and (absent := [name for name in known() if missing(name) is not None]):
        pytest.skip(f"{where}: without {', '.join(absent)}")
    assert status in (0, None), f"{where} ended with status {status}, as {' '.join(arguments)}"


def run_script(words: list[str], where: str) -> None:
    result = subprocess.run(words, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, f"{where}:\n{result.stderr[-2000:]}"


def serve(arguments: list[str], where: str) -> None:
    """Start TensorBoard and request its page."""
    from tensorboard import program

    server = program.TensorBoard()
    server.configure([None, *arguments, "--port", "0"])
    address = server.launch()
    assert urllib.request.urlopen(address, timeout=60).status == 200, where


def serve_studio(where: str) -> None:
    """Start the studio and request its page; its own tests do the rest."""
    page = pytest.importorskip("gradio") and importlib.import_module("spiral.studio.page")
    with page.served(Path("runs")) as address:
        assert urllib.request.urlopen(address, timeout=60).status == 200, where


def check(words: list[str], where: str) -> None:
    """Parse a command with its program's parser; fails for programs without a rule."""
    program, rest = words[0].removeprefix(".venv/bin/"), words[1:]
    if program == "spiral":
        try:
            documents.check_spiral(rest)
        except SystemExit as error:
            raise AssertionError(f"{where} is no command line of spiral") from error
    elif program == "make":
        assert re.search(rf"^{rest[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), where
    elif program == "python" and rest[0] == "-m":
        assert importlib.util.find_spec(rest[1]) is not None, where
    elif program in ("python", "bash"):
        assert (ROOT / rest[0]).is_file(), where
    elif program == "pip":
        check_pip(rest, where)
    elif program == "apt-get":
        assert set(rest[1:]) <= set((ROOT / "scripts" / "setup.sh").read_text().split()), where
    elif program == "tensorboard":
        from tensorboard import program as board

        board.TensorBoard().configure([None, *rest])
    elif program == "ray" and importlib.util.find_spec("ray"):
        scripts = importlib.import_module("ray.scripts.scripts").cli.commands
        scripts[rest[0]].make_context(rest[0], rest[1:], resilient_parsing=False)
    elif program == "source":
        assert rest == [".venv/bin/activate"], where
    elif program == "export":
        assert re.fullmatch(r"RAY_AUTH_MODE=token|SPIRAL_\w+=.+", rest[0]), where
    else:
        assert program == "ray", f"{where}: no test knows how to run or parse this"


def check_pip(rest: list[str], where: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert rest[0] == "install", where
    for wanted in rest[1:]:
        asked = re.fullmatch(r"(?:spiral-painter|\.)\[([\w,]+)\]", wanted)
        assert wanted in ("-v", "-e", ".", "spiral-painter", "boto3", "pillow", "pillow-heif") or (
            asked and set(asked.group(1).split(",")) <= set(extras)
        ), where


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def has_slow(page: Path) -> bool:
    told = [words for block in documents.blocks(page) if block.language == "bash"
            for words in documents.commands(block.text)]  # fmt: skip
    return any(SLOW.search(" ".join([words[0].removeprefix(".venv/bin/").replace("spiral", ""), *words[1:]]).strip())
               for words in told)  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_a_page_says_runs(page, desk):
    work_through(page, slowly=False)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", [page for page in PAGES if has_slow(page)], ids=named)
def test_what_takes_long_runs_too(page, desk):
    work_through(page, slowly=True)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_within_lines_are_right(page):
    for code in documents.inline(page):
        for words in (
            documents.commands(code) if re.match(r"(\.venv/bin/)?(spiral|make|pip|python|bash) ", code) else []
        ):
            arguments = documents.arguments_of_spiral(words)
            if arguments is None or documents.is_whole(arguments):
                check(words, f"{page.name}: `{code}`")
            else:
                assert arguments[0] in ("train", "tune", "program", *cli._COMMANDS), code


def test_every_flag_that_is_spoken_of_exists():
    known_ones = documents.known_flags() | {"--unrolls", "--no-conditional", "--learning.coarse-weight"}
    # of benchmarks/queues.py and of the discs, and what a reader of docs/extend.md adds; of scripts/gpu
    known_ones |= {"--there", "--dry-run", "--no-tests"}
    for page in PAGES:
        for code in documents.inline(page):
            for flag in re.findall(r"(?<![\w-])--[a-z][\w.-]*", code):
                assert flag in known_ones, f"{page.name}: `{code}`"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_stand_in_fences_of_a_language(page):
    """Otherwise the tests above would miss them."""
    assert not re.search(r"^(    |\t)\S", documents.prose(page), re.MULTILINE) or "!!!" in page.read_text()
    for block in documents.blocks(page):
        assert block.language in ("bash", "python", "text", "toml", "json"), f"{page.name}, line {block.line}"
        if block.language in ("text", "toml", "json"):
            assert not re.search(r"^\S*\b(spiral|make|python|pip) ", block.text, re.MULTILINE), block.text


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_to_files_and_functions(page):
    for target in re.findall(r"\]\(([^):]+)\)", documents.prose(page)):
        path, _, fragment = target.partition("#")
        assert not path or (page.parent / path).exists(), f"{page.name}: {target}"
        if fragment and path.endswith(".py"):
            module = (page.parent / path).resolve().relative_to(ROOT / "src").with_suffix("")
            found = importlib.import_module(".".join(module.parts))
            for name in fragment.split("."):
                found = getattr(found, name)


def test_a_wrong_command_is_noticed():
    for wrong in ("spiral paint", "spiral train mnist-reconstruct --minute 3", "make coffee", "cargo build",
                  "pip install spiral-painter[crayons]", "python benchmarks/no.py"):  # fmt: skip
        with pytest.raises((AssertionError, SystemExit)):
            check(wrong.split(), wrong)


def test_numbers_are_cut_down_and_nothing_else():
    long = ["train", "mnist-reconstruct", "--frames", "500000", "--run.seed", "1", "--minutes", "9"]
    short = documents.shortened(long, {"--frames": 32}, {"train": "--run.threads 1"})
    assert " ".join(short) == "train mnist-reconstruct --frames 32 --run.seed 1 --frames 9 --run.threads 1"
    assert documents.shortened(["render", "a.json"], {}, {}) == ["render", "a.json"]
