"""Single pictures: decoding with limits, resizing with antialiasing, colour and grey. One path for every source."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import math
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, ImageStat, TiffImagePlugin, UnidentifiedImageError

from spiral.datasets.arrays import as_bytes, as_picture
from spiral.errors import InputError, LeftOutWarning, PictureWarning
from spiral.io.files import read_bytes

ENDINGS = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pnm",
    ".pbm", ".avif", ".heic", ".heif",
)  # fmt: skip
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "AVIF", "HEIF")
"""Formats that Pillow may decode; it would pass others to external programs, such as EPS to Ghostscript."""
_PLUGINS = {"HEIF": "pillow_heif", "AVIF": "pillow_avif"}
_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1", b"avif", b"avis")
_OTHERS = {
    b"<svg": "an SVG drawing; save it as PNG first",
    b"<?xml": "an SVG drawing or another XML file; save it as PNG first",
    b"<!doctype html": "a web page; download the picture itself",
    b"<html": "a web page; download the picture itself",
    b"version https://git-lfs": "a pointer of Git LFS; fetch the file itself: git lfs pull",
    b"pk\x03\x04": "a zip archive; unpack it and name its folder",
    b"%pdf": "a PDF; save its page as PNG first",
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"8bps": "a Photoshop file; save it as PNG first",
    b"{": "a JSON file; if it is a program: spiral render",
}
MAXIMUM_BYTES = 256 * 2**20
MAXIMUM_PIXELS = 128 * 2**20
_ENOUGH = 16 * 2**20
"""Pixels beyond which a JPEG is reduced by 2, 4 or 8 while it is decoded; no canvas has more."""
_ADDRESS = re.compile("(https?|ftp):/", re.IGNORECASE)
WHITE, BLACK = 255, 0
_VISIBLE = 32
"""Ink that differs less than this from the ground under it cannot be seen."""

_COLOURFUL = 24
"""Difference between red, green and blue from which a pixel is no grey."""

Picture = str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | npt.NDArray[Any]
"""One picture as an argument: a file's path or content, an open file, a Pillow picture, an array for `as_picture`."""


def is_hidden(name: str) -> bool:
    """Whether a file or folder is none of the user's: `.git`, a Mac's `._a.png`, `__MACOSX`."""
    return name.startswith(".") or name == "__MACOSX"


def find_images(folder: Path) -> list[Path]:
    """The picture files in a folder and all below it, sorted; hidden ones are left out."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in ENDINGS and not any(map(is_hidden, file.relative_to(folder).parts)) and file.is_file()
    )


def open_image(picture: Picture, channels: int, ground: int = WHITE) -> Image.Image:
    """A picture at its own size and shape, in mode `L` or `RGB`, upright; one of a single colour gives a warning.

    Args:
        picture: see `Picture`.
        channels: 1 or 3.
        ground: what transparent parts show, `WHITE` or `BLACK`; the other one if the ink could not be seen on it.

    Raises:
        InputError: a file that is missing, unreadable, truncated, too large or no picture, or an array that is none.
    """
    if isinstance(picture, str | os.PathLike):
        name = os.fspath(picture)
        if _ADDRESS.match(name) and not os.path.exists(name):
            raise InputError(f"{name} is an address; download the picture and name its file")
        result = decode_picture(read_bytes(Path(picture), MAXIMUM_BYTES), name, channels, ground=ground)
    elif isinstance(picture, bytes | bytearray | memoryview):
        name = "the picture"
        result = decode_picture(bytes(picture), name, channels, ground=ground)
    elif isinstance(picture, Image.Image):
        name = str(getattr(picture, "filename", "")) or "the picture"
        with _told(name):
            _require_pixels(picture, name, MAXIMUM_PIXELS)
            result = _convert(picture, name, channels, ground)
    elif hasattr(picture, "read"):
        name = "the picture"
        result = decode_picture(_content(picture, name), name, channels, ground=ground)
    else:
        name = "the picture"
        pixels = as_picture(_array(picture, name), name)
        result = _convert(Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels), name, channels, ground)
    if all(low == high for low, high in np.reshape(result.getextrema(), (-1, 2))):
        warnings.warn(f"{name} has the same colour everywhere: nothing can be seen in it", PictureWarning, stacklevel=2)
    return result


def _content(file: Any, name: str) -> bytes:
    """What an open file holds from its place on.

    Raises:
        InputError: it cannot be read, holds text, or is larger than a picture may be.
    """
    try:
        data = file.read(MAXIMUM_BYTES + 1)
    except Exception as error:  # closed, only for writing, or another object that happens to have such a method
        raise InputError(f"{name} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(data, bytes) or len(data) > MAXIMUM_BYTES:
        raise InputError(f"{name} must be a file opened with mode 'rb', of at most {MAXIMUM_BYTES} bytes")
    return data


def _array(values: Any, name: str) -> npt.NDArray[Any]:
    try:
        array = np.asarray(values)
    except Exception as error:  # rows of different lengths, or a tensor on a GPU
        raise InputError(f"{name} is no array: {' '.join(str(error).split())}") from error
    if array.dtype == object:
        what = type(values).__name__
        raise InputError(f"{name} must be a file's path or content, a Pillow picture or an array, got {what}")
    return array


def fit_image(picture: Picture, size: int, channels: int, ground: int = WHITE) -> npt.NDArray[np.uint8]:
    """A picture resized onto the whole canvas: uint8 [size, size, channels]. See `open_image`."""
    return fit_opened(open_image(picture, channels, ground), size, channels)


def is_photograph(picture: Picture) -> bool:
    """Whether a picture is a photograph or painting in colour rather than a drawing on paper of one colour.

    Raises:
        InputError: it cannot be read; see `open_image`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PictureWarning)
        pixels = fit_image(picture, 64, 3).reshape(-1, 3).astype(np.int64)
    colourful = (np.ptp(pixels, axis=1) > _COLOURFUL).mean()
    shades = np.unique(pixels // 32 @ np.array([64, 8, 1]), return_counts=True)[1]
    return bool(colourful > 0.1 and shades.max() < 0.5 * len(pixels))


def fit_readable(files: list[Path], size: int, channels: int, where: Path) -> npt.NDArray[np.uint8]:
    """The pictures of a folder that can be read, resized: uint8 [N, size, size, channels].

    Others are left out, with one warning that counts them.

    Raises:
        InputError: none can be read.
    """
    images, failures = [], []
    for file in files:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PictureWarning)
                images.append(fit_image(file, size, channels))
        except InputError as error:
            failures.append(str(error))
    warn_of_failures(failures, len(files), where)
    return np.stack(images)


