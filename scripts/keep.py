"""Keep the data of runs and searches that the plots need, small enough to commit.

python scripts/keep.py --runs RUN... --out docs/runs/FIGURE
spiral report docs/runs --out docs/figures        # draws every figure again
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import tyro

from spiral.evaluation.report import EVALUATION, FIELDS, METRICS, SEARCH, read_rows
from spiral.io.files import make_folder

KEPT = ("commands", "seconds", "mse", "blank_mse", *FIELDS.values())


@dataclass(frozen=True)
class Keep:
    runs: tuple[Path, ...]
    out: Path

    def __call__(self) -> None:
        for run in self.runs:
            folder = make_folder(self.out / run.name)
            if (run / EVALUATION).is_file():
                shutil.copy(run / EVALUATION, folder / EVALUATION)
            if (run / SEARCH).is_file():
                shutil.copy(run / SEARCH, folder / SEARCH)
                continue
            kept = [{name: row[name] for name in KEPT if name in row} for row in read_rows(run)]
            (folder / METRICS).write_text("".join(json.dumps(row) + "\n" for row in kept if len(row) > 2))


if __name__ == "__main__":
    tyro.cli(Keep)()
