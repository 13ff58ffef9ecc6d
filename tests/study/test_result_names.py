"""Cuts and concepts side by side: names, what is deleted and brought back, what goes for good."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from alignedcut_viewer import pipeline
from alignedcut_viewer.errors import InputError, StudyError
from alignedcut_viewer.pipeline import ConceptSettings
from alignedcut_viewer.study import Study
from tests.benchmarks.planted_study import write_planted_study

pytestmark = pytest.mark.quick

WITHOUT_CHANNELS = {"n_concepts": 4, "statistics_nodes": 0, "min_size": 2}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_planted_study(tmp_path_factory.mktemp("planted"), 3, layers=2, side=6, n_components=4, pixels=32)


@pytest.fixture
def study(planted: Path, tmp_path: Path) -> Study:
    shutil.copytree(planted.parent, tmp_path / "s")
    return Study.open(tmp_path / "s" / planted.name)


def second_cut(study: Study) -> str:
    """Publish the planted eigenvectors in other colours, under a name of their own."""
    from alignedcut_viewer.study.cut_names import COLOUR, CUTS, name_of_cut

    with Study.open(study.path, writable=True) as writing:
        first = writing.cut()
        path = f"{CUTS}/{first.group}/{COLOUR}-other"
        with writing.store.building(path, {"recipe": {"settings": {"seed": 1}, "method": "planted"}}):
            writing.store.save_array(f"{path}/embedding", first.embedding)
            writing.store.save_array(f"{path}/rgb", 255 - first.rgb)
        name = name_of_cut(writing.store, first.group, f"{COLOUR}-other")
        return writing.publish_cut(name, first.group, f"{COLOUR}-other").name


def test_another_result_takes_a_free_name_and_the_same_result_keeps_its_own(study: Study) -> None:
    assert study.names.newest == "default"
    assert study.names.suggested == "cut 2"
    assert second_cut(study) == "cut 2"
    assert second_cut(study) == "cut 2"
    assert study.cuts == ("cut 2", "default")
    assert study.names.newest == "cut 2"
    study.names.rename_cut("cut 2", "  darker   one ")
    assert study.cuts == ("darker one", "default")
    assert study.names.newest == "darker one"
    for wrong, words in (("default", "taken"), ("  ", "empty")):
        with pytest.raises(InputError, match=words):
            study.names.rename_cut("darker one", wrong)


def test_a_deleted_cut_comes_back_with_all_that_belongs_to_it_until_it_is_let_go(study: Study) -> None:
    second_cut(study)
    found = pipeline.discover_concepts(study, "cut 2", ConceptSettings(**WITHOUT_CHANNELS))
    found.rename(found.concepts[0].id, "sky")
    colours = study.cut("cut 2").rgb[:5].copy()
    study.names.delete_cut("cut 2")
    assert study.cuts == ("default",)
    assert study.names.deleted == ["the cut 'cut 2'"]
    assert study.names.restore() == ("cut", "cut 2")
    again = Study.open(study.path).cut("cut 2")
    assert (again.rgb[:5] == colours).all()
    assert again.concepts is not None
    assert "sky" in {concept.name for concept in again.concepts}
    group = study.path / "cuts" / again.group
    study.names.delete_cut("cut 2")
    assert (group / "colour-other").is_dir()
    study.names.let_go()
    assert not (group / "colour-other").exists()
    assert not list(group.glob("concepts-*"))
    assert (group / "colour-planted").is_dir()
    with pytest.raises(StudyError, match="Nothing was deleted"):
        study.names.restore()


def test_a_name_that_is_taken_meanwhile_is_not_taken_away(study: Study) -> None:
    second_cut(study)
    study.names.delete_cut("cut 2")
    study.names.rename_cut("default", "cut 2")
    assert study.names.restore() == ("cut", "cut 3")  # two results then, and "cut 2" is one of them
    assert set(study.cuts) == {"cut 2", "cut 3"}


def test_concepts_stand_side_by_side(study: Study) -> None:
    first = pipeline.discover_concepts(study, settings=ConceptSettings(**WITHOUT_CHANNELS))
    first.rename(first.concepts[0].id, "grass")
    few = {**WITHOUT_CHANNELS, "n_concepts": 2}
    second = pipeline.discover_concepts(study, settings=ConceptSettings(**few), name="two only")
    cut = study.cut()
    assert cut.concept_sets == ("concepts", "two only")
    assert cut.concept_set_name == "two only"
    assert cut.concepts is not None
    assert cut.concepts.identity == second.identity
    assert {c.name for c in cut.concept_set("concepts")} == {c.name for c in first}
    assert "grass" in {c.name for c in second}, "what has a name is pinned"
    # the same settings again find what is there
    again = pipeline.discover_concepts(study, settings=ConceptSettings(**WITHOUT_CHANNELS))
    assert again.identity == first.identity
    assert study.cut().concept_set_name == "concepts"
    with pytest.raises(InputError, match="already"):
        pipeline.discover_concepts(study, settings=ConceptSettings(**few, radius=1.0), name="two only")
    study.names.rename_concepts("default", "two only", "a pair")
    study.names.show_concepts("default", "a pair")
    assert study.cut().concept_set_name == "a pair"
    study.names.delete_concepts("default", "a pair")
    assert study.cut().concept_set_name == "concepts"
    assert study.names.restore() == ("concepts", "a pair")
    assert study.cut().concept_set_name == "a pair"
    study.names.delete_concepts("default", "a pair")
    study.names.let_go()
    assert study.cut().concept_sets == ("concepts",)
    with pytest.raises(StudyError, match="no concepts 'a pair'"):
        study.cut().concept_set("a pair")


def test_nothing_changes_while_another_run_writes(study: Study) -> None:
    with Study.open(study.path, writable=True), pytest.raises(StudyError, match="being written by another run"):
        study.names.delete_cut("default")
    assert study.cuts == ("default",)
