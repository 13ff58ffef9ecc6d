"""What can be chosen by name, stated once: for settings, the command line and the window. Imports nothing heavy."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = [
    "ALIGNMENT_METHODS",
    "BENCHMARK_PROTOCOLS",
    "COMPARISON_MEASURES",
    "CUT_SEGMENT_METHODS",
    "CUT_SAMPLINGS",
    "DEFAULT_MASK_FORMATS",
    "DEFAULT_NETWORK",
    "DISTRIBUTION",
    "FIGURE_SUFFIXES",
    "KERNELS",
    "MASK_FORMATS",
    "OFFLINE_NETWORK",
    "LAYERED_SCOPES",
    "LAYERED_SOLVERS",
    "PATHWAYS",
    "PATHWAY_TAPS",
    "PRECISIONS",
    "PRESETS",
    "REFINEMENTS",
    "SEGMENT_COUNTS",
    "SEGMENT_METHODS",
    "SEGMENT_SCOPES",
    "SPREADS",
    "STARTING_MAPS",
    "STORAGES",
    "TAPS",
    "TSNE_SAMPLINGS",
    "Tap",
]

DISTRIBUTION = "alignedcut-viewer"
"""Name of this package for pip, and of the plugin for napari."""

DEFAULT_NETWORK = "dinov2-vit-s14"
"""The network where none is named."""

OFFLINE_NETWORK = "dinov2-vit-s14-saliency"
"""The network that needs no download; it stands in for others whose weights are unavailable."""

Tap = Literal["attention", "block", "mlp", "q", "k", "v"]
"""Where in a layer features are taken.

``attention`` (the paper's choice) and ``mlp`` are the outputs of the two branches as they are added to the residual
stream, LayerScale included; ``block`` is the residual stream after the layer; ``q``, ``k`` and ``v`` are queries, keys
and values with their heads side by side, after the network's own query and key normalisation where it has one, and
before rotary position embedding.
"""

TAPS: tuple[Tap, ...] = get_args(Tap)

KERNELS = ("cosine", "rbf")
"""What makes an affinity of two rows of features."""

CUT_SAMPLINGS = ("kmeans", "farthest", "uniform")
"""How the landmarks of a cut are chosen."""

TSNE_SAMPLINGS = CUT_SAMPLINGS[1:]
"""How those of t-SNE are."""

PRECISIONS = ("auto", "float32", "float16", "bfloat16")
"""What networks run in; ``auto`` is half on CUDA and MPS, single on the CPU."""

PRESETS = ("paper",)
"""Recipes by name; see :mod:`alignedcut_viewer.pipeline.presets`."""

STORAGES = ("float16", "float32")
"""What features are kept in."""

ALIGNMENT_METHODS = ("auto", "none", "hyperalignment", "brain", "shipped", "file")
"""How layers get into one channel space; ``brain`` needs brain data, ``file`` a file."""

STARTING_MAPS = ("isometry", "ridge", "identity", "random")
"""Where training on brain data begins."""

SPREADS = ("nearest", "interpolated", "refined")
"""Where nodes go that t-SNE does not place itself: to their nearest landmark, between landmarks, or to where t-SNE's
own objective draws each of them among the landmarks."""

COMPARISON_MEASURES = ("cka", "mutual_knn", "subspace", "nearest")
"""How layers of two networks are compared."""

FIGURE_SUFFIXES = (".png", ".svg", ".pdf")
"""Endings of files that figures are saved to."""

MASK_FORMATS = {
    "png": "indexed PNG, one per picture",
    "coco": "COCO, run-length masks (JSON)",
    "npz": "NumPy archive (npz)",
    "tiff": "TIFF, one per picture",
    "coco-polygons": "COCO, polygons (JSON)",
    "csv": "table of segments (CSV)",
    "label-studio": "Label Studio (JSON)",
    "cvat": "CVAT (XML)",
}
"""What masks are exported as, with titles."""

DEFAULT_MASK_FORMATS = tuple(MASK_FORMATS)[:4]
"""What masks are written as where nothing is said."""

PATHWAYS = ("what", "where", "both")
"""Kinds of joint cut of many layers' graphs: values with values, queries with keys, or the graphs of both."""

PATHWAY_TAPS = {"what": ("v",), "where": ("q", "k"), "both": ("q", "k", "v")}
"""The taps that each needs."""

LAYERED_SCOPES = ("data set", "picture")
"""Whether a joint cut of many layers is one of all pictures, or one of every picture."""

LAYERED_SOLVERS = ("direct", "gradient", "scf")
"""How a joint cut of many layers is solved."""

REFINEMENTS = ("bilateral", "guided", "none")
"""How edges of segments are drawn to those of the picture: quality, speed, or not at all."""

SEGMENT_COUNTS = ("cut", "eigengap")
"""What decides how many segments a picture has."""

SEGMENT_METHODS = ("k-way", "hierarchical", "recursive")
"""How a picture is divided."""

CUT_SEGMENT_METHODS = ("regions", "instances", "semantics")
"""What a joint cut of many layers is made into."""

SEGMENT_SCOPES = ("picture", "joint")
"""Whether each picture has segments of its own, or one label means one thing in all pictures."""

BENCHMARK_PROTOCOLS = ("oracle", "hungarian", "many-to-one", "saliency", "box")
"""How segments are scored against what people drew."""
