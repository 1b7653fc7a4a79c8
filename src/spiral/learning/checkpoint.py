"""Checkpoints: folders of JSON and safetensors, written atomically."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from spiral.errors import InputError
from spiral.io.files import make_folder, read_bytes
from spiral.legacy import rename_group, rename_weights

Tensors = Mapping[str, Tensor]
"""Tensors by name, such as a module's weights."""

CONFIG = "config.json"
_CONFIG_LIMIT = 2**20
_WEIGHTS_LIMIT = 4 * 2**30
_KEPT = 2
_POINTER = b"version https://git-lfs"


def save_folder(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensors]) -> None:
    """Write `config.json` and one `NAME.safetensors` for each group of tensors, atomically.

    The folder is written under a temporary name and renamed: a crash leaves either the old one or the new one. An
    existing folder is replaced.

    Raises:
        InputError: it cannot be written.
    """
    make_folder(folder.parent)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        (temporary / CONFIG).write_text(json.dumps(config, indent=1) + "\n")
        for name, group in tensors.items():
            whole = {key: tensor.detach().cpu().contiguous() for key, tensor in group.items()}
            save_file(whole, temporary / f"{name}.safetensors")
        for path in temporary.iterdir():
            path.chmod(0o644)  # safetensors makes files that only their owner may read
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        temporary.chmod(0o755)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            folder.rename(old / "old")
            temporary.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            temporary.rename(folder)
    except OSError as error:
        raise InputError(f"cannot write the checkpoint {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_config(folder: Path) -> dict[str, Any]:
    """The `config.json` of a checkpoint.

    Raises:
        InputError: there is no folder, or no JSON object in it.
    """
    if not folder.is_dir():
        raise InputError(f"no checkpoint folder {folder}")
    text = read_bytes(folder / CONFIG, _CONFIG_LIMIT)
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{folder / CONFIG} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"{folder / CONFIG} does not hold a JSON object")
    return config


def read_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """The tensors of `NAME.safetensors` in a checkpoint, on the CPU.

    Raises:
        InputError: missing, truncated or not safetensors.
    """
    path = folder / f"{name}.safetensors"
    try:
        if path.stat().st_size > _WEIGHTS_LIMIT:
            raise InputError(f"{path} is larger than {_WEIGHTS_LIMIT} bytes")
        return rename_weights(load_file(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except SafetensorError as error:
        with path.open("rb") as stream:
            pointer = stream.read(len(_POINTER)) == _POINTER
        reason = "it is a pointer of Git LFS; fetch the file itself: git lfs pull" if pointer else error
        raise InputError(f"{path} is not a whole safetensors file: {reason}") from error


def read_groups(folder: Path) -> dict[str, Tensors]:
    """All groups of tensors in a checkpoint, by name; see `read_tensors`.

    Raises:
        InputError: one is truncated or not safetensors.
    """
    return {rename_group(path.stem): read_tensors(folder, path.stem) for path in sorted(folder.glob("*.safetensors"))}


def require_like(tensors: Tensors, own: Tensors, where: Path | str) -> None:
    """Check that tensors have the names and shapes of others, and finite values.

    Raises:
        InputError: they do not.
    """
    absent, surplus = sorted(set(own) - set(tensors)), sorted(set(tensors) - set(own))
    if absent or surplus:
        raise InputError(
            f"{where}: wrong weights: {len(absent)} missing, {len(surplus)} unknown, such as {(absent + surplus)[0]!r}"
        )
    for name, tensor in tensors.items():
        if tensor.shape != own[name].shape:
            raise InputError(f"{where}: {name!r} has shape {tuple(tensor.shape)}, expected {tuple(own[name].shape)}")
        _require_finite(tensor, name, where)


def _require_finite(tensor: Tensor, name: str, where: Path | str) -> None:
    if tensor.is_floating_point() and not torch.isfinite(tensor).all():
        raise InputError(f"{where}: {name!r} holds values that are not finite")


def fill(module: nn.Module, tensors: Tensors, where: Path | str, additions: Sequence[str] = ()) -> None:
    """Load weights into a module after checking every name, shape and value.

    Args:
        module: to load them into.
        tensors: the weights.
        where: whose they are, for messages.
        additions: parts of names of weights that may be missing, and then stay as they are.

    Raises:
        InputError: the weights do not fit.
    """
    own = module.state_dict()
    absent = {name: own[name] for name in set(own) - set(tensors) if any(part in name for part in additions)}
    tensors = {**absent, **tensors}
    require_like(tensors, own, where)
    module.load_state_dict({name: tensor.to(own[name].dtype) for name, tensor in tensors.items()})


def counts_of(tensors: Tensors, names: Sequence[str], where: Path | str) -> list[int]:
    """Whole numbers, 0 or more, from tensors of shape [].

    Raises:
        InputError: one is missing or another number.
    """
    require_like(
        {name: tensors[name] for name in names if name in tensors}, dict.fromkeys(names, torch.zeros(())), where
    )
    numbers = [int(tensors[name]) for name in names]
    if min(numbers) < 0:
        raise InputError(f"{where}: a count is negative")
    return numbers


def half(tensors: Tensors) -> dict[str, Tensor]:
    """Weights in half precision, for shipping."""
    return {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}


_ADAM_STATE = ("step", "exp_avg", "exp_avg_sq")
"""What Adam keeps for each parameter that has had a gradient."""


def pack_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's state as flat tensors, named `parameter.field`."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value).clone() for index, one in state.items() for name, value in one.items()
    }


def unpack_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Restore what `pack_optimizer` returned.

    Moments get the memory layout of their parameters, as the fused optimisers require.

    Raises:
        InputError: they belong to other parameters, or some are missing.
    """
    where = "the optimiser's checkpoint"
    parameters = dict(enumerate(parameter for group in optimizer.param_groups for parameter in group["params"]))
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        like = parameters.get(int(index)) if index.isdecimal() else None
        if like is None or tensor.shape not in (like.shape, ()):
            raise InputError(f"{where}: {key!r} of shape {tuple(tensor.shape)} belongs to no parameter")
        _require_finite(tensor, key, where)
        alike = torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape else tensor.float()
        state.setdefault(int(index), {})[name] = alike.detach()
    for index, one in state.items():
        if missing := [name for name in _ADAM_STATE if name not in one]:
            raise InputError(f"{where}: parameter {index} lacks {', '.join(missing)}")
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def save_run(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensors]) -> None:
    """Add a checkpoint `folder/COMMANDS` and keep only the newest two."""
    save_folder(folder / f"{config['commands']:012d}", config, tensors)
    for old in numbered(folder)[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def numbered(folder: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    return sorted(path for path in folder.glob("[0-9]*") if path.is_dir() and path.name.isdigit())


def set_aside(folder: Path) -> None:
    """Rename a damaged checkpoint, so that it no longer counts as one of the newest that are kept."""
    with contextlib.suppress(OSError):
        folder.rename(folder.with_name(f"{folder.name}.damaged"))


def cuda_random(device: torch.device) -> dict[str, Tensor]:
    """The GPU's random state; empty without a GPU."""
    return {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {}


def restore_random(state: Tensors, device: torch.device) -> None:
    """Restore a saved random state."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
