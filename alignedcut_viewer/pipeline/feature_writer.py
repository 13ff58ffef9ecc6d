"""Writing features behind the network, and recording them in the order that a kill cannot turn round."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from numpy.typing import NDArray

from ..study.feature_set import FeatureSet
from ..study.study import Study

__all__ = ["BATCHES_BEHIND", "FeatureWriter", "Features"]

BATCHES_BEHIND = 2
"""Batches that wait to be written, at most."""

_SHARE_OF_TIME = 0.05
"""How much of the time may go into recording: in a study of many pictures one record is made of several batches."""


Features = dict[str, dict[int, NDArray[Any]]]
"""For each tap and layer an array (image, token, channel)."""


class FeatureWriter:
    """Writes features in a thread of its own; a failure shows at the next call.

    An image counts as complete only once its features and its content's digest are both on disk: were it the other
    way round, a run killed in between would leave features of pictures that nobody could find again once they move.

    Parameters
    ----------
    study
        Opened for writing.
    features
        Where the features go, by tap.
    """

    def __init__(self, study: Study, features: Mapping[str, FeatureSet]) -> None:
        self._study = study
        self._features = features
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._pending: list[Future[None]] = []
        self._room = threading.Semaphore(BATCHES_BEHIND)
        self._records: dict[int, dict[str, Any]] = {}
        self._written: dict[str, dict[int, list[int]]] = {tap: {} for tap in features}
        self._next_record = 0.0

    def put(self, values: Features, images: Sequence[int], records: dict[int, dict[str, Any]]) -> None:
        """Queue one batch; waits while too many are queued.

        Parameters
        ----------
        values
            For each tap and layer an array (image, token, channel).
        images
            Image numbers of its rows.
        records
            What was learnt of the pictures of the batch, those among them that could not be read included.
        """
        self._room.acquire()
        self._raise_failures()
        self._pending.append(self._pool.submit(self._write, values, images, records))

    def _write(self, values: Features, images: Sequence[int], records: dict[int, dict[str, Any]]) -> None:
        try:
            for tap, layers in values.items():
                self._features[tap].put(layers, images)
            self._records |= records
            for tap, layers in values.items():
                for layer in layers:
                    self._written[tap].setdefault(layer, []).extend(images)
            if time.monotonic() >= self._next_record:
                self._record()
        finally:
            self._room.release()

    def _record(self) -> None:
        began = time.monotonic()
        self._study.update_pictures(self._records)
        for tap, written in self._written.items():
            self._features[tap].mark(written)
        self._records, self._written = {}, {tap: {} for tap in self._features}
        now = time.monotonic()
        self._next_record = now + (now - began) * (1 / _SHARE_OF_TIME - 1)

    def _raise_failures(self) -> None:
        finished = [future for future in self._pending if future.done()]
        self._pending = [future for future in self._pending if future not in finished]
        for future in finished:
            future.result()

    def close(self) -> None:
        """Wait until everything is on disk and recorded; when that is interrupted, until nothing is being written."""
        try:
            wait(self._pending)  # not by the end of the thread: Python takes it for ended when that is interrupted
        except BaseException:  # Ctrl-C: the study is closed next, and others may write to it then
            for future in self._pending:
                future.cancel()
            wait(self._pending)
            raise
        finally:
            self._pool.shutdown()
        try:
            self._record()
        finally:
            self._raise_failures()
