"""What an activation is measured from: zero, the mean of all pixels, or the mean of the layer.

A layer drives most voxels alike at nearly all of its pixels. About zero, that common part stands in every bar. About
the layer's mean it is gone, and then two groups that make up most of the layer, such as figure and ground, can hardly
help having opposite signs: a voxel that figure drives by 1.15 and ground by .89 is reported as +.19 and -.08. Their
difference is the same about any of the three.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import InputError

__all__ = ["CENTRINGS", "CENTRING_NAMES", "DEFAULT_CENTRING", "Centring", "CentringInfo", "centring_info"]

Centring = Literal["zero", "all", "layer"]
"""``"zero"``: ``U = V W beta`` as it stands, without the offset that an alignment takes off its slots. ``"all"``: less
its mean over all nodes of the cut. ``"layer"``: less its mean over the nodes of the same layer of the same network."""

DEFAULT_CENTRING: Centring = "layer"


@dataclass(frozen=True)
class CentringInfo:
    """How one centring is described.

    Attributes
    ----------
    name
        For settings and the command line.
    title
        For boxes and the labels of axes.
    note
        A sentence that stands where values are read.
    caution
        What must be known where figure and ground are read; may be empty.
    """

    name: Centring
    title: str
    note: str
    caution: str = ""

    @property
    def figure_ground_note(self) -> str:
        """What stands where figure and ground are read."""
        return f"{self.note} {self.caution}".strip()


CENTRINGS: tuple[CentringInfo, ...] = (
    CentringInfo(
        "zero",
        "about zero",
        "Activation is shown about zero: what all pixels of a layer do alike is in every value.",
    ),
    CentringInfo(
        "all",
        "about the mean of all pixels",
        "Activation is shown about the mean of all pixels, layers and networks: differences between layers are in it.",
        "Figure and ground of all layers make up most pixels, so that one above the mean nearly forces the other "
        "below: read their difference, not their signs.",
    ),
    CentringInfo(
        "layer",
        "about the layer's mean",
        "Activation is shown about the mean of each layer of each network.",
        "Figure and ground make up most of a layer, so that one above its mean nearly forces the other below: read "
        "their difference, not their signs.",
    ),
)
"""All centrings, in the order in which they are offered."""


CENTRING_NAMES: tuple[Centring, ...] = get_args(Centring)


def centring_info(name: str) -> CentringInfo:
    """How a centring is described.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    for info in CENTRINGS:
        if info.name == name:
            return info
    raise InputError(f"Activation is shown about {', '.join(CENTRING_NAMES)}; got {name!r}.")
