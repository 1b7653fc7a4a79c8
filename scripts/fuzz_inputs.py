"""What `fuzz.py` damages and tries: for each kind small real files, ways to damage them, and the functions to call."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Attempt = Callable[[Path], object]
_BYTES = (0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF, ord("0"), ord("9"), ord("-"), ord("\n"))
_NUMBERS = (0, 1, 2, 255, 256, 4096, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 64, 4096, 65536, 2**31, 2**63, -(2**63), 10**30, 0.0, -0.0, 0.5, 1e-45, 1e6,
    1e38, 1e308, -1e308, float("nan"), float("inf"), "", "a", "\0", "\ud800", "../..", "9" * 400, [], [0], [[]], {},
    {"": 0}, [[0.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], [[0.0, 1e38], [1.0, -1e38]],
)  # fmt: skip
PICTURE_SIDE = 24


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    Attributes:
        originals: writes undamaged files into a folder.
        damage: writes a damaged copy of some into another folder and returns the path to try.
        prepare: given the originals, makes the function to try each path with.
    """

    originals: Callable[[Path], None]
    damage: Callable[[random.Random, Path, Path], Path]
    prepare: Callable[[Path], Attempt]


def damaged_bytes(chance: random.Random, data: bytes) -> bytes:
    """Bytes with a few changes, half of them near the beginning, where headers are."""
    result = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        end = min(len(result), 64) if chance.random() < 0.5 else len(result)
        at = chance.randrange(end) if end else 0
        change = chance.randrange(8)
        if change == 0 and result:
            result[at] ^= 1 << chance.randrange(8)
        elif change == 1 and result:
            result[at] = chance.choice(_BYTES)
        elif change == 2:
            number = chance.choice(_NUMBERS)
            result[at : at + 4] = struct.pack(chance.choice("<>") + "I", number)
        elif change == 3:
            result[at : at + 2] = struct.pack(chance.choice("<>") + "H", chance.choice(_NUMBERS) % 65536)
        elif change == 4:
            del result[at : at + chance.choice((1, 2, 4, 16, 256))]
        elif change == 5:
            result[at:at] = result[at : at + chance.choice((1, 4, 16, 256))]
        elif change == 6:
            result[at:at] = chance.randbytes(chance.choice((1, 4, 64)))
        elif chance.random() < 0.3:
            del result[at:]
    return bytes(result)


def damaged_value(chance: random.Random, value: Any) -> Any:
    """JSON's values with one change at a random place."""
    if isinstance(value, dict | list) and value and chance.random() < 0.9:
        result: Any = value.copy()
        key = chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))
        change = chance.random()
        if change < 0.1:
            del result[key]
        elif change < 0.15 and isinstance(value, dict):
            result[chance.choice(("", "unknown", str(key) + "2"))] = chance.choice(_VALUES)
        elif change < 0.25 and isinstance(result, list):
            result += [result[key]] * chance.choice((1, 2, 62, 63, 1000))
        else:
            result[key] = damaged_value(chance, value[key])
        return result
    if isinstance(value, int | float) and not isinstance(value, bool) and chance.random() < 0.5:
        return chance.choice((-value, value * 2, value + 1, value - 1, value * 1000, value / 3))
    return chance.choice(_VALUES)


