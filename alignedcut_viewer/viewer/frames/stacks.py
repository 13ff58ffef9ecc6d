"""Stacks that napari slices: frames are made when they are looked at, never the whole stack.

The axes of the window are (network, layer, picture, y, x). Pictures fill the last three, colours all five, so
that one slider moves both.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...errors import AlignedCutError, InputError
from ...nodes import NodeIndex
from ..state.node_values import NodeValues
from .picture_layout import PictureLayout

__all__ = ["AXES", "ColourStack", "FrameStack", "NodeStack", "PictureStack", "SlotStack", "TokenColours", "ValueStack"]

Held = TypeVar("Held")
AXES = ("network", "layer", "picture", "y", "x")
CACHE_BYTES = 192 * 2**20
LARGEST_READ = 512 * 2**20
MOST_FRAMES = 256


class TokenColours(Protocol):
    """What a cut gives to the colour stack."""

    index: NodeIndex

    def colour_map(self, network: str, layer: int, image: int) -> NDArray[np.uint8]:
        """RGB of the tokens of one picture at one slot: uint8 (rows, columns, 3)."""


class FrameStack:
    """An array of frames, each made on demand and kept for a while.

    Parameters
    ----------
    leading
        Lengths of the axes before y and x.
    layout
        The canvas that all frames share.

    Attributes
    ----------
    shape
        `leading` + (height, width, 4), or without the last axis where frames hold one value a pixel.
    dtype
        uint8 of colours; subclasses may say otherwise.
    """

    dtype: np.dtype[Any] = np.dtype(np.uint8)
    channels: tuple[int, ...] = (4,)

    def __init__(self, leading: Sequence[int], layout: PictureLayout) -> None:
        self.layout = layout
        self.shape: tuple[int, ...] = (*(int(n) for n in leading), layout.height, layout.width, *self.channels)
        self._frames: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def ndim(self) -> int:
        """Number of axes, the colour channels included."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values in the stack."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def make_frame(self, *position: int) -> NDArray[Any]:
        """The frame at a position on the leading axes: (height, width, 4), or (height, width)."""
        raise NotImplementedError

    def frame(self, *position: int) -> NDArray[Any]:
        """The frame at a position, from the cache where it is there."""
        with self._lock:
            if position in self._frames:
                self._frames.move_to_end(position)
                return self._frames[position]
        made = self.make_frame(*position)
        made.flags.writeable = False
        with self._lock:
            self._frames[position] = made
            room = max(CACHE_BYTES // made.nbytes, 2)
            while len(self._frames) > room:
                self._frames.popitem(last=False)
        return made

    def forget(self) -> None:
        """Drop all cached frames."""
        with self._lock:
            self._frames.clear()

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = key if isinstance(key, tuple) else (key,)
        if Ellipsis in [k if k is Ellipsis else None for k in keys]:
            at = next(i for i, k in enumerate(keys) if k is Ellipsis)
            missing = self.ndim - (len(keys) - 1)
            keys = (*keys[:at], *([slice(None)] * missing), *keys[at + 1 :])
        if len(keys) > self.ndim:
            raise IndexError(f"{len(keys)} indices for a stack of {self.ndim} axes")
        keys = (*keys, *([slice(None)] * (self.ndim - len(keys))))
        n_leading = self.ndim - 2 - len(self.channels)
        chosen = [np.arange(n)[k] for n, k in zip(self.shape, keys[:n_leading], strict=False)]
        inside = keys[n_leading:]
        kept = [np.atleast_1d(positions) for positions in chosen]
        n_frames = int(np.prod([positions.size for positions in kept], dtype=np.int64))
        sample = np.broadcast_to(self.dtype.type(0), self.shape[n_leading:])[inside]
        if n_frames > 1 and (n_frames > MOST_FRAMES or n_frames * sample.nbytes > LARGEST_READ):
            raise InputError(
                f"That would read {n_frames} pictures at once; show them one at a time in the 2-D view "
                "(the 3-D view and rolled axes need all of them in memory)."
            )
        frames = [self.frame(*map(int, position))[inside] for position in product(*kept)]
        outer = [positions.size for positions in chosen if positions.ndim]
        if not outer and len(frames) == 1:
            return frames[0]
        if not frames:
            return np.zeros((*outer, *sample.shape), dtype=self.dtype)
        return np.stack(frames).reshape((*outer, *sample.shape))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)


class PictureStack(FrameStack):
    """Pictures on their common canvas; shape (pictures, height, width, 4).

    Parameters
    ----------
    load
        Gives the picture at a position, uint8 (h, w, 3) of any size.
    layout
        Where pictures lie.
    on_unreadable
        Called with the position and the reason where a picture cannot be read; its frame stays transparent.
    """

    def __init__(
        self,
        load: Callable[[int], NDArray[np.uint8]],
        layout: PictureLayout,
        on_unreadable: Callable[[int, str], None] | None = None,
    ) -> None:
        super().__init__((len(layout),), layout)
        self._load = load
        self.on_unreadable = on_unreadable

    def make_frame(self, *position: int) -> NDArray[np.uint8]:
        """The picture, scaled to its box."""
        (image,) = position
        try:
            return self.layout.place_picture(image, self._load(image))
        except (AlignedCutError, OSError) as error:
            if self.on_unreadable is not None:
                self.on_unreadable(image, str(error))
            return np.zeros((self.layout.height, self.layout.width, 4), dtype=np.uint8)


