"""How well held-out brain responses are predicted: by layer and region, and the paper's table 1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError, StudyError
from ..nodes import Slot
from ..store import ALIGNMENTS
from .page import PAGE_WIDTH, SMALL, TEXT, Page, shortened, thinned
from .provenance import brief_provenance, made_with_simulated_data
from .roi_activation import shown_rois
from .text import line_height, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["brain_scores", "brain_scores_from_arrays", "brain_scores_table", "brain_scores_table_from_arrays"]


def scores_of(study: Study, cut: Cut) -> tuple[dict[str, Any], bool, float | None]:
    """Scores that the alignment of a cut carries, whether its data were made up, and its eigen-constraint weight.

    Raises
    ------
    StudyError
        If there are none; the sentence says how to get them.
    """
    name = cut.recipe["cut"].get("alignment")
    attributes = {} if name is None else study.store.attributes(f"{ALIGNMENTS}/{name}")
    scores = attributes.get("scores") or {}
    if not scores.get("slot_correlation") or not scores.get("rois"):
        raise StudyError(
            f"The alignment of the cut {cut.name!r} carries no brain scores; train one on brain data with pictures "
            "kept apart (`alignedcut align STUDY --brain DATA --out FILE`), and cut again with it."
        )
    recipe = attributes.get("recipe", {})
    weight = recipe.get("made", {}).get("settings", {}).get("eigen_weight")
    return scores, made_with_simulated_data(recipe), weight


def _order(names: Iterable[str]) -> list[str]:
    held = list(names)
    regions = shown_rois([name for name in held if name != "all"])
    return [*regions, *(["all"] if "all" in held else [])]


def brain_scores(study: Study, cut: Cut, *, width: float = PAGE_WIDTH) -> Figure:
    """Draw the brain score of every layer in every region, as the alignment of a cut carries it.

    Parameters
    ----------
    study, cut
        The study and one of its cuts.
    width
        In inches.

    Raises
    ------
    StudyError
        If the alignment carries no scores.
    """
    scores, simulated, _ = scores_of(study, cut)
    by_slot = scores["slot_correlation"]
    rois = _order(next(iter(by_slot.values())))
    own = {str(slot): slot for slot in cut.index.slots}
    # an alignment from elsewhere knows layers by the networks' own names
    other = {f"{study.network(slot.network).network}/{slot.layer}": slot for slot in cut.index.slots}
    rows = {(own.get(text) or other.get(text)): values for text, values in by_slot.items()}
    slots = [slot for slot in cut.index.slots if slot in rows]
    values = [[np.nan if rows[s].get(roi) is None else rows[s][roi] for roi in rois] for s in slots]
    total = {roi: _number(scores["rois"].get(roi, {}).get("r2")) for roi in rois}
    note = "A layer's part alone has neither mean nor size of the responses, so it is judged by correlation."
    return brain_scores_from_arrays(
        rois,
        slots,
        values,
        total=total,
        note=f"{note}\n{brief_provenance(study, cut)}",
        simulated=simulated,
        width=width,
    )


def brain_scores_table(study: Study, cut: Cut) -> Figure:
    """Draw the row of the paper's table 1 that belongs to the alignment of a cut.

    Raises
    ------
    StudyError
        If the alignment carries no scores, or does not say what it was trained with.
    """
    scores, simulated, weight = scores_of(study, cut)
    if weight is None:
        raise StudyError("The alignment does not say which weight of the eigen-constraint it was trained with.")
    rois = _order(scores["rois"])
    values = [_number(scores["rois"][roi].get("r2")) for roi in rois]
    ends = [[_number(scores["rois"][roi].get(end)) for roi in rois] for end in ("r2_low", "r2_high")]
    known = np.isfinite(ends).any()
    note = "One alignment, one row; `alignedcut align STUDY --brain DATA --table` trains one for each weight."
    if known:
        note = f"Below: 95 % interval, {_pictures(scores['rois'])} held-out pictures drawn anew. {note}"
    return brain_scores_table_from_arrays(
        rois,
        [float(weight)],
        [values],
        intervals=([ends[0]], [ends[1]]) if known else None,
        note="\n".join([note, *_not_significant(scores["rois"]), *_group(scores), brief_provenance(study, cut)]),
        simulated=simulated,
    )


def _pictures(rois: Mapping[str, Mapping[str, Any]]) -> int:
    return max(int(entry.get("n_pictures") or 0) for entry in rois.values())


def _not_significant(rois: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Which regions are not predicted better than by chance, by exchanging pictures."""
    known = {name: entry["q_value"] for name, entry in rois.items() if entry.get("q_value") is not None}
    if not known:
        return []
    chance = [f"{name} (q = {q:.2f})" for name, q in known.items() if q > 0.05]
    if not chance:
        return [f"All regions are predicted better than by chance (largest q = {max(known.values()):.2g})."]
    return [f"Not better than by chance at a false-discovery rate of 5 %: {', '.join(chance)}."]


