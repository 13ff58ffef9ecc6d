"""Runs on a disk that fills up, that is read-only, or that vanishes."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np

from tests.torture.harness import Bench, Outcome
from tests.torture.homes import tree
from tests.torture.stages import Stage

__all__ = ["DISKS", "Disk", "trial_of_disk"]

DISKS = ("disk full", "read-only", "vanished")


def trial_of_disk(bench: Bench, stage: Stage, how: str, rng: np.random.Generator) -> Outcome:
    """Run a stage on a disk that fills up, that is read-only, or that vanishes; then on a good one to the end."""
    wanted, seconds, _ = bench.known(stage)
    folder = bench.root / "trial" / bench.next_name(stage)
    folder.mkdir(parents=True)
    outcome = Outcome(stage.name, how, False)
    begins = bench.source / "stock" / stage.begins
    with Disk(folder) as disk:
        shutil.copytree(begins, folder, dirs_exist_ok=True)
        if how == "disk full":
            ended = sum(-(-size // 4096) for size in bench.sizes(stage))
            held = sum(-(-path.stat().st_size // 4096) for path in begins.rglob("*") if path.is_file())
            disk.resize(held + 1 + int(rng.random() * max(ended - held, 1)))
            code, _, _ = bench.run(stage, folder)
        elif how == "read-only":
            disk.remount("ro")
            code, _, _ = bench.run(stage, folder)
            disk.remount("rw")
        else:
            watch = threading.Timer(0.2 + rng.random() * seconds, disk.vanish)
            watch.start()
            code, _, _ = bench.run(stage, folder)
            watch.join()
            # Where none was begun before the disk vanished, one may be begun on what is there instead.
            begun = sorted(tree(folder)) if (folder / "study").exists() else []
            if begun and (disk.real / "study" / "zarr.json").exists():
                outcome.faults.append(f"{', '.join(begun[:6])} were begun where the first study had been")
            disk.come_back()
        outcome.stopped = code != 0
        outcome.faults += bench.is_one_sentence(code)
        outcome.faults += bench.look(stage, folder, wanted)
        if how == "disk full":
            disk.resize(1 << 16)
        outcome.faults += bench.go_on(stage, folder, wanted)
    return outcome


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
