"""A study on a real SSH server, read and written with paramiko, as fsspec does unless sshfs is installed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer.cli import main

asyncssh = pytest.importorskip("asyncssh", reason="needs asyncssh, the SSH server of this test")
pytest.importorskip("paramiko", reason="needs paramiko, fsspec's client for sftp:// addresses")

EXTRACT = ("--networks", "random:vit_tiny_patch16_224", "--layers", "0,5", "--size", "32", "--batch", "2")
CUT = ("--eigenvectors", "5", "--alignment", "hyperalignment", "--perplexity", "5", "--device", "cpu")
PASSWORD = "a password of this test"


class _OnePassword(asyncssh.SSHServer):
    """Whoever knows the password may come in."""

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == PASSWORD


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[int]:
    """The port of an SSH server of this machine that shows a folder, as long as the block lasts."""
    loop, port = asyncio.new_event_loop(), Future[int]()
    stop = asyncio.Event()

    async def serve() -> None:
        server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=_OnePassword,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=os.fsencode(folder)),
        )
        port.set_result(server.get_port())
        await stop.wait()
        server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield port.result(30)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """The address of a folder on the server, and the folder."""
    from fsspec.config import conf

    monkeypatch.setitem(conf, "sftp", {"password": PASSWORD})
    (tmp_path / "disk").mkdir()
    with serving(tmp_path / "disk") as port:
        yield f"sftp://me@127.0.0.1:{port}", tmp_path / "disk"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((40, 40)).save(folder / f"p{number}.png")
    return folder


def held(study: Path) -> dict[str, bytes]:
    """All files of a study, without what differs from place to place: when it was made, and where pictures lie."""
    files = {path.relative_to(study).as_posix(): path.read_bytes() for path in study.rglob("*") if path.is_file()}
    root = json.loads(files["zarr.json"])
    root["attributes"]["alignedcut_study"].pop("created")
    table = json.loads(files["pictures/zarr.json"])
    for record in table["attributes"]["pictures"]:
        record.pop("relative")
    return {**files, "zarr.json": json.dumps(root).encode(), "pictures/zarr.json": json.dumps(table).encode()}


def killed(words: list[str], until: str, disk: Path) -> None:
    """Run a command in a process of its own, and kill it once files of that name are on the disk."""
    program = "import sys; from alignedcut_viewer.cli import main; sys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "FSSPEC_SFTP_PASSWORD": PASSWORD}
    process = subprocess.Popen([sys.executable, "-c", program, *words], env=environment)
    end = time.monotonic() + 120
    while not any(disk.rglob(until)) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    process.kill()
    assert process.wait() != 0


@pytest.mark.timeout(400)
def test_a_study_on_an_ssh_server_is_that_of_a_disk(
    place: tuple[str, Path], pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, disk = place
    study = f"{url}/data/study"
    extract = ["extract", str(pictures), *EXTRACT, "--device", "cpu", "--study"]
    killed([*extract, study], "layer_000/c/1/0/0", disk)
    for words in (extract, ["cut"]):
        options = CUT if words == ["cut"] else ()
        for where in (str(tmp_path / "study"), study):
            assert main([*words, where, *options]) == 0
    assert held(disk / "data" / "study") == held(tmp_path / "study")  # and nothing that the killed run left

    chunk, *_ = (disk / "data").rglob("layer_005/c/1/0/0")
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:-1] + bytes([whole[-1] ^ 4]))
    assert main(["check", study]) == 2
    assert "layer 5" in capsys.readouterr().err
    assert main(["check", study, "--repair"]) == 0
    assert chunk.read_bytes() == whole


def test_wrong_passwords_and_servers_that_are_gone_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from fsspec.config import conf

    monkeypatch.setitem(conf, "sftp", {"password": "another one"})
    with serving(tmp_path) as port:
        url = f"sftp://me@127.0.0.1:{port}/study"
        assert main(["check", url]) == 2
        assert capsys.readouterr().err.startswith(f"alignedcut: {url}: access is refused (")
    assert main(["check", url]) == 2
    assert capsys.readouterr().err.startswith(f"alignedcut: {url} cannot be reached (")
