# The public names with their types; __init__.py imports each when it is first used.

from .brain_alignment import BrainAlignment as BrainAlignment
from .brain_readout import BrainReadout as BrainReadout
from .brain_samples import BrainSamples as BrainSamples
from .brain_scores import SlotScores as SlotScores
from .brain_scores import score_slots as score_slots
from .channel_alignment import ChannelAlignment as ChannelAlignment
from .correspondence import corresponding_features as corresponding_features
from .correspondence import sample_positions as sample_positions
from .given_maps import with_readout as with_readout
from .hyperalignment import Hyperalignment as Hyperalignment
from .matrix_import import import_matrices as import_matrices
from .shipped import shipped_alignment as shipped_alignment
from .shipped import shipped_alignments as shipped_alignments
