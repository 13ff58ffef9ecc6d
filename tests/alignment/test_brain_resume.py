"""A killed training goes on where it stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np


def test_killed_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    """SIGKILL, as by a power cut, in a process of its own."""
    rng = np.random.default_rng(0)
    pooled = [rng.standard_normal((200, width)).astype(np.float32) for width in (12, 12, 8)]
    responses = sum(p @ rng.standard_normal((p.shape[1], 40)) for p in pooled) + rng.standard_normal((200, 40))
    arrays = {f"p{i}": p for i, p in enumerate(pooled)} | {f"n{i}": p for i, p in enumerate(pooled)}
    np.savez(tmp_path / "samples.npz", responses=responses, **arrays)
    program = textwrap.dedent(
        """
        import sys, time
        import numpy as np
        from alignedcut_viewer.alignment.brain_alignment import BrainAlignment
        from alignedcut_viewer.alignment.brain_samples import BrainSamples
        from alignedcut_viewer.nodes import Slot

        slots = (Slot("a", 0), Slot("a", 1), Slot("b", 0))
        data = np.load("samples.npz")
        samples = BrainSamples(
            {s: data[f"p{i}"] for i, s in enumerate(slots)},
            {s: data[f"n{i}"] for i, s in enumerate(slots)},
            data["responses"],
        )
        settings = dict(n_channels=36, n_nodes=40, n_epochs=8, patience=8, batch_size=32, map_learning_rate=1e-2)
        if sys.argv[1] == "slowly":
            BrainAlignment(**settings).fit(samples, progress=lambda *_: time.sleep(0.05), checkpoint="c.pt")
        elif sys.argv[1] == "resume":
            np.save("resumed.npy", BrainAlignment(**settings).fit(samples, checkpoint="c.pt").beta_)
        else:
            np.save("whole.npy", BrainAlignment(**settings).fit(samples).beta_)
        """
    )
    # One thread each, so that sums are taken in the same order.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = [sys.executable, "-c", program]
    killed = subprocess.Popen([*run, "slowly"], cwd=tmp_path, env=environment)
    deadline = time.monotonic() + 120
    while not (tmp_path / "c.pt").exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    assert killed.poll() is None, "the training ended before it could be killed"
    killed.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    killed.wait()
    subprocess.run([*run, "resume"], cwd=tmp_path, check=True, env=environment)
    subprocess.run([*run, "whole"], cwd=tmp_path, check=True, env=environment)
    np.testing.assert_array_equal(np.load(tmp_path / "resumed.npy"), np.load(tmp_path / "whole.npy"))
