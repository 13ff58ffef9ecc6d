from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer.errors import InputError, PictureError, StudyError
from alignedcut_viewer.pipeline.presets import paper_brain, paper_cut
from alignedcut_viewer.pipeline.settings import BrainSettings
from alignedcut_viewer.viewer.frames.exports import figure_work, masks_work, reaching_work
from alignedcut_viewer.viewer.frames.loading import LoadedStudy, load_pictures, load_study
from alignedcut_viewer.viewer.frames.runs import (
    align_settings,
    cut_settings,
    extract_settings,
    preset_fields,
    run_work,
)
from alignedcut_viewer.viewer.reader import get_reader
from alignedcut_viewer.viewer.state.settings import SAMPLES, StudySettings
from alignedcut_viewer.viewer.state.training_log import TrainingLog
from alignedcut_viewer.viewer.writer import write_labels

pytestmark = pytest.mark.quick


@pytest.fixture
def folder(tmp_path):
    for number, size in enumerate(((40, 30), (30, 40))):
        Image.new("RGB", size, (number, 0, 0)).save(tmp_path / f"picture{number}.png")
    return tmp_path


def test_settings_reach_the_pipeline():
    settings = StudySettings(
        networks=("a",),
        other_networks="hf:b/c",
        layers="4, 8-9",
        tap="block",
        input_size=112,
        batch_size=3,
        alignment="file",
        alignment_file="maps.safetensors",
        n_components=7,
        gamma="0.3",
        method="knn",
        n_landmarks=100,
        seed=5,
        memory="1GiB",
        device="cpu",
    )
    extract, align, cut = extract_settings(settings), align_settings(settings), cut_settings(settings)
    assert extract.networks == ("a", "hf:b/c")
    assert extract.layers == (4, 8, 9)
    assert (extract.tap, extract.input_size, extract.batch_size, extract.device) == ("block", 112, 3, "cpu")
    assert (align.method, align.file, align.seed) == ("file", "maps.safetensors", 5)
    assert (cut.n_components, cut.gamma, cut.method, cut.n_landmarks) == (7, 0.3, "knn", 100)
    assert (cut.seed, cut.memory, cut.device) == (5, "1GiB", "cpu")


def test_the_papers_settings_are_those_of_the_command_line_and_single_fields_win(tmp_path):
    chosen = StudySettings(alignment="brain", brain_data=str(tmp_path), networks=("a",))
    chosen.update(**preset_fields("paper"))
    assert chosen.networks == ("a",)
    assert cut_settings(chosen) == paper_cut()
    assert align_settings(chosen).brain == paper_brain(str(tmp_path))
    assert cut_settings(replace(chosen, n_landmarks=3000, gamma="0.3")) == paper_cut(n_landmarks=3000, gamma=0.3)
    chosen.update(**preset_fields(""))
    assert chosen == StudySettings(alignment="brain", brain_data=str(tmp_path), networks=("a",))


def test_brain_data_reach_the_pipeline(tmp_path):
    chosen = StudySettings(
        alignment="brain",
        brain_data=str(tmp_path),
        eigen_weight=0.5,
        n_epochs=7,
        unusable="drop",
        memory="1GiB",
        seed=2,
    )
    align = align_settings(chosen)
    assert (align.method, align.file, align.seed) == ("brain", None, 2)
    assert align.brain == BrainSettings(str(tmp_path), unusable="drop", eigen_weight=0.5, n_epochs=7, memory="1GiB")
    assert align_settings(replace(chosen, eigen_weight=1.0, n_epochs=30, unusable="raise", memory="")).brain == (
        BrainSettings(str(tmp_path))
    )
    assert align_settings(replace(chosen, alignment="none")).brain is None


def test_records_of_epochs_become_curves():
    log = TrainingLog()
    assert (log.best, log.curve("r2")) == (None, [])
    log.add({"epoch": 0.0, "r2": 0.3})
    seen = log.records
    log.add({"epoch": 1.0, "r2": 0.4, "brain": 0.9})
    log.add({"epoch": 2.0, "r2": 0.2, "brain": 0.8})
    assert len(seen) == 1  # what the window draws does not change under it
    assert log.best["epoch"] == 1
    assert log.curve("brain") == [(1.0, 0.9), (2.0, 0.8)]
    log.clear()
    assert log.records == ()


