"""A fitted channel alignment: one linear map a (network, layer), whatever made it, and its file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..atomic_files import json_bytes, replacing
from ..choices import DISTRIBUTION
from ..errors import AlignmentError
from ..nodes import Slot
from .brain_readout import BrainReadout

if TYPE_CHECKING:
    import torch

__all__ = ["FORMAT_VERSION", "ChannelAlignment", "read_description"]

FORMAT_VERSION = 1
_FORMAT = "alignedcut channel alignment"

FloatArray = NDArray[np.float32]


def _empty() -> dict[Any, Any]:
    return {}


@dataclass(frozen=True, eq=False)
class ChannelAlignment:
    """One linear map a slot into a common channel space: ``V'_i = (V_i - m_i) W_i`` (AlignedCut, equation 1).

    The paper's maps have no offset; ``m_i`` is zero for those, and the mean of the slot's features for maps that were
    fitted to centred features.

    Parameters
    ----------
    matrices
        ``W_i``, float (D_i, n_channels), for each slot (network, layer); kept in single precision.
    offsets
        ``m_i``, float (D_i,), for some or all slots; zero where it is left out.
    kind
        What made the maps: ``"hyperalignment"``, ``"brain"``, …
    tap
        What the features are (``"attention"``, ``"block"``, …); None where it is not known.
    recipe
        How the maps were made, JSON-ready: settings, seed, number of pictures and samples, versions.
    scores
        How good they are, JSON-ready.
    simulated
        Whether simulated data (a simulated subject) had a part in them.
    readout
        How the common channels read out into the brain, for maps that were trained on responses.

    Raises
    ------
    AlignmentError
        If there is no slot, a matrix or offset is misshapen or not finite, or the slots lead into spaces of different
        width.
    """

    matrices: Mapping[Slot, ArrayLike]
    offsets: Mapping[Slot, ArrayLike] = field(default_factory=_empty)
    kind: str = "hyperalignment"
    tap: str | None = None
    recipe: Mapping[str, Any] = field(default_factory=_empty)
    scores: Mapping[str, Any] = field(default_factory=_empty)
    simulated: bool = False
    readout: BrainReadout | None = None

    def __post_init__(self) -> None:
        if not self.matrices:
            raise AlignmentError("An alignment needs at least one slot (network, layer); it got none.")
        matrices = {Slot(*slot): np.asarray(matrix, dtype=np.float32) for slot, matrix in self.matrices.items()}
        for slot, matrix in matrices.items():
            if matrix.ndim != 2 or not matrix.size:
                raise AlignmentError(
                    f"The matrix of slot {slot} must be channels × channels; its shape is {matrix.shape}."
                )
            if not np.isfinite(matrix).all():
                raise AlignmentError(f"The matrix of slot {slot} holds NaN or infinite values.")
        targets = {matrix.shape[1] for matrix in matrices.values()}
        if len(targets) != 1:
            raise AlignmentError(f"All slots must be mapped to one number of channels; got {sorted(targets)}.")
        offsets: dict[Slot, FloatArray] = {}
        given = {Slot(*slot): np.asarray(offset, dtype=np.float32) for slot, offset in self.offsets.items()}
        if stray := [slot for slot in given if slot not in matrices]:
            raise AlignmentError(f"Offsets were given for slots without a matrix: {_names(stray)}.")
        for slot, matrix in matrices.items():
            offset = given.get(slot, np.zeros(matrix.shape[0], np.float32))
            if offset.shape != (matrix.shape[0],) or not np.isfinite(offset).all():
                raise AlignmentError(f"The offset of slot {slot} must be {matrix.shape[0]} finite numbers.")
            offsets[slot] = offset
        if self.readout is not None and {self.readout.n_channels} != targets:
            raise AlignmentError(
                f"The brain readout is for {self.readout.n_channels} channels; the maps lead to {targets.pop()}."
            )
        object.__setattr__(self, "matrices", matrices)
        object.__setattr__(self, "offsets", offsets)

    def __repr__(self) -> str:
        return f"ChannelAlignment({self.kind}, {len(self.slots)} slots, {self.n_channels} channels)"

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The (network, layer) pairs it holds a map for."""
        return tuple(self.matrices)

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks it holds maps for, in the order of the slots."""
        return tuple(dict.fromkeys(slot.network for slot in self.slots))

    @property
    def n_channels(self) -> int:
        """Width of the common channel space."""
        return int(np.shape(next(iter(self.matrices.values())))[1])

    @property
    def widths(self) -> dict[Slot, int]:
        """Width of the features that each slot expects."""
        return {slot: int(np.shape(matrix)[0]) for slot, matrix in self.matrices.items()}

    def matrix(self, slot: tuple[str, int]) -> FloatArray:
        """``W_i`` of one slot, float32 (D_i, n_channels).

        Raises
        ------
        AlignmentError
            If the alignment has no such slot.
        """
        return np.asarray(self.matrices[self._known(slot)], dtype=np.float32)

    def bias(self, slot: tuple[str, int]) -> FloatArray:
        """``-m_i W_i`` of one slot, float32 (n_channels,): what is added after the product with the matrix."""
        known = self._known(slot)
        return -np.asarray(self.offsets[known], dtype=np.float32) @ self.matrix(known)

    def _known(self, slot: tuple[str, int]) -> Slot:
        known = Slot(*slot)
        if known not in self.matrices:
            raise AlignmentError(
                f"This alignment has no map for slot {known}; it holds {_names(self.slots)}. Fit one that includes it."
            )
        return known

    def require(self, widths: Mapping[Slot, int], *, tap: str | None = None) -> None:
        """Check that every slot of `widths` has a map of that width, and that the tap is the same.

        Raises
        ------
        AlignmentError
            Names the slots that are missing and those whose width differs.
        """
        missing = [Slot(*slot) for slot in widths if Slot(*slot) not in self.matrices]
        if missing:
            raise AlignmentError(
                f"The alignment has no map for {_names(missing)}; it holds {_names(self.slots)}. "
                "Choose another alignment, or fit one to these networks and layers."
            )
        own = self.widths
        wrong = [Slot(*slot) for slot, width in widths.items() if own[Slot(*slot)] != width]
        if wrong:
            detail = ", ".join(f"{slot} ({own[slot]} channels, the features have {widths[slot]})" for slot in wrong)
            raise AlignmentError(f"The alignment was made for features of another width: {detail}.")
        if tap is not None and self.tap is not None and tap != self.tap:
            raise AlignmentError(f"The alignment was made for {self.tap!r} features; these are {tap!r} features.")

    def subset(self, slots: Iterable[tuple[str, int]]) -> ChannelAlignment:
        """The same alignment with some of the slots, in the order given.

        Raises
        ------
        AlignmentError
            If one of them is not there.
        """
        return self.renamed({Slot(*slot): Slot(*slot) for slot in slots})

    def renamed(self, names: Mapping[Slot, Slot]) -> ChannelAlignment:
        """The same alignment under other slots.

        Parameters
        ----------
        names
            New slot to the slot of this alignment whose map it takes, in the order of the result.

        Raises
        ------
        AlignmentError
            If one of them is not there.
        """
        known = {new: self._known(old) for new, old in names.items()}
        return replace(
            self,
            matrices={new: self.matrices[old] for new, old in known.items()},
            offsets={new: self.offsets[old] for new, old in known.items()},
        )

    def of_subject(self, name: str) -> ChannelAlignment:
        """The same maps with the readout and the scores of one of the people that they were trained on.

        Raises
        ------
        AlignmentError
            If there is no readout, or no such person.
        """
        if self.readout is None:
            raise AlignmentError("This alignment brings no readout; train it on brain data.")
        readout = self.readout.of_subject(name)
        scores = {key: value for key, value in self.scores.items() if key not in ("subjects", "group")}
        return replace(self, readout=readout, scores=scores | {"rois": dict(readout.scores)})

    @overload
    def transform(self, slot: tuple[str, int], X: torch.Tensor) -> torch.Tensor: ...
    @overload
    def transform(self, slot: tuple[str, int], X: ArrayLike) -> FloatArray: ...
    def transform(self, slot: tuple[str, int], X: Any) -> Any:
        """Features of one slot in the common channel space.

        Parameters
        ----------
        slot
            The (network, layer) that the features come from.
        X
            Features, (..., D_i), NumPy or torch, any float type.

        Returns
        -------
        array or tensor
            Aligned features, (..., n_channels), float32; a tensor on the device of `X` if that is a tensor.

        Raises
        ------
        AlignmentError
            If the slot is not known or the width differs.
        """
        matrix, bias = self.matrix(slot), self.bias(slot)
        width = int(X.shape[-1]) if hasattr(X, "shape") and len(X.shape) else int(np.shape(X)[-1])
        if width != matrix.shape[0]:
            raise AlignmentError(
                f"Features of slot {Slot(*slot)} must have {matrix.shape[0]} channels for this alignment; got {width}."
            )
        if type(X).__module__.split(".")[0] == "torch":
            import torch

            weights = torch.from_numpy(matrix).to(X.device)
            return X.to(torch.float32) @ weights + torch.from_numpy(bias).to(X.device)
        return np.asarray(X, dtype=np.float32) @ matrix + bias

    def save(self, path: str | Path, *, precision: Literal["float32", "float16"] = "float32") -> Path:
        """Write the alignment to one safetensors file, whole or not at all.

        Parameters
        ----------
        path
            File to write; an existing one is replaced.
        precision
            Type of the numbers in the file; ``"float16"`` halves it.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        StorageError
            If the file cannot be written.
        """
        from safetensors.numpy import save

        path = Path(path)
        dtype = np.dtype(precision)
        tensors: dict[str, NDArray[Any]] = {}
        for i, slot in enumerate(self.slots):
            tensors[f"matrix.{i}"] = np.ascontiguousarray(self.matrices[slot], dtype=dtype)
            tensors[f"offset.{i}"] = np.ascontiguousarray(self.offsets[slot], dtype=np.float32)
        description = {
            "format": _FORMAT,
            "version": FORMAT_VERSION,
            "kind": self.kind,
            "tap": self.tap,
            "simulated": self.simulated,
            "slots": [
                {"network": slot.network, "layer": slot.layer, "width": self.widths[slot]} for slot in self.slots
            ],
            "n_channels": self.n_channels,
            "recipe": dict(self.recipe),
            "scores": dict(self.scores),
        }
        if self.readout is not None:
            description["readout"], arrays = self.readout.to_tensors()
            tensors |= {f"readout.{name}": array for name, array in arrays.items()}
        try:
            told = json_bytes(description, sort_keys=True, separators=(", ", ": "))
            data = save(tensors, metadata={"alignedcut": told.decode()})
        except TypeError as error:
            raise AlignmentError(f"Recipe and scores of an alignment must be plain JSON values: {error}.") from None
        with replacing(path) as partial:
            partial.write_bytes(data)
        return path

    @classmethod
    def load(cls, path: str | Path) -> ChannelAlignment:
        """Read an alignment that :meth:`save` wrote.

        Raises
        ------
        AlignmentError
            If the file is missing, damaged, of another kind, or of a newer version.
        """
        path = Path(path)
        description = read_description(path)
        from safetensors.numpy import load_file

        try:
            tensors = load_file(path)
            slots = [Slot(entry["network"], int(entry["layer"])) for entry in description["slots"]]
            matrices = {slot: tensors[f"matrix.{i}"] for i, slot in enumerate(slots)}
            offsets = {slot: tensors[f"offset.{i}"] for i, slot in enumerate(slots)}
            readout = None
            if "readout" in description:
                arrays = {
                    name.removeprefix("readout."): tensors[name] for name in tensors if name.startswith("readout.")
                }
                readout = BrainReadout.from_tensors(description["readout"], arrays)
        except AlignmentError:
            raise
        except Exception as error:
            raise AlignmentError(f"{path} is a damaged alignment file ({error}); make or download it again.") from None
        return cls(
            matrices,
            offsets,
            kind=description["kind"],
            tap=description["tap"],
            recipe=description["recipe"],
            scores=description["scores"],
            simulated=bool(description["simulated"]),
            readout=readout,
        )


def read_description(path: str | Path) -> dict[str, Any]:
    """What an alignment file says of itself (slots, tap, recipe, scores), read from its header only.

    Raises
    ------
    AlignmentError
        If the file is missing, is no alignment file, or is of a newer version.
    """
    from safetensors import safe_open

    path = Path(path)
    if not path.is_file():
        raise AlignmentError(f"There is no alignment file {path}.")
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("alignedcut")
    except Exception as error:
        raise AlignmentError(f"{path} is not a readable safetensors file ({error}).") from None
    if text is None:
        raise AlignmentError(f"{path} is a safetensors file, but not an alignment written by alignedcut.")
    description: dict[str, Any] = json.loads(text)
    version = description.get("version")
    if description.get("format") != _FORMAT or not isinstance(version, int):
        raise AlignmentError(f"{path} is not an alignment written by alignedcut.")
    if version > FORMAT_VERSION:
        raise AlignmentError(
            f"{path} is an alignment of format version {version}; this alignedcut reads up to version "
            f"{FORMAT_VERSION}. Update {DISTRIBUTION}."
        )
    return description


def _names(slots: Iterable[Slot], limit: int = 6) -> str:
    """Slots in words, abridged: "a/0, a/1, … (12 in all)"."""
    every = [str(slot) for slot in slots]
    return ", ".join(every[:limit]) + (f", … ({len(every)} in all)" if len(every) > limit else "")
