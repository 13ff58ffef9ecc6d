"""Study, feature sets, node features and cuts, on made-up features of tiny pictures."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from alignedcut_viewer import atomic_files
from alignedcut_viewer.atomic_files import digest_of
from alignedcut_viewer.errors import (
    AlignmentError,
    FeatureError,
    InputError,
    PictureError,
    StorageError,
    StudyError,
)
from alignedcut_viewer.images import PictureSet, open_pictures
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex, Slot
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.chunk_checksums import ChunkChecksums
from alignedcut_viewer.study.feature_set import FeatureSet
from alignedcut_viewer.study.node_features import NodeFeatures

pytestmark = pytest.mark.quick

GRIDS = {"wide": (2, 3), "narrow": (1, 2)}
WIDTHS = {"wide": 6, "narrow": 4}


def key(network: str, **changes: Any) -> dict[str, Any]:
    base = {
        "network": network,
        "tap": "attention",
        "input_size": [8, 8],
        "default_size": True,
        "precision": "float32",
        "storage": "float16",
        "weights": "0123",
    }
    return base | changes


def make_set(study: Study, network: str, batch: int = 2, begun: bool = False, **changes: Any) -> FeatureSet:
    rows, columns = GRIDS[network]
    features = FeatureSet.create(
        study.store,
        key(network, **changes),
        rows=rows,
        columns=columns,
        class_token=network == "wide",
        batch=batch,
        note={},
    )
    if begun:
        features.prepare({0: WIDTHS[network]}, len(study.pictures))
        features.write({0: np.zeros((1, features.n_tokens, WIDTHS[network]))}, [0])
    return features


def fill(
    study: Study, network: str, layers: tuple[int, ...], images: list[int], rng: np.random.Generator
) -> dict[int, NDArray[np.float16]]:
    features = make_set(study, network)
    features.prepare(dict.fromkeys(layers, WIDTHS[network]), len(study.pictures))
    values = {
        layer: rng.standard_normal((len(images), features.n_tokens, WIDTHS[network])).astype(np.float16)
        for layer in layers
    }
    for image, row in zip(images, range(len(images)), strict=True):
        features.write({layer: values[layer][row : row + 1] for layer in layers}, [image])
    return values


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(5):
        Image.new("RGB", (12 + i, 10), (40 * i, 20, 200)).save(pictures / f"p{i}.png")
    return pictures


@pytest.fixture
def study(tmp_path: Path, folder: Path) -> Study:
    return Study.create(tmp_path / "study", open_pictures(folder))


# -- pictures ------------------------------------------------------------------------------------------------------


def test_create_lists_the_pictures(study: Study, folder: Path) -> None:
    assert study.pictures.names == ("p0", "p1", "p2", "p3", "p4")
    assert study.pictures.paths == tuple(folder / f"p{i}.png" for i in range(5))
    assert study.status == ("pending",) * 5
    assert study.picture(3).shape == (10, 15, 3)
    assert study.picture_size(3) == (10, 15)
    assert study.skipped == {}
    with pytest.raises(InputError, match="no image 5; the study holds 5"):
        study.picture(5)


def test_a_study_needs_pictures(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="at least one picture"):
        Study.create(tmp_path / "study", PictureSet([]))
    assert not (tmp_path / "study").exists()


def test_nothing_stays_of_a_study_that_could_not_be_begun(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Study, "add_pictures", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Study.create(tmp_path / "study", open_pictures(folder))
    assert not (tmp_path / "study").exists()


def test_a_file_that_is_not_there_yet_is_noticed_when_it_comes(tmp_path: Path, folder: Path) -> None:
    late = tmp_path / "late.png"
    study = Study.create(tmp_path / "study", PictureSet([folder / "p0.png", late]))
    study.update_pictures({1: {"reason": f"{late} is no longer there."}})
    assert study.check_pictures() == []
    shutil.copy(folder / "p1.png", late)
    assert study.check_pictures() == [1]
    assert study.skipped == {}


def test_pictures_are_appended_and_found_again(study: Study, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(folder / "p0.png", other / "p0.png")
    assert study.add_pictures(open_pictures([other / "p0.png", folder / "p2.png"])) == [5, 2]
    assert study.pictures.names[5] == "other/p0"
    assert study.add_pictures(open_pictures(folder)) == [0, 1, 2, 3, 4]
    assert len(study.pictures) == 6


def test_ten_thousand_pictures_are_added(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.jpg" for i in range(10_000)]
    for path in paths:
        path.touch()
    study = Study.create(tmp_path / "study", PictureSet(paths))
    assert len(study.pictures) == 10_000
    assert [study.pictures.names[i] for i in range(1000)] == [str(i) for i in range(1000)]


def test_a_picture_that_moved_keeps_its_number(study: Study, folder: Path) -> None:
    study.update_pictures({i: {"digest": d} for i, d in enumerate(study.picture_digests(range(5)))})
    (folder / "p1.png").rename(folder / "renamed.png")
    assert study.add_pictures(open_pictures([folder / "renamed.png"])) == [1]
    assert study.pictures.names[1] == "p1"
    assert study.picture_path(1) == folder / "renamed.png"


def test_study_and_pictures_move_together(study: Study, folder: Path, tmp_path: Path) -> None:
    study.close()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    folder.rename(moved / folder.name)
    study.path.rename(moved / "study")
    again = Study.open(moved / "study", writable=True)
    assert again.picture_path(0) == moved / folder.name / "p0.png"
    assert again.add_pictures(open_pictures(moved / folder.name)) == [0, 1, 2, 3, 4]


def test_changed_content_loses_its_features(study: Study, folder: Path, rng: np.random.Generator) -> None:
    fill(study, "wide", (0, 1), [0, 1, 2, 3, 4], rng)
    study.update_pictures({i: {"digest": d} for i, d in enumerate(study.picture_digests(range(5)))})
    assert study.status == ("done",) * 5
    os.utime(folder / "p1.png", (1, 1))  # touched, the content is the same
    Image.new("RGB", (14, 10), (1, 2, 3)).save(folder / "p2.png")
    os.utime(folder / "p2.png", (2, 2))
    assert study.check_pictures() == [2]
    assert study.status == ("done", "done", "pending", "done", "done")
    assert study.check_pictures() == []
    assert study.node_index().images == (0, 1, 3, 4)


# -- feature sets --------------------------------------------------------------------------------------------------


def test_features_are_plain_zarr(study: Study, rng: np.random.Generator) -> None:
    values = fill(study, "wide", (0, 3), [0, 1, 2], rng)
    array = zarr.open_array(str(study.path / "features" / "wide" / "layer_003"), mode="r")
    assert array.dtype == np.float16
    assert array.shape == (5, 7, 6)
    assert array.chunks == (2, 7, 6)
    np.testing.assert_array_equal(array[:3], values[3])
    assert np.isnan(array[3:]).all()
    np.testing.assert_array_equal(study.features("wide", 0)[1], values[0][1])


def test_tokens_are_read_as_zarr_reads_them(study: Study, rng: np.random.Generator) -> None:
    fill(study, "wide", (0,), [0, 2, 3], rng)
    tokens, array = study.networks["wide"].tokens(0), study.features("wide", 0)
    assert (tokens.shape, tokens.chunks, tokens.dtype) == (array.shape, array.chunks, array.dtype)
    for images in (slice(0, 5), slice(1, 4), slice(2, 3), slice(3, 3), slice(None)):
        np.testing.assert_array_equal(tokens[images], array[images])
    images, numbers = np.array([3, 0, 2, 1, 4]), np.array([6, 0, 3, 1, 2])
    np.testing.assert_array_equal(tokens.gather(images, numbers), array[:][images, numbers])
    np.testing.assert_array_equal(tokens[-2], array[3])
    with pytest.raises(IndexError):
        tokens[5]
    with pytest.raises(IndexError, match="steps of one"):
        tokens[::2]


def test_equal_keys_are_one_set_and_others_get_names(study: Study) -> None:
    assert make_set(study, "wide", begun=True).name == "wide"
    assert make_set(study, "wide", begun=True).name == "wide"
    assert make_set(study, "wide", begun=True, tap="q").name == "wide.q"
    assert make_set(study, "wide", begun=True, input_size=[4, 6], default_size=False).name == "wide@4x6"
    assert make_set(study, "wide", begun=True, weights="4567").name == "wide+2"
    hub = FeatureSet.create(study.store, key("some/where"), rows=1, columns=1, class_token=True, batch=1, note={})
    assert hub.name.startswith("some-where-")
    assert list(study.networks)[:4] == ["wide", "wide.q", "wide@4x6", "wide+2"]
    assert study.network("some/where").network == "some/where"
    assert study.networks["wide.q"].tap == "q"
    with pytest.raises(StudyError, match=r"holds no features of 'nobody'; it holds: wide, wide\.q"):
        study.network("nobody")


def test_several_sets_of_a_network_must_be_told_apart(study: Study) -> None:
    make_set(study, "wide", begun=True, tap="q")
    make_set(study, "wide", begun=True, tap="k")
    with pytest.raises(StudyError, match=r"several feature sets of wide; name one: wide\.q, wide\.k"):
        study.network("wide")


def test_a_set_that_was_never_begun_goes_when_another_comes(study: Study) -> None:
    make_set(study, "wide", tap="q")
    assert make_set(study, "wide", tap="q").name == "wide.q"
    with pytest.raises(StudyError, match="no features yet"):
        study.node_index()
    make_set(study, "narrow")
    assert list(study.networks) == ["narrow"]


def test_pictures_and_layers_may_be_added(study: Study, folder: Path, rng: np.random.Generator) -> None:
    first = fill(study, "wide", (0,), [0, 1, 2, 3, 4], rng)
    Image.new("RGB", (9, 9)).save(folder / "q.png")
    study.add_pictures(open_pictures(folder))
    assert study.status[5] == "pending"
    more = fill(study, "wide", (0, 2), [5], rng)
    features = study.networks["wide"]
    assert features.layers == (0, 2)
    np.testing.assert_array_equal(study.features("wide", 0)[:5], first[0])
    np.testing.assert_array_equal(study.features("wide", 0)[5], more[0][0])
    assert features.complete(2, 6).tolist() == [False] * 5 + [True]


@pytest.mark.parametrize(("value", "words"), [(np.nan, "hold NaN"), (np.inf, "hold NaN, inf"), (1e5, "reach 1e\\+05")])
def test_values_that_cannot_be_kept_are_refused(study: Study, value: float, words: str) -> None:
    features = make_set(study, "wide")
    features.prepare({0: 6}, 5)
    values = np.zeros((2, 7, 6), dtype=np.float32)
    values[1, 2, 3] = value
    with pytest.raises(FeatureError, match=words):
        features.write({0: values}, [0, 1])
    assert not features.complete(0, 5).any()


def test_single_precision_keeps_large_values(study: Study) -> None:
    features = make_set(study, "wide", storage="float32")
    features.prepare({0: 6}, 5)
    features.write({0: np.full((2, 7, 6), 1e5, dtype=np.float32)}, [0, 1])
    assert study.features("wide", 0)[1, 0, 0] == np.float32(1e5)
    assert study.node_features(study.node_index()).dtype == np.float32


def test_lost_chunks_are_noticed(study: Study, rng: np.random.Generator) -> None:
    fill(study, "wide", (0, 1), [0, 1, 2, 3, 4], rng)
    features = study.networks["wide"]
    chunk = study.path / "features" / "wide" / "layer_001" / "c" / "1" / "0" / "0"
    assert chunk.stat().st_size == 2 * 7 * 6 * 2
    chunk.write_bytes(chunk.read_bytes()[:-3])
    features.verify(5)
    assert features.complete(0, 5).all()
    assert features.complete(1, 5).tolist() == [True, True, False, False, True]


def test_a_picture_stays_when_the_run_that_puts_another_beside_it_is_killed(
    study: Study, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(study, "wide", (0, 1), [0, 1, 2], rng)
    features = study.networks["wide"]
    before = features.array(1)[2]
    values = {layer: rng.standard_normal((1, 7, 6)) for layer in (0, 1)}

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ChunkChecksums, "put", stop)  # the chunk is on disk, and the checksum is that of before
        with pytest.raises(KeyboardInterrupt):
            features.write(values, [3])
    features.write(values, [3])
    for layer in (0, 1):
        assert features.complete(layer, 5).tolist() == [True, True, True, True, False]
    assert np.array_equal(features.array(1)[2], before)
    assert not features.damaged(5, thoroughly=True)


def test_a_full_disk_leaves_the_record_truthful(
    study: Study, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    features = make_set(study, "wide")
    features.prepare({0: 6, 1: 6}, 5)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "replace", full)
    with pytest.raises(StorageError, match="No space is left on the disk"):
        features.write({layer: rng.standard_normal((2, 7, 6)) for layer in (0, 1)}, [0, 1])
    assert not features.complete(0, 5).any()


# -- nodes and their features --------------------------------------------------------------------------------------


def test_node_index_takes_what_is_complete(study: Study, rng: np.random.Generator) -> None:
    with pytest.raises(StudyError, match="no features yet"):
        study.node_index()
    fill(study, "wide", (0, 1, 4), [0, 1, 2, 3], rng)
    fill(study, "narrow", (1, 2), [1, 2, 3, 4], rng)
    index = study.node_index()
    assert index.images == (1, 2, 3)
    assert index.networks == (NetworkNodes("wide", (0, 1, 4), 2, 3, True), NetworkNodes("narrow", (1, 2), 1, 2, False))
    assert study.node_index(["narrow"], images=[4, 1]).images == (4, 1)
    assert study.node_index(layers=[1]).slots == [Slot("wide", 1), Slot("narrow", 1)]
    assert study.node_index(layers={"wide": [4]}).slots == [Slot("wide", 4), Slot("narrow", 1), Slot("narrow", 2)]
    assert not study.node_index(class_token=False).networks[0].class_token
    study.update_pictures({2: {"reason": "broken"}, 4: {"reason": "broken"}})
    assert study.node_index().images == (1, 2, 3), "features that are there count, whatever a later run met"
    with pytest.raises(StudyError, match="Image 4 is skipped: broken"):
        study.node_index(["wide"], images=[1, 4])
    study.update_pictures({4: {"reason": None}})
    with pytest.raises(StudyError, match="image 4 are not complete"):
        study.node_index(["wide"], images=[4])
    with pytest.raises(InputError, match=r"None of the chosen layers of narrow.*\[1, 2\]"):
        study.node_index(layers=[0])
    with pytest.raises(StudyError, match="no layer 3 of wide"):
        study.node_index(layers={"wide": [3]})
    with pytest.raises(InputError, match="no image 9"):
        study.node_index(images=[9])


class _Scaling:
    """Maps every slot to three channels, differently."""

    n_channels = 3

    def matrix(self, slot: tuple[str, int]) -> NDArray[np.float64]:
        return np.random.default_rng([len(slot[0]), slot[1]]).standard_normal((WIDTHS[slot[0]], 3))

    def transform(self, slot: tuple[str, int], X: Any) -> Any:
        return (X.astype(np.float64) @ self.matrix(slot)).astype(np.float32)


@pytest.mark.parametrize("size", [1, 5, 7, 1000])
@pytest.mark.parametrize("aligned", [False, True])
def test_node_features_stream_in_node_order(study: Study, rng: np.random.Generator, size: int, aligned: bool) -> None:
    values = {
        "wide": fill(study, "wide", (0, 2), [0, 1, 2, 3, 4], rng),
        "narrow": fill(study, "narrow", (1,), [0, 1, 2, 3, 4], rng),
    }
    index = study.node_index(images=[4, 0, 1, 3], class_token=False)
    alignment = _Scaling() if aligned else None
    features = study.node_features(index, alignment)
    assert features.shape == (len(index), 3 if aligned else 6)
    assert features.dtype == (np.float32 if aligned else np.float16)
    for _ in range(2):  # a stream may be read again
        chunks = list(features.chunks(size))
        assert [start for start, _ in chunks] == list(range(0, len(index), size))
        whole = np.concatenate([chunk for _, chunk in chunks])
        assert whole.dtype == features.dtype
    places = index.locate(np.arange(len(index)))
    for node in range(len(index)):
        network = index.networks[int(places.network[node])]
        token = places.row[node] * network.columns + places.column[node] + (network.name == "wide")
        expected = values[network.name][int(places.layer[node])][places.image[node], token]
        if alignment is not None:
            slot = (network.name, int(places.layer[node]))
            np.testing.assert_allclose(whole[node], expected @ alignment.matrix(slot), rtol=1e-3, atol=1e-4)
        else:
            np.testing.assert_array_equal(whole[node], np.pad(expected, (0, 6 - len(expected))))
    some = np.sort(rng.choice(len(index), 9, replace=False))
    np.testing.assert_allclose(features.rows(some), whole[some], rtol=1e-6)
    np.testing.assert_allclose(features[3:11], whole[3:11], rtol=1e-6)


class _Array:
    """An array with chunks, as a store gives it."""

    def __init__(self, values: NDArray[Any], chunk: int) -> None:
        self._values = values
        self.shape, self.dtype, self.chunks = values.shape, values.dtype, (chunk, *values.shape[1:])

    def __getitem__(self, images: slice) -> NDArray[Any]:
        return self._values[images]

    def gather(self, images: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[Any]:
        return self._values[images, tokens]


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_node_features_equal_direct_indexing(data: st.DataObject) -> None:
    draw = data.draw
    n_images = draw(st.integers(1, 6))
    networks, arrays, held = [], {}, {}
    for n in range(draw(st.integers(1, 3))):
        name = f"n{n}"
        rows, columns, width = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
        held[name] = draw(st.booleans())
        layers = tuple(sorted(draw(st.sets(st.integers(0, 9), min_size=1, max_size=3))))
        networks.append(NetworkNodes(name, layers, rows, columns, held[name] and draw(st.booleans())))
        for layer in layers:
            shape = (n_images, rows * columns + held[name], width)
            values = np.random.default_rng([n, layer]).standard_normal(shape)
            arrays[Slot(name, layer)] = _Array(values.astype(np.float16), draw(st.integers(1, 4)))
    images = draw(st.permutations(range(n_images)))[: draw(st.integers(1, n_images))]
    index = NodeIndex(networks, images)
    features = NodeFeatures(arrays, held, index)
    parts = []
    for network in networks:
        for layer in network.layers:
            values = arrays[Slot(network.name, layer)]._values[list(images)]
            tokens = values[:, int(held[network.name] and not network.class_token) :].reshape(-1, values.shape[2])
            parts.append(np.pad(tokens, ((0, 0), (0, features.shape[1] - values.shape[2]))))
    direct = np.concatenate(parts)
    assert features.shape == direct.shape
    size = draw(st.integers(1, len(index) + 2))
    np.testing.assert_array_equal(np.concatenate([chunk for _, chunk in features.chunks(size)]), direct)
    nodes = np.array(draw(st.lists(st.integers(0, len(index) - 1), max_size=8)), dtype=np.int64)
    np.testing.assert_array_equal(features.rows(nodes), direct[nodes])


def test_node_features_say_what_does_not_fit(study: Study, rng: np.random.Generator) -> None:
    fill(study, "wide", (0,), [0, 1, 2, 3, 4], rng)
    index = study.node_index()
    features = study.node_features(index)
    with pytest.raises(InputError, match="at least one node"):
        next(features.chunks(0))
    with pytest.raises(InputError, match="between 0 and"):
        features.rows(np.array([len(index)]))

    class Wrong(_Scaling):
        n_channels = 5

    with pytest.raises(AlignmentError, match="3 channels where 5"):
        next(study.node_features(index, Wrong()).chunks(10))
    arrays = {Slot("wide", 0): study.networks["wide"].tokens(0)}
    with pytest.raises(InputError, match="no class token"):
        NodeFeatures(arrays, {"wide": False}, index)
    shutil.rmtree(study.path / "features" / "wide" / "layer_000" / "c" / "0")
    with pytest.raises(StudyError, match="not complete"):
        next(features.chunks(10))


# -- cuts ----------------------------------------------------------------------------------------------------------


def save_cut(
    study: Study, name: str, index: NodeIndex, eigenvectors: NDArray[np.float32], seed: int = 0
) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(seed)
    recipe = {"seed": seed, "pictures": digest_of(study.picture_digests(index.images))}
    group = f"cuts/cut-{seed}"
    embedding = rng.standard_normal((len(index), 3)).astype(np.float32)
    rgb = rng.integers(0, 256, (len(index), 3), dtype=np.uint8)
    if not study.store.exists(group):
        with study.store.building(group, {"recipe": recipe, "index": index.as_dict(), "alignment": None}):
            study.store.save_array(f"{group}/eigenvectors", eigenvectors)
            study.store.save_array(f"{group}/eigenvalues", np.linspace(1, 0.5, eigenvectors.shape[1]))
    with study.store.building(f"{group}/colour-a", {"recipe": {"seed": 1}}):
        study.store.save_array(f"{group}/colour-a/embedding", embedding)
        study.store.save_array(f"{group}/colour-a/rgb", rgb)
    study.publish_cut(name, f"cut-{seed}", "colour-a")
    return {"rgb": rgb, "embedding": embedding}


@pytest.fixture
def cut_study(study: Study, rng: np.random.Generator) -> tuple[Study, NodeIndex, NDArray[np.float32]]:
    fill(study, "wide", (0, 1), [0, 1, 2, 3, 4], rng)
    fill(study, "narrow", (2,), [0, 1, 2, 3, 4], rng)
    index = study.node_index()
    return study, index, rng.standard_normal((len(index), 4)).astype(np.float32)


def test_a_cut_gives_maps(cut_study: tuple[Study, NodeIndex, NDArray[np.float32]]) -> None:
    study, index, eigenvectors = cut_study
    assert study.cuts == ()
    with pytest.raises(StudyError, match="holds no cut 'default'; it holds: none"):
        study.cut()
    saved = save_cut(study, "default", index, eigenvectors)
    cut = Study.open(study.path).cut()
    assert study.cuts == ("default",)
    assert cut.index == index
    np.testing.assert_array_equal(cut.eigenvectors, eigenvectors)
    np.testing.assert_array_equal(cut.rgb, saved["rgb"])
    np.testing.assert_array_equal(cut.embedding, saved["embedding"])
    np.testing.assert_allclose(cut.eigenvalues, np.linspace(1, 0.5, 4))
    node = index.node("wide", 1, 3, row=1, column=2)
    assert cut.colour_map("wide", 1, 3).shape == (2, 3, 3)
    np.testing.assert_array_equal(cut.colour_map("wide", 1, 3)[1, 2], saved["rgb"][node])
    np.testing.assert_array_equal(cut.eigenvector_map("wide", 1, 3)[1, 2], eigenvectors[node])
    assert cut.colour_map("narrow", 2, 0).shape == (1, 2, 3)
    with pytest.raises(InputError, match="Layer 7 of wide is not part"):
        cut.colour_map("wide", 7, 0)


def test_named_cuts_are_replaced_in_one_step_and_swept(
    cut_study: tuple[Study, NodeIndex, NDArray[np.float32]],
) -> None:
    study, index, eigenvectors = cut_study
    save_cut(study, "default", index, eigenvectors, seed=0)
    save_cut(study, "other", index, eigenvectors, seed=1)
    assert study.cuts == ("default", "other")
    reader = Study.open(study.path)
    before = reader.cut().identity
    save_cut(study, "default", index, eigenvectors * 2, seed=2)
    assert reader.cut().identity != before
    np.testing.assert_array_equal(reader.cut().eigenvectors, eigenvectors * 2)
    assert study.store.groups("cuts") == ["cut-1", "cut-2"]
    study.remove_cut("other")
    assert study.store.groups("cuts") == ["cut-2"]
    with pytest.raises(StudyError, match="no cut 'other'"):
        study.remove_cut("other")


def test_a_cut_knows_whether_its_pictures_changed(
    cut_study: tuple[Study, NodeIndex, NDArray[np.float32]], folder: Path
) -> None:
    study, index, eigenvectors = cut_study
    save_cut(study, "default", index, eigenvectors)
    assert study.is_current(study.cut())
    Image.new("RGB", (14, 10), (1, 2, 3)).save(folder / "p2.png")
    assert not study.is_current(study.cut())


def test_recipes_are_readable_by_plain_zarr(cut_study: tuple[Study, NodeIndex, NDArray[np.float32]]) -> None:
    study, index, eigenvectors = cut_study
    save_cut(study, "default", index, eigenvectors)
    cuts = zarr.open_group(str(study.path), mode="r")["cuts"]
    group = cuts[cuts.attrs["current"]["default"]["cut"]]
    assert NodeIndex.from_dict(group.attrs["index"]) == index
    np.testing.assert_array_equal(group["eigenvectors"][:], eigenvectors)
    assert json.dumps(study.cut().recipe)


def _planted(index: NodeIndex, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Labels by token column, and eigenvectors that tell them: normalised indicators, rotated."""
    labels = np.arange(len(index)) % k
    indicators = np.eye(k)[labels] / np.sqrt(np.bincount(labels))
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((k, k)))[0]
    return labels, (indicators @ rotation).astype(np.float32)