def warn_of_failures(failures: list[str], count: int, where: Path) -> None:
    """Warn of the pictures of a folder that are left out.

    Args:
        failures: what is wrong, for each of them.
        count: of all pictures.
        where: the folder.

    Raises:
        InputError: that is all of them.
    """
    if len(failures) == count:
        raise InputError(f"none of the {count} pictures in {where} can be read; the first: {failures[0]}")
    if failures:
        told = f"{len(failures)} of {count} pictures in {where} cannot be read and are left out"
        warnings.warn(f"{told}; the first: {failures[0]}", LeftOutWarning, stacklevel=3)


def fit_opened(picture: Image.Image, size: int, channels: int) -> npt.NDArray[np.uint8]:
    """`fit_image` for what `open_image` returned: uint8 [size, size, channels]."""
    return resize(np.asarray(picture, np.uint8).reshape(1, picture.height, picture.width, channels), size)[0]


def decode_centre(data: bytes, name: str, side: int, size: int, channels: int) -> npt.NDArray[np.uint8]:
    """The centre square of a picture from a file's bytes, resized with antialiasing: uint8 [size, size, channels].

    A square picture smaller than that is taken whole: someone has cut and reduced it.

    Args:
        data: the file's content.
        name: for messages.
        side: of the square in the picture's pixels.
        size: of the result.
        channels: 1 or 3.

    Raises:
        InputError: no readable picture, or one smaller than the square.
    """
    picture = decode_picture(data, name, channels)
    if picture.width == picture.height <= side:
        return fit_opened(picture, size, channels)
    if min(picture.size) < side:
        raise InputError(f"{name} has {picture.width}x{picture.height} pixels, fewer than {side}x{side}")
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return fit_opened(picture.crop((left, top, left + side, top + side)), size, channels)


def decode_picture(
    data: bytes, name: str, channels: int, limit: int = MAXIMUM_PIXELS, ground: int = WHITE
) -> Image.Image:
    """A picture from a file's bytes at its own size and shape, in mode `L` or `RGB`.

    Very large JPEGs are reduced while they are decoded.

    Args:
        data: the file's content.
        name: for messages.
        channels: 1 or 3.
        limit: pixels that it may have.
        ground: see `open_image`.

    Raises:
        InputError: truncated, too many pixels, or no picture.
    """
    if not data:
        raise InputError(f"{name} is an empty file")
    try:
        with _told(name), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, about metadata, and about pictures within the limit here
            with Image.open(io.BytesIO(data), formats=_readable()) as picture:
                _require_pixels(picture, name, limit)
                if (pixels := picture.width * picture.height) > _ENOUGH:
                    share = math.sqrt(_ENOUGH / pixels)
                    picture.draft(None, (round(picture.width * share), round(picture.height * share)))  # pyright: ignore[reportArgumentType]
                return _convert(picture, name, channels, ground)
    except UnidentifiedImageError as error:
        if what := _recognised(data):
            raise InputError(f"{name} is not a readable picture: it is {what}") from error
        raise InputError(f"{name} is not a readable picture: none of {', '.join(_readable())}") from error


