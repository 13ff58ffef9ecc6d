from pathlib import Path

import pytest

from alignedcut_viewer import choices
from alignedcut_viewer.errors import InputError
from alignedcut_viewer.viewer.state.settings import (
    ALIGNMENTS,
    JOINT_SOLVERS,
    KINDS,
    StudySettings,
    parse_names,
    parse_number,
    shown_path,
)

pytestmark = pytest.mark.quick


def test_names_are_split_and_kept_once():
    assert parse_names("a, b;c  a\nhf:x/y") == ("a", "b", "c", "hf:x/y")


@pytest.mark.parametrize(("text", "number"), [("auto", "auto"), (" 0.3 ", 0.3), ("1e-2", 0.01)])
def test_numbers_are_positive_or_auto(text, number):
    assert parse_number(text, "gamma") == number


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "wide"])
def test_other_numbers_are_explained(text):
    with pytest.raises(InputError, match="gamma must be a positive number"):
        parse_number(text, "gamma")


def test_networks_are_the_chosen_and_the_typed():
    settings = StudySettings(networks=("a",), other_networks="b a")
    assert settings.all_networks == ("a", "b")
    with pytest.raises(InputError, match="at least one network"):
        StudySettings(networks=()).all_networks  # noqa: B018
    with pytest.raises(InputError, match="folder for the study"):
        StudySettings().study_path  # noqa: B018


def test_the_form_offers_what_the_core_can_do():
    assert set(ALIGNMENTS) == set(choices.ALIGNMENT_METHODS)
    assert set(KINDS) == {"alignedcut", *choices.PATHWAYS}
    assert set(JOINT_SOLVERS) - {"paper"} == set(choices.LAYERED_SOLVERS)
    assert set(StudySettings().mask_formats) <= set(choices.MASK_FORMATS)


def test_what_lies_at_home_is_shown_so_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    place = tmp_path / "alignedcut" / "a.zarr"
    assert shown_path(place) == str(Path("~/alignedcut/a.zarr"))
    assert StudySettings(study=shown_path(place)).study_path == place
    assert shown_path(tmp_path.parent / "b") == str(tmp_path.parent / "b")
