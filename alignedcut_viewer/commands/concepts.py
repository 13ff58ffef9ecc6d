"""``alignedcut concepts``."""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_files import replace_file, replace_json, safe_name, writing
from ..errors import InputError
from ..progress import ProgressCallback, span
from ..tables import write_table
from . import options
from .command import Command
from .files import put_beside
from .progress_bar import progress_bar

if TYPE_CHECKING:
    from ..nodes import Slot
    from ..study.concept_set import Concept, ConceptSet
    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["COMMANDS"]

_SIDE = 128  # of a crop, in pixels


def _options(parser: argparse.ArgumentParser) -> None:
    options.study(parser)
    options.networks_and_layers(parser, "to search")
    parser.add_argument("--number", type=int, metavar="K", help="maximum number (default: chosen from the data)")
    parser.add_argument("--radius", default="auto", metavar="R", help="radius of the spheres, or auto (default: auto)")
    parser.add_argument("--crops", type=int, default=9, metavar="N", help="crops of each concept; 0 for none")
    parser.add_argument(
        "--recurrence",
        action="store_true",
        help="for one layer: at which other layers of any network each concept lies at the same places",
    )
    options.seed(parser)
    parser.add_argument("--out", metavar="DIR", help="folder to write to (default: STUDY-concepts)")


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
        radius=options.number_or_auto("--radius", radius),
        n_concepts=number,
        seed=seed,
    )
    folder = Path(out) if out else put_beside(study, "concepts")
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
        write_table(folder / "concepts.csv", [_flat(row) for row in rows])
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
    """Whether concepts were looked for in several slots, and nearly all lie in one each."""
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


COMMANDS = (
    Command(
        name="concepts",
        summary="discover concepts, as a table and as crops of the pictures",
        description=(
            "Discovers concepts in the 3-D spectral t-SNE of a cut (farthest-point centres, a sphere around each), "
            "keeps them with the cut, and writes them as JSON and CSV with a row of crops for each. The concepts of a "
            "single layer tell most: cut that layer alone, or name it with --layers. See docs/concepts.md."
        ),
        example="alignedcut concepts my-study --networks clip-vit-b16 --layers 9 --number 20",
        options=_options,
        run=concepts,
        spreads=True,
    ),
)
