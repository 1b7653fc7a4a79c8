"""Tensors as NumPy arrays, which Ray puts into shared memory without pickling them.

A network's weights are one array: a hundred small ones cost each reader more time than their bytes do.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from spiral.learning.checkpoint import Tensors

Tree = TypeVar("Tree")
Weights = npt.NDArray[np.uint8]
"""A network's state, serialized: uint8 [bytes]; see `flatten`."""
_ALIGN = 8


def to_arrays(tree: Tree) -> Tree:
    """The same dataclass, mapping, list or tuple, with arrays for tensors."""
    return _mapped(tree, lambda leaf: leaf.detach().cpu().contiguous().numpy() if isinstance(leaf, Tensor) else leaf)


def to_tensors(tree: Tree, device: torch.device | str = "cpu") -> Tree:
    """The inverse of `to_arrays`, on a device. The arrays are copied: those in Ray's memory are read-only."""
    return _mapped(tree, lambda leaf: torch.tensor(leaf, device=device) if isinstance(leaf, np.ndarray) else leaf)


def flatten(tensors: Tensors) -> Weights:
    """All tensors in one array, by name, each padded to a multiple of eight bytes.

    They are sorted by name, since a module and a file have the same tensors in different orders.
    """
    parts = []
    for name in sorted(tensors):
        part = tensors[name].detach().cpu().contiguous().view(-1).view(torch.uint8)
        parts.append(functional.pad(part, (0, -len(part) % _ALIGN)))
    return torch.cat(parts).numpy()


def unflatten(weights: Weights, like: Tensors) -> dict[str, Tensor]:
    """The inverse of `flatten`: read-only tensors with the names, types and shapes of `like`.

    Raises:
        ValueError: the weights do not fit.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        everything = torch.from_numpy(weights)
    found: dict[str, Tensor] = {}
    place = 0
    for name in sorted(like):
        tensor = like[name]
        size = tensor.numel() * tensor.element_size()
        if place + size > len(everything):
            raise ValueError(f"weights of {len(everything)} bytes end before {name}")
        found[name] = everything[place : place + size].view(tensor.dtype).view(tensor.shape)
        place += size + -size % _ALIGN
    if place != len(everything):
        raise ValueError(f"weights of {len(everything)} bytes instead of {place}")
    return found


def _mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(tree, Mapping):
        return {name: _mapped(value, change) for name, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_mapped(value, change) for value in tree)
    if is_dataclass(tree) and not isinstance(tree, type):
        return replace(tree, **{f.name: _mapped(getattr(tree, f.name), change) for f in fields(tree) if f.init})
    return change(tree)
