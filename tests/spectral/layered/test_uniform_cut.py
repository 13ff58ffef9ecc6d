"""The quick cut of one picture is the joint cut with uniform weights."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.spectral import GraphSettings, LayeredCut
from alignedcut_viewer.spectral.layered.uniform_cut import uniform_cut

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("count", [4, 40])  # by Lanczos, and densely
@pytest.mark.parametrize("normalisation", ["symmetric", "row-stochastic"])
def test_it_is_the_layered_cut(planted: SimpleNamespace, count: int, normalisation: str) -> None:
    graph = GraphSettings(affinity="kernel", gamma=0.3, centred=True, n_inside=None, normalisation=normalisation)
    labels = planted.labels(12, 4, 2)
    fine = planted.layers(labels, 3, noise=1.0)
    coarse = planted.layers(labels[:, 1::2, 1::2], 2, noise=1.0, seed=1)
    layers = [*fine, *coarse]
    expected = LayeredCut(count, graph=graph, weights="uniform", device="cpu").fit(layers)
    for picture in range(2):
        found = uniform_cut(layers, count, graph, picture=picture)
        assert (found.grid.rows, found.grid.columns) == (12, 12)
        np.testing.assert_allclose(found.eigenvalues, expected.eigenvalues_[picture], atol=1e-5)
        np.testing.assert_allclose(found.eigenvectors[:, :4], expected.eigenvectors_[picture][:, :4], atol=2e-3)
        again = uniform_cut(layers, count, graph, picture=picture)
        np.testing.assert_array_equal(again.eigenvectors, found.eigenvectors)


def test_mistakes_are_sentences(planted: SimpleNamespace) -> None:
    layers = planted.layers(planted.labels(6, 3, 1), 2, noise=1.0)
    graph = GraphSettings(affinity="kernel", n_inside=None)
    with pytest.raises(InputError, match="1 to 36 eigenvectors"):
        uniform_cut(layers, 37, graph)
    with pytest.raises(InputError, match="at least one layer"):
        uniform_cut([], 3, graph)
    with pytest.raises(InputError, match="joins their heads"):
        uniform_cut(layers, 3, GraphSettings(heads="apart"))
