"""The notebooks run from top to bottom, and their committed outputs are complete."""

import re
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "docs" / "notebooks"
NAMES = ["paint", "train"]
LIMIT = 1_500_000
PLACES = re.compile(r"(?<![\w.])/(home|root|tmp|usr|opt|var|work|mnt)/|[A-Z]:\\\\")


class ThisPython(AsyncKernelManager):
    """Starts kernels of the Python that runs the tests, whatever kernels are installed."""

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


def committed(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", 4)


def executed(name: str, folder: Path, monkeypatch, **variables: str) -> nbformat.NotebookNode:
    """The notebook after a run of its own, shortened."""
    variables |= {"JUPYTER_RUNTIME_DIR": str(folder), "IPYTHONDIR": str(folder / "ipython"), "OMP_NUM_THREADS": "1"}
    variables |= {"SPIRAL_NOTEBOOK_MINUTES": "0.03", "SPIRAL_NOTEBOOK_STROKES": "20", "TMPDIR": str(folder)}
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    notebook = committed(name)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, kernel_manager_class=ThisPython, resources=resources).execute()
    return notebook


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell: nbformat.NotebookNode) -> list[str]:
    """The kinds of pictures that a cell shows."""
    kinds = [kind for output in cell.outputs for kind in output.get("data", {}) if kind.startswith("image/")]
    return sorted(kind for kind in kinds if kind != "image/jpeg")


def printed(notebook: nbformat.NotebookNode) -> str:
    return "".join(output.text for cell in code_cells(notebook) for output in cell.outputs if "text" in output)


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_shows_what_it_showed(name, tmp_path, monkeypatch):
    fresh, before = executed(name, tmp_path, monkeypatch), committed(name)
    pictures = [shown(cell) for cell in code_cells(fresh)]
    assert pictures == [shown(cell) for cell in code_cells(before)]
    assert sum(map(len, pictures)) >= 8


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_without_libmypaint(name, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['spiral.engines._mypaint'] = None\n")
    fresh = executed(name, tmp_path, monkeypatch, PYTHONPATH=str(tmp_path))
    assert re.search(r"paints with +vector", printed(fresh))
    assert [shown(cell) for cell in code_cells(fresh)] == [shown(cell) for cell in code_cells(committed(name))]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_committed_is_one_whole_run(name):
    notebook, text = committed(name), (FOLDER / f"{name}.ipynb").read_text()
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(output.output_type != "error" for cell in cells for output in cell.outputs)
    assert len(text) < LIMIT
    words = [cell.source for cell in notebook.cells] + [
        str(value) for cell in cells for output in cell.outputs for value in (output.get("text"), *output_words(output))
    ]
    assert [found.group() for word in words if (found := PLACES.search(word))] == []


def output_words(output: nbformat.NotebookNode) -> list[str]:
    return [value for kind, value in output.get("data", {}).items() if not kind.startswith(("image/png", "image/jpeg"))]


def test_links_of_notebooks_lead_somewhere():
    for name in NAMES:
        for cell in committed(name).cells:
            for target in re.findall(r"\]\(([^)#:]+)\)", cell.source if cell.cell_type == "markdown" else ""):
                assert (FOLDER / target).exists(), f"{name}: {target}"