def test_the_defaults_of_the_window_are_those_of_the_pipeline():
    from alignedcut_viewer.pipeline.settings import AlignSettings, CutSettings, ExtractSettings

    settings = StudySettings()
    assert extract_settings(settings) == ExtractSettings(networks=settings.networks)
    assert align_settings(settings) == AlignSettings()
    assert cut_settings(settings) == CutSettings()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"source": ""}, "Choose pictures first"),
        ({"study": " "}, "folder for the study"),
        ({"networks": ()}, "at least one network"),
        ({"layers": "all but one"}, "does not name layers"),
        ({"gamma": "-1"}, "gamma must be"),
        ({"alignment": "file"}, "file of the alignment"),
        ({"alignment": "brain"}, "Choose the brain data"),
        ({"alignment": "brain", "brain_data": "subj01", "memory": "much"}, "not a memory size"),
        ({"weights": "w.pt", "other_networks": "b"}, "for one network"),
    ],
)
def test_what_cannot_be_run_is_told_before_anything_begins(fields, says):
    with pytest.raises(InputError, match=says):
        run_work(StudySettings(**{"source": SAMPLES, "study": "study.zarr", **fields}))


def test_pictures_are_listed_and_laid_out(folder):
    loaded = load_pictures(str(folder))
    assert loaded.names == ("picture0", "picture1")
    assert loaded.stack()[1][128, 128].tolist() == [1, 0, 0, 255]
    assert loaded.suggested_study.name.startswith(folder.name)
    other = load_pictures(str(folder / "picture*.png"))
    assert other.suggested_study != loaded.suggested_study
    with pytest.raises(PictureError, match="does not exist"):
        load_pictures(str(folder / "nowhere"))


def test_broken_pictures_do_not_spoil_the_canvas(folder):
    (folder / "picture2.png").write_bytes(b"")
    loaded = load_pictures(str(folder))
    assert list(loaded.unreadable) == [2]
    assert "picture2.png" in loaded.unreadable[2]
    assert (loaded.layout.height, loaded.layout.width) == (256, 256)


def test_ten_thousand_pictures_are_laid_out_without_opening_them_all(tmp_path):
    for number in range(10_000):
        (tmp_path / f"{number}.png").touch()
    Image.new("RGB", (64, 48)).save(tmp_path / "0.png")
    loaded = load_pictures(str(tmp_path))
    assert len(loaded.names) == 10_000
    assert len(loaded.unreadable) < 300


def test_no_study_is_a_sentence(tmp_path):
    with pytest.raises(StudyError, match="does not exist"):
        load_study(tmp_path / "nowhere.zarr")


def test_the_reader_takes_folders_of_pictures_and_studies_only(folder, tmp_path):
    assert get_reader(str(folder)).__name__ == "read_folder"
    assert get_reader(str(folder / "picture0.png")) is None
    assert get_reader([str(folder)]) is None
    (tmp_path / "empty").mkdir()
    assert get_reader(str(tmp_path / "empty")) is None
    (tmp_path / "s.zarr").mkdir()
    (tmp_path / "s.zarr" / "zarr.json").write_text('{"attributes": {"alignedcut_study": {"format": 999}}}')
    assert get_reader(str(tmp_path / "s.zarr")).__name__ == "read_study"
    (tmp_path / "s.zarr" / "zarr.json").write_text('{"attributes": {"somebody": "else"}}')
    assert get_reader(str(tmp_path / "s.zarr")) is None


def test_nothing_is_exported_without_a_cut(tmp_path):
    shown = LoadedStudy(None, None, (), None, {}, {}, ())
    with pytest.raises(InputError, match="no cut to draw"):
        figure_work(shown, tmp_path / "figure.png", StudySettings(), smooth=False)
    with pytest.raises(InputError, match="no masks to write"):
        reaching_work(shown, tmp_path, StudySettings(), (None, 0.5), network="a", layer=0, smooth=False)
    with pytest.raises(InputError, match="at least one format"):
        masks_work(tmp_path, "default", tmp_path, StudySettings(mask_formats=()))


@pytest.mark.parametrize("kind", [".png", ".tif", ".npz", ".json"])
def test_labels_are_written_as_masks(tmp_path, kind):
    labels = np.zeros((2, 20, 30), dtype=np.int32)
    labels[1, 5:10, 5:10] = 3
    written = write_labels(str(tmp_path / f"drawn{kind}"), labels, {})
    assert len(written) == (2 if kind in (".png", ".tif") else 1)
    if kind == ".png":
        np.testing.assert_array_equal(np.asarray(Image.open(written[1])), labels[1])
    if kind == ".npz":
        np.testing.assert_array_equal(np.load(written[0])["0001"], labels[1])


def test_labels_that_cannot_be_masks_are_told(tmp_path):
    with pytest.raises(InputError, match="4 axes"):
        write_labels(str(tmp_path / "drawn.png"), np.zeros((1, 2, 3, 4), dtype=int), {})
    with pytest.raises(InputError, match=r"must end in \.png"):
        write_labels(str(tmp_path / "drawn.gif"), np.zeros((3, 4), dtype=int), {})
