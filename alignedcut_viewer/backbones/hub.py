"""The hub of trained weights: whether it can be reached, and what of it is already on disk.

The libraries that download weights try again for most of a minute where there is no network. So they are only asked
once the hub has answered within a few seconds, or when the file is in the cache.
"""

from __future__ import annotations

import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from ..errors import WeightsUnavailableError
from .spec import Announce

__all__ = [
    "PROBE_SECONDS",
    "cached_file",
    "download",
    "download_errors",
    "forget_probes",
    "hub_endpoint",
    "why_unreachable",
]

Model = TypeVar("Model")

PROBE_SECONDS = 4.0
"""How long the hub may take to answer before it counts as out of reach."""

_REMEMBER_SECONDS = 60.0
_probes: dict[str, tuple[float, str | None]] = {}
_probes_lock = threading.Lock()


def hub_endpoint() -> str:
    """Address of the hub, the user's mirror included."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def _declared_offline() -> str | None:
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(variable, "").strip().upper() in {"1", "ON", "YES", "TRUE"}:
            return variable
    return None


def forget_probes() -> None:
    """Ask anew whether a hub can be reached, instead of trusting the answer of the last minute."""
    with _probes_lock:
        _probes.clear()


def why_unreachable(address: str | None = None, seconds: float = PROBE_SECONDS, *, ask: bool = True) -> str | None:
    """Why a hub cannot be asked for weights.

    Parameters
    ----------
    address
        Any address on it; the Hugging Face hub if None.
    seconds
        How long it may take to answer, name resolution included.
    ask
        Whether to ask it; otherwise its answer of the last minute counts, and where there is none it is trusted.

    Returns
    -------
    str or None
        Half a sentence, or None if it answers. Remembered for a minute.
    """
    parts = urlsplit(address or hub_endpoint())
    root = f"{parts.scheme}://{parts.netloc}"
    variable = _declared_offline()
    if variable is not None:
        return f"{variable} is set, so {root} is not asked"
    with _probes_lock:
        asked, answer = _probes.get(root, (-_REMEMBER_SECONDS, None))
        if time.monotonic() - asked < _REMEMBER_SECONDS:
            return answer
    if not ask:
        return None
    answer = _probe(root, seconds)
    with _probes_lock:
        _probes[root] = (time.monotonic(), answer)
    return answer


def _probe(root: str, seconds: float) -> str | None:
    outcome: list[str | None] = []

    def ask() -> None:
        try:
            # proxies of the environment are used, as the downloading libraries do
            with urllib.request.urlopen(urllib.request.Request(root, method="HEAD"), timeout=seconds):
                outcome.append(None)
        except urllib.error.HTTPError:
            outcome.append(None)  # it answers, if only to refuse this page
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            outcome.append(f"{root} cannot be reached ({getattr(reason, 'strerror', None) or reason})")

    # name resolution knows no timeout, hence the thread that may be left behind
    asking = threading.Thread(target=ask, name="hub-probe", daemon=True)
    asking.start()
    asking.join(seconds)
    return outcome[0] if outcome else f"{root} did not answer within {seconds:g} s"


def cached_file(repository: str, *names: str) -> Path | None:
    """The first of some files of a hub repository that is in the local cache."""
    from huggingface_hub import try_to_load_from_cache

    identifier, _, revision = repository.partition("@")
    for name in names:
        found = try_to_load_from_cache(identifier, name, revision=revision or None)
        if isinstance(found, str) and Path(found).is_file():
            return Path(found)
    return None


def download_errors() -> tuple[type[Exception], ...]:
    """What the downloading libraries raise when a download fails."""
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

    # among its bases is the general error of whichever HTTP library this version of the hub's client uses
    bases = [kind for kind in HfHubHTTPError.__mro__ if issubclass(kind, Exception) and kind is not Exception]
    return (*bases, OSError, EntryNotFoundError)


def download(name: str, address: str, announce: Announce, fetch: Callable[[], Model]) -> Model:
    """Run `fetch`, which downloads the weights of a network.

    Raises
    ------
    WeightsUnavailableError
        If the hub cannot be reached or the download fails; half a sentence that says why.
    """
    unreachable = why_unreachable(address)
    if unreachable is not None:
        raise WeightsUnavailableError(unreachable)
    announce(f"{name}: downloading its weights from {address}; they are kept in the local cache.")
    try:
        return fetch()
    except download_errors() as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsUnavailableError(f"the download from {address} failed ({first_line})") from error
