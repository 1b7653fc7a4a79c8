import gzip
import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spiral.datasets import fit_image, load, resize
from spiral.errors import InputError, PictureWarning

DIGITS = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
CLASSES = (np.arange(12) % 10).astype(np.uint8)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def archives(tmp_path):
    for stem, rows in (("train", slice(0, 8)), ("t10k", slice(8, 12))):
        with gzip.open(tmp_path / f"{stem}-images-idx3-ubyte.gz", "wb") as stream:
            stream.write(idx(DIGITS[rows]))
        (tmp_path / f"{stem}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(CLASSES[rows])))
    return tmp_path


def test_the_bundled_sample_has_8000_and_1000_digits_of_all_classes():
    train, test = load("mnist-sample", 28, 1, "train"), load("mnist-sample", 28, 1, "test")
    assert (len(train), len(test)) == (8000, 1000)
    assert train.labels is not None and test.labels is not None
    assert np.bincount(test.labels).min() > 80 and np.bincount(train.labels).min() > 600
    seen = {image.tobytes() for image in train.images}
    assert not any(image.tobytes() in seen for image in test.images)


def test_mnist_archives_packed_and_plain(archives):
    for _ in range(2):
        train = load(archives, 28, 1, "train")
        assert np.array_equal(train.images[..., 0], DIGITS[:8])
        assert train.labels is not None and train.labels.tolist() == CLASSES[:8].tolist()
        assert len(load(archives, 28, 1)) == 12
        for path in archives.glob("*.gz"):
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[: len(data) // 2],
        lambda data: gzip.compress(gzip.decompress(data)[:-1]),
        lambda data: gzip.compress(gzip.decompress(data) + b"x"),
        lambda data: gzip.compress(b"\0\0\x0d\x03" + gzip.decompress(data)[4:]),
        lambda data: gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 2**31)),
        lambda data: gzip.compress(gzip.decompress(data)[:6]),
        lambda data: b"no gzip",
        lambda data: b"",
    ],
)
def test_broken_archives_are_refused_by_name(archives, spoil):
    path = archives / "train-images-idx3-ubyte.gz"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(InputError, match="train-images"):
        load(archives, 28, 1, "train")


def test_labels_that_do_not_belong_are_refused(archives):
    (archives / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(CLASSES)))
    with pytest.raises(InputError, match="labels"):
        load(archives, 28, 1, "train")


def test_an_npz_grey_or_colour_with_or_without_labels(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=DIGITS, labels=CLASSES)
    data = load(path, 28, 1)
    assert np.array_equal(data.images[..., 0], DIGITS)
    assert data.labels is not None and data.labels.dtype == np.int64
    assert (len(load(path, 28, 1, "train")), len(load(path, 28, 1, "test"))) == (11, 1)
    np.savez(path, images=np.stack([DIGITS] * 3, axis=-1))
    assert load(path, 14, 3).images.shape == (12, 14, 14, 3)


@pytest.mark.parametrize(
    "arrays",
    [
        {"pictures": DIGITS},
        {"images": DIGITS.astype(np.complex64)},
        {"images": DIGITS[0]},
        {"images": DIGITS[:0]},
        {"images": np.stack([DIGITS] * 2, axis=-1)},
        {"images": DIGITS, "labels": CLASSES[:5]},
        {"images": DIGITS, "labels": CLASSES / 2},
        {"images": np.array([{"a": 1}], dtype=object)},
    ],
)
def test_wrong_npz_files_are_refused_by_name(tmp_path, arrays):
    path = tmp_path / "wrong.npz"
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=r"wrong\.npz"):
        load(path, 28, 1)


def test_a_truncated_npz_is_refused(tmp_path):
    path = tmp_path / "cut.npz"
    np.savez_compressed(path, images=DIGITS)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"cut\.npz"):
        load(path, 28, 1)


