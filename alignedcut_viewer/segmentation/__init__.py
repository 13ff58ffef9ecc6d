"""Segments in, masks out: at the picture's own size, scored against ground truth, and exported."""

from __future__ import annotations

from .clusters import Clusters, segment_tokens
from .counting import CountChoice, choose_count, cluster_eigenvectors
from .export import export_masks, file_names
from .formats import write_coco_rle, write_indexed_png, write_npz, write_tiff
from .instances import Instances, find_instances
from .labels import upsample_colours, upsample_labels, upsample_scores
from .metrics import best_assignment_iou, class_iou, confusion_matrix, match_labels, mean_iou
from .oracle import ORACLE_THRESHOLDS, UNLABELLED, LayerScore, OracleCentres, OracleScore, oracle_score
from .palette import segment_colours
from .picture_segments import PictureSegments, SegmentChoice, segment_eigenvectors
from .polygons import mask_from_polygons, polygons_of_mask
from .reading import ReadMask, ReadMasks, read_masks
from .refinement import RefineSettings, class_probabilities, clean_labels, refine
from .rle import decode_mask, encode_mask
from .segments import Segment, Segmentation, SegmentKey
from .token_graph import TokenGraph
from .writers import DEFAULT_FORMATS, FORMATS, check_formats

__all__ = [
    "DEFAULT_FORMATS",
    "FORMATS",
    "ORACLE_THRESHOLDS",
    "UNLABELLED",
    "Clusters",
    "CountChoice",
    "Instances",
    "LayerScore",
    "OracleCentres",
    "OracleScore",
    "PictureSegments",
    "ReadMask",
    "ReadMasks",
    "RefineSettings",
    "Segment",
    "SegmentChoice",
    "SegmentKey",
    "Segmentation",
    "TokenGraph",
    "best_assignment_iou",
    "check_formats",
    "choose_count",
    "class_iou",
    "class_probabilities",
    "clean_labels",
    "cluster_eigenvectors",
    "confusion_matrix",
    "decode_mask",
    "encode_mask",
    "export_masks",
    "file_names",
    "find_instances",
    "mask_from_polygons",
    "match_labels",
    "mean_iou",
    "oracle_score",
    "polygons_of_mask",
    "read_masks",
    "refine",
    "segment_colours",
    "segment_eigenvectors",
    "segment_tokens",
    "upsample_colours",
    "upsample_labels",
    "upsample_scores",
    "write_coco_rle",
    "write_indexed_png",
    "write_npz",
    "write_tiff",
]
