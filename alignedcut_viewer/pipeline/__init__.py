"""From pictures to colours: the stages in their order, resumable, cancellable, with progress.

The public names below are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "AlignSettings": "settings",
    "BrainSettings": "brain_settings",
    "ColourSettings": "settings",
    "ConceptSettings": "concept_stage",
    "CutSettings": "settings",
    "ExtractSettings": "settings",
    "MapSettings": "settings",
    "PAPER": "presets",
    "PresetValue": "presets",
    "paper_brain": "presets",
    "paper_cut": "presets",
    "paper_extract": "presets",
    "align": "alignment_stage",
    "aligned_features": "concept_stage",
    "concept_crops": "concept_stage",
    "discover_concepts": "concept_stage",
    "NetworkComparison": "comparison_stage",
    "compare_networks": "comparison_stage",
    "FigureGroundActivation": "figure_ground_stage",
    "figure_ground_activation": "figure_ground_stage",
    "LayerTransitions": "transition_stage",
    "concept_recurrence": "transition_stage",
    "group_bifurcation": "transition_stage",
    "labels_by_layer": "transition_stage",
    "layer_transitions": "transition_stage",
    "representative_nodes": "concept_stage",
    "brain_activation": "activation_stage",
    "load_alignment": "alignment_stage",
    "portable_alignment": "alignment_stage",
    "extract": "extraction",
    "spectral_map": "map_stage",
    "cut": "stages",
    "open_study": "stages",
    "removed_if_empty": "stages",
    "simulate_brain": "simulation_stage",
    "run": "stages",
    "export_segments": "mask_export",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
