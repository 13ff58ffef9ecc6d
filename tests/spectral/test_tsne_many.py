"""Maps of very many points: the grid against all pairs, buckets against the exact search, places of one's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alignedcut_viewer.errors import Cancelled
from alignedcut_viewer.spectral import SpectralTSNE
from alignedcut_viewer.spectral import tsne_descent as descent
from alignedcut_viewer.spectral.buckets import Buckets
from alignedcut_viewer.spectral.neighbours import nearest
from alignedcut_viewer.spectral.tsne_forces import CompiledForces
from alignedcut_viewer.spectral.tsne_grid import field_of
from alignedcut_viewer.spectral.tsne_many import GridForces
from alignedcut_viewer.spectral.tsne_probabilities import sparse_probabilities

pytestmark = pytest.mark.quick


def sheet(rng, n):
    """A curved sheet in ten dimensions, and where on the sheet each point is."""
    at = rng.uniform(-1, 1, (n, 2))
    waves = np.stack([np.sin(at[:, 0] * k) + np.cos(at[:, 1] * k) for k in (1.0, 2.0, 3.0)], axis=1)
    return np.concatenate([at, at**2, 0.3 * waves, np.zeros((n, 3))], axis=1).astype(np.float32), at


def probabilities_of(points, k=20):
    indices, squared = nearest(points, points, k + 1)
    return sparse_probabilities(indices[:, 1:].astype(np.int64), torch.from_numpy(squared[:, 1:].copy()), k / 3)


@pytest.mark.parametrize("spread", [0.3, 3.0, 12.0])
@pytest.mark.parametrize("n_components", [2, 3])
def test_the_field_is_that_of_all_pairs(rng, n_components, spread):
    y = (spread * rng.standard_normal((1500, n_components))).astype(np.float32)
    steps = y[:, None].astype(np.float64) - y[None]
    w = 1 / (1 + np.square(steps).sum(axis=2))
    force = (np.square(w)[:, :, None] * steps).sum(axis=1)
    potential, slope = field_of(y).at(y)
    np.testing.assert_allclose(potential, w.sum(axis=1), rtol=0.05)
    error = np.linalg.norm(-0.5 * slope - force) / np.linalg.norm(force)
    most = 0.012 if spread < 5 else 0.06 if n_components == 2 else 0.25
    assert error < most, "a share of the force; a sparse cloud in space is the worst"


def test_the_gradient_and_the_divergence_are_those_of_all_pairs(rng):
    points, at = sheet(rng, 1200)
    p = probabilities_of(points)
    y = (8 * at + 0.2 * rng.standard_normal(at.shape)).astype(np.float32)
    by_grid, by_pairs = GridForces(p, y), CompiledForces(p, np.pad(y, ((0, 0), (0, 1))))
    expected = by_pairs.gradient(2.0)[:, :2]
    assert np.linalg.norm(by_grid.gradient(2.0) - expected) < 0.02 * np.linalg.norm(expected)
    assert by_grid.divergence() == pytest.approx(by_pairs.divergence(), rel=0.005)


def test_buckets_find_nearly_all_neighbours_and_all_where_every_one_is_looked_into(rng):
    points, _ = sheet(rng, 4000)
    buckets, own = Buckets(points, 100), np.arange(len(points))
    exact = nearest(points, points, 11)[0]
    every, distances = buckets.nearest(points, 10, n_probes=40, own=own)
    np.testing.assert_allclose(distances, np.square(points[:, None] - points[every]).sum(axis=2), rtol=1e-4, atol=1e-9)
    some, _ = buckets.nearest(points, 10, n_probes=6, own=own)
    for found, least in ((every, 0.999), (some, 0.97)):
        shared = [len(np.intersect1d(a, b[1:])) for a, b in zip(found, exact, strict=True)]
        assert np.mean(shared) / 10 > least
    assert not (every == own[:, None]).any(), "nobody is a neighbour of its own"
    few, far = Buckets(points[:5], 5).nearest(points[:3], 8)
    assert (few[:, 5:] == -1).all()
    assert (far[:, 5:] > 1e38).all()


def kept_neighbours(points, places, k=10):
    a, b = (nearest(np.ascontiguousarray(x), np.ascontiguousarray(x), k + 1)[0][:, 1:] for x in (points, places))
    return np.mean([len(np.intersect1d(one, other)) for one, other in zip(a, b, strict=True)]) / k


def test_every_node_has_a_place_of_its_own_near_its_neighbours(rng):
    points, _ = sheet(rng, 3000)
    model = SpectralTSNE(2, n_landmarks=500, perplexity=20, sampling="uniform", n_neighbors=5, device="cpu")
    model.fit(points)
    kept = {}
    for spread in ("nearest", "refined"):
        model.spread = spread
        places = model.transform(points)
        kept[spread] = kept_neighbours(points, places + 1e-4 * rng.standard_normal(places.shape).astype(np.float32))
    assert len(np.unique(places, axis=0)) > 2900
    np.testing.assert_array_equal(places[model.landmarks_], model.embedding_landmarks_)
    assert kept["refined"] > kept["nearest"] + 0.1
    np.testing.assert_allclose(model.transform(points[7:9]), places[7:9], atol=1e-4)
    twice = model.transform(np.concatenate([points[:40], points[:40]]))
    np.testing.assert_array_equal(twice[:40], twice[40:])


def test_few_nodes_are_refined_too(rng):
    for n in (1, 2, 3, 4, 9):
        points = rng.standard_normal((n, 5)).astype(np.float32)
        places = SpectralTSNE(2, spread="refined", perplexity=5, max_iter=30, device="cpu").fit_transform(points)
        assert np.isfinite(places).all()


def test_many_landmarks_are_placed_by_the_grid_as_well_as_by_all_pairs(rng, monkeypatch):
    points, _ = sheet(rng, 1500)
    start = descent.start_positions(points, 2, "pca", 0)
    monkeypatch.setattr(descent, "_DENSE_CPU", 100)
    settings = descent.Descent(iterations=250)
    _, by_pairs = descent.exact_tsne(torch.from_numpy(points), start, 20.0, settings)
    monkeypatch.setattr(descent, "_GRID_CPU", 100)
    monkeypatch.setattr(descent, "_BUCKETS", 100)
    seen = []
    places, by_grid = descent.exact_tsne(
        torch.from_numpy(points), start, 20.0, settings, None, lambda i, y: seen.append((i, y.shape))
    )
    assert by_grid == pytest.approx(by_pairs, rel=0.05)
    assert seen[0] == (25, (1500, 2))
    assert kept_neighbours(points, places) > 0.6
    again, _ = descent.exact_tsne(torch.from_numpy(points), start, 20.0, settings)
    np.testing.assert_array_equal(again, places)

    def cancel(done, total, text):
        if done > total // 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        descent.exact_tsne(torch.from_numpy(points), start, 20.0, settings, cancel)