def test_an_npz_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("spiral.datasets.numpy_files.MAXIMUM_BYTES", 1000)
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, images=np.zeros((100, 28, 28), np.uint8))
    with pytest.raises(InputError, match="unpacks to"):
        load(path, 28, 1)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None


def test_a_folder_of_pictures_is_searched_in_order_and_resized(tmp_path):
    (tmp_path / "inner").mkdir()
    for index, name in enumerate(["b.png", "a.jpg", "inner/c.bmp"]):
        Image.new("RGB", (40, 20), (index * 50,) * 3).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    data = load(tmp_path, 16, 1)
    assert data.images.shape == (3, 16, 16, 1)
    assert [int(image.mean().round()) for image in data.images] == [50, 0, 100]
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.warns(PictureWarning, match=r"1 of 4 pictures .*broken\.png"):
        assert len(load(tmp_path, 16, 1)) == 3


@pytest.mark.parametrize("name", ["nowhere", "hf:someone/something"])
def test_sources_that_are_not_to_be_had_are_named(name):
    with pytest.raises(InputError, match=name.removeprefix("hf:")):
        load(name, 28, 1)


@pytest.mark.parametrize("name", ["train.csv", "digits.H5", "train.parquet", "training.pt", "digits.mat"])
def test_data_sets_of_other_formats_are_told_what_is_read(tmp_path, name):
    (tmp_path / name).write_bytes(b"label,pixel0\n")
    with pytest.raises(InputError, match=rf"{name}: .* not read as data sets; save the pictures as an \.npz"):
        load(tmp_path / name, 28, 1)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="neither archives of MNIST, OMNIGLOT or CelebA nor pictures"):
        load(tmp_path, 28, 1)


def picture_bytes(mode: str = "RGB", size: tuple[int, int] = (9, 7), kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size, 128 if len(mode) == 1 else (255, 0, 0, 128)[: len(mode)]).save(stream, kind)
    return stream.getvalue()


@settings(deadline=None)
@given(st.data())
def test_cut_or_spoilt_pictures_are_refused_or_read(tmp_path_factory, data):
    good = picture_bytes(kind=data.draw(st.sampled_from(["PNG", "GIF", "BMP", "TIFF"])))
    place = data.draw(st.integers(0, len(good) - 1))
    spoilt = good[:place] + data.draw(st.binary(max_size=4))
    path = tmp_path_factory.mktemp("p") / "x.png"
    path.write_bytes(spoilt)
    try:
        assert fit_image(path, 8, 3).shape == (8, 8, 3)
    except InputError as error:
        assert "x.png" in str(error) and "\n" not in str(error)


def test_a_picture_with_too_many_pixels_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.png"
    path.write_bytes(picture_bytes("L", (300, 300)))
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 10_000)
    with pytest.raises(InputError, match=r"more than .* pixels"):
        fit_image(path, 8, 1)


def test_transparent_pictures_lie_on_white(tmp_path):
    path = tmp_path / "t.png"
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(path)
    assert fit_image(path, 8, 1).min() == 255


def test_resizing_is_antialiased_and_keeps_the_mean():
    stripes = np.zeros((1, 64, 64, 1), np.uint8)
    stripes[:, ::2] = 255
    small = resize(stripes, 16)
    assert np.abs(small.astype(int) - 127).max() < 12


def test_pictures_of_cameras_stand_upright_and_print_colours_become_screen_colours(tmp_path):
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8] = 255  # the upper half is white
    picture = Image.fromarray(pixels)
    held = picture.getexif()
    held[0x0112] = 6  # the camera was turned: the stored top belongs to the right
    picture.save(tmp_path / "turned.png", exif=held)
    turned = fit_image(tmp_path / "turned.png", 16, 1)[..., 0]
    assert turned[:, 8:].min() > 250 and turned[:, :8].max() < 5
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "print.jpg", quality=95)
    red = fit_image(tmp_path / "print.jpg", 16, 3)[8, 8].astype(int)
    assert red[0] > 230 and red[1:].max() < 40
