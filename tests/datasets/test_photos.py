"""Random crops of photographs: square, the same every time, whole photographs held out."""

import numpy as np
import pytest
from PIL import Image

from spiral.datasets import default_split, load
from spiral.datasets.photos import CROPS, random_crops
from spiral.errors import InputError


@pytest.fixture
def album(tmp_path):
    """Twenty photographs, each of one shade; those of every tenth place are held out."""
    for number in range(20):
        Image.new("RGB", (60 + number, 40), (10 * number, 0, 255 - 10 * number)).save(tmp_path / f"{number:02d}.png")
    return tmp_path


def test_whole_photographs_are_held_out(album):
    parts = {split: load(f"photos:{album}", 16, 3, split).images for split in ("train", "test")}
    assert {split: len(images) for split, images in parts.items()} == CROPS
    assert set(parts["test"][:, 8, 8, 0].tolist()) == {90, 190}
    colours = {tuple(colour) for colour in parts["train"][:, 8, 8].tolist()}
    assert {tuple(sorted(colour)) for colour in colours} == {
        tuple(sorted((10 * number, 0, 255 - 10 * number))) for number in range(20) if number % 10 != 9
    }
    assert len(colours) > 60, "of each photograph all orders of red, green and blue"
    assert default_split(f"photos:{album}") == "test"


def test_crops_are_squares_of_many_sides_and_half_of_them_mirrored(tmp_path):
    ramp = np.zeros((256, 300, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(256)[:, None], np.arange(300)[None] // 2
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    crops = random_crops([tmp_path / "ramp.png"], 200, 16, 3, seed=1).astype(int)
    down, across = np.ptp(crops[..., 0], axis=(1, 2)), crops[:, 8, -1, 1] - crops[:, 8, 0, 1]
    # The ramp is half as steep across as it is down, so in a square the ranges are two to one.
    assert np.abs(down - 2 * np.abs(across)).max() <= 10
    assert down.min() < 40 and down.max() > 200, "from a small part to nearly the whole photograph"
    assert 70 < (across > 0).sum() < 130
    again = random_crops([tmp_path / "ramp.png"], 200, 16, 3, seed=1)
    assert np.array_equal(crops, again)


def test_the_built_in_photographs_are_in_colour():
    images = load("photos", 8, 3, "test").images
    assert images.shape == (CROPS["test"], 8, 8, 3)
    assert np.abs(images[..., 0].astype(int) - images[..., 2]).mean() > 20


def test_wrong_places_are_named(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        load(f"photos:{tmp_path / 'none'}", 16, 3)
    with pytest.raises(InputError, match="no pictures"):
        load(f"photos:{tmp_path}", 16, 3)
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(InputError, match="not a readable picture"):
        load(f"photos:{tmp_path}", 16, 3)
