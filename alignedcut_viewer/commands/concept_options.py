"""The options of ``alignedcut concepts``, ``transitions``, ``compare`` and ``figure-ground``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

__all__ = ["add_concept_commands"]

_MEASURES = ("cka", "mutual_knn", "subspace", "nearest")


def add_concept_commands(
    commands: Any,
    new: Callable[..., argparse.ArgumentParser],
    study_argument: Callable[[argparse.ArgumentParser], None],
    choice_arguments: Callable[[argparse.ArgumentParser, str], None],
) -> None:
    """Add them to the command line.

    Parameters
    ----------
    commands
        The subparsers.
    new, study_argument, choice_arguments
        How the command line makes a command, and gives it its study, networks and layers.
    """
    parser = new(
        commands,
        "concepts",
        "discover concepts, as a table and as crops of the pictures",
        "Discovers concepts in the 3-D spectral t-SNE of a cut (farthest-point centres, a sphere around each), keeps\n"
        "them with the cut, and writes them as JSON and CSV with a row of crops for each. The concepts of a single\n"
        "layer say most: cut that layer alone, or name it with --layers. See docs/concepts.md.",
        "alignedcut concepts my-study --networks clip-vit-b16 --layers 9 --number 20",
    )
    study_argument(parser)
    choice_arguments(parser, "to seek in")
    parser.add_argument("--number", type=int, metavar="K", help="how many, at most (default: by the data)")
    parser.add_argument("--radius", default="auto", metavar="R", help="of the spheres, or auto (default: auto)")
    parser.add_argument("--crops", type=int, default=9, metavar="N", help="crops of each concept; 0 for none")
    parser.add_argument(
        "--recurrence",
        action="store_true",
        help="of one layer: at which others, of any network of the cut, each concept lies at the same places",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of every random choice (default: 0)")
    parser.add_argument("--out", metavar="DIR", help="folder to write to (default: STUDY-concepts)")

    parser = new(
        commands,
        "transitions",
        "how pixels pass from concept to concept over the layers",
        "Finds concepts of each layer in the plane of 2-D spectral t-SNE and measures the probability that a pixel\n"
        "passes from one to another in the next layer. With masks, figure and ground are measured apart, and the\n"
        "layer at which they part is found.",
        "alignedcut transitions my-study --layers 3 4 --masks masks/ --out transitions.json",
    )
    study_argument(parser)
    parser.add_argument("--network", metavar="NAME", help="which network (default: the first of the cut)")
    parser.add_argument("--layers", nargs="+", metavar="N", help="layers, from 0, such as 3 5-8 (default: all)")
    parser.add_argument("--number", type=int, default=5, metavar="K", help="concepts a layer (default: 5)")
    parser.add_argument("--radius", default="auto", metavar="R", help="of the circles, or auto (default: auto)")
    _figure_ground_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of every random choice (default: 0)")
    parser.add_argument("--out", metavar="FILE", help="JSON file to write")

    parser = new(
        commands,
        "compare",
        "how alike the layers of two networks are",
        "Compares all layers of two networks on the same places of the same pictures and says where each layer of the\n"
        "first lives in the second: by linear CKA, mutual nearest neighbours, agreement of the cut's eigenvectors\n"
        "(1 is the same, 0 is chance), and the nearest layer in their space.",
        "alignedcut compare my-study --networks clip-vit-b16 dinov2-vit-b14-reg --out comparison.json",
    )
    study_argument(parser)
    parser.add_argument(
        "--networks", nargs="+", metavar="NAME", help="one or two networks (default: the first two of the cut)"
    )
    parser.add_argument(
        "--measures", nargs="+", default=list(_MEASURES), choices=_MEASURES, help="which measures (default: all)"
    )
    parser.add_argument("--places", type=int, default=2000, metavar="N", help="places compared (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of every random choice (default: 0)")
    parser.add_argument("--out", metavar="FILE", help="file to write, .json or .csv")

    parser = new(
        commands,
        "figure-ground",
        "what figure and ground do to the brain, layer by layer",
        "Mean activation of every brain region by the pixels of the figure and by those of the ground, at each layer\n"
        "of each network, with intervals by bootstrap over pictures. Needs an alignment with brain data.",
        "alignedcut figure-ground my-study --masks masks/ --out figure-ground.csv",
    )
    study_argument(parser)
    _figure_ground_arguments(parser)
    parser.add_argument("--out", metavar="FILE", help="file to write, .csv or .json")


def _figure_ground_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--masks", metavar="DIR", help="masks named like the pictures: 0 ground, all else figure")
    parser.add_argument(
        "--figure-labels", nargs="+", type=int, metavar="N", help="labels of the masks that are figure (default: not 0)"
    )
    parser.add_argument(
        "--unlabelled", nargs="+", type=int, default=[], metavar="N", help="labels of the masks that are neither"
    )
    parser.add_argument(
        "--segments", action="store_true", help="without masks: guess the figure by a 2-way cut of one layer"
    )
