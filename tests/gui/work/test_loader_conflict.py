"""torch's Triton beside the graphics driver's LLVM: in a process of its own, because a failure is a crash."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

PROGRAM = """
from qtpy.QtWidgets import QApplication
from qtpy.QtGui import QOffscreenSurface, QOpenGLContext

app = QApplication([])
context, surface = QOpenGLContext(), QOffscreenSurface()
surface.create()
assert context.create() and context.makeCurrent(surface)

from alignedcut_viewer.viewer.work.loader_conflict import keep_triton_apart

loaded = "libLLVM" in open("/proc/self/maps").read()
assert keep_triton_apart() == loaded
assert not keep_triton_apart()
import triton

print("alive", loaded)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Mesa's drivers bring an LLVM of their own")
@pytest.mark.skipif(find_spec("triton") is None, reason="torch came without Triton")
def test_triton_is_imported_after_the_window_drew():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("alive")
