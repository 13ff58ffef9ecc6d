"""The pathways "what" and "where" side by side: the joint solutions of two pathways on the same pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..segmentation.palette import segment_colours
from .mosaic import chosen_images, mosaic_from_arrays, pictures_of, spread_images
from .provenance import brief_provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["pathways"]

_MEANING = {"what": "values with values", "where": "queries with keys", "both": "the graphs of both"}


def pathways(
    study: Study,
    cut: str | Cut = "default",
    images: Iterable[int] | None = None,
    *,
    n_segments: int = 6,
    max_images: int = 10,
    smooth: bool = False,
    width: float | None = None,
) -> Figure:
    """Draw a joint cut, and the study's joint cuts of other pathways, side by side on the same pictures.

    Beside the colours of each stand its segments, which show where the colours' borders are.

    Parameters
    ----------
    study, cut
        The study, and one of its joint cuts or its name.
    images
        Image numbers, from top to bottom; by default some of the cut, evenly spread.
    n_segments
        Segments of all pictures together.
    max_images
        How many pictures are drawn where `images` is None.
    smooth, width
        As for :func:`~alignedcut_viewer.figures.mosaic.mosaic`.

    Raises
    ------
    InputError
        If the cut is an AlignedCut, or images are not part of it.
    """
    chosen = study.cut(cut) if isinstance(cut, str) else cut
    if chosen.layered is None:
        raise InputError(
            "Pathways are joint cuts of many layers, and this is an AlignedCut; make one with: "
            "alignedcut cut STUDY --pathway what"
        )
    numbers = chosen_images(
        chosen.index, spread_images(chosen.index, max_images) if images is None else images, 1 << 30
    )
    shown = [chosen]
    for name in study.cuts:
        other = study.cut(name)
        known = {c.layered.pathway for c in shown if c.layered is not None}
        same = other.layered is not None and set(numbers) <= set(other.index.images)
        if same and other.layered is not None and other.layered.pathway not in known:
            shown.append(other)
    shown.sort(key=lambda c: list(_MEANING).index(c.layered.pathway) if c.layered else 0)
    titles, maps, labels = [], [], []
    for one in shown:
        assert one.layered is not None
        joint = one.layered.joint
        count = min(n_segments, one.eigenvectors.shape[1])
        colours = [one.colour_map(joint, 0, image) for image in numbers]
        segments = [_painted(one, joint, image, count) for image in numbers]
        maps.append([list(pair) for pair in zip(colours, segments, strict=True)])
        titles.append(f"{one.layered.pathway}: {_MEANING[one.layered.pathway]}")
        labels.append(["colours", f"{count} segments"])
    pictures, problems = pictures_of(study, chosen, numbers)
    return mosaic_from_arrays(
        pictures,
        maps,
        titles=titles,
        column_labels=labels,
        column_name="picture",
        smooth=smooth,
        note="\n".join(
            [
                "Joint cuts of all layers' graphs; equal colours of one cut mean the same in all pictures, colours of "
                f"two cuts have nothing to do with one another. {brief_provenance(study, chosen)}",
                *problems,
            ]
        ),
        width=width,
    )


def _painted(cut: Cut, joint: str, image: int, count: int) -> NDArray[np.uint8]:
    return segment_colours(count)[cut.label_map(joint, 0, image, count)]
