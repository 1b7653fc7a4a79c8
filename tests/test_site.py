"""The documentation's site builds without a warning, its links and anchors exist, and it loads nothing external."""

import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
pytest.importorskip("mkdocs")


class Page(HTMLParser):
    """The links, loaded files and anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.equations = 0
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.equations += given.get("role") == "img" and "aria-label" in given
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in ("link", "script", "img", "iframe", "source", "video") and (given.keys() & {"src", "href"}):
            self.loads.append(given.get("src") or given.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> dict[Path, Page]:
    """The pages of a fresh build."""
    out = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    result = subprocess.run(build, cwd=ROOT, capture_output=True, text=True,
                            env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    return {path: Page(path) for path in out.rglob("*.html")}


def home(site: dict[Path, Page]) -> Path:
    return min(site, key=lambda path: len(path.parts)).parent


def lead(page: Path, link: str) -> tuple[Path, str]:
    """The destination of a link: a file, and an anchor or nothing."""
    parts = urlsplit(link)
    return (page.parent / unquote(parts.path)).resolve() if parts.path else page, unquote(parts.fragment)


def test_every_link_and_anchor_exists(site):
    for page, read in site.items():
        for link in (*read.links, *read.loads):
            if urlsplit(link).scheme or page.name == "404.html":
                continue
            path, anchor = lead(page, link)
            assert path.is_file(), f"{page.name}: {link}"
            assert not anchor or path not in site or anchor in site[path].anchors, f"{page.name}: {link}"


def test_nothing_is_loaded_from_elsewhere(site):
    assert [link for read in site.values() for link in read.loads if urlsplit(link).netloc] == []
    for style in home(site).rglob("*.css"):
        assert "url(http" not in style.read_text() and "@import" not in style.read_text(), style


def test_pages_are_there_with_what_they_need(site):
    pages = {path.relative_to(home(site)).as_posix(): read for path, read in site.items()}
    for name in ("index", "start", "how", "painting", "results", "extend", "faq", "readme", "api/learning"):
        assert f"{name}.html" in pages
    assert pages["how.html"].equations > 40
    assert {"spiral.learning.adversarial.gradient_penalty", "spiral.learning.trainer"} <= pages[
        "api/learning.html"
    ].anchors
    assert not any("._" in anchor and ".__" not in anchor for anchor in pages["api/learning.html"].anchors)


def test_equations_and_the_example_are_shown(site):
    where = {path.name: path.read_text() for path in site}
    assert "arithmatex" not in where["how.html"]
    assert '<span class="nc">EllipseEngine</span>' in where["extend.html"]


def test_a_broken_link_fails_the_build(tmp_path):
    for name in ("docs", "scripts", "src", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.safetensors", "runs", "*.npz"))
    for name in ("mkdocs.yml", "README.md", "NOTICE", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "docs" / "faq.md").write_text("# Questions\n\n[nowhere](how.md#no-such-part)\n")
    result = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict"], cwd=tmp_path,
                            capture_output=True, text=True)  # fmt: skip
    assert result.returncode != 0 and "no-such-part" in result.stderr
