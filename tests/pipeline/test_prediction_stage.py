"""Predicted responses to pictures of a study, and the files of an Algonauts submission."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import cli, pipeline
from alignedcut_viewer.alignment import ChannelAlignment
from alignedcut_viewer.alignment.brain_readout import BrainReadout
from alignedcut_viewer.brain import open_brain_data, write_simulated_subject
from alignedcut_viewer.errors import AlignmentError
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.nodes import Slot
from alignedcut_viewer.pipeline.settings import ExtractSettings
from alignedcut_viewer.study import Study

NETWORK = "random:vit_tiny_patch16_224"
LAYERS = (0, 1)
N_PICTURES, N_CHANNELS = 6, 5


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose picture numbers do not follow the order of names, and a subject with two useless vertices."""
    root = tmp_path_factory.mktemp("prediction")
    (root / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for i in range(N_PICTURES):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(root / "pictures" / f"p{i}.png")
    files = sorted((root / "pictures").iterdir())
    opened, _ = pipeline.open_study(root / "study", open_pictures([str(file) for file in files[::-1]]))
    with opened:
        pipeline.extract(opened, ExtractSettings((NETWORK,), LAYERS, input_size=32, device="cpu", for_alignment=True))
    seen = root / "subj01"
    write_simulated_subject(seen, files * 4, rng.standard_normal((24, 4)), n_vertices=(200, 220), picture_size=16)
    fmri = seen / "training_split" / "training_fmri" / "rh_training_fmri.npy"
    responses = np.load(fmri)
    responses[:, [3, 100]] = np.nan
    np.save(fmri, responses)
    return root


@pytest.fixture
def maps(root: Path) -> ChannelAlignment:
    """Maps and a readout of the usable vertices, made up."""
    rng = np.random.default_rng(1)
    network = Study.open(root / "study").for_training().network(NETWORK).network
    dataset = open_brain_data(root / "subj01", unusable="drop")
    beta = rng.standard_normal((N_CHANNELS, dataset.n_voxels)).astype(np.float32)
    intercept = rng.standard_normal(dataset.n_voxels).astype(np.float32)
    slots = [Slot(network, layer) for layer in LAYERS]
    return ChannelAlignment(
        {slot: rng.standard_normal((192, N_CHANNELS)).astype(np.float32) for slot in slots},
        {slot: rng.standard_normal(192).astype(np.float32) for slot in slots},
        kind="brain",
        tap="attention",
        readout=BrainReadout.of(beta, dataset, intercept=intercept),
    )


def expected(root: Path, maps: ChannelAlignment) -> np.ndarray:
    """Equation 2, on features of all tokens extracted anew, in the order of names."""
    opened, _ = pipeline.open_study(root / "again", open_pictures(root / "pictures"))
    with opened:
        pipeline.extract(opened, ExtractSettings((NETWORK,), LAYERS, input_size=32, device="cpu"))
        tokens = {slot: np.asarray(opened.features(NETWORK, slot.layer)).astype(np.float32) for slot in maps.slots}
    summed = sum(maps.transform(slot, values.mean(axis=1)) for slot, values in tokens.items())
    assert maps.readout is not None
    assert maps.readout.beta is not None
    return summed @ maps.readout.beta + maps.readout.intercept


def test_predictions_and_submission(
    root: Path, maps: ChannelAlignment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, study, out = str(maps.save(tmp_path / "maps.safetensors")), str(root / "study"), tmp_path / "predicted"
    wanted = expected(root, maps)
    assert cli.main(["predict", study, "--alignment", file, "--out", str(out)]) == 0
    found = np.load(out / "responses.npy")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=0.02 * wanted.std())
    names = [row["picture"] for row in csv.DictReader((out / "pictures.csv").read_text(encoding="utf-8").splitlines())]
    assert [Path(name).name for name in names] == [f"p{i}.png" for i in range(N_PICTURES)]
    assert open_brain_data(out).n_voxels == found.shape[1]  # it is brain data for `align --brain`
    # A submission holds all vertices; those that were left out are 0.
    folder = tmp_path / "submission" / "subj01"
    submit = ["predict", study, "--alignment", file, "--out", str(folder), "--submission"]
    assert cli.main([*submit, "--brain", str(root / "subj01")]) == 0
    assert "2 vertices" in capsys.readouterr().out
    left, right = (np.load(folder / f"{side}_pred_test.npy") for side in ("lh", "rh"))
    assert (left.shape, right.shape, right.dtype) == ((N_PICTURES, 200), (N_PICTURES, 220), np.float32)
    np.testing.assert_array_equal(left, found[:, :200])
    np.testing.assert_array_equal(np.delete(right, [3, 100], axis=1), found[:, 200:])
    assert not right[:, [3, 100]].any()
    # Nothing is overwritten, and mistakes are one line.
    capsys.readouterr()
    assert cli.main([*submit, "--brain", str(root / "subj01")]) == 2
    assert "lh_pred_test.npy is there already" in capsys.readouterr().err
    assert cli.main(["predict", study, "--alignment", file, "--out", str(tmp_path / "x"), "--brain", "y"]) == 2
    assert "--submission" in capsys.readouterr().err


def test_what_cannot_predict_says_why(root: Path, maps: ChannelAlignment) -> None:
    study = Study.open(root / "study")
    bare = ChannelAlignment(maps.matrices, maps.offsets, kind="brain")
    with pytest.raises(AlignmentError, match="no readout of all voxels"):
        pipeline.predict_responses(study, bare)
    other = ChannelAlignment(maps.matrices, maps.offsets, kind="brain", tap="mlp", readout=maps.readout)
    with pytest.raises(AlignmentError, match="tap 'mlp'"):
        pipeline.predict_responses(study, other)
    found = pipeline.predict_responses(study, maps)
    (root / "few").mkdir()
    files = sorted((root / "pictures").iterdir())
    features = np.random.default_rng(0).standard_normal((12, 4))
    write_simulated_subject(root / "few" / "subj02", files * 2, features, n_vertices=(90, 90), picture_size=16)
    with pytest.raises(AlignmentError, match="Name the data"):
        pipeline.write_submission(found, root / "few" / "out", open_brain_data(root / "few" / "subj02"))