def damaged_json(chance: random.Random, data: bytes) -> bytes:
    """A JSON file with wrong values, or now and then no JSON any more."""
    if chance.random() < 0.2:
        return damaged_bytes(chance, data)
    value = json.loads(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        value = damaged_value(chance, value)
    return json.dumps(value).encode()


def _one(chance: random.Random, originals: Path) -> Path:
    return chance.choice(sorted(originals.iterdir()))


# Brushes.


def _brushes(folder: Path) -> None:
    from spiral.engines.mypaint import brush_names, read_brush

    for name in (
        "classic/pen",
        "classic/dry_brush",
        "classic/charcoal",
        "deevad/watercolor_expressive",
        "tanda/oil-01-paint",
    ):
        if name in brush_names():
            (folder / f"{Path(name).name}.myb").write_text(read_brush(name))


def _brush(chance: random.Random, originals: Path, folder: Path) -> Path:
    path = folder / "a.myb"
    path.write_bytes(damaged_json(chance, _one(chance, originals).read_bytes()))
    return path


def _paint_with_brush(_: Path) -> Attempt:
    from spiral.engines import make
    from spiral.engines.mypaint import read_brush
    from spiral.engines.strokes import CHOICES, StrokeSettings

    settings = StrokeSettings(size=48, grid=16, radii=(0.5, 3.0, 12.0), choices=CHOICES, channels=3)
    generator = np.random.default_rng(0)
    commands = settings.specification().random(generator, (6, 2))
    pictures = generator.integers(0, 256, (2, 48, 48, 3)).astype(np.uint8)

    def attempt(path: Path) -> object:
        read_brush.cache_clear()  # every file has the same name
        engine, other = (make("mypaint", 2, {**settings.to_json(), "brush": str(path)}, 1) for _ in range(2))
        engine.reset(np.array([1, 2**40]))
        for command in commands:
            engine.step(command)
        other.fork(engine, np.array([1, 0]))
        other.step(commands[0])
        other.load(pictures, np.full((2, 2), 3.0, np.float32))
        other.step(commands[1])
        return other.canvases()

    return attempt


# Pictures.


def _pictures(folder: Path) -> None:
    generator = np.random.default_rng(0)
    grey = generator.integers(0, 256, (PICTURE_SIDE, PICTURE_SIDE)).astype(np.uint8)
    colour = generator.integers(0, 256, (PICTURE_SIDE, PICTURE_SIDE, 4)).astype(np.uint8)
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    rgb, rgba = Image.fromarray(colour[..., :3]), Image.fromarray(colour)
    made: dict[str, Image.Image] = {
        "grey": Image.fromarray(grey), "rgb": rgb, "rgba": rgba, "palette": rgb.quantize(16), "deep": deep,
        "float": Image.fromarray(grey / np.float32(255)), "int": Image.fromarray(grey.astype(np.int32)),
        "bit": Image.fromarray(grey).convert("1"), "cmyk": rgb.convert("CMYK"), "la": rgba.convert("LA"),
    }  # fmt: skip
    endings = {
        ".png": ("grey", "rgb", "rgba", "palette", "deep", "bit", "la"),
        ".tif": ("grey", "rgb", "rgba", "palette", "deep", "float", "int", "bit", "cmyk"),
        ".pgm": ("grey", "deep", "rgb", "bit", "float"),
        ".jpg": ("grey", "rgb", "cmyk"),
        ".gif": ("palette",),
        ".bmp": ("rgb", "palette"),
        ".webp": ("rgb", "rgba"),
    }
    for ending, names in endings.items():
        for name in names:
            made[name].save(folder / (name + ending), format={".pgm": "PPM"}.get(ending))
    for kind in ("tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg"):
        rgb.save(folder / f"{kind}.tif", compression=kind)
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save(folder / "exif.jpg", exif=exif)
    rgb.save(folder / "film.gif", save_all=True, append_images=[rgb.rotate(90)])
    made["palette"].save(folder / "clear.png", transparency=3)


def _picture(chance: random.Random, originals: Path, folder: Path) -> Path:
    original = _one(chance, originals)
    path = folder / f"a{original.suffix}"
    data = damaged_bytes(chance, original.read_bytes())
    path.write_bytes(_with_sums(data) if original.suffix == ".png" and chance.random() < 0.8 else data)
    return path


def _with_sums(data: bytes) -> bytes:
    """A PNG whose chunks' check sums are right, so that a wrong header is not refused for its sum."""
    result, at = data[:8], 8
    while at + 12 <= len(data):
        length = min(struct.unpack_from(">I", data, at)[0], len(data) - at - 12)
        body = data[at + 4 : at + 8 + length]
        result += struct.pack(">I", length) + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return result + data[at:]


def _read_picture(_: Path) -> Attempt:
    from spiral.datasets.load import load
    from spiral.datasets.pictures import decode_centre, fit_image, is_photograph

    def attempt(path: Path) -> object:
        data = path.read_bytes()
        return (
            fit_image(path, 16, 3), is_photograph(data), load(path, 8, 1), decode_centre(data, "a", PICTURE_SIDE, 16, 3)
        )  # fmt: skip

    return attempt


# Arrays.


def _arrays(folder: Path) -> None:
    generator = np.random.default_rng(0)
    images, labels = generator.integers(0, 256, (12, 8, 8)).astype(np.uint8), np.arange(12) % 3
    np.savez(folder / "plain.npz", images=images, labels=labels)
    np.savez_compressed(folder / "packed.npz", images=images[..., None] / 255.0, labels=np.eye(3)[labels])
    np.savez(folder / "keras.npz", x_train=images, y_train=labels, x_test=images[:4], y_test=labels[:4])
    np.savez(folder / "chw.npz", images=np.repeat(images[:, None], 3, 1).astype(np.float32), labels=labels)
    np.save(folder / "rows.npy", images.reshape(12, 64))
    np.save(folder / "rgba.npy", np.repeat(images[..., None], 4, 3))
    np.save(folder / "fortran.npy", np.asfortranarray(images.astype(np.int16)))


def _array(chance: random.Random, originals: Path, folder: Path) -> Path:
    original = _one(chance, originals)
    path, data = folder / f"a{original.suffix}", original.read_bytes()
    if original.suffix == ".npy" or chance.random() < 0.3:
        path.write_bytes(_damaged_array(chance, data) if original.suffix == ".npy" else damaged_bytes(chance, data))
        return path
    with zipfile.ZipFile(original) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            if chance.random() < 0.95:
                content = source.read(name)
                target.writestr(name, _damaged_array(chance, content) if chance.random() < 0.5 else content)
    return path


def _damaged_array(chance: random.Random, data: bytes) -> bytes:
    """An `.npy` with another header, or damaged anywhere."""
    if chance.random() < 0.4:
        return damaged_bytes(chance, data)
    length = struct.unpack_from("<H", data, 8)[0]
    header = data[10 : 10 + length].decode()
    numbers = ("0", "1", "-1", "3", "4", "64", "100000", "4294967296", str(2**62), str(2**64))
    shapes = ["(), ", *(f"({', '.join(chance.choices(numbers, k=chance.randrange(1, 5)))},), " for _ in range(5))]
    types = ("|O", "<f2", ">f4", "<c8", "|S3", "<U2", "<M8[s]", "|V4", "|b1", "<i8", ">u2", "|i1", "nonsense", "<f16")
    old = header.split("'descr': ")[1].split(",")[0] if "'descr': " in header else ""
    start, end = header.find("("), header.find(")") + 1
    if chance.random() < 0.5 and start >= 0:
        header = header[:start] + chance.choice(shapes)[:-2] + header[end:]
    elif old:
        header = header.replace(old, f"'{chance.choice(types)}'")
    encoded = header.encode()
    return data[:8] + struct.pack("<H", len(encoded)) + encoded + data[10 + length :]


def _load(_: Path) -> Attempt:
    from spiral.datasets.load import load

    def attempt(path: Path) -> object:
        return [load(path, 8, 1), load(path, 8, 3, "train"), load(path, 8, 1, "test")]

    return attempt


# Data sets in folders and archives.


def _archives(folder: Path) -> None:
    generator = np.random.default_rng(0)
    omniglot, celeba, mnist = (folder / name for name in ("omniglot", "celeba", "mnist"))
    for place in (omniglot, celeba, mnist):
        place.mkdir()
    picture = folder / "a.png"
    Image.fromarray(generator.integers(0, 256, (105, 105)).astype(np.uint8)).convert("1").save(picture)
    for part in ("background", "evaluation"):
        with zipfile.ZipFile(omniglot / f"images_{part}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(1, 4):
                archive.write(picture, f"images_{part}/Greek/character01/0001_{number:02}.png")
    Image.fromarray(generator.integers(0, 256, (218, 178, 3)).astype(np.uint8)).save(picture, format="JPEG", quality=30)
    with zipfile.ZipFile(celeba / "img_align_celeba.zip", "w") as archive:
        for number in range(1, 4):
            archive.write(picture, f"img_align_celeba/00000{number}.jpg")
    (celeba / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n")
    picture.unlink()
    for stem in ("train", "t10k"):
        images = struct.pack(">IIII", 0x803, 5, 28, 28) + generator.bytes(5 * 28 * 28)
        (mnist / f"{stem}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images, mtime=0))
        (mnist / f"{stem}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 5) + bytes(range(5)))


def _archive(chance: random.Random, originals: Path, folder: Path) -> Path:
    original = _one(chance, originals)
    path = folder / original.name
    shutil.copytree(original, path)
    victim = _one(chance, path)
    if victim.suffix == ".zip" and chance.random() < 0.7:
        _damage_zip(chance, victim)
    elif victim.suffix == ".gz" and chance.random() < 0.7:
        victim.write_bytes(gzip.compress(damaged_bytes(chance, gzip.decompress(victim.read_bytes())), mtime=0))
    elif chance.random() < 0.1:
        victim.rename(victim.with_name(chance.choice(("a.zip", "train-images-idx3-ubyte", "images_background"))))
    else:
        victim.write_bytes(damaged_bytes(chance, victim.read_bytes()))
    return path


def _damage_zip(chance: random.Random, path: Path) -> None:
    """Another name, content, type or method of an archive's files, or several of one name."""
    with zipfile.ZipFile(path) as archive:
        entries = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    names = (
        "../a.png", "/etc/a.png", "C:\\a.png", "..\\a.png", "a/" * 200 + "0001_01.png", "x" * 60000 + ".png", "a\n.png",
        "\N{SNOWMAN}.png", "images_background/Greek/character01/0001_00.png", "images/", ".png", "", "__MACOSX/._a.png",
    )  # fmt: skip
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries:
            name = chance.choice(names) if chance.random() < 0.2 else name
            content = damaged_bytes(chance, content) if chance.random() < 0.3 else content
            content = bytes(3 * 2**20) if chance.random() < 0.05 else content
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o120777 if chance.random() < 0.1 else 0o100644) << 16
            archive.writestr(entry, content, chance.choice(methods))
    if chance.random() < 0.3:
        path.write_bytes(damaged_bytes(chance, path.read_bytes()))


# Agents and runs.


def _small_preset(source: Path) -> Any:
    from spiral.engines.strokes import StrokeSettings
    from spiral.models.discriminator import DiscriminatorSettings
    from spiral.models.policy_settings import PolicySettings
    from spiral.settings import DataSettings, LearningSettings, Preset, RunSettings

    return Preset(
        name="small", summary="", engine="vector", canvas=StrokeSettings(size=16, grid=8, radii=(1.5,), radii_at=16),
        data=DataSettings(str(source), size=16, held_out=4),
        policy=PolicySettings(channels=4, core_channels=4, hidden=16, residual_blocks=0, location_blocks=0),
        discriminator=DiscriminatorSettings(channels=4),
        learning=LearningSettings(batch_size=2, unroll_length=1, replay_batches=2),
        run=RunSettings(threads=1, compile="off", device="cpu", evaluate_seconds=1e9, checkpoint_seconds=1e9),
    )  # fmt: skip


def _runs(folder: Path) -> None:
    """A run with two checkpoints; its agent is the checkpoint of the kind `agent`."""
    from spiral.learning.trainer import Budget, train

    source, out = folder / "data.npz", folder / "run"
    np.savez(source, images=np.random.default_rng(0).integers(0, 256, (12, 16, 16)).astype(np.uint8))
    for frames in (4, 8):
        train(_small_preset(source), out, Budget(frames=frames), resume=frames > 4)


def _agent(chance: random.Random, originals: Path, folder: Path) -> Path:
    path = folder / "agent"
    shutil.copytree(originals / "run" / "agent", path)
    _damage_checkpoint(chance, path)
    return path


def _run(chance: random.Random, originals: Path, folder: Path) -> Path:
    path = folder / "run"
    shutil.copytree(originals / "run", path)
    checkpoints = sorted((path / "checkpoints").iterdir())
    for checkpoint in checkpoints[-1:] if chance.random() < 0.5 else checkpoints:
        _damage_checkpoint(chance, checkpoint)
    return path


def _damage_checkpoint(chance: random.Random, folder: Path) -> None:
    victim = _one(chance, folder) if chance.random() < 0.6 else folder / "config.json"
    data = victim.read_bytes()
    if victim.suffix == ".json":
        victim.write_bytes(damaged_json(chance, data))
    elif chance.random() < 0.1:
        victim.unlink()
    elif chance.random() < 0.6:
        length = struct.unpack_from("<Q", data)[0]
        header = damaged_json(chance, data[8 : 8 + length])
        victim.write_bytes(struct.pack("<Q", len(header)) + header + data[8 + length :])
    else:
        victim.write_bytes(damaged_bytes(chance, data))


def _load_agent(_: Path) -> Attempt:
    from spiral.agent import load_agent

    def attempt(path: Path) -> object:
        agent = load_agent(str(path), "cpu")
        if not agent.conditional:
            return agent.generate(1) if agent.preset.learning.episode_length < 16 else None
        if agent.size > 128:  # larger ones may take their time
            return None
        pictures = np.zeros((1, agent.size, agent.size, agent.channels), np.uint8)
        return agent.reconstruct(pictures, threads=1, commands=2).programs[0].render()

    return attempt


def _resume(originals: Path) -> Attempt:
    from spiral.learning.trainer import Budget, train

    preset = _small_preset(originals / "data.npz")

    def attempt(path: Path) -> object:
        return train(preset, path, Budget(frames=12), resume=True)

    return attempt


# Programs.


def _programs(folder: Path) -> None:
    from spiral.engines.objects import SceneSettings
    from spiral.engines.strokes import CHOICES, StrokeSettings
    from spiral.program import Program

    generator = np.random.default_rng(0)
    strokes = StrokeSettings(size=32, grid=8, choices=CHOICES, channels=3)
    for name, engine, settings in (
        ("v", "vector", strokes),
        ("m", "mypaint", strokes),
        ("s", "scene", SceneSettings()),
    ):
        specification = settings.specification()
        commands = specification.random(generator, (5,))
        Program.from_array(specification, commands, engine, settings.to_json()).save(folder / f"{name}.program.json")


def _program(chance: random.Random, originals: Path, folder: Path) -> Path:
    path = folder / "a.program.json"
    path.write_bytes(damaged_json(chance, _one(chance, originals).read_bytes()))
    return path


def _show_program(_: Path) -> Attempt:
    from spiral.exports.documents import write_document
    from spiral.program import Program

    def attempt(path: Path) -> object:
        program = Program.load(path)
        if program.engine == "scene" or len(program.commands) > 200:
            return str(program)  # MuJoCo's pictures take their time
        for ending in (".png", ".svg", ".plot.svg"):
            write_document(path.parent / f"a{ending}", program, 64)
        return str(program)

    return attempt


KINDS = {
    "brush": Kind(_brushes, _brush, _paint_with_brush),
    "picture": Kind(_pictures, _picture, _read_picture),
    "array": Kind(_arrays, _array, _load),
    "archive": Kind(_archives, _archive, _load),
    "agent": Kind(_runs, _agent, _load_agent),
    "run": Kind(_runs, _run, _resume),
    "program": Kind(_programs, _program, _show_program),
}
