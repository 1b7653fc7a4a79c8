"""What a run saves: agents that paint, and checkpoints to resume from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from spiral.errors import InputError
from spiral.learning import checkpoint
from spiral.learning.checkpoint import Tensors
from spiral.learning.learner import member_state
from spiral.settings import Preset

CHECKPOINTS = "checkpoints"


def save(out: Path, preset: Preset, state: dict[str, Tensors], seconds: float) -> None:
    """Write `out/agent`, for painting, and `out/checkpoints/COMMANDS`, for resuming.

    Agents of the second and later policies go to `out/agent-2` and so on.

    Args:
        out: the run's folder.
        preset: its experiment.
        state: of all learners; see `learner.merge_states`.
        seconds: of training so far.

    Raises:
        InputError: it cannot be written.
    """
    policies = [member_state(state, member) for member in range(preset.learning.population)]
    counted = [int(policy["counts"]["commands"]) for policy in policies]
    config = {"preset": preset.to_json(), "commands": sum(counted), "seconds": round(seconds, 1)}
    for member, (policy, commands) in enumerate(zip(policies, counted, strict=True)):
        checkpoint.save_folder(
            agent_folder(out, member),
            {**config, "commands": commands},
            {"policy": checkpoint.half(policy["ema"]), "discriminator": checkpoint.half(state["discriminator"])},
        )
    checkpoint.save_run(out / CHECKPOINTS, config, state)


def agent_folder(out: Path, member: int = 0) -> Path:
    """Folder of a run's agent, 0 for the first."""
    return out / (f"agent-{member + 1}" if member else "agent")


def read(out: Path, preset: Preset) -> tuple[dict[str, Tensors], float]:
    """The state of the newest complete checkpoint of a run, and its seconds of training.

    Raises:
        InputError: there is none, or it belongs to another experiment.
    """
    folder = checkpoint.newest(out / CHECKPOINTS)
    config = checkpoint.read_config(folder)
    theirs = Preset.from_json(config["preset"])
    # Off-policy correction depends on where a run is resumed, not on what it learns.
    learning = replace(preset.learning, off_policy_correction=theirs.learning.off_policy_correction)
    if replace(preset, run=theirs.run, learning=learning) != theirs:
        raise InputError(f"{folder} was made with other settings; resume with the same ones or choose another --out")
    return checkpoint.read_groups(folder), float(config["seconds"])
