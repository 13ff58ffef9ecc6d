"""A study's files elsewhere: each test has working copies of its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of working copies."""
    monkeypatch.setenv("ALIGNEDCUT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
