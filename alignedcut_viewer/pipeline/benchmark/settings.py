"""What a benchmark compares."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...choices import BENCHMARK_PROTOCOLS
from ...errors import InputError
from ...parameters import real, whole
from ...parameters import seed as checked_seed
from ...segmentation import SegmentChoice
from ..segment_stage import GAMMA
from ..settings import ExtractSettings
from .methods import PEERS

__all__ = ["BenchmarkSettings"]


@dataclass(frozen=True)
class BenchmarkSettings:
    """What is compared.

    Attributes
    ----------
    extract
        Networks, layers, weights and input size; the taps are attention and k.
    protocols
        Some of ``oracle``, ``hungarian``, ``many-to-one``, ``saliency``, ``box``.
    scope
        ``"picture"``: segments and matching for each picture; ``"data set"``: for all pictures together.
    methods
        ``"alignedcut"`` and peers.
    peer_layers
        Layers of peers that work on one; see :func:`.methods.make_methods`.
    gamma, choice
        Of this program's segments.
    limit
        Only so many pictures, evenly spread; None is all.
    seed
        Of the bootstrap.
    """

    extract: ExtractSettings
    protocols: tuple[str, ...] = ("hungarian",)
    scope: str = "picture"
    methods: tuple[str, ...] = ("alignedcut", *PEERS)
    peer_layers: tuple[int, ...] | None = None
    gamma: float = GAMMA
    choice: SegmentChoice = field(default_factory=SegmentChoice)
    limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        whole("limit", self.limit, 1, unless=None)
        real("gamma", self.gamma, above=0)
        checked_seed(self.seed)
        unknown = [name for name in self.protocols if name not in BENCHMARK_PROTOCOLS]
        if unknown or not self.protocols:
            raise InputError(
                f"Unknown protocol {unknown[0] if unknown else '(none)'!r}; use {', '.join(BENCHMARK_PROTOCOLS)}."
            )
        if self.scope not in ("picture", "data set"):
            raise InputError(f"Unknown scope {self.scope!r}; use picture or data set.")
