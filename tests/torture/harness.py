"""Stages that are stopped at seeded random moments, and what must hold afterwards.

A process is stopped either at a random moment of its time, or at a random one of the steps in which it changes files
(opening for writing, renaming, removing, making folders), at which it sends the signal to itself. The signal is real,
and so is everything that is stopped. Processes are forked from a server that has imported what they need.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from alignedcut_viewer.errors import StorageError, StudyError
from alignedcut_viewer.study import Study
from tests.torture.stages import STAGES, USERS, Stage, prepare, save_sessions

__all__ = ["Bench", "Disk", "Outcome", "stage"]

_CHANGES = {"os.rename": (0, 1), "os.remove": (0,), "os.mkdir": (0,), "os.rmdir": (0,), "os.truncate": (0,)}
_LIMIT = 180.0

Tree = dict[str, str]


def _run(words: list[str], folder: str, log: str, at: int, number: int, told: Connection) -> None:
    """Body of a process: run a command, and at the `at`-th change of a file send it a signal."""
    sys.argv = ["alignedcut", *words]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    steps = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal steps
        if event == "open":
            changes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            paths = arguments[:1] if changes else ()
        else:
            paths = tuple(arguments[i] for i in _CHANGES.get(event, ()))
        if any(isinstance(path, str | os.PathLike) and os.fspath(path).startswith(folder) for path in paths):
            steps += 1
            if steps == at:
                os.kill(os.getpid(), number)

    sys.addaudithook(watch)
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
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._context = multiprocessing.get_context("forkserver")
        importlib.import_module("tests.torture.warm")  # a module that is gone is noticed here; the server says nothing
        self._context.set_forkserver_preload(["tests.torture.warm"])
        self.log = root / "log.txt"
        self._known: dict[str, tuple[Tree, float, int]] = {}
        self._sizes: dict[str, list[int]] = {}
        self._count = 0
        prepare(root)

    # -- processes -----------------------------------------------------------------------------------------------

    def words(self, stage: Stage, folder: Path) -> list[str]:
        """The command of a stage in a folder."""
        return [w.replace("FOLDER", str(folder)).replace("PICTURES", str(self.root / "pictures")) for w in stage.words]

    def run(
        self, stage: Stage, folder: Path, how: signal.Signals = signal.SIGKILL, at: int = 0, after: float | None = None
    ) -> tuple[int, float, int]:
        """Run a stage in a folder; exit code (below zero: a signal), seconds, and changes of files."""
        listen, tell = self._context.Pipe(duplex=False)
        arguments = (self.words(stage, folder), str(folder), str(self.log), at, int(how), tell)
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
        shutil.copytree(self.root / "stock" / stage.begins, folder)
        return folder

    def known(self, stage: Stage) -> tuple[Tree, float, int]:
        """What a run leaves that nobody stops, its seconds, and its changes of files."""
        if stage.name not in self._known:
            trees, seconds, steps = [], 0.0, 0
            for name in ("once", "twice"):
                folder = self.begin(stage, "known", f"{stage.name}-{name}")
                code, seconds, steps = self.run(stage, folder)
                if code != 0:
                    raise RuntimeError(f"{stage.name} fails by itself: {self.last_words()}")
                trees.append(tree(folder))
                self._sizes[stage.name] = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
            if trees[0] != trees[1]:
                raise RuntimeError(f"{stage.name} differs from run to run: {_different(*trees)}")
            self._known[stage.name] = (trees[0], seconds, steps)
        return self._known[stage.name]

    # -- one trial -----------------------------------------------------------------------------------------------

    def trial(self, stage: Stage, how: signal.Signals, rng: np.random.Generator) -> Outcome:
        """Stop a stage once, look at what it left, and run it to the end."""
        wanted, seconds, steps = self.known(stage)
        self._count += 1
        folder = self.begin(stage, "trial", f"{stage.name}-{self._count}")
        moment = rng.random()
        if rng.random() < 0.5:
            code, _, _ = self.run(stage, folder, how, after=moment * seconds)
        else:
            code, _, _ = self.run(stage, folder, how, at=1 + int(moment * steps))
        outcome = Outcome(stage.name, how.name, code != 0)
        if outcome.stopped and code not in (-int(how), 130, 143):
            outcome.faults.append(f"ended with {code}")
        outcome.faults += self._look(stage, folder, wanted)
        outcome.faults += self._go_on(stage, folder, wanted)
        if not outcome.faults:
            shutil.rmtree(folder)
        return outcome

    def _go_on(self, stage: Stage, folder: Path, wanted: Tree) -> list[str]:
        code, _, _ = self.run(stage, folder)
        left = tree(folder)
        # A finished export of masks is not written again unasked, and says so.
        refused = code == 2 and stage.name == "segment" and left == wanted
        if code != 0 and not refused:
            return [f"going on ended with {code}: {self.last_words()}"]
        return [] if left == wanted else [f"going on ended otherwise: {_different(left, wanted)}"]

    def last_words(self) -> str:
        """The last line that a run printed."""
        return " ".join(self.log.read_text(errors="replace").strip().splitlines()[-1:])

    # -- disks ---------------------------------------------------------------------------------------------------

    def trial_of_disk(self, stage: Stage, how: str, rng: np.random.Generator) -> Outcome:
        """Run a stage on a disk that fills up, that is read-only, or that vanishes; then on a good one to the end."""
        wanted, seconds, _ = self.known(stage)
        self._count += 1
        name = f"{stage.name}-{self._count}"
        folder = self.root / "trial" / name
        folder.mkdir(parents=True)
        outcome = Outcome(stage.name, how, False)
        begins = self.root / "stock" / stage.begins
        with Disk(folder) as disk:
            shutil.copytree(begins, folder, dirs_exist_ok=True)
            if how == "disk full":
                ended = sum(-(-size // 4096) for size in self._sizes[stage.name])
                held = sum(-(-path.stat().st_size // 4096) for path in begins.rglob("*") if path.is_file())
                disk.resize(held + 1 + int(rng.random() * max(ended - held, 1)))
                code, _, _ = self.run(stage, folder)
            elif how == "read-only":
                disk.remount("ro")
                code, _, _ = self.run(stage, folder)
                disk.remount("rw")
            else:
                watch = threading.Timer(0.2 + rng.random() * seconds, disk.vanish)
                watch.start()
                code, _, _ = self.run(stage, folder)
                watch.join()
                # Where none was begun before the disk vanished, one may be begun on what is there instead.
                begun = sorted(tree(folder)) if (folder / "study").exists() else []
                if begun and (disk.real / "study" / "zarr.json").exists():
                    outcome.faults.append(f"{', '.join(begun[:6])} were begun where the first study had been")
                disk.come_back()
            outcome.stopped = code != 0
            said = self.last_words()
            if outcome.stopped and (code != 2 or not said.startswith("alignedcut: ") or not said.endswith(".")):
                outcome.faults.append(f"ended with {code}: {said}")
            outcome.faults += self._look(stage, folder, wanted)
            if how == "disk full":
                disk.resize(1 << 16)
            outcome.faults += self._go_on(stage, folder, wanted)
        return outcome

    def _look(self, stage: Stage, folder: Path, wanted: Tree) -> list[str]:
        """What is wrong with what a stopped run left."""
        before = tree(self.root / "stock" / stage.begins)
        faults = []
        for name, digest in tree(folder).items():
            if not name.startswith("study/") and not _partial(name) and digest != wanted.get(name):
                faults.append(f"{name} is half-written")
            if name == "study/session.json":
                faults += _session_faults(folder / "study" / "session.json")
        path = folder / "study"
        if not (path / "zarr.json").exists():
            if "study/zarr.json" in before:
                faults.append("the study is gone")
            return faults
        try:
            study = Study.open(path)
            for name, features in study.networks.items():
                for layer in features.layers:
                    done = np.flatnonzero(features.complete(layer, len(study.pictures)))
                    for chunk in np.unique(done // features.batch):
                        key = f"study/features/{name}/layer_{layer:03d}/c/{chunk}/0/0"
                        if digest_of(folder / key) not in (wanted[key], before.get(key)):
                            faults.append(f"{key} is not what it should be")
            for name in study.cuts:
                cut = study.cut(name)
                arrays = {"map": cut.map2d, "vectors": cut.eigenvectors, "rgb": cut.rgb, "embedding": cut.embedding}
                faults += [f"{name} has no {key}" for key, values in arrays.items() if values is None]
                names = [] if cut.concepts is None else [concept.name for concept in cut.concepts]
                faults += [f"the concept {user} is gone" for user in USERS if user not in names]
                for key in tree(path / "cuts" / cut.group):
                    if key.endswith("zarr.json"):
                        continue
                    key = f"study/cuts/{cut.group}/{key}"
                    held = digest_of(folder / key)
                    if not _partial(key) and held not in (wanted.get(key, held), before.get(key)):
                        faults.append(f"{key} is neither old nor new")
        except (StudyError, KeyError) as error:
            if stage.sound:
                faults.append(f"cannot be read: {error}")
        return faults


class Disk:
    """A disk of memory in a folder, as long as the block lasts; needs the right to mount.

    Parameters
    ----------
    folder
        Where it is mounted; an empty folder.

    Attributes
    ----------
    real : Path
        Where it stays mounted while it is gone from there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.real = folder.with_name(f"{folder.name}-disk")

    @staticmethod
    def possible(folder: Path) -> bool:
        """Whether this process may mount disks."""
        try:
            with Disk(folder):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False

    def __enter__(self) -> Disk:
        self.real.mkdir()
        _call("mount", "-t", "tmpfs", "-o", "size=256m", "none", str(self.real))
        _call("mount", "--bind", str(self.real), str(self._folder))
        return self

    def resize(self, pages: int) -> None:
        """Make room for so many blocks of 4096 bytes."""
        _call("mount", "-o", f"remount,size={4 * pages}k", str(self.real))

    def remount(self, how: str) -> None:
        """Let nobody write, or everybody."""
        _call("mount", "-o", f"remount,{how}", str(self.real))

    def vanish(self) -> None:
        """Be gone, whoever uses it."""
        _call("umount", "-l", str(self._folder))

    def come_back(self) -> None:
        """Be there again, as it was."""
        _call("mount", "--bind", str(self.real), str(self._folder))

    def __exit__(self, *_: object) -> None:
        for folder in (self._folder, self.real):
            subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)
        shutil.rmtree(self._folder, ignore_errors=True)
        self.real.rmdir()


def _call(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def digest_of(path: Path) -> str:
    """sha256 of a file; of the description of a study without the time at which it was made."""
    data = path.read_bytes()
    if path.name == "zarr.json" and b"alignedcut_study" in data:
        content = json.loads(data)
        content["attributes"]["alignedcut_study"].pop("created", None)
        data = json.dumps(content).encode()
    return hashlib.sha256(data).hexdigest()


def tree(folder: Path) -> Tree:
    """Digests of all files under a folder by name, the one that names the writer left out."""
    return {
        path.relative_to(folder).as_posix(): digest_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "writer.json"
    }


def _partial(name: str) -> bool:
    return ".partial" in name


def _session_faults(path: Path) -> list[str]:
    from alignedcut_viewer.viewer.state.session_file import read_session

    try:
        return [] if read_session(path).cut == "default" else ["the session is of another cut"]
    except StorageError as error:
        return [f"the session cannot be read: {error}"]


def _different(one: Tree, other: Tree) -> str:
    names = [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def stage(name: str) -> Stage:
    """The stage of that name."""
    return next(stage for stage in STAGES if stage.name == name)
