"""The brain stage of a cut: what each of its nodes would do to each region, computed once and kept with the cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..alignment import BrainReadout, ChannelAlignment
from ..alignment.channel_alignment import read_description
from ..brain.rois import display_order
from ..errors import AlignmentError
from ..nodes import NodeIndex, Slot
from ..progress import ProgressCallback, report
from ..store import ALIGNMENTS
from ..study.brain_activation import BRAIN_ACTIVATION, BrainActivation, open_brain_activation
from ..study.brain_sources import BrainSources
from ..study.cut import Cut
from ..study.cut_names import CUTS
from ..study.node_features import NodeFeatures
from ..study.study import Study
from .alignment_stage import load_alignment

__all__ = ["activation_of", "brain_activation", "brain_sources", "has_readout", "to_regions"]

_BLOCK = 16_384
_SAMPLED = 2048
_SIDES = ("", "lh", "rh")
# Activations whose typical size lies outside of this are kept in single precision.
_HALF = (2.0**-8, 2.0**11)


def brain_activation(
    study: Study, cut_name: str = "default", progress: ProgressCallback | None = None
) -> BrainActivation:
    """Activation of brain regions by all nodes of a cut, through the very alignment that the cut was made with.

    A joint cut of what or where is made of queries, keys and values, which no alignment maps. Its nodes take the
    activation of the aligned features at their own place and layer, through the alignment of the first AlignedCut of
    the study, by name, that leads to the brain and covers its layers; those of the joint solution the mean over all
    layers with its token grid.

    Features are streamed once (twice for a joint cut), each layer's through the product of its map and the regions'
    mean of beta; nodes × voxels are never held. The result is kept with the cut; of a study that is open for reading
    only, it stays in memory.

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
        If the cut's alignment was not trained on brain data; of a joint cut, if no cut of the study leads there.
    StudyError
        If there is no such cut.
    """
    return activation_of(study, study.cut(cut_name), progress)


def activation_of(study: Study, cut: Cut, progress: ProgressCallback | None = None) -> BrainActivation:
    """As :func:`brain_activation`, of a cut that no name need stand for: one that pictures were placed in."""
    own = f"{CUTS}/{cut.group}/{BRAIN_ACTIVATION}"
    kept = None if study.writable and study.store.exists(own) and not study.store.intact(own) else cut.brain_activation
    found = brain_sources(study, cut)
    if kept is not None and (found is None or kept.alignment in (None, found[0])):
        report(progress, 1, 1, "Brain activation is there")
        return kept
    if found is None:
        raise AlignmentError(_nothing_leads_there(study, cut))
    name, sources = found
    alignment = load_alignment(study, name)
    readout = alignment.readout
    assert readout is not None
    names = display_order(readout.roi_names)
    order = [readout.roi_names.index(name) for name in names]
    fold = to_regions(alignment)
    streams = _streams(study, cut.index, sources, fold)
    shape, dtype = (len(cut.index), len(names)), _precision(streams)
    fold.clear()
    arrays = _voxel_arrays(readout, order) | _maps(alignment, sources)
    description: dict[str, Any] = {"rois": list(names), "source": readout.title, "simulated": readout.simulated}
    if cut.layered is not None:
        description |= {"alignment": name, "sources": sources.as_dict()}
    store = study.store
    if not store.writable:
        table = np.concatenate(list(_rows(streams, shape, dtype, progress)))
        arrays |= {"table": table, **fold.means(sources)}
        sets = {slot.network: study.network(slot.network) for slot in sources.slots}
        return BrainActivation(description, arrays, cut.index, sets)
    store.remove(own)  # through another alignment, or of an earlier version, which kept less
    with store.building(own, description):
        store.save_rows(f"{own}/table", shape, dtype, _rows(streams, shape, dtype, progress))
        arrays |= fold.means(sources)
        for name, values in arrays.items():
            store.save_array(f"{own}/{name}", values)
    result = open_brain_activation(store, f"{CUTS}/{cut.group}", cut.index)
    assert result is not None
    return result


def brain_sources(study: Study, cut: Cut) -> tuple[str, BrainSources] | None:
    """The alignment that leads from a cut to the brain, and from which features; None where there is none.

    Reads headers only.

    Parameters
    ----------
    study
        The study.
    cut
        One of its cuts.
    """
    record = cut.layered
    if record is None:
        name = cut.recipe["cut"].get("alignment")
        return (name, BrainSources.own(cut.index)) if _slots_with_readout(study, name) is not None else None
    layers = [slot for slot in cut.index.slots if slot.network != record.joint]
    for other in study.cuts:
        name = study.cut(other).recipe["cut"].get("alignment")
        known = _slots_with_readout(study, name)
        if known is None:
            continue
        found = [_same_places(study, cut.index, slot, record.sources[slot.network], known) for slot in layers]
        if None in found:
            continue
        sources = [slot for slot in found if slot is not None]
        finest = cut.index.grid(record.joint, 0)
        everywhere = [number for number, slot in enumerate(layers) if cut.index.grid(*slot) == finest]
        own = iter(range(len(layers)))
        parts = [everywhere if slot.network == record.joint else [next(own)] for slot in cut.index.slots]
        return name, BrainSources(sources, parts)
    return None


def _slots_with_readout(study: Study, alignment: str | None) -> set[Slot] | None:
    """The slots of an alignment that was trained on brain data; None of any other."""
    if alignment is None:
        return None
    try:
        description = read_description(study.store.chunk(f"{ALIGNMENTS}/{alignment}/safetensors"))
    except AlignmentError:
        return None
    return {Slot(s["network"], int(s["layer"])) for s in description["slots"]} if "readout" in description else None


def _same_places(study: Study, index: NodeIndex, slot: Slot, network: str, known: set[Slot]) -> Slot | None:
    """A layer's features on the same token grid, of all pictures of an index, that an alignment knows."""
    grid, n_images = index.grid(*slot), len(study.pictures)
    for name, features in study.networks.items():
        if features.network != network or Slot(name, slot.layer) not in known:
            continue
        own = features.grid(slot.layer)
        if (own.rows, own.columns) == (grid.rows, grid.columns) and (
            features.complete(slot.layer, n_images)[list(index.images)].all()
        ):
            return Slot(name, slot.layer)
    return None


