"""Embeddings by other libraries: openTSNE, scikit-learn, umap-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import ProgressCallback, report
from .threads import n_threads
from .tsne_descent import UpdateCallback

__all__ = ["opentsne", "scikit_learn_tsne", "umap"]

FloatArray = NDArray[np.float32]


def opentsne(
    points: FloatArray,
    start: FloatArray,
    perplexity: float,
    max_iter: int,
    seed: int,
    progress: ProgressCallback | None = None,
    on_update: UpdateCallback | None = None,
) -> tuple[FloatArray, float]:
    """FFT-interpolated t-SNE in the plane (Linderman et al. 2019) by openTSNE: time grows linearly with the points.

    Parameters
    ----------
    points
        (n, d).
    start
        (n, 2) positions to begin with.
    perplexity, seed
        As in openTSNE.
    max_iter
        Iterations, a quarter of them with early exaggeration.
    progress, on_update
        Told every 25 iterations.

    Returns
    -------
    positions
        float32 (n, 2).
    divergence
        Kullback-Leibler divergence that openTSNE reports, in nats.

    Raises
    ------
    InputError
        If the start is not in the plane.
    """
    if start.shape[1] != 2:
        raise InputError("openTSNE is fast in two dimensions only; use method='exact' or n_components=2.")
    from openTSNE import TSNE

    early = max_iter // 4
    late = max_iter - early

    def told(iteration: int, error: float, embedding: Any) -> None:
        # openTSNE counts the iterations of its two phases separately.
        told.calls += 1  # type: ignore[attr-defined]
        done = min(25 * told.calls, early + late)  # type: ignore[attr-defined]
        report(progress, done, early + late, "Spectral t-SNE (openTSNE)")
        if on_update is not None:
            on_update(done, np.asarray(embedding, dtype=np.float32))

    told.calls = 0  # type: ignore[attr-defined]
    embedding = TSNE(
        n_components=2,
        perplexity=perplexity,
        initialization=start.astype(np.float64),
        negative_gradient_method="fft",
        early_exaggeration_iter=early,
        n_iter=late,
        n_jobs=n_threads(),
        random_state=seed,
        callbacks=told,
        callbacks_every_iters=25,
    ).fit(points)
    return np.asarray(embedding, dtype=np.float32), float(embedding.kl_divergence)


def scikit_learn_tsne(
    points: FloatArray, start: FloatArray, perplexity: float, max_iter: int, seed: int
) -> tuple[FloatArray, float]:
    """Barnes-Hut t-SNE by scikit-learn; cannot be watched or cancelled.

    Parameters
    ----------
    points
        (n, d).
    start
        (n, 2) or (n, 3) positions to begin with.
    perplexity, max_iter, seed
        As in scikit-learn, which takes 250 iterations at least.

    Returns
    -------
    positions
        float32, like `start`.
    divergence
        Kullback-Leibler divergence that scikit-learn reports, in nats.
    """
    from sklearn.manifold import TSNE

    model = TSNE(
        n_components=start.shape[1],
        perplexity=perplexity,
        init=start,
        max_iter=max(max_iter, 250),
        random_state=seed,
        n_jobs=n_threads(),
    )
    embedding = model.fit_transform(points)
    return np.asarray(embedding, dtype=np.float32), float(model.kl_divergence_)


def umap(points: FloatArray, start: FloatArray, n_neighbors: int, seed: int) -> FloatArray:
    """UMAP (McInnes et al. 2018) by umap-learn; cannot be watched or cancelled.

    Parameters
    ----------
    points
        (n, d).
    start
        (n, n_components) positions to begin with.
    n_neighbors
        Size of the neighbourhoods.
    seed
        Makes the result reproducible, at the price of a single thread.

    Returns
    -------
    NDArray
        float32, like `start`.

    Raises
    ------
    InputError
        If umap-learn is not installed.
    """
    try:
        from umap import UMAP
    except ImportError:
        raise InputError("method='umap' needs umap-learn; install it with: pip install umap-learn") from None

    # UMAP expects a start about ten units wide.
    widest = max(float(np.abs(start).max()), 1e-30)
    model = UMAP(
        n_components=start.shape[1],
        n_neighbors=max(2, min(n_neighbors, len(points) - 1)),
        init=np.ascontiguousarray(start * np.float32(10 / widest)),
        random_state=seed,
        n_jobs=1,
    )
    return np.asarray(model.fit_transform(points), dtype=np.float32)
