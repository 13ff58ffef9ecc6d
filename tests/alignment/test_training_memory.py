"""The bound on the memory of brain-guided training: kept by the start, refused where maps and readout do not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from alignedcut_viewer.alignment import BrainAlignment, BrainSamples
from alignedcut_viewer.alignment.training_memory import closed_form_pictures
from alignedcut_viewer.errors import InputError
from alignedcut_viewer.nodes import Slot

SCRIPT = """
import json, re, sys
from pathlib import Path
import numpy as np
from alignedcut_viewer.alignment import BrainAlignment, BrainSamples
from alignedcut_viewer.nodes import Slot

def resident(name):
    return 1024 * int(re.search(rf"^{name}:\\s+(\\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)[1])

def samples(n):
    rng = np.random.default_rng(0)
    slots = [Slot("net", number) for number in range(4)]
    causes = rng.standard_normal((n, 20), dtype=np.float32)
    return BrainSamples(
        {s: causes @ rng.standard_normal((20, 64), dtype=np.float32) for s in slots},
        {s: rng.standard_normal((500, 64), dtype=np.float32) for s in slots},
        causes @ rng.standard_normal((20, 100), dtype=np.float32) + rng.standard_normal((n, 100), dtype=np.float32),
    )

memory = json.loads(sys.argv[1])
fit = lambda data: BrainAlignment(n_epochs=1, device="cpu", memory=memory).fit(data)
fit(samples(100))  # what libraries load and keep is none of the working set
data = samples(5000)
Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
fitted = fit(data)
print(json.dumps([resident("VmHWM") - before, fitted.score_]))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's account of memory")
def test_the_closed_form_start_keeps_to_the_bound() -> None:
    """4,500 training pictures would take 400 MB; a third of that gives nearly the same score."""
    found = {}
    for memory in ("256MiB", "4GiB"):
        run = [sys.executable, "-c", SCRIPT, json.dumps(memory)]
        found[memory] = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    assert found["256MiB"][0] < 256 * 2**20 < found["4GiB"][0]
    assert found["256MiB"][1] == pytest.approx(found["4GiB"][1], abs=0.01)


@pytest.mark.quick
def test_what_cannot_fit_is_refused_with_what_it_needs() -> None:
    rng = np.random.default_rng(0)
    slot = Slot("net", 0)
    samples = BrainSamples({slot: rng.random((30, 8))}, {slot: rng.random((40, 8))}, rng.random((30, 5)))
    with pytest.raises(
        InputError, match=r"1 layers \(8 channels in all\) on 5 voxels needs about \d+ MiB; the bound is 1"
    ):
        BrainAlignment(memory="1MiB").fit(samples)
    with pytest.raises(InputError, match="not a memory size"):
        BrainAlignment(memory="plenty")
    few, many = (closed_form_pictures(samples, 8, memory * 2**30) for memory in (1, 4))
    assert 64 < few < many
    assert 20 * many**2 < 4 * 2**30
