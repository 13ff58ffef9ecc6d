"""A study whose JSON was edited: a sentence or a result, never a traceback, and nothing outside of it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.errors import AlignedCutError, StudyError
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.feature_set import FeatureSet
from tests.hostile.memory import little_memory

pytestmark = pytest.mark.quick


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edited")
    for number in range(3):
        Image.fromarray(np.full((8, 9, 3), 40 * number, dtype=np.uint8)).save(folder / f"p{number}.png")
    key = {"network": "vit", "tap": "attention", "input_size": [8, 8], "default_size": True, "precision": "float32"}
    key |= {"storage": "float16", "weights": "0123"}
    with Study.create(folder / "study", open_pictures(folder)) as made:
        rng = np.random.default_rng(0)
        features = FeatureSet.create(
            made.store, key, rows=4, columns=4, class_token=True, batch=2, note={"title": "simulated"}
        )
        features.prepare({0: 6, 2: 6}, 3)
        for images in ([0, 1], [2]):
            features.write({layer: rng.standard_normal((len(images), 17, 6)) for layer in (0, 2)}, images)
        colour = pipeline.ColourSettings(n_landmarks=30, perplexity=5, device="cpu")
        cut = pipeline.CutSettings(n_components=3, gamma=0.5, device="cpu", colour=colour, map=None)
        pipeline.cut(made, cut, align=pipeline.AlignSettings("none"))
    return folder / "study"


def use(path: Path) -> None:
    """Look at everything that a study says."""
    study = Study.open(path)
    table = study.pictures
    _ = (table.names, table.sizes, study.skipped, study.status, study.networks, study.cuts)
    for image in range(min(len(table), 5)):
        study.picture_path(image)
        study.picture_size(image)
    index = study.node_index()
    if len(index) < 10_000:
        study.node_features(index).rows(np.arange(min(len(index), 20)))
    cut = study.cut()
    _ = (cut.recipe, cut.warnings, cut.eigenvalues, study.is_current(cut))
    slot = cut.index.slots[0]
    for values in (cut.colour_map, cut.eigenvector_map):
        values(*slot, cut.index.images[0])
    cut.label_map(*slot, cut.index.images[0], 2)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from places(entry, (*path, name))
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from places(entry, (*path, number))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8),
    st.sampled_from(["../../x", "/etc/passwd", "", "x" * 300, [], {}, [[1, 2]], {"a": 1}, -1, 0, 2**31, 1e300]),
)  # fmt: skip


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_may_be_anything(study: Path, data: st.DataObject) -> None:
    contents = {file: json.loads(file.read_bytes()) for file in sorted(study.rglob("zarr.json"))}
    file = data.draw(st.sampled_from([file for file, content in contents.items() if content["node_type"] == "group"]))
    before, content = file.read_bytes(), contents[file]
    where = data.draw(st.sampled_from([place for place in places(content) if place[:1] == ("attributes",)]))
    junk = data.draw(JUNK)
    try:
        file.write_text(json.dumps(replaced(content, where, junk)))
        with contextlib.suppress(AlignedCutError):
            use(study)
    finally:
        file.write_bytes(before)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_array_may_be_described_as_anything(study: Path, data: st.DataObject) -> None:
    contents = {file: json.loads(file.read_bytes()) for file in sorted(study.rglob("zarr.json"))}
    file = data.draw(st.sampled_from([file for file, content in contents.items() if content["node_type"] == "array"]))
    before, content = file.read_bytes(), contents[file]
    where = data.draw(st.sampled_from([place for place in places(content) if place]))
    junk = data.draw(st.one_of(JUNK, st.sampled_from([2**40, [2**31, 2**31], [2**40, 4], "float64", "object"])))
    try:
        file.write_text(json.dumps(replaced(content, where, junk)))
        with little_memory(), contextlib.suppress(AlignedCutError):
            use(study)
    finally:
        file.write_bytes(before)


def test_a_study_as_it_was_written_can_be_used(study: Path) -> None:
    use(study)


@pytest.mark.parametrize("outside", ["../../../secret", "/secret", "..\\secret", "c:secret"])
def test_no_name_leads_out_of_the_study(study: Path, tmp_path: Path, outside: str) -> None:
    copy = tmp_path / "study"
    shutil.copytree(study, copy)
    file = copy / "cuts" / "zarr.json"
    content = json.loads(file.read_text())
    content["attributes"]["current"]["default"]["cut"] = outside
    file.write_text(json.dumps(content))
    with pytest.raises(StudyError, match="no place inside it"):
        Study.open(copy).cut()
