"""Sliding windows: exact where the answer is known, without seams, at two thousand pixels, from the command line."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alignedcut_viewer import cli
from alignedcut_viewer.backbones import load_backbone
from alignedcut_viewer.backbones.windows import _starts
from alignedcut_viewer.errors import InputError
from alignedcut_viewer.study import Study

NETWORK = "random:vit_tiny_patch16_224"


def test_one_window_is_the_network_itself() -> None:
    plain = load_backbone(NETWORK, input_size=64, device="cpu")
    slid = load_backbone(NETWORK, input_size=64, window=64, device="cpu")
    assert (plain.window, slid.window) == (None, (64, 64))
    batch = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    places = [(1, "attention"), (3, "k")]
    for one, other in zip(plain.features_at(batch, places), slid.features_at(batch, places), strict=True):  # type: ignore[arg-type]
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    assert slid.digest == plain.digest


@pytest.mark.parametrize(("whole", "part"), [(4, 4), (5, 4), (8, 4), (142, 24), (23, 7)])
def test_windows_cover_all_and_overlap(whole: int, part: int) -> None:
    starts = _starts(whole, part)
    assert starts[0] == 0
    assert starts[-1] == whole - part
    assert all(0 < b - a <= (part + 1) // 2 for a, b in itertools.pairwise(starts))


def test_tokens_are_means_over_the_windows_that_hold_them() -> None:
    slid = load_backbone(NETWORK, input_size=(64, 96), window=64, device="cpu")
    inner = load_backbone(NETWORK, input_size=64, device="cpu")
    picture = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    (found,) = slid.features(picture, [2])
    assert found.shape == (1, 1 + 4 * 6, 192)
    left, right = (inner.features(picture[..., at : at + 64], [2])[0][0] for at in (0, 32))
    grid = found[0, 1:].reshape(4, 6, -1)
    one, other = (tokens[1:].reshape(4, 4, -1) for tokens in (left, right))
    torch.testing.assert_close(grid[:, :2], one[:, :2], atol=1e-5, rtol=1e-5)  # seen by the left window alone
    torch.testing.assert_close(grid[:, 4:], other[:, 2:], atol=1e-5, rtol=1e-5)
    # The third column is third of the left window (weight 2) and first of the right one (weight 1).
    torch.testing.assert_close(grid[:, 2], (2 * one[:, 2] + other[:, 0]) / 3, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[0, 0], (left[0] + right[0]) / 2, atol=1e-5, rtol=1e-5)


def test_a_picture_of_two_thousand_pixels_is_segmented(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    y, x = np.mgrid[:1500, :2000]
    disc = (y - 700) ** 2 + (x - 900) ** 2 < 450**2
    pixels = np.where(disc[..., None], [200, 60, 40], [60, 110, 170]) + np.random.default_rng(0).normal(
        0, 8, (1500, 2000, 1)
    )
    (tmp_path / "pictures").mkdir()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(tmp_path / "pictures" / "large.png")
    study = str(tmp_path / "study")
    command = ["extract", str(tmp_path / "pictures"), "--networks", NETWORK, "--layers", "3", "4", "--study", study]
    assert cli.main([*command, "--size", "480", "640", "--window", "224", "--device", "cpu"]) == 0
    assert cli.main(["segment", study, "--segments", "2", "--out", str(tmp_path / "masks"), "--device", "cpu"]) == 0
    with Study.open(study) as opened:
        (features,) = opened.networks.values()
        assert (features.rows, features.columns) == (30, 40)
        assert features.key["window"] == [224, 224]
        labels = opened.segments("default").labels(0)
    assert labels.shape == disc.shape
    inside = np.bincount(labels[disc]).argmax()
    assert ((labels == inside) == disc).mean() > 0.85  # random weights; all ground would be .79
    capsys.readouterr()
    assert cli.main([*command, "--window", "224"]) == 2
    assert "input size" in capsys.readouterr().err
    assert cli.main([*command, "--size", "224", "--window", "448"]) == 2
    assert "do not fit" in capsys.readouterr().err


def test_a_window_that_fits_no_patch_is_named() -> None:
    with pytest.raises(InputError, match="patches of 16 px"):
        load_backbone(NETWORK, input_size=64, window=50, device="cpu")
