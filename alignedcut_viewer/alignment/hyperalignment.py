"""Hyperalignment: orthogonal maps of every layer of every network into one channel space, without any brain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from ..cluster.row_blocks import tasks_in_order
from ..device import parse_memory, resolve_device
from ..errors import AlignmentError, InputError
from ..nodes import Slot
from ..parameters import real, seed, whole
from ..progress import ProgressCallback, report
from .channel_alignment import ChannelAlignment
from .procrustes import agreement, generalised_procrustes
from .samples import UnitSamples, check_samples

if TYPE_CHECKING:
    import torch

__all__ = ["Hyperalignment"]

_STRENGTHS = (0.0, 0.25, 0.5, 0.7, 0.85, 1.0)
# The strength is chosen on a smaller problem, of one round; it shows the same difference.
_CHANNELS_TO_CHOOSE = 128
_ROWS_TO_CHOOSE = 4000
# How much more the picture means may agree in the fitted pictures than in held-out ones. Docs/alignment.md tells why.
_OPTIMISM = 0.1
# What more strength may cost in agreement.
_COST = 0.01
# Below these the maps know the pictures they were fitted to better than others (docs/alignment.md has the curve).
_ENOUGH_PICTURES = 100
_ENOUGH_SAMPLES_PER_CHANNEL = 10


class Hyperalignment(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Generalised Procrustes alignment of all slots on samples of the same pictures and positions.

    Every slot (network, layer) gets a mean ``m_i`` and a matrix ``W_i`` with orthonormal rows or columns;
    ``V'_i = (V_i - m_i) W_i`` lies in one common channel space. Slots narrower than that are zero padded. With ``Z_i``
    the rows ``(v - m_i) / |v - m_i|``, less the share `strength` of the mean row of their picture, the matrices
    maximise ``sum_{i != j} tr(W_i^T Z_i^T Z_j W_j)``.

    Why pictures' means: between n pictures lie n - 1 directions only. While n is smaller than the number of channels,
    rotations can be found that match the pictures' means of all layers whatever they are; such maps give every picture
    its own colour, and this says nothing about other pictures. Places within a picture are many more. So `strength`
    turns down what differs between pictures while the matrices are fitted (not when they are applied).

    Parameters
    ----------
    n_channels
        Width of the common space; None is the width of the widest slot.
    strength
        Share of the picture's mean that is left out of the fit: 0 is plain Procrustes, 1 fits differences within
        pictures only. ``"auto"``: of the strengths with which the means of the fitted pictures agree at most 0.1 more
        than those of held-out pictures do (their optimism), the largest whose agreement on held-out pictures is within
        0.01 of the best; 1 where there is none.
    n_iterations
        Rounds over all slots after the first, at most.
    held_out
        Share of the pictures that are held out to choose the strength and to report the agreement. The final maps are
        fitted to all pictures.
    seed
        Seed of the choice of the held-out pictures.
    device
        Where to compute.
    memory
        Bound for the working copy of the samples; half precision is used where single precision would not fit.

    Attributes
    ----------
    matrices_ : dict
        ``W_i`` for each slot, float32 (D_i, n_channels).
    means_ : dict
        ``m_i`` for each slot, float32 (D_i,).
    strength_ : float
        The strength that was used.
    agreement_ : dict
        For each slot the correlation, in held-out pictures, of its aligned features with the sum of those of all other
        slots; 1 is perfect, 0 is chance. NaN where there were too few pictures to hold any out.
    scores_ : dict
        For every strength tried, in this order: mean agreement of the slots in held-out pictures, and optimism.
    warning_ : str or None
        A sentence when there are too few pictures or samples to trust the maps.

    References
    ----------
    Gower (1975), Generalized Procrustes analysis. Haxby et al. (2011), A common, high-dimensional model of the
    representational space in human ventral temporal cortex.
    """

    def __init__(
        self,
        n_channels: int | None = None,
        *,
        strength: float | str = "auto",
        n_iterations: int = 3,
        held_out: float = 0.25,
        seed: int = 0,
        device: str | torch.device = "auto",
        memory: int | str = "4GiB",
    ) -> None:
        self.n_channels = n_channels
        self.strength = strength
        self.n_iterations = n_iterations
        self.held_out = held_out
        self.seed = seed
        self.device = device
        self.memory = memory

    def _check_parameters(self) -> None:
        whole("n_channels", self.n_channels, 1, unless=None)
        real("strength", self.strength, least=0, most=1, unless="auto")
        whole("n_iterations", self.n_iterations, 1)
        real("held_out", self.held_out, above=0, below=1)
        seed(self.seed)
        parse_memory(self.memory)

    def fit(
        self,
        X: Mapping[Slot, Any],
        y: ArrayLike | None = None,
        *,
        progress: ProgressCallback | None = None,
    ) -> Self:
        """Fit the maps.

        Parameters
        ----------
        X
            For each slot its features, (n, D_i), any float type; row k of every slot is the same place of the same
            picture (see :func:`corresponding_features`).
        y
            Image number of each row, (n,); None where every row is of a picture of its own.
        progress
            Called after each slot of each round; may raise :class:`Cancelled`.

        Raises
        ------
        FeatureError
            If features are misshapen or not finite; the slot is named.
        AlignmentError
            If there are fewer than two slots.
        InputError
            If `y` does not number every row.
        """
        self._check_parameters()
        if not isinstance(X, Mapping):
            raise InputError("X must map each slot (network, layer) to its features (n, D); row k is one place in all.")
        features = check_samples(X)
        if len(features) < 2:
            raise AlignmentError("Hyperalignment needs at least two slots (network, layer) to align with one another.")
        n_samples = int(next(iter(features.values())).shape[0])
        numbers = np.arange(n_samples) if y is None else np.asarray(y).ravel()
        if len(numbers) != n_samples:
            raise InputError(f"y must number the image of every row: {len(numbers)} numbers for {n_samples} rows.")
        distinct, first = np.unique(numbers, return_inverse=True)
        pictures = first.reshape(-1).astype(np.int64)
        widths = [int(array.shape[1]) for array in features.values()]
        width = self.n_channels or max(widths)
        self.n_images_, self.n_samples_ = len(distinct), n_samples
        self.warning_ = _too_few(len(distinct), n_samples, max(widths))
        self.scores_: dict[float, tuple[float, float]] = {}
        self.agreement_: dict[Slot, float] = dict.fromkeys(features, float("nan"))

        fitting = _Fit(features, pictures, resolve_device(self.device), parse_memory(self.memory), progress)
        candidates = _STRENGTHS if self.strength == "auto" else (float(self.strength),)
        if self.strength == "auto" and np.bincount(pictures).max() < 2:
            candidates = (0.0,)  # One sample a picture: nothing differs within pictures.
        kept, held = self._split(pictures)
        everything = np.arange(n_samples, dtype=np.int64)
        start = None
        if len(held):
            n_rounds = len(candidates) * (len(candidates) > 1) + self.n_iterations + 2
            fitting.total = n_rounds * len(features)
            self.strength_ = self._choose(fitting, candidates, kept, held, width)
            training = fitting.samples(kept)
            start = fitting.procrustes(training, width, self.strength_, self.n_iterations)
            rows = _per_picture(held, pictures, _ROWS_TO_CHOOSE)
            found = agreement(fitting.samples(rows, means=training.means), start)
            self.agreement_ = dict(zip(features, map(float, found), strict=True))
            del training
        else:
            # Nothing to judge by: trust only what differs within pictures.
            fitting.total = (self.n_iterations + 1) * len(features)
            self.strength_ = candidates[-1]
        samples = fitting.samples(everything)
        # The held-out pictures move the maps but little: one more round.
        rounds = self.n_iterations if start is None else 1
        matrices = fitting.procrustes(samples, width, self.strength_, rounds, start=start)
        self.means_: dict[Slot, NDArray[np.float32]] = dict(zip(features, samples.means, strict=True))
        self.matrices_: dict[Slot, NDArray[np.float32]] = {
            slot: w.cpu().numpy() for slot, w in zip(features, matrices, strict=True)
        }
        report(progress, fitting.total, fitting.total, _TEXT)
        return self

    def _split(self, pictures: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of the pictures to fit, and of those held out (none where there are fewer than three pictures)."""
        n_pictures = int(pictures.max()) + 1
        n_held = min(max(round(self.held_out * n_pictures), 1), n_pictures - 2)
        if n_held < 1:
            return np.arange(len(pictures), dtype=np.int64), np.empty(0, np.int64)
        chosen = np.random.default_rng(self.seed).choice(n_pictures, n_held, replace=False)
        is_held = np.isin(pictures, chosen)
        return np.flatnonzero(~is_held), np.flatnonzero(is_held)

    def _choose(
        self, fitting: _Fit, candidates: tuple[float, ...], kept: NDArray[np.int64], held: NDArray[np.int64], width: int
    ) -> float:
        """The largest strength of nearly the best agreement on held-out pictures, of those that do not memorise."""
        if len(candidates) == 1:
            return candidates[0]
        # As many rows of every picture, or means of fitted and of held-out pictures could not be compared.
        rows = _per_picture(np.sort(np.concatenate([kept, held])), fitting.pictures, _ROWS_TO_CHOOSE)
        is_held = np.isin(rows, held)
        training = fitting.samples(rows[~is_held])
        test = fitting.samples(rows[is_held], means=training.means)
        shared = (training, test, min(width, _CHANNELS_TO_CHOOSE))
        tried = tasks_in_order(_tried, shared, candidates, device=fitting.device, on_disk=True)
        for strength, score in zip(candidates, tried, strict=True):
            self.scores_[strength] = score
            fitting.round_done()
        fair = {strength: score for strength, (score, optimism) in self.scores_.items() if optimism <= _OPTIMISM}
        best = max(fair.values(), default=0.0)
        return max((strength for strength, score in fair.items() if score >= best - _COST), default=max(candidates))

    def transform(self, X: Mapping[Slot, Any]) -> dict[Slot, NDArray[np.float32]]:
        """Features of some of the slots that were fitted, (n, D_i) each, in the common channel space.

        Parameters
        ----------
        X
            For each slot its features.

        Returns
        -------
        dict
            For each slot float32 (n, n_channels).

        Raises
        ------
        AlignmentError
            If nothing was fitted yet, or a slot was not.
        """
        alignment = self.to_alignment()
        return {Slot(*slot): np.asarray(alignment.transform(slot, x), np.float32) for slot, x in X.items()}

    def to_alignment(self, *, tap: str | None = None, recipe: Mapping[str, Any] | None = None) -> ChannelAlignment:
        """The fitted maps as a :class:`ChannelAlignment` with recipe and scores.

        Parameters
        ----------
        tap
            What the features are, for the alignment's record.
        recipe
            More entries for the record, for example names of pictures and versions.

        Raises
        ------
        AlignmentError
            If nothing was fitted yet.
        """
        if not hasattr(self, "matrices_"):
            raise AlignmentError("This hyperalignment has not been fitted; call fit first.")
        own = {
            "method": "hyperalignment",
            "n_images": self.n_images_,
            "n_samples": self.n_samples_,
            "strength": self.strength_,
            "strength_chosen_by": "held-out pictures" if self.strength == "auto" else "user",
            "n_iterations": self.n_iterations,
            "held_out": self.held_out,
            "seed": self.seed,
        }
        scores: dict[str, Any] = {
            "agreement": {str(slot): _json_number(value) for slot, value in self.agreement_.items()},
            "by_strength": {
                str(strength): {"agreement": _json_number(mean), "optimism": _json_number(optimism)}
                for strength, (mean, optimism) in self.scores_.items()
            },
            "warning": self.warning_,
        }
        return ChannelAlignment(self.matrices_, self.means_, tap=tap, recipe=own | dict(recipe or {}), scores=scores)


_TEXT = "Aligning layers"


class _Fit:
    """One run of fit: its features, where it computes, and how far it is."""

    def __init__(
        self,
        features: Mapping[Slot, Any],
        pictures: NDArray[np.int64],
        device: torch.device,
        memory: int,
        progress: ProgressCallback | None,
    ) -> None:
        self.features = features
        self.pictures = pictures
        self.device = device
        self.memory = memory
        self.progress = progress
        self.total = 1
        self.done = 0
        self.end = 0

    def samples(self, rows: NDArray[np.int64], means: list[NDArray[np.float32]] | None = None) -> UnitSamples:
        return UnitSamples(self.features, rows, self.pictures, means, device=self.device, memory=self.memory)

    def procrustes(
        self,
        samples: UnitSamples,
        n_channels: int,
        strength: float,
        n_iterations: int,
        start: list[torch.Tensor] | None = None,
    ) -> list[torch.Tensor]:
        # A fit that settles early leaves its share of the progress at once.
        self.end += len(self.features) * (n_iterations + (start is None))
        matrices = generalised_procrustes(
            samples, n_channels, strength=strength, n_iterations=n_iterations, start=start, step=self._step
        )
        self.done = self.end
        return matrices

    def round_done(self) -> None:
        """A round over all slots was computed elsewhere."""
        self.end += len(self.features)
        self.done = self.end
        report(self.progress, min(self.done, self.total), self.total, _TEXT)

    def _step(self) -> None:
        self.done += 1
        report(self.progress, min(self.done, self.total), self.total, _TEXT)


def _tried(shared: tuple[UnitSamples, UnitSamples, int], strength: float) -> tuple[float, float]:
    """Mean agreement in held-out pictures, and optimism, of maps that are fitted with a strength."""
    training, test, n_channels = shared
    maps = generalised_procrustes(training, n_channels, strength=strength, n_iterations=0)
    known, unknown = (agreement(one, maps, of_picture_means=True).mean() for one in (training, test))
    return float(agreement(test, maps).mean()), float(known - unknown)


def _per_picture(rows: NDArray[np.int64], pictures: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Of ascending rows about `count`, and the same number (at least two) of every picture as far as it has them."""
    order = rows[np.argsort(pictures[rows], kind="stable")]
    _, starts, sizes = np.unique(pictures[order], return_index=True, return_counts=True)
    each = max(count // len(starts), 2)
    place = np.arange(len(order)) - np.repeat(starts, sizes)
    size = np.repeat(sizes, sizes)
    # Evenly spaced within a picture: row k is taken where the running count k · each / size steps up.
    return np.sort(order[(place * each) // size != ((place - 1) * each) // size])


def _json_number(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None


def _too_few(n_images: int, n_samples: int, width: int) -> str | None:
    """A warning when the sample cannot carry the maps; None when it can."""
    if n_images >= _ENOUGH_PICTURES and n_samples >= _ENOUGH_SAMPLES_PER_CHANNEL * width:
        return None
    return (
        f"The alignment was fitted to {n_images} pictures and {n_samples} positions for {width} channels; with fewer "
        f"than {_ENOUGH_PICTURES} pictures or {_ENOUGH_SAMPLES_PER_CHANNEL} positions a channel the maps memorise the "
        "pictures, and backgrounds take their picture's own colour. Use more pictures, or an alignment made from many."
    )