def _agree(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return bool(len(np.unique(np.stack([a, b]), axis=1).T) == len(np.unique(a)) == len(np.unique(b)))


def test_segments_find_planted_labels_and_are_kept(
    cut_study: tuple[Study, NodeIndex, NDArray[np.float32]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import alignedcut_viewer.spectral as spectral

    study, index, _ = cut_study
    labels, eigenvectors = _planted(index, 3)
    save_cut(study, "default", index, eigenvectors)
    in_memory = Study.open(study.path).cut().segments(3)
    found = study.cut().segments(3)
    np.testing.assert_array_equal(in_memory, found)
    assert found.dtype == np.int32
    assert _agree(found, labels)
    calls: list[int] = []
    real: Callable[..., Any] = spectral.discretise

    def counting(*args: Any, **options: Any) -> Any:
        calls.append(1)
        return real(*args, **options)

    monkeypatch.setattr(spectral, "discretise", counting)
    np.testing.assert_array_equal(Study.open(study.path).cut().segments(3), found)
    assert not calls
    np.testing.assert_array_equal(
        study.cut().label_map("narrow", 2, 0, 3).ravel() - 1, found[index.patch_slice("narrow", 2, 0)]
    )
    with pytest.raises(InputError, match="between 2 and the 3 eigenvectors"):
        study.cut().segments(4)
    with pytest.raises(InputError, match="between 2 and the 35 nodes of wide/1; got 36"):
        study.cut().segments(36, slot=("wide", 1))
    with pytest.raises(InputError, match="Layer 9 of wide is not part"):
        study.cut().segments(2, slot=("wide", 9))


def test_segments_of_one_layer_are_cut_from_its_own_features(study: Study, rng: np.random.Generator) -> None:
    features = make_set(study, "wide")
    features.prepare({0: 6, 1: 6}, 5)
    groups = rng.integers(0, 3, (5, 7))
    planted = np.eye(6)[groups] + 0.02 * rng.standard_normal((5, 7, 6))
    for image in range(5):
        features.write({0: rng.standard_normal((1, 7, 6)), 1: planted[image : image + 1]}, [image])
    index = study.node_index()
    save_cut(study, "default", index, rng.standard_normal((len(index), 4)).astype(np.float32))  # tells nothing
    cut = study.cut()
    assert _agree(cut.segments(3, slot=("wide", 1)), groups.ravel())
    label_map = cut.label_map("wide", 1, 4, 3, one_layer=True)
    np.testing.assert_array_equal(label_map.ravel() - 1, cut.segments(3, slot=("wide", 1))[4 * 7 + 1 : 5 * 7])
