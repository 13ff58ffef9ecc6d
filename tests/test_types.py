"""What a type checker sees of the package when others use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_type_checkers_see_names_that_are_imported_lazily(tmp_path: Path) -> None:
    """A user's file, checked as strictly as our own; with the cache of `make lint` it takes a moment."""
    file = tmp_path / "user.py"
    file.write_text(
        "import alignedcut_viewer as a\n"
        "from alignedcut_viewer.spectral import NormalizedCut\n"
        "reveal_type(a.Study.open)\nreveal_type(NormalizedCut().fit)\nreveal_type(a.run)\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", str(file)]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT).stdout
    revealed = [line.partition("Revealed type is ")[2] for line in told.splitlines() if "Revealed" in line]
    assert len(revealed) == 3, told
    for line, word in zip(revealed, ("study.study.Study", "NormalizedCut", "study.study.Study"), strict=True):
        assert word in line


def test_the_package_says_that_it_is_typed() -> None:
    import alignedcut_viewer

    assert (Path(alignedcut_viewer.__file__).parent / "py.typed").is_file()
