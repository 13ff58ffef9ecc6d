"""A small simulated subject, and a way to spoil it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer.brain import RoiTable, paper_rois, write_simulated_subject

N_PICTURES, N_CHANNELS, N_VERTICES = 24, 12, (150, 160)


@pytest.fixture(scope="session")
def picture_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(3)
    files = []
    for number in range(N_PICTURES):
        path = folder / f"picture_{number:02d}.jpg"
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(path)
        files.append(path)
    return files


@pytest.fixture(scope="session")
def features() -> np.ndarray:
    rng = np.random.default_rng(4)
    return (rng.standard_normal((N_PICTURES, N_CHANNELS)) * 3 + 5).astype(np.float32)


@pytest.fixture(scope="session")
def simulated_folder(tmp_path_factory: pytest.TempPathFactory, picture_files: list[Path], features: np.ndarray) -> Path:
    """Read only; tests that spoil it take `spoilt_folder`."""
    folder = tmp_path_factory.mktemp("algonauts") / "subj01"
    return write_simulated_subject(folder, picture_files, features, n_vertices=N_VERTICES, picture_size=16)


@pytest.fixture
def spoilt_folder(simulated_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(simulated_folder, tmp_path / "subj01"))


@pytest.fixture(scope="session")
def atlas(shared_data: Path) -> dict[str, RoiTable]:
    """Measured regions on fsaverage."""
    names = {name: "hV4" if name == "V4" else name for name in (*paper_rois(), "RSC")}
    with np.load(shared_data / "rois" / "fsaverage_visual_rois.npz") as masks:
        return {h: RoiTable({n: masks[f"{h}.{key}"] for n, key in names.items()}, 163_842) for h in ("lh", "rh")}
