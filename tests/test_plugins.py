"""Parts of other packages: taken where they are sound, left out with a warning where they are not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from alignedcut_viewer.commands import Command
from alignedcut_viewer.plugins import contributed

pytestmark = pytest.mark.quick

GROUP = "alignedcut_viewer.tests"
MODULE = """
from alignedcut_viewer.commands import Command

def command(name):
    return Command(name, "", "", "", print, print)

second, first, wrong = command("b"), command("a"), 7
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a package with the module above and some entry points on the path, as pip would."""

    def install(entries: str) -> None:
        (tmp_path / "plugged_in.py").write_text(MODULE, encoding="utf-8")
        metadata = tmp_path / "plugged_in-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged-in\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{entries}")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "plugged_in", raising=False)

    return install


def test_parts_are_found_by_their_entry_points(install: Callable[[str], None]) -> None:
    assert contributed(GROUP, Command) == ()
    install("y = plugged_in:second\nx = plugged_in:first\n")
    assert [command.name for command in contributed(GROUP, Command)] == ["a", "b"]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("z = plugged_in:wrong", "is no Command"),
        ("z = plugged_in:nothing", "cannot be loaded"),
        ("z = nowhere_at_all:part", "cannot be loaded"),
        ("z = plugged_in:second", "the name 'b' is taken"),
    ],
)
def test_what_does_not_fit_is_left_out_and_the_rest_stays(install: Callable[[str], None], entry: str, why: str) -> None:
    install(f"x = plugged_in:first\n{entry}\n")
    with pytest.warns(UserWarning, match=why) as caught:
        found = contributed(GROUP, Command, taken=["b"])
    assert [command.name for command in found] == ["a"]
    assert "z = " in str(caught[0].message)
    assert "plugged-in" in str(caught[0].message)
