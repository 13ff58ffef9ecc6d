"""The map stage on planted eigenvectors, whose groups the plane must keep apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.errors import Cancelled, InputError, StudyError
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex
from alignedcut_viewer.pipeline.settings import CutSettings, MapSettings
from alignedcut_viewer.study import Study

pytestmark = pytest.mark.quick

SETTINGS = MapSettings(n_landmarks=120, perplexity=15, spread="nearest", device="cpu")
GROUPS = 4


def planted(index: NodeIndex) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """A group for each node, and eigenvectors in which the groups lie apart."""
    rng = np.random.default_rng(0)
    group = np.arange(len(index)) % GROUPS
    return group, (np.eye(GROUPS)[group] + 0.05 * rng.standard_normal((len(index), GROUPS))).astype(np.float32)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study with one cut of 400 nodes in two networks, open for writing; made without any network."""
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    made = Study.create(tmp_path / "study", open_pictures(tmp_path / "a.png"))
    index = NodeIndex([NetworkNodes("a", (0, 1), 10, 10, False), NetworkNodes("b", (3, 4), 10, 10, False)], 1)
    save(made, "default", index, "cut-1")
    return made


def save(study: Study, name: str, index: NodeIndex, group: str, colour: str = "colour-a") -> None:
    path = f"cuts/{group}"
    if not study.store.exists(path):
        with study.store.building(path, {"recipe": {"pictures": ""}, "index": index.as_dict(), "alignment": None}):
            study.store.save_array(f"{path}/eigenvectors", planted(index)[1])
    if not study.store.exists(f"{path}/{colour}"):
        with study.store.building(f"{path}/{colour}", {"recipe": {}}):
            study.store.save_array(f"{path}/{colour}/rgb", np.zeros((len(index), 3), dtype=np.uint8))
    study.publish_cut(name, group, colour)


def test_the_plane_keeps_planted_groups_apart(study: Study) -> None:
    cut = study.cut()
    assert cut.map2d is None
    places = pipeline.spectral_map(study, "default", SETTINGS)
    group, _ = planted(cut.index)
    centres = np.stack([places[group == g].mean(axis=0) for g in range(GROUPS)])
    nearest = np.linalg.norm(places[:, None] - centres, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, group)
    assert len(np.unique(places, axis=0)) == 120, "every node is on its nearest landmark"
    between = pipeline.spectral_map(study, "default", replace(SETTINGS, spread="interpolated"))
    assert len(np.unique(between, axis=0)) == 400, "nodes between landmarks have places of their own"
    refined = pipeline.spectral_map(study, "default", replace(SETTINGS, spread="refined"))
    assert len(np.unique(refined, axis=0)) == 400, "and so has every node by default"
    assert MapSettings().spread == "refined"


def test_a_map_is_kept_with_its_cut_and_mapped_from_disk(study: Study) -> None:
    seen = Study.open(study.path).cut()  # opened before there is a map, as by a window
    places = pipeline.spectral_map(study, "default", SETTINGS)
    assert seen.map2d is not None
    assert isinstance(seen.map2d, np.memmap)
    assert seen.map2d.dtype == np.float32
    np.testing.assert_array_equal(seen.map2d, places)
    recipe = seen.recipe["map"]
    assert recipe["settings"] == SETTINGS.as_dict()
    assert recipe["landmarks"] == 120
    assert recipe["kl_divergence"] > 0
    texts: list[str] = []
    np.testing.assert_array_equal(
        pipeline.spectral_map(study, "default", SETTINGS, lambda d, t, text: texts.append(text)), places
    )
    assert texts == ["The map is there"]


def test_seeds_decide(study: Study) -> None:
    first = np.array(pipeline.spectral_map(study, "default", SETTINGS))
    other = np.array(pipeline.spectral_map(study, "default", replace(SETTINGS, seed=1)))
    assert not np.array_equal(first, other)
    assert len([part for part in study.store.groups("cuts/cut-1") if part.startswith("map-")]) == 1
    np.testing.assert_array_equal(pipeline.spectral_map(study, "default", SETTINGS), first)


def test_early_places_are_those_of_landmarks(study: Study) -> None:
    updates: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
    places = pipeline.spectral_map(
        study, "default", SETTINGS, on_update=lambda nodes, at: updates.append((nodes.copy(), at.copy()))
    )
    assert len(updates) > 2
    nodes, last = updates[-1]
    assert nodes.shape == (120,)
    assert last.shape == (120, 2)
    np.testing.assert_allclose(places[nodes], last, atol=1e-4)


def test_a_cancelled_map_leaves_nothing(study: Study) -> None:
    def cancel(done: int, total: int, text: str) -> None:
        if done > total // 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        pipeline.spectral_map(study, "default", SETTINGS, cancel)
    assert study.cut().map2d is None
    assert study.store.groups("cuts/cut-1") == ["colour-a", "eigenvectors"]


def test_a_study_open_for_reading_gets_a_map_that_is_not_kept(study: Study) -> None:
    study.close()
    reading = Study.open(study.path)
    assert pipeline.spectral_map(reading, "default", SETTINGS).shape == (400, 2)
    assert reading.cut().map2d is None


def test_maps_outlive_colours_but_not_eigenvectors(study: Study) -> None:
    index = study.cut().index
    places = np.array(pipeline.spectral_map(study, "default", SETTINGS))
    save(study, "default", index, "cut-1", "colour-b")
    np.testing.assert_array_equal(study.cut().map2d, places)
    save(study, "second", index, "cut-1", "colour-b")
    assert study.cut("second").map2d is None
    pipeline.spectral_map(study, "second", SETTINGS)
    save(study, "default", index, "cut-2")
    assert study.cut().map2d is None
    np.testing.assert_array_equal(study.cut("second").map2d, places)
    study.remove_cut("second")
    assert study.store.groups("cuts") == ["cut-2"]


def test_what_does_not_fit_is_told(study: Study) -> None:
    with pytest.raises(StudyError, match="holds no cut 'other'"):
        pipeline.spectral_map(study, "other", SETTINGS)
    with pytest.raises(InputError, match="Unknown init"):
        MapSettings(init="isomap")
    assert MapSettings.from_dict({"method": "auto", "seed": 3}) == MapSettings(seed=3)  # as earlier versions wrote it
    with pytest.raises(InputError, match="map must be"):
        CutSettings(map="yes")  # type: ignore[arg-type]
    assert CutSettings(map={"perplexity": 30}).map == MapSettings(perplexity=30)  # type: ignore[arg-type]
    assert CutSettings.from_dict(CutSettings(map=None).as_dict()).map is None
