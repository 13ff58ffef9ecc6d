"""Where else is this? Cosine similarity of chosen nodes to all nodes, as values over the pictures.

Among eigenvectors a part is computed when it is looked at: one product of its rows. In the space of features they are
streamed from the study, the layer that is shown first. Knows neither Qt nor napari.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...concepts.similarity import cosine_similarity
from ...errors import InputError
from ...nodes import Slot
from ...progress import ProgressCallback, span
from .evented import Evented
from .node_values import NodeValues

if TYPE_CHECKING:
    from ...nodes import NodeIndex
    from ...study.cut import Cut
    from ...study.node_features import LinearAlignment
    from ...study.study import Study

__all__ = ["SCOPES", "SPACES", "EigenvectorSimilarity", "FeatureSimilarity", "SimilaritySettings", "slots_in_scope"]

SPACES = {"eigenvectors": "eigenvectors", "aligned": "aligned features", "raw": "the network's own features"}
"""Where similarity is measured, and its name for the user."""

SCOPES = {
    "all": "all layers of all networks",
    "network": "all layers of its network",
    "layer": "its own layer",
    "others": "the other networks",
}
"""Which nodes are compared, and their name for the user."""

LIMITS = (0.0, 1.0)
CHUNK = 16_384


@dataclass
class SimilaritySettings(Evented):
    """How the selection is compared with all other nodes.

    Attributes
    ----------
    show
        Whether the heat map follows the selection.
    space
        A key of :data:`SPACES`.
    scope
        A key of :data:`SCOPES`.
    threshold
        Nodes at least as similar belong to the mask.
    mask
        Whether the mask is shown.
    """

    show: bool = True
    space: str = "eigenvectors"
    scope: str = "all"
    threshold: float = 0.8
    mask: bool = False


def slots_in_scope(index: "NodeIndex", nodes: NDArray[np.int64], scope: str) -> tuple[Slot, ...]:
    """Networks and layers that chosen nodes are compared with, by a key of :data:`SCOPES`."""
    ordered = np.sort(np.asarray(nodes, dtype=np.int64))
    parts = [(tuple(slot), np.searchsorted(ordered, (part.start, part.stop))) for slot, part in index.iter_slots()]
    own = {slot for slot, (begin, end) in parts if end > begin}
    networks = {name for name, _ in own}
    keep: dict[str, Callable[[Slot], bool]] = {
        "all": lambda slot: True,
        "network": lambda slot: slot.network in networks,
        "layer": lambda slot: tuple(slot) in own,
        "others": lambda slot: slot.network not in networks,
    }
    if scope not in keep:
        raise InputError(f"Unknown scope {scope!r}; use {', '.join(SCOPES)}.")
    return tuple(slot for slot in index.slots if keep[scope](slot))


class EigenvectorSimilarity:
    """Cosine similarity among the eigenvectors of a cut.

    Parameters
    ----------
    cut
        The cut; its eigenvectors are mapped from disk and neither copied nor normalised.
    """

    def __init__(self, cut: "Cut") -> None:
        self._eigenvectors = cut.eigenvectors
        self._index = cut.index

    def values(self, nodes: NDArray[np.int64], scope: str = "all") -> NodeValues:
        """Mean cosine of every node to the chosen ones, computed for the parts that are looked at.

        Parameters
        ----------
        nodes
            Flat node numbers, at least one.
        scope
            A key of :data:`SCOPES`; nodes outside have no value.
        """
        query = _mean_direction(np.asarray(self._eigenvectors[nodes]))
        slots = slots_in_scope(self._index, nodes, scope)
        left_out = [self._index.slot_slice(*slot) for slot in self._index.slots if slot not in set(slots)]
        eigenvectors = self._eigenvectors

        def part(wanted: slice) -> NDArray[np.float32]:
            values = cosine_similarity(eigenvectors[wanted], query, chunk=max(wanted.stop - wanted.start, 1))
            values *= np.float32(length)
            for outside in left_out:
                first, last = max(outside.start, wanted.start), min(outside.stop, wanted.stop)
                if first < last:
                    values[first - wanted.start : last - wanted.start] = np.nan
            return values

        length = float(np.linalg.norm(query))
        return NodeValues(part, _title(len(nodes), "eigenvectors"), n_nodes=len(self._index), limits=LIMITS)


class FeatureSimilarity:
    """Cosine similarity among features, streamed slot by slot into an array that can be looked at meanwhile.

    Parameters
    ----------
    study, cut
        The study and the cut whose nodes are compared.
    nodes
        Flat node numbers, at least one.
    space
        ``aligned`` or ``raw``.
    scope
        A key of :data:`SCOPES`.
    first
        The network and layer to begin with: what is shown.

    Raises
    ------
    InputError
        If the cut has no alignment, or raw features of several networks would be compared.
    """

    def __init__(
        self,
        study: "Study",
        cut: "Cut",
        nodes: NDArray[np.int64],
        space: str,
        scope: str,
        first: tuple[str, int] | None = None,
    ) -> None:
        index = cut.index
        self._study, self._nodes, self._index = study, nodes, index
        self._alignment_name: str | None = None
        slots: Iterable[Slot] = slots_in_scope(index, nodes, scope)
        if space == "aligned":
            self._alignment_name = cut.recipe["cut"].get("alignment")
            if self._alignment_name is None:
                raise InputError("This cut was made without an alignment; compare eigenvectors, or own features.")
        else:
            own = {index.networks[n].name for n in np.unique(index.locate(nodes).network)}
            if len(own) > 1:
                raise InputError("Own features of different networks cannot be compared; choose nodes of one network.")
            slots = [slot for slot in slots if slot.network in own]
            if not slots:
                raise InputError("Own features can only be compared within their network; choose another scope.")
        shown = None if first is None else Slot(*first)
        self._slots = sorted(slots, key=lambda slot: slot != shown)
        self.values: NDArray[np.float32] = np.full(len(index), np.nan, dtype=np.float32)
        self.title = _title(len(nodes), SPACES[space])

    @property
    def partial(self) -> NodeValues:
        """What is computed so far; NaN elsewhere."""
        return NodeValues(lambda part: self.values[part], self.title, n_nodes=len(self._index), limits=LIMITS)

    def __call__(self, progress: ProgressCallback) -> NodeValues:
        """All values; may be cancelled after every chunk."""
        from ...pipeline.alignment_stage import load_alignment

        name = self._alignment_name
        alignment = None if name is None else load_alignment(self._study, name)
        query = _mean_direction(self._rows(alignment))
        length = float(np.linalg.norm(query))
        for number, slot in enumerate(self._slots):
            nodes = self._index.slot_slice(*slot)
            part = self._index.subset(networks=[slot.network], layers=[slot.layer])
            features = self._study.node_features(part, alignment)
            step = span(progress, number / len(self._slots), (number + 1) / len(self._slots))
            values = cosine_similarity(features, query, chunk=CHUNK, progress=step)
            self.values[nodes] = values * np.float32(length)
        return NodeValues(self.values, self.title, limits=LIMITS)

    def _rows(self, alignment: "LinearAlignment | None") -> NDArray[np.float32]:
        """Features of the chosen nodes, read one by one."""
        place = self._index.locate(self._nodes)
        rows = []
        for network, layer in sorted({(int(n), int(k)) for n, k in zip(place.network, place.layer, strict=True)}):
            name = self._index.networks[network].name
            chosen = self._nodes[(place.network == network) & (place.layer == layer)]
            slot = self._index.subset(networks=[name], layers=[layer])
            features = self._study.node_features(slot, alignment)
            rows.append(np.asarray(features.rows(chosen - self._index.slot_slice(name, layer).start), dtype=np.float32))
        return np.concatenate(rows)


def _mean_direction(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Mean of unit rows: its product with a unit vector is the mean of the cosines."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return np.asarray(units.mean(axis=0), dtype=np.float32)


def _title(n_nodes: int, space: str) -> str:
    chosen = "1 node" if n_nodes == 1 else f"{n_nodes:,} nodes"
    return f"Similarity to {chosen} · {space}"
