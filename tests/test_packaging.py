"""The published package: version, licences, citation, and a wheel that works when installed."""

import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

import spiral
from spiral.engines import missing

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NOTICE = (ROOT / "NOTICE").read_text()


def test_the_version_is_one_and_is_that_of_the_installation():
    assert str(Version(spiral.__version__)) == spiral.__version__ == importlib.metadata.version("spiral-painter")


def test_every_licence_is_there_and_named_in_the_notice():
    for pattern in PROJECT["project"]["license-files"]:
        assert list(ROOT.glob(pattern)), pattern
    licences = {f"licenses/{path.name}" for path in (ROOT / "licenses").iterdir()}
    assert licences == set(re.findall(r"licenses/[\w-]+\.txt", NOTICE))
    for licence in licences:
        assert len((ROOT / licence).read_text()) > 1000, licence


def test_notice_and_licences_tell_the_versions_that_are_built():
    script = (ROOT / "scripts/build_libmypaint.sh").read_text()
    built = re.findall(r"/(libmypaint|json-c|mypaint-brushes)-(\d[\d.]*\d)[-.\w]*\.tar", script)
    assert {name for name, _ in built} == {"libmypaint", "json-c", "mypaint-brushes"}
    for name, number in built:
        assert f"{name} {number}" in NOTICE
        assert (ROOT / f"licenses/{name}.txt").read_text().startswith(f"{name} {number},")


def test_what_builds_the_wheels_names_scripts_that_are_there():
    named = set()
    for path in ("pyproject.toml", "Makefile", "CONTRIBUTING.md", ".github/workflows/wheels.yml"):
        if (ROOT / path).exists():  # the sdist has no workflows
            named |= set(re.findall(r"scripts/\w+\.\w+", (ROOT / path).read_text()))
    assert {"scripts/build_libmypaint.sh", "scripts/check_wheel.py", "scripts/wheel.sh"} <= named
    assert all((ROOT / script).is_file() for script in named), named


def test_the_citation_names_the_software_and_both_papers_and_no_version():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "title", "message", "authors", "license", "references"} <= set(citation)
    assert not {"version", "date-released", "commit"} & set(citation), "these would have to be changed at each release"
    assert citation["license"] == PROJECT["project"]["license"]
    papers = [(paper["authors"][0]["family-names"], paper["year"], paper["url"]) for paper in citation["references"]]
    assert [paper[:2] for paper in papers] == [("Ganin", 2018), ("Mellor", 2019)]
    assert [paper[2].rpartition("/")[2] for paper in papers] == ["1804.01118", "1910.01007"]


@pytest.mark.slow
@pytest.mark.skipif(missing("mypaint") is not None, reason="libmypaint is not here to build with")
def test_a_wheel_with_its_brushes_paints_in_an_empty_environment(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path)]
    subprocess.run([*build, "-C", "cmake.define.SPIRAL_BUNDLE_BRUSHES=ON", str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "spiral/engines/brushes/classic/pen.myb" in names
    assert not [name for name in names if name.endswith(("_prev.png", ".pyc")) or name.startswith("tests")]
    for licence in ("LICENSE", "NOTICE", "licenses/libmypaint.txt", "licenses/mypaint-brushes.txt"):
        assert [name for name in names if name.endswith(f".dist-info/licenses/{licence}")], licence

    place = tmp_path / "environment"
    venv.create(place, with_pip=True)
    python = str(place / "bin/python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)], check=True)
    # Dependencies of spiral come from this environment, after the new one's own packages.
    where = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip()
    (Path(packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    code = (
        "import sys, numpy as np, spiral; from spiral.engines import make, mypaint\n"
        "mypaint.BRUSH_FOLDERS = ()\n"
        "engine = make('mypaint', 1, {'brush': 'classic/pen', 'size': 32})\n"
        "before = engine.canvases().copy()\n"
        "engine.step(np.array([[1, 500, 300, 0, 9]]))\n"
        "assert (engine.canvases() != before).any()\n"
        "print(spiral.__version__, *mypaint.brush_folders())"
    )
    environment = {key: value for key, value in os.environ.items() if key not in ("SPIRAL_BRUSHES", "PYTHONPATH")}
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    version, folder = done.stdout.split()
    assert f"-{version}-" in wheel.name
    assert folder == f"{packages}/spiral/engines/brushes"
