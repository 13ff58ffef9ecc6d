"""``alignedcut transitions``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_files import replace_json
from ..progress import span
from . import options
from .command import Command
from .files import check_ending
from .groups import figure_and_ground
from .progress_bar import progress_bar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["COMMANDS"]


def _options(parser: argparse.ArgumentParser) -> None:
    options.study(parser)
    parser.add_argument("--network", metavar="NAME", help="which network (default: the first of the cut)")
    options.layers(parser)
    parser.add_argument("--number", type=int, default=5, metavar="K", help="concepts per layer (default: 5)")
    parser.add_argument("--radius", default="auto", metavar="R", help="radius of the circles, or auto (default: auto)")
    options.figure_and_ground(parser)
    options.seed(parser)
    parser.add_argument("--out", metavar="FILE", help="JSON file to write")


def transitions(
    study: str,
    cut: str,
    network: str | None,
    layers: tuple[int, ...] | None,
    number: int,
    radius: str,
    masks: str | None,
    figure_labels: Sequence[int] | None,
    unlabelled: Sequence[int] | None,
    segments: bool,
    seed: int,
    out: str | None,
) -> None:
    """Transition probabilities between the concepts of successive layers."""
    check_ending(out, ".json")
    from .. import pipeline
    from ..study.study import Study

    opened = Study.open(study)
    chosen = opened.cut(cut)
    with progress_bar() as progress:
        groups = figure_and_ground(opened, chosen, masks, figure_labels, unlabelled, segments, span(progress, 0.0, 0.2))
        labels = None if groups is None else groups.labels
        found = pipeline.layer_transitions(
            opened,
            cut,
            network,
            layers=layers,
            n_concepts=number,
            radius=options.number_or_auto("--radius", radius),
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
        return (
            f"  Figure and ground take the same paths from layer {before} to layer {after}: no significant difference."
        )
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


COMMANDS = (
    Command(
        name="transitions",
        summary="how pixels move from concept to concept across the layers",
        description=(
            "Finds concepts of each layer in the plane of 2-D spectral t-SNE and measures the probability that a "
            "pixel passes from one to another in the next layer. With masks, figure and ground are measured "
            "separately, and the layer at which they part is found."
        ),
        example="alignedcut transitions my-study --layers 3 4 --masks masks/ --out transitions.json",
        options=_options,
        run=transitions,
    ),
)
