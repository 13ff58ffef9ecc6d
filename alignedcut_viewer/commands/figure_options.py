"""The options of ``alignedcut figures`` and ``report``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

__all__ = ["add_figure_commands"]


def add_figure_commands(
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
        "figures",
        "the mosaic of a cut, or with --all every figure of the paper",
        "Draws the colours of a cut: a row a picture, a column a layer, grouped by network.\n"
        "With --all, draws every figure that the study has data for, and says which it lacks and why; the map, the\n"
        "concepts and the brain activation that they need are computed and kept with the cut where they are not there.",
        "alignedcut figures my-study --out mosaic.png mosaic.pdf --images 0 3 7\n"
        "  alignedcut figures my-study --all --masks masks/ --formats png svg",
    )
    study_argument(parser)
    parser.add_argument(
        "--out",
        nargs="+",
        metavar="FILE",
        help="files ending in .png, .svg or .pdf, or with --all a folder (default: mosaic.png and .pdf, or all "
        "figures, in STUDY-figures)",
    )
    choice_arguments(parser, "to draw")
    parser.add_argument(
        "--images", nargs="+", type=int, metavar="N", help="image numbers from 0 (default: the first 16)"
    )
    parser.add_argument("--smooth", action="store_true", help="interpolate colours between tokens")
    parser.add_argument("--all", action="store_true", help="every figure that the study has data for")
    parser.add_argument(
        "--formats", nargs="+", default=["png", "pdf"], metavar="F", help="with --all: png svg pdf (default: png pdf)"
    )
    parser.add_argument("--dpi", type=float, metavar="N", help="dots an inch of PNG files (default: 300)")
    _mask_arguments(parser)
    parser = new(
        commands,
        "report",
        "a report of a study in one HTML file",
        "Writes all figures that the study has data for, what they show, the recipe and where everything came from\n"
        "into one HTML file that needs no network and no other file.",
        "alignedcut report my-study my-study.html",
    )
    parser.add_argument("study", metavar="STUDY", help="the study's folder, as given to `extract --study`")
    parser.add_argument("out", metavar="FILE", help="file to write (.html)")
    parser.add_argument("--cut", default="default", metavar="NAME", help="which cut of the study (default: default)")
    _mask_arguments(parser)


def _mask_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("figure and ground")
    group.add_argument(
        "--masks",
        metavar="DIR",
        help="masks that are named like the pictures (default: figure and ground are guessed from a 2-way cut)",
    )
    group.add_argument(
        "--figure-labels",
        nargs="+",
        type=int,
        metavar="N",
        help="labels of the masks that are the figure (default: all but 0)",
    )
