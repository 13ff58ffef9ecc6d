"""What figure and ground do to the brain, at every slot of a cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..brain.centring import DEFAULT_CENTRING, Centring
from ..errors import InputError
from ..nodes import Slot
from ..progress import ProgressCallback, report, span
from ..study.study import Study
from .activation_stage import brain_activation

if TYPE_CHECKING:
    from ..concepts import GroupActivation

__all__ = ["FigureGroundActivation", "figure_ground_activation"]


@dataclass(frozen=True, eq=False)
class FigureGroundActivation:
    """Activation of brain regions by figure and by ground, slot by slot.

    Attributes
    ----------
    names
        Regions in the order in which they are shown.
    slots
        For each (network, layer) its :class:`~alignedcut_viewer.concepts.GroupActivation` over the regions.
    title
        Name of the brain data; says where they were simulated.
    about
        What activation is measured from.
    """

    names: tuple[str, ...]
    slots: dict[Slot, GroupActivation]
    title: str
    about: Centring = DEFAULT_CENTRING

    def profile(self, network: str) -> NDArray[np.float64]:
        """Figure less ground at each layer of a network, (layers, R)."""
        rows = [found.difference for slot, found in self.slots.items() if slot.network == network]
        if not rows:
            raise InputError(f"Nothing is known of {network}.")
        return np.stack(rows)

    def agreement(self, first: str, second: str) -> float:
        """Correlation over regions of figure minus ground, each averaged over the layers of a network (Fig. 7)."""
        one, other = (self.profile(name).mean(axis=0) for name in (first, second))
        if len(one) < 3 or one.std() == 0 or other.std() == 0:
            return float("nan")
        return float(np.corrcoef(one, other)[0, 1])

    def as_rows(self) -> list[dict[str, Any]]:
        """One JSON-ready row a slot and region."""
        rows = []
        for slot, found in self.slots.items():
            for i, name in enumerate(self.names):
                rows.append(
                    {
                        "network": slot.network,
                        "layer": slot.layer,
                        "region": name,
                        "about": self.about,
                        "figure": float(found.figure[i]),
                        "ground": float(found.ground[i]),
                        "difference": float(found.difference[i]),
                        "low": float(found.difference_interval[0, i]),
                        "high": float(found.difference_interval[1, i]),
                    }
                )
        return rows


def figure_ground_activation(
    study: Study,
    groups: ArrayLike,
    cut_name: str = "default",
    progress: ProgressCallback | None = None,
    *,
    about: Centring = DEFAULT_CENTRING,
) -> FigureGroundActivation:
    """Mean activation of every brain region by figure and ground (AlignedCut, section 3.2, Figs. 6 and 7).

    The cortex of either is :meth:`BrainActivation.cortex_values` of the nodes that
    :func:`alignedcut_viewer.concepts.nodes_of` names.

    Parameters
    ----------
    study
        The study, whose alignment was trained on brain data.
    groups
        (N,) 1 figure, 0 ground, -1 neither, for each node of the cut.
    cut_name
        Which cut.
    progress
        Called all along.
    about
        What activation is measured from; the difference of figure and ground is the same about any.

    Returns
    -------
    FigureGroundActivation
        By slot and region.

    Raises
    ------
    AlignmentError
        If the cut's alignment was not trained on brain data.
    InputError
        If figure or ground have no node.
    """
    from ..concepts import group_activation

    cut = study.cut(cut_name)
    known = np.asarray(groups)
    if known.shape != (len(cut.index),):
        raise InputError(f"The cut has {len(cut.index)} nodes, but groups have shape {known.shape}.")
    activation = brain_activation(study, cut_name, span(progress, 0.0, 0.7))
    found: dict[Slot, GroupActivation] = {}
    slots = cut.index.slots
    for number, (slot, nodes) in enumerate(cut.index.iter_slots()):
        table = activation.rows(np.arange(nodes.start, nodes.stop), about=about)
        images = np.repeat(np.arange(len(cut.index.images)), cut.index.grid(*slot).n_tokens)
        found[slot] = group_activation(table, known[nodes], images)
        report(progress, 700 + round(300 * (number + 1) / len(slots)), 1000, "Figure and ground")
    return FigureGroundActivation(activation.names, found, activation.title, about)
