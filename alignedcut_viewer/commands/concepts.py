"""What ``alignedcut concepts``, ``transitions``, ``compare`` and ``figure-ground`` do."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_files import replace_file, replace_json, safe_name, writing
from ..errors import InputError
from ..progress import ProgressCallback, span
from .progress_bar import progress_bar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..figures.figure_ground import FigureGround
    from ..nodes import Slot
    from ..study.concept_set import Concept, ConceptSet
    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["compare", "concepts", "figure_ground", "transitions"]

_SIDE = 128  # of a crop, in pixels


def concepts(
    study: str,
    cut: str,
    networks: Sequence[str] | None,
    layers: tuple[int, ...] | None,
    number: int | None,
    radius: str,
    crops: int,
    recurrence: bool,
    seed: int,
    out: str | None,
) -> None:
    """Concepts of a cut: kept in the study, written as tables and crops."""
    from .. import pipeline
    from ..study.study import Study

    settings = pipeline.ConceptSettings(
        networks=None if networks is None else tuple(networks),
        layers=layers,
        radius=_radius(radius),
        n_concepts=number,
        seed=seed,
    )
    folder = Path(out or f"{study.rstrip('/' + os.sep)}-concepts")
    opened = Study.open(study)
    with progress_bar() as progress:
        chosen = opened.cut(cut)
        slots = chosen.index.subset(networks=networks, layers=layers).slots
        if recurrence and len(slots) != 1:
            raise InputError(
                "--recurrence starts from the concepts of one layer: name it with --networks and --layers."
            )
        found = pipeline.discover_concepts(opened, cut, settings, span(progress, 0.0, 0.5))
        rows = [_row(entry, found) for entry in found.as_rows()]
        if recurrence:
            _add_recurrence(rows, chosen, found, slots[0], seed, span(progress, 0.5, 0.6))
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        replace_json(folder / "concepts.json", {"recipe": found.recipe, "concepts": rows})
        _write_csv(folder / "concepts.csv", [_flat(row) for row in rows])
        if crops:
            _write_crops(opened, chosen, found, folder, crops, span(progress, 0.6, 1.0))
    print(f"{'id':>4}  {'tokens':>8}  {'pictures':>8}  {'reverse U':>9}  name")
    for row in rows:
        elsewhere = ", ".join(
            f"{at['network']}/{at['layer']} ({at['overlap']:.2f})" for at in row.get("recurs", [])[:6]
        )
        consistency = row["consistency"]
        verdict = "-" if consistency is None else ("yes" if consistency["reverse_u"] else "no")
        print(f"{row['id']:>4}  {row['nodes']:>8}  {row['pictures']:>8}  {verdict:>9}  {row['name']}")
        if recurrence:
            print(f"{'':37}recurs at {elsewhere or 'no other layer'}")
    if _one_slot_each(chosen, found, settings.networks, settings.layers):
        print(
            "Note: nearly every concept lies in one layer of one network: this cut tells layers apart rather than what "
            "they show. Name one layer with --layers, or cut one layer alone with `alignedcut cut --name`."
        )
    print(f"{folder}: concepts.json, concepts.csv" + (f" and {len(rows)} rows of crops" if crops else ""))


def _row(entry: dict[str, Any], found: ConceptSet) -> dict[str, Any]:
    """A row of the table with the consistency of the concept's channels."""
    from ..concepts import channel_consistency

    entry["consistency"] = None
    if found.has_statistics:
        mean, std = found.channel_statistics(entry["id"])
        if len(mean) >= 20:
            fit = channel_consistency(mean, std)
            entry["consistency"] = {
                "reverse_u": fit.reverse_u,
                "held_out_r2": round(fit.held_out_r2, 4),
                "monotone_r2": round(fit.monotone_r2, 4),
                "coefficients": list(fit.coefficients),
            }
    return entry


