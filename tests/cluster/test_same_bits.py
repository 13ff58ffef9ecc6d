"""What a cluster computes is what one process computes, to the last bit, also where a worker is killed on the way."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from alignedcut_viewer.alignment import ChannelAlignment
from alignedcut_viewer.cluster import Cluster, engine
from alignedcut_viewer.concepts import channel_statistics, cosine_similarity, discover, feature_norms
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.nodes import Slot
from alignedcut_viewer.pipeline.alignment_stage import _fit
from alignedcut_viewer.pipeline.layered_sources import find_sources
from alignedcut_viewer.pipeline.settings import AlignSettings
from alignedcut_viewer.pipeline.training_nodes import pooled_means
from alignedcut_viewer.spectral import GraphSettings, LayeredCut, NormalizedCut
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.node_features import NodeFeatures

from ..planted import noise_pictures, planted_features

N_PICTURES, GRID, WIDTH, N_LAYERS = 40, (9, 9), 48, 3
MEMORY = "6MiB"  # so little that a pass over the nodes is of many tasks


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    folder = tmp_path_factory.mktemp("bits")
    opened = Study.create(folder / "study", open_pictures(noise_pictures(folder / "pictures", N_PICTURES)))
    rng = np.random.default_rng(0)
    kinds = rng.standard_normal((6, WIDTH))
    tokens = {}
    for layer in range(N_LAYERS):
        turned = kinds @ np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))[0]
        which = np.random.default_rng(1).integers(0, 6, (N_PICTURES, GRID[0] * GRID[1] + 1))
        tokens[layer] = turned[which] + 0.3 * rng.standard_normal((*which.shape, WIDTH))
    planted_features(opened, "planted", tokens, GRID, batch=4)
    planted_features(opened, "values", tokens, GRID, batch=4, tap="v")
    with opened:
        yield opened


@pytest.fixture(scope="module")
def aligned(study: Study) -> ChannelAlignment:
    rng = np.random.default_rng(2)
    maps = {Slot("planted", layer): rng.standard_normal((WIDTH, 32)).astype(np.float32) for layer in range(N_LAYERS)}
    return ChannelAlignment(maps)


@pytest.fixture
def sent(started: Cluster, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the tasks that went to the cluster."""
    names: list[str] = []
    in_order = Cluster.in_order

    def told(self: Cluster, task: Any, shared: Any, items: Any) -> Iterator[Any]:
        for result in in_order(self, task, shared, items):
            names.append(task.__name__)
            yield result

    monkeypatch.setattr(Cluster, "in_order", told)
    return names


Stage = Callable[[Callable[[int, int, str], None] | None], list[Any]]


def same(stage: Stage, sent: list[str], monkeypatch: pytest.MonkeyPatch, *, kill: str) -> None:
    """Compute here, on the cluster, and on the cluster with a worker killed after the first step called `kill`."""
    cluster = engine.current_cluster()
    assert cluster is not None
    with monkeypatch.context() as alone:
        alone.setattr(engine, "_current", type(engine._current)("none", default=None))
        expected = stage(None)
    assert not sent
    assert_equal(stage(None), expected)
    assert sent
    killed: list[int] = []

    def progress(done: int, total: int, text: str) -> None:
        if text == kill and done and not killed:
            there = cluster._client.nthreads()
            nannies = cluster._client.cluster.workers.values()
            killed.append(next(nanny.pid for nanny in nannies if nanny.pid and nanny.worker_address in there))
            os.kill(killed[0], signal.SIGKILL)

    two_workers(cluster)
    assert_equal(stage(progress), expected)
    assert killed


def two_workers(cluster: Cluster) -> None:
    """Wait for the one that was killed before; Dask sometimes does not replace one."""
    try:
        cluster._client.wait_for_workers(2, timeout=20)
    except TimeoutError:
        processes = cluster._client.cluster
        processes.scale(len(processes.worker_spec) + 1)
        cluster._client.wait_for_workers(2, timeout=120)


