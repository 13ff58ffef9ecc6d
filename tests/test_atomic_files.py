"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from alignedcut_viewer.atomic_files import replacing
from alignedcut_viewer.errors import Cancelled, StorageError

pytestmark = pytest.mark.quick


def test_a_file_is_replaced_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with replacing(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
        assert partial.parent == tmp_path
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("fault", "raised", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), StorageError, "No space is left"),
        (OSError(errno.EACCES, "Permission denied"), StorageError, "permission is denied"),
        (OSError(errno.EIO, "Input/output error"), StorageError, "Input/output error"),
        (Cancelled(), Cancelled, ""),
        (ValueError("a fault of the program"), ValueError, "a fault"),
    ],
)
def test_what_fails_leaves_the_old_file_and_nothing_else(
    fault: Exception, raised: type[Exception], words: str, tmp_path: Path
) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail_half_way() -> None:
        with replacing(target) as partial:
            partial.write_text("half")
            raise fault

    with pytest.raises(raised, match=words):
        fail_half_way()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    def write() -> None:
        with replacing(tmp_path / "missing" / "a.txt") as partial:
            partial.write_text("x")

    with pytest.raises(StorageError, match=r"a\.txt failed: No such file"):
        write()
