"""All figures of an agent: for `spiral evaluate` and the records of shipped agents."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spiral.agent import Agent, Paintings
from spiral.datasets import Dataset
from spiral.engines import Engine, blank, make, observe
from spiral.errors import InputError, require_number
from spiral.evaluation.classifier import features_and_probabilities, load_classifier
from spiral.evaluation.generation import class_coverage, frechet_distance, precision_and_recall, repeat_rate
from spiral.evaluation.metrics import are_digits, classification_accuracy, reconstruction_figures, similarity
from spiral.painting.refining import MAXIMUM_EVALUATIONS, refine
from spiral.program import Program

MAX_IMAGES = 10_000
"""Default number of generated pictures that are compared with real ones."""
_BATCH = 256
_LEAST = 2
"""A covariance needs so many pictures."""


def evaluate_reconstruction(
    agent: Agent,
    data: Dataset,
    seed: int = 0,
    temperature: float | None = None,
    counts: Sequence[int] = (),
    candidates: int = 1,
    moves: int = 0,
    evaluations: int = 0,
) -> dict[str, Any]:
    """Paint every picture of `data` and compare.

    Args:
        agent: redraws.
        data: the targets.
        seed: of the brush, and of sampling where `temperature` is not 0.
        temperature: of sampling; the preset's when None.
        counts: also measure after these numbers of commands; the largest is painted. None paints the agent's own
            number.
        candidates: commands that the agent proposes at a time, as in `Agent.reconstruct`.
        moves: of the best of them, likewise.
        evaluations: how often each program is executed to refine it, see `spiral.painting.refining.refine`; it keeps
            its length.

    Raises:
        InputError: a number out of range.

    Returns:
        `images`, `mse`, `l2`, `blank_mse`, `ratio` (mse / blank_mse), `psnr` and `ssim` of `similarity`, `accuracy` and
        `real_accuracy` (None without labels that are digits), `strokes` and `ink` of `stroke_usage`,
        `programs_per_second`; for scenes whose programs are known also those of `object_accuracy`;
        with `counts` a list `after` of `commands`, `mse`, `psnr` and `ssim`.
    """
    require_number("evaluations", evaluations, 0, MAXIMUM_EVALUATIONS)
    wanted = max(counts) if counts else None

    def paint() -> Paintings:
        painted = agent.reconstruct(data.images, seed, temperature, commands=wanted, candidates=candidates, moves=moves)
        return _refined(painted, data.images, evaluations, seed) if evaluations else painted

    paintings, seconds = _timed(paint)
    figures = reconstruction_figures(
        agent.preset.engine, agent.preset.canvas, data, paintings.programs, paintings.observed
    )
    figures |= classification_accuracy(data, paintings.observed)
    if counts:
        figures["after"] = after_commands(paintings.programs, data.images, sorted(set(counts)))
    return {**figures, **stroke_usage(paintings), "programs_per_second": len(data) / seconds}


def _refined(paintings: Paintings, targets: npt.NDArray[np.uint8], evaluations: int, seed: int) -> Paintings:
    """Paintings whose programs have been refined, without an agent's proposals, and kept their length."""
    programs: list[Program] = []
    canvases = np.empty_like(paintings.canvases)
    for start in range(0, len(targets), _BATCH):
        batch = slice(start, start + _BATCH)
        found = refine(paintings.programs[batch], targets[batch], evaluations, seed + start, shorten=False).programs
        *_, engine = _executed(found)
        canvases[batch] = engine.canvases()
        programs += found
    return replace(paintings, programs=programs, canvases=canvases, observed=observe(canvases, targets.shape[1]))


def _executed(programs: Sequence[Program]) -> Iterator[Engine]:
    """One engine, after each command of N equally long programs with its settings: copy what you keep."""
    engine = make(programs[0].engine, len(programs), programs[0].settings)
    engine.reset(np.array([program.seed for program in programs], np.int64))
    for command in np.stack([program.array() for program in programs], axis=1):
        engine.step(command)
        yield engine


def after_commands(
    programs: Sequence[Program], images: npt.NDArray[np.uint8], counts: Sequence[int]
) -> list[dict[str, float | None]]:
    """Metrics of paintings after each count of commands.

    Args:
        programs: N programs of one engine, of at least `max(counts)` commands each.
        images: their targets, uint8 [N, S, S, C].
        counts: ascending.

    Returns:
        For each count `commands`, `mse`, `psnr` and `ssim`.
    """
    seen: dict[int, list[npt.NDArray[np.uint8]]] = {count: [] for count in counts}
    for start in range(0, len(programs), _BATCH):
        for done, engine in enumerate(_executed(programs[start : start + _BATCH]), start=1):
            if done in seen:
                seen[done].append(observe(engine.canvases(), images.shape[1]))
    result: list[dict[str, float | None]] = []
    for count, parts in seen.items():
        paintings = np.concatenate(parts)
        mse = float(np.square((images.astype(np.float64) - paintings) / 255.0).mean())
        result.append({"commands": count, "mse": mse, **similarity(images, paintings)})
    return result


