"""MkDocs hooks of the documentation's site, called by mkdocs.yml during the build.

- Links that lead out of docs/ work on a code host, where the files are; in the site they lead to a replacement: for a
  module its reference, for a README a page, for any other file a copy.
- Pages for the API reference, the README and the trained agents, from the source tree.
- Equations as inline SVG, so that neither a script nor a font is needed to read them.
"""

from __future__ import annotations

import posixpath
import re
from html import unescape
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from mkdocs.structure.files import File, Files  # pyright: ignore[reportMissingImports]
from ziamath.config import config as drawing_style  # pyright: ignore[reportMissingImports]
from ziamath.zmath import Latex  # pyright: ignore[reportMissingImports]

ROOT = Path(__file__).resolve().parents[1]
SOURCE, AGENTS = "src/spiral", "src/spiral/agents"
FENCE = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
EXAMPLE = re.compile(r"^\[[^\]]+\]\(\.\./(examples/\w+\.py)\)$", re.MULTILINE)
"""A line with only a link to an example: the site shows the example itself there."""
EQUATION = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
drawing_style.precision = 2
drawing_style.svg2 = False  # every viewer supports the older kind


def alone() -> list[str]:
    """The modules outside packages, which share a page."""
    names = (path.stem for path in (ROOT / SOURCE).glob("*.py"))
    return sorted(name for name in names if not name.startswith("_") and name != "cli")


def packages() -> list[str]:
    """The packages inside `spiral`."""
    return sorted(path.parent.name for path in (ROOT / SOURCE).glob("*/__init__.py"))


def agents() -> list[str]:
    return sorted(path.parent.name for path in (ROOT / AGENTS).glob("*/README.md"))


def on_config(config: Any) -> Any:
    config.watch += [str(ROOT / "src"), str(ROOT / "README.md")]
    config.nav = _present(config.nav)
    return config


def _present(entries: list[Any]) -> list[Any]:
    """The navigation without missing pages, and with `...` replaced."""
    kept: list[Any] = []
    for entry in entries:
        title, target = next(iter(entry.items())) if isinstance(entry, dict) else (None, entry)
        if target == "...api":
            target = [f"api/{name}.md" for name in ("spiral", *packages())]
        elif target == "...agents":
            target = ["agents/index.md", *(f"agents/{name}.md" for name in agents())]
        elif isinstance(target, list):
            target = _present(target)
        elif target != "readme.md" and not (ROOT / "docs" / target).exists():
            continue
        if target:
            kept.append({title: target} if title else target)
    return kept


def on_files(files: Files, config: Any) -> Files:
    for name in ("spiral", *packages()):
        files.append(File.generated(config, f"api/{name}.md", content=_reference(name)))
    files.append(File.generated(config, "readme.md", content=(ROOT / "README.md").read_text()))
    for name in agents():
        content = (ROOT / AGENTS / name / "README.md").read_text()
        pictures = [f"![{name}: {what}]({file})" for what, file in
                    (("paintings", "sheet.png"), ("error over training", "curve.png"))]  # fmt: skip
        files.append(File.generated(config, f"agents/{name}.md", content="\n\n".join([content, *pictures])))
    files.append(File.generated(config, "agents/index.md", content=_gallery()))
    copied: dict[str, Path] = {}
    for file in files.documentation_pages():
        if file.src_uri.endswith(".md"):
            copied |= {where: path for _, where, path in _links(file.content_string, file.src_uri) if path is not None}
    for where, path in copied.items():
        if where not in files.src_uris:
            files.append(File.generated(config, where, abs_src_path=str(path)))
    return files


def _reference(name: str) -> str:
    """The page of a package's modules; for `spiral` that of the modules outside packages."""
    if name == "spiral":
        modules = [name, *(f"spiral.{module}" for module in alone())]
    else:
        inside = sorted(path.stem for path in (ROOT / SOURCE / name).glob("*.py") if not path.stem.startswith("_"))
        modules = [f"spiral.{name}", *(f"spiral.{name}.{module}" for module in inside)]
    quiet = "---\nsearch:\n  boost: 0.2\n---\n\n"  # searches show the guides first
    title = name if name == "spiral" else f"spiral.{name}"
    return f"{quiet}# {title}\n\n" + "\n\n".join(f"::: {module}" for module in modules) + "\n"


