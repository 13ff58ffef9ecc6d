"""Two copies of LLVM in one process: the graphics driver's and Triton's.

Mesa's drivers load the system's libLLVM for all to see as soon as a window draws. Triton, which torch and torchvision
import on their way, carries an LLVM of its own; imported after that, it binds to the other one's functions and the
process dies (pytorch/pytorch#129100). Bound to its own functions first, it lives.
"""

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path

__all__ = ["keep_triton_apart"]


def keep_triton_apart() -> bool:
    """Load Triton's library bound to itself, where the graphics driver's LLVM is loaded and Triton is not.

    Returns
    -------
    bool
        Whether that was necessary and done.
    """
    if sys.platform != "linux" or "triton" in sys.modules:
        return False
    mapped = Path("/proc/self/maps").read_text()
    if "libLLVM" not in mapped or "libtriton" in mapped:
        return False
    spec = find_spec("triton")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for library in sorted(Path(folder, "_C").glob("libtriton*.so")):
            try:
                ctypes.CDLL(str(library), mode=os.RTLD_NOW | os.RTLD_LOCAL | os.RTLD_DEEPBIND)
            except OSError:  # whoever imports it will say what is wrong with it
                return False
            return True
    return False
