"""``alignedcut predict``."""

from __future__ import annotations

import argparse

from ..errors import InputError
from . import options
from .command import Command
from .progress_bar import progress_bar

__all__ = ["COMMANDS"]


def _options(parser: argparse.ArgumentParser) -> None:
    options.study(parser, with_cut=False)
    parser.add_argument("--alignment", required=True, metavar="FILE", help="a file that `align --brain` wrote")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--subject", metavar="NAME", help="whose responses, if the alignment was trained on several people"
    )
    parser.add_argument(
        "--submission",
        action="store_true",
        help="write lh_pred_test.npy and rh_pred_test.npy, as the Algonauts 2023 challenge takes them",
    )
    parser.add_argument(
        "--brain",
        metavar="DATA",
        help="with --submission: the folder of the subject that the alignment was trained on, needed if --drop-voxels "
        "left vertices out",
    )


def predict(study: str, alignment: str, out: str, subject: str | None, submission: bool, brain: str | None) -> None:
    """Predicted responses to the pictures of a study into a folder."""
    if brain is not None and not submission:
        raise InputError("--brain says which vertices a submission has; use it with --submission.")
    from .. import pipeline
    from ..alignment import ChannelAlignment
    from ..brain import open_brain_data
    from ..progress import span
    from ..study.study import Study

    maps = ChannelAlignment.load(alignment)
    if subject is not None:
        maps = maps.of_subject(subject)
    data = None if brain is None else open_brain_data(brain, unusable="keep")
    left_out = 0
    with progress_bar() as progress:
        found = pipeline.predict_responses(Study.open(study), maps, span(progress, 0.0, 0.7))
        if submission:
            left_out = sum(pipeline.write_submission(found, out, data, span(progress, 0.7, 1.0)).values())
        else:
            pipeline.write_predictions(found, out, span(progress, 0.7, 1.0))
    if left_out:
        print(f"Note: {left_out:,} vertices that training left out are predicted as 0.")
    if maps.simulated:
        print("Note: the alignment was trained on simulated responses; these say nothing about any brain.")
    print(f"{out}: predicted responses of {found.shape[1]:,} voxels to {found.shape[0]:,} pictures, in order of names")


COMMANDS = (
    Command(
        name="predict",
        summary="predicted brain responses to the pictures of a study",
        description=(
            "Predicts the responses of all voxels to the pictures of a study, with an alignment that was trained on "
            "brain data. Features that were extracted with --for-alignment are enough. Writes responses.npy and "
            "pictures.csv, which `align --brain` reads, or the files of an Algonauts 2023 submission."
        ),
        example="alignedcut predict new-pictures --alignment brain-maps.safetensors --out predicted",
        options=_options,
        run=predict,
    ),
)
