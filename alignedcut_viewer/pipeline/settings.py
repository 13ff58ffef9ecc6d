"""The settings of every stage: plain data that goes into a study's recipes and comes back from JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..choices import ALIGNMENT_METHODS, CUT_SAMPLINGS, DEFAULT_NETWORK, KERNELS, PRECISIONS, STORAGES, TAPS
from ..device import parse_memory
from ..errors import InputError
from ..parameters import one_of, real, seed, whole
from ..spectral.methods import method_names
from ..spectral.tsne_parameters import check_tsne
from .brain_settings import BrainSettings
from .setting_values import Settings, numbers, set_nodes, set_value, texts

__all__ = [
    "AlignSettings",
    "BrainSettings",
    "ColourSettings",
    "CutSettings",
    "ExtractSettings",
    "MapSettings",
    "set_result",
]


@dataclass(frozen=True)
class ExtractSettings(Settings):
    """Which features are taken, and how.

    Parameters
    ----------
    networks
        Names of networks, see :func:`alignedcut_viewer.backbones.get_spec`.
    layers
        Layer numbers from 0, the same for all networks; None takes all.
    tap
        Where in each layer: ``"attention"`` (the paper's choice), ``"block"``, ``"mlp"``, ``"q"``, ``"k"`` or ``"v"``;
        several are taken in one forward pass, and each becomes a feature set of its own.
    input_size
        Pixels: one number or (height, width), multiples of the patch; None takes each network's own.
    weights
        Checkpoint file for each network that should not use the published weights.
    device
        ``"auto"`` (CUDA, else MPS, else the CPU) or a torch device.
    precision
        Of the networks: ``"auto"`` (half on CUDA and MPS, else single), ``"float32"``, ``"float16"``, ``"bfloat16"``.
    batch_size
        Pictures that go through a network together, at most. What a study began with one batch it goes on with at most
        that batch, so that a run that was stopped gives the same bits when it goes on.
    storage
        What features are kept in: ``"float16"``, or ``"float32"`` for values beyond 65,504.
    for_alignment
        Whether only what alignments are trained on is kept: the mean over all tokens of each picture, and its tokens at
        a few places. No cut can be made of that.
    fallback
        Whether the network that needs no hub may stand in, under its own name, for one whose weights are unavailable.
    window
        Pixels of a square window in which networks slide over pictures of the input size, overlapping by half; None
        shows them all of a picture at once.
    """

    FORMER = {"batch": "batch_size"}  # noqa: RUF012

    networks: tuple[str, ...] = (DEFAULT_NETWORK,)
    layers: tuple[int, ...] | None = None
    tap: str | tuple[str, ...] = "attention"
    input_size: int | tuple[int, int] | None = None
    weights: Mapping[str, str] = field(default_factory=dict)
    device: str = "auto"
    precision: str = "auto"
    batch_size: int = 8
    storage: str = "float16"
    for_alignment: bool = False
    fallback: bool = True
    window: int | None = None

    def __post_init__(self) -> None:
        given: Any = self.networks
        named = texts("networks", [given] if isinstance(given, str) else given)
        set_value(self, "networks", tuple(dict.fromkeys(named)))
        if not self.networks:
            raise InputError("Name at least one network.")
        set_value(self, "layers", numbers("layers", self.layers))
        if isinstance(self.input_size, Sequence):
            set_value(self, "input_size", tuple(whole("input_size", side, 1) for side in self.input_size))
            if not isinstance(self.input_size, tuple) or len(self.input_size) != 2:
                raise InputError(f"input_size must be one number or (height, width); got {self.input_size!r}.")
        else:
            whole("input_size", self.input_size, 1, unless=None)
        if whole("window", self.window, 1, unless=None) is not None and self.input_size is None:
            raise InputError("Windows slide over pictures of a given input size; give it, too (--size).")
        if not isinstance(self.weights, Mapping):
            raise InputError("weights must give a file for each network, as {network: file}.")
        set_value(self, "weights", {str(name): str(file) for name, file in self.weights.items()})
        stray = sorted(set(self.weights) - set(self.networks))
        if stray:
            raise InputError(f"Weights are given for {stray[0]}, which is not among the networks.")
        taps = tuple(dict.fromkeys(texts("tap", [self.tap] if isinstance(self.tap, str) else self.tap)))
        for tap in taps or ("",):
            one_of("tap", tap, TAPS)
        set_value(self, "tap", taps if len(taps) > 1 else taps[0])
        one_of("precision", self.precision, PRECISIONS)
        one_of("storage", self.storage, STORAGES)
        whole("batch_size", self.batch_size, 1)

    @property
    def taps(self) -> tuple[str, ...]:
        """The taps, also where there is one only."""
        return (self.tap,) if isinstance(self.tap, str) else self.tap


@dataclass(frozen=True)
class AlignSettings(Settings):
    """How layers and networks get into one channel space.

    Parameters
    ----------
    method
        ``"none"`` leaves features as they are; ``"hyperalignment"`` fits maps to the study's own pictures;
        ``"brain"`` trains maps that predict brain responses; ``"shipped"`` takes the alignment that travels with the
        package; ``"file"`` takes the one in `file`;
        ``"auto"`` fits where there are pictures enough, else takes a shipped one, else fits and warns. A single layer
        of a single network needs no alignment, and gets none.
    file
        A safetensors file with an alignment.
    n_samples
        Number of places in the pictures that maps are fitted to; many more than there are channels.
    n_channels
        Width of the common space; None is that of the widest layer.
    strength
        How much directions without agreement are turned down; ``"auto"`` chooses by agreement on held-out pictures.
    n_iterations, held_out, seed
        See :class:`alignedcut_viewer.alignment.Hyperalignment`.
    device
        Where to compute.
    brain
        Which brain data, and how; method ``"brain"`` needs it.
    """

    method: str = "auto"
    file: str | None = None
    n_samples: int = 10_000
    n_channels: int | None = None
    strength: float | str = "auto"
    n_iterations: int = 10
    held_out: float = 0.25
    seed: int = 0
    device: str = "auto"
    brain: BrainSettings | None = None

    def __post_init__(self) -> None:
        if self.file is not None:
            set_value(self, "file", str(self.file))
            if self.method == "auto":
                set_value(self, "method", "file")
        brain: Any = self.brain
        if isinstance(brain, Mapping):
            set_value(self, "brain", BrainSettings.from_dict(brain))
        elif brain is not None and not isinstance(brain, BrainSettings):
            raise InputError("brain must be BrainSettings, or a mapping of them.")
        if self.brain is not None and self.method == "auto":
            set_value(self, "method", "brain")
        one_of("alignment method", self.method, ALIGNMENT_METHODS)
        if (self.method == "brain") != (self.brain is not None):
            raise InputError("Name brain data exactly when the alignment method is 'brain'.")
        if (self.method == "file") != (self.file is not None):
            raise InputError("Name a file exactly when the alignment method is 'file'.")
        whole("n_samples", self.n_samples, 1)
        whole("n_channels", self.n_channels, 1, unless=None)
        real("strength", self.strength, least=0, most=1, unless="auto")
        whole("n_iterations", self.n_iterations, 1)
        real("held_out", self.held_out, above=0, below=1)
        seed(self.seed)


@dataclass(frozen=True)
class ColourSettings(Settings):
    """How eigenvectors become colours; see :class:`alignedcut_viewer.spectral.SpectralTSNE` and ``rgb``.

    Parameters
    ----------
    n_landmarks
        Nodes that t-SNE places itself; None is the method's default.
    perplexity
        Effective number of neighbours.
    init
        ``"pca"`` or ``"spectral"``.
    spread
        Where the other nodes go: between landmarks (``"interpolated"``), which lets near nodes have near colours, to
        their ``"nearest"`` landmark (the paper's way), or each to a place of its own (``"refined"``).
    metric, sampling, n_neighbors, max_iter
        Distance between nodes, choice of landmarks, landmarks between which nodes are interpolated, and iterations; see
        :class:`alignedcut_viewer.spectral.SpectralTSNE`.
    quantile
        Share of nodes that is clipped at either end of each colour axis.
    seed
        Seed of the draw of landmarks.
    device
        Where to compute.
    """

    FORMER = {"method": ""}  # noqa: RUF012 - t-SNE was one of several

    n_landmarks: int | None = 1500
    perplexity: float = 300.0
    init: str = "pca"
    spread: str = "interpolated"
    metric: str = "euclidean"
    sampling: str = "farthest"
    n_neighbors: int = 64
    max_iter: int = 1000
    quantile: float = 0.05
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        whole("n_landmarks", self.n_landmarks, 1, unless=None)
        check_tsne(self)
        real("quantile", self.quantile, least=0, below=0.5)


@dataclass(frozen=True)
class MapSettings(Settings):
    """How eigenvectors become a planar map; see :class:`alignedcut_viewer.spectral.SpectralTSNE`.

    Parameters
    ----------
    n_landmarks
        Nodes that t-SNE places itself. More of them keep more neighbours together and take longer.
    perplexity
        Effective number of neighbours.
    init
        ``"pca"`` or ``"spectral"``.
    spread
        Where the other nodes go: each to a place of its own among the landmarks (``"refined"``), to their ``"nearest"``
        landmark (the paper's way), or between landmarks (``"interpolated"``), which falls between clusters.
    metric, sampling, n_neighbors, max_iter
        As of :class:`ColourSettings`.
    seed
        Seed of the draw of landmarks.
    device
        Where to compute.
    """

    FORMER = {"method": ""}  # noqa: RUF012 - t-SNE was one of several

    n_landmarks: int = 100_000
    perplexity: float = 30.0
    init: str = "pca"
    spread: str = "refined"
    metric: str = "euclidean"
    sampling: str = "uniform"
    n_neighbors: int = 5
    max_iter: int = 500
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        whole("n_landmarks", self.n_landmarks, 1)
        check_tsne(self)


@dataclass(frozen=True)
class CutSettings(Settings):
    """Which nodes make the graph, and how it is cut; see :class:`alignedcut_viewer.spectral.NormalizedCut`.

    Parameters
    ----------
    networks
        Names of feature sets of the study; None takes all.
    layers
        Layer numbers from 0, for all networks or by network; None takes all that were extracted.
    images
        Image numbers; None takes all that were extracted.
    class_token
        Whether class tokens are nodes too, as in the paper.
    n_components
        Number of eigenvectors.
    kernel
        ``"cosine"`` or ``"rbf"``.
    gamma
        Width of the affinity (1 in the paper's formula), or ``"auto"``.
    method
        ``"auto"``, ``"exact"``, ``"knn"`` (the paper's approximation) or ``"nystrom"``.
    n_landmarks, n_neighbors, sampling
        None takes the engine's default.
    orthonormal
        Whether columns are made orthonormal over all nodes; None does so unless `method` is ``"knn"``.
    balance
        How much dense regions are held back, from 0.
    seed
        Seed of the draw of landmarks.
    device, precision, memory
        Where, in what, and within how many bytes to compute.
    colour
        How the result is coloured.
    map
        How the plane for paths over the layers is made; None leaves it out.
    """

    networks: tuple[str, ...] | None = None
    layers: tuple[int, ...] | Mapping[str, tuple[int, ...]] | None = None
    images: tuple[int, ...] | None = None
    class_token: bool = True
    n_components: int = 20
    kernel: str = "cosine"
    gamma: float | str = 1.0
    method: str = "auto"
    n_landmarks: int | None = None
    n_neighbors: int | None = None
    sampling: str | None = None
    orthonormal: bool | None = None
    balance: float = 0.0
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    memory: str = "4GiB"
    colour: ColourSettings = field(default_factory=ColourSettings)
    map: MapSettings | None = field(default_factory=MapSettings)

    def __post_init__(self) -> None:
        set_nodes(self, self.networks, self.layers)
        set_result(self, self.images, self.colour, self.map)
        whole("n_components", self.n_components, 1)
        real("gamma", self.gamma, above=0, unless="auto")
        whole("n_landmarks", self.n_landmarks, 1, unless=None)
        whole("n_neighbors", self.n_neighbors, 1, unless=None)
        one_of("method of the cut", self.method, method_names())
        one_of("kernel", self.kernel, KERNELS)
        if self.sampling is not None:
            one_of("sampling", self.sampling, ("auto", *CUT_SAMPLINGS))
        one_of("precision", self.precision, PRECISIONS)
        real("balance", self.balance, least=0, most=1)
        seed(self.seed)
        parse_memory(self.memory)


def set_result(settings: Settings, images: Any, colour: Any, plane: Any) -> None:
    """Set the pictures, colour and map that kinds of cuts have alike, while settings are made.

    Parameters
    ----------
    settings
        Settings of a cut.
    images
        Numbers of pictures, or None.
    colour, plane
        Settings of colour and map, or mappings of them, as they come from JSON; no map is None.

    Raises
    ------
    InputError
        If one of them is something else.
    """
    if images is not None:
        set_value(settings, "images", tuple(whole("images", image, 0) for image in images))
    for name, value, kind in (("colour", colour, ColourSettings), ("map", plane, MapSettings)):
        if isinstance(value, Mapping):
            set_value(settings, name, kind.from_dict(value))
        elif not isinstance(value, kind) and not (value is None and name == "map"):
            raise InputError(f"{name} must be {kind.__name__}, or a mapping of them; got {value!r}.")
