"""Earlier names of settings, weights and checkpoint files: checkpoints from before 2026-11-26 can still be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

_SETTINGS: dict[str, dict[str, str]] = {
    "learning": {
        "batch": "batch_size",
        "steps": "unroll_length",
        "unrolls": "unrolls_per_episode",
        "credit": "credit_assignment",
        "units": "reward_scale",
        "discount": "gamma",
        "advantage_decay": "gae_lambda",
        "correction": "off_policy_correction",
        "policies": "population",
        "loss": "adversarial_loss",
        "penalty_weight": "gradient_penalty_weight",
        "drift": "drift_weight",
        "paired": "matched_pairs",
        "discriminator_steps": "discriminator_updates",
        "discriminator_rate": "discriminator_learning_rate",
        "discriminator_beta": "discriminator_adam_beta1",
        "policy_rate": "policy_learning_rate",
        "policy_beta": "policy_adam_beta1",
        "rate_end": "learning_rate_end_factor",
        "warm_up": "warmup_updates",
        "passes": "update_epochs",
        "clip": "clip_coef",
        "entropy_cost": "entropy_coef",
        "entropy_cost_end": "entropy_coef_end",
        "value_cost": "value_coef",
        "gradient_clip": "max_grad_norm",
        "average": "ema_decay",
    },
    "discriminator": {"groups": "minibatch_stddev"},
    "policy": {
        "spatial": "skip_connections",
        "glances": "local_features",
        "ordered": "ordinal",
        "prototypes": "cluster_means",
    },
}
_FILES = {"average": "ema", "units": "reward_scale"}
_MODULES = {"look": "stem", "dream": "noise_mlp", "recall": "local_linear", "prototypes": "cluster_means"}

Value = TypeVar("Value")


def rename_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """A preset's JSON values with current names."""
    return {
        name: {_SETTINGS[name].get(key, key): value for key, value in section.items()}
        if name in _SETTINGS and isinstance(section, Mapping)
        else section
        for name, section in values.items()
    }


def rename_group(name: str) -> str:
    """Current name of a checkpoint's group of tensors; a member's number at its end stays."""
    head, dash, member = name.partition("-")
    return _FILES.get(head, head) + dash + member


def rename_weights(tensors: Mapping[str, Value]) -> dict[str, Value]:
    """A policy's weights with current names."""
    renamed = {}
    for key, value in tensors.items():
        module, dot, rest = key.partition(".")
        renamed[_MODULES.get(module, module) + dot + rest] = value
    return renamed
