# The public names with their types; __init__.py imports each when it is first used.

from .comparison import (
    Counterparts as Counterparts,
)
from .comparison import (
    counterparts as counterparts,
)
from .comparison import (
    layer_matrix as layer_matrix,
)
from .comparison import (
    linear_cka as linear_cka,
)
from .comparison import (
    mutual_knn as mutual_knn,
)
from .comparison import (
    nearest_layers as nearest_layers,
)
from .comparison import (
    subspace_agreement as subspace_agreement,
)
from .consistency import Consistency as Consistency
from .consistency import channel_consistency as channel_consistency
from .discovery import Concepts as Concepts
from .discovery import discover as discover
from .discovery import match_ids as match_ids
from .figure_ground import (
    FIGURE as FIGURE,
)
from .figure_ground import (
    GROUND as GROUND,
)
from .figure_ground import (
    GroupActivation as GroupActivation,
)
from .figure_ground import (
    group_activation as group_activation,
)
from .figure_ground import (
    labels_of_selections as labels_of_selections,
)
from .figure_ground import (
    nodes_of as nodes_of,
)
from .members import channel_statistics as channel_statistics
from .members import representatives as representatives
from .places import path_nodes as path_nodes
from .recurrence import (
    Recurrence as Recurrence,
)
from .recurrence import (
    find_recurrence as find_recurrence,
)
from .recurrence import (
    labels_by_slot as labels_by_slot,
)
from .recurrence import (
    overlap_matrix as overlap_matrix,
)
from .similarity import (
    PicturePlaces as PicturePlaces,
)
from .similarity import (
    best_per_image as best_per_image,
)
from .similarity import (
    cosine_similarity as cosine_similarity,
)
from .similarity import (
    feature_norms as feature_norms,
)
from .similarity import (
    top_nodes as top_nodes,
)
from .trajectories import (
    Bifurcation as Bifurcation,
)
from .trajectories import (
    PaceCurve as PaceCurve,
)
from .trajectories import (
    bifurcation_layer as bifurcation_layer,
)
from .trajectories import (
    length as length,
)
from .trajectories import (
    pace as pace,
)
from .trajectories import (
    pace_curve as pace_curve,
)
from .trajectories import (
    paths as paths,
)
from .transitions import (
    TransitionComparison as TransitionComparison,
)
from .transitions import (
    compare_transitions as compare_transitions,
)
from .transitions import (
    transition_counts as transition_counts,
)
from .transitions import (
    transition_matrix as transition_matrix,
)
