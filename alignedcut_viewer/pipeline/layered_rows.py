"""The rows of a joint cut that a study keeps: of one cut of all pictures as they are, of single pictures turned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..spectral import LayeredCut, LayerTokens
from ..spectral.layered.turning import agreeing_turns, channel_directions, common_columns

__all__ = ["rows_of"]


def rows_of(
    engine: LayeredCut, layers: Sequence[LayerTokens]
) -> tuple[NDArray[np.float32], list[NDArray[np.float32]], NDArray[np.float64]]:
    """Rows of the joint solution, as each layer's graph passes them on, and what the columns are worth.

    Eigenvectors of pictures that were cut one by one are taken times the root of their eigenvalues (those of the
    gradient solver times their singular values, as in the paper) and turned to agree across the pictures.

    Parameters
    ----------
    engine
        Fitted, with projections.
    layers
        What it was fitted to.

    Returns
    -------
    joint
        float32 (pictures, places, C).
    projections
        For each layer float32 (pictures, tokens, C).
    values
        float64 (C,) descending: eigenvalues; of single pictures the mean squared length of a turned column.
    """
    projections = list(engine.projections_ or [])
    if engine.scope == "data set":
        return engine.eigenvectors_, projections, np.asarray(engine.eigenvalues_)
    values = np.clip(engine.eigenvalues_, 0, None)
    scale = (values if engine.solver == "gradient" else np.sqrt(values))[:, None, :].astype(np.float32)
    rows = engine.eigenvectors_ * scale
    weights = np.atleast_2d(engine.weights_).mean(axis=0)
    of_layers = np.zeros(len(layers))
    np.add.at(of_layers, [layer for layer, _ in engine.graph_layers_], weights)
    turns, sizes = common_columns(
        rows, agreeing_turns(channel_directions(layers, rows, engine.grid_, of_layers, seed=engine.seed))
    )
    turned = [np.matmul(each * scale, turns).astype(np.float32) for each in (engine.eigenvectors_, *projections)]
    return turned[0], turned[1:], sizes
