"""The stages of a study as commands, on a study so small that each takes a moment, and what each begins from."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.cli import main
from alignedcut_viewer.pipeline import ConceptSettings
from alignedcut_viewer.study import Study

__all__ = ["STAGES", "USERS", "Stage", "prepare"]

NETWORK = "random:vit_tiny_patch16_224"
N_PICTURES = 6
USERS = ("dog", "kept")
"""Concepts of the cut that a user made: one named, one pinned."""


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes
    ----------
    name
        What it is called.
    begins
        The state that it begins from, a folder that :func:`prepare` makes.
    words
        The command; FOLDER and PICTURES stand for the folders.
    """

    name: str
    begins: str
    words: tuple[str, ...]


_CUT = ("--alignment", "hyperalignment", "--perplexity", "5", "--device", "cpu")
_EXTRACT = ("--networks", NETWORK, "--layers", "0,2,5", "--size", "32", "--batch", "2", "--device", "cpu")

STAGES = (
    Stage("extract", "nothing", ("extract", "PICTURES", "--study", "FOLDER/study", *_EXTRACT)),
    Stage("align", "extracted", ("align", "FOLDER/study", "--out", "FOLDER/maps.safetensors", "--device", "cpu")),
    Stage("cut", "cut", ("cut", "FOLDER/study", "--eigenvectors", "5", *_CUT)),
    Stage("concepts", "cut", ("concepts", "FOLDER/study", "--number", "4", "--out", "FOLDER/out", "--crops", "2")),
    Stage("segment", "cut", ("segment", "FOLDER/study", "--segments", "2", "--out", "FOLDER/out")),
    Stage("figures", "cut", ("figures", "FOLDER/study", "--out", "FOLDER/out/mosaic.png", "FOLDER/out/mosaic.pdf")),
    Stage("report", "cut", ("report", "FOLDER/study", "FOLDER/out/report.html")),
    Stage("session", "cut", ("session", "FOLDER/study")),
)


def prepare(root: Path) -> None:
    """Make the pictures and the states that stages begin from, each in ``root/stock/NAME``."""
    pictures = root / "pictures"
    pictures.mkdir(parents=True)
    for number in range(N_PICTURES):
        pixels = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((40, 40)).save(pictures / f"p{number}.png")
    stock = root / "stock"
    (stock / "nothing").mkdir(parents=True)
    for state in ("extracted", "cut"):
        study = stock / state / "study"
        study.parent.mkdir()
        if main(["extract", str(pictures), "--study", str(study), *_EXTRACT]) != 0:
            raise RuntimeError("The pictures could not be extracted.")
    if main(["cut", str(study), "--eigenvectors", "4", *_CUT]) != 0:
        raise RuntimeError("The study could not be cut.")
    with Study.open(study, writable=True) as opened:
        found = pipeline.discover_concepts(opened, settings=ConceptSettings(n_concepts=3, min_size=2))
        ids = [concept.id for concept in found]
        for id, name in zip(ids, USERS, strict=False):
            found.rename(id, name)
        found.pin(ids[1])
        pipeline.spectral_map(opened)


def save_sessions(study: Path) -> int:
    """What a window does while somebody works in it: save how the study is looked at, again and again."""
    from alignedcut_viewer.viewer.state.session_file import AUTOSAVE, SessionState, write_session

    index = Study.open(study).cut().index
    for number in range(200):
        nodes = np.arange(number % 7, len(index), 1 + number % 5, dtype=np.int64)
        state = SessionState(str(study.name), "default", index, {"figure": nodes}, camera={"zoom": float(number)})
        write_session(study / AUTOSAVE, state)
        time.sleep(0.001)
    return 0
