# The public names with their types; __init__.py imports each when it is first used.

from .alignment import BrainAlignment as BrainAlignment
from .alignment import Hyperalignment as Hyperalignment
from .backbones import list_networks as list_networks
from .backbones import load_backbone as load_backbone
from .errors import AlignedCutError as AlignedCutError
from .errors import Cancelled as Cancelled
from .images import PictureSet as PictureSet
from .images import open_pictures as open_pictures
from .images import sample_pictures as sample_pictures
from .nodes import NetworkNodes as NetworkNodes
from .nodes import NodeIndex as NodeIndex
from .nodes import Slot as Slot
from .pipeline import run as run
from .spectral import NormalizedCut as NormalizedCut
from .spectral import SpectralTSNE as SpectralTSNE
from .study import Study as Study

__version__: str
