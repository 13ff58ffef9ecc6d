"""Scores of an alignment as lines on the terminal, as rows of a table, and the paper's Table 1 as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..alignment import ChannelAlignment
    from ..pipeline.score_stage import ScoreTable

__all__ = ["save_score_table", "score_lines", "score_rows"]

_COLUMNS = (
    "n_voxels",
    "n_pictures",
    "r2",
    "r2_low",
    "r2_high",
    "correlation",
    "r2_normalised",
    "p_value",
    "q_value",
    "significant",
)


def score_lines(alignment: ChannelAlignment) -> list[str]:
    """Held-out R² by region, with intervals and what is significant; of people, each and the group."""
    scores, order = alignment.scores, _order(alignment)
    lines = _lines("Held-out R²", scores.get("rois", {}), order)
    for name, own in scores.get("subjects", {}).items():
        lines += _lines(f"  {name}", own, order)
    if group := scores.get("group"):
        n = max(entry["n_subjects"] for entry in group.values())
        lines += _lines(f"  mean of {n} people [95 % interval]", group, order)
    return lines


def _lines(title: str, rois: Mapping[str, Mapping[str, Any]], order: tuple[str, ...]) -> list[str]:
    words = []
    for roi in order:
        entry = rois.get(roi)
        if entry is None or entry.get("r2") is None:
            continue
        text = f"{roi} {entry['r2']:.3f}"
        if entry.get("r2_low") is not None:
            text += f" [{entry['r2_low']:.3f}, {entry['r2_high']:.3f}]"
        q_value = entry.get("q_value")
        if q_value is not None and q_value > 0.05:
            text += f" (not significant, q = {q_value:.2f})"
        words.append(text)
    return [f"{title}: " + ", ".join(words)] if words else []


def _order(alignment: ChannelAlignment) -> tuple[str, ...]:
    return (*(alignment.readout.roi_names if alignment.readout is not None else ()), "all")


def score_rows(alignment: ChannelAlignment) -> list[dict[str, Any]]:
    """A row a region of all voxels together, of each person, and of the mean over people (``group``)."""
    scores = alignment.scores
    tables = {"": scores.get("rois", {}), **scores.get("subjects", {}), "group": scores.get("group", {})}
    return [
        {"subject": subject, "region": roi, **{name: rois[roi].get(name) for name in _COLUMNS}}
        for subject, rois in tables.items()
        for roi in _order(alignment)
        if roi in rois
    ]


def save_score_table(table: ScoreTable, file: str) -> Path:
    """Draw the table with its spread over seeds."""
    from ..figures import brain_scores_table_from_arrays, save_figure

    many = len(table.seeds) > 1
    over = f"Mean ± standard deviation over {len(table.seeds)} seeds. " if many else ""
    figure = brain_scores_table_from_arrays(
        table.rois,
        table.weights,
        table.mean,
        spreads=table.spread if many else None,
        note=f"{over}{table.title}, start {table.start}.",
        simulated=table.simulated,
    )
    return save_figure(figure, Path(file))
