"""The store: atomic, locked, versioned, readable by plain zarr."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from alignedcut_viewer import atomic_files
from alignedcut_viewer.atomic_files import digest_of, partial_path, replace_json, safe_name, writing
from alignedcut_viewer.errors import StorageError, StudyError
from alignedcut_viewer.store import FORMAT_VERSION, Store

pytestmark = pytest.mark.quick


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "study", {"cuts": {"current": {}}, "alignments": {}})


def test_create_makes_a_group_that_plain_zarr_opens_without_a_warning(store: Store) -> None:
    store.save_array("cuts/x", np.arange(6.0).reshape(2, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        group = zarr.open_group(str(store.root), mode="r")
        assert sorted(name for name, _ in group.members()) == ["alignments", "cuts"]
    assert group.attrs["alignedcut_study"]["format"] == FORMAT_VERSION
    np.testing.assert_array_equal(group["cuts/x"][:], np.arange(6.0).reshape(2, 3))


def test_create_refuses_what_is_there(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="a study already"):
        Store.create(store.root, {})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file.txt").write_text("mine")
    with pytest.raises(StudyError, match="not empty"):
        Store.create(tmp_path / "other", {})
    assert (tmp_path / "other" / "file.txt").read_text() == "mine"


def test_create_leaves_nothing_behind_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.replace

    def full(source: str, target: str) -> None:
        if Path(target).parent.name == "b":
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr(atomic_files.os, "replace", full)
    with pytest.raises(StorageError, match="No space is left"):
        Store.create(tmp_path / "study", {"a": {}, "b": {}})
    assert not (tmp_path / "study").exists()


def test_what_a_killed_creation_left_is_no_obstacle_and_all_else_is(tmp_path: Path) -> None:
    groups: dict[str, dict[str, Any]] = {"a": {}, "b": {"c": []}}
    path = tmp_path / "study"
    code = (
        "import os, sys\n"
        "from alignedcut_viewer.store import Store\n"
        "real = os.replace\n"
        "def killed(source, target):\n"
        "    os._exit(9) if 'b' in str(target).split('study')[1] else real(source, target)\n"
        "os.replace = killed\n"
        f"Store.create({str(path)!r}, {groups!r})\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    left = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    assert left[0] == "a/zarr.json"
    assert ".partial" in left[1]
    assert Store.is_vacant(path, groups)
    assert not Store.is_vacant(path, {"a": {}})  # not of this version: somebody may want it
    (path / "b" / "mine.txt").touch()
    with pytest.raises(StudyError, match="not empty"):
        Store.create(path, groups)
    (path / "b" / "mine.txt").unlink()
    Store.create(path, groups).close()
    store = Store.open(path, writable=True)
    store.close()
    assert store.attributes("b") == {"c": []}
    assert not list(path.rglob("*.partial"))


def test_open_names_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="does not exist"):
        Store.open(tmp_path / "nothing")
    with pytest.raises(StudyError, match="is not a study"):
        Store.open(tmp_path)
    zarr.open_group(str(tmp_path / "plain"), mode="w")
    with pytest.raises(StudyError, match="is not a study"):
        Store.open(tmp_path / "plain")
    (tmp_path / "plain" / "zarr.json").write_text("{")
    with pytest.raises(StudyError, match="is not a study"):
        Store.open(tmp_path / "plain")


def test_a_newer_version_is_refused(store: Store) -> None:
    path = store.root / "zarr.json"
    content = json.loads(path.read_text())
    content["attributes"]["alignedcut_study"] |= {"format": FORMAT_VERSION + 1, "software": "9.9.9"}
    path.write_text(json.dumps(content))
    with pytest.raises(StudyError, match=r"written by alignedcut-viewer 9\.9\.9 in format 2.*upgrade"):
        Store.open(store.root)


def test_only_one_writer_and_any_number_of_readers(store: Store) -> None:
    with pytest.raises(StudyError, match="being written by another run"):
        Store.open(store.root, writable=True)
    reader = Store.open(store.root)
    with pytest.raises(StudyError, match="opened for reading"):
        reader.set_attributes("cuts", {})
    with pytest.raises(StudyError, match="opened for reading"):
        reader.save_array("cuts/a", np.zeros(2))
    store.close()
    again = Store.open(store.root, writable=True)
    assert again.writable
    assert not store.writable
    again.close()


def test_another_process_is_kept_out_and_a_killed_one_leaves_no_lock(store: Store) -> None:
    store.close()
    script = f"""
        import sys, time
        from alignedcut_viewer.store import Store
        store = Store.open({str(store.root)!r}, writable=True)
        print("locked", flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"locked"
        with pytest.raises(StudyError, match="another run"):
            Store.open(store.root, writable=True)
        process.kill()
        process.wait()
    Store.open(store.root, writable=True).close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no write bits on folders")
def test_a_read_only_study_can_be_read_but_not_opened_for_writing(store: Store) -> None:
    store.close()
    store.root.chmod(0o555)
    try:
        assert Store.open(store.root).attributes("cuts") == {"current": {}}
        with pytest.raises(StudyError, match="is read-only"):
            Store.open(store.root, writable=True)
    finally:
        store.root.chmod(0o755)
    (store.root / "zarr.json").chmod(0o444)
    with pytest.raises(StudyError, match="is read-only"):
        Store.open(store.root, writable=True)


def test_readers_see_new_attributes_at_once(store: Store) -> None:
    reader = Store.open(store.root)
    for n in range(20):
        store.set_attributes("cuts", {"n": n})
        assert reader.attributes("cuts") == {"n": n}


def test_replace_json_keeps_the_old_content_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "zarr.json"
    replace_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        replace_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["zarr.json"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "No space is left"),
        (errno.EROFS, "permission is denied"),
        (errno.EACCES, "permission is denied"),
        (errno.EFBIG, "largest file"),
        (errno.EIO, "failed"),
    ],
)
def test_refusals_become_sentences(number: int, words: str) -> None:
    with pytest.raises(StorageError, match=words) as caught, writing("somewhere"):
        raise OSError(number, os.strerror(number))
    assert "somewhere" in str(caught.value)
    assert str(caught.value).endswith(".")