def _add_recurrence(
    rows: list[dict[str, Any]], cut: Cut, found: ConceptSet, own: Slot, seed: int, progress: ProgressCallback
) -> None:
    """At which other slots each concept lies at the same places of the same pictures, the most alike first."""
    from .. import pipeline

    labels = pipeline.labels_by_layer(cut, n_concepts=max(len(found), 2), seed=seed, progress=span(progress, 0, 0.5))
    nodes = cut.index.slot_slice(*own)
    labels[nodes] = found.labels[nodes]
    everywhere = pipeline.concept_recurrence(
        cut, labels, own, n_permutations=999, seed=seed, progress=span(progress, 0.5, 1.0)
    )
    alpha = 0.05 / max(len(everywhere) - 1, 1)  # corrected for the number of slots that are looked at (Bonferroni)
    for position, row in enumerate(rows):
        places: list[dict[str, Any]] = [
            {
                "network": slot.network,
                "layer": slot.layer,
                "overlap": float(one.overlap[position, one.best[position]]),
                "expected": float(one.expected[position, one.best[position]]),
                "p": float(one.best_p_values[position]),
            }
            for slot, one in everywhere.items()
            if slot != own and one.best[position] >= 0 and one.recurs(alpha)[position]
        ]
        row["recurs"] = sorted(places, key=lambda place: -place["overlap"])


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    fit = row["consistency"] or {}
    own = {key: row[key] for key in ("id", "name", "nodes", "pictures", "radius", "colour", "pinned")}
    centre = {f"centre_{key}": value for key, value in row["centre"].items()}
    return {
        **own,
        **centre,
        "layers": " ".join(f"{name}:{','.join(map(str, layers))}" for name, layers in row["layers"].items()),
        **{key: fit.get(key, "") for key in ("reverse_u", "held_out_r2", "monotone_r2")},
    }


def _write_crops(
    study: Study, cut: Cut, found: ConceptSet, folder: Path, count: int, progress: ProgressCallback
) -> None:
    from PIL import Image

    from .. import pipeline

    shown: list[Concept] = found.concepts
    for done, concept in enumerate(shown):
        nodes = pipeline.representative_nodes(cut, concept, count)
        if not len(nodes):
            continue  # of class tokens only
        part = span(progress, done / len(shown), (done + 1) / len(shown))
        pictures = pipeline.concept_crops(study, cut, nodes, _SIDE, progress=part)
        row = Image.new("RGB", (_SIDE * len(pictures), _SIDE))
        for i, crop in enumerate(pictures):
            row.paste(Image.fromarray(crop), (_SIDE * i, 0))
        data = io.BytesIO()
        row.save(data, "PNG")
        replace_file(folder / f"{concept.id:03d}-{safe_name(concept.name)}.png", data.getvalue())


def _one_slot_each(
    cut: Cut, found: ConceptSet, networks: tuple[str, ...] | None, layers: Any, share: float = 0.9
) -> bool:
    """Whether concepts were sought in several slots, and nearly all lie in one each."""
    import numpy as np

    sought = cut.index.subset(networks=networks, layers=layers)
    if len(sought.slots) < 2:
        return False
    alone = 0
    for concept in found:
        location = cut.index.locate(concept.members)
        _, counts = np.unique(location.network * 10_000 + location.layer, return_counts=True)
        alone += counts.max() >= share * counts.sum()
    return bool(alone >= share * len(found))


def _radius(text: str) -> float | str:
    try:
        return text if text == "auto" else float(text)
    except ValueError:
        raise InputError(f"--radius must be a number or auto; got {text!r}.") from None


# -- figure and ground -------------------------------------------------------------------------------------------


def _groups(
    study: Study,
    cut: Cut,
    masks: str | None,
    figure_labels: Sequence[int] | None,
    unlabelled: Sequence[int],
    segments: bool,
    progress: ProgressCallback,
) -> FigureGround | None:
    from ..figures.figure_ground import figure_ground_from_masks, figure_ground_from_segments

    if masks is not None and segments:
        raise InputError("Figure and ground come from --masks or from --segments, not from both.")
    if masks is None and (figure_labels is not None or unlabelled):
        raise InputError("--figure-labels and --unlabelled say what the masks mean; name the masks with --masks.")
    if masks is not None:
        return figure_ground_from_masks(
            study, cut, masks, figure=figure_labels, unlabelled=unlabelled, progress=progress
        )
    return figure_ground_from_segments(study, cut, progress) if segments else None


