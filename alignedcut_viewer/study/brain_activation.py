"""What each node of a cut would do to the brain: regions for every node, voxels for any selection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..brain.centring import Centring, centring_info
from ..errors import AlignmentError, InputError
from ..nodes import NodeIndex
from .brain_sources import BrainSources, SourceBlocks
from .feature_set import FeatureSet

if TYPE_CHECKING:
    from ..brain.brain_space import RoiActivation
    from ..brain.cortex import CortexRaster
    from ..brain.rois import RoiTable
    from ..brain.voxel_map import VoxelMap
    from ..store import Store

__all__ = ["BRAIN_ACTIVATION", "BrainActivation", "open_brain_activation"]

BRAIN_ACTIVATION = "brain_activation"
_SIDES = ("", "lh", "rh")

FloatArray = NDArray[np.float32]


class BrainActivation:
    """Activation of regions and voxels by the nodes of a cut, ``U = V' · beta``, nodes × voxels never held whole.

    Obtained from :func:`alignedcut_viewer.pipeline.brain_activation` or
    :attr:`alignedcut_viewer.study.Cut.brain_activation`. Activations are in the units of the responses that the
    alignment was trained on, without its intercept; those of all nodes of a picture, summed over the layers and
    averaged over tokens, add up to the prediction but for a constant. The methods tell them about zero, where not
    asked otherwise, see :data:`~alignedcut_viewer.brain.centring.Centring`. Nodes of a joint cut take the activation of
    the aligned features at their own place and layer, those of the joint solution the mean over layers.

    Attributes
    ----------
    table : numpy.ndarray
        (N, n_rois) mean activation of each region by each node, less that of the offset which the alignment takes off
        the node's slot; half precision (single where half would lose it), mapped from disk. :meth:`rows` gives it
        about zero or a mean.
    names : tuple of str
        Regions in the order in which they are shown; see :func:`~alignedcut_viewer.brain.rois.display_order`.
    source : str
        Name of the brain data.
    simulated : bool
        Whether they were made up; whoever shows them says so.
    alignment : str or None
        Which alignment of the study led there, of a joint cut; an AlignedCut's is its own.
    roi_voxels : numpy.ndarray
        (n_rois,) number of voxels of each region.
    n_voxels : int
        Number of voxels; 0 where the alignment travelled with regions only.
    """

    def __init__(
        self,
        description: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        index: NodeIndex,
        features: Mapping[str, FeatureSet],
    ) -> None:
        """Take what the stage computed: a JSON-ready description, and arrays by name.

        Parameters
        ----------
        description
            ``rois``, ``source``, ``simulated``; of a joint cut ``sources``, as :class:`.BrainSources` tells them.
        arrays
            ``table``, ``roi_voxels``; of every slot ``slot_features`` (its mean aligned features) and
            ``slot_offsets`` (what its offset adds to each region); where voxels travel, ``beta`` (D', n_voxels),
            ``roi_masks``, ``hemisphere``, ``fsaverage_vertex``; ``map-I`` and ``bias-I`` of the I-th source, which
            is the I-th slot where ``sources`` are not given.
        index
            The nodes of the cut.
        features
            Feature sets of the sources.
        """
        self.names: tuple[str, ...] = tuple(description["rois"])
        self.source = str(description["source"])
        self.simulated = bool(description["simulated"])
        self.alignment: str | None = description.get("alignment")
        self.table: NDArray[Any] = arrays["table"]
        self.roi_voxels: NDArray[np.int64] = np.asarray(arrays["roi_voxels"], dtype=np.int64)
        self.index = index
        self._arrays, self._features = arrays, features
        self._sources = BrainSources.from_dict(description.get("sources"), index)
        self._beta: NDArray[Any] | None = arrays.get("beta")
        self.n_voxels = 0 if self._beta is None else int(self._beta.shape[1])

    def __repr__(self) -> str:
        return f"BrainActivation({self.title}: {len(self.table)} nodes, {len(self.names)} ROIs, {self.n_voxels} voxels)"

    def __len__(self) -> int:
        return len(self.table)

    @property
    def title(self) -> str:
        """Name of the brain data for window and figures; it says so where they are simulated."""
        named = self.simulated and "simulated" not in self.source.lower()
        return f"{self.source} (simulated)" if named else self.source

    @property
    def groups(self) -> tuple[str, ...]:
        """For each region the group that it stands in (``"face"``); regions of one group are neighbours."""
        from ..brain import roi_info

        return tuple(roi_info(name).group for name in self.names)

    @property
    def functions(self) -> tuple[str, ...]:
        """For each region what it is known to do, with its full name: text for tooltips."""
        from ..brain import roi_info

        found = [roi_info(name) for name in self.names]
        return tuple(f"{i.full_name}: {i.function}" if i.function else i.full_name for i in found)

    # -- regions -------------------------------------------------------------------------------------------------

    def summarise(self, nodes: ArrayLike, *, about: Centring = "zero", voxel_spread: bool = False) -> RoiActivation:
        """Mean and spread of each region's activation by some nodes; a few milliseconds for 100,000.

        Parameters
        ----------
        nodes
            Node numbers.
        about
            What activation is measured from.
        voxel_spread
            Also give the spread over each region's voxels, which takes :meth:`voxels`.

        Raises
        ------
        InputError
            If there is no node, a number is out of range, or there is no such centring.
        AlignmentError
            If the spread over voxels is asked for where only regions travelled.
        """
        from ..brain.brain_space import RoiActivation

        chosen = self._checked(nodes)
        # Deviations from one node, so that the variance keeps its digits where the mean is large.
        deviations: NDArray[np.float64] = self.rows(chosen, about=about).astype(np.float64)
        first = deviations[0].copy()
        deviations -= first
        mean = np.einsum("nr->r", deviations) / len(chosen)
        variance = np.einsum("nr,nr->r", deviations, deviations) / len(chosen) - mean**2
        spread = None
        if voxel_spread:
            values = self.voxels(chosen, about=about)
            masks = self._rois
            spread = np.array([values[masks.voxels(name)].std() for name in self.names], dtype=np.float32)
        return RoiActivation(
            self.names,
            (mean + first).astype(np.float32),
            np.sqrt(np.maximum(variance, 0)).astype(np.float32),
            spread,
            len(chosen),
        )

    def rows(self, nodes: ArrayLike, *, about: Centring = "zero") -> FloatArray:
        """(n, n_rois) activation of each region by some nodes.

        Parameters
        ----------
        nodes
            Node numbers.
        about
            What activation is measured from.

        Raises
        ------
        InputError
            If there is no node, a number is out of range, or there is no such centring.
        """
        chosen = self._checked(nodes)
        result: FloatArray = self.table[chosen].astype(np.float32)
        result -= self.centres(about)[self._slot_of(chosen)]
        return result

    def values(self, roi: str, *, about: Centring = "zero") -> FloatArray:
        """(N,) activation of one region by every node, for a heat map over the pictures.

        Raises
        ------
        InputError
            If there is no such region, or no such centring.
        """
        if roi not in self.names:
            raise InputError(f"There is no ROI {roi!r} here; there are: {', '.join(self.names) or 'none'}.")
        number = self.names.index(roi)
        result: FloatArray = np.array(self.table[:, number], dtype=np.float32)
        for centre, (_, part) in zip(self.centres(about)[:, number], self.index.iter_slots(), strict=True):
            result[part.start : part.stop] -= centre
        return result

    def centres(self, about: Centring) -> FloatArray:
        """(n_slots, n_rois): what :attr:`table` is lessened by, slot by slot, to tell activation about something.

        Raises
        ------
        InputError
            If there is no such centring.
        """
        centring_info(about)
        offsets = np.asarray(self._arrays["slot_offsets"], dtype=np.float32)
        if about == "zero":
            return offsets
        return self._slot_means if about == "layer" else offsets + self._mean_of_all

    @property
    def slot_means(self) -> dict[str, NDArray[Any]]:
        """What regions are lessened by beside offsets: ``slot_means`` (n_slots, n_rois), ``slot_shares`` (n_slots,)."""
        return {"slot_means": self._slot_means, "slot_shares": self._slot_shares}

    @cached_property
    def _slot_means(self) -> FloatArray:
        if "slot_means" in self._arrays:  # pictures that were placed in a cut do not move its means
            return np.asarray(self._arrays["slot_means"], dtype=np.float32)
        parts = [part for _, part in self.index.iter_slots()]
        means = [self.table[part.start : part.stop].mean(axis=0, dtype=np.float64) for part in parts]
        return np.asarray(means, dtype=np.float32)

    @cached_property
    def _mean_of_all(self) -> FloatArray:
        """(n_rois,) mean over all nodes of the cut, about zero."""
        about_zero = self._slot_means - np.asarray(self._arrays["slot_offsets"], dtype=np.float32)
        return (self._slot_shares @ about_zero.astype(np.float64)).astype(np.float32)

    @cached_property
    def _slot_shares(self) -> NDArray[np.float64]:
        """(n_slots,) share of all nodes that each slot has."""
        if "slot_shares" in self._arrays:
            return np.asarray(self._arrays["slot_shares"], dtype=np.float64)
        return np.asarray([part.stop - part.start for _, part in self.index.iter_slots()]) / len(self)

    def _slot_of(self, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Position of the slot of each node."""
        ends = np.asarray([part.stop for _, part in self.index.iter_slots()], dtype=np.int64)
        return np.searchsorted(ends, nodes, side="right")

    # -- voxels --------------------------------------------------------------------------------------------------

    def mean_features(self, nodes: ArrayLike) -> FloatArray:
        """(D',) mean of the aligned features of some nodes.

        Means commute with the linear maps, so that features are averaged as they lie on disk, and each layer's mean
        is mapped once.
        """
        chosen = np.sort(self._checked(nodes))
        total = np.zeros(self._arrays["slot_features"].shape[1], dtype=np.float64)
        for _, low, high, share, source, blocks in self._blocks(chosen):
            matrix = self._arrays[f"map-{source:03d}"]
            summed = np.zeros(matrix.shape[0], dtype=np.float64)
            for block in blocks:
                summed += np.ones(len(block), dtype=np.float32) @ block
            total += share * (summed @ matrix + (high - low) * self._arrays[f"bias-{source:03d}"])
        return (total / len(chosen)).astype(np.float32)

    def _blocks(self, nodes: NDArray[np.int64]) -> Iterator[SourceBlocks]:
        return self._sources.blocks(self.index, self._features, nodes)

    def aligned(self, nodes: ArrayLike, *, about: Centring = "zero") -> FloatArray:
        """(n, D') aligned features of some nodes, in ascending order of the nodes.

        Their product with beta is the activation of every voxel by every node; so take few.

        Raises
        ------
        InputError
            If there is no node, a number is out of range, or there is no such centring.
        """
        chosen = np.sort(self._checked(nodes))
        centres = self._centre_features(about).astype(np.float32)
        result = np.zeros((len(chosen), centres.shape[1]), dtype=np.float32)
        for number, low, high, share, source, blocks in self._blocks(chosen):
            offset = self._arrays[f"bias-{source:03d}"] - centres[number]
            mapped = np.concatenate(list(blocks)) @ self._arrays[f"map-{source:03d}"] + offset
            result[low:high] += np.float32(share) * mapped
        return result

    @property
    def hemisphere(self) -> NDArray[np.str_] | None:
        """(n_voxels,) ``"lh"``, ``"rh"`` or an empty text; None where that is not known."""
        numbers = self._arrays.get("hemisphere")
        return None if numbers is None else np.array(_SIDES)[numbers]

    def voxels(self, nodes: ArrayLike, *, about: Centring = "zero") -> FloatArray:
        """(n_voxels,) activation of every voxel by the mean of some nodes: one product with beta.

        Raises
        ------
        AlignmentError
            If only regions travelled with the alignment.
        InputError
            If there is no node, a number is out of range, or there is no such centring.
        """
        beta = self._voxel_beta
        chosen = self._checked(nodes)
        share = np.bincount(self._slot_of(chosen), minlength=len(self._slot_shares)) / len(chosen)
        centre = share @ self._centre_features(about)
        return (self.mean_features(chosen) - centre.astype(np.float32)) @ beta

    def _centre_features(self, about: Centring) -> NDArray[np.float64]:
        """(n_slots, D'): what aligned features are lessened by, as :meth:`centres` for regions."""
        centring_info(about)
        means = np.asarray(self._arrays["slot_features"], dtype=np.float64)
        if about == "layer":
            return means
        biases = [[self._arrays[f"bias-{source:03d}"] for source in sources] for sources in self._sources.parts]
        offsets = np.stack([np.mean(each, axis=0, dtype=np.float64) for each in biases])
        return offsets if about == "zero" else offsets + self._slot_shares @ (means - offsets)

    @property
    def has_cortex(self) -> bool:
        """Whether the voxels' places on the cortical surface are known."""
        return self._beta is not None and "fsaverage_vertex" in self._arrays

    @cached_property
    def voxel_map(self) -> VoxelMap:
        """From voxels to fsaverage; a second the first time.

        Raises
        ------
        AlignmentError
            If the places of the voxels are not known.
        """
        from ..brain import BrainDataset, PictureTable
        from ..brain.voxel_map import VoxelMap

        if not self.has_cortex:
            raise AlignmentError(
                f"{self.title} does not say where its voxels lie on the cortex, so that only its regions can be shown; "
                "train the alignment on data with fsaverage vertices, such as the Algonauts release, to see the cortex."
            )
        side: NDArray[np.str_] = np.array(_SIDES)[self._arrays["hemisphere"]]
        return VoxelMap(
            BrainDataset.build(
                self.source,
                PictureTable((), ()),
                np.zeros((0, self.n_voxels), dtype=np.float32),
                rois=self._rois,
                hemisphere=side,
                fsaverage_vertex=np.asarray(self._arrays["fsaverage_vertex"], dtype=np.int64),
                simulated=self.simulated,
            )
        )

    def cortex_values(self, nodes: ArrayLike, *, about: Centring = "zero") -> dict[str, FloatArray]:
        """Activation of the cortex by the mean of some nodes, as :meth:`~alignedcut_viewer.brain.CortexRaster.render`
        takes it.

        Parameters
        ----------
        nodes
            Node numbers.
        about
            What activation is measured from.

        Returns
        -------
        dict
            ``"lh"`` and ``"rh"`` to (163,842,) float32, NaN where there is no voxel.

        Raises
        ------
        AlignmentError
            If the places of the voxels are not known.
        """
        return self.voxel_map(self.voxels(nodes, about=about))

    def cortex_masks(self) -> dict[str, RoiTable]:
        """Regions as masks over fsaverage, for outlines; an AlignmentError where places are not known."""
        return self.voxel_map.masks(self._rois)

    def raster(self, **layout: Any) -> CortexRaster:
        """The raster that shows them, :func:`~alignedcut_viewer.brain.cortex_raster` with its parameters."""
        from ..brain.cortex import cortex_raster

        return cortex_raster(**layout)

    @cached_property
    def _rois(self) -> RoiTable:
        from ..brain.rois import RoiTable

        self._voxel_beta  # noqa: B018 - says so where only regions travelled
        masks = np.unpackbits(np.asarray(self._arrays["roi_masks"]), axis=1, count=self.n_voxels).astype(bool)
        return RoiTable(dict(zip(self.names, masks, strict=True)), self.n_voxels)

    @property
    def beta(self) -> FloatArray:
        """(D', n_voxels): from aligned features to voxels; an AlignmentError where only regions travelled."""
        return self._voxel_beta

    @property
    def _voxel_beta(self) -> FloatArray:
        if self._beta is None:
            raise AlignmentError(
                f"The alignment trained on {self.title} holds regions only; train it with `voxels` to see all voxels."
            )
        beta: FloatArray = self._beta
        return beta

    def _checked(self, nodes: ArrayLike) -> NDArray[np.int64]:
        chosen: NDArray[np.int64] = np.asarray(nodes).reshape(-1).astype(np.int64, copy=False)
        if not len(chosen):
            raise InputError("Brain activation needs at least one node; the selection is empty.")
        if chosen.min() < 0 or chosen.max() >= len(self):
            raise InputError(f"Node numbers must lie between 0 and {len(self) - 1}.")
        return chosen


def open_brain_activation(store: Store, cut: str, index: NodeIndex) -> BrainActivation | None:
    """What a study keeps with a cut, mapped from disk; None where it was not computed.

    Parameters
    ----------
    store
        The study's store.
    cut
        Group of the cut.
    index
        Nodes of the cut.
    """
    group = f"{cut}/{BRAIN_ACTIVATION}"
    if not store.exists(group):
        return None
    made = str(store.attributes(group).get("of", group))  # where pictures were placed: what they share with the cut
    if not store.exists(f"{made}/slot_offsets"):
        return None  # those of earlier versions lack what the choice of a centre needs, and are computed anew
    arrays = {name: store.view(f"{at}/{name}") for at in dict.fromkeys((made, group)) for name in store.groups(at)}
    description = store.attributes(group)
    sources = BrainSources.from_dict(description.get("sources"), index)
    features = {slot.network: FeatureSet(store, slot.network) for slot in sources.slots}
    return BrainActivation(description, arrays, index, features)
