"""Brain-guided channel alignment: one map a slot into a universal channel space that predicts fMRI.

Section 2.1, 2.3 and appendix C of the AlignedCut paper (Yang, Gee, Shi 2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ..brain import BrainDataset
from ..device import parse_memory, resolve_device
from ..errors import AlignmentError
from ..nodes import Slot
from ..parameters import seed as seed_of
from ..parameters import whole
from ..progress import ProgressCallback, report, span
from .brain_readout import BrainReadout
from .brain_samples import BrainSamples
from .brain_state import TrainingState, read_checkpoint, settings_digest, write_checkpoint
from .channel_alignment import ChannelAlignment
from .readout import Standardisation, fit_readout, held_out_r2
from .starting_maps import GUIDANCE, node_scales, starting_maps
from .training_memory import closed_form_pictures
from .training_settings import check_settings
from .training_steps import make_optimiser, train_epoch

__all__ = ["BrainAlignment"]


class BrainAlignment:
    r"""Linear maps ``W_i`` of all slots, and one readout ``beta``, trained to predict brain responses.

    The prediction is ``Y = mean over tokens(sum over slots V_i W_i) beta + eps`` (equation 2), the loss

    ``L1(Y) + eigen_weight · eigen + zero_weight · zero + covariance_weight · covariance``.

    Parameters
    ----------
    n_channels
        Width D' of the universal space; None is that of the widest slot (768 in the paper).
    eigen_weight, zero_weight, covariance_weight
        Weights of the eigen-constraint (equations 5 and 8), the zero-centre term (6) and the covariance term (7); 0
        switches a term off. 1 for the first is the best row of the paper's Table 1; .01 for the others is recalled from
        the authors' code, not published.
    focal
        Whether pairs of nodes that were disconnected before alignment weigh more in the eigen-constraint (equation 8).
    n_eigenvectors, n_nodes, gamma
        The eigen-constraint compares that many eigenvectors of the graph of that many nodes with that kernel width
        (6 and 100 are recalled from the authors' code).
    broadening
        Eigenvalues at the edge of the compared span that are closer than this have their gradient damped. With a
        hundred nodes and gamma 1 they are about .01 apart; undamped, the few steps where two nearly meet outweigh all
        others, and the constraint drifts away from its minimum instead of towards it.
    slots_per_step
        Slots whose constraint is computed in a step, drawn anew each time: the mean over them estimates the mean over
        all. None is 4, or all where there are fewer.
    center
        Whether the mean of all tokens of a slot (of the training pictures) is taken from its features first. The
        zero-centre term asks for it, and what all nodes of a layer have in common, most of the length of a feature,
        would otherwise keep every layer to itself in the common space. The maps then have an offset:
        ``V'_i = (V_i - m_i) W_i``. The paper's have none.
    guidance
        How much the start ``"isometry"`` heeds the brain rather than the agreement of the slots, 0 to 1, where nodes
        correspond; see :func:`~alignedcut_viewer.alignment.starting_maps.consensus_isometries`.
    init
        ``"ridge"`` takes the closed-form solution of the brain term, ``"isometry"`` the isometries nearest to it (the
        eigen-constraint is then zero to begin with), ``"identity"`` keeps the channels as they are, ``"random"`` is
        what a fresh linear layer would have (the paper's). The readout always starts as the ridge regression on them.
    learning_rate
        Of the readout. 1e-3 as in the authors' earlier encoder.
    map_learning_rate
        Of the maps; None is ``learning_rate · 16 / D'``, since AdamW moves all entries alike, and the change
        of the output grows with the width.
    schedule
        ``"cosine"`` lowers both learning rates to nothing over `n_epochs`, ``"constant"`` leaves them. The
        eigen-constraint is a norm, whose gradient does not fade where the norm does, so that a constant step never
        settles.
    weight_decay
        Of the readout (AdamW).
    batch_size
        Pictures a step.
    n_epochs, patience
        Most epochs, and epochs without a better held-out score after which training stops.
    validation
        Share of the pictures that is held out for early stopping and for the strength of ridge regressions, with all
        their rows and nodes.
    keep
        ``"best"`` keeps the epoch with the best held-out score, ``"last"`` the last one.
    readout
        ``"best"`` refits ``beta`` by ridge regression to the trained maps and keeps what predicts held-out pictures
        better; ``"trained"`` keeps the trained one.
    seed
        Seed of every random choice.
    device
        Where to compute.
    memory
        Bound on what training allocates, such as ``"4GiB"``. The closed-form start looks at fewer pictures where their
        inner products would not fit; training itself is refused where maps and readout do not. Some 500 MB of pages
        of mapped files may come on top.

    Attributes
    ----------
    matrices_ : dict of Slot to numpy.ndarray
        ``W_i``, float32 (D_i, D').
    offsets_ : dict of Slot to numpy.ndarray
        ``m_i``, float32 (D_i,); empty without `center`.
    beta_ : numpy.ndarray
        float32 (D', n_voxels).
    intercept_ : numpy.ndarray
        float32 (n_voxels,).
    history_ : list of dict
        Per epoch: the terms of the loss, and the held-out R².
    best_epoch_ : int
        Epoch with the best held-out score; 0 is the start.
    score_ : float
        Mean held-out R² over voxels of what was kept.
    readout_ : str
        ``"trained"`` or ``"ridge"``.
    validation_rows_ : numpy.ndarray
        Rows that were held out.
    """

    def __init__(
        self,
        n_channels: int | None = None,
        *,
        eigen_weight: float = 1.0,
        zero_weight: float = 0.01,
        covariance_weight: float = 0.01,
        focal: bool = True,
        n_eigenvectors: int = 6,
        n_nodes: int = 100,
        gamma: float = 1.0,
        broadening: float = 0.03,
        slots_per_step: int | None = None,
        center: bool = True,
        guidance: float = GUIDANCE,
        init: str = "isometry",
        learning_rate: float = 1e-3,
        map_learning_rate: float | None = None,
        schedule: str = "cosine",
        weight_decay: float = 0.01,
        batch_size: int = 64,
        n_epochs: int = 30,
        patience: int = 5,
        validation: float = 0.1,
        keep: str = "best",
        readout: str = "best",
        seed: int = 0,
        device: str | torch.device = "auto",
        memory: int | float | str = "4GiB",
    ) -> None:
        self.n_channels = n_channels
        self.eigen_weight = eigen_weight
        self.zero_weight = zero_weight
        self.covariance_weight = covariance_weight
        self.focal = focal
        self.n_eigenvectors = n_eigenvectors
        self.n_nodes = n_nodes
        self.gamma = gamma
        self.broadening = broadening
        self.slots_per_step = slots_per_step
        self.center = center
        self.guidance = guidance
        self.init = init
        self.learning_rate = learning_rate
        self.map_learning_rate = map_learning_rate
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.patience = patience
        self.validation = validation
        self.keep = keep
        self.readout = readout
        self.seed = seed
        self.device = device
        self.memory = memory
        self._check_parameters()

    def _check_parameters(self) -> None:
        whole("n_channels", self.n_channels, 1, unless=None)
        seed_of(self.seed)
        check_settings(self)

    def settings(self) -> dict[str, Any]:
        """All parameters, JSON-ready."""
        return {
            name: str(value) if name == "device" else value for name, value in vars(self).items() if name[-1] != "_"
        }

    def fit(
        self,
        samples: BrainSamples,
        *,
        progress: ProgressCallback | None = None,
        on_epoch: Callable[[Mapping[str, float]], None] | None = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Train the maps and the readout.

        Parameters
        ----------
        samples
            Features and responses.
        progress
            Called with each step; raises ``Cancelled`` to stop. The last finished epoch stays in `checkpoint`.
        on_epoch
            Called with the record of each epoch, for live curves.
        checkpoint
            File to keep the state of the training in. Where it exists already and belongs to the same settings and
            data, training goes on from there, with the same result as if it had never stopped.

        Raises
        ------
        InputError
            If there are too few pictures, a response is not finite, or maps and readout do not fit into `memory`.
        FeatureError
            If a feature is not finite.
        AlignmentError
            If the training diverges.
        """
        self._check_parameters()  # again: attributes may have been set since
        device = resolve_device(self.device)
        train, held_out = samples.split(self.validation, self.seed)
        samples = samples.trained_on(train)
        if self.center:
            samples = samples.centred(train)
        digest = settings_digest(self.settings(), samples)
        state = read_checkpoint(checkpoint, digest, device) if checkpoint is not None else None
        if state is None:
            state = self._start(samples, train, held_out, device, span(progress, 0.0, 0.1))
            self._record(state, samples, held_out, {}, on_epoch)
        optimiser = make_optimiser(self, state)
        steps = math.ceil(len(train) / self.batch_size)
        while state.epoch < self.n_epochs and state.epoch - state.best_epoch < self.patience:
            done = state.epoch
            losses = train_epoch(
                self,
                state,
                samples,
                train,
                optimiser,
                lambda step, total, text, done=done: report(  # type: ignore[misc]
                    progress, 100 + round(850 * (done * steps + step) / (self.n_epochs * steps)), 1000, text
                ),
            )
            state.epoch += 1
            if not all(math.isfinite(loss) for loss in losses.values()):
                raise AlignmentError(
                    f"The training diverged: in epoch {state.epoch} its loss is no finite number any more. Lower "
                    "learning_rate, or the weight of a term (eigen_weight, zero_weight, covariance_weight)."
                )
            self._record(state, samples, held_out, losses, on_epoch)
            if checkpoint is not None:
                state.optimiser = optimiser.state_dict()
                write_checkpoint(checkpoint, digest, state)
        self._finish(state, samples, train, held_out)
        report(progress, 1000, 1000, "aligned")
        return self

    def _start(
        self,
        samples: BrainSamples,
        train: NDArray[np.int64],
        held_out: NDArray[np.int64],
        device: torch.device,
        progress: ProgressCallback,
    ) -> TrainingState:
        n_channels = max(samples.widths) if self.n_channels is None else self.n_channels
        standardisation = Standardisation.of(samples, train, device)
        scales = node_scales(samples).to(device)
        most_pictures = closed_form_pictures(samples, n_channels, parse_memory(self.memory))
        report(progress, 1, 4, "starting maps")
        maps = starting_maps(
            self.init,
            samples,
            train,
            held_out,
            scales,
            n_channels,
            standardisation,
            self.seed,
            device,
            self.guidance,
            most_pictures,
        )
        report(progress, 2, 4, "ridge regression of the readout")
        fit = fit_readout(samples, train, held_out, maps, scales, standardisation)
        report(progress, 4, 4, "ready to train")
        return TrainingState(
            maps=maps,
            beta=fit.beta,
            intercept=fit.intercept,
            scales=scales,
            response_mean=standardisation.mean,
            response_scale=standardisation.scale,
            best_maps=maps.clone(),
            best_beta=fit.beta.clone(),
            best_intercept=fit.intercept.clone(),
        )

    def _record(
        self,
        state: TrainingState,
        samples: BrainSamples,
        held_out: NDArray[np.int64],
        losses: Mapping[str, float],
        on_epoch: Callable[[Mapping[str, float]], None] | None,
    ) -> None:
        """Score the epoch on held-out pictures, keep it if it is the best, tell the listener."""
        with torch.no_grad():
            score = held_out_r2(samples, held_out, state.maps, state.scales, state.beta, state.intercept, state)
            if state.epoch == 0 or score > state.best_score:
                state.best_score, state.best_epoch = score, state.epoch
                for best, now in (
                    (state.best_maps, state.maps),
                    (state.best_beta, state.beta),
                    (state.best_intercept, state.intercept),
                ):
                    best.copy_(now)
        state.history.append({"epoch": float(state.epoch), **losses, "r2": score})
        if on_epoch is not None:
            on_epoch(dict(state.history[-1]))

    def _finish(
        self, state: TrainingState, samples: BrainSamples, train: NDArray[np.int64], held_out: NDArray[np.int64]
    ) -> None:
        maps, beta, intercept = state.best_maps.detach(), state.best_beta.detach(), state.best_intercept.detach()
        self.readout_, self.score_ = "trained", state.best_score
        if self.keep == "last":
            maps, beta, intercept = state.maps.detach(), state.beta.detach(), state.intercept.detach()
            self.score_ = state.history[-1]["r2"]
        if self.readout == "best":
            standardisation = Standardisation(state.response_mean, state.response_scale)
            fit = fit_readout(samples, train, held_out, maps, state.scales, standardisation)
            score = held_out_r2(samples, held_out, maps, state.scales, fit.beta, fit.intercept, state)
            if score > self.score_:
                self.readout_, self.score_, beta, intercept = "ridge", score, fit.beta, fit.intercept
        scaled = (maps * state.scales[:, None]).cpu().numpy()
        self.matrices_: dict[Slot, NDArray[np.float32]] = {
            slot: np.ascontiguousarray(scaled[part]) for slot, part in samples.slices.items()
        }
        self.offsets_ = dict(samples.offsets)
        self.beta_: NDArray[np.float32] = (beta * state.response_scale).cpu().numpy()
        self.intercept_: NDArray[np.float32] = (intercept * state.response_scale + state.response_mean).cpu().numpy()
        self.history_ = state.history
        self.best_epoch_ = state.best_epoch
        self.validation_rows_ = held_out

    def summed(self, pooled: Mapping[Slot, ArrayLike]) -> NDArray[np.float32]:
        """Sum over slots of the pooled, aligned features, float32 (n_pictures, D').

        Parameters
        ----------
        pooled
            Pooled features (n_pictures, D_i) of every slot.

        Raises
        ------
        AlignmentError
            If nothing was fitted yet, or a slot is missing.
        """
        if not hasattr(self, "matrices_"):
            raise AlignmentError("This BrainAlignment is not fitted yet; call fit first.")
        missing = [str(slot) for slot in self.matrices_ if slot not in pooled]
        if missing:
            raise AlignmentError(
                f"The prediction needs pooled features of all slots; {', '.join(missing)} are missing."
            )
        parts = [
            (np.asarray(pooled[slot], np.float32) - self.offsets_.get(slot, np.float32(0))) @ matrix
            for slot, matrix in self.matrices_.items()
        ]
        total: NDArray[np.float32] = np.sum(parts, axis=0, dtype=np.float32)
        return total

    def predict(self, pooled: Mapping[Slot, ArrayLike], voxels: slice | NDArray[np.int64] | None = None) -> Any:
        """Predicted responses (equation 2), float32 (n_pictures, n_voxels), of all voxels or some.

        Raises
        ------
        AlignmentError
            See :meth:`summed`.
        """
        chosen = slice(None) if voxels is None else voxels
        return self.summed(pooled) @ self.beta_[:, chosen] + self.intercept_[chosen]

    def to_alignment(
        self,
        *,
        tap: str | None = None,
        dataset: BrainDataset | None = None,
        scores: Mapping[str, Any] | None = None,
        voxels: bool = True,
        recipe: Mapping[str, Any] | None = None,
    ) -> ChannelAlignment:
        """The trained maps as a :class:`ChannelAlignment`.

        Parameters
        ----------
        tap
            What the features are.
        dataset
            The brain data, over the same voxels; with it the readout travels too.
        scores
            Scores on pictures that took no part in the training, as of
            :meth:`~alignedcut_viewer.alignment.brain_scores.SlotScores.as_dict`.
        voxels
            Whether the readout of all voxels travels, or its means over regions only.
        recipe
            More to keep in the recipe, JSON-ready: where pictures and responses came from.
        """
        if not hasattr(self, "matrices_"):
            raise AlignmentError("This BrainAlignment is not fitted yet; call fit first.")
        readout = None
        if dataset is not None:
            by_roi = dict((scores or {}).get("rois", {}))
            if (scores or {}).get("subjects"):
                by_roi["subjects"] = (scores or {})["subjects"]
            readout = BrainReadout.of(self.beta_, dataset, intercept=self.intercept_, scores=by_roi, voxels=voxels)
        own = {"held_out_r2": self.score_, "best_epoch": self.best_epoch_, "readout": self.readout_}
        simulated = bool((recipe or {}).get("simulated", False)) or (dataset is not None and dataset.simulated)
        return ChannelAlignment(
            self.matrices_,
            self.offsets_,
            kind="brain",
            tap=tap,
            recipe={"settings": self.settings(), "history": self.history_, **(recipe or {})},
            scores=own | dict(scores or {}),
            simulated=simulated,
            readout=readout,
        )
