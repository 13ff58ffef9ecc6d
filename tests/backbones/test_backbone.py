"""The face that all networks share: pictures in, checked requests, features out."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from PIL import Image

from alignedcut_viewer.backbones import TAPS, Backbone, get_spec, load_backbone
from alignedcut_viewer.backbones.backbone import check_input_size, weights_digest
from alignedcut_viewer.errors import InputError

pytestmark = pytest.mark.quick


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_backbone("random:test_vit", device="cpu")


@pytest.fixture
def batch(backbone: Backbone, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(3, 3, *backbone.input_size, generator=generator)


def test_prepare_normalises_as_the_network_was_trained(backbone: Backbone) -> None:
    height, width = backbone.input_size
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = (0, 128, 255)
    prepared = backbone.prepare(picture)
    assert prepared.dtype == torch.float32
    assert prepared.shape == (3, height, width)
    mean, std = np.array(backbone.spec.mean), np.array(backbone.spec.std)
    expected = (np.array([0, 128, 255]) / 255 - mean) / std
    np.testing.assert_allclose(prepared[:, 5, 7].numpy(), expected, rtol=1e-6, atol=1e-6)


def test_prepare_squashes_the_whole_picture(backbone: Backbone) -> None:
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:50, :150] = 255  # the upper left quarter, whatever the aspect
    prepared = backbone.prepare(picture)
    height, width = backbone.input_size
    white = prepared[0] > prepared[0].mean()
    assert white[: height // 2 - 4, : width // 2 - 4].all()
    assert not white[height // 2 + 4 :].any()
    assert not white[:, width // 2 + 4 :].any()


def test_prepare_resizes_as_pillow_does_with_the_networks_interpolation(backbone: Backbone, rng) -> None:
    picture = rng.integers(0, 256, (91, 47, 3), dtype=np.uint8)
    height, width = backbone.input_size
    resized = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))
    mean, std = (np.array(values)[:, None, None] for values in (backbone.spec.mean, backbone.spec.std))
    grey_levels = (backbone.prepare(picture).numpy() * std + mean) * 255
    difference = np.abs(grey_levels - resized.transpose(2, 0, 1))
    assert difference.max() < 2.01
    assert (difference > 0.01).mean() < 0.02
    lanczos = type(backbone)._resized
    spec = replace(backbone.spec, interpolation="lanczos")
    other = SimpleNamespace(spec=spec, input_size=backbone.input_size)
    expected = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(lanczos(other, picture).numpy(), expected.transpose(2, 0, 1))


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40).map(lambda s: (*s, 3))))
@settings(max_examples=20, deadline=None)
def test_prepare_takes_pictures_of_any_size(picture: np.ndarray) -> None:
    backbone = _shared()
    prepared = backbone.prepare(picture)
    assert prepared.shape == (3, *backbone.input_size)
    low = (0 - np.array(backbone.spec.mean)) / np.array(backbone.spec.std)
    high = (1 - np.array(backbone.spec.mean)) / np.array(backbone.spec.std)
    assert (prepared.amin((1, 2)).numpy() >= low - 1e-5).all()
    assert (prepared.amax((1, 2)).numpy() <= high + 1e-5).all()


_KEPT: list[Backbone] = []


def _shared() -> Backbone:
    if not _KEPT:
        _KEPT.append(load_backbone("random:test_vit", device="cpu"))
    return _KEPT[0]


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_prepare_refuses_what_is_no_picture(backbone: Backbone, wrong: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"must be \(H, W, 3\) uint8"):
        backbone.prepare(wrong)


def test_features_come_in_the_order_asked_for(backbone: Backbone, batch: torch.Tensor) -> None:
    first, last = backbone.features(batch, [0, 5])
    swapped_last, swapped_first = backbone.features(batch, [5, 0])
    assert torch.equal(first, swapped_first)
    assert torch.equal(last, swapped_last)
    assert first.shape == (3, backbone.n_tokens, 64)
    assert first.dtype == torch.float32
    assert not first.requires_grad


@pytest.mark.parametrize("tap", TAPS)
def test_a_picture_has_the_same_features_in_any_batch(backbone: Backbone, batch: torch.Tensor, tap) -> None:
    together = backbone.features(batch, [1, 4], tap)
    alone = [backbone.features(batch[i : i + 1], [1, 4], tap) for i in range(len(batch))]
    for position, tensor in enumerate(together):
        torch.testing.assert_close(tensor, torch.cat([one[position] for one in alone]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layers", "message"),
    [([6], "layers 0 to 5"), ([-1, 2], "layers 0 to 5"), ([], "at least one"), ([1, 1], "only once")],
)
def test_layers_are_checked(backbone: Backbone, batch: torch.Tensor, layers: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        backbone.features(batch, layers)


def test_the_batch_and_the_tap_are_checked(backbone: Backbone, batch: torch.Tensor) -> None:
    with pytest.raises(InputError, match="160 × 160"):
        backbone.features(batch[..., :96], [0])
    with pytest.raises(InputError, match="160 × 160"):
        backbone.features(batch[0], [0])
    with pytest.raises(InputError, match="Unknown tap 'attn'"):
        backbone.features(batch, [0], "attn")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="Unknown tap"):
        backbone.widths("w")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_size", "size"), [(None, (224, 224)), (448, (448, 448)), ((112, 336), (112, 336)), ([16, 32], (16, 32))]
)
def test_input_sizes(given_size, size) -> None:
    assert check_input_size(get_spec("clip-vit-b16"), given_size) == size


@pytest.mark.parametrize("wrong", [200, (224, 220), (224,), 0, (-16, 16), (16, 16, 16)])
def test_wrong_input_sizes_name_the_nearest(wrong) -> None:
    with pytest.raises(InputError, match=r"multiples of 16|height, width"):
        check_input_size(get_spec("clip-vit-b16"), wrong)


def test_the_digest_is_that_of_the_weights() -> None:
    one = load_backbone("random:test_vit", device="cpu")
    same = load_backbone("random:test_vit", device="cpu")
    assert one.digest == same.digest
    assert len(one.digest) == 64
    half = load_backbone("random:test_vit", device="cpu", precision="bfloat16")
    assert half.dtype == torch.bfloat16
    assert half.digest == one.digest, "the precision it runs in is no property of the weights"
    changed = load_backbone("random:test_vit", device="cpu")
    with torch.no_grad():
        changed.model.blocks[3].mlp.fc2.bias[7] += 1e-7
    assert changed.digest != one.digest
    assert load_backbone("random:test_vit2", device="cpu").digest != one.digest


def test_the_digest_sees_names_types_and_shapes() -> None:
    zeros = torch.zeros(4)
    digests = {
        weights_digest(state)
        for state in ({"a": zeros}, {"b": zeros}, {"a": zeros.half()}, {"a": zeros.reshape(2, 2)}, {"a": zeros[:2]})
    }
    assert len(digests) == 5
    assert weights_digest({"a": zeros, "b": zeros[:1]}) == weights_digest({"b": zeros[:1], "a": zeros})


def test_reduced_precision_stays_near(backbone: Backbone, batch: torch.Tensor) -> None:
    half = load_backbone("random:test_vit", device="cpu", precision="bfloat16")
    (expected,), (found,) = backbone.features(batch, [5], "block"), half.features(batch, [5], "block")
    assert found.dtype == torch.bfloat16
    similarity = torch.nn.functional.cosine_similarity(expected, found.float(), dim=-1)
    assert float(similarity.min()) > 0.999


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_runs_in_half_precision_and_agrees(backbone: Backbone, batch: torch.Tensor) -> None:
    cuda = load_backbone("random:test_vit", device="cuda")
    assert cuda.dtype == torch.float16
    (expected,), (found,) = backbone.features(batch, [5], "block"), cuda.features(batch, [5], "block")
    assert found.device.type == "cuda"
    similarity = torch.nn.functional.cosine_similarity(expected, found.float().cpu(), dim=-1)
    assert float(similarity.min()) > 0.999
    assert cuda.digest == backbone.digest
