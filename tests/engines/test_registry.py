"""Engines from outside the package: registered, or offered by an installed package's entry point."""

import json

import numpy as np
import pytest

from spiral.cli import main
from spiral.engines import Registration, base, known, make, missing, register, settings_of
from spiral.engines.checks import check_engine
from spiral.engines.strokes import StrokeSettings
from spiral.engines.vector import VectorEngine
from spiral.errors import InputError

ENGINE = """
from spiral.engines import Registration
from spiral.engines.strokes import StrokeSettings
from spiral.engines.vector import VectorEngine, missing

class Crayon(VectorEngine):
    name = "crayon"

def build(batch, settings, threads):
    return Crayon(batch, StrokeSettings.parse(settings))

OFFER = Registration(__name__, "a crayon", "pip install crayons")
"""


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(base, "ENGINES", dict(base.ENGINES))
    base._offered.cache_clear()
    yield
    base._offered.cache_clear()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Makes an installed package of one module that offers engines."""

    def install(code: str, **offers: str) -> None:
        information = tmp_path / "crayons-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: crayons\nVersion: 1.0\n")
        lines = [f"{name} = {where}" for name, where in offers.items()]
        (information / "entry_points.txt").write_text("\n".join(["[spiral.engines]", *lines, ""]))
        (tmp_path / f"{tmp_path.name}.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_an_installed_package_offers_an_engine(installed, tmp_path, capsys):
    installed(ENGINE, crayon=f"{tmp_path.name}:OFFER")
    check_engine("crayon")
    assert known()["crayon"].summary == "a crayon"
    assert "crayon" in base.stroke_engines()
    assert main(["engines", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["crayon"] == {"works": True, "missing": None}


def test_programs_name_it_and_agents_paint_with_it(installed, tmp_path, monkeypatch):
    installed(ENGINE, crayon=f"{tmp_path.name}:OFFER")
    monkeypatch.chdir(tmp_path)
    from PIL import Image

    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save("line.png")
    drawn = ["--checkpoint", "mnist-reconstruct-vector", "--out"]
    assert main(["paint", "line.png", *drawn, "plain"]) == 0
    assert main(["paint", "line.png", "--engine", "crayon", *drawn, "waxed"]) == 0
    assert '"engine": "crayon"' in (tmp_path / "waxed" / "line.program.json").read_text()
    assert main(["render", "waxed/line.program.json", "--out", "again.png"]) == 0
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "plain" / "line.png").read_bytes()


def test_this_packages_names_win(installed, tmp_path):
    installed("raise RuntimeError('never imported')", vector=f"{tmp_path.name}:OFFER")
    assert isinstance(make("vector", 1), VectorEngine)
    assert known() == base.ENGINES


@pytest.mark.parametrize(
    ("code", "why"), [("import no_such_thing", "ModuleNotFoundError"), ("OFFER = 3", "no Registr")]
)
def test_a_broken_offer_spoils_nothing_else(installed, tmp_path, code, why):
    installed(code, crayon=f"{tmp_path.name}:OFFER")
    assert missing("vector") is None
    with pytest.warns(UserWarning, match=why):
        assert "crayon" not in known()
    with pytest.raises(InputError, match=why):
        make("crayon", 1)


def test_a_name_is_taken_once():
    mine = Registration("mine", "mine", "")
    register("crayon", mine)
    register("crayon", mine)
    for name in ("crayon", "vector"):
        with pytest.raises(InputError, match="already"):
            register(name, Registration("another", "another", ""))
    assert isinstance(settings_of("vector", {}), StrokeSettings)


def test_an_engine_whose_module_is_gone_is_missing_and_says_so(monkeypatch):
    import pytest

    from spiral.engines import Registration, base, make, missing
    from spiral.errors import InputError

    monkeypatch.setitem(base.ENGINES, "gone", Registration("no_such_module_at_all", "gone", "look for it"))
    assert "no_such_module_at_all" in (missing("gone") or "")
    with pytest.raises(InputError, match="look for it"):
        make("gone", 1)
