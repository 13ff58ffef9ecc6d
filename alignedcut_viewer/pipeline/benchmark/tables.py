"""Tables of a benchmark: every picture, every method, and how sure the differences are."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...atomic_files import replace_file
from .methods import OWN_NUMBER

__all__ = ["paired_interval", "write_tables"]

_COLUMNS = {
    "miou": ("hungarian", "mIoU"),
    "many_to_one": ("many-to-one", "mIoU, many to one"),
    "boundary_f": ("hungarian", "boundary F"),
    "max_f": ("saliency", "max F"),
    "figure_iou": ("saliency", "figure IoU"),
    "accuracy": ("saliency", "accuracy"),
    "figure_boundary_f": ("saliency", "boundary F of the figure"),
    "corloc": ("box", "CorLoc"),
}
_DRAWS = 2000


def paired_interval(first: NDArray[np.float64], second: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean difference of two methods over the same pictures, by drawing pictures."""
    difference = np.asarray(first) - np.asarray(second)
    rng = np.random.default_rng(seed)
    draws = difference[rng.integers(0, len(difference), (_DRAWS, len(difference)))].mean(1)
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(low), float(high)


def write_tables(
    folder: Path,
    rows: Sequence[dict[str, Any]],
    settings: dict[str, Any],
    protocols: Sequence[str],
    scope: str,
    seed: int,
) -> Path:
    """Write ``results.csv``, ``summary.csv`` and ``table.md``; the path of the last."""
    wanted = [key for key, (protocol, _) in _COLUMNS.items() if protocol in protocols]
    used = [key for key in wanted if any(row.get(key) is not None for row in rows)]
    columns = ["method", "picture", "half", "asked", "segments", "seconds", *_COLUMNS]
    _write_csv(folder / "results.csv", columns, [[row.get(key, "") for key in columns] for row in rows])
    own = [row for row in rows if row["family"] != "oracle"]
    each = "each picture" if scope == "picture" else "the whole data set"
    text = [f"Scope: one matching for {each}."] if own and used else []
    text += [
        f"Data: {settings['layout']}, {settings['pictures']} pictures.",
        f"Networks: {', '.join(settings['extract']['networks'])}; input {settings['extract']['input_size']}.",
        "",
    ]
    if scope == "picture" and own and used:
        text += _by_picture(folder, own, used, seed)
    elif own and used:
        text += _joint(own, used)
    curve = [row for row in rows if row["family"] == "oracle"]
    if curve and "oracle" in protocols:
        text += _by_layer(folder, curve)
    text += ["", "Settings:", "```", json.dumps(settings, indent=1, sort_keys=True), "```", ""]
    target = folder / "table.md"
    replace_file(target, "\n".join(text).encode())
    return target


