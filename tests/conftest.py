"""Fixtures that every room's tests may use."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# napari must not read or write the user's own settings while it is tested.
os.environ.setdefault("NAPARI_CONFIG", "")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import numpy as np
import pytest
from hypothesis import settings

# A slow machine is no fault. Continuous integration draws the same examples each time, so that a change is judged by
# what it changed; at a desk they are drawn anew.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of trained weights, pictures with masks and brain data; see docs/data.md. Skips where it is absent."""
    folder = Path(os.environ.get("ALIGNEDCUT_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "weights").is_dir():
        pytest.skip(f"needs the shared test data, which is not at {folder} (set ALIGNEDCUT_SHARED_DATA)")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator."""
    return np.random.default_rng(0)


_usual_threads: list[int] = []


@pytest.fixture(autouse=True)
def same_number_of_threads() -> None:
    """Every test begins with as many threads of torch as the first: the last bits of a sum depend on their number."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if not _usual_threads:
        _usual_threads.append(torch.get_num_threads())
    elif torch.get_num_threads() != _usual_threads[0]:
        torch.set_num_threads(_usual_threads[0])
