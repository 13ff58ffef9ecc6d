"""What the tests give to workers: functions of a module, as a cluster asks for."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from alignedcut_viewer.errors import Cancelled, FeatureError


def total(shared: NDArray[np.float64], item: int) -> tuple[int, float, int]:
    return item, float(shared.sum()) + item, os.getpid()


def threads(shared: None, item: int) -> tuple[int, int]:
    return os.getpid(), torch.get_num_threads()


def refused(shared: str, item: int) -> int:
    if item == 3:
        raise FeatureError(f"{shared} is not finite")
    return item


def stopped(shared: None, item: int) -> int:
    raise Cancelled


def late(shared: None, item: int) -> int:
    raise TimeoutError("the disk does not answer")


def once_deadly(marks: str, item: int) -> int:
    """The worker that first gets task 4 dies of it, as if it were killed from outside."""
    mark = Path(marks) / "died"
    if item == 4 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item * item


def always_deadly(shared: None, item: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return item


def written(folder: str, item: int) -> int:
    """Leaves a mark of having run."""
    time.sleep(0.05)
    (Path(folder) / str(item)).touch()
    return item
