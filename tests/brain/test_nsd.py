"""The Natural Scenes Dataset as it is published, written by the test in its layout, and spoilt file by file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import cli
from alignedcut_viewer.brain import ceiling_percent, open_brain_data, open_nsd, write_nsd_pictures
from alignedcut_viewer.errors import InputError

SHAPE, N_TRIALS, SESSIONS = (5, 4, 3), 12, 3
SHOWN = np.array([3, 7, 7, 2, 9, 3, 1, 4, 2, 8, 9, 6] * SESSIONS)
SHOWN[20:26] = [11, 12, 11, 5, 5, 12]


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)


def signal() -> np.ndarray:
    """What each voxel (in the order of the volume) answers to each of twelve pictures."""
    return np.random.default_rng(0).normal(size=(13, *SHAPE))


@pytest.fixture
def betas(tmp_path: Path) -> Path:
    """Two sessions as HDF5, whose axes MATLAB turned round, and the third as NIfTI."""
    rng = np.random.default_rng(1)
    folder = tmp_path / "nsddata_betas" / "ppdata" / "subj01" / "func1pt8mm" / "betas_fithrf_GLMdenoise_RR"
    folder.mkdir(parents=True)
    whole = signal()[SHOWN] + 0.1 * rng.normal(size=(len(SHOWN), *SHAPE))
    whole += np.repeat([5.0, -2.0, 40.0], N_TRIALS)[:, None, None, None]  # sessions drift
    stored = np.rint(300 * whole).astype(np.int16)
    for session in range(SESSIONS):
        part = stored[session * N_TRIALS : (session + 1) * N_TRIALS]
        if session < 2:
            with h5py.File(folder / f"betas_session{session + 1:02d}.hdf5", "w") as file:
                file.create_dataset("betas", data=part.transpose(0, 3, 2, 1), chunks=(N_TRIALS, 1, 1, 1))
        else:
            save(folder / f"betas_session{session + 1:02d}.nii.gz", np.moveaxis(part, 0, 3))
    save(folder / "ncsnr.nii.gz", np.full(SHAPE, 0.5, np.float32))
    general = np.zeros(SHAPE, np.int16)
    general[1:, :3] = 1
    roi = tmp_path / "nsddata" / "ppdata" / "subj01" / "func1pt8mm" / "roi"
    save(roi / "nsdgeneral.nii.gz", general)
    for side, part in (("lh", slice(0, 3)), ("rh", slice(3, 5))):
        own = np.zeros_like(general)
        own[part] = general[part]
        save(roi / f"{side}.nsdgeneral.nii.gz", own)
    visual = np.full(SHAPE, -1, np.int16)
    visual[1], visual[2] = 1, 7  # V1v and hV4
    save(roi / "prf-visualrois.nii.gz", visual)
    behaviour = tmp_path / "nsddata" / "ppdata" / "subj01" / "behav" / "responses.tsv"
    behaviour.parent.mkdir(parents=True)
    lines = [f"1\t{1 + i // N_TRIALS}\t1\t{i}\t{number}\t7" for i, number in enumerate(SHOWN)]
    behaviour.write_text("\n".join(["SUBJECT\tSESSION\tRUN\tTRIAL\t73KID\t10KID", *lines]) + "\n")
    stimuli = tmp_path / "nsddata_stimuli" / "stimuli" / "nsd" / "nsd_stimuli.hdf5"
    stimuli.parent.mkdir(parents=True)
    with h5py.File(stimuli, "w") as file:
        file["imgBrick"] = rng.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    return folder


def test_trials_are_z_scored_by_session_and_averaged_by_picture(betas: Path) -> None:
    dataset = open_nsd(betas)
    numbers = np.unique(SHOWN)
    assert dataset.pictures.names == tuple(f"nsd{number:05d}.png" for number in numbers)
    mask = np.zeros(SHAPE, bool)
    mask[1:, :3] = True
    assert dataset.n_voxels == mask.sum()
    # z-scores by hand, from numbers that were never in a file
    truth = signal()[:, mask][SHOWN]
    scored = np.concatenate(
        [(part - part.mean(axis=0)) / part.std(axis=0, ddof=1) for part in np.split(truth, SESSIONS)]
    )
    means = np.stack([scored[number == SHOWN].mean(axis=0) for number in numbers])
    # .1 of noise on signals of about 1
    np.testing.assert_allclose(dataset.read(), means, atol=0.35)
    assert np.corrcoef(dataset.read().ravel(), means.ravel())[0, 1] > 0.99
    assert dataset.subjects == ("subj01",)
    assert dataset.rois.counts() == {"V1v": 9, "hV4": 9}
    assert list(dataset.hemisphere) == ["lh"] * 18 + ["rh"] * 18
    assert dataset.noise_ceiling is not None
    repeats = np.array([(number == SHOWN).sum() for number in numbers])
    np.testing.assert_allclose(dataset.noise_ceiling, ceiling_percent(0.5, repeats), rtol=1e-5)
    some = open_nsd(betas, sessions=[2])
    assert some.n_pictures == len(np.unique(SHOWN[12:24]))


def test_pictures_are_written_and_found_by_their_numbers(betas: Path, tmp_path: Path) -> None:
    files = write_nsd_pictures(betas, tmp_path / "pictures")
    with h5py.File(tmp_path / "nsddata_stimuli" / "stimuli" / "nsd" / "nsd_stimuli.hdf5") as stored:
        np.testing.assert_array_equal(np.asarray(Image.open(files[1])), stored["imgBrick"][1])
    assert files[1].name == "nsd00002.png"
    dataset = open_brain_data(betas, pictures=tmp_path / "pictures")
    assert dataset.pictures.paths == tuple(files)
    assert dataset.check() == []
    # Algonauts counts from 0
    files[0].rename(tmp_path / "pictures" / "train-0001_nsd-00000.png")
    assert open_brain_data(betas, pictures=tmp_path / "pictures").pictures.paths[0] is not None
    assert not list(files[0].parent.glob("nsd00001*"))
    kept = files[1].stat().st_mtime_ns
    write_nsd_pictures(betas, tmp_path / "pictures")  # what is there stays
    assert files[1].stat().st_mtime_ns == kept
    assert cli.main(["nsd-pictures", str(betas), "--out", str(tmp_path / "again")]) == 0
    assert len(list((tmp_path / "again").glob("*.png"))) == len(files)


def test_a_data_set_without_what_may_be_absent(betas: Path, tmp_path: Path) -> None:
    """Neither regions, nor hemispheres, nor noise ceilings: they are left open."""
    roi = tmp_path / "nsddata" / "ppdata" / "subj01" / "func1pt8mm" / "roi"
    for file in (betas / "ncsnr.nii.gz", roi / "prf-visualrois.nii.gz", *roi.glob("?h.nsdgeneral.nii.gz")):
        file.unlink()
    (betas / "betas_session_notes.txt").write_text("not betas")
    dataset = open_nsd(betas)
    assert dataset.n_voxels == 36
    assert dataset.rois.counts() == {}
    assert set(dataset.hemisphere) == {""}
    assert dataset.noise_ceiling is None


def _truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda b, n: (n / "behav" / "responses.tsv").unlink(), "responses.tsv: the file is missing"),
        (lambda b, n: (n / "behav" / "responses.tsv").write_text("A\tB\n1\t2\n"), "responses.tsv: it has no column"),
        (
            lambda b, n: (n / "behav" / "responses.tsv").write_text("SESSION\t73KID\n1\tx\n"),
            "responses.tsv: this is not a readable table",
        ),
        (lambda b, n: (n / "behav" / "responses.tsv").write_text("SESSION\t73KID\n1\t3\n"), "holds 12 trials"),
        (lambda b, n: (n / "func1pt8mm/roi/nsdgeneral.nii.gz").unlink(), "nsdgeneral.nii.gz: the file is missing"),
        (lambda b, n: _truncate(n / "func1pt8mm/roi/nsdgeneral.nii.gz"), "nsdgeneral.nii.gz: "),
        (lambda b, n: save(n / "func1pt8mm/roi/nsdgeneral.nii.gz", np.zeros(SHAPE, np.int16)), "it marks no voxel"),
        (lambda b, n: _truncate(b / "betas_session01.hdf5"), "betas_session01.hdf5: this is not a readable HDF5"),
        (lambda b, n: _truncate(b / "betas_session03.nii.gz"), "betas_session03.nii.gz: "),
        (
            lambda b, n: save(b / "ncsnr.nii.gz", np.zeros((2, 2, 2), np.float32)),
            "ncsnr.nii.gz: its volume is (2, 2, 2)",
        ),
        (
            lambda b, n: save(n / "func1pt8mm/roi/floc-faces.nii.gz", np.zeros((2, 2, 2), np.int16)),
            "floc-faces.nii.gz:",
        ),
        (lambda b, n: h5py.File(b / "betas_session02.hdf5", "w").close(), "session02.hdf5: it holds no 'betas'"),
        (lambda b, n: (b / "betas_session02.hdf5").rename(b / "betas_session07.hdf5"), "lists no trials of session 7"),
        (
            lambda b, n: save(b / "betas_session03.nii.gz", np.zeros((2, 2, 2, N_TRIALS), np.int16)),
            "betas_session03.nii.gz: its volume is (2, 2, 2)",
        ),
        (
            lambda b, n: save(n / "func1pt8mm/roi/lh.nsdgeneral.nii.gz", np.zeros((2, 2, 2), np.int16)),
            "lh.nsdgeneral.nii.gz: its volume is (2, 2, 2)",
        ),
        (
            lambda b, n: save(n / "func1pt8mm/roi/nsdgeneral.nii.gz", np.zeros((5, 4), np.int16)),
            "nsdgeneral.nii.gz: it should hold one number a voxel",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence_with_the_file(
    betas: Path, tmp_path: Path, spoil: Callable[[Path, Path], object], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(betas, tmp_path / "nsddata" / "ppdata" / "subj01")
    with pytest.raises(InputError) as caught:
        open_nsd(betas)
    assert named in str(caught.value)
    assert (
        cli.main(["align", str(tmp_path / "study"), "--brain", str(betas), "--extract", "--out", "a.safetensors"]) == 2
    )
    error = capsys.readouterr().err
    assert named in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="links need a right on Windows")
def test_a_link_to_itself_is_no_folder_of_betas(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="loop: this folder of betas does not lie in nsddata_betas"):
        write_nsd_pictures(tmp_path / "loop", tmp_path / "out")


def test_other_folders_and_pictures_are_refused(betas: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    betas.rename(moved)
    with pytest.raises(InputError, match="does not lie in nsddata_betas"):
        open_brain_data(moved)
    moved.rename(betas)
    with pytest.raises(InputError, match="no betas of session 9"):
        open_nsd(betas, sessions=[9])
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"none of its pictures is named like nsd00001\.png"):
        open_nsd(betas, pictures=tmp_path / "none")
    with pytest.raises(InputError, match=r"nowhere: there is no such folder of pictures"):
        open_nsd(betas, pictures=tmp_path / "nowhere")
    stimuli = tmp_path / "nsddata_stimuli" / "stimuli" / "nsd" / "nsd_stimuli.hdf5"
    with h5py.File(stimuli, "w") as file:
        file["imgBrick"] = np.zeros((11, 8, 8, 3), np.uint8)  # one too few
    with pytest.raises(InputError, match=r"holds no 'imgBrick' of 12 RGB pictures"):
        write_nsd_pictures(betas, tmp_path / "pictures")
    assert not list((tmp_path / "pictures").iterdir())
    stimuli.unlink()
    with pytest.raises(InputError, match=r"nsd_stimuli\.hdf5: the file is missing"):
        write_nsd_pictures(betas, tmp_path / "pictures")
