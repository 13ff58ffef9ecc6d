"""The recipe of the AlignedCut paper (Yang, Gee, Shi 2024, arXiv 2406.18344) as settings.

Every value says whether it was published; what was not is marked as assumed, with what it was assumed from. The
features of the paper are the default ones: attention outputs, all layers, class token included, DINOv2 at 196 px.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .brain_settings import BrainSettings
from .layered_settings import LayeredSettings
from .settings import ColourSettings, CutSettings, ExtractSettings, MapSettings

__all__ = ["PAPER", "PresetValue", "paper_brain", "paper_cut", "paper_extract", "paper_layered"]


@dataclass(frozen=True)
class PresetValue:
    """One setting of a preset.

    Attributes
    ----------
    settings
        Which settings it belongs to: ``"extract"``, ``"brain"``, ``"cut"``, ``"colour"`` or ``"map"``.
    name, value
        The setting.
    published
        Whether the paper says so; else it is assumed.
    source
        Where it stands, or what it was assumed from.
    """

    settings: str
    name: str
    value: Any
    published: bool
    source: str


_ENCODER = "the authors' earlier encoder"
_MEMORY = "recalled from the authors' code"
_PUBLIC_CODE = "the authors' public code"

PAPER: tuple[PresetValue, ...] = (
    PresetValue("extract", "networks", ("clip-vit-b16", "dinov2-vit-b14-reg", "mae-vit-b16"), True, "section 3"),
    PresetValue("extract", "tap", "attention", True, "section 2"),
    PresetValue("brain", "center", False, True, "equation 1"),
    PresetValue("brain", "init", "random", False, "no other start is mentioned"),
    PresetValue("brain", "eigen_weight", 1.0, True, "best row of table 1"),
    PresetValue("brain", "focal", True, True, "equation 8; the exponential is recalled from the authors' code"),
    PresetValue("brain", "zero_weight", 0.01, False, _MEMORY),
    PresetValue("brain", "covariance_weight", 0.01, False, _MEMORY),
    PresetValue("brain", "n_eigenvectors", 6, False, _MEMORY),
    PresetValue("brain", "n_nodes", 100, False, _MEMORY),
    PresetValue("brain", "gamma", 1.0, True, "equation 3"),
    PresetValue("brain", "learning_rate", 1e-3, False, _ENCODER),
    PresetValue("brain", "map_learning_rate", 1e-3, False, _ENCODER),
    PresetValue("brain", "batch_size", 8, False, _ENCODER),
    PresetValue("brain", "schedule", "constant", False, "none is mentioned"),
    PresetValue("brain", "n_epochs", 30, False, "not published; ours"),
    PresetValue("brain", "patience", 30, False, "no early stopping is mentioned"),
    PresetValue("brain", "keep", "last", False, "no early stopping is mentioned"),
    PresetValue("brain", "readout", "trained", False, "maps and readout are trained together"),
    PresetValue("cut", "class_token", True, True, "197 tokens"),
    PresetValue("cut", "n_components", 20, True, "appendix"),
    PresetValue("cut", "gamma", 1.0, True, "equation 3"),
    PresetValue("cut", "method", "knn", True, "equation 4"),
    PresetValue("cut", "n_landmarks", 50_000, False, _MEMORY),
    PresetValue("cut", "n_neighbors", 100, False, _MEMORY),
    PresetValue("cut", "sampling", "farthest", True, _PUBLIC_CODE),
    PresetValue("cut", "orthonormal", False, True, "equation 4"),
    PresetValue("colour", "n_landmarks", 10_000, False, _MEMORY),
    PresetValue("colour", "perplexity", 150.0, True, _PUBLIC_CODE + ": 100 to 150"),
    PresetValue("colour", "metric", "euclidean", True, "appendix C.5"),
    PresetValue("colour", "sampling", "farthest", True, _PUBLIC_CODE),
    PresetValue("colour", "spread", "nearest", True, "appendix C.5: one nearest neighbour"),
    PresetValue("colour", "quantile", 0.05, True, _PUBLIC_CODE),
    PresetValue("map", "n_landmarks", 10_000, False, _MEMORY),
    PresetValue("map", "perplexity", 150.0, True, _PUBLIC_CODE + ": 100 to 150"),
    PresetValue("map", "sampling", "farthest", True, _PUBLIC_CODE),
    PresetValue("map", "spread", "nearest", True, "appendix C.5: one nearest neighbour"),
)
"""Every setting of the paper that ours can be given."""


def _values(settings: str) -> dict[str, Any]:
    return {entry.name: entry.value for entry in PAPER if entry.settings == settings}


def paper_extract(**changes: Any) -> ExtractSettings:
    """The paper's three networks.

    Parameters
    ----------
    **changes
        Settings that shall differ.
    """
    return ExtractSettings(**(_values("extract") | changes))


def paper_brain(data: str | tuple[str, ...], **changes: Any) -> BrainSettings:
    """The paper's training on brain data.

    Parameters
    ----------
    data
        Folder or file of brain data, or several of different people.
    **changes
        Settings that shall differ.
    """
    return BrainSettings(data if isinstance(data, tuple) else str(data), **(_values("brain") | changes))


def paper_cut(
    *, colour: Mapping[str, Any] | None = None, map: Mapping[str, Any] | None = None, **changes: Any
) -> CutSettings:
    """The paper's cut, colours and map.

    Parameters
    ----------
    colour, map
        Settings of colours and map that shall differ.
    **changes
        Settings of the cut that shall differ.

    Notes
    -----
    The affinities of 50,000 sampled nodes take 10 GB. Within less memory they are computed anew for every product,
    which is slow; ``n_landmarks`` may be lowered.
    """
    colours = replace(ColourSettings(**_values("colour")), **(colour or {}))
    plane = replace(MapSettings(**_values("map")), **(map or {}))
    return CutSettings(**(_values("cut") | changes), colour=colours, map=plane)


def paper_layered(**changes: Any) -> LayeredSettings:
    """The joint cut of Zhang, Yunis and Maire (2024) as their public code has it.

    The gradient solver with its published numbers (:meth:`alignedcut_viewer.spectral.GradientSettings.paper`). Of a
    whole data set: heads joined, cosine graphs with 50 neighbours inside the picture and 50 across, similarities below
    0.1 dropped, rows normalised, layers weighted by 32 over their resolution; the number of eigenvectors kept is not
    published. Of single pictures: the softmax of queries and keys, one graph per head, 20 channels; how layers are
    weighted there is not published, and resolution is taken again.

    Parameters
    ----------
    **changes
        Settings that shall differ; networks, layers, pathway and the like.
    """
    published: dict[str, Any] = {
        "solver": "gradient",
        "weights": "resolution",
        "affinity": "cosine",
        "heads": "joined",
        "normalisation": "row-stochastic",
        "centred": False,
        "n_inside": 50,
        "n_across": 50,
        "threshold": 0.1,
    }
    if changes.get("scope") == "picture":
        published |= {"affinity": "softmax", "heads": "apart", "n_components": 20}
    return LayeredSettings(**(published | changes))
