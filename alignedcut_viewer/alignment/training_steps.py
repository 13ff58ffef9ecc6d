"""The steps of brain-guided training: one pass over the pictures."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import ProgressCallback, report
from .brain_samples import BrainSamples
from .brain_state import TrainingState
from .eigen_constraint import eigen_constraint
from .losses import covariance_loss, zero_centre_loss
from .training_settings import TrainingSettings

__all__ = ["make_optimiser", "train_epoch"]


def make_optimiser(settings: TrainingSettings, state: TrainingState) -> torch.optim.AdamW:
    """AdamW over maps and readout, as the state left it."""
    for tensor in (state.maps, state.beta, state.intercept):
        tensor.requires_grad_(True)
    optimiser = torch.optim.AdamW(
        [
            {"params": [state.maps], "lr": _map_rate(settings, state), "weight_decay": 0.0},
            {
                "params": [state.beta, state.intercept],
                "lr": settings.learning_rate,
                "weight_decay": settings.weight_decay,
            },
        ],
        fused=state.maps.device.type in ("cpu", "cuda"),
    )
    if state.optimiser is not None:
        optimiser.load_state_dict(state.optimiser)
    return optimiser


def train_epoch(
    settings: TrainingSettings,
    state: TrainingState,
    samples: BrainSamples,
    train: NDArray[np.int64],
    optimiser: torch.optim.AdamW,
    progress: ProgressCallback,
) -> dict[str, float]:
    """One pass over the training pictures.

    Returns
    -------
    dict
        Mean of each term of the loss over the steps.
    """
    # Seeded by the epoch, so that a resumed training draws what an uninterrupted one would.
    rng = np.random.default_rng([settings.seed, 1, state.epoch])
    order = rng.permutation(train)
    device = state.maps.device
    sums: dict[str, float] = {}
    steps = math.ceil(len(order) / settings.batch_size)
    for step in range(steps):
        rows = order[step * settings.batch_size : (step + 1) * settings.batch_size]
        pooled = torch.from_numpy(samples.stacked(rows)).to(device).mul_(state.scales)
        measured = torch.from_numpy(samples.measured(rows)).to(device)
        measured.sub_(state.response_mean).div_(state.response_scale)
        terms = {"brain": _brain_step(state, pooled, measured)}
        terms |= _constraint_step(settings, state, samples, rng)
        if settings.schedule == "cosine":
            share = (state.epoch + step / steps) / settings.n_epochs
            factor = 0.5 + 0.5 * math.cos(math.pi * share)
            optimiser.param_groups[0]["lr"] = _map_rate(settings, state) * factor
            optimiser.param_groups[1]["lr"] = settings.learning_rate * factor
        optimiser.step()
        for name, term in terms.items():
            sums[name] = sums.get(name, 0.0) + term / steps
        report(progress, step + 1, steps, f"training, epoch {state.epoch + 1}")
    return sums


@torch.no_grad()
def _brain_step(state: TrainingState, pooled: torch.Tensor, measured: torch.Tensor) -> float:
    """The brain term (equation 9) and its gradients, which replace those of the step before.

    Written out, as the gradients are as large as the parameters: they are computed into the same memory each time.
    ``measured`` is overwritten; NaN in it are pictures that somebody did not see, which have no part in the term.
    """
    for tensor in (state.maps, state.beta, state.intercept):
        if tensor.grad is None:
            tensor.grad = torch.empty_like(tensor)
    maps, beta, intercept = state.maps.grad, state.beta.grad, state.intercept.grad
    assert maps is not None
    assert beta is not None
    assert intercept is not None
    inside = pooled @ state.maps
    difference = torch.addmm(state.intercept, inside, state.beta).sub_(measured)
    count = difference.numel()
    if n_missing := int(torch.isnan(measured).sum()):
        difference.nan_to_num_(nan=0.0)
        count -= n_missing
    loss = float(difference.abs().sum() / count)
    slope = torch.sign(difference, out=measured).div_(count)
    torch.mm(inside.T, slope, out=beta)
    torch.sum(slope, dim=0, out=intercept)
    torch.mm(pooled.T, slope @ state.beta.T, out=maps)
    return loss


def _map_rate(settings: TrainingSettings, state: TrainingState) -> float:
    given = settings.map_learning_rate
    return settings.learning_rate * 16 / state.maps.shape[1] if given is None else given


def _weights(settings: TrainingSettings) -> dict[str, float]:
    return {"eigen": settings.eigen_weight, "zero": settings.zero_weight, "covariance": settings.covariance_weight}


def _constraint_step(
    settings: TrainingSettings, state: TrainingState, samples: BrainSamples, rng: np.random.Generator
) -> dict[str, float]:
    """The terms that look at sampled nodes of a few slots; their gradients are added to those of the maps."""
    if not any(_weights(settings).values()):
        return {}
    count = min(len(samples.slots), 4 if settings.slots_per_step is None else settings.slots_per_step)
    chosen = np.sort(rng.choice(len(samples.slots), count, replace=False))
    widest = max(samples.widths)
    n_nodes = min(settings.n_nodes, *(int(samples.nodes[samples.slots[i]].shape[0]) for i in chosen))
    if n_nodes <= settings.n_eigenvectors:
        raise InputError(f"The eigen-constraint needs more than {settings.n_eigenvectors} nodes of each slot.")
    before, after = [], []
    leaves: dict[int, torch.Tensor] = {}
    for i in chosen:
        slot = samples.slots[i]
        part = samples.slices[slot]
        rows = np.sort(rng.choice(samples.nodes[slot].shape[0], n_nodes, replace=False))
        features = torch.from_numpy(samples.sampled(slot, rows)).to(state.maps.device)
        features = features * state.scales[part]
        leaves[part.start] = leaf = state.maps[part].detach().requires_grad_()
        after.append(features @ leaf)
        # Zeros change no cosine; with them all slots make one batch.
        before.append(torch.nn.functional.pad(features, (0, widest - features.shape[1])))
    aligned = torch.stack(after)
    terms: dict[str, torch.Tensor] = {}
    if settings.eigen_weight:
        terms["eigen"] = eigen_constraint(
            torch.stack(before),
            aligned,
            n_eigenvectors=settings.n_eigenvectors,
            gamma=settings.gamma,
            focal=settings.focal,
            broadening=settings.broadening,
        ).to(aligned.dtype)
    if settings.zero_weight:
        terms["zero"] = zero_centre_loss(aligned)
    if settings.covariance_weight:
        terms["covariance"] = covariance_loss(aligned)
    weights = _weights(settings)
    loss = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    assert state.maps.grad is not None
    for start, leaf in leaves.items():
        if leaf.grad is not None:
            state.maps.grad[start : start + len(leaf)] += leaf.grad
    return {name: float(term.detach()) for name, term in terms.items()}
