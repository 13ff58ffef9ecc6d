"""What counts as a line of code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.benchmarks.lines_of_code import came_since, count, rooms

pytestmark = pytest.mark.quick

TEXT = '''"""A module
of two lines."""

import os  # why

VALUES = {
    "a": """text
that is no docstring""",
}
"""Below an attribute."""


def f() -> str:
    """Docstring."""
    # comment
    return os.sep
'''


def test_docstrings_comments_and_blank_lines_are_no_code() -> None:
    assert count(TEXT) == 7


def test_rooms_of_the_window_are_counted_apart() -> None:
    found = rooms({"cli.py": "x = 1\n", "viewer/app.py": "x = 1\n", "viewer/state/a.py": "x = 1\ny = 2\n"})
    assert found == {"top": 1, "viewer": 1, "viewer/state": 2, "viewer, all": 3, "all": 4}


def test_new_files_are_told_from_moved_ones(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        name = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", *name, *words], cwd=tmp_path, check=True, capture_output=True)

    package = tmp_path / "alignedcut_viewer"
    (package / "room").mkdir(parents=True)
    old = [f"def number_{n}() -> int:\n    return {n}\n" for n in range(40)]
    (package / "old.py").write_text("".join(old))
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    (package / "old.py").write_text("".join(old[20:]))
    (package / "room" / "split_off.py").write_text("".join(old[:20]))
    (package / "room" / "new.py").write_text("".join(f"class Thing{n}:\n    kind = {n!r}\n" for n in range(20)))
    git("add", "-A")
    assert came_since("HEAD", tmp_path) == ["room/new.py"]
