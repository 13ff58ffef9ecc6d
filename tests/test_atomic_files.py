"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from alignedcut_viewer import atomic_files
from alignedcut_viewer.atomic_files import replace_file, replacing
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
        (Cancelled(), Cancelled, "^$"),
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


def by_block(target: Path, data: bytes) -> None:
    with replacing(target) as partial:
        partial.write_bytes(data)


@pytest.mark.parametrize("write", [replace_file, by_block])
def test_writers_of_one_file_in_one_process_do_not_disturb_one_another(
    write: Callable[[Path, bytes], None], tmp_path: Path
) -> None:
    target = tmp_path / "a.bin"
    faults: list[BaseException] = []

    def write_often(letter: bytes) -> None:
        try:
            for _ in range(40):
                write(target, letter * 100_000)
                assert len(set(target.read_bytes())) == 1
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=write_often, args=(letter,)) for letter in (b"a", b"b", b"c", b"d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert target.stat().st_size == 100_000
    assert list(tmp_path.iterdir()) == [target]


def test_writers_of_one_file_in_two_processes_do_not_disturb_one_another(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    program = (
        "import sys; from pathlib import Path; from alignedcut_viewer.atomic_files import replace_file\n"
        "for _ in range(300):\n"
        "    replace_file(Path(sys.argv[1]), sys.argv[2].encode() * 500_000)\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(target), letter], stderr=subprocess.PIPE, text=True)
        for letter in "ab"
    ]
    while any(writer.poll() is None for writer in writers):
        if target.exists():
            content = target.read_bytes()
            assert len(content) == 500_000
            assert len(set(content)) == 1
    assert [writer.communicate()[1] for writer in writers] == ["", ""]
    assert list(tmp_path.iterdir()) == [target]


KILLED_HALF_WAY = """
import os, signal, sys
from pathlib import Path
from alignedcut_viewer.atomic_files import replacing
with replacing(Path(sys.argv[1])) as partial:
    partial.write_bytes(b"half")
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    print("half", flush=True)
    sys.stdin.read()
"""


def run_half_way(target: Path, how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", KILLED_HALF_WAY, str(target), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_a_killed_process_left_is_removed_by_the_next_and_nobody_elses(tmp_path: Path) -> None:
    folder = tmp_path / "of the user"
    folder.mkdir()
    (folder / ".mine.partial").write_text("the user's own file")
    run_half_way(folder / "figure.png", "killed").communicate()
    assert len(list(folder.glob(".figure.png.*.partial"))) == 1
    with run_half_way(folder / "other.png", "alive") as alive:
        assert alive.stdout is not None
        alive.stdout.readline()
        program = "import sys; from pathlib import Path; from alignedcut_viewer.atomic_files import replace_file\n"
        program += "replace_file(Path(sys.argv[1]), b'new')"
        subprocess.run([sys.executable, "-c", program, str(folder / "next.png")], check=True)
        assert not list(folder.glob(".figure.png.*.partial"))
        assert len(list(folder.glob(".other.png.*.partial"))) == 1
        alive.communicate("")
    assert sorted(path.name for path in folder.iterdir()) == [".mine.partial", "next.png", "other.png"]


def test_what_was_left_under_the_number_of_this_process_is_removed(tmp_path: Path) -> None:
    host = atomic_files._HOST
    left = tmp_path / f".figure.png.{host}-{os.getpid()}-0.partial"
    left.write_text("half")
    elsewhere = tmp_path / ".figure.png.000000-1-0.partial"
    elsewhere.write_text("half, of another machine")
    old = tmp_path / ".figure.png.000001-1-0.partial"
    old.write_text("half, of another machine, long ago")
    os.utime(old, (1e9, 1e9))
    replace_file(tmp_path / "a.txt", b"a")
    assert sorted(path.name for path in tmp_path.iterdir()) == [elsewhere.name, "a.txt"]


def test_the_longest_names_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 251 + ".txt")
    replace_file(target, b"a")
    assert target.read_bytes() == b"a"
    assert list(tmp_path.iterdir()) == [target]
