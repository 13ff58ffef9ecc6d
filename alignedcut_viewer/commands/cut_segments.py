"""The options of ``alignedcut segment`` for segments of a joint cut, and what they do."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..choices import CUT_SEGMENT_METHODS
from ..errors import InputError
from .files import put_beside
from .progress_bar import progress_bar

__all__ = ["add_cut_options", "segment_joint_cut"]

_FOREIGN = ("networks", "layers", "gamma", "upsampler", "instances")


def add_cut_options(parser: argparse.ArgumentParser) -> None:
    """The options of segments of a joint cut."""
    group = parser.add_argument_group(
        "what and where",
        "makes segments from a joint cut that the study holds (alignedcut cut STUDY --pathway what) instead of cutting "
        f"anew, with --method {', '.join(CUT_SEGMENT_METHODS)}",
    )
    group.add_argument("--cut", metavar="NAME", help="name of the joint cut")
    group.add_argument(
        "--classes", metavar="DIR", help="for semantics: masks whose classes name and score the segments"
    )


def segment_joint_cut(study: str, cut: str, values: dict[str, Any]) -> None:
    """Segments of a joint cut, kept in the study and written as masks.

    Parameters
    ----------
    study, cut
        As on the command line.
    values
        The other options by name.

    Raises
    ------
    InputError
        If an option does not fit.
    """
    from ..pipeline import CutSegmentSettings, segment_cut
    from ..pipeline.mask_export import check_target, export_segment_set
    from ..progress import span
    from ..segmentation import RefineSettings, check_formats
    from ..study.study import Study

    if values["method"] not in CUT_SEGMENT_METHODS:
        raise InputError(f"Segments of a cut are made by --method {', '.join(CUT_SEGMENT_METHODS)}.")
    foreign = [option for option in _FOREIGN if values.get(option)]
    foreign += [name for name, usual in (("scope", "picture"), ("count_by", "cut")) if values[name] != usual]
    if foreign:
        said = foreign[0].replace("_", "-")
        raise InputError(f"--{said} is an option of segments without a cut; leave it out with --cut.")
    segments = values["segments"]
    if segments != "auto" and not segments.isdecimal():
        raise InputError(f"The number of segments is a whole number or auto; got {segments!r}.")
    check_formats(values["formats"])
    settings = CutSegmentSettings(
        method=values["method"],
        segments=None if segments == "auto" else int(segments),
        classes=values["classes"],
        min_confidence=values["min_confidence"],
        refine=RefineSettings(filter=values["refine"]),
        seed=values["seed"],
    )
    folder = Path(values["out"]) if values["out"] else put_beside(study, "masks")
    with Study.open(study, writable=True) as opened, progress_bar() as progress:
        if not values["replace"]:
            check_target(opened, folder, values["formats"])  # before the work, not after it
        found = segment_cut(opened, cut, settings, values["name"], progress=span(progress, 0.0, 0.9))
        files = export_segment_set(
            opened,
            found,
            folder,
            formats=values["formats"],
            replace=values["replace"],
            progress=span(progress, 0.9, 1.0),
        )
    print(f"segments {values['name']!r} of {len(found.images)} pictures of the cut {cut!r} are kept in {study}")
    print(f"first picture: {found.reason(found.images[0])}")
    if "scores" in found.recipe:
        scores = found.recipe["scores"]
        n_classes = len(scores["iou"])
        print(f"matched with {n_classes} classes: mIoU {scores['miou']:.3f}, pixel accuracy {scores['accuracy']:.3f}")
    print(f"{folder}: {len(files)} files")
