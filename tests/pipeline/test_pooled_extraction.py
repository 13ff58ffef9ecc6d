"""Training on brain data from means of all pictures and tokens of few, without storing all tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import cli, pipeline
from alignedcut_viewer.alignment import ChannelAlignment
from alignedcut_viewer.alignment.correspondence import picture_places
from alignedcut_viewer.errors import Cancelled, StudyError
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.pipeline.brain_pictures import read_brain_data
from alignedcut_viewer.pipeline.brain_stage import BrainTraining
from alignedcut_viewer.pipeline.settings import AlignSettings, BrainSettings, ExtractSettings
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.pooled_features import PooledFeatures

NETWORK = "random:vit_tiny_patch16_224"
N_PICTURES = 80


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, made-up responses, a study with all tokens and one with what training needs."""
    root = tmp_path_factory.mktemp("pooled")
    (root / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for i in range(N_PICTURES):
        pixels = rng.integers(0, 256, (1, 1, 3)) + rng.integers(-40, 40, (32, 32, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / "pictures" / f"p{i:02d}.png")
    files = np.array([f"pictures/p{i:02d}.png" for i in range(N_PICTURES)])
    responses = rng.standard_normal((N_PICTURES, 6)).astype(np.float32)
    np.savez(root / "brain.npz", responses=responses, files=files)
    for name, for_alignment in (("full", False), ("few", True)):
        opened, _ = pipeline.open_study(root / name, open_pictures(root / "pictures"))
        with opened:
            pipeline.extract(opened, extraction(for_alignment=for_alignment))
    return root


def extraction(**more: object) -> ExtractSettings:
    return ExtractSettings((NETWORK,), (0, 2), input_size=48, batch_size=4, device="cpu", **more)  # type: ignore[arg-type]


def settings(root: Path, **more: object) -> AlignSettings:
    values = {"n_epochs": 2, "test": 0.2, "n_samples": 300} | more
    return AlignSettings(brain=BrainSettings(str(root / "brain.npz"), **values), device="cpu")  # type: ignore[arg-type]


def test_means_and_tokens_are_those_of_all_tokens(root: Path) -> None:
    full, few = Study.open(root / "full"), Study.open(root / "few").for_training()
    whole, pooled = full.network(NETWORK), few.network(NETWORK)
    assert isinstance(pooled, PooledFeatures)
    assert pooled.key == whole.key
    for layer in (0, 2):
        tokens = np.asarray(full.features(NETWORK, layer)).astype(np.float32)
        held = np.asarray(pooled.array(layer))
        assert held.dtype == np.float16
        # Nearer to the mean than half precision alone could be.
        np.testing.assert_allclose(PooledFeatures.means(held), tokens.mean(axis=1), rtol=2e-4, atol=2e-5)
        for image in (0, 63, 64, 79):
            y, x = picture_places(image, pooled.places, class_share=pooled.class_share)
            row, column = (np.nan_to_num(place * 3).astype(int) for place in (y, x))
            which = np.where(np.isnan(y), 0, 3 * row + column + 1)
            np.testing.assert_array_equal(held[image, 2:], tokens[image, which].astype(np.float16))


def test_training_gets_the_same_samples_from_both(root: Path) -> None:
    found = []
    for name in ("full", "few"):
        with Study.open(root / name, writable=True) as study:
            slots = study.for_training().node_index().slots
            given = settings(root)
            assert given.brain is not None
            training = BrainTraining(study, slots, given, read_brain_data(study, slots, given.brain))
            found.append(training.samples())
            training.clean()
    full, few = found
    np.testing.assert_array_equal(full.node_pictures, few.node_pictures)
    assert full.slots == few.slots
    for slot in full.slots:
        np.testing.assert_array_equal(np.asarray(full.nodes[slot]), few.nodes[slot][:])
        np.testing.assert_allclose(full.pooled[slot], few.pooled[slot], rtol=2e-4, atol=2e-5)


def test_no_cut_is_made_of_what_is_held_for_alignment(root: Path) -> None:
    few = Study.open(root / "few")
    assert not few.networks
    with pytest.raises(StudyError, match="no features yet"):
        few.node_index()
    size = sum(file.stat().st_size for file in (root / "few" / "pooled").rglob("*") if file.is_file())
    pooled = few.for_training().network(NETWORK)
    chunks = -(-N_PICTURES // 64)
    assert size < 1.1 * 2 * chunks * 64 * pooled.n_held * 192 * 2 + 20_000


def test_a_stopped_extraction_goes_on_and_grows(root: Path, tmp_path: Path) -> None:
    def cancel(done: int, total: int, text: str) -> None:
        if "40 of" in text:
            raise Cancelled

    paths = sorted(str(path) for path in (root / "pictures").iterdir())
    opened, _ = pipeline.open_study(tmp_path / "study", open_pictures(paths[:70]))
    with opened:
        with pytest.raises(Cancelled):
            pipeline.extract(opened, extraction(for_alignment=True), cancel)
        part = opened.for_training().network(NETWORK).complete(0, 70).sum()
        assert 0 < part < 70
        pipeline.extract(opened, extraction(for_alignment=True))
    opened, _ = pipeline.open_study(tmp_path / "study", open_pictures(paths))
    with opened:
        pipeline.extract(opened, extraction(for_alignment=True))
        grown = opened.for_training().network(NETWORK)
        assert grown.complete(2, N_PICTURES).all()
    expected = Study.open(root / "few").for_training().network(NETWORK)
    assert grown.places >= expected.places  # as many as the first pictures asked for
    held, known = np.asarray(grown.array(2)), np.asarray(expected.array(2))
    np.testing.assert_array_equal(held[:, : expected.n_held][:, :2], known[:, :2])
    first = held[:, 2 : expected.n_held]
    np.testing.assert_array_equal(first, known[:, 2:])


def test_from_pictures_to_maps_by_one_command(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, out = str(tmp_path / "study"), str(tmp_path / "maps.safetensors")
    command = [
        "align",
        study,
        "--brain",
        str(root / "brain.npz"),
        "--extract",
        "--networks",
        NETWORK,
        "--layers",
        "0-1",
    ]
    assert cli.main([*command, "--epochs", "1", "--device", "cpu", "--out", out]) == 0
    assert [slot.layer for slot in ChannelAlignment.load(out).slots] == [0, 1]
    assert not Study.open(study).networks
    # The maps serve for cuts of a study with the tokens of a few pictures.
    few = [str(path) for path in sorted((root / "pictures").iterdir())[:6]]
    extract = ["extract", *few, "--study", study, "--networks", NETWORK, "--layers", "0-1", "--device", "cpu"]
    assert cli.main(extract) == 0
    cut = ["cut", study, "--alignment", out, "--eigenvectors", "3", "--perplexity", "5", "--device", "cpu", "--no-map"]
    assert cli.main(cut) == 0
    # Training still takes all pictures, not the six with all their tokens.
    assert Study.open(study).for_training().node_index().images == tuple(range(N_PICTURES))
    capsys.readouterr()
    np.savez(tmp_path / "nameless.npz", responses=np.zeros((12, 3), np.float32), files=[f"x{i}" for i in range(12)])
    wrong = ["align", study, "--brain", str(tmp_path / "nameless.npz"), "--extract", "--out", out]
    assert cli.main(wrong) == 2
    assert "--extract PICTURES" in capsys.readouterr().err


def test_a_picture_that_changed_is_extracted_anew(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for i in range(4):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    opened, _ = pipeline.open_study(tmp_path / "study", open_pictures(folder))
    with opened:
        pipeline.extract(opened, extraction(for_alignment=True))
        before = np.asarray(opened.for_training().network(NETWORK).array(0))
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(folder / "2.png")
        pipeline.extract(opened, extraction(for_alignment=True))
        after = np.asarray(opened.for_training().network(NETWORK).array(0))
    np.testing.assert_array_equal((before[:4] != after[:4]).any(axis=(1, 2)), [False, False, True, False])