def transitions(
    study: str,
    cut: str,
    network: str | None,
    layers: tuple[int, ...] | None,
    number: int,
    radius: str,
    masks: str | None,
    figure_labels: Sequence[int] | None,
    unlabelled: Sequence[int],
    segments: bool,
    seed: int,
    out: str | None,
) -> None:
    """Transition probabilities between the concepts of successive layers."""
    _check_ending(out, ".json")
    from .. import pipeline
    from ..study.study import Study

    opened = Study.open(study)
    chosen = opened.cut(cut)
    with progress_bar() as progress:
        groups = _groups(opened, chosen, masks, figure_labels, unlabelled, segments, span(progress, 0.0, 0.2))
        labels = None if groups is None else groups.labels
        found = pipeline.layer_transitions(
            opened,
            cut,
            network,
            layers=layers,
            n_concepts=number,
            radius=_radius(radius),
            groups=labels,
            seed=seed,
            progress=span(progress, 0.2, 0.6),
        )
        parted = None
        if labels is not None:
            parted = pipeline.group_bifurcation(
                opened, labels, cut, found.network, seed=seed, progress=span(progress, 0.6, 1.0)
            )
    result = found.as_dict()
    for step, (before, after) in enumerate(zip(found.layers[:-1], found.layers[1:], strict=True)):
        print(f"{found.network}: layer {before} (down) to layer {after} (across)")
        for title, matrices in found.matrices.items():
            print(_as_table(matrices[step], title))
        if found.comparisons:
            print(_differences(found.comparisons[step], before, after))
    if parted is not None and groups is not None:
        print(groups.source)
        print(_parting(*parted))
        held, bifurcation = parted
        result["bifurcation"] = {
            "layers": list(held),
            "accuracy": bifurcation.accuracy.tolist(),
            "low": bifurcation.low.tolist(),
            "high": bifurcation.high.tolist(),
            "chance": bifurcation.chance.tolist(),
            "p_values": bifurcation.p_values.tolist(),
            "layer": None if bifurcation.position is None else held[bifurcation.position],
            "interval": None if bifurcation.interval is None else [held[i] for i in bifurcation.interval],
            "source": groups.source,
        }
    if out is not None:
        replace_json(Path(out), result)
        print(out)


def _as_table(matrix: NDArray[np.float64], title: str) -> str:
    import numpy as np

    lines = [f"  {title}"]
    lines += ["    " + "  ".join("   -" if np.isnan(v) else f"{v:.2f}" for v in row) for row in matrix]
    return "\n".join(lines)


def _differences(comparison: Any, before: int, after: int) -> str:
    import numpy as np

    if not comparison.differs.any():
        return f"  Figure and ground take the same ways from layer {before} to layer {after}, as far as can be told."
    sizes = np.where(comparison.differs, np.abs(comparison.difference), -1)
    a, b = np.unravel_index(int(sizes.argmax()), sizes.shape)
    return (
        f"  Most apart: A{a} to B{b}, figure {comparison.first[a, b]:.2f}, ground {comparison.second[a, b]:.2f} "
        f"(difference {comparison.difference[a, b]:+.2f}, 95 % from {comparison.low[a, b]:+.2f} to "
        f"{comparison.high[a, b]:+.2f})"
    )


def _parting(layers: tuple[int, ...], found: Any) -> str:
    values = ", ".join(f"{layer}: {value:.2f}" for layer, value in zip(layers, found.accuracy, strict=True))
    if found.position is None:
        return f"Figure and ground never part. Balanced accuracy by layer: {values}"
    between = "" if found.interval is None else f" (90 %: {layers[found.interval[0]]} to {layers[found.interval[1]]})"
    return f"Figure and ground part at layer {layers[found.position]}{between}. Balanced accuracy by layer: {values}"


