"""Tensors as NumPy arrays, which Ray puts into shared memory without copying them through a pickle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

Tree = TypeVar("Tree")


def to_arrays(tree: Tree) -> Tree:
    """The same dataclass, mapping, list or tuple, with arrays in the tensors' place."""
    return _mapped(tree, lambda leaf: leaf.detach().cpu().contiguous().numpy() if isinstance(leaf, Tensor) else leaf)


def to_tensors(tree: Tree, device: torch.device | str = "cpu") -> Tree:
    """What `to_arrays` was given, on a device. The arrays are copied: those in Ray's memory are read-only."""
    return _mapped(tree, lambda leaf: torch.tensor(leaf, device=device) if isinstance(leaf, np.ndarray) else leaf)


def _mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(tree, Mapping):
        return {name: _mapped(value, change) for name, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_mapped(value, change) for value in tree)
    if is_dataclass(tree) and not isinstance(tree, type):
        return replace(tree, **{f.name: _mapped(getattr(tree, f.name), change) for f in fields(tree) if f.init})
    return change(tree)
