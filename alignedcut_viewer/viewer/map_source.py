"""Where the map of a cut comes from: the study, or a computation now; and its points made ready to draw. No Qt."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import StorageError, StudyError
from ..progress import ProgressCallback, report
from .node_values import NodeValues
from .point_grid import PointGrid
from .point_raster import PointRaster, compile_loops
from .trajectories_colours import colours_of_nodes
from .trajectories_paths import MapChoice, shown_nodes

if TYPE_CHECKING:
    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["EarlyMap", "PreparedMap", "map_work", "prepare", "restyle"]

EarlyMap = Callable[[NDArray[np.int64], NDArray[np.float32]], None]


@dataclass(frozen=True, eq=False)
class PreparedMap:
    """A map that can be drawn and searched.

    Attributes
    ----------
    places
        float32 (N, 2), all nodes, or landmarks of a map that still settles.
    raster
        Draws them.
    """

    places: NDArray[np.float32]
    raster: PointRaster


def prepare(places: NDArray[np.float32]) -> PreparedMap:
    """Sort points into a grid; the compiled loops are loaded, or made, first."""
    compile_loops()
    held = np.array(places, dtype=np.float32, order="C")
    return PreparedMap(held, PointRaster(PointGrid(held)))


def restyle(prepared: PreparedMap, cut: "Cut", choice: MapChoice, values: NodeValues | None, dark: bool) -> PreparedMap:
    """Show what is chosen, in the colours that are chosen; for the background: a million nodes take 50 ms."""
    colours = colours_of_nodes(cut, choice.colour_by, values=values, dark=dark)
    prepared.raster.grid.show(shown_nodes(cut.index, choice))
    prepared.raster.set_colours(colours)
    return prepared


def map_work(
    opened: "Study", cut_name: str, device: str = "auto", on_early: EarlyMap | None = None
) -> Callable[[ProgressCallback], NDArray[np.float32]]:
    """The work of computing the map of a cut, and keeping it where the study may be written.

    Parameters
    ----------
    opened
        The study, open for reading.
    cut_name
        Name of the cut.
    device
        Where to compute.
    on_early
        Called with the landmarks and their places while the map settles, in the thread that works.
    """
    path = Path(opened.path)

    def work(progress: ProgressCallback) -> NDArray[np.float32]:
        from ..pipeline.map_stage import spectral_map
        from ..pipeline.settings import MapSettings
        from ..study.study import Study

        report(progress, 0, 0, "loading the libraries")
        settings = MapSettings(device=device)
        try:
            writing = Study.open(path, writable=True)
        except (StudyError, StorageError):
            # Read-only, or being written by another run: the map is good for this window then.
            return spectral_map(opened, cut_name, settings, progress, on_update=on_early)
        with writing:
            return spectral_map(writing, cut_name, settings, progress, on_update=on_early)

    return work
