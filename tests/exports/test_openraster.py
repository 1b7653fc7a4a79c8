"""OpenRaster files, read as another program would."""

import io
import xml.etree.ElementTree as ElementTree
import zipfile

import numpy as np
import pytest
from PIL import Image

from spiral.engines.strokes import StrokeSettings
from spiral.exports.documents import picture, write_document
from spiral.program import Program


@pytest.fixture
def program():
    settings = StrokeSettings(
        size=64, channels=3, choices=("flag", "end", "control", "size", "pressure", "red", "green", "blue"),
        radii=(2.0, 6.0), aspect=2.0, ground=(0.9, 0.8, 0.7),
    )  # fmt: skip
    rows = settings.specification().random(np.random.default_rng(0), (24,))
    rows[::2, 0], rows[1::2, 0] = 0, 1
    return Program.from_array(settings.specification(), rows, "vector", settings.to_json())


def test_the_layers_put_together_are_the_picture(program, tmp_path):
    write_document(tmp_path / "x.ora", program, 96)
    with zipfile.ZipFile(tmp_path / "x.ora") as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert archive.read("mimetype") == b"image/openraster"
        root = ElementTree.fromstring(archive.read("stack.xml"))
        layers = root.findall("stack/layer")
        assert (root.get("w"), root.get("h")) == ("96", "48") and len(layers) == 9
        assert [layers[-1].get("name"), layers[-2].get("name")] == ["paper", "strokes 1 to 2"]
        pictures = [Image.open(io.BytesIO(archive.read(layer.get("src")))) for layer in reversed(layers)]
        merged = np.asarray(Image.open(io.BytesIO(archive.read("mergedimage.png"))).convert("RGB"), float)
        assert max(Image.open(io.BytesIO(archive.read("Thumbnails/thumbnail.png"))).size) <= 256
    whole = pictures[0]
    for each in pictures[1:]:
        whole = Image.alpha_composite(whole, each)
    wanted = picture(program, 96).astype(float)
    assert np.abs(np.asarray(whole.convert("RGB"), float) - wanted).mean() < 1.5
    assert np.abs(merged - wanted).mean() < 1.5
