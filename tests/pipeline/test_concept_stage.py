"""Concepts of a study: kept with the cut, edited, discovered anew, cropped; planted features, cut for real."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import adjusted_rand_score

from alignedcut_viewer import pipeline
from alignedcut_viewer.errors import Cancelled, InputError, StudyError
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.pipeline import ConceptSettings
from alignedcut_viewer.study import Study
from tests.planted import planted_features

pytestmark = pytest.mark.quick

N_PICTURES, ROWS, COLUMNS, LAYERS = 4, 6, 8, (0, 2)
SETTINGS = ConceptSettings(n_concepts=3)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures in three stripes, whose features lie in three directions, the same at both layers."""
    folder = tmp_path_factory.mktemp("concepts")
    rng = np.random.default_rng(0)
    for number in range(N_PICTURES):
        picture = np.zeros((60, 80, 3), dtype=np.uint8)
        for stripe in range(3):
            picture[20 * stripe : 20 * stripe + 20, :, stripe] = 200 + number
        Image.fromarray(picture).save(folder / f"p{number}.png")
    made = Study.create(folder / "study", open_pictures(folder))
    clean = np.eye(16)[np.concatenate([[5], stripes()])]
    tokens = {layer: clean + 0.03 * rng.normal(size=(N_PICTURES, 49, 16)) for layer in LAYERS}
    planted_features(made, "striped", tokens, (ROWS, COLUMNS))
    cut = pipeline.CutSettings(
        n_components=5,
        gamma=0.3,
        method="exact",
        device="cpu",
        colour=pipeline.ColourSettings(n_landmarks=390, perplexity=20),
    )
    pipeline.cut(made, cut, align=pipeline.AlignSettings(method="none"))
    made.close()
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Study:
    shutil.copytree(finished, tmp_path / "s")
    return Study.open(tmp_path / "s" / "study")


def stripes() -> np.ndarray:
    """The stripe of each patch of one picture."""
    return np.repeat(np.arange(3), 2 * COLUMNS)


