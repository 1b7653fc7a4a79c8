"""Functions of tensors as CUDA graphs: hundreds of small kernels started by one call (Nguyen et al. 2021).

A policy decides one command in some 300 kernels of a few microseconds, which the host starts more slowly than a GPU
executes them. Captured once, they are replayed on the same memory: arguments are copied in, results copied out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

Tree = TypeVar("Tree")
Recorder = Callable[[Callable[[], Any]], tuple[Any, Callable[[], None]]]
"""Calls a function and returns its results, and what computes them anew in the same memory; see `capture`."""
_WARM_UP = 3


def mapped(tree: Tree, change: Callable[[Any], Any]) -> Tree:
    """The same dataclass, mapping, list or tuple, with every leaf changed."""
    found: Any = tree
    if isinstance(found, Mapping):
        result: Any = {name: mapped(value, change) for name, value in found.items()}
    elif isinstance(found, (list, tuple)):
        changed = [mapped(value, change) for value in found]
        # A named tuple takes its fields one by one.
        result = type(found)(*changed) if hasattr(found, "_fields") else type(found)(changed)
    elif is_dataclass(found) and not isinstance(found, type):
        result = replace(found, **{f.name: mapped(getattr(found, f.name), change) for f in fields(found) if f.init})
    else:
        result = change(found)
    return result


def leaves(tree: Any) -> list[Any]:
    """All leaves, in a fixed order."""
    found: list[Any] = []
    mapped(tree, found.append)
    return found


def capture(function: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
    """Record a function as a CUDA graph: its results, and what computes them anew in the same memory.

    It is called a few times before, on a stream of its own: kernels are chosen and loaded, libraries start.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP):
            function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # Engines paint in other threads meanwhile, and may ask the driver for things that a capture forbids its own thread.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        results = function()
    return results, graph.replay


@dataclass(frozen=True)
class _Recorded:
    inputs: Sequence[Tensor]
    results: Any
    replay: Callable[[], None]


class Graphed:
    """A function whose calls are recorded once for each shape of its arguments, and replayed from then on.

    It may draw no random numbers, wait for nothing, and change nothing but its own results and `state`. Where it cannot
    be recorded it is called as it is, after one warning.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        owned: bool = True,
        state: Sequence[Tensor] = (),
        recorder: Recorder = capture,
    ) -> None:
        """Wrap a function.

        Args:
            function: its arguments and results are trees of tensors, None, and constants.
            owned: whether results are the caller's own; if not, the next call overwrites them.
            state: tensors that it changes in place; recording, which calls it, leaves them as they were.
            recorder: what records.
        """
        self.function, self._owned, self._state, self._record = function, owned, state, recorder
        self._recorded: dict[Any, _Recorded] | None = {}

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The function's results."""
        if self._recorded is None:
            return self.function(*arguments, **named)
        given = leaves((arguments, named))
        key = tuple((leaf.shape, leaf.dtype) if isinstance(leaf, Tensor) else leaf for leaf in given)
        tensors = [leaf for leaf in given if isinstance(leaf, Tensor)]
        if key not in self._recorded:
            try:
                self._recorded[key] = self._new(arguments, named)
            except RuntimeError as error:
                warnings.warn(f"going on without a CUDA graph: {' '.join(str(error).split())[:300]}", stacklevel=2)
                self._recorded = None
                return self.function(*arguments, **named)
        recorded = self._recorded[key]
        for mine, tensor in zip(recorded.inputs, tensors, strict=True):
            mine.copy_(tensor, non_blocking=True)
        recorded.replay()
        return mapped(recorded.results, _clone) if self._owned else recorded.results

    def _new(self, arguments: Any, named: Any) -> _Recorded:
        # In the memory layout that the function was given: convolutions have other kernels for other layouts.
        static, static_named = mapped((arguments, named), _like)
        before = [tensor.clone() for tensor in self._state]
        try:
            results, replay = self._record(lambda: self.function(*static, **static_named))
        finally:
            for tensor, old in zip(self._state, before, strict=True):
                tensor.copy_(old)
        inputs = [leaf for leaf in leaves((static, static_named)) if isinstance(leaf, Tensor)]
        return _Recorded(inputs, results, replay)


def _like(leaf: Any) -> Any:
    return torch.empty_like(leaf).copy_(leaf) if isinstance(leaf, Tensor) else leaf


def _clone(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, Tensor) else leaf
