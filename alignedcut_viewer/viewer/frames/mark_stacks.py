"""Frames that mark nodes on the pictures: outlines of the selections, and the mask above a threshold. No Qt."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...nodes import NodeIndex, Slot
from ..state.history import SELECTION_COLOURS, SELECTIONS
from ..state.node_values import NodeValues
from .picture_layout import PictureLayout
from .stacks import SlotStack, ValueStack

__all__ = ["MaskStack", "SelectionStack", "rgb_of"]

TINT = 60
GHOST = 110
POINTER = (255, 255, 255)
EDGE = (16, 16, 16)


def rgb_of(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of ``#RRGGBB``."""
    value = int(colour.lstrip("#"), 16)
    return value >> 16, value >> 8 & 255, value & 255


class _Marked(NamedTuple):
    """Chosen nodes, and the places on pictures that any of them stands on."""

    nodes: NDArray[np.int64]
    places: dict[Slot, NDArray[np.int64]]


class SelectionStack(SlotStack):
    """Outlines of chosen nodes; uint8 (networks, layers, pictures, height, width, 4), transparent elsewhere.

    A node of the layer that is looked at gets a strong outline and a tint of its selection's colour; the place of a
    node of another layer of the network gets a faint outline, so that it is not lost when the layer slider moves. What
    is pointed at gets a white outline.

    Parameters
    ----------
    index
        The nodes.
    layout
        Where the pictures lie, in the order of ``index.images``.
    """

    def __init__(self, index: NodeIndex, layout: PictureLayout) -> None:
        super().__init__(index, layout)
        self._marked: dict[str, _Marked] = {}
        self._pointed: int | None = None
        self._preview: tuple[str, NDArray[np.int64]] | None = None

    def mark(self, which: str, nodes: NDArray[np.int64]) -> None:
        """Outline these nodes, ascending, as a selection."""
        self._marked[which] = _Marked(nodes, self._places(nodes))
        self.forget()

    def preview(self, which: str, nodes: NDArray[np.int64] | None) -> None:
        """Outline what a drag would choose, or nothing any more."""
        self._preview = None if nodes is None else (which, nodes)
        self.forget()

    def point(self, node: int | None) -> bool:
        """Outline what is pointed at, or nothing; whether that is a change."""
        if node == self._pointed:
            return False
        self._pointed = node
        self.forget()
        return True

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see on any frame."""
        return self._pointed is None and self._preview is None and not any(len(m.nodes) for m in self._marked.values())

    def _places(self, nodes: NDArray[np.int64]) -> dict[Slot, NDArray[np.int64]]:
        """For each slot the places (picture × token) that hold a chosen node at any layer of the network, ascending."""
        places: dict[Slot, NDArray[np.int64]] = {}
        for network in self.index.networks:
            first = self.index.slot_slice(network.name, network.layers[0])
            last = self.index.slot_slice(network.name, network.layers[-1])
            begin, end = np.searchsorted(nodes, (first.start, last.stop))
            own, slots = nodes[begin:end], [Slot(network.name, layer) for layer in network.layers]
            if network.grids:  # layers of different resolution
                for slot in slots:
                    found = self.index.same_places(own, *slot) - self.index.slot_slice(*slot).start
                    places[slot] = np.unique(found)
                continue
            stood_on = np.zeros(first.stop - first.start, dtype=bool)
            stood_on[(own - first.start) % len(stood_on)] = True
            places.update(dict.fromkeys(slots, np.flatnonzero(stood_on)))
        return places

    def frame_of(self, slot: tuple[str, int], picture: int) -> NDArray[np.uint8]:
        """The outlines on one picture at one layer."""
        frame = np.zeros((self.layout.height, self.layout.width, 4), dtype=np.uint8)
        if self.is_empty:
            return frame
        patches = self.index.patch_slice(*slot, self.index.images[picture])
        offset = self.index.slot_slice(*slot).start
        for which in SELECTIONS:
            marked = self._marked.get(which)
            if marked is None or not len(marked.nodes):
                continue
            here = _within(marked.nodes, patches.start, patches.stop)
            anywhere = _within(marked.places[Slot(*slot)], patches.start - offset, patches.stop - offset)
            elsewhere = np.setdiff1d(anywhere, here, assume_unique=True)
            colour = rgb_of(SELECTION_COLOURS[which])
            self._outline(frame, picture, slot, elsewhere, colour, 1, GHOST, 0)
            self._outline(frame, picture, slot, here, colour, 3, 255, TINT)
        if self._preview is not None:
            which, nodes = self._preview
            inside = _within(nodes, patches.start, patches.stop)
            self._outline(frame, picture, slot, inside, rgb_of(SELECTION_COLOURS[which]), 3, 255, TINT)
        if self._pointed is not None and patches.start <= self._pointed < patches.stop:
            place = np.array([self._pointed - patches.start], dtype=np.int64)
            self._outline(frame, picture, slot, place, POINTER, 2, 255, 0)
        return frame

    def _outline(
        self,
        frame: NDArray[np.uint8],
        picture: int,
        slot: tuple[str, int],
        patches: NDArray[np.int64],
        colour: tuple[int, int, int],
        width: int,
        strength: int,
        tint: int,
    ) -> None:
        """Draw the border of a set of patches, numbered on their picture, and tint its inside."""
        if not patches.size:
            return
        grid = self.index.grid(*slot)
        chosen = np.zeros(grid.rows * grid.columns, dtype=np.uint8)
        chosen[patches] = 255
        box = self.layout.box(picture)
        # Lines as wide on a small canvas as on a large one.
        width = max(width * max(self.layout.height, self.layout.width) // 512, 1)
        placed = self.layout.spread_tokens(picture, chosen.reshape(grid.rows, grid.columns)) > 0
        rim = max(width // 2, 1)
        dark = _eroded(placed, rim)
        band = _eroded(dark, width)
        inside = _eroded(band, rim)
        target = frame[box.slices]
        if tint:
            target[inside] = np.where(target[inside][:, 3:] > tint, target[inside], (*colour, tint))
        # Dark rims, so that the colour stands out from any picture and any heat map.
        target[(placed & ~dark) | (band & ~inside)] = (*EDGE, strength)
        target[dark & ~band] = (*colour, strength)


class MaskStack(ValueStack):
    """Where values reach a threshold; uint8 (networks, layers, pictures, height, width), 1 inside and 0 outside.

    Parameters
    ----------
    index
        The nodes.
    layout
        Where the pictures lie, in the order of ``index.images``.
    values
        One number per node.
    threshold
        The least number inside.
    smooth
        Interpolate numbers between tokens before they are compared.
    """

    dtype = np.dtype(np.uint8)
    empty = 0

    def __init__(
        self, index: NodeIndex, layout: PictureLayout, values: NodeValues, threshold: float, *, smooth: bool = False
    ) -> None:
        super().__init__(index, layout, values, smooth=smooth)
        self.threshold = threshold

    def set(self, values: NodeValues, threshold: float, *, smooth: bool) -> None:
        """Compare other values, with another threshold."""
        self.threshold, self.smooth = threshold, smooth
        self.values = values

    def __getitem__(self, key: Any) -> Any:
        """Frames as of any stack; one network's are read no sooner than somebody wants their values.

        napari asks the first entry of labels for its type.
        """
        return _Network(self, int(key)) if isinstance(key, int | np.integer) else super().__getitem__(key)

    def frame_of(self, slot: tuple[str, int], picture: int) -> NDArray[np.uint8]:
        """The mask in the box of the picture."""
        with np.errstate(invalid="ignore"):
            return (super().frame_of(slot, picture) >= np.float32(self.threshold)).astype(np.uint8)


class _Network:
    """The masks of one network, unread."""

    def __init__(self, stack: MaskStack, network: int) -> None:
        self._stack, self._network = stack, network
        self.dtype, self.shape = stack.dtype, stack.shape[1:]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self._stack[(self._network,)], dtype=dtype)


def _eroded(placed: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """What is more than some pixels away from the border of a shape, and of the picture."""
    inside = np.zeros_like(placed)
    middle = slice(width, -width)
    inside[middle, middle] = (
        placed[middle, middle]
        & placed[2 * width :, middle]
        & placed[: -2 * width, middle]
        & placed[middle, 2 * width :]
        & placed[middle, : -2 * width]
    )
    return inside


def _within(ascending: NDArray[np.int64], first: int, stop: int) -> NDArray[np.int64]:
    """Numbers from `first` to before `stop`, counted from `first`."""
    begin, end = np.searchsorted(ascending, (first, stop))
    return ascending[begin:end] - first
