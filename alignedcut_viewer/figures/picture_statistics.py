"""What figure and ground do to regions, with intervals and p-values over pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..brain.centring import Centring
from ..brain.statistics import Interval, bootstrap_means, false_discovery, sign_flip_p_values
from ..errors import InputError

if TYPE_CHECKING:
    from ..nodes import NodeIndex
    from ..study.brain_activation import BrainActivation
    from .figure_ground import FigureGround

__all__ = ["NetworkStatistics", "figure_ground_statistics", "member_interval"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NetworkStatistics:
    """Figure and ground of one network, layer by layer.

    Attributes
    ----------
    layers
        L layer numbers.
    means
        (L, 2, R) mean activation over tokens, of figure and of ground.
    ends
        Both ends (L, 2, R) of their 95 % intervals, pictures drawn anew.
    difference
        (L, R) mean over pictures of figure less ground within a picture.
    difference_ends
        Both ends (L, R) of its interval.
    p_values, q_values
        (L, R) two-sided, by changing the sign of whole pictures; adjusted over all networks, layers and regions.
    n_pictures
        Pictures that have both figure and ground.
    """

    layers: tuple[int, ...]
    means: FloatArray
    ends: Interval
    difference: FloatArray
    difference_ends: Interval
    p_values: FloatArray
    q_values: FloatArray
    n_pictures: int


def figure_ground_statistics(
    brain: BrainActivation,
    figure_ground: FigureGround,
    regions: list[str],
    *,
    about: Centring,
    seed: int = 0,
) -> dict[str, NetworkStatistics]:
    """Statistics of all networks of a cut.

    Parameters
    ----------
    brain
        Activation of the cut's nodes.
    figure_ground
        Which nodes are figure and which ground.
    regions
        Which regions.
    about
        What activation is measured from; differences are the same about any.
    seed
        Of draws.

    Raises
    ------
    InputError
        If a network has no figure or no ground.
    """
    index = brain.index
    columns = [brain.names.index(name) for name in regions]
    found: dict[str, NetworkStatistics] = {}
    for network in index.networks:
        means, ends, within = [], [], []
        for layer in network.layers:
            sums, counts = _by_picture(brain, index, figure_ground, network.name, layer, columns, about)
            if not counts.sum(axis=0).all():
                raise InputError(f"No token of {network.name} is known to be figure, or none to be ground.")
            means.append(sums.sum(axis=0) / counts.sum(axis=0)[:, None])
            ends.append([bootstrap_means(sums[:, k], counts[:, k], seed=seed) for k in (0, 1)])
            with np.errstate(invalid="ignore", divide="ignore"):
                each = sums / counts[:, :, None]
            within.append(each[:, 0] - each[:, 1])
        differences = np.stack(within, axis=1)
        both = differences[np.isfinite(differences).all(axis=(1, 2))]
        flat = both.reshape(len(both), -1)
        shape = differences.shape[1:]
        drawn = bootstrap_means(flat, np.ones(len(flat)), seed=seed)
        p_values = sign_flip_p_values(both, seed=seed)
        found[network.name] = NetworkStatistics(
            network.layers,
            np.stack(means),
            Interval(*(np.array([[pair[k][end] for k in (0, 1)] for pair in ends]) for end in (0, 1))),
            both.mean(axis=0) if len(both) else np.full(shape, np.nan),
            Interval(drawn.low.reshape(shape), drawn.high.reshape(shape)),
            p_values,
            p_values,
            len(both),
        )
    adjusted = false_discovery(np.concatenate([one.p_values.ravel() for one in found.values()]))
    start = 0
    from dataclasses import replace

    for name, one in found.items():
        size = one.p_values.size
        found[name] = replace(one, q_values=adjusted[start : start + size].reshape(one.p_values.shape))
        start += size
    return found


def _by_picture(
    brain: BrainActivation,
    index: NodeIndex,
    figure_ground: FigureGround,
    network: str,
    layer: int,
    columns: list[int],
    about: Centring,
) -> tuple[FloatArray, FloatArray]:
    """Sums (pictures, 2, R) and numbers (pictures, 2) of the tokens of figure and ground in each picture."""
    nodes = index.select(networks=[network], layers=[layer], patches_only=True)
    values = brain.rows(nodes, about=about)[:, columns].astype(np.float64)
    n_pictures = len(index.images)
    labels = figure_ground.labels[nodes].reshape(n_pictures, -1)
    values = values.reshape(n_pictures, labels.shape[1], len(columns))
    members = np.stack([labels == 1, labels == 0], axis=1).astype(np.float64)
    return members @ values, members.sum(axis=2)


def member_interval(
    brain: BrainActivation, nodes: NDArray[np.int64], columns: list[int], *, about: Centring, seed: int = 0
) -> Interval:
    """95 % interval of the mean activation of regions by some nodes, pictures drawn anew; both ends (R,).

    Parameters
    ----------
    brain
        Activation of the cut's nodes.
    nodes
        Node numbers.
    columns
        Numbers of the regions.
    about
        What activation is measured from.
    seed
        Of the draws.
    """
    values = brain.rows(nodes, about=about)[:, columns].astype(np.float64)
    _, numbers = np.unique(brain.index.locate(nodes).image, return_inverse=True)
    sums = np.stack([np.bincount(numbers, column) for column in values.T], axis=1)
    return bootstrap_means(sums, np.bincount(numbers), seed=seed)