def test_sentences_that_are_written_already_pass() -> None:
    with pytest.raises(StorageError, match=r"^Already said\.$"), writing("somewhere"):
        raise StorageError("Already said.")


def test_building_is_complete_or_gone(store: Store) -> None:
    attributes: dict[str, object] = {"recipe": 1}
    with store.building("cuts/a", attributes):
        store.save_array("cuts/a/values", np.ones(3))
        assert store.groups("cuts") == []
        attributes["warnings"] = ["w"]
    assert store.groups("cuts") == ["a"]
    kept = store.attributes("cuts/a")
    assert (kept["recipe"], kept["warnings"]) == (1, ["w"])

    def fail() -> None:
        with store.building("cuts/b", {}):
            store.save_array("cuts/b/values", np.ones(3))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not store.folder("cuts/b").exists()


def test_a_writer_sweeps_away_what_a_killed_run_left(store: Store) -> None:
    store.save_array("cuts/half/values", np.ones(3))  # as of a run that was killed before it wrote the group
    (store.root / ".zarr.json.partial").write_text("{")
    (store.root / "cuts" / ".zarr.json.partial").write_text("{")
    layer = store.root / "features" / "net" / "layer_000"
    (layer / "c").mkdir(parents=True)
    (layer / ".zarr.json.partial").write_text("{")
    (layer / "c" / ".zarr.json.partial").write_text("{")
    with store.building("cuts/whole", {}):
        store.save_array("cuts/whole/values", np.ones(3))
    with store.building("cuts/whole/fit", {}):
        store.save_array("cuts/whole/fit/values", np.ones((3, 2)))
    store.save_array("cuts/whole/half/values", np.ones(3))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    alive = partial_path(store.folder("cuts/whole/fit/values/c/0/0"))  # an array that was being replaced where it lies
    killed = alive.with_name(alive.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-"))
    assert killed != alive
    killed.write_bytes(b"12")
    store.close()
    reader = Store.open(store.root)
    assert reader.groups("cuts") == ["whole"]
    assert store.folder("cuts/half").exists()
    Store.open(store.root, writable=True)
    assert not store.folder("cuts/half").exists()
    assert not store.folder("cuts/whole/half").exists()
    assert store.exists("cuts/whole/values")
    assert not list(store.root.rglob("*.partial"))


def test_view_maps_whole_arrays(store: Store, rng: np.random.Generator) -> None:
    values = rng.standard_normal((5, 3)).astype(np.float32)
    store.save_array("cuts/a", values)
    view = store.view("cuts/a")
    assert isinstance(view, np.memmap)
    np.testing.assert_array_equal(view, values)
    with pytest.raises(ValueError, match="read-only"):
        view[0, 0] = 1
    store.create_array("cuts/b", (4, 2), (1, 2), np.float32, 7)
    np.testing.assert_array_equal(store.view("cuts/b"), np.full((4, 2), 7))
    with pytest.raises(StudyError, match="holds no cuts/c"):
        store.view("cuts/c")


def test_names_fit_every_file_system() -> None:
    assert safe_name("clip-vit-b16") == "clip-vit-b16"
    assert safe_name("facebook/dinov2-base").startswith("facebook-dinov2-base-")
    assert safe_name("a/b") != safe_name("a:b")
    assert safe_name("../..").startswith("unnamed-")


def test_equal_recipes_have_equal_digests() -> None:
    assert digest_of({"a": 1, "b": [1, 2]}) == digest_of({"b": [1, 2], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})


def test_the_second_writer_is_told_who_the_first_is(store: Store) -> None:
    with pytest.raises(StudyError, match=rf"another run \(process {os.getpid()} on .*, since \d{{4}}-") as caught:
        Store.open(store.root, writable=True)
    assert str(caught.value).endswith("; wait for it, or cancel it.")
    store.close()
    assert not list(store.root.rglob("writer.json"))
    again = Store.open(store.root, writable=True)
    (store.root / "alignments" / "writer.json").write_text("{}")  # whatever lies there, it is a message and no lock
    with pytest.raises(StudyError, match=r"written by another run; wait"):
        Store.open(store.root, writable=True)
    again.close()


def test_an_array_makes_no_folders_where_a_share_has_vanished(tmp_path: Path) -> None:
    """The share goes in the moment in which zarr has the word, which is the first that it has in a process."""
    code = (
        "import sys, zarr, numpy, pathlib\n"
        "from alignedcut_viewer.errors import StorageError\n"
        "from alignedcut_viewer.store import Store\n"
        f"root = pathlib.Path({str(tmp_path / 'study')!r})\n"
        "store, real = Store.create(root, dict(a={})), zarr.create_array\n"
        "def vanishing(**options):\n"
        "    root.rename(root.with_name('elsewhere'))\n"
        "    return real(**options)\n"
        "zarr.create_array = vanishing\n"
        "try:\n"
        "    store.create_array('a/b', (4, 2), (1, 2), numpy.float32, 7)\n"
        "except StorageError:\n"
        "    sys.exit(3 if not root.exists() else 4)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 3


def test_a_study_whose_share_vanished_is_not_begun_anew_in_its_place(store: Store, tmp_path: Path) -> None:
    store.root.rename(tmp_path / "elsewhere")
    for write in (
        lambda: store.set_attributes("cuts", {"current": {}}),
        lambda: store.save_array("cuts/a/values", np.ones(3)),
    ):
        with pytest.raises(StorageError, match=r"or bring it back, and run again"):
            write()
        assert not store.root.exists()
    store.root.mkdir()  # the place where it was mounted, now empty
    with pytest.raises(StorageError, match="bring it back"):
        store.set_attributes("cuts", {"current": {}})
    assert not list(store.root.iterdir())
    store.root.rmdir()
    (tmp_path / "elsewhere").rename(store.root)
    store.set_attributes("cuts", {"current": {}})
    assert Store.open(store.root).attributes("cuts") == {"current": {}}
