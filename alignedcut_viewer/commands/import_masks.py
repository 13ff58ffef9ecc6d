"""``alignedcut import-masks``."""

from __future__ import annotations

import argparse

from . import options
from .command import Command
from .progress_bar import progress_bar

__all__ = ["COMMANDS"]


def _options(parser: argparse.ArgumentParser) -> None:
    options.study(parser, with_cut=False)
    parser.add_argument(
        "masks",
        metavar="MASKS",
        help="a .npz, .json or .xml file that `segment`, CVAT or Label Studio wrote, or a folder of masks named like "
        "their pictures",
    )
    parser.add_argument("--name", default="imported", metavar="NAME", help="name of the segments in the study")


def import_masks(study: str, masks: str, name: str) -> None:
    """Masks of others as segments of a study."""
    from ..pipeline.mask_import import import_masks as run
    from ..study.study import Study

    with Study.open(study, writable=True) as opened, progress_bar() as progress:
        found = run(opened, masks, name, progress)
    print(f"segments {name!r} of {len(found.images)} pictures are kept in {study}")


COMMANDS = (
    Command(
        name="import-masks",
        summary="keep masks that were made or corrected elsewhere as segments of a study",
        description=(
            "Reads masks that this program, CVAT or Label Studio wrote (npz, COCO with run-length codes or polygons, "
            "CVAT's XML, Label Studio's JSON), or a folder of label masks, and keeps them in the study beside its "
            "other segments."
        ),
        example="alignedcut import-masks my-study corrected/annotations.json --name corrected",
        options=_options,
        run=import_masks,
    ),
)
