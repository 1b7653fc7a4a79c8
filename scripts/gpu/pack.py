"""Pack everything that a machine with a GPU and without a network needs into one folder.

    python scripts/gpu/pack.py packed --python 3.12 --data ~/mnist --data ~/celeba

On that machine: `python3 packed/run.py 1 --seconds 600 --out results`; see docs/gpu.md. The folder holds the sources of
this commit, wheels of what is not there (PyTorch and NumPy must be), libmypaint with its headers and brushes from
Debian's packages, and the data named by --data. Needs git, pip, and Debian's apt-get with its package lists.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Sequence
from email.parser import HeaderParser
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
LIMIT = 64 * 2**20
"""Bytes that may travel."""
SOURCES = ("src", "native", "tests", "licenses", "CMakeLists.txt", "LICENSE", "NOTICE", "README.md", "pyproject.toml")
LEFT_OUT = (":!src/spiral/agents", ":!tests/studio")
THERE = (
    "torch numpy triton filelock typing-extensions sympy mpmath networkx jinja2 markupsafe fsspec cuda-bindings "
    "cuda-pathfinder pip cmake ninja"
)
"""What the machine has, unless --there says more: PyTorch with what it needs, and what builds extensions."""
ALSO = ("scikit-build-core>=0.11", "nanobind>=2.4", "setuptools-scm>=8", "hypothesis>=6.100")
ALSO += ("pytest>=8.2", "pytest-timeout>=2.3")
"""Needed beside the package's own requirements, to build it and to test it."""
UNUSED = "mujoco-studio websockets grpcio tensorboard-data-server fonttools tzdata"
"""Required by packages, but not for what they are used for here; 28 MB."""
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (28, 27, 26, 24, 17, 12, 5)] + [
    f"manylinux{name}_x86_64" for name in ("2014", "2010", "1")
]
LIBRARIES = ("libmypaint-1.5-1", "libjson-c5", "libglib2.0-0", "libffi8", "libpcre2-8-0", "libgomp1")
HEADERS = ("libmypaint-dev", "libglib2.0-dev", "libjson-c-dev")
TOOLS = ("pkgconf-bin", "libpkgconf3")
KEPT = ("libmypaint", "libjson-c", "libglib-2.0", "libgobject-2.0", "libffi", "libpcre2-8", "libgomp", "libpkgconf")
"""Libraries of these packages that are needed."""
OPENGL = ("libegl1", "libglvnd0", "libopengl0", "libgl1", "libglx0", "libx11-6", "libxcb1", "libxau6", "libxdmcp6")
"""Loaders of OpenGL, for machines whose driver comes without them; libbsd0 and libmd0 are what libxdmcp6 needs."""
BRUSHES = ("mypaint-brushes",)
PC = """prefix=${{pcfiledir}}/../../..
libdir=${{prefix}}/lib/{triplet}
Name: libmypaint
Description: MyPaint's brushstroke rendering library, from Debian's packages
Version: {version}
Cflags: -I${{prefix}}/include/libmypaint -I${{prefix}}/include/glib-2.0 -I${{libdir}}/glib-2.0/include
Libs: -L${{libdir}} -l:{library}
"""


def say(text: str) -> None:
    """Tell what is being done."""
    print(f"pack: {text}", file=sys.stderr, flush=True)


def output_of(*command: str, cwd: Path = ROOT) -> str:
    """What a command prints; an error ends this script."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"pack: {' '.join(command[:4])} ... failed: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()


def pack_sources(out: Path) -> str:
    """Write the sources of this commit to `source.tar.xz`; returns the commit."""
    commit = output_of("git", "rev-parse", "HEAD")
    if output_of("git", "status", "--porcelain", "--untracked-files=no"):
        say("changes that are not committed stay behind")
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "source.tar"
        output_of("git", "archive", "--output", str(plain), "HEAD", "--", *SOURCES, *LEFT_OUT)
        output_of("xz", "-T1", "-6", str(plain))
        shutil.copy(plain.with_suffix(".tar.xz"), out / "source.tar.xz")
    return commit


def pack_wheels(out: Path, python: str, there: Iterable[str]) -> None:
    """Download the wheels of everything that is needed and not `there`, dependencies included.

    `pip download` alone would follow PyTorch's dependencies, too, some gigabytes of them.
    """
    out.mkdir()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["mujoco"], *ALSO]
    known = {canonicalize_name(name) for name in there}
    environment = {**default_environment(), "python_version": python, "python_full_version": f"{python}.0"}
    while wanted:
        needed: list[str] = []
        for requirement in map(Requirement, wanted):
            name = canonicalize_name(requirement.name)
            if name not in known and (not requirement.marker or requirement.marker.evaluate(environment)):
                known.add(name)
                needed.append(f"{name}{requirement.specifier}")
        before = set(out.glob("*.whl"))
        if needed:
            say(f"wheels: {' '.join(needed)}")
            download(out, python, needed)
        fetched = set(out.glob("*.whl")) - before
        wanted = [line for wheel in fetched for line in requirements_of(wheel) if "extra ==" not in line]


def download(out: Path, python: str, names: Sequence[str]) -> None:
    """Download wheels without their dependencies."""
    tags = [part for platform in PLATFORMS for part in ("--platform", platform)]
    only = ("--only-binary=:all:", "--no-deps", "--implementation", "cp", "--python-version", python)
    constraints = ("-c", str(ROOT / "constraints.txt"))
    output_of(sys.executable, "-m", "pip", "download", "-q", *only, *tags, *constraints, "-d", str(out), *names)


def requirements_of(wheel: Path) -> list[str]:
    """What a wheel requires, one line each."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        headers = HeaderParser().parsestr(archive.read(metadata).decode("utf-8", errors="replace"))
    return headers.get_all("Requires-Dist") or []


