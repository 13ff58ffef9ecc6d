"""One writer at a time where no operating system keeps locks: an object that is renewed as long as its writer lives."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import sys
import threading
import time
import weakref
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from ..atomic_files import lock_file
from ..errors import ReadOnlyError, StorageError, StudyError
from .connection import Connection

__all__ = ["LEASE", "Lease"]

LEASE = 60.0
"""Seconds after which a lock that is no longer renewed belongs to nobody."""
_RENEWED = 15.0


class Lease:
    """The right to write a study that lies elsewhere.

    The lock is an object that can only be made where there is none (a conditional PUT, where the server knows it;
    elsewhere it is read back). It names machine and process, and is renewed every quarter of :data:`LEASE`; one that
    was not renewed for so long by the server's clock may be taken over. On one machine a lock of the operating system
    comes first, which vanishes with its process: who holds that, and finds an object of this machine's, need not wait.

    Parameters
    ----------
    connection
        To the study.
    name
        Of the object.
    local
        File of this machine that is locked first.
    machine
        What tells this machine's working copies from those of others.

    Raises
    ------
    ReadOnlyError
        If nothing may be written there.
    StudyError
        If another run holds the lock.
    StorageError
        If the study is out of reach.
    """

    def __init__(self, connection: Connection, name: str, local: Path, machine: str) -> None:
        self._connection, self._name, self._machine = connection, name, machine
        self._token = secrets.token_hex(8)
        self._since = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
        self._mutex = threading.Lock()
        self._lost = False
        local.parent.mkdir(parents=True, exist_ok=True)
        file: IO[bytes] = open(local, "ab")  # noqa: SIM115 - held open as long as the study
        try:
            if not lock_file(file):
                raise self._refused(self._held())
            self._acquire()
        except StorageError as error:
            file.close()
            if not isinstance(error.__cause__, PermissionError):
                raise
            raise ReadOnlyError(
                f"The study {connection.url} is read-only with these credentials; use others, or copy it to a place "
                "you may write to."
            ) from error
        except BaseException:
            file.close()
            raise
        self._ended = threading.Event()
        renewing = threading.Thread(target=_renewing, args=(weakref.ref(self), self._ended), daemon=True)
        renewing.start()
        self._end = weakref.finalize(self, _release, connection, name, self._token, self._ended, file)

    # -- taking it -----------------------------------------------------------------------------------------------

    def _acquire(self) -> None:
        for _ in range(3):
            if self._create():
                return
            held = self._held()
            if held is None:
                continue  # it was given back in this moment
            if held.get("copy") != self._machine and self._left(held) > 0:
                raise self._refused(held)
            if self._replace():
                return
        raise self._refused(self._held())

    def _create(self) -> bool:
        try:
            self._connection.write(self._name, self._content(), mode="create")
        except StorageError as error:
            cause = error.__cause__
            if isinstance(cause, NotImplementedError | ValueError | TypeError):  # a file system without that
                if self._held() is not None:
                    return False
                self._connection.write(self._name, self._content())
            elif not _is_condition(cause):
                raise
        return self._is_mine()

    def _replace(self) -> bool:
        entry = self._connection.entry(self._name)
        conditions = {}
        if self._connection.is_s3 and entry is not None:
            conditions = {"IfMatch": f'"{entry.version.split()[0]}"'}
        try:
            self._connection.write(self._name, self._content(), **conditions)
        except StorageError as error:
            if not _is_condition(error.__cause__):
                raise
        return self._is_mine()

    def _is_mine(self) -> bool:
        held = self._held()
        mine = held is not None and held.get("token") == self._token
        if mine:
            self._renewed = time.time()
        return mine

    def _held(self) -> dict[str, Any] | None:
        data = self._connection.read(self._name)
        if data is None:
            return None
        try:
            held = json.loads(data)
            return held if isinstance(held, dict) else {}
        except ValueError:
            return {}

    def _left(self, held: dict[str, Any]) -> float:
        age = self._connection.age(self._name, f"{self._name}.{self._token}")
        return LEASE if age is None else LEASE - age

    def _refused(self, held: dict[str, Any] | None) -> StudyError:
        who = ""
        with contextlib.suppress(KeyError, TypeError):
            if held is not None:
                who = f" (process {held['process']} on {held['machine']}: {held['command']}, since {held['since']})"
        return StudyError(
            f"The study {self._connection.url} is being written by another run{who}; wait for it, or cancel it. If it "
            f"was killed on another machine, its lock expires {LEASE:.0f} seconds later."
        )

    def _content(self) -> bytes:
        words = [Path(sys.argv[0] or "python").name, *sys.argv[1:2]]
        told = {"process": os.getpid(), "machine": platform.node(), "command": " ".join(words), "since": self._since}
        renewed = datetime.now().astimezone().isoformat()
        return json.dumps({**told, "token": self._token, "copy": self._machine, "renewed": renewed}).encode()

    # -- keeping it ----------------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Say that the writer lives.

        Raises
        ------
        StudyError
            If another run took the lock over meanwhile.
        StorageError
            If the study is out of reach.
        """
        with self._mutex:
            held = self._held()
            mine = self._create() if held is None else held.get("token") == self._token and self._replace()
            if self._lost or not mine:
                self._lost = True
                raise StudyError(
                    f"Another run took over the study {self._connection.url}, which was out of reach of this one for "
                    f"more than {LEASE:.0f} seconds; run the same command again when that has ended."
                )

    def check(self) -> None:
        """Raise unless this is still the one who writes; errors as of :meth:`renew`."""
        if self._lost or time.time() - self._renewed > LEASE / 2:
            self.renew()

    def release(self) -> None:
        """Give the lock back."""
        self._end()


def _renewing(lease: weakref.ref[Lease], ended: threading.Event) -> None:
    while not ended.wait(_RENEWED):
        held = lease()
        if held is None:
            return
        with contextlib.suppress(StorageError, StudyError):  # told when something is to be written
            held.renew()
        del held


def _release(connection: Connection, name: str, token: str, ended: threading.Event, file: IO[bytes]) -> None:
    ended.set()
    with contextlib.suppress(Exception):  # out of reach, or at the end of the process: the lease expires
        data = connection.read(name)
        if data is not None and json.loads(data).get("token") == token:
            connection.remove([name])
    file.close()


def _is_condition(error: BaseException | None) -> bool:
    """Whether a server says that the condition of a request does not hold."""
    text = str(error).lower()
    return isinstance(error, FileExistsError) or any(
        word in text for word in ("pre-condition", "precondition", "conditional", "already exists")
    )
