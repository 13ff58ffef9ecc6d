# The public names with their types; __init__.py imports each when it is first used.

from .concept_set import Concept as Concept
from .concept_set import ConceptSet as ConceptSet
from .cut import Cut as Cut
from .feature_set import FeatureSet as FeatureSet
from .node_features import LinearAlignment as LinearAlignment
from .node_features import NodeFeatures as NodeFeatures
from .picture_table import PictureRecord as PictureRecord
from .picture_table import PictureTable as PictureTable
from .study import Study as Study
from .token_array import TokenArray as TokenArray
