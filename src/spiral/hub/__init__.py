"""The Hugging Face hub: agents downloaded from it and shared on it (extra `huggingface`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spiral.hub.pretrained import PretrainedAgent

__all__ = ["PretrainedAgent"]


def __getattr__(name: str) -> Any:
    """Import `PretrainedAgent` on demand: the module must load without huggingface_hub."""
    if name == "PretrainedAgent":
        from spiral.hub.pretrained import PretrainedAgent

        return PretrainedAgent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
