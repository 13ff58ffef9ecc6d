"""A study at a URL, on fsspec's file system in memory: what counts, what is brought, what is published when."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.errors import DamagedError, InputError, StorageError, StudyError
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.places import Url
from alignedcut_viewer.store import Store
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.feature_set import FeatureSet
from alignedcut_viewer.study_files import lease, remote_files, working_copy
from alignedcut_viewer.study_files.connection import Connection

pytestmark = pytest.mark.quick

PLACE = "memory://studies/one"
KEY = {
    "network": "net",
    "tap": "attention",
    "input_size": [8, 8],
    "default_size": True,
    "precision": "float32",
    "storage": "float16",
    "weights": "0123",
}


@pytest.fixture
def memory() -> Iterator[Any]:
    fs = fsspec.filesystem("memory")
    yield fs
    if fs.exists("/studies"):
        fs.rm("/studies", recursive=True)


@pytest.fixture
def store(memory: Any) -> Iterator[Store]:
    made = Store.create(PLACE, {"cuts": {"current": {}}, "alignments": {}})
    yield made
    made.close()


def held(memory: Any) -> list[str]:
    return sorted(name.removeprefix("/studies/one/") for name in memory.find("/studies/one"))


def forget_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers look at once, instead of a second later."""
    monkeypatch.setattr(remote_files, "_FRESH", 0.0)
    monkeypatch.setattr(remote_files, "_LISTED", 0.0)