class SlotStack(FrameStack):
    """Frames of one kind for every network, layer and picture of an index.

    The layer axis holds every layer number that any network has, in ascending order; where a network lacks the layer,
    there is no slot.

    Parameters
    ----------
    index
        The nodes.
    layout
        Where the pictures lie, in the order of ``index.images``.

    Attributes
    ----------
    networks
        Names along the network axis.
    layers
        Layer numbers along the layer axis.
    """

    empty: float = 0
    """What frames hold where there is no slot."""

    def __init__(self, index: NodeIndex, layout: PictureLayout, *, smooth: bool = False) -> None:
        self.index = index
        self.networks = tuple(network.name for network in index.networks)
        self.layers = tuple(sorted({layer for network in index.networks for layer in network.layers}))
        self._smooth = smooth
        super().__init__((len(self.networks), len(self.layers), len(index.images)), layout)

    @property
    def smooth(self) -> bool:
        """Whether frames are interpolated between tokens."""
        return self._smooth

    @smooth.setter
    def smooth(self, smooth: bool) -> None:
        if smooth != self._smooth:
            self._smooth = smooth
            self.forget()

    def slot(self, network: int, layer: int) -> tuple[str, int] | None:
        """Name of the network and number of the layer at slider positions; None where the network lacks the layer."""
        name, number = self.networks[network], self.layers[layer]
        return (name, number) if number in self.index.network(name).layers else None

    def make_frame(self, *position: int) -> NDArray[Any]:
        """The frame of a slot and a picture, or an empty one."""
        network, layer, picture = position
        slot = self.slot(network, layer)
        if slot is None:
            shape = (self.layout.height, self.layout.width, *self.channels)
            return np.full(shape, self.empty, dtype=self.dtype)
        return self.frame_of(slot, picture)

    def frame_of(self, slot: tuple[str, int], picture: int) -> NDArray[Any]:
        """The frame of a network's layer and the picture at a position."""
        raise NotImplementedError


class ColourStack(SlotStack):
    """AlignedCut colours over the pictures; shape (networks, layers, pictures, height, width, 4).

    Where a network lacks a layer, the frame is transparent.

    Parameters
    ----------
    cut
        A cut with colours.
    layout
        Where the pictures of the cut lie, in the order of ``cut.index.images``.
    smooth
        Interpolate between tokens instead of one colour per token.
    """

    def __init__(self, cut: TokenColours, layout: PictureLayout, *, smooth: bool = False) -> None:
        super().__init__(cut.index, layout, smooth=smooth)
        self.cut = cut

    def frame_of(self, slot: tuple[str, int], picture: int) -> NDArray[np.uint8]:
        """The tokens' colours in the box of the picture."""
        tokens = self.cut.colour_map(*slot, self.index.images[picture])
        return self.layout.place_tokens(picture, np.asarray(tokens), smooth=self.smooth)


class NodeStack(SlotStack, Generic[Held]):
    """What is known of every node, over the pictures.

    Parameters
    ----------
    index
        The nodes.
    layout
        Where the pictures lie, in the order of ``index.images``.
    values
        What is known; another lot may be put in its place.
    smooth
        Interpolate between tokens, where that is possible.
    """

    def __init__(self, index: NodeIndex, layout: PictureLayout, values: Held, *, smooth: bool = False) -> None:
        super().__init__(index, layout, smooth=smooth)
        self._values = values

    @property
    def values(self) -> Held:
        """What is shown."""
        return self._values

    @values.setter
    def values(self, values: Held) -> None:
        self._values = values
        self.forget()

    def tokens(self, slot: tuple[str, int], picture: int) -> tuple[slice, tuple[int, int]]:
        """Nodes of one picture at one slot, and rows and columns of their grid."""
        grid = self.index.grid(*slot)
        return self.index.patch_slice(*slot, self.index.images[picture]), (grid.rows, grid.columns)


class ValueStack(NodeStack[NodeValues]):
    """One number per node over the pictures; float32 (networks, layers, pictures, height, width).

    Where there is no number, and outside the pictures, it is NaN.
    """

    dtype = np.dtype(np.float32)
    channels = ()
    empty = np.nan

    def frame_of(self, slot: tuple[str, int], picture: int) -> NDArray[Any]:
        """The tokens' numbers in the box of the picture."""
        nodes, shape = self.tokens(slot, picture)
        return self.layout.place_values(picture, self.values.part(nodes).reshape(shape), smooth=self.smooth)
