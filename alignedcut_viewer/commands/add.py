"""``alignedcut add``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from . import options
from .command import Command
from .extract import weights_by_network
from .progress_bar import progress_bar, say

__all__ = ["COMMANDS"]


def _options(parser: argparse.ArgumentParser) -> None:
    options.study(parser)
    parser.add_argument(
        "pictures", nargs="+", metavar="PICTURES", help="folders, files, or patterns such as 'cats/*.jpg'"
    )
    parser.add_argument("--recursive", action="store_true", help="search subfolders as well")
    parser.add_argument(
        "--weights",
        nargs="+",
        default=[],
        metavar="FILE",
        help="checkpoint of the network that the study was extracted with, or NETWORK=FILE for several",
    )
    options.device(parser)
    parser.add_argument(
        "--take-out", action="store_true", help="take pictures that were added before out of the cut again"
    )


def add(
    study: str,
    cut: str,
    pictures: Sequence[str],
    recursive: bool,
    weights: Sequence[str],
    device: str,
    take_out: bool,
) -> None:
    """Place new pictures in a cut, or take them out again."""
    from .. import pipeline
    from ..images import open_pictures
    from ..study.study import Study

    files = open_pictures(list(pictures), recursive=recursive)
    with Study.open(study, writable=True) as opened, progress_bar() as progress:
        if take_out:
            images = pipeline.images_of(opened, files)
            names = [opened.pictures[image].name for image in images]
            pipeline.take_out_pictures(opened, images, cut, progress)
            lines = [f"{name} is taken out." for name in names]
            end = f"The cut {cut!r} is as it was without {'it' if len(names) == 1 else 'them'}."
        else:
            networks = tuple({opened.network(n.name).network for n in opened.cut(cut).index.networks})
            checkpoints = weights_by_network(weights, networks)
            added = pipeline.add_pictures(
                opened, files, cut, progress, weights=checkpoints, device=device, announce=say
            )
            lines = added.sentences(opened.pictures.names)
            count = "1 picture was" if len(added.placed) == 1 else f"{len(added.placed) or 'no'} pictures were"
            end = f"{count} placed in the cut {cut!r}. Next: alignedcut view {study}"
    print("\n".join([*lines, f"{opened.path}: {end}"]))


COMMANDS = (
    Command(
        name="add",
        summary="place new pictures in a cut that is there",
        description=(
            "Runs the networks of a study over new pictures and places them in a cut: eigenvectors, colours, map, "
            "concepts and brain activation follow what the cut has fitted to its own pictures, of which nothing is "
            "computed again and nothing changes. Says of each picture how well the cut covers it.\n"
            "A picture that the cut has already stays as it is. `alignedcut cut` lets added pictures take part in the "
            "graph itself."
        ),
        example="alignedcut add my-study new/cat.jpg",
        options=_options,
        run=add,
        spreads=True,
    ),
)
