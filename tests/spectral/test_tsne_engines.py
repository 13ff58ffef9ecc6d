"""t-SNE and UMAP by other libraries, behind the same name."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alignedcut_viewer.errors import Cancelled, InputError
from alignedcut_viewer.spectral import SpectralTSNE


@pytest.fixture
def planted(rng):
    centres = rng.standard_normal((6, 10)) * 4
    labels = rng.integers(0, 6, 400)
    return (centres[labels] + rng.standard_normal((400, 10))).astype(np.float32), labels


def small(**settings):
    return SpectralTSNE(**{"n_landmarks": 150, "perplexity": 15, "max_iter": 100, "device": "cpu", **settings})


@pytest.mark.parametrize("method", ["openTSNE", "scikit-learn"])
def test_other_engines(planted, method):
    from sklearn.neighbors import KNeighborsClassifier

    eigenvectors, labels = planted
    updates = []
    model = small(n_components=2, method=method, n_landmarks=200)
    places = model.fit_transform(eigenvectors, on_update=lambda i, places: updates.append(places))
    assert model.method_ == method
    assert KNeighborsClassifier(5).fit(places[::2], labels[::2]).score(places[1::2], labels[1::2]) > 0.95
    assert np.isfinite(model.kl_divergence_)
    assert updates
    assert updates[-1].shape == model.embedding_landmarks_.shape


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::Warning")
def test_umap(planted):
    pytest.importorskip("umap", reason="needs the extra 'umap' (pip install umap-learn)")
    eigenvectors, labels = planted
    model = small(method="umap")
    places = model.fit_transform(eigenvectors)
    assert places.shape == (400, 3)
    assert np.isnan(model.kl_divergence_)
    centres = np.stack([places[labels == label].mean(axis=0) for label in range(6)])
    assert (np.linalg.norm(places[:, None] - centres[None], axis=2).argmin(axis=1) == labels).mean() > 0.9


def test_umap_missing(planted, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(InputError, match="pip install umap-learn"):
        small(method="umap").fit(planted[0])


def test_cancel_of_opentsne(planted):
    def stop(done, total, text):
        if done > 0.3 * total:
            raise Cancelled

    model = small(n_components=2, method="openTSNE")
    with pytest.raises(Cancelled):
        model.fit_transform(planted[0], progress=stop)
    with pytest.raises(InputError, match="call fit"):
        model.transform(planted[0])
