"""What the parameters of t-SNE may be, wherever they are held. Imports nothing heavy."""

from __future__ import annotations

from typing import Any

from ..choices import SPREADS, TSNE_SAMPLINGS
from ..parameters import one_of, real, seed, whole

__all__ = ["check_tsne"]


def check_tsne(parameters: Any) -> None:
    """Refuse parameters of :class:`~.tsne.SpectralTSNE` that cannot work: the estimator's own, or settings of a study.

    Raises
    ------
    InputError
        Names the parameter.
    """
    real("perplexity", parameters.perplexity, least=1)
    one_of("metric", parameters.metric, ("euclidean", "cosine"))
    one_of("sampling", parameters.sampling, TSNE_SAMPLINGS)
    one_of("init", parameters.init, ("pca", "spectral"))
    one_of("spread", parameters.spread, SPREADS)
    whole("n_neighbors", parameters.n_neighbors, 1)
    whole("max_iter", parameters.max_iter, 1)
    seed(parameters.seed)
