"""Reports from runs' records: figures, seeds as one curve, the same bytes for the same runs, broken records refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spiral.cli import main
from spiral.errors import InputError
from spiral.evaluation.discs import Discs, minus_l2, surface, write_surfaces
from spiral.evaluation.report import across, figures, grouped, read_record, write_report


def run(folder, errors, sheet=False):
    folder.mkdir(parents=True)
    rows = [
        {"commands": 1000 * index, "seconds": 2.0 * index, "mse": 0.1 * error, "blank_mse": 0.1}
        for index, error in enumerate(errors)
    ]
    rows.insert(1, {"commands": 500, "seconds": 1.0, "policy/entropy": 3.0, "blank": 0.0})
    rows.append({"commands": 9000, "seconds": 9.0, "policy/entropy": 2.0, "blank": 0.0})
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "metrics.jsonl").write_text(text + '{"commands": 99')  # as a crash leaves it
    if sheet:
        (folder / "sheets").mkdir()
        Image.new("L", (20, 20), 128).save(folder / "sheets" / "000000001000.png")
    return folder


def search(folder):
    folder.mkdir(parents=True)
    curve = [{"evaluations": 10, "l2": 80.0}, {"evaluations": 100, "l2": 40.0}]
    (folder / "search.json").write_text(json.dumps({"l2": 40.0, "blank_l2": 100.0, "seconds": 5.0, "curve": curve}))
    return folder


def test_seeds_are_one_curve_and_folders_one_figure(tmp_path):
    for name, errors in (("l2-seed0", [1, 0.8, 0.6]), ("l2-seed1", [1, 0.9, 0.8]), ("spiral-12", [1, 0.5, 0.2])):
        run(tmp_path / "digits" / name, errors)
    found = figures([tmp_path])
    assert list(found) == ["digits"]
    assert {label: len(group) for label, group in grouped(found["digits"]).items()} == {"l2": 2, "spiral-12": 1}
    x, y = across([record.curves["error"] for record in found["digits"][:2]])
    assert (x[0], x[-1]) == (0.0, 2000.0)
    assert np.median(y, axis=0)[[0, -1]] == pytest.approx([1.0, 0.7])


def test_the_report_is_complete_and_repeats_to_the_byte(tmp_path, capsys):
    run(tmp_path / "runs" / "digits" / "spiral-seed0", [1, 0.5, 0.2], sheet=True)
    search(tmp_path / "runs" / "digits" / "search")
    assert main(["report", str(tmp_path / "runs"), "--out", str(tmp_path / "one")]) == 0
    written = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert written == ["digits-blank.svg", "digits-entropy.svg", "digits-error.svg", "digits-search.svg", "index.html"]
    page = (tmp_path / "one" / "index.html").read_text()
    assert page.count("<svg") == 4 and page.count("data:image/png") == 1
    assert "spiral-seed0, one program" in (tmp_path / "one" / "digits-search.svg").read_text()
    write_report([tmp_path / "runs"], tmp_path / "other")
    for name in written:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_names_from_outside_are_escaped_in_the_page(tmp_path):
    run(tmp_path / "<script>alert(1)<%script>", [1, 0.5])
    write_report([tmp_path / "<script>alert(1)<%script>"], tmp_path / "out")
    assert "<script>alert" not in (tmp_path / "out" / "index.html").read_text()


def test_what_holds_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no run"):
        figures([tmp_path])
    (tmp_path / "search.json").write_text('{"l2": 1}')
    with pytest.raises(InputError, match="not a search's record"):
        read_record(tmp_path)
    (tmp_path / "metrics.jsonl").write_text('not JSON\n{"commands": 5, "seconds": null, "blank_mse": 1}\n')
    assert read_record(tmp_path).curves == {}


def test_figures_of_one_name_stay_apart_and_the_folder_here_has_its_name(tmp_path, monkeypatch):
    for top in ("a", "b"):
        run(tmp_path / top / "digits" / "spiral", [1, 0.5])
    assert list(figures([tmp_path / "a", tmp_path / "b"])) == ["digits", "digits-2"]
    monkeypatch.chdir(tmp_path / "a" / "digits")
    assert list(figures([Path()])) == ["digits"]


def test_surfaces_of_the_discs_are_a_plot_too(tmp_path):
    write_surfaces({"minus L2": surface(minus_l2(Discs()), Discs())}, Discs(out=tmp_path / "runs" / "discs"))
    written = write_report([tmp_path / "runs"], tmp_path / "report")
    assert [path.name for path in written] == ["discs.svg", "index.html"]
    assert written[0].read_bytes().count(b"<image") == 1
    assert "<h2>discs</h2>" in written[1].read_text()


def test_a_painting_is_a_curve_too(tmp_path):
    folder = run(tmp_path / "long" / "temporal-seed0", [1, 0.5, 0.2])
    evaluated = {"blank_mse": 0.4, "after": [{"commands": 10, "mse": 0.2}, {"commands": 500, "mse": 0.04}]}
    (folder / "evaluation.json").write_text(json.dumps(evaluated))
    record = read_record(folder)
    assert "error" in record.curves
    assert record.curves["process"].x.tolist() == [0, 10, 500]
    assert record.curves["process"].y.tolist() == pytest.approx([1.0, 0.5, 0.1])
    alone = tmp_path / "long" / "terminal-seed0"
    alone.mkdir()
    (alone / "evaluation.json").write_text(json.dumps(evaluated))
    assert list(read_record(alone).curves) == ["process"]
    assert "long-process.svg" in [path.name for path in write_report([tmp_path / "long"], tmp_path / "out")]
    (alone / "evaluation.json").write_text("{}")
    with pytest.raises(InputError, match=r"evaluation\.json is not"):
        read_record(alone)
