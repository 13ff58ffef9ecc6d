"""Brain data: readers, regions, noise ceilings, scores, brain space, and the cortical surface.

The names below are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "BrainDataset": "dataset",
    "BrainScore": "scores",
    "BrainSpace": "brain_space",
    "CENTRINGS": "centring",
    "Centring": "centring",
    "CentringInfo": "centring",
    "ColourBar": "colours",
    "ColourScale": "colours",
    "CortexPanel": "cortex",
    "CortexRaster": "cortex",
    "DEFAULT_CENTRING": "centring",
    "DEFAULT_LAYOUT": "cortex",
    "DissimilarityData": "dissimilarities",
    "NoiseCeiling": "noise_ceiling",
    "PictureTable": "dataset",
    "Problem": "arrays",
    "RoiActivation": "brain_space",
    "RoiInfo": "rois",
    "RoiOutline": "outlines",
    "RoiScore": "scores",
    "RoiTable": "rois",
    "TrueMap": "simulated",
    "VISUAL_LAYOUT": "cortex",
    "VoxelMap": "voxel_map",
    "antialias": "cortex",
    "brain_score": "scores",
    "ceiling_percent": "noise_ceiling",
    "centring_info": "centring",
    "check_algonauts": "algonauts",
    "compare_dissimilarities": "dissimilarities",
    "cortex_raster": "cortex",
    "dissimilarity": "dissimilarities",
    "draw_labels": "outlines",
    "leave_one_out_agreement": "dissimilarities",
    "load_surface": "surface",
    "open_algonauts": "algonauts",
    "open_brain_data": "readers",
    "open_dissimilarities": "dissimilarities",
    "outline_pixels": "outlines",
    "paper_rois": "rois",
    "read_true_map": "simulated",
    "roi_catalogue": "rois",
    "roi_info": "rois",
    "roi_masks_on_fsaverage": "voxel_map",
    "roi_outlines": "outlines",
    "roi_values_to_fsaverage": "voxel_map",
    "says_simulated": "readers",
    "surface_layer": "surface",
    "to_fsaverage": "voxel_map",
    "to_fsaverage5": "surface",
    "trial_noise_ceiling": "noise_ceiling",
    "write_simulated_subject": "simulated",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