def _by_layer(folder: Path, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Tables of the oracle protocol, one a task, and the points of its curves."""
    text = ["", "Oracle protocol (the paper's figure 5), attention outputs of one layer, all pictures together."]
    columns = ("task", "network", "layer", "features")
    for task in dict.fromkeys(row["settings"]["task"] for row in rows):
        own = [row for row in rows if row["settings"]["task"] == task]
        text += ["", f"{task}, all background {own[0]['chance']:.3f}:", ""]
        text += ["| network | features | " + " | ".join(map(str, _layers(own))) + " |"]
        text += ["|---|---|" + "---|" * len(_layers(own))]
        for network, features in dict.fromkeys((r["settings"]["network"], r["settings"]["features"]) for r in own):
            scores = {
                row["settings"]["layer"]: f"{row['miou']:.3f}"
                for row in own
                if (row["settings"]["network"], row["settings"]["features"]) == (network, features)
            }
            cells = " | ".join(scores.get(layer, "") for layer in _layers(own))
            text.append(f"| {network} | {features} | {cells} |")
    points = [[*(row["settings"][k] for k in columns), row["miou"], row["chance"]] for row in rows]
    _write_csv(folder / "curves.csv", [*columns, "miou", "chance"], points)
    return text


def _layers(rows: Sequence[dict[str, Any]]) -> list[int]:
    return sorted({int(row["settings"]["layer"]) for row in rows})


def _by_picture(folder: Path, rows: Sequence[dict[str, Any]], used: Sequence[str], seed: int) -> list[str]:
    values: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        values.setdefault(row["method"], {})[row["picture"]] = row
    family = {row["method"]: row["family"] for row in rows}
    key = used[0]
    best: dict[str, str] = {}
    for name, own in values.items():
        score = _mean([row.get(key) for row in own.values() if row["half"] == "selection"])
        kept = best.get(family[name])
        if kept is None or score > _mean([r.get(key) for r in values[kept].values() if r["half"] == "selection"]):
            best[family[name]] = name
    text = [
        "Variants of a peer are chosen on the selection half (every other picture); scores are of the other half.",
        f"In brackets: the first row less this one, mean with a 95 % interval (paired bootstrap, {_DRAWS} draws).",
    ]
    parts = {
        "Every method is told the number of regions of the truth, what nobody labelled counted as one; DiffCut as "
        "published and TokenCut go by their own.": sorted(
            (name for of, name in best.items() if of != OWN_NUMBER), key=lambda name: name != "alignedcut"
        ),
        "Every method finds its own number.": [best[of] for of in (OWN_NUMBER, "diffcut") if of in best],
    }
    summary: list[list[Any]] = []
    for title, names in parts.items():
        if len(names) > 1 or (names and not summary):
            text += ["", title, "", *_rows_of(names, values, used, seed, summary)]
    header = ["method", "than", "score", "mean", "difference", "low", "high"]
    _write_csv(folder / "summary.csv", header, summary)
    return text


def _rows_of(
    names: Sequence[str],
    values: Mapping[str, Mapping[str, Mapping[str, Any]]],
    used: Sequence[str],
    seed: int,
    summary: list[list[Any]],
) -> list[str]:
    """A table of some methods, the others compared with the first, which is ours where it takes part."""
    text = [
        "| method | " + " | ".join(_COLUMNS[k][1] for k in used) + " | segments | s a picture |",
        "|---|" + "---|" * (len(used) + 2),
    ]
    first = names[0]
    for name in names:
        shown = {p: row for p, row in values[name].items() if row["half"] == "shown"}
        cells = []
        for k in used:
            scores = [row.get(k) for row in shown.values()]
            cell = f"{_mean(scores):.3f}" if any(s is not None for s in scores) else ""
            both = [p for p in shown if shown[p].get(k) is not None and values[first].get(p, {}).get(k) is not None]
            interval: tuple[float, ...] = ()
            if name != first and len(both) > 1:
                a, b = (np.array([own[p][k] for p in both]) for own in (values[first], shown))
                interval = (float((a - b).mean()), *paired_interval(a, b, seed))
                cell += f" ({interval[0]:+.3f}, {interval[1]:+.3f} to {interval[2]:+.3f})"
            cells.append(cell)
            summary.append([name, first if interval else "", k, _mean(scores), *interval])
        count, seconds = (_mean([row[k] for row in shown.values()]) for k in ("segments", "seconds"))
        text.append(f"| {name} | " + " | ".join(cells) + f" | {count:.1f} | {seconds:.2f} |")
    return text


def _joint(rows: Sequence[dict[str, Any]], used: Sequence[str]) -> list[str]:
    keys = [k for k in used if any(row.get(k) is not None for row in rows)]
    text = [
        "| method | " + " | ".join(_COLUMNS[k][1] for k in keys) + " | segments |",
        "|---|" + "---|" * (len(keys) + 1),
    ]
    for row in rows:
        cells = " | ".join("" if row.get(k) is None else f"{row[k]:.3f}" for k in keys)
        text.append(f"| {row['method']} | {cells} | {row['asked']} |")
    return text


def _mean(values: Sequence[Any]) -> float:
    known = [float(value) for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    replace_file(path, text.getvalue().encode())
