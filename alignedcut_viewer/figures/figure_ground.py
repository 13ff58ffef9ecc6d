"""Which tokens belong to the figure and which to the ground: from masks, or from segments of the cut itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..nodes import NodeIndex
from ..progress import ProgressCallback, report, span
from ..study.mask_labels import mask_labels, spread_labels

if TYPE_CHECKING:
    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["FigureGround", "figure_ground_from_masks", "figure_ground_from_segments"]

FIGURE, GROUND, UNKNOWN = 1, 0, -1
_RING = 1


@dataclass(frozen=True, eq=False)
class FigureGround:
    """Figure and ground of the nodes of a cut.

    Attributes
    ----------
    labels
        int8 (N,): 1 figure, 0 ground, -1 unknown (class tokens, pictures without a mask).
    source
        Where it is known from, in a sentence that figures repeat.
    """

    labels: NDArray[np.int8]
    source: str

    def nodes(self, index: NodeIndex, label: int, *, network: str, layer: int) -> NDArray[np.int64]:
        """Patch nodes of one layer that have a label, ascending."""
        nodes = index.select(networks=[network], layers=[layer], patches_only=True)
        chosen: NDArray[np.int64] = nodes[self.labels[nodes] == label]
        return chosen


def figure_ground_from_masks(
    study: Study,
    cut: Cut,
    folder: str | Path,
    *,
    figure: Collection[int] | None = None,
    unlabelled: Collection[int] | None = None,
    progress: ProgressCallback | None = None,
) -> FigureGround:
    """Figure and ground from mask files that are named like the pictures.

    Parameters
    ----------
    study, cut
        The study and one of its cuts.
    folder
        Where the masks are; see :func:`alignedcut_viewer.images.find_masks`.
    figure
        Labels that are the figure; None takes all but 0 and `unlabelled`.
    unlabelled
        Labels that are neither; None takes what :func:`~alignedcut_viewer.study.mask_labels.usual_unlabelled` says:
        255, but not of black and white masks, and 0 where classes cover the whole picture, as COCO's.
    progress
        Called after every picture.

    Raises
    ------
    PictureError
        If no mask fits, or one cannot be read.
    InputError
        If no token is figure, or none is ground.
    """
    found = mask_labels(
        study, cut.index, folder, figure=figure, two_classes=True, unlabelled=unlabelled, progress=progress
    )
    labels = found.labels.astype(np.int8)
    for label, what in ((FIGURE, "figure"), (GROUND, "ground")):
        if not (labels == label).any():
            other = "ground or unlabelled" if label == FIGURE else "figure or unlabelled"
            raise InputError(
                f"No token is {what} by the masks in {folder}: all that they label is {other}. Say which labels are "
                "the figure (--figure-labels) and which mean nothing (--unlabelled)."
            )
    return FigureGround(labels, f"Figure and ground: {found.source}.")


def figure_ground_from_segments(study: Study, cut: Cut, progress: ProgressCallback | None = None) -> FigureGround:
    """Figure and ground guessed without masks: one layer cut in two, the segment that shuns the borders is the figure.

    Of each network the last layer but one is cut (all pictures together, a graph of its own); taken is the network
    whose two segments differ most in their share of tokens at the borders of pictures.

    Parameters
    ----------
    study, cut
        The study and one of its cuts.
    progress
        Called while layers are cut.

    Raises
    ------
    InputError
        If no layer falls into two segments of which one shuns the borders.
    """
    index = cut.index
    best: tuple[float, str, int, NDArray[np.int32], int] | None = None
    for number, network in enumerate(index.networks):
        stage = span(progress, number / len(index.networks), (number + 1) / len(index.networks))
        layer = network.layers[-2] if len(network.layers) > 1 else network.layers[-1]
        segments = cut.segments(2, slot=(network.name, layer), progress=stage)
        grids = _grids(index, network.name, layer, segments)
        contrast, label = _border_contrast(grids)
        if best is None or contrast > best[0]:
            best = (contrast, network.name, layer, grids, label)
    if best is None or best[0] <= 0.05:
        raise InputError(
            "No layer of this cut falls into two segments of which one shuns the borders of pictures, so that figure "
            "and ground are not known; give masks."
        )
    _, name, layer, grids, label = best
    labels = np.full(len(index), UNKNOWN, dtype=np.int8)
    for image, grid in zip(index.images, grids, strict=True):
        spread_labels(labels, index, image, grid == label)
    report(progress, 1, 1, "Figure and ground")
    return FigureGround(
        labels,
        f"Figure and ground: no masks; a 2-way cut of layer {layer} of {name}, the segment that shuns the borders is "
        "called figure.",
    )


def _grids(index: NodeIndex, network: str, layer: int, segments: NDArray[np.int32]) -> NDArray[np.int32]:
    """Segments of one layer's nodes as (images, rows, columns)."""
    grid = index.grid(network, layer)
    first = index.slot_slice(network, layer).start
    nodes = index.select(networks=[network], layers=[layer], patches_only=True) - first
    return np.asarray(segments[nodes]).reshape(len(index.images), grid.rows, grid.columns)


def _border_contrast(grids: NDArray[np.int32]) -> tuple[float, int]:
    """How much more of the borders than of the middle one of two segments has, and which is the other one."""
    border = np.ones(grids.shape[1:], dtype=bool)
    border[_RING:-_RING, _RING:-_RING] = False
    if border.all():
        return 0.0, 0
    share = [float((grids[:, border] == 1).mean()), float((grids[:, ~border] == 1).mean())]
    whole = float((grids == 1).mean())
    if not 0.05 <= whole <= 0.95:
        return 0.0, 0
    return abs(share[1] - share[0]), int(share[1] > share[0])
