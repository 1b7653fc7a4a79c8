"""Known data sets as one finds them: unpacked by torchvision or Kaggle, one folder too high, in parts."""

import gzip
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spiral.datasets import default_split, load
from spiral.errors import InputError

FILES = {"train-images": 3, "train-labels": 1, "t10k-images": 3, "t10k-labels": 1}
ALPHABETS = {"background": "Latin", "evaluation": "Greek"}


def idx(count: int, dimensions: int) -> bytes:
    shape = (count, 28, 28)[:dimensions]
    return struct.pack(f">HBB{dimensions}I", 0, 8, dimensions, *shape) + bytes(int(np.prod(shape)))


def mnist(folder: Path, name: str = "{}-idx{}-ubyte", packed: tuple[str, ...] = ()) -> None:
    for stem, dimensions in FILES.items():
        data = idx(5 if stem.startswith("train") else 3, dimensions)
        path = folder / name.format(stem, dimensions)
        path.parent.mkdir(parents=True, exist_ok=True)
        if stem in packed:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(data))
        else:
            path.write_bytes(data)


def picture(path: Path, size: tuple[int, int] = (105, 105), shade: int = 255) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, shade).save(path)


def omniglot(folder: Path, part: str) -> None:
    for drawer in (1, 20):
        picture(folder / f"images_{part}" / ALPHABETS[part] / "character01" / f"0001_{drawer:02d}.png")


def celeba(pictures: Path, partition: Path) -> None:
    for number in (1, 2, 3):
        picture(pictures / f"{number:06d}.jpg", (178, 218), 60 * number)
    partition.parent.mkdir(parents=True, exist_ok=True)
    if partition.suffix == ".csv":
        partition.write_text("image_id,partition\n000001.jpg,0\n000002.jpg,0\n000003.jpg,2\n")
    else:
        partition.write_text("000001.jpg 0\n000002.jpg 0\n000003.jpg 2\n")


@pytest.mark.parametrize(
    ("place", "name", "packed"),
    [
        ("", "{}-idx{}-ubyte", ()),
        ("MNIST/raw", "{}-idx{}-ubyte", ()),
        ("archive", "{}.idx{}-ubyte", ()),
        ("", "{0}-idx{1}-ubyte/{0}-idx{1}-ubyte", ()),
        ("", "{}-idx{}-ubyte", ("train-labels", "t10k-labels")),
    ],
)
def test_mnist_is_found_as_others_lay_it_out(tmp_path, place, name, packed):
    mnist(tmp_path / place, name, packed)
    assert [len(load(tmp_path, 28, 1, split)) for split in ("train", "test", None)] == [5, 3, 8]


def test_archives_that_a_browser_unpacked_keep_their_names(tmp_path):
    mnist(tmp_path, "{}-idx{}-ubyte.gz")
    assert len(load(tmp_path, 28, 1)) == 8


@pytest.mark.parametrize("place", ["", "omniglot-py", "data/omniglot/"])
def test_omniglot_is_found_below_the_folder(tmp_path, place):
    for part in ALPHABETS:
        omniglot(tmp_path / place, part)
    data = load(tmp_path, 32, 1, "test")
    assert len(data) == 2 and data.images.max() == 0, "inverted, as its archives are"
    assert data.labels is not None and data.labels.tolist() == [964, 964]
    assert default_split(tmp_path) == "test"


def test_omniglot_is_found_in_parts(tmp_path):
    omniglot(tmp_path, "background")
    omniglot(tmp_path / "more" / "images_evaluation", "evaluation")  # unpacked into a folder of its own name
    assert len(load(tmp_path, 32, 1)) == 4


@pytest.mark.parametrize(
    ("pictures", "partition"),
    [
        ("img_align_celeba", "list_eval_partition.txt"),
        ("img_align_celeba", "list_eval_partition.csv"),
        ("img_align_celeba/img_align_celeba", "list_eval_partition.csv"),
        ("celeba/img_align_celeba", "celeba/list_eval_partition.txt"),
        ("faces", "faces/list_eval_partition.csv"),
        ("Img/img_align_celeba", "Eval/list_eval_partition.txt"),
        ("CelebA/Img/img_align_celeba", "CelebA/Eval/list_eval_partition.txt"),
    ],
)
def test_celeba_is_found_as_others_lay_it_out(tmp_path, pictures, partition):
    celeba(tmp_path / pictures, tmp_path / partition)
    assert [len(load(tmp_path, 32, 3, split)) for split in ("train", "test", None)] == [2, 1, 3]
    assert default_split(tmp_path) == "test"


def test_several_data_sets_in_a_folder_are_refused_with_the_folders_names(tmp_path):
    mnist(tmp_path / "MNIST" / "raw")
    shutil.copytree(tmp_path / "MNIST", tmp_path / "FashionMNIST")
    with pytest.raises(InputError, match=r"MNIST more than once, in .*FashionMNIST/raw and .*MNIST/raw"):
        load(tmp_path, 28, 1)
    omniglot(tmp_path / "omniglot-py", "background")
    with pytest.raises(InputError, match=r"several data sets: MNIST in .*raw, OMNIGLOT in .*omniglot-py"):
        load(tmp_path, 28, 1)


def test_pictures_above_a_data_set_are_not_mixed_up_with_it(tmp_path):
    omniglot(tmp_path / "omniglot-py", "background")
    picture(tmp_path / "sheet.png")
    with pytest.raises(InputError, match=r"name .*omniglot-py"):
        load(tmp_path, 28, 1)


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ("t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte without t10k-labels"),
        ("img_align_celeba", "CelebA without its pictures; looked for: img_align_celeba"),
        ("list_eval_partition.txt", "CelebA without its partition; looked for: .*list_eval_partition"),
    ],
)
def test_a_part_that_is_missing_is_named(tmp_path, gone, says):
    if gone.startswith("t10k"):
        mnist(tmp_path)
    else:
        celeba(tmp_path / "img_align_celeba", tmp_path / "list_eval_partition.txt")
    path = tmp_path / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(InputError, match=says):
        load(tmp_path, 28, 3, "test")


def test_a_folder_without_anything_lists_the_names_that_are_looked_for(tmp_path):
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte.*images_background.*img_align_celeba.*partition"):
        load(tmp_path, 28, 1)


def test_hidden_files_are_no_part_of_a_data_set(tmp_path):
    mnist(tmp_path)
    (tmp_path / "._train-images-idx3-ubyte.gz").write_bytes(b"of a Mac")
    mnist(tmp_path / "__MACOSX")
    mnist(tmp_path / ".cache")
    assert len(load(tmp_path, 28, 1)) == 8
    for part in ALPHABETS:
        omniglot(tmp_path / "o", part)
    (tmp_path / "o" / "images_background" / "._Latin.png").write_bytes(b"of a Mac")
    assert len(load(tmp_path / "o", 28, 1)) == 4


def test_a_plain_folder_of_pictures_stays_one(tmp_path):
    for number in range(3):
        picture(tmp_path / "cats" / f"{number}.png", (20, 20), 80)
    assert load(tmp_path, 16, 1).images.mean() == 80