def assert_equal(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("with_alignment", [False, True])
def test_stretches_of_nodes_are_what_chunks_hold(study: Study, aligned: ChannelAlignment, with_alignment: bool) -> None:
    index = study.node_index(["planted"], images=[0, 1, 2, 5, 6, 30, 39])
    features = study.node_features(index, aligned if with_alignment else None)
    assert features.on_disk
    for size in (7, 100, 1000, 10**6):
        for start, rows in features.chunks(size):
            assert features.between(start, start + len(rows)).tobytes() == rows.tobytes()


def test_features_that_only_this_process_holds_are_computed_here(started: Cluster, sent: list[str]) -> None:
    rows = np.random.default_rng(0).standard_normal((5000, 20)).astype(np.float32)
    NormalizedCut(3, method="nystrom", n_landmarks=50, device="cpu").fit_transform(rows)
    cosine_similarity(rows, rows[0])
    cosine_similarity(torch.from_numpy(rows).numpy(), rows[0])
    assert not sent


def test_the_cut_of_a_study(
    study: Study, aligned: ChannelAlignment, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    features = study.node_features(study.node_index(["planted"]), aligned)

    def stage(progress: Any) -> list[Any]:
        cut = NormalizedCut(5, method="nystrom", n_landmarks=100, memory=MEMORY, device="cpu")

        vectors = cut.fit_transform(features, progress=progress)
        return [vectors, cut.eigenvalues_, cut.transform(features)]

    same(stage, sent, monkeypatch, kill="computing eigenvectors")
    assert {"_stretch", "_chosen"} <= set(sent)


def test_the_cut_of_a_file_by_the_papers_method(
    tmp_path: Path, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "features.npy"
    np.save(path, np.random.default_rng(0).standard_normal((9000, 24)).astype(np.float32))

    def stage(progress: Any) -> list[Any]:
        mapped = np.load(path, mmap_mode="r")
        cut = NormalizedCut(4, method="knn", n_landmarks=300, n_neighbors=10, memory=MEMORY, device="cpu")
        return [cut.fit_transform(mapped, progress=progress)]

    same(stage, sent, monkeypatch, kill="computing eigenvectors")


def test_similarity(study: Study, sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    features = study.node_features(study.node_index(["planted"]))
    region: NDArray[np.float32] = features[100:110].astype(np.float32)

    def stage(progress: Any) -> list[Any]:
        lengths = feature_norms(features, chunk=700)
        return [
            cosine_similarity(features, region, chunk=700, progress=progress),
            cosine_similarity(features, region, chunk=700, reduce="max", norms=lengths),
            lengths,
        ]

    same(stage, sent, monkeypatch, kill="Similarity")


def test_node_features_are_cheap_to_send(study: Study) -> None:
    import pickle

    features = study.node_features(study.node_index(["planted"]))
    assert len(pickle.dumps(features)) < 5000
    again: NodeFeatures = pickle.loads(pickle.dumps(features))
    assert again.between(0, 10).tobytes() == features.between(0, 10).tobytes()


def test_the_joint_cut_of_every_picture(study: Study, sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stage(progress: Any) -> list[Any]:
        layers = find_sources(study, "what").tokens("what")
        cut = LayeredCut(3, graph=GraphSettings(n_inside=5), projections=True, device="cpu").fit(layers, progress)
        assert cut.projections_ is not None
        return [cut.eigenvectors_, cut.eigenvalues_, cut.weights_, cut.terms_.eigen, *cut.projections_]

    same(stage, sent, monkeypatch, kill="Joint cuts")


def test_hyperalignment(study: Study, sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    index = study.node_index(["planted"])
    settings = AlignSettings("hyperalignment", n_samples=1200, n_channels=24, device="cpu")

    def stage(progress: Any) -> list[Any]:
        alignment, _ = _fit(study, index, settings, progress)
        return [part for slot in index.slots for part in (alignment.matrix(slot), alignment.bias(slot))]

    same(stage, sent, monkeypatch, kill="Sampling features")
    assert {"_tokens_at", "_tried"} <= set(sent)


def test_what_brain_alignment_is_trained_on(study: Study, sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    features = study.network("planted")
    images = np.array([0, 2, 3, 10, 11, 12, 20, 33, 39])

    def stage(progress: Any) -> list[Any]:
        def tell(done: int) -> None:
            if progress is not None:
                progress(done, len(images), "Pooling")

        return [pooled_means(features, layer, images, tell) for layer in features.layers]

    same(stage, sent, monkeypatch, kill="Pooling")


def test_what_the_members_of_concepts_have_in_common(
    study: Study, aligned: ChannelAlignment, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    features = study.node_features(study.node_index(["planted"]), aligned)
    places = np.random.default_rng(3).standard_normal((len(features), 3)).astype(np.float32)
    concepts = discover(places, radius=0.5, n_concepts=12)
    assert len(concepts) == 12

    def stage(progress: Any) -> list[Any]:
        return list(channel_statistics(features, concepts, most=100, progress=progress))

    same(stage, sent, monkeypatch, kill="Channels of concepts")
