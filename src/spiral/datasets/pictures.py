"""Single pictures: decoding with limits, resizing with antialiasing, colour and grey. One path for every source."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from spiral.errors import InputError
from spiral.io.files import read_bytes

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""Formats that Pillow may decode; it would pass others to external programs, such as EPS to Ghostscript."""
MAXIMUM_BYTES = 256 * 2**20
MAXIMUM_PIXELS = 64 * 2**20

Picture = str | os.PathLike[str] | Image.Image | npt.NDArray[np.uint8]
"""One picture as an argument: a file's path, a Pillow picture, or uint8 [H, W] or [H, W, 1 or 3]."""


def find_images(folder: Path) -> list[Path]:
    """The picture files in a folder and all below it, sorted."""
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in ENDINGS and file.is_file())


def open_image(picture: Picture, channels: int) -> Image.Image:
    """A picture at its own size and shape, in mode `L` or `RGB`.

    Raises:
        InputError: a file that is missing, unreadable, truncated, too large or no picture, or an array that is none.
    """
    if isinstance(picture, str | os.PathLike):
        return decode_picture(read_bytes(Path(picture), MAXIMUM_BYTES), str(picture), channels)
    if isinstance(picture, Image.Image):
        return _convert(picture, channels)
    pixels = np.asarray(picture)
    if pixels.dtype != np.uint8 or pixels.shape[2:] not in ((), (1,), (3,)) or pixels.ndim < 2 or not pixels.size:
        raise InputError(f"a picture is uint8 [H, W] or [H, W, 1 or 3], got {pixels.dtype} {pixels.shape}")
    return _convert(Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels), channels)


def fit_image(picture: Picture, size: int, channels: int) -> npt.NDArray[np.uint8]:
    """A picture resized onto the whole canvas: uint8 [size, size, channels]. See `open_image`."""
    return _fit(open_image(picture, channels), size, channels)


def _fit(picture: Image.Image, size: int, channels: int) -> npt.NDArray[np.uint8]:
    return resize(np.asarray(picture, np.uint8).reshape(1, picture.height, picture.width, channels), size)[0]


def decode_image(data: bytes, name: str, size: int, channels: int) -> npt.NDArray[np.uint8]:
    """A picture from a file's bytes; `name` is for messages. See `open_image`."""
    return _fit(decode_picture(data, name, channels), size, channels)


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
        return _fit(picture, size, channels)
    if min(picture.size) < side:
        raise InputError(f"{name} has {picture.width}x{picture.height} pixels, fewer than {side}x{side}")
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return _fit(picture.crop((left, top, left + side, top + side)), size, channels)


def decode_picture(data: bytes, name: str, channels: int, limit: int = MAXIMUM_PIXELS) -> Image.Image:
    """A picture from a file's bytes at its own size and shape, in mode `L` or `RGB`.

    Args:
        data: the file's content.
        name: for messages.
        channels: 1 or 3.
        limit: pixels that it may have.

    Raises:
        InputError: truncated, too many pixels, or no picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                if picture.width * picture.height > limit:
                    raise InputError(f"{name} has {picture.width}x{picture.height} pixels, more than {limit}")
                picture.load()
                # Cameras store pictures as the sensor lies, with the rotation as metadata.
                return _convert(ImageOps.exif_transpose(picture), channels)
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{name} has too many pixels to be opened safely") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is not a readable picture: none of {', '.join(FORMATS)}") from error
    except Exception as error:  # Pillow's decoders raise nearly every kind of exception on broken files
        raise InputError(f"{name} is not a readable picture: {type(error).__name__}: {error}") from error


def _convert(picture: Image.Image, channels: int) -> Image.Image:
    if picture.mode == "I;16":
        # Pillow's conversion clips 16-bit grey to 255.
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if "A" in picture.getbands() or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layered.size, (255, 255, 255, 255)), layered)
    return picture.convert("L" if channels == 1 else "RGB")


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
