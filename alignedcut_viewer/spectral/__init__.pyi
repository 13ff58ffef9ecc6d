# The public names with their types; __init__.py imports each when it is first used.

from .affinity import Kernel as Kernel
from .colour import rgb as rgb
from .discretisation import discretise as discretise
from .features import FeatureChunks as FeatureChunks
from .features import as_features as as_features
from .hierarchy import hierarchical_cut as hierarchical_cut
from .layered.gradient import GradientSettings as GradientSettings
from .layered.graph_groups import group_graphs as group_graphs
from .layered.graph_settings import GraphSettings as GraphSettings
from .layered.layer_tokens import (
    AttentionMaps as AttentionMaps,
)
from .layered.layer_tokens import (
    LayerTokens as LayerTokens,
)
from .layered.layer_tokens import (
    pathway_layers as pathway_layers,
)
from .layered.layer_weights import LayerWeights as LayerWeights
from .layered.layered_cut import LayeredCut as LayeredCut
from .layered.positional import positional_basis as positional_basis
from .layered.positional import without_position as without_position
from .normalized_cut import NormalizedCut as NormalizedCut
from .prompted import PromptedCut as PromptedCut
from .prompted import prompted_cut as prompted_cut
from .tsne import SpectralTSNE as SpectralTSNE
