"""New nodes in a cut that stands: eigenvectors, colours, map and brain activation by what the cut has fitted."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, StudyError
from ..nodes import NodeIndex, Slot
from ..progress import ProgressCallback, report
from ..study.brain_activation import BRAIN_ACTIVATION
from ..study.cut_names import COLOUR, CUTS, MAP, current_cuts
from ..study.node_features import NodeFeatures
from ..study.placed_pictures import PLACED
from ..study.study import Study
from .activation_stage import to_regions
from .alignment_stage import load_alignment
from .coverage import Coverage
from .kept_fits import LANDMARKS, keep_fit, kept_fit
from .settings import ColourSettings, CutSettings, MapSettings
from .stages import colour_engine

if TYPE_CHECKING:
    from ..alignment import ChannelAlignment
    from ..spectral import NormalizedCut, SpectralTSNE

__all__ = ["CutPlacer", "HeldTokens", "PlacedRows"]

_COMPARED = 512
_LARGEST_ERROR = 1e-2
"""Of a cut fitted again, relative to the typical entry of each eigenvector."""


@dataclass(frozen=True)
class PlacedRows:
    """What some pictures add to a cut, one row a node.

    Attributes
    ----------
    index
        The nodes; images are counted from 0.
    eigenvectors, embedding, rgb
        float32 (n, C), float32 (n, 3), uint8 (n, 3).
    places
        float32 (n, 2) on the map; None where the cut has none.
    regions
        (n, n_rois) activation of brain regions; None where the cut has none.
    coverage
        For each picture; see :class:`.coverage.Coverage`.
    """

    index: NodeIndex
    eigenvectors: NDArray[np.float32]
    embedding: NDArray[np.float32]
    rgb: NDArray[np.uint8]
    places: NDArray[np.float32] | None
    regions: NDArray[Any] | None
    coverage: list[float | None]


class CutPlacer:
    """What a cut has fitted, taken up again to place new pictures; it can be used for one picture after another.

    Parameters
    ----------
    study
        The study.
    name
        Name of the cut. Where pictures were placed in it before, new ones are placed in the cut that was made.
    progress
        Called on the way.

    Raises
    ------
    InputError
        If the cut is a joint one of many layers' graphs, which has no map from features to eigenvectors.
    StudyError
        If there is no such cut, or it is of an earlier version and gives something else when it is fitted again.
    """

    def __init__(self, study: Study, name: str, progress: ProgressCallback | None = None) -> None:
        cut = study.cut(name)
        if cut.layered is not None:
            raise InputError(
                f"The cut {name!r} is a joint cut of many layers' graphs ({cut.layered.pathway!r}), which gives "
                "eigenvectors to the pictures that were cut together only; cut again with the new pictures, or show an "
                "AlignedCut to place them in."
            )
        self.entry = dict(current_cuts(study.store)[name] if cut.placed is None else cut.placed.of)
        self._study, self._name, self._store = study, name, study.store
        self._path = f"{CUTS}/{self.entry['cut']}"
        self._attributes = study.store.attributes(self._path)
        self.index = NodeIndex.from_dict(self._attributes["index"])
        self._class_tokens = {n.name: study.network(n.name).class_token for n in self.index.networks}
        alignment = self._attributes.get("alignment")
        self._alignment: ChannelAlignment | None = None if alignment is None else load_alignment(study, alignment)
        report(progress, 0, 2, "Taking up the cut")
        self._engine = self._taken_up(study, progress)
        self._colours, self._embedding = self._colours_of(study)
        self._map = self._map_of(study)
        report(progress, 1, 2, "Taking up the cut")
        self._coverage = Coverage(study.node_features(self.index, self._alignment))
        report(progress, 2, 2, "Taking up the cut")

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process, it takes the cut up again there."""
        return CutPlacer, (self._study, self._name)

    def _view(self, path: str) -> NDArray[Any]:
        return self._store.view(f"{self._path}/{path}")

    def _taken_up(self, study: Study, progress: ProgressCallback | None) -> NormalizedCut:
        from ..spectral import NormalizedCut

        state = kept_fit(self._store, self._path)
        if state is not None:
            with contextlib.suppress(StudyError):  # kept by another version, which keeps something else
                return NormalizedCut(device="cpu").restore(state)
        report(progress, 0, 1, "The cut was made by an earlier version: its map to new pictures is made once")
        told = self._attributes["recipe"]["settings"]
        settings = CutSettings.from_dict({k: v for k, v in told.items() if k in CutSettings.__dataclass_fields__})
        engine = NormalizedCut(**settings.arguments(NormalizedCut))
        features = study.node_features(self.index, self._alignment)
        engine.fit(features, progress=progress)
        self._compare(engine, features)
        if self._store.writable:
            keep_fit(self._store, self._path, engine)
        return engine

    def _compare(self, engine: NormalizedCut, features: NodeFeatures) -> None:
        """Raise a StudyError where a cut that was fitted again is not the one that is kept."""
        kept = self._view("eigenvectors")
        nodes = np.linspace(0, len(kept) - 1, min(_COMPARED, len(kept))).astype(np.int64)
        there = np.asarray(kept[nodes], dtype=np.float64)
        error = np.abs(engine.transform(features.rows(nodes)) - there).max(axis=0)
        typical = np.sqrt(np.square(there).mean(axis=0))
        if not (error <= _LARGEST_ERROR * np.maximum(typical, typical.max() * 1e-6)).all():
            raise StudyError(
                "The cut was made by an earlier version or on another kind of machine, and comes out otherwise here, "
                "so that new pictures cannot be placed in it; cut again with `alignedcut cut`."
            )

    def _colours_of(self, study: Study) -> tuple[SpectralTSNE, NDArray[np.float32]]:
        part = self.entry[COLOUR]
        self._colour = ColourSettings.from_dict(self._store.attributes(f"{self._path}/{part}")["recipe"]["settings"])
        embedding = self._view(f"{part}/embedding")
        return self._resumed(colour_engine(self._colour), part, embedding), embedding

    def _map_of(self, study: Study) -> SpectralTSNE | None:
        from ..spectral import SpectralTSNE

        part = self.entry.get(MAP)
        if part is None:
            return None
        settings = MapSettings.from_dict(self._store.attributes(f"{self._path}/{part}")["recipe"]["settings"])
        return self._resumed(SpectralTSNE(2, **settings.arguments(SpectralTSNE)), part, self._view(f"{part}/places"))

    def _resumed(self, engine: SpectralTSNE, part: str, places: NDArray[np.float32]) -> SpectralTSNE:
        landmarks = (
            self._view(f"{part}/{LANDMARKS}") if self._store.exists(f"{self._path}/{part}/{LANDMARKS}") else None
        )
        engine.set_params(device="cpu")  # a few thousand nodes are placed before a GPU has woken
        return engine.resume(self._view("eigenvectors"), np.asarray(places), landmarks)

    @cached_property
    def _to_regions(self) -> tuple[Any, np.dtype[Any]] | None:
        """From features to brain regions, and the type in which the cut keeps them."""
        group = f"{self._path}/{BRAIN_ACTIVATION}"
        if self._alignment is None or not self._store.exists(group):
            return None
        return to_regions(self._alignment), np.dtype(self._view(f"{BRAIN_ACTIVATION}/table").dtype)

    def is_of(self, study: Study, name: str) -> bool:
        """Whether this is what the cut of a name has fitted; False where there is no such cut any more."""
        entry = current_cuts(study.store).get(name)
        if entry is None or study.path != self._store.root:
            return False
        placed = study.store.attributes(f"{CUTS}/{entry['cut']}").get(PLACED)
        now = entry if placed is None else placed["of"]
        return all(now.get(kind) == self.entry.get(kind) for kind in ("cut", COLOUR, MAP))

    @property
    def slots(self) -> list[Slot]:
        """The (network, layer) pairs whose features a new picture needs."""
        return self.index.slots

    def place(self, features: Mapping[Slot, NDArray[Any]], progress: ProgressCallback | None = None) -> PlacedRows:
        """Rows of some new pictures.

        Parameters
        ----------
        features
            For each slot an array (picture, token, channel) as feature sets hold it, the class token included.
        progress
            Called on the way.
        """
        from ..spectral import rgb

        n = len(next(iter(features.values())))
        index = NodeIndex(self.index.networks, n)
        held = {slot: HeldTokens(values) for slot, values in features.items()}
        aligned = NodeFeatures(held, self._class_tokens, index, self._alignment)[:]
        report(progress, 1, 4, "Placing in the cut")
        eigenvectors = np.asarray(self._engine.transform(aligned), dtype=np.float32)
        report(progress, 2, 4, "Placing in the colours")
        embedding = self._colours.transform(eigenvectors)
        colours = rgb(embedding, quantile=self._colour.quantile, like=self._embedding)
        report(progress, 3, 4, "Placing on the map")
        places = None if self._map is None else self._map.transform(eigenvectors)
        regions = None
        if self._to_regions is not None:
            fold, dtype = self._to_regions
            limit = np.finfo(dtype).max
            regions = np.clip(NodeFeatures(held, self._class_tokens, index, fold)[:], -limit, limit).astype(dtype)
        coverage = self._coverage.of(aligned.astype(np.float32, copy=False), index)
        report(progress, 4, 4, "Placed")
        return PlacedRows(index, eigenvectors, embedding, colours, places, regions, coverage)


class HeldTokens:
    """Features of one slot in memory, as :class:`~alignedcut_viewer.study.node_features.Tokens`."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values
        self.shape: tuple[int, ...] = values.shape
        self.dtype, self.chunks = values.dtype, values.shape

    def __getitem__(self, images: slice) -> NDArray[Any]:
        return self._values[images]

    def gather(self, images: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[Any]:
        """Single tokens, (n, D)."""
        return self._values[images, tokens]
