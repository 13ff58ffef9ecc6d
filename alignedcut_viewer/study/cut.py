"""One finished cut of a study: eigenvectors, embedding and colours of a set of nodes."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import digest_of
from ..errors import InputError, StudyError
from ..nodes import NodeIndex, Slot
from ..progress import ProgressCallback, span
from ..store import Store
from .brain_activation import BrainActivation, open_brain_activation
from .concept_set import ConceptSet
from .cut_names import COLOUR, CONCEPTS, CUTS, MAP, NOTES, concept_sets
from .descriptions import reading, require
from .feature_set import FeatureSet
from .layered_record import AGREEMENT, LayeredRecord
from .node_features import NodeFeatures
from .placed_pictures import PLACED, PlacedPictures

__all__ = ["COLOUR", "CUTS", "MAP", "Cut"]


class Cut:
    """A joint graph over nodes of a study, cut and coloured; read-only.

    Obtained from :meth:`alignedcut_viewer.study.Study.cut`. Large arrays are mapped from disk, so that one picture's
    part costs no more than its bytes.

    Attributes
    ----------
    name : str
        Name of the cut in the study.
    index : NodeIndex
        Which nodes, in which order.
    """

    def __init__(self, store: Store, name: str, group: str, colour: str) -> None:
        self._store = store
        self._group = group
        self._colour = f"{group}/{colour}"
        self.name = name
        self._attributes = store.attributes(group)
        self._colour_attributes = store.attributes(self._colour)
        with reading(store.folder(group) / "zarr.json"):
            self.index = NodeIndex.from_dict(self._attributes["index"])
            require(bool(self.index.networks and self.index.images), "the graph has no nodes")
            require(isinstance(self._attributes["recipe"]["pictures"], str), "the recipe is no description")
            require(isinstance(self._attributes.get("warnings", []), list), "the warnings are no list")
        with reading(store.folder(self._colour) / "zarr.json"):
            require(isinstance(self._colour_attributes["recipe"], dict), "the recipe is no description")
        self._views: dict[str, NDArray[Any]] = {}
        self._brain: BrainActivation | None = None
        self._concepts: ConceptSet | None = None

    def __repr__(self) -> str:
        return f"Cut({self.name!r}, {self.index!r}, {self.eigenvectors.shape[1]} eigenvectors)"

    def _view(self, path: str) -> NDArray[Any]:
        if path not in self._views:
            with reading(self._store.folder(path.rpartition("/")[0]) / "zarr.json"):
                values = self._store.view(path)
            if not path.endswith("/eigenvalues") and len(values) != len(self.index):
                raise StudyError(f"{path} has {len(values)} rows, but the cut {len(self.index)} nodes; cut again.")
            self._views[path] = values
        return self._views[path]

    def bring(self) -> None:
        """Have at hand what a window shows of the cut, where the study is elsewhere; nothing is looked at."""
        arrays = [f"{self._group}/eigenvectors", f"{self._group}/eigenvalues"]
        arrays += [f"{self._colour}/embedding", f"{self._colour}/rgb"]
        place = self.attached(MAP)
        for path in arrays if place is None else [*arrays, f"{place}/places"]:
            self._store.files.bring_folder(self._store.folder(path))

    @property
    def group(self) -> str:
        """Name of the group that holds the eigenvectors, inside the group of all cuts."""
        return self._group.removeprefix(f"{CUTS}/")

    @property
    def recipe(self) -> dict[str, Any]:
        """How the cut was made: every parameter, versions, seeds, digests of features and pictures.

        The keys are ``cut`` and ``colour``, and ``map`` where there is one.
        """
        recipes = {"cut": self._attributes["recipe"], "colour": self._colour_attributes["recipe"]}
        place = self.attached(MAP)
        return recipes if place is None else {**recipes, "map": self._store.attributes(place)["recipe"]}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of this result, one sentence each."""
        with reading(self._store.folder(CUTS) / "zarr.json"):
            notes = [str(note) for note in self._store.attributes(CUTS).get(NOTES, {}).get(self.name, ())]
        return (*self._attributes.get("warnings", ()), *notes)

    @property
    def identity(self) -> str:
        """Names this result on disk: it changes whenever the cut is made anew in another way."""
        return f"{self._group}/{self._colour.rsplit('/', 1)[1]}"

    @property
    def eigenvectors(self) -> NDArray[np.float32]:
        """Eigenvectors of the normalised cut, float32 (N, C), one row per node, by descending eigenvalue."""
        return self._view(f"{self._group}/eigenvectors")

    @property
    def eigenvalues(self) -> NDArray[np.floating[Any]]:
        """Eigenvalues, (C,), descending."""
        return self._view(f"{self._group}/eigenvalues")

    @property
    def embedding(self) -> NDArray[np.float32]:
        """3-D spectral t-SNE, float32 (N, 3)."""
        return self._view(f"{self._colour}/embedding")

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """AlignedCut colours, uint8 (N, 3)."""
        return self._view(f"{self._colour}/rgb")

    @property
    def map2d(self) -> NDArray[np.float32] | None:
        """Planar spectral t-SNE, float32 (N, 2); None where it was not computed.

        See :func:`alignedcut_viewer.pipeline.spectral_map`. A map that was made since the cut was opened is found.
        """
        place = self.attached(MAP)
        return None if place is None else self._view(f"{place}/places")

    def attached(self, kind: str) -> str | None:
        """Where the study keeps what was made of this cut later, such as its map; None where there is none."""
        entry = self._store.attributes(CUTS)["current"].get(self.name, {})
        if f"{CUTS}/{entry.get('cut')}" != self._group or kind not in entry:
            return None
        return f"{self._group}/{entry[kind]}"

    @property
    def layered(self) -> LayeredRecord | None:
        """What a joint cut of many layers' graphs found out about each; None of an AlignedCut.

        See :func:`alignedcut_viewer.pipeline.layered_cut`.
        """
        found = self._attributes.get("layered")
        return None if found is None else LayeredRecord.from_dict(found)

    @property
    def agreement(self) -> LayeredRecord | None:
        """Agreement of every layer, head and pathway with a joint cut; of its own graphs alone where not computed.

        See :func:`alignedcut_viewer.pipeline.layered_agreement`. None of an AlignedCut.
        """
        place = self.attached(AGREEMENT)
        return self.layered if place is None else LayeredRecord.from_dict(self._store.attributes(place)["layered"])

    @property
    def placed(self) -> PlacedPictures | None:
        """The pictures that were placed in the cut after it was made; None where there are none.

        See :func:`alignedcut_viewer.pipeline.add_pictures`.
        """
        found = self._attributes.get(PLACED)
        return None if found is None else PlacedPictures.from_dict(found)

    @property
    def concepts(self) -> ConceptSet | None:
        """The concepts that were last discovered in the embedding; None where there are none.

        See :func:`alignedcut_viewer.pipeline.discover_concepts`. Those made since the cut was opened are found.
        """
        place = self.attached(CONCEPTS)
        if place is None:
            return None
        if self._concepts is None or self._concepts.identity != place:
            self._concepts = ConceptSet(self._store, place, self.index)
        return self._concepts

    @property
    def concept_sets(self) -> tuple[str, ...]:
        """Names of all concepts that were discovered in the embedding and not deleted, in their order."""
        return tuple(concept_sets(self._store, self.identity.removeprefix(f"{CUTS}/"), self.attached(CONCEPTS)))

    def concept_set(self, name: str) -> ConceptSet:
        """The concepts of that name; a StudyError if there are none."""
        sets = concept_sets(self._store, self.identity.removeprefix(f"{CUTS}/"), self.attached(CONCEPTS))
        if name not in sets:
            raise StudyError(f"The cut {self.name!r} has no concepts {name!r}; it has: {', '.join(sets) or 'none'}.")
        return ConceptSet(self._store, f"{self._group}/{sets[name]}", self.index)

    @property
    def concept_set_name(self) -> str | None:
        """Name of the concepts that are shown; None where there are none."""
        place = self.attached(CONCEPTS)
        if place is None:
            return None
        sets = concept_sets(self._store, self.identity.removeprefix(f"{CUTS}/"), place)
        return next(name for name, part in sets.items() if place.endswith(f"/{part}"))

    @property
    def brain_activation(self) -> BrainActivation | None:
        """Activation of brain regions by every node; None where it was not computed.

        See :func:`alignedcut_viewer.pipeline.brain_activation`.
        """
        if self._brain is None:
            self._brain = open_brain_activation(self._store, self._group, self.index)
        return self._brain

    # -- maps over the token grid --------------------------------------------------------------------------------

    def _map(self, values: NDArray[Any], network: str, layer: int, image: int) -> NDArray[Any]:
        grid = self.index.grid(network, layer)
        patches = np.asarray(values[self.index.patch_slice(network, layer, image)])
        return patches.reshape(grid.rows, grid.columns, *patches.shape[1:])

    def colour_map(self, network: str, layer: int, image: int) -> NDArray[np.uint8]:
        """Colours of one picture's patches at one layer, uint8 (rows, columns, 3).

        Raises
        ------
        InputError
            If network, layer or image are not part of the cut.
        """
        return self._map(self.rgb, network, layer, image)

    def eigenvector_map(self, network: str, layer: int, image: int) -> NDArray[np.float32]:
        """Eigenvectors on one picture's patches at one layer, float32 (rows, columns, C).

        Raises
        ------
        InputError
            If network, layer or image are not part of the cut.
        """
        return self._map(self.eigenvectors, network, layer, image)

    def label_map(
        self,
        network: str,
        layer: int,
        image: int,
        k: int,
        *,
        one_layer: bool = False,
        method: Literal["yu-shi", "kmeans"] = "yu-shi",
        seed: int = 0,
    ) -> NDArray[np.int32]:
        """Segments of one picture's patches at one layer, int32 (rows, columns) with values from 1 to `k`.

        These are the numbers that figures, the window and exported masks show; 0 is left for "no segment".

        Parameters
        ----------
        network, layer, image
            Which picture, where.
        k, method, seed
            As for :meth:`segments`.
        one_layer
            Whether this layer's nodes are segmented alone, by a graph of their own.

        Raises
        ------
        InputError
            If network, layer or image are not part of the cut.
        """
        patches = self.index.patch_slice(network, layer, image)
        slot = Slot(network, layer) if one_layer else None
        labels = self.segments(k, slot=slot, method=method, seed=seed)
        first = self.index.slot_slice(network, layer).start if one_layer else 0
        grid = self.index.grid(network, layer)
        own = np.asarray(labels[patches.start - first : patches.stop - first], dtype=np.int32)
        return own.reshape(grid.rows, grid.columns) + np.int32(1)

    # -- segments ------------------------------------------------------------------------------------------------

    def segments(
        self,
        k: int,
        *,
        slot: tuple[str, int] | None = None,
        method: Literal["yu-shi", "kmeans"] = "yu-shi",
        seed: int = 0,
        progress: ProgressCallback | None = None,
    ) -> NDArray[np.int32]:
        """Nodes in `k` segments, computed once and kept in the study where that may be written.

        Parameters
        ----------
        k
            Number of segments, at least 2.
        slot
            A (network, layer): only its nodes are cut, by a graph of their own with the same kernel, because the
            leading eigenvectors of the joint graph tell layers apart rather than parts of pictures. By default the
            joint graph is segmented, so that a segment has one meaning through all layers and networks.
        method, seed
            As for :func:`alignedcut_viewer.spectral.discretise`.
        progress
            Called while the segments are computed.

        Returns
        -------
        array
            Segment of each node (of each node of `slot`), int32, 0 to ``k - 1``.

        Raises
        ------
        InputError
            If `k` is below 2 or above the number of eigenvectors (of `slot`: of nodes), or `slot` is not part of the
            cut.
        """
        own = None if slot is None else Slot(slot[0], int(slot[1]))
        most = self.eigenvectors.shape[1] if own is None else _length(self.index.slot_slice(*own))
        if not 2 <= k <= most:
            what = f"{most} eigenvectors of the cut {self.name!r}" if own is None else f"{most} nodes of {own}"
            raise InputError(f"The number of segments must lie between 2 and the {what}; got {k}.")
        recipe = {"k": k, "slot": None if own is None else list(own), "method": method, "seed": seed}
        path = f"{self._group}/segments-{k}-{digest_of(recipe)[:8]}"
        if path in self._views:
            return self._views[path]
        if not self._store.intact(path):
            from ..spectral import discretise

            first = span(progress, 0.0, 0.8)
            eigenvectors = self.eigenvectors if own is None else self._eigenvectors_of(own, k, seed, first)
            found = discretise(eigenvectors, k, method=method, seed=seed, progress=span(progress, 0.8, 1.0))
            labels = np.asarray(found, dtype=np.int32)
            if not self._store.writable:
                self._views[path] = labels
                return labels
            with self._store.building(path, {"recipe": recipe}):
                self._store.save_array(f"{path}/labels", labels)
        self._views[path] = self._store.view(f"{path}/labels")
        return self._views[path]

    def _eigenvectors_of(self, slot: Slot, k: int, seed: int, progress: ProgressCallback) -> NDArray[np.float32]:
        """Leading eigenvectors of one layer's own graph, cut with the settings of the whole."""
        from ..spectral import NormalizedCut

        features = FeatureSet(self._store, slot.network)
        index = self.index.subset(networks=[slot.network], layers=[slot.layer])
        nodes = NodeFeatures({slot: features.tokens(slot.layer)}, {slot.network: features.class_token}, index)
        settings = self._attributes["recipe"].get("settings", {})
        options = {name: settings[name] for name in ("kernel", "gamma", "balance", "memory") if name in settings}
        eigenvectors: NDArray[np.float32] = NormalizedCut(k, seed=seed, **options).fit_transform(
            nodes, progress=progress
        )
        return eigenvectors


def _length(part: slice) -> int:
    return int(part.stop - part.start)
