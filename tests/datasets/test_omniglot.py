"""OMNIGLOT's archives: read as they are, split as they should be, refused with a reason when broken."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from spiral.datasets import default_split, load
from spiral.errors import InputError

ALPHABETS = {"background": {"Greek": 3, "Latin": 2}, "evaluation": {"Tibetan": 2}}


def drawing(drawer: int, size: int = 105) -> bytes:
    """A picture as the archives have them: 1 bit, black on white; the line's place marks the drawer."""
    picture = Image.new("1", (size, size), 1)
    ImageDraw.Draw(picture).line([(20, 5 * drawer), (80, 5 * drawer)], fill=0, width=3)
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return stream.getvalue()


def archive(folder: Path, part: str, extra: dict[str, bytes] | None = None) -> Path:
    path = folder / f"images_{part}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stream:
        stream.writestr(f"images_{part}/", b"")
        number = 0
        for alphabet, count in ALPHABETS[part].items():
            for character in range(1, count + 1):
                number += 1
                for drawer in range(1, 21):
                    name = f"images_{part}/{alphabet}/character{character:02d}/{number:04d}_{drawer:02d}.png"
                    stream.writestr(name, drawing(drawer))
        for name, data in (extra or {}).items():
            stream.writestr(name, data)
    return path


@pytest.fixture
def official(tmp_path) -> Path:
    for part in ALPHABETS:
        archive(tmp_path, part)
    return tmp_path


def test_alphabets_are_split_as_the_archives_are(official):
    train, test, whole = (load(official, 105, 1, split) for split in ("train", "test", None))
    assert (len(train), len(test), len(whole)) == (100, 40, 140)
    assert sorted(set(train.labels.tolist())) == [0, 1, 2, 3, 4]
    assert sorted(set(test.labels.tolist())) == [964, 965]
    assert default_split(official) == "test"


def test_pictures_are_turned_to_white_on_black(official):
    picture = load(official, 105, 1, "train").images[0, :, :, 0]
    assert picture[5, 50] == 255 and picture[60, 50] == 0
    assert load(official, 32, 3, "train").images.shape == (100, 32, 32, 3)


def test_drawers_can_be_held_out_instead(official):
    train, test = (load(f"by-drawer:{official}", 105, 1, split) for split in ("train", "test"))
    assert (len(train), len(test)) == (112, 28)
    assert set(train.labels) == set(test.labels)
    # The line's place marks the drawer: 17 to 20 are held out.
    assert {int(picture[:, 50, 0].argmax()) // 5 for picture in test.images} <= {16, 17, 18, 19, 20}
    assert max(int(picture[:, 50, 0].argmax()) for picture in train.images) < 81


def test_unpacked_archives_are_the_same(official, tmp_path):
    unpacked = tmp_path / "unpacked"
    for path in official.glob("*.zip"):
        with zipfile.ZipFile(path) as stream:
            stream.extractall(unpacked)
    one, other = load(official, 105, 1), load(unpacked, 105, 1)
    assert np.array_equal(one.images, other.images) and np.array_equal(one.labels, other.labels)


def test_a_truncated_archive_is_refused(tmp_path):
    path = archive(tmp_path, "background")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="not a whole zip"):
        load(tmp_path, 105, 1, "train")


def test_damaged_contents_are_refused(tmp_path):
    path = archive(tmp_path, "background")
    data = bytearray(path.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"not a whole zip|not a readable picture"):
        load(tmp_path, 105, 1, "train")


def test_an_archive_that_lies_about_its_sizes_is_refused_without_filling_memory(tmp_path):
    path = tmp_path / "images_background.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stream:
        stream.writestr("images_background/Latin/character01/0001_01.png", bytes(64 * 2**20))
    true, claimed = (64 * 2**20).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(true, claimed))
    with pytest.raises(InputError, match=r"not a whole zip|too many bytes|not a readable picture"):
        load(tmp_path, 105, 1, "train")


@pytest.mark.parametrize("name", ["../../etc/evil/character01/0001_01.png", "/evil/character01/0001_01.png"])
def test_a_path_that_climbs_out_is_refused(tmp_path, name):
    archive(tmp_path, "background", {name: drawing(1)})
    with pytest.raises(InputError, match="leads out of the archive"):
        load(tmp_path, 105, 1, "train")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("images_background/Latin/character01/0001_01.png", drawing(1, 100), "100x100 pixels, not 105x105"),
        ("images_background/Latin/character01/0001_01.png", b"no picture", "not a readable picture"),
        ("images_background/Latin/first.png", drawing(1), "is not named ALPHABET"),
    ],
)
def test_other_contents_are_refused(tmp_path, name, data, reason):
    with zipfile.ZipFile(tmp_path / "images_background.zip", "w") as stream:
        stream.writestr(name, data)
    with pytest.raises(InputError, match=reason):
        load(tmp_path, 105, 1, "train")


def test_a_missing_part_is_named(tmp_path):
    archive(tmp_path, "background")
    with pytest.raises(InputError, match=r"images_evaluation\.zip"):
        load(tmp_path, 105, 1, "test")
    with pytest.raises(InputError, match="cannot be split by drawer"):
        load("by-drawer:mnist-sample", 32, 1)


def test_an_entry_without_a_name_is_none(official):
    path = official / "images_background.zip"
    with zipfile.ZipFile(path, "a") as stream:
        stream.writestr(zipfile.ZipInfo(""), b"nothing")
    assert len(load(official, 8, 1, "train"))
