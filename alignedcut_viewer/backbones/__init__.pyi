# The public names with their types; __init__.py imports each when it is first used.

from .backbone import Backbone as Backbone
from .families import NetworkFamily as NetworkFamily
from .loading import WEIGHTS_VARIABLE as WEIGHTS_VARIABLE
from .loading import load_backbone as load_backbone
from .registry import get_spec as get_spec
from .registry import list_networks as list_networks
from .spec import (
    BUILT_IN as BUILT_IN,
)
from .spec import (
    OFFLINE_NETWORK as OFFLINE_NETWORK,
)
from .spec import (
    TAPS as TAPS,
)
from .spec import (
    NetworkSpec as NetworkSpec,
)
from .spec import (
    Tap as Tap,
)
from .taps import TapPoint as TapPoint
from .weight_availability import Availability as Availability
from .weight_availability import availability as availability
from .weight_availability import missing_weights as missing_weights
