"""A file system of fsspec under one URL, with a sentence for whatever it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from threading import Lock, RLock
from typing import Any, NamedTuple

from ..choices import DISTRIBUTION
from ..errors import AlignedCutError, InputError, StorageError
from ..places import Url

__all__ = ["Connection", "Entry"]

_AT_ONCE = 8
"""Files that are moved at the same time, where the file system can."""

_WHOLE_OR_NOT = frozenset({"abfs", "abfss", "adl", "az", "gcs", "gs", "memory", "oci", "oss", "s3", "s3a"})
"""Kinds that know no folders, and on which a file that is written takes the place of the old one in one step."""

_PATIENCE = {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 3, "mode": "standard"}}
_SETTINGS = ("AWS_", "AZURE_", "FSSPEC_", "GCSFS_", "GOOGLE_")
_file_systems: dict[tuple[Any, ...], Any] = {}
_turns: dict[int, Any] = {}
_opening = Lock()
_quiet: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


class Entry(NamedTuple):
    """A file as the file system lists it: what changes whenever its content does, and its size in bytes."""

    version: str
    size: int


class Connection:
    """The files below a URL, by their names relative to it.

    Credentials, endpoint and region come from where the packages for the kind of URL look for them: environment
    variables, files such as ``~/.aws/config``, and the configuration of fsspec.

    Parameters
    ----------
    url
        The folder.

    Raises
    ------
    InputError
        If no package is installed for URLs of its kind.
    """

    def __init__(self, url: Url) -> None:
        self.url = url
        self._fs, self._root = _file_system(url)
        self.is_s3 = url.protocol in ("s3", "s3a")
        self._atomic = url.protocol in _WHOLE_OR_NOT
        self._made: set[str] = set()
        # Those that serve several calls at once are made for that; of the others many are not.
        self._turn = contextlib.nullcontext() if self._at_once else _turns.setdefault(id(self._fs), RLock())

    @property
    def _at_once(self) -> bool:
        return bool(getattr(self._fs, "async_impl", False))

    def path(self, name: str) -> str:
        """The full name of a file in the words of its file system."""
        return f"{self._root}/{name}" if name else self._root

    # -- looking -------------------------------------------------------------------------------------------------

    def entry(self, name: str) -> Entry | None:
        """A file; None where there is none."""
        with self._asking():
            self._fs.invalidate_cache()
            try:
                info = self._fs.info(self.path(name))
            except FileNotFoundError:
                return None
            return None if info["type"] == "directory" else _entry(info)

    def entries(self, folder: str) -> dict[str, Entry]:
        """All files below a folder, at any depth."""
        with self._asking():
            self._fs.invalidate_cache()
            try:
                found = self._fs.find(self.path(folder), detail=True)
            except FileNotFoundError:
                return {}
            start = f"{self._root}/"
            return {name.removeprefix(start): _entry(info) for name, info in found.items() if name.startswith(start)}

    def folders(self, folder: str) -> list[str]:
        """Names of the folders in a folder."""
        with self._asking():
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(self.path(folder), detail=True)
            except FileNotFoundError:
                return []
            return sorted(i["name"].rstrip("/").rpartition("/")[2] for i in found if i["type"] == "directory")

    def age(self, name: str, probe: str) -> float | None:
        """Seconds since a file was written by the clock of its file system; None where that keeps no time.

        Parameters
        ----------
        name
            The file.
        probe
            Name of a file that is written to learn what time it is there, and removed.
        """
        with self._asking():
            try:
                self._fs.pipe_file(self.path(probe), b"")
                self._fs.invalidate_cache()
                now, then = self._fs.modified(self.path(probe)), self._fs.modified(self.path(name))
                return float((now - then).total_seconds())
            except (NotImplementedError, FileNotFoundError, KeyError, TypeError):
                return None
            finally:
                with contextlib.suppress(Exception):
                    self._fs.rm_file(self.path(probe))

    # -- moving --------------------------------------------------------------------------------------------------

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None where there is none."""
        with self._asking():
            try:
                return bytes(self._fs.cat_file(self.path(name)))
            except FileNotFoundError:
                return None

    def get(self, name: str, target: Path) -> bool:
        """Bring a file here; False where there is none."""
        with self._asking():
            try:
                self._fs.get_file(self.path(name), str(target))
            except FileNotFoundError:
                if not target.parent.is_dir():
                    raise
                return False
            return True

    def put(self, source: Path, name: str) -> None:
        """Put a file there in one step, as far as the file system can."""
        with self._asking():
            if self._atomic:
                self._fs.put_file(str(source), self.path(name))
            else:
                self._in_place_of(name, lambda beside: self._fs.put_file(str(source), beside))

    def write(self, name: str, data: bytes, **conditions: Any) -> None:
        """Put content there in one step, as far as the file system can."""
        with self._asking():
            if self._atomic or conditions:
                self._folder_of(self.path(name))
                self._fs.pipe_file(self.path(name), data, **conditions)
            else:
                self._in_place_of(name, lambda beside: self._fs.pipe_file(beside, data))

    def _in_place_of(self, name: str, write: Callable[[str], None]) -> None:
        target = self.path(name)
        beside = f"{self.path('alignments')}/.{name.replace('/', '-')}.partial"  # where the next writer sweeps
        self._folder_of(beside)
        self._folder_of(target)
        write(beside)
        self._fs.mv(beside, target)

    def _folder_of(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        if not self._atomic and folder not in self._made:
            self._fs.makedirs(folder, exist_ok=True)
            self._made.add(folder)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those that are gone already are no obstacle."""
        with self._asking():
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    self._fs.rm_file(self.path(name))

    def abort_uploads(self) -> None:
        """Let go of what a killed process began to put on S3 in parts, which would be kept and paid for."""
        if not self.is_s3:
            return
        bucket, _, key = self._root.partition("/")
        with contextlib.suppress(Exception):  # not every server knows it, and nothing depends on it
            found = self._fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=f"{key}/")
            for upload in found.get("Uploads", ()):
                own = {"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
                self._fs.call_s3("abort_multipart_upload", **own)

    def each(self, work: Callable[[str], None], names: Iterable[str]) -> None:
        """Do the same with several files, at the same time where the file system can."""
        names = list(names)
        if len(names) < 2 or not self._at_once:
            for name in names:
                work(name)
            return
        with ThreadPoolExecutor(min(_AT_ONCE, len(names)), thread_name_prefix="remote") as pool:
            for _ in pool.map(work, names):
                pass

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            with self._turn:
                yield
        except AlignedCutError:
            raise
        except Exception as error:  # every file system has its own
            raise _told(error, self.url) from error


def _file_system(url: Url) -> tuple[Any, str]:
    """The file system of a URL, one for all URLs that share its settings, and the name of the folder on it."""
    try:
        import fsspec
        from fsspec.config import conf
    except ImportError:
        raise InputError(
            f"Studies at URLs such as {url} need further packages: pip install '{DISTRIBUTION}[remote]'"
        ) from None
    options: dict[str, Any] = {}
    if url.protocol in ("s3", "s3a"):
        options["config_kwargs"] = _PATIENCE | conf.get("s3", {}).get("config_kwargs", {})
    try:
        kind = fsspec.get_filesystem_class(url.protocol)
    except ValueError:
        raise InputError(f"{url}: there is no file system called {url.protocol}; write it such as s3://…") from None
    except ImportError as error:
        how = f": pip install '{DISTRIBUTION}[remote]'" if url.protocol in ("s3", "s3a") else "; install it with pip."
        raise InputError(f"{url} needs a further package ({error}){how}") from None
    options |= kind._get_kwargs_from_urls(str(url))
    settings = tuple(sorted((k, v) for k, v in os.environ.items() if k.startswith(_SETTINGS)))
    key = (os.getpid(), url.protocol, repr(options), settings)
    with _opening:
        if key not in _file_systems:
            try:
                _file_systems[key] = kind(**options, skip_instance_cache=True)
            except Exception as error:  # every file system has its own
                raise _told(error, url) from error
            loop = getattr(_file_systems[key], "loop", None)
            if loop is not None and loop not in _quiet:
                _quiet.add(loop)
                loop.call_soon_threadsafe(_tell_no_losses, loop)
        fs = _file_systems[key]
    return fs, str(fs._strip_protocol(str(url))).rstrip("/")


def _tell_no_losses(loop: asyncio.AbstractEventLoop) -> None:
    """Say nothing of connections that were lost: the request that went through one fails as well, and that is told.

    aiohttp leaves the task behind that wrote to the connection, and asyncio prints a traceback for each of them.
    """
    before = loop.get_exception_handler() or type(loop).default_exception_handler

    def tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not (isinstance(context.get("exception"), OSError) and "never retrieved" in context.get("message", "")):
            before(loop, context)

    loop.set_exception_handler(tell)


def _entry(info: dict[str, Any]) -> Entry:
    size = int(info.get("size") or info.get("Size") or 0)
    for name in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created"):
        value = info.get(name)
        if value:
            if isinstance(value, datetime):
                value = value.timestamp()  # a list and a look at one file may tell it in different ways
            return Entry(f"{str(value).strip(chr(34))} {size}", size)
    return Entry(str(size), size)


def _told(error: Exception, url: Url) -> AlignedCutError:
    """What went wrong as a sentence."""
    chain = [error, *(e for e in (error.__cause__, error.__context__) if e is not None)]
    names = {kind.__name__ for e in chain for kind in type(e).__mro__}
    reason = " ".join(str(error).split()).rstrip(".")[:200] or type(error).__name__
    if names & {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "ProfileNotFound"}:
        return StorageError(
            f"{url} cannot be read: no credentials were found ({reason}). Give them where its packages look for them, "
            "such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment."
        )
    if names & {"PermissionError", "AuthenticationException", "PermissionDenied"}:  # the latter of paramiko, asyncssh
        return StorageError(f"{url}: access is refused ({reason}); check the credentials, and what they permit.")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
        return StorageError(
            f"No space is left for the working copy of {url}; free some space, or set ALIGNEDCUT_CACHE."
        )
    if isinstance(error, FileNotFoundError):
        return StorageError(f"{url} cannot be written ({reason}); make its bucket, or choose another.")
    return StorageError(
        f"{url} cannot be reached ({type(error).__name__}: {reason}). What is finished is kept; run the same command "
        "again when it can."
    )
