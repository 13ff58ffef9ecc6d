from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from alignedcut_viewer.alignment import ChannelAlignment, shipped, shipped_alignment, shipped_alignments
from alignedcut_viewer.alignment.channel_alignment import read_description
from alignedcut_viewer.nodes import Slot

OFFLINE = "dinov2-vit-s14-saliency"


@pytest.mark.quick
@pytest.mark.parametrize("path", shipped_alignments(), ids=lambda path: path.stem)
def test_every_shipped_file_is_small_and_says_how_it_was_made(path: Path) -> None:
    assert path.stat().st_size < 4e6
    description = read_description(path)
    assert description["recipe"]["n_images"] >= 100
    assert description["recipe"]["n_samples"] >= 10 * 384
    assert description["recipe"]["pictures"]
    assert description["scores"]["warning"] is None
    assert not description["simulated"]
    alignment = ChannelAlignment.load(path)
    assert set(description["scores"]["agreement"]) == {str(slot) for slot in alignment.slots}


@pytest.mark.quick
def test_the_offline_network_has_one() -> None:
    alignment = shipped_alignment(OFFLINE)
    assert alignment is not None
    assert alignment.slots == tuple(Slot(OFFLINE, layer) for layer in range(12))
    assert set(alignment.widths.values()) == {384}
    assert alignment.tap == "attention"
    # Orthonormal columns, to half precision: no direction is stretched.
    for slot in alignment.slots:
        gram = alignment.matrix(slot).T @ alignment.matrix(slot)
        np.testing.assert_allclose(gram, np.eye(alignment.n_channels), atol=2e-3)


@pytest.mark.quick
def test_networks_are_aligned_with_one_another_or_not_at_all() -> None:
    both = shipped_alignment([OFFLINE, "vit-tiny-p16"])
    assert both is not None
    assert both.networks == (OFFLINE, "vit-tiny-p16")
    assert shipped_alignment([OFFLINE, "clip-vit-b16"]) is None
    assert shipped_alignment("no-such-network") is None
    assert shipped_alignment(OFFLINE, tap="block") is None
    assert shipped_alignment([]) is None


@pytest.mark.quick
def test_the_file_of_the_fewest_networks_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, networks in {"a": ["x", "y"], "b": ["x"]}.items():
        matrices = {Slot(network, 0): np.eye(3 + len(networks)) for network in networks}
        ChannelAlignment(matrices, tap="attention").save(tmp_path / f"{name}.safetensors")
    monkeypatch.setattr(shipped, "resource_path", lambda name: tmp_path)
    one, two = shipped_alignment("x"), shipped_alignment(["y", "x"])
    assert one is not None
    assert two is not None
    assert (one.n_channels, two.n_channels) == (4, 5)
    only_y = shipped_alignment("y")
    assert only_y is not None
    assert only_y.networks == ("y",)


@pytest.fixture(scope="module")
def new_pictures(shared_data: Path) -> list[NDArray[np.float32]]:
    """Attention outputs of the offline network for COCO photographs, which had no part in the alignment."""
    import torch

    from alignedcut_viewer.backbones import load_backbone
    from alignedcut_viewer.images import open_pictures

    backbone = load_backbone(OFFLINE, weights=shared_data / "weights" / "dinov2_vits14.safetensors", device="cpu")
    pictures = open_pictures(shared_data / "coco" / "images").subset(range(0, 96, 12))
    with torch.inference_mode():
        batch = torch.stack([backbone.prepare(picture) for picture in pictures])
        features = backbone.features(batch, range(12))
    return [layer.reshape(-1, layer.shape[-1]).float().cpu().numpy() for layer in features]


def correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


def test_layers_agree_in_pictures_that_had_no_part_in_it(new_pictures: list[NDArray[np.float32]]) -> None:
    alignment = shipped_alignment(OFFLINE)
    assert alignment is not None
    aligned = [alignment.transform((OFFLINE, layer), x) for layer, x in enumerate(new_pictures)]
    aligned = [a / np.linalg.norm(a, axis=1, keepdims=True) for a in aligned]
    centred = [x - x.mean(axis=0) for x in new_pictures]
    neighbours = [correlation(a, b) for a, b in pairwise(aligned[2:])]
    unaligned = [correlation(a, b) for a, b in pairwise(centred[2:])]
    shuffled = [correlation(a, np.roll(b, 1500, axis=0)) for a, b in pairwise(aligned[2:])]
    # Reached: 0.58 to 0.72, mean 0.65; unaligned 0.11; other places of other pictures -0.02.
    assert np.mean(neighbours) > 0.62
    assert np.mean(unaligned) < 0.2
    assert abs(np.mean(shuffled)) < 0.05
