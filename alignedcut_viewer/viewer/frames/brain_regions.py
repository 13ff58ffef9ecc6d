"""Regions of the brain as panels share them: their activation, how far it is to be trusted, tokens by region. No Qt."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...brain.rois import roi_info
from ...store import ALIGNMENTS
from ..state.node_labels import NodeLabels
from .computed import Computed

if TYPE_CHECKING:
    from ...study.brain_activation import BrainActivation
    from ...study.cut import Cut
    from ...study.study import Study

__all__ = ["ACTIVATION", "FADED", "WEAK", "by_group", "is_weak", "region_labels", "region_scores", "regions_in_groups"]

WEAK = 0.05
"""Held-out R² below which a readout hardly predicts a region, so that little is to be read into it."""
FADED = 0.35
"""Opacity of such a region."""

ACTIVATION: "Computed[BrainActivation]" = Computed(lambda cut: cut.brain_activation)
"""The activation of regions by a cut's nodes."""

GROUP_HUES = ((0, 114, 178), (213, 94, 0), (204, 121, 167), (0, 158, 115), (170, 150, 30), (110, 110, 190))
"""One hue a group of regions, in the order in which they are shown; none is that of a selection."""


def region_scores(study: "Study", cut: "Cut") -> dict[str, float]:
    """Held-out R² of each region by name, as the alignment of a cut carries it; empty where it was never scored."""
    from ...pipeline.activation_stage import brain_sources

    found = brain_sources(study, cut)
    if found is None:
        return {}
    group = f"{ALIGNMENTS}/{found[0]}"
    scores = (study.store.attributes(group).get("scores") or {}).get("rois") or {}
    return {str(roi): float(score["r2"]) for roi, score in scores.items() if score.get("r2") is not None}


def is_weak(region: str, scores: Mapping[str, float]) -> bool:
    """Whether a region is hardly predicted; one that was never scored is not called weak."""
    return scores.get(region, WEAK) < WEAK


def regions_in_groups(activation: "BrainActivation") -> tuple[str, ...]:
    """The regions that the package knows; all where it knows none.

    The coarse streams of the Algonauts release would hide the regions inside them.
    """
    known = tuple(n for n, group in zip(activation.names, activation.groups, strict=True) if group != n)
    return known or activation.names


def by_group(names: Sequence[str]) -> list[list[str]]:
    """Names of regions, those of one group together; neighbours already stand side by side."""
    return [list(some) for _, some in groupby(names, lambda name: roi_info(name).group)]


def region_labels(activation: "BrainActivation", scores: Mapping[str, float]) -> NodeLabels | None:
    """For every node the region that it drives most, compared with what other nodes do to that region.

    Activation is taken about the mean of the node's layer, and in standard deviations of the region over all nodes:
    else the region with the strongest responses would have nearly every node. A node that drives none above the mean of
    its layer is in no group.

    Parameters
    ----------
    activation
        Of the nodes.
    scores
        Held-out R² by name; regions that are hardly predicted are left out.

    Returns
    -------
    NodeLabels or None
        None where every region is hardly predicted.
    """
    names = tuple(name for name in regions_in_groups(activation) if not is_weak(name, scores))
    if not names:
        return None
    columns = np.array([activation.names.index(name) for name in names])
    centres = activation.centres("layer")[:, columns]
    parts = [part for _, part in activation.index.iter_slots()]
    squares = np.zeros(len(names), dtype=np.float64)
    for part, centre in zip(parts, centres, strict=True):
        squares += np.square(_rows(activation, part, columns) - centre).sum(axis=0, dtype=np.float64)
    spread = np.sqrt(squares / max(len(activation), 1)).astype(np.float32)
    spread[spread == 0] = 1
    labels = np.full(len(activation), -1, dtype=np.int32)
    for part, centre in zip(parts, centres, strict=True):
        drive = (_rows(activation, part, columns) - centre) / spread
        most = drive.argmax(axis=1)
        labels[part] = np.where(drive[np.arange(len(drive)), most] > 0, most, -1)
    return NodeLabels(labels, names, _colours(names), "Region driven most")


def _rows(activation: "BrainActivation", part: slice, columns: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.asarray(activation.table[part], dtype=np.float32)[:, columns]


def _colours(names: Sequence[str]) -> list[tuple[int, int, int]]:
    """One hue a group; within it, from strong to pale."""
    found = []
    for number, group in enumerate(by_group(names)):
        hue = np.array(GROUP_HUES[number % len(GROUP_HUES)], dtype=float)
        for position in range(len(group)):
            pale = 0.6 * position / max(len(group) - 1, 1)
            red, green, blue = np.rint(hue + pale * (255 - hue)).astype(int).tolist()
            found.append((red, green, blue))
    return found
