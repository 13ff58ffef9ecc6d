"""One function per figure: data in, matplotlib Figure out.

Functions named after their subject take a study and one of its cuts; those that end in ``_from_arrays`` take plain
arrays. Some share their name with the file that they are in, so they are imported at once; matplotlib is not.
"""

from __future__ import annotations

from .agreement import agreement, agreement_from_graphs
from .brain_scores import brain_scores, brain_scores_from_arrays, brain_scores_table, brain_scores_table_from_arrays
from .catalogue import all_figures, chosen_kinds, draw_figures, figure_kinds, fitting_kinds
from .comparison import comparison, comparison_from_arrays
from .concept_gallery import ConceptRow, concept_gallery, concept_gallery_from_arrays
from .concept_voxels import concept_voxels, concept_voxels_from_arrays
from .consistency import consistency, consistency_from_arrays
from .cortex import cortex_from_arrays, figure_ground_cortex
from .figure_ground import FigureGround, figure_ground_from_masks, figure_ground_from_segments
from .figure_kind import FigureKind, FigureOptions, Material, draw_figure, figure_table
from .flow import flow, flow_from_arrays
from .lacking import Lacking
from .layer_scores import layer_scores, layer_scores_from_arrays
from .mosaic import eigenvectors_figure, mosaic, mosaic_from_arrays
from .pace import Pace, pace, pace_from_arrays
from .pathways import pathways
from .report import report_html, write_report
from .roi_activation import figure_ground_activation, figure_ground_activation_from_arrays, roi_activation_from_arrays
from .roi_differences import roi_differences
from .roi_maps import roi_maps, roi_maps_from_arrays
from .save import FIGURE_SUFFIXES, save_figure
from .segments import segments_figure, segments_from_arrays
from .similarity import similarity, similarity_from_arrays
from .trajectories import NetworkPaths, trajectories, trajectories_from_arrays
from .transitions import ConceptPlaces, transitions, transitions_from_arrays

__all__ = [
    "ConceptPlaces",
    "ConceptRow",
    "FIGURE_SUFFIXES",
    "FigureGround",
    "FigureKind",
    "FigureOptions",
    "Material",
    "Lacking",
    "NetworkPaths",
    "Pace",
    "agreement",
    "agreement_from_graphs",
    "all_figures",
    "chosen_kinds",
    "draw_figure",
    "draw_figures",
    "figure_table",
    "brain_scores",
    "figure_kinds",
    "brain_scores_from_arrays",
    "brain_scores_table",
    "brain_scores_table_from_arrays",
    "comparison",
    "comparison_from_arrays",
    "concept_gallery",
    "concept_gallery_from_arrays",
    "concept_voxels",
    "concept_voxels_from_arrays",
    "consistency",
    "consistency_from_arrays",
    "cortex_from_arrays",
    "eigenvectors_figure",
    "figure_ground_activation",
    "figure_ground_activation_from_arrays",
    "figure_ground_cortex",
    "figure_ground_from_masks",
    "figure_ground_from_segments",
    "fitting_kinds",
    "flow",
    "flow_from_arrays",
    "layer_scores",
    "layer_scores_from_arrays",
    "mosaic",
    "mosaic_from_arrays",
    "pace",
    "pace_from_arrays",
    "pathways",
    "report_html",
    "roi_activation_from_arrays",
    "roi_differences",
    "roi_maps",
    "roi_maps_from_arrays",
    "save_figure",
    "segments_figure",
    "segments_from_arrays",
    "similarity",
    "similarity_from_arrays",
    "trajectories",
    "trajectories_from_arrays",
    "transitions",
    "transitions_from_arrays",
    "write_report",
]
