"""Figure and ground as named by options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import InputError
from ..progress import ProgressCallback

if TYPE_CHECKING:
    from ..figures.figure_ground import FigureGround
    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["figure_and_ground"]


def figure_and_ground(
    study: Study,
    cut: Cut,
    masks: str | None,
    figure_labels: Sequence[int] | None,
    unlabelled: Sequence[int] | None,
    segments: bool,
    progress: ProgressCallback,
) -> FigureGround | None:
    """Figure and ground from masks or guessed, as the options say; None where they say neither."""
    from ..figures.figure_ground import figure_ground_from_masks, figure_ground_from_segments

    if masks is not None and segments:
        raise InputError("Figure and ground come from --masks or from --segments, not from both.")
    if masks is None and (figure_labels is not None or unlabelled is not None):
        raise InputError("--figure-labels and --unlabelled say what the masks mean; name the masks with --masks.")
    if masks is not None:
        return figure_ground_from_masks(
            study, cut, masks, figure=figure_labels, unlabelled=unlabelled, progress=progress
        )
    return figure_ground_from_segments(study, cut, progress) if segments else None
