"""Pooling between token grids."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.spectral.layered.token_grid import Grid, Pooling, common_grid

pytestmark = pytest.mark.quick


def test_whole_cells_are_torch_average_pooling() -> None:
    values = torch.randn(2, 12 * 8, 5, dtype=torch.float64)
    pooled = Pooling(Grid(12, 8), Grid(4, 4)).down(values)
    expected = functional.avg_pool2d(values.transpose(1, 2).reshape(2, 5, 12, 8), (3, 2)).flatten(2).transpose(1, 2)
    torch.testing.assert_close(pooled, expected)


@pytest.mark.parametrize("layer", [Grid(3, 5), Grid(4, 4), Grid(7, 6), Grid(16, 14)])
@pytest.mark.parametrize("metric", ["pooled", "isometric"])
def test_up_is_the_transpose_of_down(layer: Grid, metric: str) -> None:
    pooling = Pooling(Grid(14, 14), layer, metric)
    x, y = torch.randn(1, 196, 3, dtype=torch.float64), torch.randn(1, len(layer), 3, dtype=torch.float64)
    torch.testing.assert_close((pooling.down(x) * y).sum(), (x * pooling.up(y)).sum())
    torch.testing.assert_close(pooling.down(x)[0], pooling.matrix() @ x[0])


def test_a_constant_stays_a_constant_on_any_grid() -> None:
    ones = torch.ones(1, 196, 1, dtype=torch.float64)
    torch.testing.assert_close(Pooling(Grid(14, 14), Grid(9, 16)).down(ones), torch.ones(1, 144, 1).double())


def test_isometric_pooling_has_orthonormal_rows_and_is_the_scaled_mean_of_whole_cells() -> None:
    uneven = Pooling(Grid(14, 14), Grid(9, 5), "isometric").matrix()
    torch.testing.assert_close(uneven @ uneven.T, torch.eye(45, dtype=torch.float64))
    whole = Pooling(Grid(8, 8), Grid(4, 2), "isometric").matrix()
    torch.testing.assert_close(whole, np.sqrt(8) * Pooling(Grid(8, 8), Grid(4, 2)).matrix())


def test_the_common_grid_is_as_fine_as_each() -> None:
    assert common_grid([Grid(8, 20), Grid(16, 14)]) == Grid(16, 20)
    with pytest.raises(InputError, match="at least 1 × 1"):
        Grid(0, 3)
    with pytest.raises(InputError, match="Unknown metric"):
        Pooling(Grid(2, 2), Grid(2, 2), "other")
