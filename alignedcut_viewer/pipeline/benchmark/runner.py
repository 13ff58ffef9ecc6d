"""One run over a data set: features once, every method on every picture, results kept picture by picture."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...atomic_files import digest_of, replace_json, writing
from ...errors import InputError, PictureError, StudyError
from ...images import open_pictures
from ...images.benchmark_sets import IGNORE, BenchmarkPicture, BenchmarkSet, open_benchmark
from ...progress import ProgressCallback, report, span
from ...segmentation.benchmark_metrics import (
    boundary_f,
    box_iou,
    boxes_of,
    largest_component,
    saliency_score,
    segmentation_iou,
)
from ...study.study import Study
from ..extraction import extract
from .joint import joint_rows
from .layers import oracle_rows
from .methods import Method, PictureFeatures, SlotFeatures, make_methods
from .settings import BenchmarkSettings
from .tables import write_tables

__all__ = ["features_of", "run_benchmark"]

_ROWS = "results.jsonl"


def run_benchmark(
    data: str | Path,
    out: str | Path,
    settings: BenchmarkSettings,
    *,
    layout: str = "auto",
    figure: int | None = None,
    progress: ProgressCallback | None = None,
    announce: Callable[[str], None] | None = None,
) -> Path:
    """Score methods on a data set, and write tables.

    Parameters
    ----------
    data, layout, figure
        The data set; see :func:`alignedcut_viewer.images.benchmark_sets.open_benchmark`.
    out
        Folder for the study with the features, ``results.jsonl``, ``results.csv``, ``summary.csv``, ``table.md`` and
        ``settings.json``. A run that was stopped continues where it left off.
    settings
        What is compared.
    progress
        Called after every picture and method; may cancel, which keeps what is finished.
    announce
        Told which pictures are left out, and why.

    Returns
    -------
    Path
        The table, ``table.md``.

    Raises
    ------
    PictureError
        If the data set cannot be read.
    InputError
        If the folder holds results of other settings, or no picture can be scored.
    """
    found = open_benchmark(data, layout, figure=figure)
    if settings.limit is not None and settings.limit < len(found):
        chosen = np.linspace(0, len(found) - 1, settings.limit).round().astype(int)
        found = replace(found, pictures=tuple(found.pictures[i] for i in chosen))
    folder = Path(out).expanduser().absolute()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    described = _describe(found, settings)
    _check_same(folder, described)
    study = _features(found, folder, settings, span(progress, 0.0, 0.4), announce)
    rows = _Rows(folder / _ROWS)
    stage = span(progress, 0.4, 1.0)
    if settings.scope == "picture" and set(settings.protocols) - {"oracle"}:
        _each_picture(study, found, settings, rows, stage, announce)
    elif set(settings.protocols) & {"hungarian", "many-to-one"}:
        for row in joint_rows(study, found, settings, rows.known, stage):
            rows.append(row)
    if "oracle" in settings.protocols:
        with Study.open(folder / "study", writable=True) as aligned:
            for row in oracle_rows(aligned, found, rows.known, span(progress, 0.4, 1.0)):
                rows.append(row)
    return write_tables(folder, rows.all, described, settings.protocols, settings.scope, settings.seed)


def _describe(found: BenchmarkSet, settings: BenchmarkSettings) -> dict[str, Any]:
    described = json.loads(json.dumps(asdict(settings), default=str))
    described.pop("protocols")  # all scores of a scope are taken at once; which are shown may change
    described |= {"layout": found.layout, "pictures": len(found), "data": digest_of([p.name for p in found.pictures])}
    return dict(described)


def _check_same(folder: Path, described: dict[str, Any]) -> None:
    file = folder / "settings.json"
    if file.exists():
        try:
            known = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{file} is damaged ({error}); choose another folder.") from error
        differing = [key for key in described if known.get(key) != described[key]]
        if differing:
            raise InputError(
                f"{folder} holds results of other settings ({', '.join(differing)}); choose another folder."
            )
    replace_json(file, described)


class _Rows:
    """Results that are appended one by one; the last line of a killed run may be cut off and is taken away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.all: list[dict[str, Any]] = []
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    self.all.append(json.loads(line))
                except ValueError:
                    break
            with writing(path):
                path.write_text("".join(json.dumps(row) + "\n" for row in self.all), encoding="utf-8")
        self.known = {(row["method"], row["picture"]) for row in self.all}

    def append(self, row: dict[str, Any]) -> None:
        with writing(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self.all.append(row)
        self.known.add((row["method"], row["picture"]))


def _features(
    found: BenchmarkSet,
    folder: Path,
    settings: BenchmarkSettings,
    progress: ProgressCallback,
    announce: Callable[[str], None] | None,
) -> Study:
    files = [str(picture.path or _unpacked(picture, folder / "pictures")) for picture in found.pictures]
    if (folder / "study").exists():
        study = Study.open(folder / "study", writable=True)
    else:
        study = Study.create(folder / "study", open_pictures(files))
    if len(study.pictures) != len(files):
        study.close()
        raise StudyError(f"{folder / 'study'} holds {len(study.pictures)} pictures, the data set {len(files)}.")
    with study:
        extract(study, replace(settings.extract, tap=("attention", "k")), progress, announce)
    return Study.open(folder / "study")


def _unpacked(picture: BenchmarkPicture, folder: Path) -> Path:
    """A picture out of an archive as a file of its own."""
    from PIL import Image

    target = folder / f"{picture.name}.png"
    if not target.exists():
        assert picture.pixels is not None
        with writing(target):
            folder.mkdir(parents=True, exist_ok=True)
            partial = target.with_suffix(".partial")
            Image.fromarray(picture.pixels()).save(partial, format="PNG")
            partial.replace(target)
    return target


def features_of(study: Study, image: int) -> PictureFeatures:
    """A picture of a study with all its tokens, the class token left out."""
    slots = [
        SlotFeatures(
            features.network,
            features.tap,
            layer,
            features.rows,
            features.columns,
            np.asarray(features.tokens(layer)[image], dtype=np.float32)[int(features.class_token) :],
        )
        for features in study.networks.values()
        for layer in features.layers
    ]
    return PictureFeatures(study.picture(image), tuple(slots))


def _each_picture(
    study: Study,
    found: BenchmarkSet,
    settings: BenchmarkSettings,
    rows: _Rows,
    progress: ProgressCallback,
    announce: Callable[[str], None] | None,
) -> None:
    layers = {features.network: max(features.layers) + 1 for features in study.networks.values()}
    first_trouble: str | None = None
    methods = make_methods(settings.methods, layers, settings.peer_layers, settings.gamma, settings.choice)
    for image, picture in enumerate(found.pictures):
        waiting = [method for method in methods if (method.name, picture.name) not in rows.known]
        if waiting and image not in study.skipped:
            try:
                truths = [picture.truth(number) for number in range(len(picture.truths))]
                for row in _scored(study, image, picture.name, truths, waiting, found.figure is not None):
                    rows.append({**row, "half": "selection" if image % 2 == 0 else "shown"})
            except PictureError as error:
                first_trouble = first_trouble or str(error)
                if announce is not None:
                    announce(str(error))
        report(progress, image + 1, len(found), f"Scoring {picture.name}")
    if not rows.all:
        raise InputError(f"None of the {len(found)} pictures can be scored. The first: {first_trouble}")


def _scored(
    study: Study,
    image: int,
    name: str,
    truths: Sequence[NDArray[np.int32]],
    methods: Sequence[Method],
    has_figure: bool,
) -> Iterator[dict[str, Any]]:
    features = features_of(study, image)
    if truths[0].shape != features.size:
        raise PictureError(
            f"The ground truth of {name} is {truths[0].shape[0]} × {truths[0].shape[1]} pixels, its picture "
            f"{features.size[0]} × {features.size[1]}; it was left out."
        )
    # What nobody labelled is a region too: every method gets a segment for it.
    count = int(np.median([len(np.unique(truth)) for truth in truths]))
    for method in methods:
        start = time.perf_counter()
        labels = method.labels(features, max(count, 2))
        row: dict[str, Any] = {
            "method": method.name,
            "family": method.family,
            "settings": dict(method.settings),
            "picture": name,
            "asked": count,
            "seconds": round(time.perf_counter() - start, 3),
            "segments": len(np.unique(labels)),
            "miou": float(np.mean([segmentation_iou(truth, labels) for truth in truths])),
            "many_to_one": float(np.mean([segmentation_iou(truth, labels, "many-to-one") for truth in truths])),
            "boundary_f": float(np.mean([boundary_f(truth, labels) for truth in truths])),
        }
        if has_figure:
            row |= _figure_scores(method, features, truths[0])
        yield row


def _figure_scores(method: Method, features: PictureFeatures, truth: NDArray[np.int32]) -> dict[str, float]:
    figure = np.where(truth == IGNORE, IGNORE, (truth >= 1).astype(np.int32))
    saliency = method.saliency(features)
    if saliency is None or not (figure == 1).any():
        return {}
    score = saliency_score(figure, saliency)
    guess = boxes_of(largest_component(saliency > 0.5))
    boxes = boxes_of(figure == 1)
    hit = bool(len(guess) and (box_iou(guess[0], boxes) > 0.5).any())
    return {
        "max_f": score.max_f,
        "figure_iou": score.iou,
        "accuracy": score.accuracy,
        "figure_boundary_f": boundary_f(figure, saliency > 0.5),
        "corloc": float(hit),
    }