def _recognised(data: bytes) -> str | None:
    """What people often name in place of a picture, and what to do; None for other content."""
    if data[4:8] == b"ftyp" and data[8:12] in _BRANDS:
        return "HEIC or AVIF; to read it: pip install pillow-heif"
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((what for begins, what in _OTHERS.items() if start.startswith(begins)), None)


@functools.cache
def _readable() -> list[str]:
    """The formats that Pillow reads here, those of its installed plugins included."""
    Image.init()
    for kind, plugin in _PLUGINS.items():
        if kind not in Image.OPEN:
            with contextlib.suppress(ImportError):
                # pillow_avif registers itself when imported, pillow_heif when asked.
                getattr(importlib.import_module(plugin), "register_heif_opener", lambda: None)()
    return [kind for kind in FORMATS if kind in Image.OPEN]


def _require_pixels(picture: Image.Image, name: str, limit: int) -> None:
    if picture.width * picture.height > limit:
        raise InputError(f"{name} has {picture.width}x{picture.height} pixels, more than {limit}; reduce it first")


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises into an error of one line; unknown formats are left to the caller."""
    try:
        yield
    except (InputError, UnidentifiedImageError):
        raise
    except Image.DecompressionBombError as error:
        most = min(MAXIMUM_PIXELS, 2 * (Image.MAX_IMAGE_PIXELS or MAXIMUM_PIXELS))  # Pillow refuses twice its own limit
        raise InputError(f"{name} has more than {most} pixels; reduce it first") from error
    except Exception as error:  # Pillow's decoders raise nearly every kind of exception on broken files
        reason = " ".join(str(error).split())
        raise InputError(f"{name} is not a readable picture: {type(error).__name__}: {reason}") from error


def _convert(picture: Image.Image, name: str, channels: int, ground: int) -> Image.Image:
    picture.load()
    negative = _zero_is_white(picture)
    picture = _upright(picture)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        # Pillow's conversion clips these to 255, and it leaves deep TIFFs as they are where 0 is white.
        grey = as_bytes(np.asarray(picture), name)
        picture = Image.fromarray(255 - grey if negative else grey)
    if picture.mode in ("La", "RGBa"):
        picture = picture.convert(picture.mode.upper())  # premultiplied
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = _laid(picture.convert("RGBA"), ground)
    return picture.convert("L" if channels == 1 else "RGB")


def _zero_is_white(picture: Image.Image) -> bool:
    return getattr(picture, "tag_v2", {}).get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0


def _upright(picture: Image.Image) -> Image.Image:
    """Cameras store pictures as the sensor lies, with the rotation as metadata."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # broken metadata of a picture that was decoded
        return picture


def _laid(picture: Image.Image, ground: int) -> Image.Image:
    """An RGBA picture on black or white: on `ground` unless its ink could not be seen there."""
    ink = picture.getchannel("A").point([255 * (alpha >= 128) for alpha in range(256)])
    if ink.getextrema() != (255, 255) and ink.getbbox() is not None:
        brightness = ImageStat.Stat(picture.convert("L"), ink).mean[0]
        ground = ground if abs(brightness - ground) >= _VISIBLE else WHITE - ground
    return Image.alpha_composite(Image.new("RGBA", picture.size, (ground, ground, ground, 255)), picture)


def resize(images: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Pictures uint8 [N, H, W, C] on a square canvas, no border added: uint8 [N, size, size, C].

    Pillow's bilinear filter, which widens with the reduction and so antialiases; unlike Lanczos it never leaves the
    range of the pixels, and strokes keep no dark fringe.
    """
    if images.shape[1:3] == (size, size):
        return images
    channels = images.shape[3]
    result = np.empty((len(images), size, size, channels), np.uint8)
    for index, pixels in enumerate(images):
        picture = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
        scaled = picture.resize((size, size), Image.Resampling.BILINEAR)
        result[index] = np.asarray(scaled, np.uint8).reshape(size, size, channels)
    return result


def recolour(images: npt.NDArray[np.uint8], channels: int) -> npt.NDArray[np.uint8]:
    """Grey to colour or colour to grey (ITU-R 601 luma, as Pillow): uint8 [N, H, W, C] to [N, H, W, channels]."""
    if images.shape[3] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=3)
    return np.stack([np.asarray(Image.fromarray(pixels).convert("L"), np.uint8) for pixels in images])[..., None]
