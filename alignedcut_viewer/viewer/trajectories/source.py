"""Where the map of a cut comes from: the study, or a computation now; and its points made ready to draw. No Qt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...progress import ProgressCallback
from ..frames.brain_regions import ACTIVATION, region_labels, region_scores
from ..frames.computed import Computed
from ..points.contours import density_contours
from ..points.grid import PointGrid
from ..points.raster import PointRaster, compile_loops
from ..state.node_labels import NodeLabels
from ..state.node_values import NodeValues
from .colours import colours_of_nodes
from .paths import MapChoice, shown_nodes

if TYPE_CHECKING:
    from ...study.cut import Cut
    from ...study.study import Study
    from ..frames.loading import LoadedStudy

__all__ = ["MAP", "EarlyMap", "PreparedMap", "Regions", "Styled", "map_work", "prepare", "restyle", "scattered"]

EarlyMap = Callable[[NDArray[np.int64], NDArray[np.float32]], None]


@dataclass(frozen=True, eq=False)
class PreparedMap:
    """A map that can be drawn and searched.

    Attributes
    ----------
    places
        float32 (N, 2), where all nodes are drawn, or landmarks of a map that still settles.
    raster
        Draws them.
    """

    places: NDArray[np.float32]
    raster: PointRaster


def prepare(places: NDArray[np.float32]) -> PreparedMap:
    """Sort points into a grid; the compiled loops are loaded, or made, first.

    Parameters
    ----------
    places
        (N, 2) of the map; points on one place are drawn around it, see :func:`scattered`.
    """
    compile_loops()
    drawn = scattered(places)
    return PreparedMap(drawn, PointRaster(PointGrid(drawn)))


def scattered(places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Points that share a place, drawn from a disc around it, so that they can be seen and chosen one by one.

    The disc reaches half-way to the nearest other place, so that every point stays nearest to its own; points that are
    alone on their place stay there. The same places give the same result.

    Parameters
    ----------
    places
        (N, 2).

    Returns
    -------
    array
        float32 (N, 2).
    """
    from scipy.spatial import cKDTree

    held = np.array(places, dtype=np.float32, order="C")
    if not np.isfinite(held).all():
        return held  # what draws them says what is wrong
    _, first, which, counts = np.unique(
        held.view(np.uint64).ravel(), return_index=True, return_inverse=True, return_counts=True
    )
    if len(first) in (1, len(held)):
        return held
    centres = held[first].astype(np.float64)
    gaps = cKDTree(centres).query(centres, k=2)[0][:, 1]
    reach = np.where(counts > 1, 0.5 * gaps, 0.0)[which.reshape(-1)]
    rng = np.random.default_rng(0)
    radius, angle = reach * np.sqrt(rng.random(len(held))), 2 * np.pi * rng.random(len(held))
    held += np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)
    return held


@dataclass(frozen=True, eq=False)
class Styled:
    """A map in the colours that were chosen.

    Attributes
    ----------
    prepared
        The map.
    contours
        Lines of equal density (K, 2) of what is shown, if they are wanted.
    colours
        uint8 (N, 3) of all nodes where one layer stands out; of a map of density, those by layer.
    regions
        The region of the brain that each node drives most, where that decides the colours and is known.
    """

    prepared: PreparedMap
    contours: Sequence[NDArray[np.float32]]
    colours: NDArray[np.uint8]
    regions: NodeLabels | None


class Regions:
    """The region of the brain that each node of a study's cut drives most, found when it is first asked for.

    Parameters
    ----------
    shown
        The study with its cut.
    """

    def __init__(self, shown: "LoadedStudy") -> None:
        self._shown = shown
        self._labels: NodeLabels | None = None

    @property
    def can_be_known(self) -> bool:
        """Whether the activation of the brain was computed."""
        return ACTIVATION.known(self._shown) is not None

    def labels(self) -> NodeLabels | None:
        """They; None without brain data. For the background: a million nodes take a third of a second."""
        activation, cut = ACTIVATION.known(self._shown), self._shown.cut
        if self._labels is None and activation is not None and cut is not None:
            self._labels = region_labels(activation, region_scores(self._shown.study, cut))
        return self._labels


def restyle(
    prepared: PreparedMap, cut: "Cut", choice: MapChoice, values: NodeValues | None, regions: Regions, dark: bool
) -> Styled:
    """Show what is chosen, in the colours that are chosen; for the background: a million nodes take 50 ms."""
    by, known = choice.colour_by, regions.labels() if choice.colour_by == "region" else None
    colours = colours_of_nodes(cut, by, values=values, regions=known, dark=dark)
    shown = shown_nodes(cut.index, choice)
    prepared.raster.grid.show(shown)
    prepared.raster.set_colours(colours)
    places = prepared.places if shown is None else prepared.places[shown]
    if by == "density":
        colours = colours_of_nodes(cut, "layer", dark=dark)
    return Styled(prepared, density_contours(places) if choice.contours else (), colours, known)


MAP: Computed[NDArray[np.float32]] = Computed(lambda cut: cut.map2d)
"""The map of a cut."""


def map_work(
    shown: "LoadedStudy", device: str = "auto", on_early: EarlyMap | None = None
) -> Callable[[ProgressCallback], NDArray[np.float32]]:
    """The work of computing the map of the cut that is shown, and keeping it where the study may be written.

    Parameters
    ----------
    shown
        The study, open for reading, with a cut.
    device
        Where to compute.
    on_early
        Called with the landmarks and their places while the map settles, in the thread that works.
    """

    def compute(study: "Study", cut_name: str, progress: ProgressCallback) -> NDArray[np.float32]:
        from ...pipeline.map_stage import spectral_map
        from ...pipeline.settings import MapSettings

        return spectral_map(study, cut_name, MapSettings(device=device), progress, on_update=on_early)

    return MAP.work(shown, compute)
