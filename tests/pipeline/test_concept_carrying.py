"""Cutting again under a name does not throw away what the user made of its concepts."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.cli import main
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.pipeline import AlignSettings, ColourSettings, ConceptSettings, CutSettings
from alignedcut_viewer.study import Concept, Cut, Study
from tests.planted import planted_features

pytestmark = pytest.mark.quick

ROWS, COLUMNS, LAYERS, N_PICTURES = 6, 8, (0, 2), 4
NONE = AlignSettings("none")
FIND = ConceptSettings(n_concepts=5, statistics_nodes=100)


def settings(n_components: int = 5, perplexity: float = 20, **options: object) -> CutSettings:
    colour = ColourSettings(n_landmarks=390, perplexity=perplexity)
    return CutSettings(
        n_components=n_components, gamma=0.3, method="exact", device="cpu", map=None, colour=colour, **options
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures in six stripes, of which each has a direction of its own, and a cut with concepts."""
    folder = tmp_path_factory.mktemp("carried")
    rng = np.random.default_rng(0)
    for number in range(N_PICTURES):
        Image.fromarray(np.full((60, 80, 3), 40 * number, dtype=np.uint8)).save(folder / f"p{number}.png")
    study = Study.create(folder / "study", open_pictures(folder))
    stripe = np.concatenate([[15], np.repeat(np.arange(ROWS), COLUMNS)])
    noise = (N_PICTURES, 1 + ROWS * COLUMNS, 16)
    tokens = {layer: np.eye(16)[stripe] + 0.03 * rng.normal(size=noise) for layer in LAYERS}
    planted_features(study, "striped", tokens, (ROWS, COLUMNS))
    with study:
        pipeline.cut(study, settings(), align=NONE)
        found = pipeline.discover_concepts(study, settings=FIND)
        ids = [concept.id for concept in found]
        found.rename(ids[0], "dog")
        found.pin(ids[1])
        found.merge(ids[2:4])
    return folder


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Study:
    shutil.copytree(made, tmp_path / "s")
    return Study.open(tmp_path / "s" / "study", writable=True)


def places(cut: Cut, concept: Concept) -> set[tuple[int, ...]]:
    at = cut.index.locate(concept.members)
    return set(zip(at.network, at.layer, at.image, at.row, at.column, strict=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("again", [settings(7), settings(5, perplexity=11)], ids=["eigenvectors", "colours"])
def test_concepts_go_over_whole_where_all_their_nodes_are_there(study: Study, again: CutSettings) -> None:
    old = study.cut()
    before = list(old.concepts)  # type: ignore[arg-type]
    kept = before[:3]  # named, pinned, merged; the fifth is nobody's
    result = pipeline.cut(study, again, align=NONE)
    assert result.identity != old.identity
    assert result.concepts is not None
    after = {concept.id: concept for concept in result.concepts}
    assert list(after) == [concept.id for concept in kept]
    for concept in kept:
        now = after[concept.id]
        np.testing.assert_array_equal(now.members, concept.members)
        assert (now.name, now.centre, now.pinned) == (concept.name, concept.centre, concept.pinned)
        means, stds = result.concepts.channel_statistics(concept.id)
        assert np.isfinite(means).all()
        assert np.isfinite(stds).all()
        colour = np.asarray(result.rgb[now.members], dtype=float).mean(axis=0)
        np.testing.assert_allclose(now.colour, colour, atol=0.51)
    assert result.concepts.names == {kept[0].id: "dog"}
    assert result.warnings == ()
    assert study.cuts == ("default",)
    assert result.concepts.next_id > max(after)


def test_where_nodes_are_missing_the_earlier_cut_stays_and_it_is_said(study: Study) -> None:
    old = study.cut()
    before = {concept.id: places(old, concept) for concept in old.concepts or ()}
    result = pipeline.cut(study, settings(layers=(2,), images=(0, 1, 2)), align=NONE)
    assert study.cuts == ("default", "default-before")
    assert "“dog”" in result.warnings[0]
    assert "'default-before'" in result.warnings[0]
    assert result.concepts is not None
    for concept in result.concepts:
        expected = {place for place in before[concept.id] if place[1] == 2 and place[2] < 3}
        assert places(result, concept) == expected
        assert concept.centre in concept.members
    earlier = study.cut("default-before")
    assert {concept.id: places(earlier, concept) for concept in earlier.concepts or ()} == before
    assert earlier.identity == old.identity
    # Once more the same: nothing changes, and it is still said.
    again = pipeline.cut(study, settings(layers=(2,), images=(0, 1, 2)), align=NONE)
    assert study.cuts == ("default", "default-before")
    assert again.warnings == result.warnings
    assert [c.id for c in again.concepts or ()] == [c.id for c in result.concepts]
    # Another cut with all these nodes has nothing to say.
    assert pipeline.cut(study, settings(6, layers=(2,), images=(0, 1, 2)), align=NONE).warnings == ()


def test_what_nobody_touched_goes(study: Study) -> None:
    with study:
        pipeline.cut(study, settings(), "other", align=NONE)
        pipeline.discover_concepts(study, "other", FIND)
        result = pipeline.cut(study, settings(7), "other", align=NONE)
    assert result.concepts is None
    assert study.cuts == ("default", "other")


def test_concepts_carried_over_are_sought_anew_on_request(study: Study) -> None:
    result = pipeline.cut(study, settings(7), align=NONE)
    carried = result.concepts
    assert carried is not None
    anew = pipeline.discover_concepts(study, settings=FIND)
    assert len(anew) > len(carried) or anew.identity != carried.identity
    assert anew.names[next(iter(carried)).id] == "dog"
    assert any(concept.pinned for concept in anew)


def test_concepts_damaged_in_one_of_two_places_are_carried(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    (order,) = study.path.rglob("concepts-*/order/c/0")
    order.write_bytes(b"")
    study.close()
    words = ["cut", str(study.path), "--alignment", "none", "--no-map", "--eigenvectors", "3", "--device", "cpu"]
    assert main(words) == 0
    assert "Note:" not in capsys.readouterr().out
    opened = Study.open(study.path)
    assert opened.cuts == ("default",)
    concepts = opened.cut().concepts
    assert concepts is not None
    assert "dog" in concepts.names.values()


def test_damaged_concepts_keep_their_cut(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    places = list(study.path.rglob("concepts-*/order*/c/0"))
    assert len(places) == 2
    for order in places:
        order.write_bytes(b"")
    study.close()
    words = ["cut", str(study.path), "--alignment", "none", "--no-map", "--eigenvectors", "3", "--device", "cpu"]
    assert main(words) == 0
    assert "Note: The concepts of the earlier cut, now called 'default-before', are damaged" in capsys.readouterr().out
    assert Study.open(study.path).cuts == ("default", "default-before")
