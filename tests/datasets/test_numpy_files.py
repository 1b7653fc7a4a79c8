"""NumPy's files as others write them: names, splits, types and orders of axes."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from spiral.datasets import load
from spiral.errors import InputError

DIGITS = np.random.default_rng(0).integers(0, 256, (12, 20, 20), dtype=np.uint8)
DIGITS[:, 0, 0] = 255
CLASSES = np.arange(12) % 10


@pytest.mark.parametrize("names", [("x_train", "y_train", "x_test", "y_test"),
                                   ("train_images", "train_labels", "test_images", "test_labels")])  # fmt: skip
@pytest.mark.parametrize("column", [False, True])
def test_the_splits_of_keras_and_medmnist(tmp_path, names, column):
    labels = CLASSES[:, None] if column else CLASSES
    values = (DIGITS[:8], labels[:8], DIGITS[8:], labels[8:])
    np.savez(tmp_path / "mnist.npz", **dict(zip(names, values, strict=True)))
    train, test, whole = (load(tmp_path / "mnist.npz", 20, 1, split) for split in ("train", "test", None))
    assert (len(train), len(test), len(whole)) == (8, 4, 12)
    assert np.array_equal(whole.images[..., 0], DIGITS)
    assert whole.labels is not None and whole.labels.tolist() == CLASSES.tolist()


@pytest.mark.parametrize(
    "images",
    [
        DIGITS.astype(np.float32) / 255,
        DIGITS.astype(np.float64),
        DIGITS.astype(np.int64),
        DIGITS.astype(np.uint16) * 257,
        DIGITS.astype(np.float32) / 127.5 - 1,
        DIGITS[:, None],
        DIGITS[..., None],
        DIGITS.reshape(12, 400),
    ],
    ids=["unit", "float64", "int64", "uint16", "signed", "NCHW", "NHWC", "rows"],
)
@pytest.mark.parametrize("ending", ["npz", "npy"])
def test_brightness_and_order_of_axes_are_understood(tmp_path, images, ending):
    path = tmp_path / f"digits.{ending}"
    if ending == "npz":
        np.savez(path, images=images, labels=np.eye(10)[CLASSES])
    else:
        np.save(path, images)
    data = load(path, 20, 1)
    assert np.array_equal(data.images[..., 0], DIGITS)
    assert (data.labels is None) if ending == "npy" else (data.labels.tolist() == CLASSES.tolist())
    assert (len(load(path, 20, 1, "train")), len(load(path, 20, 1, "test"))) == (11, 1)


def test_colours_first_or_last_and_transparent(tmp_path):
    colours = np.zeros((3, 20, 20, 4), np.uint8)
    colours[..., 0], colours[..., 3] = 200, 255
    colours[:, :10, :, 3] = 0
    for name, images in (("last", colours), ("first", np.moveaxis(colours, -1, 1)), ("float", colours / 255)):
        np.savez(tmp_path / f"{name}.npz", images=images)
        read = load(tmp_path / f"{name}.npz", 20, 3).images
        assert read[:, 15, 5].tolist() == [[200, 0, 0]] * 3 and read[:, 5, 5].min() == 255


def test_masks_are_black_and_white(tmp_path):
    np.savez(tmp_path / "masks.npz", images=DIGITS > 128)
    assert set(np.unique(load(tmp_path / "masks.npz", 20, 1).images)) == {0, 255}


def test_the_names_that_are_looked_for_are_told(tmp_path):
    np.savez(tmp_path / "a.npz", pictures=DIGITS)
    with pytest.raises(InputError, match=r"only \['pictures'\]; looked for: images, .*x_train"):
        load(tmp_path / "a.npz", 28, 1)


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x10\x00{'descr': [[[ ", b"no array"])
def test_a_broken_npy_is_refused_by_name(tmp_path, data):
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.npy"):
        load(tmp_path / "a.npy", 28, 1)


@pytest.mark.parametrize("values", [np.zeros((2, 8, 8), complex), np.array([["a"]]), np.zeros((2, 7)), np.zeros(3)])
def test_what_is_no_picture_is_refused_by_name(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(InputError, match=r"a\.npy"):
        load(tmp_path / "a.npy", 28, 1)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("shape", [(2**32, 0, 8, 4), (2**32, 8, 0), (2**40, 0, 1, 4), (2**32, 4, 3, 0), (2**32, 0)])
def test_billions_of_pictures_without_pixels_are_refused_at_once(tmp_path, shape):
    header = str({"descr": "|u1", "fortran_order": False, "shape": shape}).encode()
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(InputError, match=r"a\.npy: images must be \[N, H, W\]"):
        load(tmp_path / "a.npy", 8, 1)


@pytest.mark.parametrize("name", ["images", "labels"])
def test_an_entry_that_is_no_array_is_refused(tmp_path, name):
    path = tmp_path / "a.npz"
    np.savez(path, **{key: value for key, value in {"images": DIGITS, "labels": CLASSES}.items() if key != name})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{name}.npy", b"no array")
    with pytest.raises(InputError, match=f"{name} is no array"):
        load(path, 8, 1)


@pytest.mark.parametrize("shape", [(2**32, 0), (12, 0), (0,)])
def test_labels_without_values_are_refused_whatever_their_shape(tmp_path, shape):
    np.savez(tmp_path / "a.npz", images=DIGITS, labels=np.zeros(shape, np.int64))
    with pytest.raises(InputError, match="labels must be 12 whole numbers"):
        load(tmp_path / "a.npz", 8, 1)


def test_labels_of_two_classes_may_be_bool(tmp_path):
    np.savez(tmp_path / "a.npz", images=DIGITS, labels=CLASSES > 4)
    labels = load(tmp_path / "a.npz", 8, 1).labels
    assert labels is not None and labels.tolist() == (CLASSES > 4).astype(int).tolist()


class Harmful:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("ending", [".npy", ".npz", "plain"])
def test_pickles_are_never_loaded(tmp_path, ending):
    harmful, path = np.array([Harmful(tmp_path / "harm")], object), tmp_path / f"a{ending}"
    if ending == "plain":
        path = tmp_path / "a.npy"
        path.write_bytes(pickle.dumps(harmful))
    elif ending == ".npy":
        np.save(path, harmful, allow_pickle=True)
    else:
        np.savez(path, images=harmful)
    with pytest.raises(InputError, match="Python objects, which are never loaded"):
        load(path, 8, 1)
    assert not (tmp_path / "harm").exists()
