"""Segments of a joint cut: planted parts become regions, instances and classes, kept in the study and written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import adjusted_rand_score

from alignedcut_viewer import cli, pipeline
from alignedcut_viewer.errors import Cancelled, InputError
from alignedcut_viewer.images import load_mask, open_pictures
from alignedcut_viewer.pipeline import ColourSettings, CutSegmentSettings, LayeredSettings
from alignedcut_viewer.segmentation import RefineSettings
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.feature_set import FeatureSet

COLOURS = np.array([[200, 60, 50], [60, 160, 70], [50, 80, 190]], dtype=np.uint8)
KIND = np.array([0, 1, 1, 2])
NAMES = (5, 17, 40)
"""Classes in the masks of ground, of the first two things, and of the third."""


def planted(image: int) -> np.ndarray:
    """Three things on a ground, on 12 × 9 tokens of 8 pixels; the first two are of one kind."""
    parts = np.zeros((12, 9), dtype=int)
    shift = image % 2
    parts[1 + shift : 5 + shift, 1:4], parts[1 + shift : 5 + shift, 5:8], parts[7:11, 2 + shift : 7] = 1, 2, 3
    return parts


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Six pictures with a joint cut of three layers of values of all pictures, and one of each by itself."""
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "masks").mkdir()
    for image in range(6):
        parts = KIND[planted(image)].repeat(8, 0).repeat(8, 1)
        pixels = np.clip(COLOURS[parts] + rng.normal(0, 5, (96, 72, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"p{image}.png")
        Image.fromarray(np.array(NAMES, np.uint8)[parts]).save(tmp_path / "masks" / f"p{image}.png")
    study = Study.create(tmp_path / "study", open_pictures(tmp_path / "pictures"))
    study.complete_records()
    key = {"network": "planted", "tap": "v", "input_size": [96, 72], "weights": "planted", "precision": "float32",
           "storage": "float32", "default_size": True}  # fmt: skip
    features = FeatureSet.create(
        study.store, key, rows=12, columns=9, class_token=False, batch=1, note={"weights": "planted"}
    )
    features.prepare(dict.fromkeys(range(3), 16), 6)
    centres = rng.normal(size=(3, 3, 16))
    for image in range(6):
        kinds = KIND[planted(image)].ravel()
        values = {n: (centres[n][kinds] + 0.3 * rng.normal(size=(108, 16)))[None].astype(np.float32) for n in range(3)}
        features.write(values, [image])
    colour = ColourSettings(perplexity=5, n_landmarks=60, device="cpu")
    settings = LayeredSettings(n_components=4, n_inside=10, n_across=10, device="cpu", colour=colour, map=None)
    pipeline.layered_cut(study, settings, "what")
    return tmp_path / "study"


def made(path: Path, cut: str = "what", **settings: object) -> object:
    with Study.open(path, writable=True) as opened:
        return pipeline.segment_cut(opened, cut, CutSegmentSettings(**settings))


def pixels(parts: np.ndarray) -> np.ndarray:
    return parts.repeat(8, 0).repeat(8, 1)


def test_regions(study: Path) -> None:
    found = made(study, method="regions")
    for image in range(6):
        assert adjusted_rand_score(pixels(KIND[planted(image)]).ravel(), found.labels(image).ravel()) > 0.95
        assert found.reason(image).startswith("3 regions of 2 to 9")
        assert all(0.5 < value <= 1 for value in found.confidence(image).values())
    assert not found.joint
    assert made(study, segments=2).labels(0).max() == 2
    assert made(study, min_confidence=1.0).labels(0).max() == 0


def test_instances(study: Path) -> None:
    found = made(study, method="instances", refine=RefineSettings(filter="none"))
    for image in range(6):
        truth, labels = pixels(planted(image)), found.labels(image)
        for thing in (1, 2, 3):
            best = np.bincount(labels[truth == thing]).argmax()
            both, either = ((labels == best) & (truth == thing)).sum(), ((labels == best) | (truth == thing)).sum()
            assert best > 0
            assert both / either > 0.75, (image, thing)
        assert found.confidence(image)[1] >= found.confidence(image)[2] > 0


def test_semantics_are_named_after_the_classes_they_match(study: Path) -> None:
    found = made(study, method="semantics", classes=str(study.parent / "masks"))
    assert found.joint
    assert found.recipe["scores"]["miou"] > 0.9
    assert set(found.recipe["scores"]["iou"]) == {"5", "17", "40"}
    assert set(found.names(0).values()) == {"class 5", "class 17", "class 40"}
    number = {name: n for n, name in found.names(0).items()}
    for image in range(6):
        truth = load_mask(study.parent / "masks" / f"p{image}.png")
        assert (found.labels(image)[truth == 17] == number["class 17"]).mean() > 0.95
    plain = made(study, method="semantics", segments=3)
    assert "scores" not in plain.recipe
    assert plain.reason(0) == "3 segments of all pictures"


def test_pictures_that_were_cut_by_themselves(study: Path) -> None:
    with Study.open(study, writable=True) as opened:
        settings = LayeredSettings.from_dict(opened.cut("what").recipe["cut"]["settings"] | {"scope": "picture"})
        pipeline.layered_cut(opened, settings, "alone")
    found = made(study, "alone", method="regions")
    assert adjusted_rand_score(pixels(KIND[planted(1)]).ravel(), found.labels(1).ravel()) > 0.95
    with pytest.raises(InputError, match="semantics need one cut of all pictures"):
        made(study, "alone", method="semantics")


def test_the_command_line_and_its_sentences(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["segment", str(study), "--cut", "what", "--refine", "none", "--out", str(study.parent / "out")]
    masks = ["--classes", str(study.parent / "masks")]
    assert cli.main([*base, "--method", "semantics", *masks, "--formats", "png", "coco", "--name", "classes"]) == 0
    told = capsys.readouterr().out
    assert "matched with 3 classes: mIoU" in told
    written = json.loads((study.parent / "out" / "annotations.json").read_text())
    assert {c["name"] for c in written["categories"]} >= {"class 5", "class 17", "class 40"}
    kept = Study.open(study).segments("classes")
    np.testing.assert_array_equal(load_mask(study.parent / "out" / "png" / "p3.png"), kept.labels(3))
    for wrong, sentence in (
        ([*base, "--method", "k-way"], "Segments of a cut are made by --method regions, instances, semantics"),
        ([*base, "--gamma", "0.1"], "--gamma is an option of segments without a cut"),
        ([*base, "--scope", "joint"], "--scope is an option of segments without a cut"),
        ([*base, "--method", "regions", *masks], "Masks with classes are matched with semantics"),
        ([*base, "--method", "instances", "--segments", "4"], "is found, not asked for"),
        ([*base, "--segments", "many"], "a whole number or auto; got 'many'"),
        ([*base, "--segments", "500"], "cannot be divided into [500] regions"),
        (["segment", str(study), "--method", "regions"], "regions are made of a joint cut; name it with --cut NAME"),
        (["segment", str(study), *masks], "--classes is an option of semantics"),
        (["segment", str(study), "--cut", "who"], "no cut 'who'"),
    ):
        capsys.readouterr()
        assert cli.main([*wrong, "--replace"]) == 2, wrong
        assert sentence in capsys.readouterr().err


def test_an_aligned_cut_and_a_cancelled_run(study: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if done:
            raise Cancelled

    with Study.open(study, writable=True) as opened:
        with pytest.raises(Cancelled):
            pipeline.segment_cut(opened, "what", progress=stop)
        assert opened.segmentations == ()
        with pytest.raises(InputError, match="Picture 9 is not part"):
            pipeline.segment_cut(opened, "what", images=(9,))
    with pytest.raises(InputError, match="Unknown method"):
        CutSegmentSettings(method="k-way")
