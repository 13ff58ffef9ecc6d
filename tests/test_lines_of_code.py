"""What counts as a line of code."""

from __future__ import annotations

import pytest

from tests.benchmarks.lines_of_code import count, rooms

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