def _group(scores: Mapping[str, Any]) -> list[str]:
    """Mean over people, where there are several."""
    group = scores.get("group", {}).get("all")
    if not group or group.get("r2") is None:
        return []
    each = ", ".join(f"{name} {own['all']['r2']:.3f}" for name, own in scores["subjects"].items())
    ends = "" if group.get("r2_low") is None else f" (95 % interval {group['r2_low']:.3f} to {group['r2_high']:.3f})"
    return [f"People, all voxels: {each}; mean {group['r2']:.3f}{ends}.".replace("-0.", "−0.")]


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def brain_scores_from_arrays(
    rois: Sequence[str],
    slots: Sequence[Slot],
    correlation: ArrayLike,
    *,
    total: Mapping[str, float] | None = None,
    note: str = "",
    simulated: bool = False,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw the brain score of every layer in every region, with each region's best layer marked.

    Parameters
    ----------
    rois
        Regions in their order; ``"all"`` may be among them.
    slots
        (network, layer) of each row of `correlation`.
    correlation
        (S, R) Pearson correlation of each layer's part of the prediction with held-out responses, mean over voxels.
    total
        Region to R² of the sum of all layers, shown below.
    note, simulated, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    values = np.asarray(correlation, dtype=np.float64)
    if not len(rois) or not len(slots) or values.shape != (len(slots), len(rois)):
        raise InputError(f"Scores of {len(slots)} layers in {len(rois)} ROIs are needed; got shape {values.shape}.")
    networks = list(dict.fromkeys(slot.network for slot in slots))
    left = max(text_width(roi, SMALL) for roi in rois) + 0.1
    right, gap = 0.55 + (0.5 if total else 0.0), 0.12
    row = max(0.15, 1.3 * line_height(SMALL))
    tall = row * len(rois)
    page = Page(
        max(tall + 0.55, 1.0),
        width=width,
        title="Brain score of each layer: correlation of its part of the prediction with held-out responses",
        note=note,
        simulated=simulated,
    )
    room = page.width - left - right - gap * (len(networks) - 1)
    low, high = float(np.nanmin(values, initial=0.0)), float(np.nanmax(values, initial=1e-6))
    best = np.where(np.isfinite(values), values, -np.inf).argmax(0)
    x = left
    for number, network in enumerate(networks):
        rows = [i for i, slot in enumerate(slots) if slot.network == network]
        wide = room * len(rows) / len(slots)
        page.text(x + wide / 2, 0, shortened(network, TEXT, wide + gap * 0.8), TEXT, ha="center", weight="bold")
        axes = page.axes(x, 0.16, wide, tall, label=network)
        axes.imshow(values[rows].T, cmap="viridis", vmin=low, vmax=high, aspect="auto")
        for roi in range(len(rois)):
            if best[roi] in rows:
                axes.plot(rows.index(int(best[roi])), roi, "o", ms=3, mfc="white", mec="black", mew=0.6)
        axes.set_yticks(range(len(rois)), labels=list(rois) if number == 0 else [""] * len(rois))
        words = thinned([str(slots[i].layer) for i in rows], wide / len(rows))
        axes.set_xticks(range(len(rows)), labels=words)
        axes.set_xlabel("layer")
        axes.tick_params(axis="y", length=0)
        x += wide + gap
    if total:
        page.text(page.width - right + 0.06, 0.0, "R², all", TEXT, weight="bold")
        for line, name in enumerate(rois):
            value = total.get(name)
            said = "–" if value is None or not np.isfinite(value) else f"{value:.3f}".replace("-", "−")
            page.text(page.width - right + 0.06, 0.16 + (line + 0.5) * row, said, SMALL, va="center_baseline")
    from matplotlib import colormaps

    bar = page.width - 0.42
    ends = [(0.0, f"{low:.2g}".replace("-", "−")), (1.0, f"{high:.2g}")]
    strip = colormaps["viridis"](np.linspace(0, 1, 128))
    page.colour_bar(bar, 0.3, 0.08, max(min(tall - 0.3, 1.2), 0.3), strip, ends, title="r")
    page.text(left, tall + 0.43, "○ best layer of the region", SMALL)
    return page.finished()


def brain_scores_table_from_arrays(
    rois: Sequence[str],
    weights: Sequence[float],
    scores: ArrayLike,
    *,
    spreads: ArrayLike | None = None,
    intervals: tuple[ArrayLike, ArrayLike] | None = None,
    note: str = "",
    simulated: bool = False,
    width: float | None = None,
) -> Figure:
    """Draw the paper's table 1: held-out R² by region, one row per weight of the eigen-constraint, best in bold.

    Parameters
    ----------
    rois
        Regions, columns of the table.
    weights
        Weights of the eigen-constraint, rows of the table.
    scores
        (W, R) R².
    spreads
        (W, R) what stands below each number with ±, or None.
    intervals
        Both ends (W, R) of what stands below each number in brackets, or None.
    note, simulated, width
        See :class:`~alignedcut_viewer.figures.page.Page`; by default as wide as needed.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not values.size or values.shape != (len(weights), len(rois)):
        raise InputError(f"A table of {len(weights)} weights × {len(rois)} ROIs is needed; got shape {values.shape}.")
    first = text_width("eigen-constraint", TEXT) + 0.15
    cell = max(max(text_width(roi, TEXT) for roi in rois), text_width("−0.000", TEXT)) + 0.12
    needed = first + cell * len(rois) + 0.2
    below = _below(values, spreads, intervals)
    if below is not None:
        cell = max(cell, max(text_width(words, SMALL) for words in below.ravel()) + 0.12)
        needed = first + cell * len(rois) + 0.2
    row = 1.5 * line_height(TEXT)
    tall = row + (0.0 if below is None else 1.1 * line_height(SMALL))
    page = Page(
        row + tall * len(weights) + 0.06,
        width=max(needed, 3.4) if width is None else width,
        title="Brain score: R² on held-out pictures",
        note=note,
        simulated=simulated,
    )
    if width is not None and needed > width:
        raise InputError(f"{len(rois)} regions do not fit into {width} inches; the table needs {needed:.1f}.")
    page.text(0, 0, "eigen-constraint", TEXT, weight="bold")
    for column, roi in enumerate(rois):
        page.text(first + (column + 1) * cell, 0, roi, TEXT, ha="right", weight="bold")
    line = page.axes(0, row - 0.03, page.width, 0.005, label="rule")
    line.axhline(0.5, color="black", linewidth=0.6)
    line.set_axis_off()
    best = np.where(np.isfinite(values), values, -np.inf).argmax(0)
    for number, weight in enumerate(weights):
        y = row + number * tall
        page.text(0, y, f"{weight:g}", TEXT)
        for column in range(len(rois)):
            value = values[number, column]
            words = f"{value:.3f}".replace("-", "−") if np.isfinite(value) else "–"
            bold = len(weights) > 1 and best[column] == number
            page.text(first + (column + 1) * cell, y, words, TEXT, ha="right", weight="bold" if bold else "normal")
            if below is not None:
                small = str(below[number, column])
                page.text(first + (column + 1) * cell, y + 1.1 * line_height(TEXT), small, SMALL, ha="right")
    return page.finished()


def _below(
    values: NDArray[np.float64], spreads: ArrayLike | None, intervals: tuple[ArrayLike, ArrayLike] | None
) -> NDArray[np.str_] | None:
    """What stands below each number."""
    if spreads is not None:
        shown = np.asarray(spreads, dtype=np.float64)
        words = [f"± {value:.3f}" if np.isfinite(value) else "" for value in shown.ravel()]
    elif intervals is not None:
        ends = [np.asarray(end, dtype=np.float64).ravel() for end in intervals]
        words = [
            f"{low:.3f} to {high:.3f}".replace("-", "−") if np.isfinite(low) else ""
            for low, high in zip(*ends, strict=True)
        ]
    else:
        return None
    if len(words) != values.size:
        raise InputError(f"Spreads of {values.shape} numbers are needed; got {len(words)}.")
    return np.asarray(words).reshape(values.shape)
