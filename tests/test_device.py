"""Device, precision and memory rules."""

from __future__ import annotations

import re

import pytest
import torch

from alignedcut_viewer.device import parse_memory, resolve_device, resolve_precision
from alignedcut_viewer.errors import InputError

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("4GiB", 4 * 2**30), ("500 MB", 500 * 10**6), ("1.5gib", 3 * 2**29), (1024, 1024), ("64", 64), ("2KiB", 2048)],
)
def test_memory_sizes(text: int | str, n_bytes: int) -> None:
    assert parse_memory(text) == n_bytes


@pytest.mark.parametrize("text", ["", "GiB", "4 parsecs", "-1GiB", 0, "0MB"])
def test_what_is_no_memory_size_is_refused(text: int | str) -> None:
    with pytest.raises(InputError):
        parse_memory(text)


def test_automatic_device_is_the_best_there_is() -> None:
    device = resolve_device("auto")
    if torch.cuda.is_available():
        assert device.type == "cuda"
    elif torch.backends.mps.is_available():
        assert device.type == "mps"
    else:
        assert device.type == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_missing_device_is_named() -> None:
    with pytest.raises(InputError, match="no CUDA device"):
        resolve_device("cuda")


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has an MPS device")
def test_a_missing_mps_device_is_named() -> None:
    with pytest.raises(InputError, match="no MPS device"):
        resolve_device(torch.device("mps"))


@pytest.mark.parametrize(("cuda", "mps", "chosen"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_the_order_of_preference(cuda: bool, mps: bool, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert resolve_device() == torch.device(chosen)


def test_an_unknown_device_is_named() -> None:
    with pytest.raises(InputError, match="abacus"):
        resolve_device("abacus")


def test_precision() -> None:
    assert resolve_precision("auto", torch.device("cpu")) == torch.float32
    assert resolve_precision("auto", torch.device("cuda")) == torch.float16
    assert resolve_precision("bfloat16", torch.device("cpu")) == torch.bfloat16
    with pytest.raises(InputError, match="float8"):
        resolve_precision("float8", torch.device("cpu"))


@pytest.mark.parametrize("device", ["meta", "cuda:99", 10**30, [], None, object])
def test_a_device_that_cannot_compute_here_is_refused(device: object) -> None:
    with pytest.raises(InputError, match=re.escape(repr(device))):
        resolve_device(device)  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["float8", [], {}, None, 3])
def test_an_unknown_precision_is_named(precision: object) -> None:
    with pytest.raises(InputError, match=re.escape(repr(precision))):
        resolve_precision(precision, torch.device("cpu"))  # type: ignore[arg-type]