def evaluate_generation(
    agent: Agent, real: Dataset, other: Dataset, seed: int = 0, temperature: float | None = None
) -> dict[str, Any]:
    """Generate as many pictures as `real` holds and compare the two sets.

    Distances, precision and recall use the feature space of the digit classifier, a generic one for other data than
    digits. `..._real` is the same figure for `other`, which are real pictures too: the result of a perfect agent at
    this sample size.

    Args:
        agent: paints without a target.
        real: pictures of the data set.
        other: as many other pictures of it.
        seed: of sampling and of the brush.
        temperature: of sampling; the preset's when None.

    Returns:
        `images`; `class_entropy` (nats), `classes`, `confidence` and `class_entropy_real`, `confidence_real` (None
        where `real` has no labels that are digits); `frechet`, `frechet_real`, `frechet_blank` (of blank canvases),
        `frechet_random` (of uniformly random programs); `precision`, `recall`, `precision_real`, `recall_real`;
        `repeats`, the share of exact repeats; `strokes` and `ink` of `stroke_usage`; `programs_per_second`.

    Raises:
        InputError: fewer than two real pictures.
    """
    if len(real) < _LEAST:
        raise InputError(f"comparing generated pictures needs at least {_LEAST} real ones, got {len(real)}")
    paintings, seconds = _timed(lambda: agent.generate(len(real), seed, temperature))
    classifier = load_classifier()
    features, probabilities = features_and_probabilities(classifier, paintings.observed)
    real_features, real_probabilities = features_and_probabilities(classifier, real.images)
    other_features, _ = features_and_probabilities(classifier, other.images)
    random, blank = (
        features_and_probabilities(classifier, pictures)[0] for pictures in _random_and_blank(agent, len(real), seed)
    )
    seen, seen_real = asdict(class_coverage(probabilities)), asdict(class_coverage(real_probabilities))
    if not are_digits(real):
        seen, seen_real = dict.fromkeys(seen), dict.fromkeys(seen_real)
    precision, recall = precision_and_recall(real_features, features)
    precision_real, recall_real = precision_and_recall(real_features, other_features)
    return {
        "images": len(real),
        **seen,
        "class_entropy_real": seen_real["class_entropy"],
        "confidence_real": seen_real["confidence"],
        "frechet": frechet_distance(real_features, features),
        "frechet_real": frechet_distance(real_features, other_features),
        "frechet_blank": frechet_distance(real_features, blank),
        "frechet_random": frechet_distance(real_features, random),
        "precision": precision,
        "recall": recall,
        "precision_real": precision_real,
        "recall_real": recall_real,
        "repeats": repeat_rate(paintings.observed),
        **stroke_usage(paintings),
        "programs_per_second": len(real) / seconds,
    }


def generation_metrics(real: Dataset, invented: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Metrics in the log of a run without targets, of N pictures uint8 [N, S, S, C] and N real ones.

    Returns:
        `repeats`; `frechet` for two pictures or more; `class_entropy` and `confidence` if the real ones have labels
        that are digits.
    """
    classifier = load_classifier()
    features, probabilities = features_and_probabilities(classifier, invented)
    figures = {"repeats": repeat_rate(invented)}
    if len(real) >= _LEAST:
        figures["frechet"] = frechet_distance(features_and_probabilities(classifier, real.images)[0], features)
    if are_digits(real):
        seen = class_coverage(probabilities)
        figures |= {"class_entropy": seen.class_entropy, "confidence": seen.confidence}
    return figures


def stroke_usage(paintings: Paintings) -> dict[str, float]:
    """Strokes and ink of paintings.

    Returns:
        `strokes`, the mean number of a program's commands that paint, and `ink`, the mean share of
        a canvas's pixels that are not the ground.
    """
    specification = paintings.programs[0].specification
    strokes = [int(specification.active(program.array()).all(1).sum()) for program in paintings.programs]
    before = blank(paintings.programs[0].engine, paintings.programs[0].settings, paintings.observed.shape[1])
    inked = (paintings.observed != before).any(-1)
    return {"strokes": float(np.mean(strokes)), "ink": float(inked.mean())}


def _timed(work: Any) -> tuple[Paintings, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def _random_and_blank(agent: Agent, count: int, seed: int) -> tuple[Any, Any]:
    """Paintings of uniformly random programs of the agent's length, and blank canvases: uint8 [count, S, S, C] both."""
    generator, random = np.random.default_rng(seed), []
    for start in range(0, count, _BATCH):
        number = min(_BATCH, count - start)
        engine = make(agent.preset.engine, number, agent.preset.canvas.to_json())
        engine.reset(np.full(number, seed, np.int64))
        for _ in range(agent.preset.learning.episode_length):
            engine.step(engine.specification.random(generator, (number,)))
        random.append(observe(engine.canvases(), agent.size))
    empty = blank(agent.preset.engine, agent.preset.canvas.to_json(), agent.size)
    return np.concatenate(random), np.repeat(empty[None], count, axis=0)
