"""Stages that are stopped at seeded random moments, and what must hold afterwards.

A process is stopped either at a random moment of its time, or at a random one of the steps in which it changes files
(opening for writing, renaming, removing, making folders) or asks a server for a change, at which it sends the signal to
itself. The signal is real, and so is everything that is stopped. Processes are forked from a server that has imported
what they need.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from tests.torture import looking
from tests.torture.homes import HERE, Home, OnDisk, Surroundings, Tree, tree
from tests.torture.stages import STAGES, Stage, prepare, save_sessions

__all__ = ["Bench", "Outcome", "stage"]

_CHANGES = {"os.rename": (0, 1), "os.remove": (0,), "os.mkdir": (0,), "os.rmdir": (0,), "os.truncate": (0,)}
_REQUESTS = frozenset(
    {"PutObject", "CopyObject", "DeleteObject", "DeleteObjects", "CreateMultipartUpload", "UploadPart"}
    | {"CompleteMultipartUpload", "AbortMultipartUpload"}
)
_LIMIT = 180.0
_SHORT_LEASE = 0.5


def _run(words: list[str], around: Surroundings, log: str, at: int, number: int, told: Connection) -> None:
    """Body of a process: run a command, and at its `at`-th change send it a signal."""
    sys.argv = ["alignedcut", *words]
    os.environ.update(around.environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == at:
            os.kill(os.getpid(), number)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            changes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            paths = arguments[:1] if changes else ()
        else:
            paths = tuple(arguments[i] for i in _CHANGES.get(event, ()))
        if any(isinstance(path, str | os.PathLike) and os.fspath(path).startswith(around.watched) for path in paths):
            step()

    sys.addaudithook(watch)
    if around.requests:
        _watch_requests(step)
    if around.lease is not None:
        from alignedcut_viewer.study_files import lease

        lease.LEASE = around.lease
    from alignedcut_viewer.cli import main

    told.send("begun")
    if words[0] == "session":
        try:
            code = save_sessions(Path(words[1]))
        except KeyboardInterrupt:
            code = 130
    else:
        code = main(words)
    told.send(steps)
    sys.stdout.flush()
    os._exit(code)


def _watch_requests(step: Callable[[], None]) -> None:
    """Take a step just before a server is asked for a change, and another just after it answered."""
    from aiobotocore.client import AioBaseClient

    real = AioBaseClient._make_api_call

    async def call(self: Any, operation: str, parameters: Any) -> Any:
        if operation not in _REQUESTS:
            return await real(self, operation, parameters)
        step()
        answer = await real(self, operation, parameters)
        step()
        return answer

    AioBaseClient._make_api_call = call


@dataclass
class Outcome:
    """One run that was to be stopped.

    Attributes
    ----------
    stage, how
        What was stopped by which signal.
    stopped
        Whether it was; else it ended before.
    faults
        What did not hold afterwards.
    """

    stage: str
    how: str
    stopped: bool
    faults: list[str] = field(default_factory=list)


class Bench:
    """A place to torture stages in.

    Parameters
    ----------
    root
        An empty folder.
    home
        Where studies lie; by default in folders of `root`.
    like
        Another bench, from the pictures and states of which stages begin here, too: what a stage leaves must be, byte
        for byte, what it leaves there.
    """

    def __init__(self, root: Path, home: Home | None = None, like: Bench | None = None) -> None:
        self.root = root
        self.home: Home = OnDisk() if home is None else home
        self._like = like
        self._context = multiprocessing.get_context("forkserver")
        importlib.import_module("tests.torture.warm")  # a module that is gone is noticed here; the server says nothing
        self._context.set_forkserver_preload(["tests.torture.warm"])
        self.log = root / "log.txt"
        self._begins_at = 0
        self._known: dict[str, tuple[Tree, float, int]] = {}
        self._sizes: dict[str, list[int]] = {}
        self._count = 0
        self.source = root if like is None else like.source
        root.mkdir(exist_ok=True)
        if like is None:
            prepare(root)

    # -- processes -----------------------------------------------------------------------------------------------

    def words(self, stage: Stage, folder: Path) -> list[str]:
        """The command of a stage in a folder."""
        stands_for = {
            "FOLDER/study": self.home.place(folder),
            "FOLDER": str(folder),
            "PICTURES": str(self.source / "pictures"),
        }
        words = list(stage.words)
        for name, value in stands_for.items():
            words = [word.replace(name, value) for word in words]
        return words

    def run(
        self,
        stage: Stage,
        folder: Path,
        how: signal.Signals = signal.SIGKILL,
        at: int = 0,
        after: float | None = None,
        around: Surroundings | None = None,
    ) -> tuple[int, float, int]:
        """Run a stage in a folder; exit code (below zero: a signal), seconds, and how many changes it made."""
        self._begins_at = self.log.stat().st_size if self.log.exists() else 0
        listen, tell = self._context.Pipe(duplex=False)
        around = self.home.surroundings(folder) if around is None else around
        arguments = (self.words(stage, folder), around, str(self.log), at, int(how), tell)
        process = self._context.Process(target=_run, args=arguments)
        process.start()
        tell.close()
        steps = 0
        start = time.monotonic()
        with contextlib.suppress(EOFError):
            listen.recv()
            start = time.monotonic()
            if after is not None:
                process.join(after)
                if process.is_alive() and process.pid is not None:
                    os.kill(process.pid, how)
            if listen.poll(_LIMIT):
                steps = int(listen.recv())
        process.join(_LIMIT)
        seconds = time.monotonic() - start
        if process.exitcode is None:
            process.kill()
            process.join()
            raise RuntimeError(f"{stage.name} did not end within {_LIMIT:.0f} seconds.")
        return process.exitcode, seconds, steps

    def begin(self, stage: Stage, kind: str, name: str) -> Path:
        """A copy of what a stage begins from."""
        folder = self.root / kind / name
        folder.parent.mkdir(exist_ok=True)
        self.home.begin(self.source / "stock" / stage.begins, folder)
        return folder

    def next_name(self, stage: Stage) -> str:
        """A name for a trial."""
        self._count += 1
        return f"{stage.name}-{self._count}"

    def known(self, stage: Stage) -> tuple[Tree, float, int]:
        """What a run leaves that nobody stops, its seconds, and its changes."""
        if stage.name not in self._known:
            trees, seconds, steps = [], 0.0, 0
            for name in ("once", "twice") if self._like is None else ("once",):
                folder = self.begin(stage, "known", f"{stage.name}-{name}")
                code, seconds, steps = self.run(stage, folder)
                if code != 0:
                    raise RuntimeError(f"{stage.name} fails by itself: {self.last_words()}")
                trees.append(self.home.tree(folder))
                self._sizes[stage.name] = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
            if self._like is not None:
                self._like.known(stage)
                trees.append(tree(self._like.root / "known" / f"{stage.name}-once", anywhere=True))
            for other in trees[1:]:
                if trees[0] != other:
                    raise RuntimeError(f"{stage.name} differs from run to run: {looking.different(trees[0], other)}")
            self._known[stage.name] = (trees[0], seconds, steps)
        return self._known[stage.name]

    def sizes(self, stage: Stage) -> list[int]:
        """Bytes of the files that a run leaves on a disk."""
        self.known(stage)
        return self._sizes[stage.name]

    def last_words(self) -> str:
        """The last line that a run printed."""
        return " ".join(self._said().strip().splitlines()[-1:])

    def _said(self) -> str:
        return self.log.read_bytes()[self._begins_at :].decode(errors="replace")

    # -- one trial -----------------------------------------------------------------------------------------------

    def trial(self, stage: Stage, how: signal.Signals, rng: np.random.Generator, machine: str = HERE) -> Outcome:
        """Stop a stage once, look at what it left, and run it to the end, on this machine or on another."""
        wanted, seconds, steps = self.known(stage)
        folder = self.begin(stage, "trial", self.next_name(stage))
        moment = rng.random()
        if rng.random() < 0.5:
            code, _, _ = self.run(stage, folder, how, after=moment * seconds)
        else:
            code, _, _ = self.run(stage, folder, how, at=1 + int(moment * steps))
        outcome = Outcome(stage.name, how.name, code != 0)
        if outcome.stopped and code not in (-int(how), 130, 143):
            outcome.faults.append(f"ended with {code}")
        outcome.faults += self.look(stage, folder, wanted)
        outcome.faults += self.go_on(stage, folder, wanted, machine)
        if machine != HERE:  # what this one has of the study is of before
            outcome.faults += self.look(stage, folder, wanted)
        if not outcome.faults:
            self.home.end(folder)
        return outcome

    def look(self, stage: Stage, folder: Path, wanted: Tree) -> list[str]:
        """What is wrong with what a stopped run left."""
        before = tree(self.source / "stock" / stage.begins, anywhere=self._like is not None)
        return looking.faults_of(self.home, stage, folder, before, wanted)

    def go_on(self, stage: Stage, folder: Path, wanted: Tree, machine: str = HERE) -> list[str]:
        """What is wrong with what the same command leaves that is run again, and not stopped."""
        around = self.home.surroundings(folder, machine)
        if machine != HERE and self.home.is_locked(folder):
            code, _, _ = self.run(stage, folder, around=around)
            if code != 2 or "is being written by another run" not in self.last_words():
                return [f"another machine was not told who writes, but ended with {code}: {self.last_words()}"]
            time.sleep(2 * _SHORT_LEASE)
            around = self.home.surroundings(folder, machine, lease=_SHORT_LEASE)
        code, _, _ = self.run(stage, folder, around=around)
        left = self.home.tree(folder)
        # A finished export of masks is not written again unasked, and says so.
        refused = code == 2 and stage.name == "segment" and left == wanted
        if code != 0 and not refused:
            return [f"going on ended with {code}: {self.last_words()}"]
        if left != wanted:
            return [f"going on ended otherwise: {looking.different(left, wanted)}"]
        return [f"left over: {name}" for name in self.home.leftovers(folder)]

    def is_one_sentence(self, code: int) -> list[str]:
        """What is wrong with how a run ended that was refused something."""
        said = self.last_words()
        if code != 0 and (code != 2 or not said.startswith("alignedcut: ") or not said.endswith(".")):
            return [f"ended with {code}: {said}"]
        return ["a traceback besides the sentence"] if "Traceback" in self._said() else []


def stage(name: str) -> Stage:
    """The stage of that name."""
    return next(stage for stage in STAGES if stage.name == name)