def has_readout(study: Study, alignment: str | None) -> bool:
    """Whether an alignment that the study holds was trained on brain data."""
    return _slots_with_readout(study, alignment) is not None


def _nothing_leads_there(study: Study, cut: Cut) -> str:
    how_to = (
        "Train one on brain data (`alignedcut align STUDY --brain DATA --out FILE`, or alignment “brain” in the Study "
        "panel) and cut again with it; `alignedcut simulate-brain` makes data to try it with."
    )
    if cut.layered is not None:
        networks = ", ".join(dict.fromkeys(cut.layered.sources[name] for name in cut.layered.sources))
        return (
            f"The joint cut {cut.name!r} of {study.path} has no way to the brain: no AlignedCut of {networks} at these "
            f"layers, pictures and input sizes has an alignment that leads there. {how_to}"
        )
    name = cut.recipe["cut"]["alignment"]
    kind = "an alignment" if name is None else f"an alignment of the kind {load_alignment(study, name).kind!r}"
    made = f"without {kind}" if name is None else f"with {kind}"
    return f"The cut {cut.name!r} of {study.path} was made {made}, which does not lead to the brain. {how_to}"


def _streams(study: Study, index: NodeIndex, sources: BrainSources, fold: _Folded) -> list[list[NodeFeatures]]:
    """For each slot of an index what its sources do to each region, node by node."""
    found = []
    for slot, part in zip(index.slots, sources.parts, strict=True):
        kept = index.network(slot.network).class_token
        nodes = []
        for name, layer in (sources.slots[source] for source in part):
            nodes.append(replace(study.network(name).nodes((layer,), kept), name=name))
        found.append([study.node_features(NodeIndex([each], index.images), fold) for each in nodes])
    return found


def _precision(streams: Sequence[Sequence[NodeFeatures]]) -> np.dtype[Any]:
    """Half, where it holds values of the size that a sample of them has."""
    squares, n_values = 0.0, 0
    for stream, *_ in streams:
        n_sampled = min(len(stream), max(_SAMPLED // len(streams), 1))
        sample = stream.rows(np.linspace(0, len(stream) - 1, n_sampled).astype(np.int64))
        squares, n_values = squares + float(np.square(sample, dtype=np.float64).sum()), n_values + sample.size
    typical = np.sqrt(squares / n_values) if n_values else 1.0
    return np.dtype(np.float16 if _HALF[0] <= typical <= _HALF[1] else np.float32)


def to_regions(alignment: ChannelAlignment) -> _Folded:
    """An alignment with a readout and its regions' mean of beta in one: features to regions in their order of display.

    Raises
    ------
    AlignmentError
        If it does not lead to the brain.
    """
    readout = alignment.readout
    if readout is None:
        raise AlignmentError(f"An alignment of the kind {alignment.kind!r} does not lead to the brain.")
    order = [readout.roi_names.index(name) for name in display_order(readout.roi_names)]
    return _Folded(alignment, readout.roi_beta[order].T)


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

    def means(self, sources: BrainSources) -> dict[str, NDArray[np.float32]]:
        """Of every slot: the mean of its aligned features (D',), and what its offset does to each region."""
        features = [
            self.totals[slot] @ self._alignment.matrix(slot) / self.counts[slot] + self._alignment.bias(slot)
            for slot in sources.slots
        ]
        offsets = [self._biases[slot] for slot in sources.slots]
        return {
            "slot_features": _mean_of_parts(features, sources.parts),
            "slot_offsets": _mean_of_parts(offsets, sources.parts),
        }


def _mean_of_parts(values: Sequence[NDArray[Any]], parts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    return np.stack([np.mean([values[source] for source in part], axis=0) for part in parts]).astype(np.float32)


def _rows(
    streams: Sequence[Sequence[NodeFeatures]],
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    progress: ProgressCallback | None,
) -> Iterator[NDArray[Any]]:
    limit, done = np.finfo(dtype).max, 0
    for sources in streams:
        for together in zip(*(stream.chunks(_BLOCK) for stream in sources), strict=True):
            block = together[0][1] if len(together) == 1 else np.mean([rows for _, rows in together], axis=0)
            yield np.clip(block, -limit, limit).astype(dtype)
            done += len(block)
            report(progress, done, shape[0], "Brain activation")


def _maps(alignment: ChannelAlignment, sources: BrainSources) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for number, slot in enumerate(sources.slots):
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
