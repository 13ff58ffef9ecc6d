"""A study: pictures, features, alignments and cuts, as one object over the store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import digest_of
from ..errors import PictureError, StudyError
from ..nodes import NetworkNodes, NodeIndex
from ..store import ALIGNMENTS, Store
from .cut import Cut
from .cut_names import COLOUR, CUTS, current_cuts, publish_cut
from .default_sets import default_sets
from .feature_set import FEATURES, FeatureSet
from .node_choice import LayerChoice, chosen_images, chosen_layers
from .node_features import LinearAlignment, NodeFeatures
from .picture_table import PictureTable
from .pictures import PICTURES, StudyPictures
from .pooled_features import all_sets, training_sets
from .result_names import ResultNames
from .segment_names import segment_names
from .segment_set import SegmentSet, open_segments

if TYPE_CHECKING:
    import zarr

    from ..images import PictureSet

__all__ = ["Study"]

_BEGINNING: dict[str, dict[str, Any]] = {
    PICTURES: {"pictures": []},
    FEATURES: {},
    ALIGNMENTS: {},
    CUTS: {"current": {}},
}


class Study:
    """A folder, on a disk or at a URL, that holds all that was computed from some pictures.

    Use :meth:`create` and :meth:`open`. A study that is open for writing holds a lock until :meth:`close`; any number
    of readers may look at it meanwhile, and see each result as soon as it is complete.

    Attributes
    ----------
    path : Path or Url
        The study's folder, a zarr group; what :meth:`open` takes.
    store : Store
        The store underneath.
    names : ResultNames
        What results are called, and those that were deleted.
    picture_files : StudyPictures
        The table of pictures, and the files that it stands for.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.path = store.root
        self.picture_files = StudyPictures(store)
        self._for_training = False
        self.names = ResultNames(store)

    @classmethod
    def create(cls, path: str | os.PathLike[str], pictures: PictureSet) -> Study:
        """Make a new study of some pictures and open it for writing.

        Parameters
        ----------
        path
            A folder that does not exist, or that is vacant; or a URL of one, such as ``s3://bucket/my-study``.
        pictures
            The pictures; see :func:`alignedcut_viewer.images.open_pictures`.

        Raises
        ------
        StudyError
            If something is there already.
        PictureError
            If there is no picture.
        StorageError
            If the folder cannot be written.
        """
        if not len(pictures):
            raise PictureError("A study needs at least one picture; none was given.")
        study = cls(Store.create(path, _BEGINNING))
        try:
            study.add_pictures(pictures)
        except BaseException:
            study.store.discard()
            raise
        return study

    @staticmethod
    def is_vacant(path: str | os.PathLike[str]) -> bool:
        """Whether a new study can be made there: nothing is there, or what a run left that was killed as it began."""
        return Store.is_vacant(path, _BEGINNING)

    @classmethod
    def open(cls, path: str | os.PathLike[str], writable: bool = False) -> Study:
        """Open a study.

        Parameters
        ----------
        path
            The study's folder, or its URL.
        writable
            Whether to take the lock and write to it.

        Raises
        ------
        StudyError
            If there is no study, if it is of a newer version, read-only, or being written by another run.
        """
        return cls(Store.open(path, writable=writable))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled, a study is its place: where it arrives it is opened again, for reading."""
        return _opened_again, (str(self.path), self._for_training)

    def close(self) -> None:
        """Give the lock back; the study can still be read."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"Study({str(self.path)!r}, {len(self.pictures)} pictures, networks: {', '.join(self.networks) or 'none'})"
        )

    @property
    def writable(self) -> bool:
        """Whether the study is open for writing."""
        return self.store.writable

    # -- pictures ------------------------------------------------------------------------------------------------

    @property
    def pictures(self) -> PictureTable:
        """The pictures: names, paths, sizes, and which are skipped for what reason."""
        return self.picture_files.table

    @property
    def skipped(self) -> dict[int, str]:
        """Image numbers of the pictures that could not be read, each with the reason."""
        return self.pictures.skipped

    @property
    def status(self) -> tuple[str, ...]:
        """For each picture ``"skipped"``, ``"done"`` (features at all layers of all networks) or ``"pending"``."""
        table = self.pictures
        done = np.ones(len(table), dtype=bool)
        sets = [s for s in self.networks.values() if s.layers]
        for features in sets:
            for layer in features.layers:
                done &= features.complete(layer, len(table))
        done &= bool(sets)
        return tuple("done" if d else "skipped" if r.skipped else "pending" for r, d in zip(table, done, strict=True))

    def picture_path(self, image: int) -> Path:
        """The file of a picture; where it was moved together with the study, its new place."""
        return self.picture_files.path(image)

    def picture_set(self) -> PictureSet:
        """All pictures of the study in the order of their image numbers, read when asked for."""
        return self.picture_files.files()

    def picture(self, image: int) -> NDArray[np.uint8]:
        """A picture, uint8 (H, W, 3), as it was put in.

        Raises
        ------
        PictureError
            If the file is gone or broken.
        """
        from ..images import PictureSet

        return PictureSet([self.picture_path(image)])[0]

    def picture_size(self, image: int) -> tuple[int, int]:
        """Height and width of a picture in pixels.

        Raises
        ------
        PictureError
            If it was not read before and cannot be now.
        """
        return self.picture_files.size(image)

    def add_pictures(self, pictures: PictureSet) -> list[int]:
        """Add pictures to the study; those that it holds already are found again.

        A file that moved keeps its image number. A file that changed is noticed by size and time, then by its digest,
        and loses its features.

        Parameters
        ----------
        pictures
            The pictures.

        Returns
        -------
        list of int
            Image number of each picture given, in their order.
        """
        return self.picture_files.add(pictures, self.forget_features)

    def check_pictures(self) -> list[int]:
        """Forget the features of pictures whose files changed since; the numbers of these images."""
        return self.picture_files.check(self.forget_features)

    def update_pictures(self, updates: dict[int, dict[str, Any]]) -> None:
        """Replace fields of picture records, such as digest, size, or the reason why one is skipped."""
        self.picture_files.update(updates)

    def complete_records(self) -> None:
        """Mend records that runs of earlier versions left behind when they were killed or a disk was out of reach.

        A picture with features gets the digest that it lacks, as long as its file is the one that was looked at; and
        it is no longer skipped.
        """
        table = self.pictures
        held = np.zeros(len(table), dtype=bool)
        for features in all_sets(self.store):
            for layer in features.layers:
                held |= features.complete(layer, len(table))
        self.picture_files.complete_records([int(image) for image in np.flatnonzero(held)])

    def picture_digests(self, images: Iterable[int]) -> list[str]:
        """sha256 of the content of some pictures; "" where a file was never read and is gone."""
        return self.picture_files.digests(images)

    def forget_features(self, images: Sequence[int]) -> None:
        """Forget all features of some images."""
        for features in all_sets(self.store):
            features.forget(images)

    # -- features ------------------------------------------------------------------------------------------------

    @property
    def networks(self) -> dict[str, FeatureSet]:
        """Feature sets that networks gave, by name, in the order in which they were made."""
        sets = {name: features for name, features in FeatureSet.all_of(self.store).items() if not features.derived}
        return training_sets(sets, self.store, len(self.pictures)) if self._for_training else sets

    def for_training(self) -> Study:
        """The same study, whose feature sets are what alignments are trained on; see :class:`.PooledFeatures`."""
        same = Study.__new__(Study)  # with the lock, where there is one: copying goes by way of __reduce__
        vars(same).update(vars(self), _for_training=True)
        return same

    def network(self, name: str) -> FeatureSet:
        """The feature set of that name, or the only one of the network of that name.

        Raises
        ------
        StudyError
            If there is none, or more than one of that network.
        """
        sets = self.networks
        every = FeatureSet.all_of(self.store) | sets  # those that were derived have names, too
        if name in every:
            return every[name]
        fitting = [s for s in sets.values() if s.network == name]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise StudyError(
                f"The study holds several feature sets of {name}; name one: {', '.join(s.name for s in fitting)}."
            )
        held = ", ".join(sets) or "none"
        raise StudyError(f"The study {self.path} holds no features of {name!r}; it holds: {held}. Extract them first.")

    def features(self, network: str, layer: int) -> zarr.Array[Any]:
        """Features of a layer: zarr array (image, token, channel), half precision; the class token comes first.

        Raises
        ------
        StudyError
            If they were not extracted.
        """
        return self.network(network).array(layer)

    def node_index(
        self,
        networks: Iterable[str] | None = None,
        layers: LayerChoice = None,
        images: Iterable[int] | None = None,
        class_token: bool = True,
    ) -> NodeIndex:
        """The nodes of some networks, layers and images.

        Parameters
        ----------
        networks
            Names of feature sets, in the order of the nodes; None takes :func:`.default_sets.default_sets`.
        layers
            Layer numbers, for all networks or by network; None takes all that were extracted. Of one list for all
            networks, each takes those that it has.
        images
            Image numbers; None takes all whose features are complete.
        class_token
            Whether the class tokens are nodes too.

        Raises
        ------
        StudyError
            If the features are not there.
        InputError
            If nothing is chosen.
        """
        names = default_sets(self.networks) if networks is None else [self.network(name).name for name in networks]
        if not names:
            raise StudyError(f"The study {self.path} holds no features yet; extract them first.")
        chosen: list[NetworkNodes] = []
        n_images = len(self.pictures)
        complete = np.ones(n_images, dtype=bool)
        for name in dict.fromkeys(names):
            wanted = chosen_layers(features := self.network(name), layers, lambda named: self.network(named).name)
            chosen.append(features.nodes(wanted, class_token))
            for layer in wanted:
                complete &= features.complete(layer, n_images)
        numbers = chosen_images(images, complete, self.skipped)
        return NodeIndex(chosen, numbers)

    def node_features(self, index: NodeIndex, alignment: LinearAlignment | None = None) -> NodeFeatures:
        """Features of the nodes as a stream, aligned slot by slot on the way.

        Parameters
        ----------
        index
            Which nodes, from :meth:`node_index`.
        alignment
            Maps each (network, layer) to a common channel space; None leaves features as they are and pads narrower
            networks with zeros.

        Returns
        -------
        NodeFeatures
            A stream (N, D) that `alignedcut_viewer.spectral` takes.
        """
        sets = {network.name: self.network(network.name) for network in index.networks}
        arrays = {slot: sets[slot.network].tokens(slot.layer) for slot in index.slots}
        return NodeFeatures(arrays, {name: s.class_token for name, s in sets.items()}, index, alignment)

    # -- alignments and cuts -------------------------------------------------------------------------------------

    @property
    def cuts(self) -> tuple[str, ...]:
        """Names of the finished cuts."""
        return tuple(sorted(current_cuts(self.store)))

    def cut(self, name: str = "default") -> Cut:
        """A finished cut.

        Raises
        ------
        StudyError
            If there is none of that name.
        """
        current = current_cuts(self.store)
        if not isinstance(name, str) or name not in current:
            known = ", ".join(sorted(current)) or "none"
            raise StudyError(
                f"The study {self.path} holds no cut {name!r}; it holds: {known}. Make one with `alignedcut cut`."
            )
        return Cut(self.store, name, f"{CUTS}/{current[name]['cut']}", current[name][COLOUR])

    def is_current(self, cut: Cut) -> bool:
        """Whether the pictures of a cut still have the content that it was computed from."""
        return bool(digest_of(self.picture_digests(cut.index.images)) == cut.recipe["cut"]["pictures"])

    def publish_cut(
        self,
        name: str,
        cut: str,
        colour: str,
        places: str | None = None,
        *,
        concepts: str | None = None,
        earlier: str | None = None,
        notes: Sequence[str] = (),
    ) -> Cut:
        """Make a result the cut of that name in one step, and remove what no name refers to any more.

        Parameters
        ----------
        name
            Name of the cut.
        cut, colour
            Names of the groups that hold the eigenvectors and, inside it, the colours; both complete.
        places
            Name of the group inside `cut` that holds the map; None keeps the one that is there, if there is one.
        concepts
            Name of the group inside `cut` that holds concepts; None as for `places`.
        earlier
            Name under which the cut stays that had this name; None lets it go.
        notes
            What the user should know of this cut, one sentence each.
        """
        publish_cut(self.store, name, cut, colour, places, concepts=concepts, earlier=earlier, notes=notes)
        return self.cut(name)

    def remove_cut(self, name: str) -> None:
        """Remove a cut from the study; a StudyError if there is none of that name."""
        self.cut(name)
        publish_cut(self.store, name, None, None)

    # -- segments ------------------------------------------------------------------------------------------------

    @property
    def segmentations(self) -> tuple[str, ...]:
        """Names of the segments that are kept; see :func:`alignedcut_viewer.pipeline.segment`."""
        return segment_names(self.store)

    def segments(self, name: str = "default") -> SegmentSet:
        """Segments that are kept; a StudyError if there are none of that name."""
        return open_segments(self.store, name)


def _opened_again(path: str, for_training: bool) -> Study:
    study = Study.open(path)
    return study.for_training() if for_training else study
