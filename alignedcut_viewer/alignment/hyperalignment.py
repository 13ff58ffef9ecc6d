"""Hyperalignment: orthogonal maps of every layer of every network into one channel space, without any brain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..device import resolve_device
from ..errors import AlignmentError, InputError
from ..nodes import Slot
from ..progress import ProgressCallback, report
from .channel_alignment import ChannelAlignment
from .moments import Moments, check_samples, cross_moments, slot_means
from .procrustes import agreement, generalised_procrustes, shrink

if TYPE_CHECKING:
    import torch

__all__ = ["Hyperalignment"]

# Strengths that "auto" tries; 0 is plain orthogonal Procrustes.
_STRENGTHS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
_ENOUGH_PICTURES = 100
_ENOUGH_SAMPLES_PER_CHANNEL = 10


class Hyperalignment:
    """Generalised Procrustes alignment of all slots on samples of the same pictures and positions.

    Every slot (network, layer) gets a mean ``m_i`` and a matrix ``W_i``; ``V'_i = (V_i - m_i) W_i`` lies in one common
    channel space. With ``Z_i`` the centred rows scaled to unit length (the cut knows only cosines), the matrices
    maximise ``sum_ij tr(W_i^T Z_i^T Z_j W_j)`` over matrices with orthonormal columns or rows (slots narrower than the
    common space are zero padded), solved by turns: ``W_i = U V^T`` for ``U S V^T = sum_{j != i} Z_i^T Z_j W_j``.
    The regularised map is ``U f(S) V^T`` with ``f(s) = s / (s + strength · mean(S))``: directions that the slots do not
    share are turned down.

    Parameters
    ----------
    n_channels
        Width of the common space; None is the width of the widest slot.
    strength
        How much directions without agreement are turned down; 0 leaves the maps orthogonal, ``"auto"`` takes the
        strength with the best agreement on held-out pictures.
    n_iterations
        Rounds over all slots.
    held_out
        Share of the pictures that are held out to choose the strength and to report the agreement. The final maps are
        fitted to all pictures.
    seed
        Seed of the choice of the held-out pictures.
    device
        Where to compute.

    Attributes
    ----------
    matrices_ : dict
        ``W_i`` for each slot, float32 (D_i, n_channels).
    means_ : dict
        ``m_i`` for each slot, float32 (D_i,).
    strength_ : float
        The strength that was used.
    agreement_ : dict
        For each slot the share of its variance in held-out pictures that the other slots predict through the common
        space (R²); 1 is perfect, 0 or less is none. NaN where there were too few pictures to hold any out.
    scores_ : dict
        Mean held-out agreement of every strength that was tried.
    warning_ : str or None
        A sentence when there are too few pictures to trust the maps.

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
        n_iterations: int = 10,
        held_out: float = 0.25,
        seed: int = 0,
        device: str | torch.device = "auto",
    ) -> None:
        if n_channels is not None and n_channels < 1:
            raise InputError(f"n_channels must be at least 1; got {n_channels}.")
        if isinstance(strength, str) and strength != "auto":
            raise InputError(f"strength must be 'auto' or a number of at least 0; got {strength!r}.")
        if not isinstance(strength, str) and not 0 <= strength < float("inf"):
            raise InputError(f"strength must be 'auto' or a number of at least 0; got {strength!r}.")
        if n_iterations < 1:
            raise InputError(f"n_iterations must be at least 1; got {n_iterations}.")
        if not 0 < held_out < 1:
            raise InputError(f"held_out must lie between 0 and 1; got {held_out}.")
        self.n_channels = n_channels
        self.strength = strength
        self.n_iterations = n_iterations
        self.held_out = held_out
        self.seed = seed
        self.device = device
        self.matrices_: dict[Slot, NDArray[np.float32]] = {}
        self.means_: dict[Slot, NDArray[np.float32]] = {}
        self.agreement_: dict[Slot, float] = {}
        self.scores_: dict[float, float] = {}
        self.strength_: float = float("nan")
        self.warning_: str | None = None
        self.n_images_: int = 0
        self.n_samples_: int = 0

    def fit(
        self, slots: Mapping[Slot, Any], images: ArrayLike, progress: ProgressCallback | None = None
    ) -> Hyperalignment:
        """Fit the maps.

        Parameters
        ----------
        slots
            For each slot its features, (n, D_i), any float type; row k of every slot is the same place of the same
            picture (see :func:`corresponding_features`).
        images
            Image number of each row, (n,).
        progress
            Called after each step; may raise :class:`Cancelled`.

        Raises
        ------
        FeatureError
            If features are misshapen or not finite; the slot is named.
        AlignmentError
            If there are fewer than two slots.
        """
        features = check_samples(slots)
        numbers = np.asarray(images).ravel()
        n_samples = len(next(iter(features.values())))
        if len(features) < 2:
            raise AlignmentError("Hyperalignment needs at least two slots (network, layer) to align with one another.")
        if len(numbers) != n_samples:
            raise InputError(f"images must number every row: {len(numbers)} numbers for {n_samples} rows.")
        device = resolve_device(self.device)
        distinct = np.unique(numbers)
        self.n_images_, self.n_samples_ = len(distinct), n_samples
        self.warning_ = _too_few(len(distinct), n_samples, {slot: x.shape[1] for slot, x in features.items()})
        steps = 3 * self.n_iterations + 6
        width = self.n_channels or max(x.shape[1] for x in features.values())

        n_held = round(self.held_out * len(distinct))
        auto = self.strength == "auto"
        self.scores_ = {}
        if n_held >= 1 and len(distinct) - n_held >= 2:
            rng = np.random.default_rng(self.seed)
            held = np.isin(numbers, rng.choice(distinct, n_held, replace=False))
            means = slot_means(features, ~held)
            report(progress, 1, steps, "Comparing layers")
            kept = cross_moments(features, means, ~held, device)
            test = cross_moments(features, means, held, device)
            report(progress, 3, steps, "Comparing layers")
            maps = generalised_procrustes(kept, width, self.n_iterations)
            best = -np.inf
            for strength in _STRENGTHS if auto else (float(self.strength),):
                scores = agreement(test, shrink(maps, strength))
                self.scores_[strength] = float(np.mean(scores))
                if self.scores_[strength] > best:
                    best = self.scores_[strength]
                    self.strength_ = strength
                    self.agreement_ = dict(zip(features, map(float, scores), strict=True))
            # The moments of the held-out pictures add to those of the others up to the shift of the means.
            del kept, test
        else:
            self.agreement_ = dict.fromkeys(features, float("nan"))
            self.strength_ = _STRENGTHS[-1] if auto else float(self.strength)
        everything = np.ones(n_samples, dtype=bool)
        means = slot_means(features, everything)
        moments: Moments = cross_moments(features, means, everything, device)
        report(progress, steps - self.n_iterations, steps, "Aligning layers")
        maps = generalised_procrustes(moments, width, self.n_iterations)
        final = shrink(maps, self.strength_)
        self.means_ = dict(zip(features, means, strict=True))
        self.matrices_ = {slot: w.cpu().numpy() for slot, w in zip(features, final, strict=True)}
        report(progress, steps, steps, "Aligning layers")
        return self

    def transform(self, slot: tuple[str, int], X: Any) -> NDArray[np.float32]:
        """Features of one slot, (n, D_i), in the common channel space, float32 (n, n_channels)."""
        return np.asarray(self.to_alignment().transform(slot, X), dtype=np.float32)

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
        if not self.matrices_:
            raise AlignmentError("This hyperalignment has not been fitted; call fit first.")
        own = {
            "method": "hyperalignment",
            "n_images": self.n_images_,
            "n_samples": self.n_samples_,
            "strength": self.strength_,
            "strength_chosen": "held-out pictures" if self.strength == "auto" else "user",
            "n_iterations": self.n_iterations,
            "held_out": self.held_out,
            "seed": self.seed,
        }
        scores: dict[str, Any] = {
            "agreement": {str(slot): _json_number(value) for slot, value in self.agreement_.items()},
            "by_strength": {str(strength): _json_number(value) for strength, value in self.scores_.items()},
            "warning": self.warning_,
        }
        return ChannelAlignment(self.matrices_, self.means_, tap=tap, recipe=own | dict(recipe or {}), scores=scores)


def _json_number(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None


def _too_few(n_images: int, n_samples: int, widths: Mapping[Slot, int]) -> str | None:
    """A warning when the sample cannot carry the maps; None when it can."""
    width = max(widths.values())
    if n_images >= _ENOUGH_PICTURES and n_samples >= _ENOUGH_SAMPLES_PER_CHANNEL * width:
        return None
    return (
        f"The alignment was fitted to {n_images} pictures and {n_samples} positions for {width} channels; with fewer "
        f"than {_ENOUGH_PICTURES} pictures or {_ENOUGH_SAMPLES_PER_CHANNEL} positions a channel the maps memorise the "
        "pictures, and backgrounds take their picture's own colour. Use more pictures, or an alignment made from many."
    )
