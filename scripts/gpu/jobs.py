"""The numbered jobs of run.py: what is trained, with which settings, and how a dry run makes it small."""

from __future__ import annotations

from dataclasses import dataclass

SMALL = (
    "--learning.batch-size 4 --learning.num-minibatches 2 --data.held-out 4 --policy.channels 4 "
    "--policy.core-channels 4 --policy.hidden 16 --policy.residual-blocks 0 --policy.location-blocks 0 "
    "--discriminator.channels 4 --run.threads 1 --run.compile off --run.pipeline on --frames 160"
)
"""Flags of a dry run: networks and batches of a toy, on the processor."""
BATCH = "--learning.batch-size 1024 --learning.num-minibatches 4 --run.evaluate-seconds 60 --run.checkpoint-seconds 60"
"""The paper's 64 actors with 64 canvases would be 4,096 at a time; 1,024 take more steps in the same time."""


@dataclass(frozen=True)
class Job:
    """A training run.

    Attributes:
        title: what it is.
        preset: what is trained.
        data: the folder or file below `data/` that it needs, or a built-in source; the first that is there.
        flags: settings, apart from the data.
        first: settings of the first run; a run that goes on from another begins where that ended.
        further: settings of a run that goes on.
        dry_data: the source of a dry run.
    """

    title: str
    preset: str
    data: tuple[str, ...]
    flags: str
    first: str
    further: str
    dry_data: str


JOBS: dict[int, Job] = {
    2: Job(
        title="digits at the paper's size",
        preset="mnist-reconstruct-paper",
        data=("mnist", "mnist-sample"),
        flags=f"{BATCH} --learning.credit-assignment temporal --learning.gae-lambda 0.9 --learning.blank-penalty 3 "
        "--learning.update-epochs 2 --canvas.brush classic/pen",
        first="--learning.entropy-coef 0.03 --learning.entropy-coef-end 0.005",
        further="--learning.entropy-coef 0.005 --learning.entropy-coef-end 0.003 "
        "--learning.learning-rate-end-factor 0.1",
        dry_data="mnist-sample",
    ),
    3: Job(
        title="scenes at the paper's size",
        preset="scene-reconstruct-paper",
        data=("scenes:50000",),
        flags=f"{BATCH} --learning.credit-assignment temporal --learning.gae-lambda 0.9 --learning.update-epochs 2 "
        "--learning.reward-scale command --learning.idle-penalty 1",
        first="--learning.entropy-coef 0.06 --learning.entropy-coef-end 0.005",
        further="--learning.entropy-coef 0.005 --learning.entropy-coef-end 0.002 "
        "--learning.learning-rate-end-factor 0.1",
        dry_data="scenes:16",
    ),
    4: Job(
        title="faces at the paper's size",
        preset="celeba-reconstruct-paper",
        data=("celeba",),
        flags=f"{BATCH} --learning.credit-assignment temporal --learning.gae-lambda 0.9 --learning.update-epochs 2",
        first="--learning.entropy-coef 0.03 --learning.entropy-coef-end 0.005",
        further="--learning.entropy-coef 0.005 --learning.entropy-coef-end 0.003 "
        "--learning.learning-rate-end-factor 0.1",
        dry_data="mnist-sample",
    ),
    5: Job(
        title="digits from noise",
        preset="mnist-generate",
        data=("mnist", "mnist-sample"),
        flags=f"{BATCH} --policy.no-sees-target --policy.cluster-means 0 --policy.noise-to-core "
        "--policy.residual-blocks 8 --policy.location-blocks 4 --discriminator.channels 64",
        first="--learning.entropy-coef 0.1 --learning.entropy-coef-end 0.02",
        further="--learning.entropy-coef 0.02 --learning.entropy-coef-end 0.01",
        dry_data="mnist-sample",
    ),
}
BENCH = "bench --device {device} --seconds 3 --json"
"""Job 1, after the tests."""
DRY_BENCH = "--batches 4 --seconds 0.1"


def training(job: Job, source: str, dry: bool, going_on: bool) -> list[str]:
    """The arguments of `spiral train` for a job, apart from --out, --minutes and --start."""
    flags = [*job.flags.split(), *(job.further if going_on else job.first).split()]
    arguments = ["train", job.preset, *flags, "--data.source", source]
    return [*arguments, *SMALL.split(), "--run.device", "cpu"] if dry else [*arguments, "--run.device", "cuda"]
