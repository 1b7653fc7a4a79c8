"""The checks pass for every engine that works here, and each notices its own kind of fault."""

import numpy as np
import pytest

from spiral.engines import Registration, base, checks, missing
from spiral.engines.strokes import StrokeSettings
from spiral.engines.vector import VectorEngine


@pytest.mark.parametrize("name", [name for name in base.ENGINES if missing(name) is None])
def test_every_engine_keeps_the_promises(name):
    checks.check_engine(name)
    checks.check_engine(name, {"size": 32, "channels": 3})


class Fine(VectorEngine):
    name = "mine"


class Blank(Fine):
    def step(self, commands, which=None):
        super().step(commands, np.zeros(self.batch, bool))


class Forgetful(Fine):
    """A pen stays where it was when a canvas is blanked."""

    def reset(self, seeds, which=None):
        pens = self._pens.copy()
        super().reset(seeds, which)
        self._pens = pens


class Crowded(Fine):
    """Canvases share the first one's pen."""

    def step(self, commands, which=None):
        self._pens[:] = self._pens[0]
        super().step(commands, which)


class Greedy(Fine):
    def step(self, commands, which=None):
        super().step(commands)


class Thorough(Fine):
    def reset(self, seeds, which=None):
        super().reset(seeds)


class Lenient(Fine):
    def step(self, commands, which=None):
        commands = np.resize(np.asarray(commands, np.int64), (self.batch, len(self.specification.choices)))
        super().step(np.clip(commands, 0, np.array(self.specification.sizes) - 1), which)


class Hasty(Fine):
    def load(self, pictures, pens, which=None):
        super().load(pictures, pens)


class Shallow(Fine):
    """Copies the pixels, but not the pen's place."""

    def fork(self, source, rows, which=None):
        pens = self._pens.copy()
        super().fork(source, rows, which)
        self._pens = pens


class Large(Fine):
    def canvases(self):
        return super().canvases().astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (Blank, "leave something"),
        (Forgetful, "nothing of an episode"),
        (Crowded, "those beside it"),
        (Greedy, "`step` must leave alone"),
        (Thorough, "`reset` must leave alone"),
        (Lenient, "must be refused"),
        (Hasty, "`load` must leave alone"),
        (Shallow, "same picture as on the source"),
        (Large, "uint8"),
        (VectorEngine, "its name"),
    ],
)
def test_faults_are_noticed(kind, promise, monkeypatch):
    class Module:
        missing = staticmethod(lambda: None)
        build = staticmethod(lambda batch, settings, threads: kind(batch, StrokeSettings.parse(settings)))

    monkeypatch.setitem(base.ENGINES, "mine", Registration("mine", "", ""))
    monkeypatch.setattr(base, "_module", lambda name: Module)
    with pytest.raises(AssertionError, match=promise):
        checks.check_engine("mine")


def test_an_engine_without_faults_passes(monkeypatch):
    class Module:
        missing = staticmethod(lambda: None)
        build = staticmethod(lambda batch, settings, threads: Fine(batch, StrokeSettings.parse(settings)))

    monkeypatch.setitem(base.ENGINES, "mine", Registration("mine", "", ""))
    monkeypatch.setattr(base, "_module", lambda name: Module)
    checks.check_engine("mine")
