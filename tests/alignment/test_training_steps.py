"""One step of the training: gradients that are written out are those of the loss as it is defined."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alignedcut_viewer.alignment import BrainAlignment, BrainSamples
from alignedcut_viewer.alignment.brain_state import TrainingState
from alignedcut_viewer.alignment.eigen_constraint import eigen_constraint
from alignedcut_viewer.alignment.losses import brain_loss, covariance_loss, zero_centre_loss
from alignedcut_viewer.alignment.training_steps import train_epoch
from alignedcut_viewer.nodes import Slot

N_PICTURES, N_CHANNELS, N_VOXELS, WIDTHS = 24, 9, 30, (9, 9, 6)


class Still:
    """An optimiser that moves nothing, so that the gradients of a step can be looked at."""

    param_groups = ({"lr": 0.0}, {"lr": 0.0})

    def step(self) -> None:
        """Do nothing."""


@pytest.fixture
def samples() -> BrainSamples:
    rng = np.random.default_rng(0)
    slots = [Slot("net", number) for number in range(len(WIDTHS))]
    return BrainSamples(
        {s: rng.standard_normal((N_PICTURES, w)).astype(np.float32) for s, w in zip(slots, WIDTHS, strict=True)},
        {s: rng.standard_normal((20, w)).astype(np.float32) for s, w in zip(slots, WIDTHS, strict=True)},
        rng.standard_normal((N_PICTURES, N_VOXELS)).astype(np.float32),
    )


def state_of(samples: BrainSamples) -> TrainingState:
    generator = torch.Generator().manual_seed(1)
    maps = torch.randn(sum(WIDTHS), N_CHANNELS, generator=generator)
    beta = torch.randn(N_CHANNELS, N_VOXELS, generator=generator)
    intercept = torch.randn(N_VOXELS, generator=generator)
    return TrainingState(
        maps=maps.requires_grad_(),
        beta=beta.requires_grad_(),
        intercept=intercept.requires_grad_(),
        scales=torch.linspace(0.5, 2.0, sum(WIDTHS)),
        response_mean=torch.randn(N_VOXELS, generator=generator),
        response_scale=torch.rand(N_VOXELS, generator=generator) + 0.5,
        best_maps=maps.detach().clone(),
        best_beta=beta.detach().clone(),
        best_intercept=intercept.detach().clone(),
    )


@pytest.mark.quick
@pytest.mark.parametrize("weights", [(0.0, 0.0, 0.0), (1.0, 0.0, 0.3), (0.7, 0.2, 0.1)])
def test_gradients_are_those_of_the_loss(samples: BrainSamples, weights: tuple[float, float, float]) -> None:
    """All nodes of all slots in one step, so that nothing is left to chance."""
    settings = BrainAlignment(
        N_CHANNELS,
        eigen_weight=weights[0],
        zero_weight=weights[1],
        covariance_weight=weights[2],
        n_nodes=20,
        slots_per_step=len(WIDTHS),
        batch_size=N_PICTURES,
    )
    state = state_of(samples)
    rows = np.arange(N_PICTURES)
    terms = train_epoch(settings, state, samples, rows, Still(), lambda *_: None)  # type: ignore[arg-type]
    found = [tensor.grad.clone() for tensor in (state.maps, state.beta, state.intercept) if tensor.grad is not None]

    leaves = [tensor.detach().clone().requires_grad_() for tensor in (state.maps, state.beta, state.intercept)]
    maps, beta, intercept = leaves
    pooled = torch.from_numpy(samples.stacked(rows)) * state.scales
    measured = (torch.from_numpy(samples.measured(rows)) - state.response_mean) / state.response_scale
    expected = {"brain": brain_loss(pooled @ maps @ beta + intercept, measured)}
    before = [torch.from_numpy(samples.nodes[s]) * state.scales[p] for s, p in samples.slices.items()]
    after = torch.stack([x @ maps[p] for x, p in zip(before, samples.slices.values(), strict=True)])
    wide = torch.stack([torch.nn.functional.pad(x, (0, max(WIDTHS) - x.shape[1])) for x in before])
    expected["eigen"] = eigen_constraint(wide, after, broadening=settings.broadening).float()
    expected["zero"], expected["covariance"] = zero_centre_loss(after), covariance_loss(after)
    loss = expected["brain"]
    for name, weight in zip(("eigen", "zero", "covariance"), weights, strict=True):
        loss = loss + weight * expected[name]
    loss.backward()  # type: ignore[no-untyped-call]
    for gradient, leaf in zip(found, leaves, strict=True):
        torch.testing.assert_close(gradient, leaf.grad, rtol=1e-4, atol=1e-6)
    assert terms["brain"] == pytest.approx(float(expected["brain"].detach()), rel=1e-5)
    for name, weight in zip(("eigen", "zero", "covariance"), weights, strict=True):
        if weight:
            assert terms[name] == pytest.approx(float(expected[name].detach()), rel=1e-4)


@pytest.mark.quick
def test_a_second_step_forgets_the_gradients_of_the_first(samples: BrainSamples) -> None:
    settings = BrainAlignment(N_CHANNELS, n_nodes=20, slots_per_step=3, batch_size=N_PICTURES)
    state = state_of(samples)
    rows = np.arange(N_PICTURES)
    gradients = []
    for _ in range(2):
        train_epoch(settings, state, samples, rows, Still(), lambda *_: None)  # type: ignore[arg-type]
        assert state.maps.grad is not None
        gradients.append(state.maps.grad.clone())
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-6)
