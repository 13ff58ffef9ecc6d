"""The bound on memory is kept: resident memory of a process that cuts a graph far larger than the bound."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = [
    pytest.mark.quick,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's account of memory"),
]

SCRIPT = """
import json, re, sys
from pathlib import Path
import numpy as np
from alignedcut_viewer.spectral import NormalizedCut

def resident(name):
    return 1024 * int(re.search(rf"^{name}:\\s+(\\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)[1])

path, settings, output = json.loads(sys.argv[1])
features = np.load(path, mmap_mode="r")
cut = NormalizedCut(16, device="cpu", **settings)
cut.fit_transform(np.array(features[:9000]))  # what libraries load and keep is none of the working set
out = None
if output != "array":
    out = np.lib.format.open_memmap(output, mode="w+", dtype=np.float16, shape=(len(features), 16))
Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
result = cut.fit_transform(features, out=out)
# Pages of the result that are mapped to its file are the system's to take back.
peak = resident("VmHWM") - before - (result.nbytes if out is None else 0)
gram = sum(part.astype(np.float64).T @ part for part in np.array_split(np.asarray(result, np.float32), 50))
print(json.dumps([peak, float(np.abs(gram - np.eye(16)).max())]))
"""


@pytest.fixture(scope="module")
def large_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150,000 nodes of 512 channels in half precision: 154 MB."""
    path = tmp_path_factory.mktemp("large") / "features.npy"
    features = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(150_000, 512))
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((20, 512), dtype=np.float32)
    for start in range(0, len(features), 10_000):
        rows = centres[rng.integers(0, 20, 10_000)] + rng.standard_normal((10_000, 512), dtype=np.float32)
        features[start : start + 10_000] = rows
    features.flush()
    return path


@pytest.mark.parametrize(
    ("settings", "bound", "output"),
    [
        ({"method": "nystrom", "memory": "64MiB"}, 64, "array"),
        ({"method": "nystrom", "memory": "64MiB", "precision": "bfloat16"}, 64, "array"),
        ({"method": "nystrom", "memory": "64MiB"}, 64, "file"),
        (
            {"method": "knn", "memory": "96MiB", "n_neighbors": 10, "n_landmarks": 2000, "orthonormal": True},
            96,
            "array",
        ),
    ],
)
def test_memory_is_kept(
    large_graph: Path, tmp_path: Path, settings: dict[str, object], bound: int, output: str
) -> None:
    where = output if output == "array" else str(tmp_path / "out.npy")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([str(large_graph), settings, where])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    peak, off = json.loads(done.stdout)
    assert peak < bound * 2**20
    assert off < (1e-5 if output == "array" else 2e-3)
