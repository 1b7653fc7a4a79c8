"""CelebA's official files: split by the partition, cropped in the middle, refused with a reason when broken."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from spiral.datasets import default_split, load
from spiral.errors import InputError

PARTS = [0, 0, 1, 0, 2, 2, 0]


def face(number: int, size: tuple[int, int] = (178, 218)) -> bytes:
    """A picture as the archive has them; its middle is as bright as its number says, its border red."""
    picture = Image.new("RGB", size, (255, 0, 0))
    ImageDraw.Draw(picture).rectangle([9, 29, size[0] - 10, size[1] - 30], fill=(30 * number,) * 3)
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=95)
    return stream.getvalue()


def write_partition(folder: Path) -> None:
    lines = "".join(f"{number + 1:06d}.jpg {part}\n" for number, part in enumerate(PARTS))
    (folder / "list_eval_partition.txt").write_text(lines)


@pytest.fixture(params=["archive", "folder"])
def official(tmp_path, request) -> Path:
    write_partition(tmp_path)
    if request.param == "archive":
        with zipfile.ZipFile(tmp_path / "img_align_celeba.zip", "w") as stream:
            stream.writestr("img_align_celeba/", b"")
            for number in range(len(PARTS)):
                stream.writestr(f"img_align_celeba/{number + 1:06d}.jpg", face(number))
    else:
        (tmp_path / "img_align_celeba").mkdir()
        for number in range(len(PARTS)):
            (tmp_path / "img_align_celeba" / f"{number + 1:06d}.jpg").write_bytes(face(number))
    return tmp_path


def test_the_partition_splits_the_pictures(official):
    shades = {split: load(official, 64, 3, split).images[:, 32, 32].astype(int) for split in ("train", "test", None)}
    for split, wanted in (("train", (0,)), ("test", (2,)), (None, (0, 1, 2))):
        expected = [30 * number for number, part in enumerate(PARTS) if part in wanted]
        assert np.abs(shades[split] - np.array(expected)[:, None]).max() <= 3
    assert default_split(official) == "test"


def test_the_border_is_cut_off_and_grey_is_to_be_had(official):
    images = load(official, 64, 3, "train").images
    assert images.shape == (4, 64, 64, 3)
    assert images[0].max() < 60, "the red border is outside the centre square"
    assert load(official, 32, 1, "test").images.shape == (2, 32, 32, 1)


def test_a_reduced_copy_in_an_archive_of_another_name_is_read_whole(tmp_path):
    write_partition(tmp_path)
    small = Image.new("RGB", (64, 64), (200, 0, 0))
    stream = io.BytesIO()
    small.save(stream, format="JPEG", quality=95)
    with zipfile.ZipFile(tmp_path / "frames-64x64.zip", "w") as archive:
        for number in range(len(PARTS)):
            archive.writestr(f"img_align_celeba/{number + 1:06d}.jpg", stream.getvalue())
    images = load(tmp_path, 64, 3, "train").images
    assert images.shape == (4, 64, 64, 3)
    assert np.abs(images.astype(int) - np.array([200, 0, 0])).max() <= 4


@pytest.mark.parametrize(
    ("partition", "reason"),
    [
        (None, "list_eval_partition.txt"),
        ("000001.jpg\n", "line 1"),
        ("000001.jpg 7\n", "line 1"),
        ("../000001.jpg 0\n", "line 1"),
        ("000001.jpg 0\n000001.jpg 0\n", "twice"),
        ("000001.jpg 2\n", "split 'train'"),
        ("000001.jpg 0\n000099.jpg 0\n", "1 pictures of .* are missing, 000099.jpg"),
    ],
)
def test_a_broken_partition_is_named(official, partition, reason):
    (official / "list_eval_partition.txt").unlink()
    if partition is not None:
        (official / "list_eval_partition.txt").write_text(partition)
    with pytest.raises(InputError, match=reason):
        load(official, 64, 3, "train")


@pytest.mark.parametrize(
    ("data", "reason"), [(b"no picture", "not a readable picture"), (face(1, (100, 218)), "fewer than 160x160")]
)
def test_a_broken_picture_is_named(tmp_path, data, reason):
    write_partition(tmp_path)
    with zipfile.ZipFile(tmp_path / "img_align_celeba.zip", "w") as stream:
        stream.writestr("img_align_celeba/000001.jpg", data)
    with pytest.raises(InputError, match=f"000001.jpg.*{reason}"):
        load(tmp_path, 64, 3, "train")


def test_a_broken_archive_is_named(tmp_path):
    write_partition(tmp_path)
    (tmp_path / "img_align_celeba.zip").write_bytes(b"PK\3\4 no archive")
    with pytest.raises(InputError, match="not a whole zip"):
        load(tmp_path, 64, 3, "train")


@pytest.mark.parametrize(
    ("line", "encoding"),
    [("{},{}", "utf-8-sig"), ("{};{}", "utf-8"), ('"{}","{}"', "utf-8"), ("{}\t{}", "utf-16")],
)
def test_a_partition_that_a_spreadsheet_saved_is_read(official, line, encoding):
    (official / "list_eval_partition.txt").unlink()
    rows = [("image_id", "partition"), *((f"{number + 1:06d}.jpg", part) for number, part in enumerate(PARTS))]
    text = "".join(line.format(*row) + "\r\n" for row in rows)
    (official / "list_eval_partition.csv").write_bytes(text.encode(encoding))
    assert len(load(official, 8, 1, "train")) == PARTS.count(0)
