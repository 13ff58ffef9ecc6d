"""The brain stage of a cut: what each of its nodes would do to each region, computed once and kept with the cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..alignment import BrainReadout, ChannelAlignment
from ..brain.rois import display_order
from ..errors import AlignmentError
from ..nodes import Slot
from ..progress import ProgressCallback, report
from ..study.brain_activation import BRAIN_ACTIVATION, BrainActivation
from ..study.cut import Cut
from ..study.cut_names import CUTS
from ..study.study import Study
from .alignment_stage import load_alignment

__all__ = ["brain_activation", "has_readout"]

_BLOCK = 16_384
_SIDES = ("", "lh", "rh")
# Activations whose typical size lies outside of this are kept in single precision.
_HALF = (2.0**-8, 2.0**11)


def brain_activation(
    study: Study, cut_name: str = "default", progress: ProgressCallback | None = None
) -> BrainActivation:
    """Activation of brain regions by all nodes of a cut, through the very alignment that the cut was made with.

    Features are streamed once, each layer's through the product of its map and the regions' mean of beta; nodes ×
    voxels are never held. The result is kept with the cut; of a study that is open for reading only, it stays in
    memory.

    Parameters
    ----------
    study
        The study.
    cut_name
        Name of the cut.
    progress
        Called all along.

    Returns
    -------
    BrainActivation
        Regions of every node, and voxels of any selection.

    Raises
    ------
    AlignmentError
        If the cut's alignment was not trained on brain data.
    StudyError
        If there is no such cut.
    """
    cut = study.cut(cut_name)
    own = f"{CUTS}/{cut.group}/{BRAIN_ACTIVATION}"
    kept = None if study.writable and study.store.exists(own) and not study.store.intact(own) else cut.brain_activation
    if kept is not None:
        report(progress, 1, 1, "Brain activation is there")
        return kept
    alignment = _alignment_of(study, cut)
    readout = alignment.readout
    assert readout is not None
    names = display_order(readout.roi_names)
    order = [readout.roi_names.index(name) for name in names]
    fold = _Folded(alignment, readout.roi_beta[order].T)
    features = study.node_features(cut.index, fold)
    arrays = _voxel_arrays(readout, order) | _maps(alignment, cut)
    description = {"rois": list(names), "source": readout.title, "simulated": readout.simulated}
    sample = features.rows(np.linspace(0, len(features) - 1, min(len(features), 2048)).astype(np.int64))
    typical = float(np.sqrt(np.square(sample, dtype=np.float64).mean())) if sample.size else 1.0
    dtype = np.dtype(np.float16 if _HALF[0] <= typical <= _HALF[1] else np.float32)
    fold.clear()
    store = study.store
    if not store.writable:
        table = np.concatenate(list(_rows(features, dtype, progress)))
        arrays |= {"table": table, **fold.means(cut.index.slots)}
        sets = {network.name: study.network(network.name) for network in cut.index.networks}
        return BrainActivation(description, arrays, cut.index, sets)
    group = f"{CUTS}/{store.attributes(CUTS)['current'][cut_name]['cut']}/{BRAIN_ACTIVATION}"
    store.remove(group)  # of an earlier version, which kept less
    with store.building(group, description):
        store.save_rows(f"{group}/table", features.shape, dtype, _rows(features, dtype, progress))
        arrays |= fold.means(cut.index.slots)
        for name, values in arrays.items():
            store.save_array(f"{group}/{name}", values)
    result = study.cut(cut_name).brain_activation
    assert result is not None
    return result


def has_readout(study: Study, alignment: str | None) -> bool:
    """Whether an alignment that the study holds was trained on brain data."""
    return alignment is not None and load_alignment(study, alignment).readout is not None


def _alignment_of(study: Study, cut: Cut) -> ChannelAlignment:
    name = cut.recipe["cut"]["alignment"]
    alignment = None if name is None else load_alignment(study, name)
    if alignment is not None and alignment.readout is not None:
        return alignment
    how = "without an alignment" if alignment is None else f"with an alignment of the kind {alignment.kind!r}"
    raise AlignmentError(
        f"The cut {cut.name!r} of {study.path} was made {how}, which does not lead to the brain. Train one on brain "
        "data (`alignedcut align STUDY --brain DATA --out FILE`, or alignment “brain” in the Study panel) and cut "
        "again with it; `alignedcut simulate-brain` makes data to try it with."
    )


class _Folded:
    """The product of each slot's map and the regions' mean of beta, as an alignment; adds up the features it meets."""

    def __init__(self, alignment: ChannelAlignment, roi_beta: NDArray[np.float32]) -> None:
        self.n_channels = int(roi_beta.shape[1])
        self.totals: dict[Slot, NDArray[np.float64]] = {}
        self.counts: dict[Slot, int] = {}
        self._alignment = alignment
        self._matrices = {slot: alignment.matrix(slot) @ roi_beta for slot in alignment.slots}
        self._biases = {slot: alignment.bias(slot) @ roi_beta for slot in alignment.slots}

    def transform(self, slot: tuple[str, int], X: Any) -> NDArray[np.float32]:
        known = Slot(*slot)
        block: NDArray[np.float32] = np.asarray(X, dtype=np.float32)
        summed = np.ones(len(block), dtype=np.float32) @ block
        if known not in self.totals:
            self.totals[known], self.counts[known] = np.zeros(block.shape[1]), 0
        self.totals[known] += summed
        self.counts[known] += len(block)
        activation: NDArray[np.float32] = block @ self._matrices[known] + self._biases[known]
        return activation

    def clear(self) -> None:
        """Forget the features met so far."""
        self.totals.clear()
        self.counts.clear()

    def means(self, slots: list[Slot]) -> dict[str, NDArray[np.float32]]:
        """Of every slot: the mean of its aligned features (D',), and what its offset does to each region."""
        features = np.empty((len(slots), self._alignment.n_channels), dtype=np.float32)
        for row, slot in zip(features, slots, strict=True):
            row[:] = self.totals[slot] @ self._alignment.matrix(slot) / self.counts[slot] + self._alignment.bias(slot)
        return {"slot_features": features, "slot_offsets": np.stack([self._biases[slot] for slot in slots])}


def _rows(features: Any, dtype: np.dtype[Any], progress: ProgressCallback | None) -> Iterator[NDArray[Any]]:
    limit = np.finfo(dtype).max
    for start, block in features.chunks(_BLOCK):
        yield np.clip(block, -limit, limit).astype(dtype)
        report(progress, start + len(block), len(features), "Brain activation")


def _maps(alignment: ChannelAlignment, cut: Cut) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for number, slot in enumerate(cut.index.slots):
        arrays[f"map-{number:03d}"] = alignment.matrix(slot)
        arrays[f"bias-{number:03d}"] = alignment.bias(slot)
    return arrays


def _voxel_arrays(readout: BrainReadout, order: list[int]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {"roi_voxels": readout.roi_voxels[order]}
    if readout.beta is None or readout.rois is None:
        return arrays
    arrays["beta"] = readout.beta
    if order:
        masks = np.stack([readout.rois.mask(readout.roi_names[number]) for number in order])
        arrays["roi_masks"] = np.packbits(masks, axis=1)
    else:
        arrays["roi_masks"] = np.zeros((0, -(-readout.n_voxels // 8)), dtype=np.uint8)
    if readout.hemisphere is not None:
        sides = [_SIDES.index(str(side)) for side in readout.hemisphere]
        arrays["hemisphere"] = np.array(sides, dtype=np.uint8)
    if readout.hemisphere is not None and readout.fsaverage_vertex is not None:
        arrays["fsaverage_vertex"] = np.asarray(readout.fsaverage_vertex, dtype=np.int32)
    return arrays