def figure_ground(
    study: str,
    cut: str,
    masks: str | None,
    figure_labels: Sequence[int] | None,
    unlabelled: Sequence[int],
    segments: bool,
    out: str | None,
) -> None:
    """Activation of brain regions by figure and ground."""
    _check_ending(out, ".csv", ".json")
    from .. import pipeline
    from ..study.study import Study

    opened = Study.open(study)
    chosen = opened.cut(cut)
    with progress_bar() as progress:
        groups = _groups(opened, chosen, masks, figure_labels, unlabelled, segments, span(progress, 0.0, 0.3))
        if groups is None:
            raise InputError("Say what is figure: with --masks DIR, or with --segments to guess it.")
        found = pipeline.figure_ground_activation(opened, groups.labels, cut, span(progress, 0.3, 1.0))
    print(f"{found.title}. {groups.source}")
    print("figure less ground, * where the 95 % interval leaves 0 out")
    width = max(len(str(slot)) for slot in found.slots)
    print(" " * width + "".join(f"{name:>10}" for name in found.names))
    for slot, one in found.slots.items():
        cells = [f"{d:+9.3f}{'*' if sure else ' '}" for d, sure in zip(one.difference, one.differs, strict=True)]
        print(f"{slot!s:{width}}" + "".join(cells))
    names = list(dict.fromkeys(slot.network for slot in found.slots))
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            print(f"{first} and {second}: correlation over regions {found.agreement(first, second):.2f}")
    if out is not None:
        rows = found.as_rows()
        if out.endswith(".json"):
            replace_json(Path(out), {"brain": found.title, "groups": groups.source, "rows": rows})
        else:
            _write_csv(Path(out), rows)
        print(out)


# -- networks ----------------------------------------------------------------------------------------------------


def compare(
    study: str,
    cut: str,
    networks: Sequence[str] | None,
    measures: Sequence[str],
    places: int,
    seed: int,
    out: str | None,
) -> None:
    """Layer by layer likeness of two networks."""
    _check_ending(out, ".csv", ".json")
    from .. import pipeline
    from ..study.study import Study

    opened = Study.open(study)
    held = [network.name for network in opened.cut(cut).index.networks]
    names = list(networks or held[:2])
    if len(names) > 2:
        raise InputError("Two networks are compared at a time; name one or two with --networks.")
    first, second = names[0], names[-1]
    with progress_bar() as progress:
        found = pipeline.compare_networks(
            opened, first, second, cut, measures=measures, n_places=places, seed=seed, progress=progress
        )
    print(
        f"{first} (down) and {second} (across), {found.n_places} places on a grid of {found.grid[0]} × {found.grid[1]}"
    )
    for measure, matrix in found.matrices.items():
        print(f"{measure}" + " (share of places)" * (measure == "nearest"))
        print("      " + "".join(f"{layer:>6}" for layer in found.layers[1]))
        for layer, row in zip(found.layers[0], matrix, strict=True):
            print(f"{layer:>6}" + "".join(f"{value:>6.2f}" for value in row))
        there = found.counterparts(measure)
        lives = ", ".join(
            f"{layer} at {found.layers[1][int(i)]}" for layer, i in zip(found.layers[0], there.layers, strict=True)
        )
        print(f"  layers of {first} live in {second}: {lives} (rank correlation {there.monotone:.2f})")
    for name, curve in found.paces.items():
        print(f"pace of {name}: " + " ".join(f"{value:.2f}" for value in curve.mean))
    if out is None:
        return
    if out.endswith(".json"):
        replace_json(Path(out), found.as_dict())
    else:
        _write_csv(
            Path(out),
            [
                {
                    "measure": measure,
                    "network_a": first,
                    "layer_a": a,
                    "network_b": second,
                    "layer_b": b,
                    "value": float(matrix[i, j]),
                }
                for measure, matrix in found.matrices.items()
                for i, a in enumerate(found.layers[0])
                for j, b in enumerate(found.layers[1])
            ],
        )
    print(out)


def _check_ending(out: str | None, *endings: str) -> None:
    if out is not None and not out.endswith(endings):
        raise InputError(f"{out} must end in {' or '.join(endings)}.")


def _write_csv(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    listed = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(listed[0]) if listed else [], lineterminator="\n")
    writer.writeheader()
    for row in listed:
        writer.writerow(row)
    replace_file(path, text.getvalue().encode())
