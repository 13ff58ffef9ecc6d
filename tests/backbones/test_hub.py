"""Whether a hub can be reached is found out fast, and asked once."""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from alignedcut_viewer.backbones import hub

pytestmark = pytest.mark.quick


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch, _no_hub: None) -> None:
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class _Refusing(BaseHTTPRequestHandler):
    asked = 0

    def do_HEAD(self) -> None:
        type(self).asked += 1
        self.send_error(403)

    def log_message(self, *_: object) -> None:
        pass


def test_any_answer_counts_and_is_remembered() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/some/model"
        assert hub.why_unreachable(address) is None
        assert hub.why_unreachable(address) is None
        assert _Refusing.asked == 1
        hub.forget_probes()
        assert hub.why_unreachable(address) is None
        assert _Refusing.asked == 2
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_closed_door_is_noticed_at_once() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    started = time.monotonic()
    reason = hub.why_unreachable(f"http://127.0.0.1:{port}")
    assert reason is not None
    assert "cannot be reached" in reason
    assert time.monotonic() - started < 5


def test_a_silent_hub_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        reason = hub.why_unreachable(f"http://127.0.0.1:{silent.getsockname()[1]}", seconds=0.3)
        assert reason is not None
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_the_users_wish_to_stay_offline_is_respected(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    assert hub.why_unreachable("http://127.0.0.1:1") == f"{variable} is set, so http://127.0.0.1:1 is not asked"


def test_a_mirror_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert hub.hub_endpoint() == "https://mirror.example"


def test_files_that_are_not_cached_are_not_found(tmp_path: Path) -> None:
    assert hub.cached_file("nobody/no-such-model", "model.safetensors") is None
