"""Errors of imports: only an absent package is one to install."""

import importlib

import pytest

from spiral.errors import cannot_import


def failure(name: str) -> ImportError:
    with pytest.raises(ImportError) as raised:
        importlib.import_module(name)
    return raised.value


def test_an_absent_package_is_to_be_installed():
    assert "pip install 'spiral-painter[video]'" in str(
        cannot_import(failure("absent_one"), "x", "absent_one", "video")
    )


@pytest.mark.parametrize("inside", ["import absent_other", "raise ImportError('no\\nsocksio')"])
def test_a_package_that_fails_to_import_is_not_called_absent(tmp_path, monkeypatch, inside):
    (tmp_path / "present_one.py").write_text(inside)
    monkeypatch.syspath_prepend(tmp_path)
    said = str(cannot_import(failure("present_one"), "x", "present_one", "video"))
    assert "installed but cannot be imported" in said and "\n" not in said
    assert "absent_other" in said or "socksio" in said
