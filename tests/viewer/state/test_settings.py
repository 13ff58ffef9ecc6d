import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.viewer.state.settings import StudySettings, parse_layers, parse_names, parse_number

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("all", None),
        ("  ", None),
        ("3", (3,)),
        ("8-11", (8, 9, 10, 11)),
        ("4, 8 - 10,0", (0, 4, 8, 9, 10)),
        ("11;2 2", (2, 11)),
        ("1–3", (1, 2, 3)),
    ],
)
def test_layers_are_read_as_people_write_them(text, layers):
    assert parse_layers(text) == layers


@pytest.mark.parametrize(("text", "says"), [("last", "8-11"), ("-3", "8-11"), ("9-4", "4-9"), ("1.5", "8-11")])
def test_what_names_no_layers_is_explained(text, says):
    with pytest.raises(InputError, match=says):
        parse_layers(text)


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
