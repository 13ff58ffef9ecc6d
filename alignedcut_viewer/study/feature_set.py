"""Features of one network in a study: arrays that grow, and a record of what is complete in them."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import digest_of, safe_name, writing
from ..errors import FeatureError, StudyError
from ..network_nodes import NetworkNodes, TokenGrid
from ..store import Store
from .descriptions import check_array, check_feature_set, reading
from .image_ranges import all_finite, changed_ranges, why_not_kept
from .layer_chunks import LayerChunks
from .token_array import TokenArray

if TYPE_CHECKING:
    import zarr

__all__ = ["FEATURES", "FeatureSet"]

FEATURES = "features"


class FeatureSet:
    """Tokens of all pictures at some layers of one network, made in one way.

    "One way" is the key: network, weights, tap, input size and precision. Every layer is a zarr array
    (image, token, channel); the images of one chunk go through the network together. An image counts as complete at
    a layer when its tokens are on disk, which is recorded after they are.

    Parameters
    ----------
    store
        The study's store.
    name
        Name of the set in the study; see :meth:`create`.
    """

    ROOT: ClassVar[str] = FEATURES
    """Where in the study sets of this kind lie."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._group = f"{self.ROOT}/{name}"
        self._mutex = threading.Lock()
        self._checked: dict[str, Any] | None = None
        self.name = name

    def __repr__(self) -> str:
        return f"FeatureSet({self.name!r}, layers {list(self.layers)}, {self.rows} × {self.columns} tokens)"

    # -- finding and making --------------------------------------------------------------------------------------

    @classmethod
    def all_of(cls, store: Store) -> dict[str, Self]:
        """All feature sets of a study by name, in the order in which they were made."""
        sets = [cls(store, name) for name in store.groups(cls.ROOT)]
        return {s.name: s for s in sorted(sets, key=lambda s: (int(s._attributes["number"]), s.name))}

    @classmethod
    def create(
        cls,
        store: Store,
        key: dict[str, Any],
        *,
        rows: int,
        columns: int,
        class_token: bool,
        batch: int,
        note: dict[str, Any],
        keep: Collection[str] = (),
        derived: bool = False,
        grids: Mapping[int, tuple[int, int]] | None = None,
        **more: Any,
    ) -> Self:
        """The feature set with this key: the one that is there, or a new one.

        Parameters
        ----------
        store
            The study's store, opened for writing.
        key
            What identifies the features: ``network``, ``tap``, ``input_size`` (height, width; pixels),
            ``default_size`` (whether that is the network's own), ``precision``, ``storage`` (type on disk) and
            ``weights`` (their digest); ``window`` (height, width) where the network slid over the picture.
        rows, columns
            The token grid; the finest, where layers differ.
        class_token
            Whether a class token comes before the patches.
        batch
            Number of images that go through the network together, and that one chunk on disk holds.
        note
            What else is worth knowing: versions, device, where the weights came from.
        keep
            Names of sets that stay although they are empty still; others that are empty are left-overs.
        derived
            Whether they are computed from other features of the study rather than by a network.
        grids
            Rows and columns of every layer of the network, where they differ.
        **more
            What else a new set is to keep about itself.

        Returns
        -------
        FeatureSet
            Named after the network, and tap and input size if unusual; a number tells apart what differs otherwise.
        """
        sets = cls.all_of(store)
        for existing in sets.values():
            if existing.key == key:
                return existing
        for name in [name for name, existing in sets.items() if existing.is_empty and name not in keep]:
            store.remove(f"{cls.ROOT}/{name}")  # a run that failed or was stopped before its first batch
            del sets[name]
        name = str(key["network"])
        if key["tap"] != "attention":
            name += f".{key['tap']}"
        if not key["default_size"]:
            height, width = key["input_size"]
            name += f"@{height}x{width}"
        if "window" in key:
            name += f"-window{key['window'][0]}"
        base = name = safe_name(name)
        number = 2
        while name in sets:
            name = f"{base}+{number}"
            number += 1
        differing = grids if grids and len(set(grids.values())) > 1 else {}
        store.set_attributes(
            f"{cls.ROOT}/{name}",
            {
                "number": 1 + max((int(s._attributes["number"]) for s in sets.values()), default=-1),
                "key": key,
                "rows": rows,
                "columns": columns,
                "class_token": class_token,
                "batch": batch,
                "note": note,
                "derived": derived,
                "complete": {},
                **({"grids": {str(n): list(grid) for n, grid in differing.items()}} if differing else {}),
                **more,
            },
        )
        return cls(store, name)

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def _attributes(self) -> dict[str, Any]:
        attributes = self._store.attributes(self._group)
        if attributes is not self._checked:  # the store gives the same object until the file changes
            with reading(self._store.folder(self._group) / "zarr.json"):
                self._checked = check_feature_set(attributes)
        return attributes

    @property
    def key(self) -> dict[str, Any]:
        """What identifies the features; see :meth:`create`."""
        return dict(self._attributes["key"])

    @property
    def note(self) -> dict[str, Any]:
        """Versions, device and origin of the weights, as of the first run."""
        return dict(self._attributes["note"])

    @property
    def derived(self) -> bool:
        """Whether the features belong to a cut, computed from others, rather than come out of a network."""
        return bool(self._attributes.get("derived", False))

    @property
    def digest(self) -> str:
        """A digest of the key, for the recipes of what is made from these features."""
        return digest_of(self.key)

    @property
    def network(self) -> str:
        """Name of the network, as the registry knows it."""
        return str(self.key["network"])

    @property
    def tap(self) -> str:
        """Where in each layer the features were taken."""
        return str(self.key["tap"])

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the network's input in pixels."""
        height, width = self.key["input_size"]
        return int(height), int(width)

    @property
    def rows(self) -> int:
        """Rows of the token grid; of the finest, where layers differ."""
        return int(self._attributes["rows"])

    @property
    def columns(self) -> int:
        """Columns of the token grid; of the finest, where layers differ."""
        return int(self._attributes["columns"])

    @property
    def class_token(self) -> bool:
        """Whether the first token is a class token."""
        return bool(self._attributes["class_token"])

    def grid(self, layer: int) -> TokenGrid:
        """The tokens of one picture at a layer."""
        own = self._attributes.get("grids", {}).get(str(layer), (self.rows, self.columns))
        return TokenGrid(int(own[0]), int(own[1]), self.class_token)

    @property
    def n_tokens(self) -> int:
        """Tokens of one picture, the class token included; at the finest layer, where layers differ."""
        return self.rows * self.columns + int(self.class_token)

    def grids(self, layers: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Rows and columns of the token grids of some layers."""
        return {layer: (self.grid(layer).rows, self.grid(layer).columns) for layer in layers}

    def nodes(self, layers: Iterable[int], class_token: bool = True) -> NetworkNodes:
        """The nodes of some layers, under the name of this set."""
        grids = self.grids(layers)
        sizes = tuple(grids.values())
        return NetworkNodes(self.name, tuple(grids), *sizes[0], class_token and self.class_token, sizes)

    @property
    def n_held(self) -> int:
        """Rows of channels that are held of one picture: its tokens; at the finest layer, where layers differ."""
        return self.n_tokens

    def n_held_at(self, layer: int) -> int:
        """Rows of channels that are held of one picture at a layer."""
        return self.grid(layer).n_tokens

    @property
    def batch(self) -> int:
        """Number of images in one chunk, which go through the network together."""
        return int(self._attributes["batch"])

    @property
    def layers(self) -> tuple[int, ...]:
        """Layers that were asked for, complete or not, ascending."""
        return tuple(sorted(int(layer) for layer in self._attributes["complete"]))

    def width(self, layer: int) -> int:
        """Number of channels of a layer."""
        return int(self.array(layer).shape[2])

    # -- what is complete ----------------------------------------------------------------------------------------

    def complete(self, layer: int, n_images: int) -> NDArray[np.bool_]:
        """Which of the first `n_images` images are on disk at a layer."""
        done = np.zeros(n_images, dtype=bool)
        for start, stop in self._attributes["complete"].get(str(layer), ()):
            done[start:stop] = True
        return done

    @property
    def is_empty(self) -> bool:
        """Whether no image is complete at any layer."""
        return not any(self._attributes["complete"].values())

    def mark(self, images: Mapping[int, Sequence[int]]) -> None:
        """Record that images are on disk, given for each layer."""
        self._record({layer: (numbers, True) for layer, numbers in images.items()})

    def forget(self, images: Sequence[int]) -> None:
        """Record that images must be computed again at every layer."""
        self._record(dict.fromkeys(self.layers, (images, False)))

    def _record(self, changes: dict[int, tuple[Sequence[int], bool]]) -> None:
        with self._mutex:
            attributes = self._attributes
            complete = dict(attributes["complete"])
            for layer, (images, value) in changes.items():
                complete[str(layer)] = changed_ranges(complete[str(layer)], images, value)
            if complete != attributes["complete"]:
                self._store.set_attributes(self._group, {**attributes, "complete": complete})

    def _chunks(self, layer: int) -> LayerChunks:
        return LayerChunks(self._store.folder(self._array_path(layer)), self._store.files)

    def holds(self, layer: int, chunk: int) -> bool:
        """Whether a chunk of a layer has its place, written wholly or in part."""
        return self._chunks(layer).size(chunk) is not None

    def verify(self, n_images: int) -> None:
        """Take back the record of images whose chunk is missing or too short, as after a loss of power."""
        self.forget_at(self.damaged(n_images))

    def damaged(self, n_images: int, *, thoroughly: bool = False) -> dict[int, list[int]]:
        """For each layer the images whose chunk is missing or too short.

        Parameters
        ----------
        n_images
            How many images there are.
        thoroughly
            Read all chunks, too, and compare them with their checksums.
        """
        lost: dict[int, list[int]] = {}
        for layer in self.layers:
            array = self.array(layer)
            size = int(np.prod(array.chunks, dtype=np.int64)) * array.dtype.itemsize
            done = np.flatnonzero(self.complete(layer, n_images))
            chunks = self._chunks(layer)
            bad: list[int] = []
            for chunk in map(int, np.unique(done // array.chunks[0])):
                if chunks.size(chunk) != size or (thoroughly and not chunks.fits(chunk)):
                    bad.extend(int(image) for image in done[done // array.chunks[0] == chunk])
            if bad:
                lost[layer] = bad
        return lost

    def forget_at(self, images: Mapping[int, Sequence[int]]) -> None:
        """Record that images, given for each layer, must be computed again there."""
        if images:
            self._record({layer: (numbers, False) for layer, numbers in images.items()})

    # -- the arrays ----------------------------------------------------------------------------------------------

    def _array_path(self, layer: int) -> str:
        return f"{self._group}/layer_{layer:03d}"

    def prepare(self, widths: dict[int, int], n_images: int) -> None:
        """Make room for `n_images` images at some layers, given with their numbers of channels."""
        made: dict[tuple[int, int], str] = {}  # an array of each shape, for the metadata of the next
        for layer, width in widths.items():
            path = self._array_path(layer)
            if self._store.exists(path):
                array = self._store.array(path, writable=True)
                if array.shape[1:] != (self.n_held_at(layer), width):
                    raise StudyError(
                        f"{self.name} has {array.shape[2]} channels at layer {layer}, not {width} as computed now."
                    )
                if array.shape[0] < n_images:
                    with writing(self._store.folder(path)):
                        array.resize((n_images, *array.shape[1:]))
                    self._store.files.changed(self._store.folder(path) / "zarr.json")
            elif (self.n_held_at(layer), width) in made:
                self._store.copy_metadata(made[self.n_held_at(layer), width], path)
            else:
                shape = (n_images, self.n_held_at(layer), width)
                self._store.create_array(path, shape, (self.batch, *shape[1:]), self.key["storage"], np.nan)
                made[shape[1], width] = path
        with self._mutex:
            attributes = self._attributes
            complete = {str(layer): [] for layer in widths} | attributes["complete"]
            if complete != attributes["complete"]:
                self._store.set_attributes(self._group, {**attributes, "complete": complete})

    def array(self, layer: int) -> zarr.Array[Any]:
        """Features of a layer: zarr array (image, token, channel); what is not computed reads as NaN.

        Raises
        ------
        StudyError
            If the layer was not extracted.
        """
        if layer not in self.layers:
            raise StudyError(
                f"The study holds no layer {layer} of {self.name}; it holds layers {list(self.layers)}. "
                "Extract it first."
            )
        array = self._store.array(self._array_path(layer))
        with reading(self._store.folder(self._array_path(layer)) / "zarr.json"):
            check_array(array, self.batch, self.n_held_at(layer), self.key["storage"])
        return array

    def tokens(self, layer: int) -> TokenArray:
        """Features of a layer for reading, single tokens included.

        Raises
        ------
        StudyError
            If the layer was not extracted.
        """
        return TokenArray(self.array(layer), self._store.folder(self._array_path(layer)), self._store.files)

    def write(self, features: dict[int, NDArray[np.floating[Any]]], images: Sequence[int]) -> None:
        """Put features of some images on disk and record them as complete; see :meth:`put`."""
        self.put(features, images)
        self.mark(dict.fromkeys(features, images))

    def put(self, features: dict[int, NDArray[np.floating[Any]]], images: Sequence[int]) -> None:
        """Put features of some images on disk; they count only when :meth:`mark` has recorded them.

        Parameters
        ----------
        features
            For each layer an array (image, token, channel).
        images
            Image numbers of its rows, ascending, all of one chunk.

        Raises
        ------
        FeatureError
            If values are not finite, or too large for half precision.
        StorageError
            If the disk is full or refuses.
        """
        chunk = images[0] // self.batch
        blocks = {layer: self._chunk_with(layer, chunk, values, images) for layer, values in features.items()}
        for layer, block in blocks.items():
            self._chunks(layer).announce(chunk, block)
        self._store.files.publish()
        for layer, block in blocks.items():
            self._store.make_folder(f"{self._array_path(layer)}/c/{chunk}/0")
            self._chunks(layer).write(chunk, block)
        self._store.files.publish()

    def _chunk_with(
        self, layer: int, chunk: int, values: NDArray[np.floating[Any]], images: Sequence[int]
    ) -> NDArray[Any]:
        """What a chunk holds with features of some of its images put in."""
        dtype = np.dtype(self.key["storage"]).newbyteorder("<")  # the byte order of the zarr arrays
        with np.errstate(over="ignore"):
            stored = values.astype(dtype, copy=False)
        if not all_finite(stored):
            raise FeatureError(
                f"Features of {self.name} at layer {layer} {why_not_kept(values, images)}; run the network in "
                "single precision (precision='float32') and keep them so (storage='float32')."
            )
        if len(images) == self.batch:
            return np.ascontiguousarray(stored)
        shape = (self.batch, *values.shape[1:])
        block = self._chunks(layer).kept(chunk, shape, dtype)
        if block is None:  # its other images, if it has any, are to be computed again
            block = np.full(shape, np.nan, dtype=dtype)
            if self.holds(layer, chunk):
                self.forget_at({layer: range(chunk * self.batch, (chunk + 1) * self.batch)})
        block[np.asarray(images) - chunk * self.batch] = stored
        return block
