"""The map stage: one plane for all nodes of a cut, on which paths from layer to layer are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import digest_of
from ..errors import StudyError
from ..progress import ProgressCallback, report
from ..study.cut_names import CUTS, MAP, attach_to_cut
from ..study.study import Study
from ..versions import software_version, versions
from .kept_fits import LANDMARKS
from .settings import MapSettings

__all__ = ["MapUpdate", "build_map", "spectral_map"]

MapUpdate = Callable[[NDArray[np.int64], NDArray[np.float32]], None]
"""Called with the landmark nodes, int64 (m,), and the places they have so far, float32 (m, 2)."""


def spectral_map(
    study: Study,
    cut_name: str = "default",
    settings: MapSettings | None = None,
    progress: ProgressCallback | None = None,
    *,
    on_update: MapUpdate | None = None,
) -> NDArray[np.float32]:
    """Planar spectral t-SNE of all nodes of a cut: one joint map of all pictures, layers and networks.

    The map is kept with the cut and found again as :attr:`~alignedcut_viewer.study.cut.Cut.map2d`; one of other
    settings takes its place when it is complete. In a study that is open for reading it is computed and returned only.

    Parameters
    ----------
    study
        Holds the cut.
    cut_name
        Name of the cut.
    settings
        How; None takes the defaults.
    progress
        Called all along; raises to cancel.
    on_update
        Called with the landmarks and their places while the map settles.

    Returns
    -------
    NDArray
        float32 (N, 2), one row per node, in the order of ``Cut.index``.

    Raises
    ------
    StudyError
        If there is no cut of that name, or it holds no nodes.
    InputError
        If a setting does not fit.

    References
    ----------
    Yang, Gee, Shi 2024, AlignedCut, Fig. 9. By default every node takes the place of its nearest landmark, as there.
    """
    settings = settings or MapSettings()
    cut = study.cut(cut_name)
    if not study.writable:
        report(progress, 0, 1, "Mapping")
        return _embed(cut.eigenvectors, settings, progress, on_update)[0]
    part = build_map(study, cut.group, settings, progress, on_update)
    attach_to_cut(study.store, cut_name, MAP, part)
    found = study.cut(cut_name).map2d
    if found is None:  # replaced by another run of the same process meanwhile
        raise StudyError(f"The cut {cut_name!r} was recomputed while its map was computed; compute the map again.")
    return found


def build_map(
    study: Study,
    group: str,
    settings: MapSettings,
    progress: ProgressCallback | None = None,
    on_update: MapUpdate | None = None,
) -> str:
    """Make sure that a group of eigenvectors holds its map; the name of the part that holds it.

    Parameters
    ----------
    study
        Open for writing.
    group
        Name of the group that holds the eigenvectors.
    settings, progress, on_update
        As for :func:`spectral_map`.

    Raises
    ------
    StudyError
        If there are no nodes.
    """
    identity = {"settings": settings.as_dict(), "software": software_version()}
    part = f"{MAP}-{digest_of(identity)[:16]}"
    path = f"{CUTS}/{group}/{part}"
    if study.store.intact(path):
        report(progress, 1, 1, "The map is there")
        return part
    report(progress, 0, 1, "Mapping")
    places, landmarks, facts = _embed(study.store.view(f"{CUTS}/{group}/eigenvectors"), settings, progress, on_update)
    recipe = {**identity, **facts, "versions": versions("torch", "numpy")}
    with study.store.building(path, {"recipe": recipe}):
        study.store.save_array(f"{path}/places", places)
        study.store.save_array(f"{path}/{LANDMARKS}", landmarks)
    return part


def _embed(
    eigenvectors: NDArray[np.float32],
    settings: MapSettings,
    progress: ProgressCallback | None,
    on_update: MapUpdate | None,
) -> tuple[NDArray[np.float32], NDArray[np.int64], dict[str, Any]]:
    """Places of all nodes (N, 2), which of them t-SNE placed, and what the recipe should know of how that went."""
    from ..spectral import SpectralTSNE

    if not len(eigenvectors):
        raise StudyError("The graph has no nodes to map.")
    engine = SpectralTSNE(2, **settings.arguments(SpectralTSNE))

    def update(iteration: int, places: NDArray[np.float32]) -> None:
        if on_update is not None:
            on_update(engine.landmarks_, places)

    places = engine.fit_transform(eigenvectors, progress=progress, on_update=update if on_update is not None else None)
    facts = {
        "perplexity": float(engine.perplexity_),
        "landmarks": len(engine.landmarks_),
        "kl_divergence": float(engine.kl_divergence_),
    }
    return np.ascontiguousarray(places, dtype=np.float32), engine.landmarks_, facts
