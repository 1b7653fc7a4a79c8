"""Single pictures: deep modes, transparency, metadata, limits, and objects in place of files."""

import io
import struct
import sys
import time
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
from hostile import png
from PIL import Image

from spiral.datasets import find_images, fit_image, load
from spiral.datasets.pictures import BLACK, _readable, decode_picture, open_image
from spiral.errors import InputError, PictureWarning

RAMP = np.tile(np.arange(256, dtype=np.uint8), (4, 1))


def same(picture, wanted=RAMP, within: int = 1) -> bool:
    """Whether a picture is the wanted grey one."""
    seen = np.asarray(open_image(picture, 1)).astype(int)
    return seen.shape == wanted.shape and int(np.abs(seen - wanted).max()) <= within


def deep_tiff(pixels: np.ndarray, order: str = "big", white: int = 1) -> bytes:
    """A TIFF of one strip of 16 bits, as instruments write them; `white` is its photometric interpretation."""
    height, width = pixels.shape
    big = order == "big"
    tags = [(256, 4, width), (257, 4, height), (258, 3, 16), (259, 3, 1), (262, 3, white), (273, 4, 8), (277, 3, 1),
            (278, 4, height), (279, 4, 2 * width * height)]  # fmt: skip
    data = pixels.astype(">u2" if big else "<u2").tobytes()
    start, sign = (b"MM\0*", ">") if big else (b"II*\0", "<")
    entries = b"".join(
        struct.pack(f"{sign}HHI{'HH' if kind == 3 else 'I'}", tag, kind, 1, value, *([0] if kind == 3 else []))
        for tag, kind, value in tags
    )
    return (
        start + struct.pack(f"{sign}I", 8 + len(data)) + data + struct.pack(f"{sign}H", len(tags)) + entries + bytes(4)
    )


DEEP = {
    "be16.tif": deep_tiff(RAMP.astype(np.uint16) * 257),
    "16.pgm": b"P5 256 4 65535\n" + (RAMP.astype(np.uint16) * 257).astype(">u2").tobytes(),
    "12.pgm": b"P5 256 4 4095\n" + (RAMP.astype(int) * 4095 // 255).astype(">u2").tobytes(),
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_files_keep_their_brightness(tmp_path, name):
    (tmp_path / name).write_bytes(DEEP[name])
    assert same(tmp_path / name)


@pytest.mark.parametrize(
    "pixels",
    [
        RAMP.astype(np.uint16) * 257,
        RAMP.astype(np.uint16) * 4,
        RAMP.astype(np.int32),
        RAMP.astype(np.int32) * 257,
        RAMP.astype(np.int32) * 2**22,
        RAMP.astype(np.float32) / 255,
        RAMP.astype(np.float32),
    ],
    ids=["uint16", "10bit", "int32", "int32as16", "int32wide", "float01", "float255"],
)
def test_each_deep_mode_has_its_own_range(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    assert same(tmp_path / "a.tif") and same(Image.fromarray(pixels)) and same(pixels)


def test_a_deep_tiff_where_zero_is_white_is_no_negative():
    assert same(deep_tiff(RAMP.astype(np.uint16) * 257, "little", white=0), 255 - RAMP)


def test_a_deep_picture_of_many_rows_takes_no_longer_than_one_of_few():
    tall = np.zeros((200_000, 5), np.uint16)
    tall[7] = 65535
    start = time.process_time()
    assert np.asarray(open_image(tall, 1))[7].min() == 255
    assert time.process_time() - start < 2.0  # row by row it takes several times as long


def test_what_is_not_a_number_is_black(tmp_path):
    pixels = RAMP.astype(np.float32) / 255
    pixels[0, 100:110], pixels[1, 5] = np.nan, np.inf
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    seen = np.asarray(open_image(tmp_path / "a.tif", 1))
    assert seen[0, 105] == 0 and seen[1, 5] == 255 and np.array_equal(seen[2], RAMP[2])


def ink(brightness: int, mode: str = "RGBA") -> Image.Image:
    """A square of ink on nothing."""
    pixels = np.zeros((20, 20, 4), np.uint8)
    pixels[5:15, 5:15] = (brightness, brightness, brightness, 255)
    picture = Image.fromarray(pixels)
    return picture.convert("LA") if mode == "LA" else picture.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "RGBa"])
@pytest.mark.parametrize("ground", [0, 255])
@pytest.mark.parametrize("brightness", [0, 255])
def test_ink_on_nothing_can_always_be_seen(mode, ground, brightness):
    pixels = np.asarray(open_image(ink(brightness, mode), 1, ground))
    assert pixels[10, 10] == brightness and pixels[0, 0] == 255 - brightness


def test_coloured_ink_lies_on_the_ground_that_is_asked_for():
    assert np.asarray(open_image(ink(128), 1, BLACK))[0, 0] == 0
    assert np.asarray(open_image(ink(128), 1))[0, 0] == 255


def test_a_picture_of_one_colour_is_told(tmp_path):
    Image.new("RGB", (9, 9), (3, 4, 5)).save(tmp_path / "plain.png")
    with pytest.warns(PictureWarning, match=r"plain\.png has the same colour everywhere"):
        open_image(tmp_path / "plain.png", 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_image(RAMP, 3)


def turned(picture: Image.Image) -> bytes:
    stream, held = io.BytesIO(), picture.getexif()
    held[0x0112] = 6
    picture.save(stream, "PNG", exif=held)
    return stream.getvalue()


def test_an_object_takes_the_same_road_as_its_file():
    half = np.zeros((16, 16, 3), np.uint8)
    half[:8] = 255
    data = turned(Image.fromarray(half))
    upright = fit_image(data, 16, 1)
    assert upright[:, 8:].min() > 250 and np.array_equal(fit_image(Image.open(io.BytesIO(data)), 16, 1), upright)
    cut = Image.open(io.BytesIO(png(64, 64)[:-30]))
    with pytest.raises(InputError, match="not a readable picture"):
        fit_image(cut, 16, 1)


@pytest.mark.parametrize(
    "pixels",
    [RAMP, RAMP[..., None], RAMP[None], RAMP / 255, np.stack([RAMP] * 3, axis=-1), np.stack([RAMP] * 3),
     np.stack([RAMP] * 3 + [np.full_like(RAMP, 255)], axis=-1), RAMP.astype(np.int64)],
)  # fmt: skip
def test_arrays_of_the_usual_shapes_and_types(pixels):
    assert same(pixels)


def test_an_array_of_bool_is_black_and_white():
    assert same(RAMP > 99, np.where(RAMP > 99, 255, 0))


@pytest.mark.parametrize(
    "given",
    [b"", b"no picture", np.zeros((2, 2), complex), np.zeros(3), np.zeros((0, 4)), "ab\0c", None, [[1], [2, 3]],
     {"a": 1}, "https://example.org/a.png", io.StringIO("text"), io.BytesIO(b"no picture")],
)  # fmt: skip
def test_what_is_no_picture_is_refused_in_one_line(given):
    with pytest.raises(InputError) as refused:
        open_image(given, 3)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"PK\x03\x04", "zip archive; unpack it"),
        (b"%PDF-1.4", "PDF"),
        (b"8BPS\x00\x01", "Photoshop"),
        (b'{"engine": "vector"}', "spiral render"),
    ],
)
def test_what_is_often_named_in_place_of_a_picture_is_recognised(data, says):
    with pytest.raises(InputError, match=says):
        open_image(data, 3)