def test_planted_concepts_are_found_and_kept(study: Study) -> None:
    assert study.cut().concepts is None
    told: list[str] = []
    found = pipeline.discover_concepts(study, settings=SETTINGS, progress=lambda d, t, text: told.append(text))
    assert len(found) == 3
    assert "Channels of concepts" in told
    location = study.cut().index.locate(np.arange(len(study.cut().index)))
    patches = location.row >= 0
    assert adjusted_rand_score((location.row // 2)[patches], found.labels[patches]) >= 0.95
    assert (found.labels[~patches] == -1).all()
    again = Study.open(study.path).cut().concepts
    assert again is not None
    assert [c.id for c in again.concepts] == [1, 2, 3]
    assert again.recipe["settings"] == SETTINGS.as_dict()
    for one, other in zip(found.concepts, again.concepts, strict=True):
        assert np.array_equal(one.members, other.members)
    assert not study.store.writable  # the lock was given back


def test_channels_of_a_concept(study: Study) -> None:
    found = pipeline.discover_concepts(study, settings=ConceptSettings(n_concepts=3, statistics_nodes=None))
    features = pipeline.aligned_features(study, study.cut())
    for concept in found:
        rows = features.rows(concept.members).astype(np.float64)
        mean, std = found.channel_statistics(concept.id)
        np.testing.assert_allclose(mean, rows.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(std, rows.std(axis=0), atol=1e-5)
    merged = found.merge([1, 2])
    rows = features.rows(found[merged].members).astype(np.float64)
    mean, std = found.channel_statistics(merged)
    np.testing.assert_allclose(mean, rows.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(std, rows.std(axis=0), atol=1e-5)
    without = pipeline.discover_concepts(study, settings=ConceptSettings(n_concepts=3, statistics_nodes=0))
    assert not without.has_statistics
    with pytest.raises(StudyError, match="without statistics"):
        without.channel_statistics(without.concepts[0].id)


def test_edits_stay(study: Study) -> None:
    found = pipeline.discover_concepts(study, settings=SETTINGS)
    sizes = {concept.id: concept.size for concept in found}
    found.rename(2, "  upper   stripe ")
    found.pin(3)
    assert found.merge([2, 1]) == 2
    reopened = Study.open(study.path).cut().concepts
    assert reopened is not None
    assert sorted((c.id, c.name, c.pinned, c.size) for c in reopened) == [
        (2, "upper stripe", True, sizes[1] + sizes[2]),
        (3, "Concept 3", True, sizes[3]),
    ]
    assert np.array_equal(reopened[2].members, np.flatnonzero(reopened.labels == reopened.concepts.index(reopened[2])))
    # The same settings give back what is there, edits included: all that is pinned is among it.
    found.pin(3, False)
    assert {c.name for c in pipeline.discover_concepts(study, settings=SETTINGS)} == {"upper stripe", "Concept 3"}
    with pytest.raises(InputError, match="no concept 1; there are: 2, 3"):
        found.rename(1, "x")
    with pytest.raises(InputError, match="empty"):
        found.rename(2, "  ")
    with pytest.raises(InputError, match="at least two"):
        found.merge([2, 2])


def test_what_is_discovered_anew_keeps_pins_ids_and_names(study: Study) -> None:
    found = pipeline.discover_concepts(study, settings=SETTINGS)
    pinned = next(c for c in found)
    found.pin(pinned.id)
    other = next(c for c in found if c.id != pinned.id)
    found.rename(other.id, "grass")
    anew = pipeline.discover_concepts(study, settings=ConceptSettings(n_concepts=3, seed=5, min_size=5))
    kept = anew[pinned.id]
    assert kept.pinned
    assert np.array_equal(kept.members, pinned.members)
    assert anew[other.id].name == "grass"
    assert {c.id for c in anew} == {c.id for c in found}
    found.rename(pinned.id, "still there")
    assert anew[pinned.id].name == f"Concept {pinned.id}"
    # A layer alone: concepts of half the members are other concepts, with ids never used; the pin stays.
    upper = pipeline.discover_concepts(study, settings=ConceptSettings(n_concepts=3, layers=(2,)))
    assert np.array_equal(upper[pinned.id].members, pinned.members)
    assert all(c.id > 3 for c in upper if c.id not in (pinned.id, other.id))
    folder = study.path / "cuts" / study.cut().group
    assert len(list(folder.glob("concepts-*"))) == len(study.cut().concept_sets) == 3


def test_a_change_that_cannot_be_written_changes_nothing(study: Study) -> None:
    found = pipeline.discover_concepts(study, settings=SETTINGS)
    with Study.open(study.path, writable=True), pytest.raises(StudyError, match="being written by another run"):
        found.rename(1, "x")
    assert found[1].name == "Concept 1"


def test_a_cancelled_discovery_leaves_what_was(study: Study) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if text == "Channels of concepts":
            raise Cancelled

    with pytest.raises(Cancelled):
        pipeline.discover_concepts(study, settings=SETTINGS, progress=stop)
    assert study.cut().concepts is None
    assert not list((study.path / "cuts" / study.cut().group).glob("concepts-*"))


def test_crops_show_the_stripe(study: Study) -> None:
    cut = study.cut()
    found = pipeline.discover_concepts(study, settings=SETTINGS)
    for concept in found:
        nodes = pipeline.representative_nodes(cut, concept, 3)
        location = cut.index.locate(nodes)
        assert len(set(location.image)) == len(nodes) == 3
        assert set(nodes) <= set(concept.members)
        for crop, row in zip(pipeline.concept_crops(study, cut, nodes, 32, 0.5), location.row, strict=True):
            assert crop.shape == (32, 32, 3)
            assert crop[16, 16].argmax() == row // 2
    with pytest.raises(InputError, match="class token"):
        pipeline.concept_crops(study, cut, np.array([0]))


def test_rows_are_ready_for_json(study: Study) -> None:
    rows = pipeline.discover_concepts(study, settings=SETTINGS).as_rows()
    assert json.loads(json.dumps(rows)) == rows
    assert all(row["pictures"] == N_PICTURES and row["layers"] == {"striped": [0, 2]} for row in rows)
    assert all(row["centre"]["network"] == "striped" and len(row["colour"]) == 7 for row in rows)


def test_what_does_not_fit_is_said(study: Study) -> None:
    with pytest.raises(InputError, match="not part of this graph"):
        pipeline.discover_concepts(study, settings=ConceptSettings(networks=("other",)))
    with pytest.raises(InputError, match="No node"):
        pipeline.discover_concepts(study, settings=ConceptSettings(layers=(7,)))
    with pytest.raises(InputError, match="holds 300 nodes"):
        pipeline.discover_concepts(study, settings=ConceptSettings(min_size=300))
    with pytest.raises(InputError, match="radius"):
        ConceptSettings(radius=-1.0)
    assert ConceptSettings.from_dict(json.loads(json.dumps(SETTINGS.as_dict()))) == SETTINGS


def test_concepts_that_were_replaced_go_with_the_next_run_where_a_kill_left_them(study: Study) -> None:
    found = pipeline.discover_concepts(study, settings=SETTINGS)
    own = study.path / found.identity
    shutil.copytree(own, own.with_name("concepts-0123456789abcdef"))
    again = pipeline.discover_concepts(study, settings=SETTINGS)
    assert again.identity == found.identity
    assert [part for part in study.store.groups(f"cuts/{study.cut().group}") if part.startswith("concepts")] == [
        found.identity.rsplit("/", 1)[1]
    ]
