"""Studies of trials on a real S3 server, and the server gone or out of reach at a random moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.s3_server import S3Server
from tests.torture.harness import Bench, Outcome
from tests.torture.homes import HERE, Surroundings, Tree, digest, tree
from tests.torture.looking import different
from tests.torture.stages import Stage

__all__ = ["ELSEWHERE", "GONE", "OnS3", "Relay", "trial_of_server"]

ELSEWHERE = "elsewhere"
"""Another machine: it has nothing of the study, and the lock of the first holds it up."""

GONE = ("server gone", "cut off")

_LIMIT = 10.0
_LOCK = "study/alignments/writer.json"


class OnS3:
    """Studies at ``s3://bucket/KIND-NAME/study``; what else is written lies in a folder of this machine.

    Parameters
    ----------
    server
        Runs already.
    caches
        Folder for the working copies of all machines.
    relay
        The way to the server, where it is to be cut off now and then.
    """

    def __init__(self, server: S3Server, caches: Path, relay: Relay | None = None) -> None:
        self.server, self.relay = server, relay
        self._caches = caches
        self._fs = server.file_system()

    def begin(self, stock: Path, folder: Path) -> None:
        """Put what a stage begins from there."""
        folder.mkdir(parents=True)
        files = {path.relative_to(stock).as_posix(): path for path in stock.rglob("*") if path.is_file()}
        self._fs.pipe({f"{self._prefix(folder)}/{name}": path.read_bytes() for name, path in files.items()})

    def end(self, folder: Path) -> None:
        """Let go of a trial."""
        if self._fs.exists(self._prefix(folder)):
            self._fs.rm(self._prefix(folder), recursive=True)
        shutil.rmtree(self._caches / self._name(folder), ignore_errors=True)
        shutil.rmtree(folder)

    def place(self, folder: Path) -> str:
        """The study's URL."""
        return f"s3://{self._prefix(folder)}/study"

    def tree(self, folder: Path) -> Tree:
        """All objects, the lock left out, and all files of the folder.

        The server may still be at work on what a process asked of it that is no more: until it changes nothing.
        """
        deadline = time.monotonic() + _LIMIT
        while True:
            listed = self._listed(folder)
            found = self._fs.cat(list(listed), on_error="return") if listed else {}
            failed = [name for name, data in found.items() if isinstance(data, Exception)]
            if (not failed and listed == self._listed(folder)) or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        start = f"{self._prefix(folder)}/"
        objects = {name.removeprefix(start): data for name, data in found.items() if name not in failed}
        unread = {name.removeprefix(start): str(found[name]) for name in failed}
        return {
            **tree(folder),
            **{name: digest(name, data, anywhere=True) for name, data in objects.items()},
            **unread,
        }

    def _listed(self, folder: Path) -> dict[str, str]:
        found = self._fs.find(self._prefix(folder), detail=True)
        return {name: info["ETag"] for name, info in found.items() if not name.endswith("writer.json")}

    def views(self, folder: Path) -> Iterator[str]:
        """From a machine that knows nothing of the study, and from the one on which the run was stopped."""
        for machine in ("onlooker", HERE):
            around = self.surroundings(folder, machine)
            with _environment(around.environment):
                yield self.place(folder)
        shutil.rmtree(self._cache(folder, "onlooker"), ignore_errors=True)

    def surroundings(self, folder: Path, machine: str = HERE, *, lease: float | None = None) -> Surroundings:
        """What a process of a machine finds around it."""
        cache = self._cache(folder, machine)
        environment = {**self.server.environment(), "ALIGNEDCUT_CACHE": str(cache)}
        if self.relay is not None:
            environment["AWS_ENDPOINT_URL"] = self.relay.endpoint
        return Surroundings((str(folder), str(cache)), environment, requests=True, lease=lease)

    def is_locked(self, folder: Path) -> bool:
        """Whether the lock object of a run that is gone is there."""
        return bool(self._fs.exists(f"{self._prefix(folder)}/{_LOCK}"))

    def leftovers(self, folder: Path) -> list[str]:
        """The lock, and uploads that were begun and neither completed nor given up."""
        left = [name for name in self._fs.find(self._prefix(folder)) if "writer.json" in name]
        start = f"{self._prefix(folder).removeprefix('bucket/')}/"
        uploads = self._fs.call_s3("list_multipart_uploads", Bucket="bucket", Prefix=start)
        return left + [f"an upload of {upload['Key']}" for upload in uploads.get("Uploads") or ()]

    def _name(self, folder: Path) -> str:
        return f"{folder.parent.name}-{folder.name}"

    def _prefix(self, folder: Path) -> str:
        return f"bucket/{self._name(folder)}"

    def _cache(self, folder: Path, machine: str) -> Path:
        return self._caches / self._name(folder) / machine


def trial_of_server(bench: Bench, home: OnS3, stage: Stage, how: str, rng: np.random.Generator) -> Outcome:
    """Run a stage while its server is killed, or cut off and maybe back soon; then, once it is back, to the end."""
    wanted, seconds, _ = bench.known(stage)
    if home.relay is None:
        raise RuntimeError("There is no relay to cut off.")
    folder = bench.begin(stage, "trial", bench.next_name(stage))
    go, come_back = (
        (home.server.stop, home.server.start) if how == "server gone" else (home.relay.cut, home.relay.restore)
    )
    timers = [threading.Timer(0.1 + rng.random() * seconds, go)]
    soon = rng.random() < 0.5
    if soon and how == "cut off":
        timers.append(threading.Timer(timers[0].interval + 3 * rng.random(), come_back))
    for timer in timers:
        timer.start()
    code, _, _ = bench.run(stage, folder)
    for timer in timers:
        timer.join()
    if len(timers) == 1:
        come_back()
    outcome = Outcome(stage.name, how, code != 0, bench.is_one_sentence(code))
    if code == 0 and home.tree(folder) != wanted:
        outcome.faults.append(f"said that all is done, and it is not: {different(home.tree(folder), wanted)}")
    outcome.faults += bench.look(stage, folder, wanted)
    outcome.faults += bench.go_on(stage, folder, wanted)
    if not outcome.faults:
        home.end(folder)
    return outcome


class Relay:
    """A way to a port of this machine that can be cut, which resets what goes through it and refuses what comes.

    Parameters
    ----------
    target
        The port that it leads to.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._ways: set[asyncio.StreamWriter] = set()
        self._listening: asyncio.Server | None = None
        self._port = 0

    @property
    def endpoint(self) -> str:
        """URL of the relay."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Relay:
        self._thread.start()
        self.restore()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection, and refuse new ones."""
        self._do(self._cut())

    def restore(self) -> None:
        """Take connections again, at the same port."""
        self._do(self._listen())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._connect, "127.0.0.1", self._port)
        self._port = self._listening.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for way in list(self._ways):
            way.transport.abort()
        await asyncio.sleep(0.05)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._ways |= {writer, other_writer}
        if self._listening is None:  # cut meanwhile
            writer.transport.abort()
        await asyncio.gather(_carry(reader, other_writer), _carry(other_reader, writer))
        self._ways -= {writer, other_writer}


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