def test_what_pillow_warns_of_is_told_once(recwarn):
    with pytest.raises(InputError, match="none of PNG"):
        open_image(b"II*\x00\x08\x00\x00\x00\x00\x00", 3)
    assert not recwarn.list


def test_broken_metadata_does_not_spoil_a_picture():
    stream = io.BytesIO()
    Image.fromarray(RAMP).save(stream, "JPEG", quality=100, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09broken")
    assert np.asarray(open_image(stream.getvalue(), 1)).shape == RAMP.shape


def test_a_very_large_photograph_is_reduced_while_it_is_decoded(monkeypatch):
    monkeypatch.setattr("spiral.datasets.pictures._ENOUGH", 10_000)
    stream = io.BytesIO()
    Image.fromarray(np.tile(RAMP, (100, 2))).save(stream, "JPEG")
    assert decode_picture(stream.getvalue(), "a", 3).size == (128, 100)


def test_an_open_file_is_read_like_its_content():
    assert np.array_equal(fit_image(io.BytesIO(png(64, 64)), 16, 1), fit_image(png(64, 64), 16, 1))


def test_an_address_is_told_from_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="address; download the picture"):
        open_image(Path("https://example.org/a.png"), 3)


def test_pillows_own_limit_is_told_like_ours(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match="more than 2000 pixels; reduce it first"):
        open_image(png(300, 300), 1)


def test_the_limit_is_named():
    with pytest.raises(InputError, match="300x300 pixels, more than 1000; reduce it"):
        decode_picture(png(300, 300), "a", 1, limit=1000)


def test_a_format_of_a_plugin_is_read_where_it_is_installed(monkeypatch, tmp_path):
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(12))
    for name in ("OPEN", "ID", "MIME", "EXTENSION"):
        known = getattr(Image, name)
        monkeypatch.setattr(Image, name, known.copy())
    Image.OPEN.pop("HEIF", None)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    _readable.cache_clear()
    with pytest.raises(InputError, match="pip install pillow-heif"):
        open_image(path, 3)

    class Plugin(types.ModuleType):
        def register_heif_opener(self) -> None:
            Image.register_open("HEIF", lambda stream, name: Image.fromarray(RAMP), lambda head: head[4:8] == b"ftyp")

    monkeypatch.setitem(sys.modules, "pillow_heif", Plugin("pillow_heif"))
    _readable.cache_clear()
    assert same(path) and find_images(tmp_path) == [path]
    _readable.cache_clear()


def test_hidden_files_are_no_pictures(tmp_path):
    for name in ("a.png", "._a.png", ".b.png", "__MACOSX/a.png", ".thumbnails/a.png", "inner/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(RAMP).save(tmp_path / name)
    assert find_images(tmp_path) == [tmp_path / "a.png", tmp_path / "inner" / "c.png"]


@pytest.mark.parametrize("source", ["{}", "photos:{}"])
def test_a_bad_file_in_a_folder_is_left_out_and_counted(tmp_path, source):
    for number in range(4):
        Image.fromarray(RAMP[:, : 200 + number]).save(tmp_path / f"{number}.png")
    (tmp_path / "0.png").write_bytes(b"")
    (tmp_path / "2.png").write_bytes(Path(tmp_path / "1.png").read_bytes()[:-40])
    with pytest.warns(PictureWarning, match=r"2 of \d pictures in .* the first: .*0\.png is an empty file"):
        data = load(source.format(tmp_path), 8, 1, "train" if source.startswith("photos") else None)
    assert len(data) in (2, 10_000)
    for number in (1, 3):
        (tmp_path / f"{number}.png").write_bytes(b"?")
    with pytest.raises(InputError, match="none of the"):
        load(source.format(tmp_path), 8, 1)
