"""What brain-guided alignment is trained on: pooled features and responses of pictures, and sampled nodes.

Averaging over tokens commutes with the linear maps, ``mean(V_i W_i) = mean(V_i) W_i``, so the brain term of the loss
needs only one pooled vector a picture and slot. The other terms need only sampled nodes. What a network says of ten
thousand pictures shrinks from hundreds of gigabytes to one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..brain.arrays import release_pages
from ..brain.dataset import SubjectPart
from ..brain.subjects import kept_apart
from ..errors import FeatureError, InputError
from ..nodes import Slot

__all__ = ["BrainSamples", "SelectedColumns", "SelectedRows"]

_BLOCK_BYTES = 64 * 2**20
_MAPPED_BYTES = 512 * 2**20
_PAGES = 64 * 2**10  # what the system maps at once around a place that is read


@dataclass(frozen=True, eq=False)
class BrainSamples:
    """Features and responses of the same pictures.

    Parameters
    ----------
    pooled
        For each slot the mean over all tokens (class token included, as in the paper), array-like
        (n_pictures, D_i); memory maps are read in blocks of rows.
    nodes
        For each slot features of sampled nodes, array-like (n_nodes, D_i); the number may differ between slots.
    responses
        Array-like (n_pictures, n_voxels); may be memory-mapped.
    corresponding
        Whether row k of the nodes is the same place of the same picture in every slot.
    pictures
        Which picture each row of pooled features and responses is of, int (n_pictures,); None where each row is a
        picture of its own. Rows of one picture are never parted between training and validation.
    node_pictures
        Which picture each node is of, in the numbers of `pictures`, int (n_nodes,), the same in all slots; None where
        that is not known. Training leaves the nodes of other pictures than its own alone.
    offsets
        For some or all slots what is taken from every feature when it is read, (D_i,); see :meth:`centred`.
    subjects
        Voxels and pictures of each person, where people saw different pictures; responses to other pictures are not
        looked at. Empty where everybody saw all.

    Raises
    ------
    InputError
        If slots, pictures or widths do not fit together.
    """

    pooled: Mapping[Slot, Any]
    nodes: Mapping[Slot, Any]
    responses: Any
    corresponding: bool = False
    pictures: NDArray[np.int64] | None = None
    node_pictures: NDArray[np.int64] | None = None
    offsets: Mapping[Slot, NDArray[np.float32]] = field(default_factory=dict)
    subjects: Sequence[SubjectPart] = ()
    _mapped: list[int] = field(default_factory=lambda: [0], init=False, repr=False)

    def __post_init__(self) -> None:
        pooled = {Slot(*slot): array for slot, array in self.pooled.items()}
        nodes = {Slot(*slot): array for slot, array in self.nodes.items()}
        if not pooled:
            raise InputError("Brain-guided alignment needs the features of at least one slot (network, layer).")
        if list(pooled) != list(nodes):
            odd = sorted(map(str, set(pooled) ^ set(nodes))) or ["their order"]
            raise InputError(f"Pooled features and nodes must be of the same slots; they differ in {', '.join(odd)}.")
        if len(self.responses.shape) != 2:
            raise InputError(f"Responses must be pictures × voxels; their shape is {tuple(self.responses.shape)}.")
        n_pictures = int(self.responses.shape[0])
        for slot, array in pooled.items():
            if len(array.shape) != 2 or array.shape[0] != n_pictures:
                raise InputError(
                    f"Pooled features of slot {slot} have shape {tuple(array.shape)}; there are responses to "
                    f"{n_pictures} pictures. Each picture needs one row of both."
                )
            if len(nodes[slot].shape) != 2 or nodes[slot].shape[1] != array.shape[1] or not nodes[slot].shape[0]:
                raise InputError(
                    f"Nodes of slot {slot} have shape {tuple(nodes[slot].shape)}; they need {array.shape[1]} channels."
                )
        if self.corresponding and len({int(array.shape[0]) for array in nodes.values()}) != 1:
            raise InputError("Nodes at corresponding places must be equally many in all slots.")
        if self.pictures is not None and len(self.pictures) != n_pictures:
            raise InputError(f"There are responses to {n_pictures} pictures, but {len(self.pictures)} picture numbers.")
        if self.node_pictures is not None:
            for slot, array in nodes.items():
                if array.shape[0] != len(self.node_pictures):
                    raise InputError(
                        f"Slot {slot} has {array.shape[0]} nodes, but there are {len(self.node_pictures)} picture "
                        "numbers of nodes."
                    )
        if self.subjects and sum(len(part.voxels) for part in self.subjects) != self.responses.shape[1]:
            raise InputError("Every voxel must be of one of the subjects.")
        object.__setattr__(self, "pooled", pooled)
        object.__setattr__(self, "nodes", nodes)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The (network, layer) pairs, in their order."""
        return tuple(self.pooled)

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of channels of each slot."""
        return tuple(int(array.shape[1]) for array in self.pooled.values())

    @property
    def slices(self) -> dict[Slot, slice]:
        """Where each slot lies in the channels of all slots side by side."""
        stops = np.cumsum(self.widths)
        return {
            slot: slice(int(stop) - width, int(stop))
            for slot, width, stop in zip(self.slots, self.widths, stops, strict=True)
        }

    @property
    def n_pictures(self) -> int:
        """Number of pictures."""
        return int(self.responses.shape[0])

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return int(self.responses.shape[1])

    def by_subject(
        self, *rows: NDArray[np.int64]
    ) -> Iterator[tuple[slice | NDArray[np.int64], BrainSamples, tuple[NDArray[np.int64], ...]]]:
        """Each person's voxels, the samples with these alone, and which of `rows` the person saw.

        Where everybody saw all pictures, this is one person with all voxels.
        """
        if not self.subjects:
            yield slice(None), self, rows
            return
        for part in self.subjects:
            own = replace(self, responses=SelectedColumns(self.responses, part.voxels), subjects=())
            yield part.voxels, own, tuple(given[np.isin(given, part.rows)] for given in rows)

    @property
    def picture_numbers(self) -> NDArray[np.int64]:
        """Which picture each row is of, (n_pictures,)."""
        return np.arange(self.n_pictures) if self.pictures is None else np.asarray(self.pictures, dtype=np.int64)

    def split(self, validation: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows to train on, and a share of the pictures to choose by; rows of one picture stay together.

        Raises
        ------
        InputError
            If there are too few pictures, of one person or at all.
        """
        n_pictures = len(np.unique(self.picture_numbers))
        apart = kept_apart(self.picture_numbers, validation, [seed, 0], self.subjects, least=2)
        if len(np.unique(self.picture_numbers[~apart])) < 2:
            raise InputError(f"Brain-guided alignment needs more than {n_pictures} pictures.")
        train, held_out = np.flatnonzero(~apart), np.flatnonzero(apart)
        for part in self.subjects:
            if min(np.isin(rows, part.rows).sum() for rows in (train, held_out)) < 2:
                raise InputError(f"{part.name} saw too few of the pictures: training and validation need two each.")
        return train, held_out

    def trained_on(self, rows: NDArray[np.int64]) -> BrainSamples:
        """The same with the nodes of the pictures of some rows alone, where it is known whose they are.

        Raises
        ------
        InputError
            If none is left.
        """
        if self.node_pictures is None:
            return self
        kept = np.flatnonzero(np.isin(self.node_pictures, self.picture_numbers[rows]))
        if not len(kept):
            raise InputError("None of the nodes is of a picture that is trained on; sample more of them.")
        if len(kept) == len(self.node_pictures):
            return self
        nodes = {slot: SelectedRows(array, kept) for slot, array in self.nodes.items()}
        return replace(self, nodes=nodes, node_pictures=np.asarray(self.node_pictures)[kept])

    def centred(self, rows: NDArray[np.int64] | None = None) -> BrainSamples:
        """The same, with the mean of all tokens of a slot taken from its features.

        That is the mean of the pooled features, since every picture has as many tokens.

        Parameters
        ----------
        rows
            Pictures to take the mean of; None takes all.

        Raises
        ------
        FeatureError
            If a value is NaN or infinite.
        """
        rows = np.arange(self.n_pictures) if rows is None else rows
        bare = replace(self, offsets={})
        total = np.zeros(sum(self.widths))
        for block in self.row_blocks(rows):
            total += bare.stacked(block).sum(axis=0, dtype=np.float64)
        mean = (total / len(rows)).astype(np.float32)
        return replace(self, offsets={slot: mean[part] for slot, part in self.slices.items()})

    def sampled(self, slot: Slot, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        """Some nodes of a slot, less its offset, float32 (rows, D_i)."""
        nodes = np.asarray(self.nodes[slot][rows], dtype=np.float32)
        return nodes - self.offsets[slot] if slot in self.offsets else nodes

    def stacked(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Pooled features of some pictures, less the offsets, all slots side by side, float32 (rows, sum D_i).

        Raises
        ------
        FeatureError
            If a value is NaN or infinite.
        """
        rows = np.asarray(rows, dtype=np.int64)
        ascending = np.argsort(rows, kind="stable")
        back = np.empty_like(ascending)
        back[ascending] = np.arange(len(rows))
        stacked = np.empty((len(rows), sum(self.widths)), dtype=np.float32)
        for slot, part in self.slices.items():
            stacked[:, part] = np.asarray(self.pooled[slot][rows[ascending]])[back]
            if not np.isfinite(stacked[:, part]).all():
                bad = int(rows[~np.isfinite(stacked[:, part]).all(axis=1)][0])
                raise FeatureError(f"Pooled features of slot {slot} hold NaN or infinite values, first in row {bad}.")
            if slot in self.offsets:
                stacked[:, part] -= self.offsets[slot]
        self._release(len(rows) * sum(max(4 * width, _PAGES) for width in self.widths))
        return stacked

    def measured(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Responses to some pictures, float32 (rows, n_voxels); NaN to those that a person did not see.

        Raises
        ------
        InputError
            If a value is NaN or infinite; picture and voxel are named.
        """
        rows = np.asarray(rows, dtype=np.int64)
        ascending = np.argsort(rows, kind="stable")
        back = np.empty_like(ascending)
        back[ascending] = np.arange(len(rows))
        block: NDArray[np.float32] = np.asarray(self.responses[rows[ascending]], dtype=np.float32)[back]
        wanted = np.isfinite(block)
        for part in self.subjects:
            others = np.flatnonzero(~np.isin(rows, part.rows))
            block[np.ix_(others, part.voxels)] = np.nan
            wanted[np.ix_(others, part.voxels)] = True
        if not wanted.all():
            picture, voxel = np.argwhere(~wanted)[0]
            raise InputError(
                f"The response of voxel {voxel} to picture {rows[picture]} is NaN or infinite. Leave such voxels out."
            )
        self._release(len(rows) * max(4 * self.n_voxels, _PAGES))
        return block

    def _release(self, n_bytes: int) -> None:
        """Give pages of mapped files back from time to time, which would otherwise all count as memory of ours."""
        self._mapped[0] += n_bytes
        if self._mapped[0] > _MAPPED_BYTES:
            self._mapped[0] = 0
            for array in (*self.pooled.values(), *self.nodes.values(), self.responses):
                release_pages(array)

    def row_blocks(self, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Rows in pieces that are small enough to be held, ascending if `rows` are."""
        bytes_a_row = 4 * (self.n_voxels + sum(self.widths))
        count = max(1, _BLOCK_BYTES // bytes_a_row)
        return [rows[start : start + count] for start in range(0, len(rows), count)]


class SelectedRows:
    """Some rows of an array on disk, which stay there.

    Parameters
    ----------
    array
        Array-like (n, D).
    rows
        Row numbers.
    """

    def __init__(self, array: Any, rows: NDArray[np.int64]) -> None:
        self._array, self._rows = array, rows
        self.shape = (len(rows), int(array.shape[1]))
        self.dtype = array.dtype

    def __getitem__(self, key: Any) -> NDArray[Any]:
        return np.asarray(self._array[self._rows[key]])

    def release(self) -> None:
        """Give back the pages of the file."""
        release_pages(self._array)


class SelectedColumns:
    """Some columns of an array on disk, which stay there.

    Parameters
    ----------
    array
        Array-like (n, n_voxels).
    columns
        Column numbers.
    """

    def __init__(self, array: Any, columns: NDArray[np.int64]) -> None:
        self._array, self._columns = array, columns
        self.shape = (int(array.shape[0]), len(columns))
        self.dtype = array.dtype

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        if isinstance(self._array, np.ndarray):
            return np.asarray(self._array[rows])[:, self._columns]
        return np.asarray(self._array[rows, self._columns])

    def release(self) -> None:
        """Give back the pages of the file."""
        release_pages(self._array)
