"""The code in the documentation runs."""

import re
from pathlib import Path

import pytest

from spiral.engines import missing

ROOT = Path(__file__).parent.parent
SNIPPETS = [
    pytest.param(match.group(1), id=f"{path.name}-{index}")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for index, match in enumerate(re.finditer(r"```python\n(.*?)```", path.read_text(), re.DOTALL))
]


@pytest.mark.parametrize("code", SNIPPETS)
def test_snippets_run(code, tmp_path, monkeypatch):
    if '"scene"' in code and missing("scene") is not None:
        pytest.skip(f"scene: {missing('scene')}")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "snippet", "exec"), {})


def test_every_link_to_a_file_leads_somewhere():
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