def pack_debian(out: Path) -> None:
    """Unpack Debian's libmypaint, headers, brushes, a pkg-config and the loaders of OpenGL below `out`."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, packages in (
            ("native", (*LIBRARIES, *HEADERS, *TOOLS, *BRUSHES)),
            ("opengl", (*OPENGL, "libbsd0", "libmd0")),
        ):
            root, debs = Path(folder) / kind, Path(folder) / f"{kind}-debs"
            root.mkdir()
            debs.mkdir()
            say(f"Debian packages: {' '.join(packages)}")
            output_of("apt-get", "download", "-q", *packages, cwd=debs)
            for deb in sorted(debs.glob("*.deb")):
                output_of("dpkg-deb", "-x", str(deb), str(root))
            copy_needed(root, out / kind, lambda name, kind=kind: kind == "opengl" or name.startswith(KEPT))


def copy_needed(root: Path, out: Path, wanted: Callable[[str], bool]) -> None:
    """Copy `wanted` libraries, headers, brushes, the tool and all licences of unpacked packages."""
    triplet = next(path.name for path in (root / "usr" / "lib").glob("*-linux-gnu"))
    usr, lib = root / "usr", out / "lib" / triplet
    lib.mkdir(parents=True)
    for folder in (usr / "lib" / triplet, root / "lib" / triplet):
        # Under the name that other libraries know it by, the shortest; links would not survive all ways of copying.
        for path in sorted(folder.glob("*.so.*"), key=lambda path: len(path.name)) if folder.is_dir() else ():
            known = {place.stat().st_size for place in lib.glob(f"{path.name.split('.so')[0]}.so.*")}
            if path.resolve().is_file() and path.stat().st_size not in known and wanted(path.name):
                shutil.copy(path.resolve(), lib / path.name)
    for name in ("libmypaint", "glib-2.0"):
        if (usr / "include" / name).is_dir():
            unused = shutil.ignore_patterns("gio")
            shutil.copytree(usr / "include" / name, out / "include" / name, ignore=unused)
    if (usr / "lib" / triplet / "glib-2.0" / "include").is_dir():
        shutil.copytree(usr / "lib" / triplet / "glib-2.0" / "include", lib / "glib-2.0" / "include")
    for licence in sorted(usr.glob("share/doc/*/copyright")):
        (out / "licences").mkdir(exist_ok=True)
        shutil.copy(licence, out / "licences" / f"{licence.parent.name}.txt")
    for brush in usr.glob("share/mypaint-data/*/brushes/**/*.myb"):
        place = out / "brushes" / brush.parent.name / brush.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(brush, place)
    if (tool := usr / "bin" / "pkgconf").is_file():
        (out / "bin").mkdir()
        shutil.copy(tool, out / "bin" / "pkgconf")
    if libraries := sorted(path.name for path in lib.glob("libmypaint-*.so.*") if path.name.count(".") <= 4):
        (lib / "pkgconfig").mkdir()
        version = re.search(r"Version: (\S+)", (usr / "lib" / triplet / "pkgconfig/libmypaint.pc").read_text())
        assert version is not None
        written = PC.format(triplet=triplet, version=version[1], library=libraries[0])
        (lib / "pkgconfig" / "libmypaint.pc").write_text(written)


def pack_data(out: Path, sources: Sequence[Path]) -> None:
    """Copy data sets, each a folder or a file."""
    out.mkdir()
    for source in sources:
        if not source.exists():
            sys.exit(f"pack: there is no {source}; name a folder or a file: --data FOLDER")
        if source.is_dir():
            shutil.copytree(source, out / source.name)
        else:
            shutil.copy(source, out / source.name)


def names_in(path: Path | None) -> list[str]:
    """The packages of a `pip list --format=freeze`."""
    if path is None:
        return []
    lines = (line.strip() for line in path.read_text().splitlines())
    return [
        re.split(r"[\s=<>!~@\[]", line, maxsplit=1)[0] for line in lines if line and not line.startswith(("#", "-"))
    ]


def main() -> None:
    """Pack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder to make; it must not exist")
    parser.add_argument("--python", default="3.12", help="version of Python on the machine")
    parser.add_argument("--data", type=Path, action="append", default=[], help="data for the jobs: a folder or a file")
    parser.add_argument("--there", type=Path, help="`pip list --format=freeze` of the machine: left out of the wheels")
    given = parser.parse_args()
    out: Path = given.out
    if out.exists():
        sys.exit(f"pack: {out} exists; remove it, or name another folder")
    out.mkdir(parents=True)
    commit = pack_sources(out)
    for name in ("run.py", "jobs.py"):
        shutil.copy(HERE / name, out / name)
    pack_wheels(out / "wheels", given.python, [*THERE.split(), *UNUSED.split(), *names_in(given.there)])
    pack_debian(out)
    pack_data(out / "data", given.data)
    version = output_of("git", "describe", "--tags", "--always")
    files = sorted(path for path in out.rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files)
    manifest = {
        "commit": commit,
        "version": version,
        "python": given.python,
        "bytes": size,
        "sha256": {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    if size > LIMIT:
        sys.exit(
            f"pack: {out} holds {size / 2**20:.1f} MiB, more than {LIMIT / 2**20:.0f}; pack less --data, or --there"
        )
    say(f"{out}: {len(files)} files, {size / 2**20:.1f} MiB, for Python {given.python}, commit {commit[:12]}")


if __name__ == "__main__":
    main()
