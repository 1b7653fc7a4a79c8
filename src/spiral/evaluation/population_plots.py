"""A plot of population based training: every member's score, policy rate and entropy cost over commands."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

_PANELS = (
    ("score", "score (less is better)"),
    ("policy_learning_rate", "policy rate"),
    ("entropy_coef", "entropy cost"),
)


def plot_schedules(rows: Sequence[dict[str, Any]]) -> bytes:
    """SVG of a population's record; the same rows give the same bytes.

    Thick lines are the winner's, and those of members whose networks it copied, up to the copy: the schedule that
    trained the final networks. Dots mark copies.

    Args:
        rows: of `population.jsonl`; see `spiral.scaling.population.train_population`.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    members = sorted({row["member"] for row in rows})
    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    panels = figure.subplots(1, len(_PANELS))
    line = lineage(rows)
    for axes, (name, label) in zip(panels, _PANELS, strict=True):
        for member in members:
            own = [row for row in rows if row["member"] == member]
            axes.plot(
                [row["commands"] for row in own], [row[name] for row in own], color="#0b5fa5", alpha=0.35, linewidth=1.0
            )
            taken = [row for row in own if row["copied_from"] != member]
            axes.plot(
                [row["commands"] for row in taken], [row[name] for row in taken], "o", color="#c8501e", markersize=3
            )
        axes.plot([row["commands"] for row in line], [row[name] for row in line], color="#111111", linewidth=2.0)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set_xlabel("commands of a member")
        axes.set_ylabel(label)
        if name != "score":
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
    stream = io.BytesIO()
    with rc_context({"svg.hashsalt": "schedules"}):
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None})
    return stream.getvalue()


def lineage(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that led to the best member's networks, oldest first."""
    by_place = {(row["member"], row["commands"]): row for row in rows}
    times = sorted({row["commands"] for row in rows})
    row = min((row for row in rows if row["commands"] == times[-1]), key=lambda row: row["score"])
    line = [row]
    for before in reversed(times[:-1]):
        # A member begins an interval with the networks that the copied one had at the end of the last.
        earlier = by_place.get((row["copied_from"], before))
        if earlier is None:
            break
        line.append(earlier)
        row = earlier
    return line[::-1]
