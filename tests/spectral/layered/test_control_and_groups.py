"""The blank-picture control, graphs that act alike, and graphs judged by a solution that was found before."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.spectral import (
    GraphSettings,
    LayeredCut,
    LayerTokens,
    group_graphs,
    positional_basis,
    without_position,
)

pytestmark = pytest.mark.quick
FEW = GraphSettings(n_inside=8, n_across=8)


def test_what_blank_pictures_say_of_places_is_taken_out_and_the_rest_stays(rng: np.random.Generator) -> None:
    directions = np.linalg.qr(rng.standard_normal((24, 24)))[0].astype(np.float32)
    place = rng.standard_normal((36, 3)) @ directions[:, :3].T * (3, 1, 2)[0]
    content = rng.standard_normal((5, 36, 10)) @ directions[:, 8:18].T
    blank = place[None] + 2.0 * np.ones((4, 1, 1))
    basis = positional_basis(blank.astype(np.float32), share=1.0)
    assert basis.shape == (24, 3)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-5)
    assert np.linalg.svd(directions[:, :3].T @ basis, compute_uv=False).min() > 0.9999
    layer = LayerTokens((place + content).astype(np.float32), 6, 6)
    (left,) = without_position(layer, basis).sides(slice(None), torch.device("cpu"))
    np.testing.assert_allclose(left, content, atol=1e-4)
    assert positional_basis(np.ones((3, 37, 8), np.float32), leading=1).shape == (8, 0)
    with pytest.raises(InputError, match="do not fit"):
        without_position(layer, basis[:10])
    with pytest.raises(InputError, match="share of the variance"):
        positional_basis(blank, share=0.0)


def test_position_is_gone_from_where_it_was_planted(planted: SimpleNamespace) -> None:
    """Tokens of place and content: the joint cut follows place, and content once the control took place out."""
    labels = planted.labels(8, 4, 8, seed=2)
    place = np.stack(np.meshgrid(np.arange(8) // 4, np.arange(8) // 4, indexing="ij"), -1).reshape(64, 2) @ (2, 1)
    every = np.broadcast_to(place.reshape(8, 8), labels.shape)
    content, position = planted.layers(labels, 2, noise=0.5), planted.layers(every, 2, noise=0.0, seed=7)
    layers = [LayerTokens(c.left + 3 * p.left, 8, 8) for c, p in zip(content, position, strict=True)]
    bases = [positional_basis(3 * p.left[:2]) for p in position]
    cleaned = [without_position(layer, basis) for layer, basis in zip(layers, bases, strict=True)]
    before, after = (
        LayeredCut(4, scope="data set", graph=FEW, device="cpu").fit_transform(x).reshape(-1, 4)
        for x in (layers, cleaned)
    )
    assert planted.recovery(before, every) > 0.9
    assert planted.recovery(after, labels) > 0.6
    assert planted.recovery(after, every) < planted.recovery(before, every) - 0.5


def test_graphs_that_act_alike_are_grouped(rng: np.random.Generator) -> None:
    kinds = [np.diag(rng.uniform(0, 1, 6)) for _ in range(3)]
    order = [0, 0, 1, 2, 1, 0, 2, 2, 1, 1]
    noisy = np.stack([kinds[kind] + 0.02 * rng.standard_normal((6, 6)) for kind in order])
    np.testing.assert_array_equal(group_graphs(noisy), order)
    np.testing.assert_array_equal(group_graphs(noisy, 3), order)
    assert set(group_graphs(noisy[:2])) == {0}
    with pytest.raises(InputError, match="2 graphs do not make 3 groups"):
        group_graphs(noisy[:2], 3)


def test_layers_are_judged_by_a_solution_of_others(planted: SimpleNamespace) -> None:
    labels = planted.labels(8, 4, 6)
    layers = planted.layers(labels, 3, noise=0.7)
    lost = LayerTokens(np.random.default_rng(0).standard_normal((6, 64, 8)).astype(np.float32), 8, 8)
    cut = LayeredCut(4, scope="data set", graph=FEW, device="cpu").fit(layers)
    agreement, signatures = cut.judge([*layers, lost], cut.eigenvectors_)
    np.testing.assert_allclose(agreement[:3], cut.agreement_, atol=1e-4)
    assert agreement[3] < agreement[:3].min() - 0.2
    assert signatures.shape == (4, 4, 4)
    np.testing.assert_allclose(signatures, signatures.transpose(0, 2, 1), atol=1e-5)
    with pytest.raises(InputError, match="The joint solution is of 5 pictures"):
        cut.judge(layers, cut.eigenvectors_[:5])
