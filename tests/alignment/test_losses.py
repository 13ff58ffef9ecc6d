"""The terms of the loss against their definitions written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alignedcut_viewer.alignment.losses import brain_loss, covariance_loss, zero_centre_loss

pytestmark = pytest.mark.quick


def test_brain_loss_is_the_mean_absolute_error() -> None:
    assert float(brain_loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]]))) == 1.5


def test_zero_centre_loss_is_the_mean_absolute_channel_mean() -> None:
    aligned = torch.tensor([[1.0, -2.0], [3.0, -4.0]])
    assert float(zero_centre_loss(aligned)) == (2.0 + 3.0) / 2
    assert float(zero_centre_loss(aligned - aligned.mean(0))) == 0.0


def test_covariance_loss_is_the_sum_of_squared_off_diagonal_entries(rng: np.random.Generator) -> None:
    aligned = rng.standard_normal((2, 20, 7))
    expected = np.mean([(np.cov(a.T) ** 2).sum() - (np.diag(np.cov(a.T)) ** 2).sum() for a in aligned])
    assert float(covariance_loss(torch.from_numpy(aligned))) == pytest.approx(expected)
