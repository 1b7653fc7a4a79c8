"""What a run saves: agents that paint, and checkpoints to resume from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from spiral.errors import InputError
from spiral.learning import checkpoint
from spiral.learning.checkpoint import Tensors
from spiral.learning.learner import Learner, member_state
from spiral.legacy import rename_group
from spiral.settings import Preset

CHECKPOINTS = "checkpoints"
METRICS = "metrics.jsonl"


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
    checkpoint.save_run(out / CHECKPOINTS, {**config, "groups": sorted(state)}, state)


def agent_folder(out: Path, member: int = 0) -> Path:
    """Folder of a run's agent, 0 for the first."""
    return out / (f"agent-{member + 1}" if member else "agent")


@dataclass(frozen=True)
class Beginning:
    """Where a run begins.

    Attributes:
        state: of all learners, from a checkpoint; None at the very beginning.
        seconds: of training before.
        continues: whether its folder has a log already, whose later rows are dropped.
        notes: what the user should know, each a sentence.
    """

    state: dict[str, Tensors] | None = None
    seconds: float = 0.0
    continues: bool = False
    notes: tuple[str, ...] = ()


def begin(out: Path, preset: Preset, resume: bool) -> Beginning:
    """Find where a run in `out` begins: at its newest whole checkpoint, or afresh.

    One that was stopped before its first checkpoint begins afresh with `resume` or without: nothing is lost.

    Raises:
        InputError: nothing to resume, no whole checkpoint, or one of another experiment.
    """
    if _stopped_early(out):
        return Beginning(continues=True, notes=(f"{out} holds no checkpoint yet: starting afresh",))
    if not resume:
        return Beginning()
    if not checkpoint.numbered(out / CHECKPOINTS):
        raise InputError(f"no checkpoint to resume from in {out / CHECKPOINTS}; leave out --resume to start there")
    state, seconds, notes = _read_newest(out, preset)
    return Beginning(state, seconds, True, notes)


def read(out: Path, preset: Preset) -> dict[str, Tensors]:
    """The state of the newest whole checkpoint of a run.

    Raises:
        InputError: there is none, or it belongs to another experiment.
    """
    return _read_newest(out, preset)[0]


def last(out: Path) -> Path | None:
    """The folder of a run's newest checkpoint; None without one."""
    return next(iter(checkpoint.numbered(out / CHECKPOINTS)[::-1]), None)


def _stopped_early(out: Path) -> bool:
    """Whether a run was stopped before anything that it learned was saved."""
    if not (out / METRICS).is_file() or checkpoint.numbered(out / CHECKPOINTS):
        return False
    agent = agent_folder(out)
    try:
        return not agent.exists() or checkpoint.read_config(agent).get("commands") == 0
    except InputError:
        return False


def _read_newest(out: Path, preset: Preset) -> tuple[dict[str, Tensors], float, tuple[str, ...]]:
    """The state of the newest whole checkpoint, its seconds, and a note for each damaged one, which is set aside."""
    damaged: dict[Path, InputError] = {}
    for folder in reversed(checkpoint.numbered(out / CHECKPOINTS)):
        try:
            theirs, state, seconds = _read_one(folder)
            # Off-policy correction depends on where a run is resumed, not on what it learns.
            learning = replace(preset.learning, off_policy_correction=theirs.learning.off_policy_correction)
            if same := replace(preset, run=theirs.run, learning=learning) == theirs:
                _require_restorable(folder, theirs, state)
        except InputError as error:
            damaged[folder] = error
            continue
        if not same:
            raise InputError(
                f"{folder} was made with other settings; resume with the same ones or choose another --out"
            )
        notes = tuple(f"{error}; continuing from the checkpoint before, {folder}" for error in damaged.values())
        for spoilt in damaged:
            checkpoint.set_aside(spoilt)
        return state, seconds, notes
    if damaged:
        raise InputError(f"no checkpoint can be read: {next(iter(damaged.values()))}; start again with another --out")
    raise InputError(f"no checkpoint to resume from in {out / CHECKPOINTS}")


def _require_restorable(folder: Path, preset: Preset, state: dict[str, Tensors]) -> None:
    """Check that learners can continue from a state.

    Raises:
        InputError: it is damaged.
    """
    try:
        with torch.random.fork_rng(devices=[]):
            Learner(preset, torch.device("cpu")).restore(state)
    except InputError as error:
        raise InputError(f"{folder} is damaged: {error}") from error
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"{folder} is damaged: {' '.join(str(error).split())}") from error


def _read_one(folder: Path) -> tuple[Preset, dict[str, Tensors], float]:
    """A checkpoint's preset, state and seconds of training.

    Raises:
        InputError: it is damaged.
    """
    config = checkpoint.read_config(folder)
    try:
        preset, seconds = Preset.from_json(config["preset"]), float(config["seconds"])
        state = checkpoint.read_groups(folder)
        expected = set(map(rename_group, config.get("groups", ())))
        for member in range(preset.learning.population):
            member_state(state, member)
    except InputError:
        raise
    except KeyError as error:
        raise InputError(f"{folder} is damaged: there is no {error} in it") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{folder / checkpoint.CONFIG} is damaged: {error}") from error
    if absent := sorted(expected - set(state)):
        raise InputError(f"{folder} is damaged: there is no {absent[0]}.safetensors in it")
    return preset, state, seconds
