"""``alignedcut compare``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..atomic_files import replace_json
from ..choices import COMPARISON_MEASURES
from ..errors import InputError
from ..tables import write_table
from . import options
from .command import Command
from .files import check_ending
from .progress_bar import progress_bar

__all__ = ["COMMANDS"]


def _options(parser: argparse.ArgumentParser) -> None:
    options.study(parser)
    parser.add_argument(
        "--networks", nargs="+", metavar="NAME", help="one or two networks (default: the first two of the cut)"
    )
    parser.add_argument(
        "--measures",
        nargs="+",
        default=list(COMPARISON_MEASURES),
        choices=COMPARISON_MEASURES,
        help="which measures (default: all)",
    )
    parser.add_argument("--places", type=int, default=2000, metavar="N", help="places compared (default: 2000)")
    options.seed(parser)
    parser.add_argument("--out", metavar="FILE", help="file to write, .json or .csv")


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
    check_ending(out, ".csv", ".json")
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
        write_table(
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


COMMANDS = (
    Command(
        name="compare",
        summary="how similar the layers of two networks are",
        description=(
            "Compares all layers of two networks on the same places of the same pictures and says where each layer of "
            "the first lives in the second: by linear CKA, mutual nearest neighbours, agreement of the cut's "
            "eigenvectors (1 is the same, 0 is chance), and the nearest layer in their space."
        ),
        example="alignedcut compare my-study --networks clip-vit-b16 dinov2-vit-b14-reg --out comparison.json",
        options=_options,
        run=compare,
    ),
)
