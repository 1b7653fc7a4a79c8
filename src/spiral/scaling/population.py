"""Population based training (Jaderberg et al. 2017; SPIRAL appendix C): schedules found instead of chosen.

Several members learn side by side, each with its own policy rate and entropy cost. After every interval the worst
quarter copies networks and settings of the best one and continues with both settings multiplied by 1.2 or 0.8.
Members are ranked by the error on held-out pictures. Ray Tune runs as many at a time as there are processors; the
others wait as checkpoints. Members are not synchronised: when its interval ends, each is compared with the others' last
results, which are at most one interval old.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from ray import tune
from ray.tune import Callback, CheckpointConfig, RunConfig
from ray.tune.schedulers import FIFOScheduler, PopulationBasedTraining
from ray.tune.search import BasicVariantGenerator
from torch import Tensor

from spiral.datasets import load
from spiral.engines import make
from spiral.errors import InputError, TrainingError
from spiral.io.files import make_folder, read_bytes, write_atomically
from spiral.learning import checkpoint, machine, run_checkpoints
from spiral.learning.policy_learner import MetricsCallback
from spiral.learning.trainer import load_real_images, set_up, train_iteration, unmeasured
from spiral.scaling.cluster import connected
from spiral.scaling.settings import PopulationSettings
from spiral.settings import Preset

RECORD, SETTINGS, EXPERIMENT = "population.jsonl", "population.json", "tune"
PERTURBATION_FACTORS = (1.2, 0.8)
QUANTILE_FRACTION = 0.25
_KEPT = 4
_SETTINGS_LIMIT = 2**20
_SNAPSHOT_SECONDS = "5"


class Member(tune.Trainable):
    """One run of the trainer's own loop, an interval at a time."""

    def setup(
        self,
        config: dict[str, Any],
        preset: dict[str, Any],
        frames: int,
        interval: int,
        metrics_callback: MetricsCallback | None,
    ) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Load the held-out pictures and make the networks."""
        base = self.base = Preset.from_json(preset)
        self.frames, self.interval, self.watch = frames, interval, metrics_callback
        self.threads = machine.use_threads(base.run.threads or 1)
        self.held_out = load(base.data.source, base.data.size, base.canvas.channels, "test").evenly_spaced(
            base.data.held_out
        )
        self.eval_engine = make(base.engine, len(self.held_out), base.canvas.to_json(), self.threads)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Become a new member with this rate and entropy cost, until a checkpoint is loaded."""
        self.number = int(str(self.trial_id).rsplit("_", 1)[-1])
        seeded = replace(self.base, run=replace(self.base.run, seed=self.base.run.seed + 1000 * self.number))
        self.learner, self.actors, self.real = set_up(with_settings(seeded, new_config), self.threads)
        self.seconds, self.copied_from = 0.0, self.number
        return True

    def step(self) -> dict[str, Any]:
        """Train for an interval, then evaluate."""
        began, learner = time.perf_counter(), self.learner
        target = min((learner.commands // self.interval + 1) * self.interval, self.frames)
        figures: dict[str, Tensor] = {}
        while learner.commands < target:
            progress = learner.commands / self.frames
            for turn in train_iteration(learner, self.actors, self.real, progress, unmeasured):
                figures = turn
        seen, _, _ = learner.evaluate(self.eval_engine, self.held_out, self.watch)
        self.seconds += time.perf_counter() - began
        copied_from, self.copied_from = self.copied_from, self.number
        learning = learner.preset.learning
        return {
            "member": self.number,
            "copied_from": copied_from,
            "commands": learner.commands,
            "seconds": self.seconds,
            "policy_learning_rate": learning.policy_learning_rate,
            "entropy_coef": learning.entropy_coef,
            "score": score(seen),
            "entropy": float(figures.get("policy/entropy", 0.0)),
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save all learners."""
        config = {"member": self.number, "seconds": self.seconds, "preset": self.learner.preset.to_json()}
        checkpoint.save_folder(Path(checkpoint_dir) / "state", config, self.learner.state())

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Continue from a checkpoint, the member's own or a better one's."""
        config, state = read_state(Path(checkpoint))
        self.learner.restore(state)
        self.seconds, self.copied_from = float(config["seconds"]), int(config["member"])
        # A member that copies another one's networks must not copy its random numbers, too.
        torch.manual_seed(self.base.run.seed + 1000 * self.number + self.learner.commands)


def read_state(folder: Path) -> tuple[dict[str, Any], dict[str, checkpoint.Tensors]]:
    """Read the files of `Member.save_checkpoint`."""
    place = folder / "state"
    return checkpoint.read_config(place), checkpoint.read_groups(place)


def with_settings(base: Preset, config: dict[str, Any]) -> Preset:
    """The preset with a member's rate and entropy cost, which stay as they are until the next comparison."""
    rate, cost = float(config["policy_learning_rate"]), float(config["entropy_coef"])
    constant = replace(
        base.learning, policy_learning_rate=rate, learning_rate_end_factor=1.0, entropy_coef=cost, entropy_coef_end=cost
    )
    return replace(base, learning=constant)


def score(figures: dict[str, float]) -> float:
    """A member's score, lower is better: error relative to a blank canvas's, or the Fréchet distance."""
    if "mse" in figures:
        return figures["mse"] / figures["blank_mse"]
    return figures["held_out/frechet"]


class Recorder(Callback):
    """Records and prints every result."""

    def __init__(self, path: Path) -> None:
        """Continue the record at `path`; Ray Tune keeps a copy of this object for a resumption."""
        self._path = path

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """See Ray Tune."""
        row = {name: result[name] for name in ROW}
        with self._path.open("a") as stream:
            stream.write(json.dumps(row) + "\n")
        taken = "" if row["copied_from"] == row["member"] else f"  (from member {row['copied_from']})"
        print(
            f"member {row['member']:2d}  {row['commands']:>11,} commands  score {row['score']:.3f}"
            f"  rate {row['policy_learning_rate']:.2e}  entropy cost {row['entropy_coef']:.2e}{taken}",
            file=sys.stderr,
            flush=True,
        )


ROW = ("member", "copied_from", "commands", "seconds", "policy_learning_rate", "entropy_coef", "score", "entropy")
"""Fields of a row of `population.jsonl`."""


def train_population(
    preset: Preset,
    population: PopulationSettings,
    out: Path,
    resume: bool,
    metrics_callback: MetricsCallback | None = None,
) -> list[dict[str, Any]]:
    """Train a population; the best member's agent is in `out/agent` afterwards.

    Args:
        preset: the experiment; its rate and entropy cost are drawn instead.
        population: number and length of the runs.
        out: the folder: `population.jsonl`, Ray Tune's own records, the agent.
        resume: continue the population in `out`.
        metrics_callback: measures pictures of members without targets; they are ranked by its Fréchet distance.

    Returns:
        The record: a row for every member and interval, with `ROW`'s fields; `copied_from` is the member whose networks
        it began the interval with.

    Raises:
        InputError: wrong settings, no Ray or no cluster, or `out` holds a population and `resume` is False.
        TrainingError: members failed.
    """
    make_folder(out)
    place = (out / EXPERIMENT).absolute()
    begun = tune.Tuner.can_restore(str(place))
    if begun and not resume:
        raise InputError(f"{out} holds a population already; add --resume to continue it, or choose another --out")
    if resume and not begun and not place.exists():
        raise InputError(f"{out} holds no population to go on with; leave out --resume to start there")
    resume = begun  # one that was stopped before its first record begins afresh
    settings = {"preset": preset.to_json(), "population": asdict(replace(population, max_concurrent=0, address=None))}
    told = json.dumps(settings, indent=1)
    if resume and json.loads(read_bytes(out / SETTINGS, _SETTINGS_LIMIT)) != json.loads(told):
        raise InputError(f"{out} was made with other settings; resume with the same ones or choose another --out")
    write_atomically(out / SETTINGS, (told + "\n").encode())
    # An error that concerns all members is better raised once than by each.
    load_real_images(preset, torch.device("cpu"))
    make(preset.engine, 1, preset.canvas.to_json())
    os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", _SNAPSHOT_SECONDS)
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    with connected(population.address, population.max_concurrent or machine.processors()):
        random.seed(preset.run.seed)
        tuner = _tuner(preset, population, place, Recorder((out / RECORD).absolute()), resume, metrics_callback)
        results = tuner.fit()
    if results.num_errors == len(results):
        raise TrainingError(f"all members failed, the first one with: {results.errors[0]}")
    rows = read_rows(out)
    best = min((row for row in rows if row["commands"] >= population.frames), key=lambda row: row["score"])
    found = next(result for result in results if result.metrics and result.metrics["member"] == best["member"])
    if found.checkpoint is not None:
        with found.checkpoint.as_directory() as folder:
            config, state = read_state(Path(folder))
        run_checkpoints.save(out, Preset.from_json(config["preset"]), state, float(config["seconds"]))
    return rows


def _tuner(
    preset: Preset,
    population: PopulationSettings,
    place: Path,
    recorder: Recorder,
    resume: bool,
    metrics_callback: MetricsCallback | None,
) -> tune.Tuner:
    import ray

    interval = -(-population.frames // population.intervals)
    draw = {
        "policy_learning_rate": tune.loguniform(*population.rates),
        "entropy_coef": tune.loguniform(*population.entropy_coefs),
    }
    gpus = ray.cluster_resources().get("GPU", 0)
    trainable = tune.with_resources(
        tune.with_parameters(
            Member,
            preset=preset.to_json(),
            frames=population.frames,
            interval=interval,
            metrics_callback=metrics_callback,
        ),
        {"cpu": 1, "gpu": 1 if gpus else 0},
    )
    if resume:
        return tune.Tuner.restore(str(place), trainable, resume_errored=True, param_space=draw)
    if population.exploit:
        scheduler = PopulationBasedTraining(
            time_attr="commands",
            perturbation_interval=interval,
            hyperparam_mutations=dict(draw),
            quantile_fraction=QUANTILE_FRACTION,
            resample_probability=0.0,
            perturbation_factors=PERTURBATION_FACTORS,
            # Asynchronous: with more members than processors, Ray 2.60's synchronous mode deadlocks (observed).
            synch=False,
        )
    else:
        scheduler = FIFOScheduler()
    return tune.Tuner(
        trainable,
        param_space=draw,
        tune_config=tune.TuneConfig(
            metric="score",
            mode="min",
            num_samples=population.members,
            scheduler=scheduler,
            search_alg=BasicVariantGenerator(random_state=preset.run.seed),
            reuse_actors=True,
            max_concurrent_trials=population.max_concurrent or None,
        ),
        run_config=RunConfig(
            name=place.name,
            storage_path=str(place.parent),
            stop={"commands": population.frames},
            callbacks=[recorder],
            checkpoint_config=CheckpointConfig(num_to_keep=_KEPT, checkpoint_frequency=1, checkpoint_at_end=True),
            verbose=0,
        ),
    )


def read_rows(out: Path) -> list[dict[str, Any]]:
    """The record of a population; intervals repeated after a crash appear once.

    Raises:
        InputError: there is none.
    """
    path = out / RECORD
    if not path.is_file():
        raise InputError(f"{out} holds no {RECORD}")
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
            rows[row["member"], row["commands"]] = row
        except (ValueError, KeyError, TypeError):
            continue  # a line cut off by a crash
    return [rows[key] for key in sorted(rows)]