def test_a_result_is_published_with_its_description_last(
    store: Store, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[str] = []
    real = Connection.put
    monkeypatch.setattr(Connection, "put", lambda self, path, name: (put.append(name), real(self, path, name)))
    with store.building("cuts/a", {"recipe": {}}):
        store.save_array("cuts/a/values", np.arange(6.0).reshape(2, 3))
        assert not any(name.startswith("cuts/a/") for name in held(memory))
    assert put == ["cuts/a/values/c/0/0", "cuts/a/values/zarr.json", "cuts/a/zarr.json"]
    np.testing.assert_array_equal(Store.open(PLACE).view("cuts/a/values"), np.arange(6.0).reshape(2, 3))


def test_a_lock_that_is_given_back_waits_for_what_another_thread_is_publishing(
    store: Store, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends the thread that computes, while another still writes what it had computed."""
    names = ("alignments/c/0", "alignments/checksums")
    for text in (b"old", b"new"):
        for name in names:
            path = store.files.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
            store.files.changed(path)
        if text == b"old":
            store.files.publish()
    reached, go_on = threading.Event(), threading.Event()
    real = Connection.put

    def slow(self: Connection, path: Path, name: str) -> None:
        reached.set()
        go_on.wait(30)
        real(self, path, name)

    monkeypatch.setattr(Connection, "put", slow)
    publishing = threading.Thread(target=store.files.publish)
    publishing.start()
    assert reached.wait(30)
    releasing = threading.Thread(target=store.files.release)
    releasing.start()
    releasing.join(0.2)
    go_on.set()
    publishing.join(30)
    releasing.join(30)
    assert [memory.cat_file(f"/studies/one/{name}") for name in names] == [b"new", b"new"]
    assert lease_of(memory) is None


def lease_of(memory: Any) -> str | None:
    return next((name for name in held(memory) if "writer.json" in name), None)


def test_a_file_that_is_gone_before_it_is_published_stays_in_the_study(store: Store, memory: Any) -> None:
    group = store.make_folder("cuts/one")
    (group / "notes.json").write_text("1")
    store.files.changed(group / "notes.json")
    store.files.publish()
    (group / "notes.json").write_text("2")
    store.files.changed(group / "notes.json")
    (group / "notes.json").unlink()  # as by somebody who makes room
    with pytest.raises(
        StorageError, match=r"notes\.json is gone, though memory://.* leave the folder of working copies"
    ):
        store.files.publish()
    assert memory.cat("/studies/one/cuts/one/notes.json") == b"1"


def test_a_result_that_fails_leaves_nothing(store: Store, memory: Any) -> None:
    before = held(memory)
    with pytest.raises(ValueError, match="do not make up"), store.building("cuts/a", {}):
        store.save_rows("cuts/a/values", (3,), np.float32, [np.ones(2)])
    assert held(memory) == before
    assert store.groups("cuts") == []


def test_upload_that_fails_half_way_leaves_no_result_and_is_swept(
    store: Store, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Connection.put

    def broken(self: Connection, path: Path, name: str) -> None:
        if name.endswith("two/c/0"):
            raise StorageError("The network is gone.")
        real(self, path, name)

    monkeypatch.setattr(Connection, "put", broken)
    monkeypatch.setattr(Connection, "remove", lambda self, names: None)
    building = store.building("cuts/a", {})
    building.__enter__()
    store.save_array("cuts/a/one", np.ones(3))
    store.save_array("cuts/a/two", np.ones(3))
    with pytest.raises(StorageError, match="network is gone"):
        building.__exit__(None, None, None)
    monkeypatch.undo()
    store.close()
    assert "cuts/a/zarr.json" not in held(memory)
    assert not Store.open(PLACE).exists("cuts/a")
    Store.open(PLACE, writable=True).close()
    assert not any(name.startswith("cuts/a/") for name in held(memory))


def test_readers_see_what_others_write_and_never_less(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Store.open(PLACE)
    for n in range(5):
        store.set_attributes("cuts", {"n": n})
        assert reader.attributes("cuts") == {"n": n}
    forget_what_is_known(monkeypatch)
    fs = fsspec.filesystem("memory")
    path = "/studies/one/cuts/zarr.json"
    fs.pipe_file(path, fs.cat_file(path).replace(b'"n":4', b'"n":5'))  # from another machine
    assert reader.attributes("cuts") == {"n": 5}
    fs.rm(path)
    assert not reader.exists("cuts")


def test_what_the_study_holds_counts_and_not_the_copy(store: Store, memory: Any, cache: Path) -> None:
    with store.building("cuts/a", {}):
        store.save_array("cuts/a/values", np.arange(3))
    store.close()
    np.testing.assert_array_equal(Store.open(PLACE).view("cuts/a/values"), [0, 1, 2])
    (copy,) = cache.glob("one-*/read/cuts/a/values/c/0")
    copy.unlink()
    copy.write_bytes(np.array([7, 7, 7]).tobytes())
    (copy.parents[2] / "zarr.json").write_text("{}")
    again = Store.open(PLACE)
    assert again.attributes("cuts/a")["arrays"]
    np.testing.assert_array_equal(again.view("cuts/a/values"), [0, 1, 2])
    memory.pipe_file("/studies/one/cuts/a/values/c/0", np.array([8, 8, 8]).tobytes())
    with pytest.raises(DamagedError, match="memory://studies/one/cuts/a/values is not what was written") as caught:
        Store.open(PLACE).view("cuts/a/values")
    assert str(cache) not in str(caught.value)


def test_zarr_reads_what_was_not_brought_yet(store: Store) -> None:
    store.create_array("cuts/many", (4, 2), (1, 2), np.float32, np.nan)
    store.array("cuts/many", writable=True)[:] = np.arange(8).reshape(4, 2)
    for number in range(4):
        store.files.changed(store.folder("cuts/many") / "c" / str(number) / "0")
    store.files.publish()
    store.close()
    reader = Store.open(PLACE)
    np.testing.assert_array_equal(reader.array("cuts/many")[1:3], [[2, 3], [4, 5]])
    assert sorted(p.name for p in (reader.folder("cuts/many") / "c").iterdir()) == ["1", "2"]


# -- one writer ------------------------------------------------------------------------------------------------------


def test_a_second_writer_on_this_machine_is_told_who_holds_it(store: Store) -> None:
    with pytest.raises(StudyError, match=rf"being written by another run \(process {os.getpid()} on "):
        Store.open(PLACE, writable=True)
    store.close()
    Store.open(PLACE, writable=True).close()


def test_another_machine_waits_for_the_lease_and_the_former_writer_is_told(
    store: Store, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIGNEDCUT_CACHE", str(cache.parent / "another machine"))
    with pytest.raises(StudyError, match="its lock expires 60 seconds later"):
        Store.open(PLACE, writable=True)
    monkeypatch.setattr(lease, "LEASE", 0.2)
    time.sleep(0.3)
    with Study(Store.open(PLACE, writable=True)):
        time.sleep(0.2)
        with pytest.raises(StudyError, match="Another run took over"):
            store.set_attributes("cuts", {"n": 1})
    assert Store.open(PLACE).attributes("cuts") == {"current": {}}


def test_the_lock_of_a_killed_run_of_this_machine_is_taken_at_once(store: Store, memory: Any) -> None:
    content = memory.cat_file("/studies/one/alignments/writer.json")
    store.close()
    memory.pipe_file("/studies/one/alignments/writer.json", content)  # as SIGKILL leaves it
    Store.open(PLACE, writable=True).close()
    assert "alignments/writer.json" not in held(memory)


def test_a_lock_is_renewed_as_long_as_its_writer_lives(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RENEWED", 0.01)
    store = Store.create(PLACE, {})
    before = memory.cat_file("/studies/one/alignments/writer.json")
    deadline = time.monotonic() + 10
    while memory.cat_file("/studies/one/alignments/writer.json") == before:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    store.close()
    assert not memory.exists("/studies/one/alignments/writer.json")


# -- features: only what is read, and within a limit -----------------------------------------------------------------


@pytest.fixture
def study(memory: Any, tmp_path: Path) -> Iterator[Study]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(16):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number:02}.png")
    made = Study.create(PLACE, open_pictures(folder))
    features = FeatureSet.create(made.store, KEY, rows=2, columns=2, class_token=True, batch=2, note={})
    features.prepare({0: 8}, 16)
    values = np.arange(16 * 5 * 8, dtype=np.float32).reshape(16, 5, 8)
    for first in range(0, 16, 2):
        features.write({0: values[first : first + 2]}, [first, first + 1])
    yield made
    made.close()


def chunks_here(cache: Path) -> int:
    return len([path for path in cache.glob("*/*/features/*/layer_000/c/*/0/0") if "notes" not in path.parts[-8]])


def test_of_features_only_those_are_brought_that_are_read(
    study: Study, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.close()
    monkeypatch.setenv("ALIGNEDCUT_CACHE", str(cache.parent / "another machine"))
    reader = Study.open(PLACE)
    rows = reader.node_features(reader.node_index(images=[5]))[:]
    np.testing.assert_array_equal(rows, np.arange(16 * 5 * 8).reshape(16, 5, 8)[5])
    assert chunks_here(cache.parent / "another machine") == 1
    everything = reader.node_features(reader.node_index())
    np.testing.assert_array_equal(everything[:].reshape(16, 5, 8), np.arange(16 * 5 * 8).reshape(16, 5, 8))
    streamed = np.concatenate([block for _, block in everything.chunks(7)])
    np.testing.assert_array_equal(streamed, everything[:])


def test_working_copies_keep_within_their_limit(study: Study, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study.close()
    monkeypatch.setenv("ALIGNEDCUT_CACHE", str(cache.parent / "another machine"))
    monkeypatch.setenv("ALIGNEDCUT_CACHE_SIZE", "400")  # two chunks of 160 bytes, and a bit
    monkeypatch.setattr(working_copy, "_IN_USE", 0.0)
    reader = Study.open(PLACE)
    for image in range(16):
        rows = reader.node_features(reader.node_index(images=[image]))[:]
        np.testing.assert_array_equal(rows, np.arange(16 * 5 * 8).reshape(16, 5, 8)[image])
        assert chunks_here(cache.parent / "another machine") <= 3
    assert reader.store.files.size(reader.store.folder("features/net/layer_000") / "c" / "0" / "0" / "0") == 160


def test_features_that_grew_elsewhere_are_brought_again(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_what_is_known(monkeypatch)
    reader = Study.open(PLACE)
    tokens = reader.network("net").tokens(0)
    np.testing.assert_array_equal(tokens[2], np.arange(16 * 5 * 8).reshape(16, 5, 8)[2])
    study.network("net").write({0: np.full((1, 5, 8), 9.0, dtype=np.float32)}, [2])
    again = reader.network("net").tokens(0)
    np.testing.assert_array_equal(again[2], np.full((5, 8), 9.0))
    np.testing.assert_array_equal(again[3], np.arange(16 * 5 * 8).reshape(16, 5, 8)[3])


def test_tokens_and_features_go_to_another_process(study: Study) -> None:
    features = study.node_features(study.node_index())
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(features))[:], features[:])
    assert str(study.path) == PLACE
    assert Study.open(str(study.path)).pictures.names == study.pictures.names


def test_damaged_chunks_are_found_where_the_study_is(study: Study, memory: Any) -> None:
    (path,) = [p for p in memory.find("/studies/one/features") if p.endswith("/c/3/0/0")]
    content = bytearray(memory.cat_file(path))
    content[5] ^= 1
    memory.pipe_file(path, bytes(content))
    study.close()
    features = Study.open(PLACE).network("net")
    assert features.damaged(16) == {}
    assert features.damaged(16, thoroughly=True) == {0: [6, 7]}
    memory.rm(path)
    assert Study.open(PLACE).network("net").damaged(16) == {0: [6, 7]}


def test_who_checks_reads_the_study_and_no_copy(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    study.close()
    got: list[str] = []
    real = Connection.get
    monkeypatch.setattr(Connection, "get", lambda self, name, target: (got.append(name), real(self, name, target))[1])
    reader = Study.open(PLACE)
    assert reader.network("net").damaged(16, thoroughly=True) == {}
    assert not [name for name in got if "/c/" in name]  # all of it is here, from when it was written
    assert pipeline.check_study(reader, weights=False) == []
    assert len([name for name in got if "/c/" in name]) == 8


# -- what goes wrong -------------------------------------------------------------------------------------------------


def test_readers_go_on_with_what_they_have_while_the_study_is_out_of_reach(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.close()
    reader = Store.open(PLACE)
    assert reader.attributes("cuts") == {"current": {}}
    forget_what_is_known(monkeypatch)

    def gone(self: Connection, name: str) -> None:
        raise StorageError(f"{self.url} cannot be reached.")

    monkeypatch.setattr(Connection, "entry", gone)
    assert reader.attributes("cuts") == {"current": {}}
    with pytest.raises(StorageError, match="cannot be reached"):
        reader.attributes("alignments")
    with pytest.raises(StorageError, match="cannot be reached"):
        Store.open(PLACE)


def test_what_is_there_already_is_left_alone(store: Store, memory: Any) -> None:
    with pytest.raises(StudyError, match="memory://studies/one is a study already"):
        Store.create(PLACE, {})
    memory.pipe_file("/studies/other/mine.txt", b"mine")
    with pytest.raises(StudyError, match="not empty"):
        Store.create("memory://studies/other", {})
    assert memory.find("/studies/other") == ["/studies/other/mine.txt"]
    with pytest.raises(StudyError, match="memory://studies/none does not exist"):
        Store.open("memory://studies/none")


def test_what_a_run_killed_before_there_was_a_study_left_is_no_obstacle(memory: Any) -> None:
    memory.pipe_file("/studies/one/pictures/zarr.json", b"{}")
    memory.pipe_file("/studies/one/alignments/writer.json", json.dumps({"copy": "?"}).encode())
    with pytest.raises(StudyError, match="being written by another run"):  # on another machine, for all one knows
        Store.create(PLACE, {"cuts": {}, "pictures": {}})
    memory.rm("/studies/one/alignments/writer.json")
    Store.create(PLACE, {"cuts": {}, "pictures": {}}).close()
    assert held(memory) == ["cuts/zarr.json", "pictures/zarr.json", "zarr.json"]


def test_small_files_beside_the_results_need_no_lock(store: Store, memory: Any) -> None:
    reader = Store.open(PLACE)
    assert reader.files.read("selections.json") is None
    reader.files.write("selections.json", b"{}")
    assert memory.cat_file("/studies/one/selections.json") == b"{}" == store.files.read("selections.json")
    own = reader.files.own("session.json")
    own.write_text("here")
    assert "session.json" not in held(memory)


def test_threads_bring_the_same_files_together(study: Study, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study.close()
    monkeypatch.setenv("ALIGNEDCUT_CACHE", str(cache.parent / "another machine"))
    reader = Study.open(PLACE)
    index, faults = reader.node_index(), []

    def read() -> None:
        try:
            np.testing.assert_array_equal(reader.node_features(index)[:].ravel(), np.arange(16 * 5 * 8))
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nosuch://bucket/study", "no file system called nosuch"),
        ("gcs://bucket/study", "install it with pip"),
    ],
)
def test_kinds_of_urls_that_nothing_is_installed_for(place: str, words: str) -> None:
    if place.startswith("gcs") and find_spec("gcsfs") is not None:
        pytest.skip("gcsfs is installed")
    with pytest.raises(InputError, match=words):
        Store.open(place)


def test_without_fsspec_one_sentence_names_what_to_install() -> None:
    script = (
        "import sys; sys.modules['fsspec'] = None\n"
        "from alignedcut_viewer.cli import main\nsys.exit(main(['figures', 's3://bucket/study']))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr.strip().splitlines()[-1].endswith("pip install 'alignedcut-viewer[remote]'")


def test_the_url_of_a_study_is_a_path_for_whoever_asks(store: Store) -> None:
    assert store.root == Url(PLACE)
    with pytest.raises(StudyError, match="memory://studies/one holds no cuts/none"):
        store.array("cuts/none")
