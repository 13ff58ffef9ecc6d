"""The stages of a study as commands, on a study so small that each takes a moment, and what each begins from."""

from __future__ import annotations

import shutil
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
N_PICTURES = 7
"""Not a multiple of the batch: pictures that are added join a chunk of features that stands."""
N_NEW = 2
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
    sound
        Whether the state that it begins from can be read.
    """

    name: str
    begins: str
    words: tuple[str, ...]
    sound: bool = True


_CUT = ("--alignment", "hyperalignment", "--perplexity", "5", "--device", "cpu")
_EXTRACT = ("--networks", NETWORK, "--layers", "0,2,5", "--size", "32", "--batch", "2", "--device", "cpu")

STAGES = (
    Stage("extract", "nothing", ("extract", "PICTURES", "--study", "FOLDER/study", *_EXTRACT)),
    Stage("align", "extracted", ("align", "FOLDER/study", "--out", "FOLDER/maps.safetensors", "--device", "cpu")),
    Stage("cut", "cut", ("cut", "FOLDER/study", "--eigenvectors", "5", *_CUT)),
    Stage("add", "cut", ("add", "FOLDER/study", "PICTURES/new", "--device", "cpu")),
    Stage("concepts", "cut", ("concepts", "FOLDER/study", "--number", "4", "--out", "FOLDER/out", "--crops", "2")),
    Stage("segment", "cut", ("segment", "FOLDER/study", "--segments", "2", "--out", "FOLDER/out")),
    Stage("figures", "cut", ("figures", "FOLDER/study", "--out", "FOLDER/out/mosaic.png", "FOLDER/out/mosaic.pdf")),
    Stage("report", "cut", ("report", "FOLDER/study", "FOLDER/out/report.html")),
    Stage("session", "cut", ("session", "FOLDER/study")),
    Stage("check", "damaged", ("check", "FOLDER/study", "--repair"), sound=False),
)


def prepare(root: Path) -> None:
    """Make the pictures and the states that stages begin from, each in ``root/stock/NAME``."""
    pictures = root / "pictures"
    new = pictures / "new"
    new.mkdir(parents=True)
    for number in range(N_PICTURES + N_NEW):
        pixels = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        folder = pictures if number < N_PICTURES else new
        Image.fromarray(pixels).resize((40, 40)).save(folder / f"p{number}.png")
    stock = root / "stock"
    (stock / "nothing").mkdir(parents=True)
    for state in ("extracted", "cut"):
        study = stock / state / "study"
        study.parent.mkdir()
        _done(["extract", str(pictures), "--study", str(study), *_EXTRACT])
    _done(["cut", str(study), "--eigenvectors", "4", *_CUT])
    with Study.open(study, writable=True) as opened:
        found = pipeline.discover_concepts(opened, settings=ConceptSettings(n_concepts=3, min_size=2))
        ids = [concept.id for concept in found]
        for id, name in zip(ids, USERS, strict=False):
            found.rename(id, name)
        found.pin(ids[1])
        pipeline.spectral_map(opened)
    damaged = stock / "damaged" / "study"
    shutil.copytree(stock / "cut", damaged.parent)
    _done(["add", str(damaged), str(new), "--device", "cpu"])
    _damage(damaged)


def _done(words: list[str]) -> None:
    if main(words) != 0:
        raise RuntimeError(f"alignedcut {' '.join(words)} fails.")


def _damage(study: Path) -> None:
    """Flip a bit of features, cut a chunk of the cut that was made short, and delete one of its placed pictures."""
    cut = Study.open(study).cut()
    if cut.placed is None:
        raise RuntimeError("No picture was placed.")
    feature, *_ = sorted((study / "features").rglob("layer_002/c/1/0/0"))
    data = bytearray(feature.read_bytes())
    data[len(data) // 2] ^= 4
    feature.write_bytes(data)
    made, placed = study / "cuts" / cut.placed.of["cut"], study / "cuts" / cut.group
    (vectors,) = made.glob("eigenvectors/c/0/0")
    vectors.write_bytes(vectors.read_bytes()[:-1])
    next(iter(sorted(placed.rglob("places/c/0/0")))).unlink()


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
