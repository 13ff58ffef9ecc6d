"""``alignedcut segment``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from ..choices import DEFAULT_MASK_FORMATS, MASK_FORMATS
from . import options
from .command import Command
from .progress_bar import progress_bar

__all__ = ["COMMANDS"]


def _options(parser: argparse.ArgumentParser) -> None:
    options.study(parser)
    parser.add_argument("--segments", type=int, default=2, metavar="K", help="how many (default: 2)")
    parser.add_argument("--network", metavar="NAME", help="which network (default: the first of the cut)")
    parser.add_argument("--layer", type=int, metavar="N", help="which layer, from 0 (default: two thirds up)")
    parser.add_argument(
        "--joint", action="store_true", help="segment all nodes of the cut together, not this layer's alone"
    )
    parser.add_argument("--blocky", action="store_true", help="do not interpolate edges between tokens")
    parser.add_argument(
        "--formats",
        nargs="+",
        default=list(DEFAULT_MASK_FORMATS),
        metavar="F",
        help=f"{', '.join(MASK_FORMATS)} (default: {' '.join(DEFAULT_MASK_FORMATS)})",
    )
    parser.add_argument("--out", metavar="DIR", help="folder to write to (default: STUDY-masks)")
    parser.add_argument("--replace", action="store_true", help="overwrite masks that are there already")
    options.seed(parser)


def segment(
    study: str,
    cut: str,
    segments: int,
    network: str | None,
    layer: int | None,
    joint: bool,
    blocky: bool,
    formats: Sequence[str],
    out: str | None,
    replace: bool,
    seed: int,
) -> None:
    """Masks of a layer's segments."""
    from ..pipeline.mask_export import export_segments
    from ..study.study import Study

    opened = Study.open(study)
    folder = Path(out or f"{study.rstrip('/' + os.sep)}-masks")
    with progress_bar() as progress:
        files = export_segments(
            opened,
            opened.cut(cut),
            folder,
            network=network,
            layer=layer,
            k=segments,
            one_layer=not joint,
            smooth=not blocky,
            formats=formats,
            seed=seed,
            replace=replace,
            progress=progress,
        )
    print(f"{folder}: {len(files)} files")


COMMANDS = (
    Command(
        name="segment",
        summary="segments of one layer as masks of the original pictures",
        description=(
            "Divides the tokens of one layer into segments and writes them as masks of each picture's own size: "
            "indexed PNG with a palette, COCO RLE (JSON), npz and TIFF."
        ),
        example="alignedcut segment my-study --segments 3 --layer 8 --formats png coco",
        options=_options,
        run=segment,
    ),
)
