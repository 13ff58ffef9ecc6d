"""Methods that divide a picture: this program's, and its peers rebuilt from their published settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...segmentation import (
    SegmentChoice,
    TokenGraph,
    segment_eigenvectors,
    segment_tokens,
    upsample_labels,
    upsample_scores,
)
from ...segmentation.benchmark_metrics import largest_component
from ...segmentation.bilateral import bilateral_solve
from ...segmentation.figure import figure_map

__all__ = [
    "OWN_NUMBER",
    "PEERS",
    "Method",
    "PictureFeatures",
    "SlotFeatures",
    "make_methods",
    "ncut_pytorch_eigenvectors",
]

PEERS = ("k-means", "ncut-pytorch", "tokencut", "diffcut")
OWN_NUMBER = "alignedcut, own number"
"""This program's segments with the number that it finds itself."""


@dataclass(frozen=True)
class SlotFeatures:
    """Tokens of one picture at one layer and tap, ``(rows * columns, D)``."""

    network: str
    tap: str
    layer: int
    rows: int
    columns: int
    tokens: NDArray[np.float32]


@dataclass(frozen=True)
class PictureFeatures:
    """A picture and its features at every layer and tap."""

    pixels: NDArray[np.uint8]
    slots: tuple[SlotFeatures, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def at(self, network: str, tap: str, layer: int) -> SlotFeatures:
        """One slot; an InputError if it was not extracted."""
        for slot in self.slots:
            if (slot.network, slot.tap, slot.layer) == (network, tap, layer):
                return slot
        raise InputError(f"The tap {tap} of layer {layer} of {network} was not extracted.")


class Method(ABC):
    """Something that divides pictures.

    Attributes
    ----------
    family
        What its name is in the table; of several variants of a family the best of the selection half is shown.
    name
        Which variant.
    settings
        What tells it from others, ready for JSON.
    """

    family: str
    name: str
    settings: Mapping[str, Any]

    @abstractmethod
    def labels(self, picture: PictureFeatures, count: int) -> NDArray[np.int32]:
        """Label map ``(H, W)`` with `count` segments, or as many as the method finds by itself."""

    def saliency(self, picture: PictureFeatures) -> NDArray[np.float32] | None:
        """Map ``(H, W)`` from 0 to 1 of how much is figure; None where the method does not say."""
        return None


class Ours(Method):
    """Attention outputs of many layers of all networks cut together."""

    def __init__(
        self, gamma: float, choice: SegmentChoice, first_layers: Mapping[str, int], *, told: bool = True
    ) -> None:
        self.name = self.family = "alignedcut" if told else OWN_NUMBER
        self._told = told
        self.gamma, self.choice, self._first = gamma, choice, dict(first_layers)
        self.settings = {"gamma": gamma, "refine": choice.refine.filter, "first layers": self._first}
        self._last: tuple[PictureFeatures, Any] | None = None

    def _cut(self, picture: PictureFeatures, count: int) -> Any:
        from ...spectral.layered.graph_settings import GraphSettings
        from ...spectral.layered.layer_tokens import LayerTokens
        from ...spectral.layered.uniform_cut import uniform_cut

        if self._last is not None and self._last[0] is picture:
            return self._last[1]
        graph = GraphSettings(affinity="kernel", centred=True, gamma=self.gamma, n_inside=None)
        layers = [
            LayerTokens(slot.tokens[None], slot.rows, slot.columns, name=f"{slot.network}.{slot.tap}/{slot.layer}")
            for slot in picture.slots
            if slot.tap == "attention" and slot.layer >= self._first[slot.network]
        ]
        places = max(len(layer.grid) for layer in layers)
        wanted = min(max(self.choice.n_eigenvectors, 31), places)
        cut = uniform_cut(layers, wanted, graph)
        self._last = (picture, cut)
        return cut

    def _segments(self, picture: PictureFeatures, choice: SegmentChoice) -> NDArray[np.int32]:
        cut = self._cut(picture, choice.n_eigenvectors)
        grid = (cut.grid.rows, cut.grid.columns)
        found = segment_eigenvectors(cut.eigenvectors, cut.eigenvalues, grid, picture.pixels, choice)
        return found.labels

    def labels(self, picture: PictureFeatures, count: int) -> NDArray[np.int32]:
        """As many segments as asked for, 30 at most; or the number that the picture's own graph speaks for."""
        return self._segments(picture, replace(self.choice, segments=max(2, min(count, 30)) if self._told else None))

    def saliency(self, picture: PictureFeatures) -> NDArray[np.float32]:
        """Where figure is by the picture's own graphs, smoothed by the bilateral solver."""
        cut = self._cut(picture, self.choice.n_eigenvectors)
        last = {slot.network: slot.layer for slot in sorted(picture.slots, key=lambda slot: slot.layer)}
        keys = [
            slot.tokens.reshape(slot.rows, slot.columns, -1)
            for slot in picture.slots
            if slot.tap == "k" and slot.layer >= 2 * (last[slot.network] + 1) // 3
        ]
        places = figure_map(cut.eigenvectors, cut.eigenvalues, (cut.grid.rows, cut.grid.columns), keys)
        return np.clip(bilateral_solve(upsample_scores(places, picture.size), picture.pixels), 0, 1)


class _OneLayer(Method):
    def __init__(self, network: str, tap: str, layer: int) -> None:
        self.slot = (network, tap, layer)
        self.name = f"{self.family} {network}.{tap}/{layer}"
        self.settings = {"network": network, "tap": tap, "layer": layer}


class KMeans(_OneLayer):
    """Spherical k-means of the features of one layer."""

    family = "k-means"

    def labels(self, picture: PictureFeatures, count: int) -> NDArray[np.int32]:
        """Labels of tokens, each pixel that of its token."""
        slot = picture.at(*self.slot)
        found = segment_tokens(slot.tokens, min(count, len(slot.tokens)), n_starts=5)
        return upsample_labels(found.labels.reshape(slot.rows, slot.columns), picture.size)


def ncut_pytorch_eigenvectors(tokens: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Eigenvectors of ncut-pytorch with its own defaults; an InputError if it is not installed."""
    try:
        from ncut_pytorch import Ncut
    except ImportError:
        raise InputError("ncut-pytorch is not installed; install it with: pip install ncut-pytorch") from None
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        try:
            found = Ncut(n_eig=count, device="cpu").fit_transform(torch.from_numpy(tokens))
        except ImportError:  # said only where a graph is so large that it samples
            raise InputError(
                "ncut-pytorch needs another package for so many tokens; install it with: pip install fpsample"
            ) from None
    return np.asarray(found[0] if isinstance(found, tuple) else found, dtype=np.float32)


class NcutPytorch(_OneLayer):
    """Eigenvectors of ncut-pytorch with its own defaults, then k-means on their directions."""

    family = "ncut-pytorch"

    def labels(self, picture: PictureFeatures, count: int) -> NDArray[np.int32]:
        """As many eigenvectors as segments, as its documentation does."""
        slot = picture.at(*self.slot)
        vectors = ncut_pytorch_eigenvectors(slot.tokens, max(count, 2))
        labels = segment_tokens(vectors[:, : max(count, 2)], min(count, len(slot.tokens)), n_starts=5).labels
        return upsample_labels(labels.reshape(slot.rows, slot.columns), picture.size)


class TokenCut(_OneLayer):
    """TokenCut (Wang et al. 2022): keys of the last layer, cosine above .2, second eigenvector, its mean."""

    family = "tokencut"

    def __init__(self, network: str, tap: str, layer: int) -> None:
        super().__init__(network, tap, layer)
        self._last: tuple[PictureFeatures, NDArray[np.float32]] | None = None

    def _mask(self, picture: PictureFeatures) -> NDArray[np.bool_]:
        from scipy.linalg import eigh
        from scipy.ndimage import label

        slot = picture.at(*self.slot)
        unit = slot.tokens / np.maximum(np.linalg.norm(slot.tokens, axis=1, keepdims=True), 1e-12)
        affinity = np.where(unit @ unit.T > 0.2, 1.0, 1e-5)
        degree = np.diag(affinity.sum(1))
        _, vectors = eigh(degree - affinity, degree, subset_by_index=(1, 1))
        second = vectors[:, 0]
        inside = second > second.mean()
        seed = int(np.abs(second).argmax())
        if not inside[seed]:
            inside = ~inside
        parts, _ = label(inside.reshape(slot.rows, slot.columns))
        return np.asarray(parts == parts.ravel()[seed])

    def labels(self, picture: PictureFeatures, count: int) -> NDArray[np.int32]:
        """Two segments, whatever is asked for."""
        return (self.saliency(picture) > 0.5).astype(np.int32)

    def saliency(self, picture: PictureFeatures) -> NDArray[np.float32]:
        """Soft output of the bilateral solver on the mask."""
        if self._last is None or self._last[0] is not picture:
            self._last = (picture, self._solved(picture))
        return self._last[1]

    def _solved(self, picture: PictureFeatures) -> NDArray[np.float32]:
        mask = upsample_labels(self._mask(picture).astype(np.int32), picture.size).astype(np.float32)
        solved = np.clip(bilateral_solve(mask, picture.pixels), 0, 1)
        kept = largest_component(solved > 0.5)
        return np.where(kept | (solved <= 0.5), solved, 1 - solved).astype(np.float32)


class DiffCut(_OneLayer):
    """DiffCut (Couairon et al. 2024): cosine to the power 10, recursion while the normalised cut is below .5.

    As published it finds its own number of segments. Told the number, it splits where the normalised cut is lowest
    until it has them.
    """

    def __init__(self, network: str, tap: str, layer: int, *, told: bool = False) -> None:
        self.family = "diffcut, told the number" if told else "diffcut"
        super().__init__(network, tap, layer)
        self._told = told

    def labels(self, picture: PictureFeatures, count: int) -> NDArray[np.int32]:
        """Each pixel that of the most similar mean feature at 128 x 128."""
        slot = picture.at(*self.slot)
        unit = slot.tokens / np.maximum(np.linalg.norm(slot.tokens, axis=1, keepdims=True), 1e-12)
        cosine = unit @ unit.T
        scaled = (cosine - cosine.min()) / max(float(cosine.max() - cosine.min()), 1e-12)
        graph = TokenGraph.of_affinity(scaled**10)
        found = graph.divided(count, smallest=1) if self._told else graph.recursive(threshold=0.5, smallest=1)
        centres = np.stack([unit[found == i].mean(0) for i in range(int(found.max()) + 1)])
        fine = upsample_scores(unit.reshape(slot.rows, slot.columns, -1), (128, 128))
        labels = (fine @ centres.T).argmax(-1).astype(np.int32)
        return upsample_labels(labels, picture.size)


def make_methods(
    names: Sequence[str],
    layers: Mapping[str, int],
    peer_layers: Sequence[int] | None,
    gamma: float,
    choice: SegmentChoice,
) -> list[Method]:
    """Methods, the peers once for each network and layer.

    Parameters
    ----------
    names
        ``"alignedcut"`` and some of :data:`PEERS`.
    layers
        Number of layers of each network.
    peer_layers
        Layers of the peers that work on one layer; None is two thirds up and the last but one.
    gamma, choice
        Of this program's segments.

    Raises
    ------
    InputError
        If a name is unknown.
    """
    unknown = [name for name in names if name not in ("alignedcut", *PEERS)]
    if unknown:
        raise InputError(f"Unknown method {unknown[0]!r}; use alignedcut, {', '.join(PEERS)}.")
    one_layer: dict[str, Callable[[str, str, int], Method]] = {
        "k-means": KMeans,
        "ncut-pytorch": NcutPytorch,
        "diffcut": DiffCut,
    }
    methods: list[Method] = []
    for name in names:
        if name == "alignedcut":
            first = {network: n // 4 for network, n in layers.items()}
            methods += [Ours(gamma, choice, first), Ours(gamma, choice, first, told=False)]
        for network, n in layers.items():
            chosen = peer_layers if peer_layers is not None else sorted({2 * n // 3, n - 2})
            own = [layer for layer in chosen if layer < n]
            if name == "tokencut":  # as published, and its recipe where one-layer methods look
                methods.append(TokenCut(network, "k", n - 1))
                slots = [(tap, layer) for layer in own for tap in ("attention", "k") if (tap, layer) != ("k", n - 1)]
                methods += [TokenCut(network, tap, layer) for tap, layer in slots]
            elif name in one_layer:
                methods += [one_layer[name](network, "attention", layer) for layer in own]
                if name == "diffcut":
                    methods += [DiffCut(network, "attention", layer, told=True) for layer in own]
    return methods
