"""``alignedcut segment``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..choices import (
    CUT_SEGMENT_METHODS,
    DEFAULT_MASK_FORMATS,
    MASK_FORMATS,
    REFINEMENTS,
    SEGMENT_COUNTS,
    SEGMENT_METHODS,
    SEGMENT_SCOPES,
)
from ..errors import InputError
from . import options
from .command import Command
from .cut_segments import add_cut_options, segment_joint_cut
from .files import put_beside
from .progress_bar import progress_bar

__all__ = ["COMMANDS"]


def _options(parser: argparse.ArgumentParser) -> None:
    options.study(parser, with_cut=False)
    options.networks_and_layers(parser, "to cut together")
    parser.add_argument(
        "--segments", default="auto", metavar="K", help="number of segments, or auto: see --count-by (default: auto)"
    )
    parser.add_argument(
        "--count-by",
        default="cut",
        choices=SEGMENT_COUNTS,
        help="cut: parts are split as long as the normalised cut stays low; eigengap: by eigengap and silhouette, "
        "which finds fewer (default: cut)",
    )
    parser.add_argument(
        "--scope",
        default="picture",
        choices=SEGMENT_SCOPES,
        help="picture: each has segments of its own; joint: one label means one thing everywhere (default: picture)",
    )
    parser.add_argument(
        "--method",
        choices=(*SEGMENT_METHODS, *CUT_SEGMENT_METHODS),
        help=f"how to divide (default: k-way); {', '.join(CUT_SEGMENT_METHODS)} with --cut (default: regions)",
    )
    parser.add_argument("--instances", action="store_true", help="number connected parts of a segment separately")
    parser.add_argument("--gamma", type=float, metavar="G", help="width of the kernel (default: 0.06)")
    parser.add_argument(
        "--refine",
        default="bilateral",
        choices=REFINEMENTS,
        help="how edges are refined to pixels (default: bilateral)",
    )
    parser.add_argument("--upsampler", metavar="FILE", help="TorchScript file of a learned upsampler")
    parser.add_argument(
        "--min-confidence",
        type=float,
        default=0.0,
        metavar="C",
        help="leave out segments of lower confidence (default: 0)",
    )
    parser.add_argument("--name", default="default", metavar="NAME", help="name of the segments in the study")
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
    options.device(parser)
    add_cut_options(parser)


def _segment_either(study: str, cut: str | None, method: str | None, classes: str | None, **values: Any) -> None:
    """Segments of a joint cut where one is named, else of a graph of their own."""
    if cut is not None:
        segment_joint_cut(study, cut, values | {"method": method or "regions", "classes": classes})
        return
    if method in CUT_SEGMENT_METHODS:
        raise InputError(f"{method} are made of a joint cut; name it with --cut NAME.")
    if classes is not None:
        raise InputError("--classes is an option of semantics of a joint cut; say --cut NAME --method semantics.")
    segment(study, method=method or "k-way", **values)


def segment(
    study: str,
    networks: Sequence[str] | None,
    layers: Sequence[int] | None,
    segments: str,
    count_by: str,
    scope: str,
    method: str,
    instances: bool,
    gamma: float | None,
    refine: str,
    upsampler: str | None,
    min_confidence: float,
    name: str,
    formats: Sequence[str],
    out: str | None,
    replace: bool,
    seed: int,
    device: str,
) -> None:
    """Segments of the pictures of a study, kept in it and written as masks."""
    from ..pipeline.mask_export import check_target, export_segment_set
    from ..pipeline.segment_stage import GAMMA, SegmentSettings
    from ..pipeline.segment_stage import segment as run
    from ..progress import span
    from ..segmentation import RefineSettings, SegmentChoice, check_formats
    from ..study.study import Study

    if segments != "auto" and not segments.isdecimal():
        raise InputError(f"The number of segments is a whole number or auto; got {segments!r}.")
    check_formats(formats)
    settings = SegmentSettings(
        networks=tuple(networks) if networks else None,
        layers=tuple(layers) if layers is not None else None,
        scope=scope,
        gamma=GAMMA if gamma is None else gamma,
        choice=SegmentChoice(
            segments=None if segments == "auto" else int(segments),
            count_by=count_by,
            method=method,
            instances=instances,
            min_confidence=min_confidence,
            refine=RefineSettings(filter=refine),
            seed=seed,
        ),
        upsampler=upsampler,
        device=device,
    )
    folder = Path(out) if out else put_beside(study, "masks")
    with Study.open(study, writable=True) as opened, progress_bar() as progress:
        if not replace:
            check_target(opened, folder, formats)  # before the work, not after it
        found = run(opened, settings, name, progress=span(progress, 0.0, 0.9))
        files = export_segment_set(
            opened, found, folder, formats=formats, replace=replace, progress=span(progress, 0.9, 1.0)
        )
    print(f"segments {name!r} of {len(found.images)} pictures are kept in {study}")
    print(f"first picture: {found.reason(found.images[0])}")
    print(f"{folder}: {len(files)} files")


COMMANDS = (
    Command(
        name="segment",
        summary="segments of the pictures, kept in the study and written as masks",
        description=(
            "Cuts the graphs of many layers and networks of a study together, picture by picture or all pictures at "
            "once, chooses the number of segments, refines the edges to pixels, and writes "
            "masks of each picture's own size."
        ),
        example="alignedcut segment my-study --segments auto --formats png coco csv",
        options=_options,
        run=_segment_either,
        spreads=True,
    ),
)