def _gallery() -> str:
    shown = [f"## [{name}]({name}.md)\n\n![{name}]({name}/sheet.png)\n" for name in agents()]
    return "# Trained agents\n\nEach page says how the agent was made and what it was measured at.\n\n" + "\n".join(
        shown
    )


def _place(uri: str) -> PurePosixPath:
    """The folder of a page of the site in the repository."""
    if uri == "readme.md":
        return PurePosixPath()
    name = PurePosixPath(uri)
    if name.parts[0] == "agents" and name.stem in agents():
        return PurePosixPath(AGENTS, name.stem)
    return PurePosixPath("docs", name.parent)


def _links(markdown: str, uri: str) -> list[tuple[str, str, Path | None]]:
    """Links out of the documentation's folder: (as written, destination in the site, file to copy there)."""
    found = []
    prose = FENCE.sub("", markdown)
    for match in LINK.finditer(prose):
        target, _, fragment = match.group(3).partition("#")
        if not target or ":" in target:
            continue
        path = posixpath.normpath(posixpath.join(_place(uri).as_posix(), target))
        if uri == "agents/index.md" or (path.startswith("docs/") and uri != "readme.md"):
            continue
        where, copy = _stands_for(path, fragment)
        found.append((match.group(3), where, copy))
    return found if uri != "agents/index.md" else [
        ("", f"agents/{name}/sheet.png", ROOT / AGENTS / name / "sheet.png") for name in agents()
    ]  # fmt: skip


def _stands_for(path: str, fragment: str) -> tuple[str, Path | None]:
    """The replacement in the site for a file of the repository, and the file if it must be copied.

    A module is `:NAME`, an object of the reference.
    """
    anchor = f"#{fragment}" if fragment else ""
    if not (ROOT / path).exists():
        return path + anchor, None  # MkDocs warns about it
    if path.startswith("docs/"):
        return path.removeprefix("docs/") + anchor, None
    if path == "README.md":
        return "readme.md" + anchor, None
    if path == AGENTS:
        return "agents/index.md", None
    if path.startswith(f"{AGENTS}/"):
        name, _, file = path.removeprefix(f"{AGENTS}/").partition("/")
        return (f"agents/{name}/{file}", ROOT / path) if file not in ("", "README.md") else (f"agents/{name}.md", None)
    if path.startswith(SOURCE) and (path.endswith(".py") or (ROOT / path / "__init__.py").exists()):
        module = path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return f":{module}" + (f".{fragment}" if fragment else ""), None
    # As text, so that a browser shows it.
    return f"files/{path}" + ("" if path.endswith((".png", ".gif", ".svg")) else ".txt"), ROOT / path


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    uri = page.file.src_uri
    if not uri.endswith(".md") or uri == "agents/index.md":
        return markdown
    markdown = EXAMPLE.sub(lambda match: f"```python\n{(ROOT / match.group(1)).read_text()}```", markdown)
    places = {written: where for written, where, _ in _links(markdown, uri)}

    def lead(match: re.Match[str]) -> str:
        mark, text, written = match.groups()
        where = places.get(written)
        if where is None:
            return match.group(0)
        if where.startswith(":"):
            return f"[{text}][{where[1:]}]"
        return f"{mark}[{text}]({posixpath.relpath(where, posixpath.dirname(uri) or '.')})"

    parts = FENCE.split(markdown)
    return "".join(part if FENCE.fullmatch(part) else LINK.sub(lead, part) for part in parts)


def on_page_content(html: str, page: Any, config: Any, files: Files) -> str:
    if page.file.src_uri.endswith(".ipynb"):  # a notebook is HTML already, with links to files beside it
        html = re.sub(r'(href="(?![a-z]+:)[^"#]+)\.(?:md|ipynb)(?=["#])', r"\1.html", html)

    def equation(match: re.Match[str]) -> str:
        latex, block = " ".join(unescape(match.group(2)).split()), match.group(1) == "div"
        formula = Latex(latex, size=19 if block else 16, color="currentColor", inline=not block)
        drawing = formula.svgxml()
        for name, value in {"role": "img", "aria-label": latex, "style": _down(formula.getyofst())}.items():
            drawing.set(name, value)
        text = ElementTree.tostring(drawing, encoding="unicode")
        return f'<div class="equation">{text}</div>' if block else f'<span class="formula">{text}</span>'

    return EQUATION.sub(equation, html)


def _down(offset: float) -> str:
    """Vertical alignment of an inline formula."""
    return f"vertical-align: {offset / 16:.3f}em"
