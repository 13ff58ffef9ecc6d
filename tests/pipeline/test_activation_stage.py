"""Brain activation of a cut: the table against the maps, selections against plain products, kept and refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.alignment import BrainReadout, ChannelAlignment
from alignedcut_viewer.brain import BrainDataset, PictureTable, RoiTable, paper_rois
from alignedcut_viewer.brain.centring import Centring, centring_info
from alignedcut_viewer.brain.rois import display_order
from alignedcut_viewer.errors import AlignmentError, Cancelled, InputError
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex, Slot
from alignedcut_viewer.pipeline.settings import AlignSettings, ColourSettings, CutSettings, ExtractSettings
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.brain_activation import BrainActivation

NETWORK = "random:vit_tiny_patch16_224"
ROIS = {"FFA": slice(0, 6), "EarlyVis": slice(6, 10), "V1": slice(8, 14)}
N_VOXELS, N_CHANNELS = 20, 16


def alignment(
    *, scale: float = 1.0, places: bool = True, voxels: bool = True, offsets: bool = True
) -> ChannelAlignment:
    rng = np.random.default_rng(0)
    masks = {name: np.isin(np.arange(N_VOXELS), np.arange(N_VOXELS)[part]) for name, part in ROIS.items()}
    dataset = BrainDataset.build(
        "made up",
        PictureTable((), ()),
        np.zeros((0, N_VOXELS), dtype=np.float32),
        rois=RoiTable(masks),
        hemisphere=np.repeat(["lh", "rh"], N_VOXELS // 2),
        fsaverage_vertex=np.arange(N_VOXELS) if places else None,
        simulated=True,
    )
    beta = scale * rng.standard_normal((N_CHANNELS, N_VOXELS)).astype(np.float32)
    slots = [Slot(NETWORK, layer) for layer in (0, 2)]
    return ChannelAlignment(
        {slot: rng.standard_normal((192, N_CHANNELS)) / 14 for slot in slots},
        offsets={slot: rng.standard_normal(192) / 14 * offsets for slot in slots},
        kind="brain",
        simulated=True,
        readout=BrainReadout.of(beta, dataset, voxels=voxels),
    )


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("activation")
    (root / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        pixels = rng.integers(0, 256, (1, 1, 3)) + rng.integers(-40, 40, (32, 32, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / "pictures" / f"{i}.png")
    study, _ = pipeline.open_study(root / "study", root / "pictures")
    with study:
        pipeline.extract(study, ExtractSettings((NETWORK,), (0, 2), input_size=32, batch_size=4, device="cpu"))
    return root


@pytest.fixture
def study(extracted: Path, tmp_path: Path) -> Iterator[Study]:
    with Study.open(shutil.copytree(extracted / "study", tmp_path / "study"), writable=True) as opened:
        yield opened


def cut_with(study: Study, given: ChannelAlignment | None, **more: object) -> None:
    settings = AlignSettings("none")
    if given is not None:
        settings = AlignSettings("file", str(given.save(study.path.parent / "maps.safetensors")))
    colour = ColourSettings(n_landmarks=20, perplexity=4, device="cpu")
    values = {"n_components": 3, "class_token": False, "images": (0, 1, 3, 5), "device": "cpu"} | more
    cut = pipeline.cut(study, CutSettings(colour=colour, **values), align=settings)  # type: ignore[arg-type]
    assert (cut.brain_activation is None) == (given is None or given.readout is None)


def expected(study: Study, given: ChannelAlignment) -> tuple[np.ndarray, np.ndarray]:
    """Aligned features of all nodes, and activation of every voxel, held whole."""
    index = study.cut().index
    aligned = np.concatenate(
        [
            given.transform(
                (NETWORK, slot.layer), np.asarray(study.features(*slot))[list(index.images), 1:].reshape(-1, 192)
            )
            for slot in index.slots
        ]
    )
    assert given.readout is not None
    readout = given.readout
    beta = readout.beta if readout.beta is not None else readout.roi_beta.T
    return aligned, aligned @ beta


def test_the_table_holds_the_mean_over_voxels_of_every_node(study: Study) -> None:
    given = alignment()
    cut_with(study, given)
    activation = pipeline.brain_activation(study)
    _, voxels = expected(study, given)
    assert activation.names == ("V1", "EarlyVis", "FFA")
    assert activation.groups == ("early visual", "early visual", "face")
    assert activation.functions[2] == "fusiform face area: face"
    assert (activation.simulated, activation.title) == (True, "made up (simulated)")
    assert activation.table.dtype == np.float16
    assert isinstance(activation.table, np.memmap)
    np.testing.assert_array_equal(activation.roi_voxels, [6, 4, 6])
    for number, name in enumerate(activation.names):
        truth = voxels[:, ROIS[name]].mean(axis=1)
        np.testing.assert_allclose(activation.table[:, number], truth, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("about", ["zero", "all", "layer"])
def test_activation_is_told_about_zero_or_a_mean(study: Study, about: Centring) -> None:
    """Against the paper's U = V W beta, held whole, less nothing, its mean, or its mean in each layer."""
    given = alignment()
    cut_with(study, given)
    activation = pipeline.brain_activation(study)
    index = study.cut().index
    plain = ChannelAlignment(given.matrices, kind="brain", readout=given.readout)  # no slot has an offset
    _, voxels = expected(study, plain)
    if about == "all":
        voxels = voxels - voxels.mean(axis=0)
    elif about == "layer":
        voxels = np.concatenate([voxels[part] - voxels[part].mean(axis=0) for _, part in index.iter_slots()])
    truth = np.stack([voxels[:, ROIS[name]].mean(axis=1) for name in activation.names], axis=1)
    nodes = np.random.default_rng(2).permutation(len(index))[:50]
    np.testing.assert_allclose(activation.rows(nodes, about=about), truth[nodes], atol=3e-3)
    np.testing.assert_allclose(activation.values("FFA", about=about), truth[:, 2], atol=3e-3)
    found = activation.summarise(nodes, about=about, voxel_spread=True)
    np.testing.assert_allclose(found.mean, truth[nodes].mean(axis=0), atol=2e-3)
    np.testing.assert_allclose(found.node_spread, truth[nodes].std(axis=0), atol=2e-3)
    assert found.voxel_spread is not None
    np.testing.assert_allclose(found.voxel_spread[2], voxels[nodes].mean(0)[ROIS["FFA"]].std(), atol=2e-3)
    np.testing.assert_allclose(activation.voxels(nodes, about=about), voxels[nodes].mean(axis=0), atol=2e-3)
    np.testing.assert_allclose(activation.cortex_values([3], about=about)["lh"][:10], voxels[3, :10], atol=3e-3)
    if about == "zero":
        np.testing.assert_array_equal(activation.rows(nodes), activation.rows(nodes, about="zero"))


def test_centring_nearly_forces_figure_and_ground_to_opposite_signs_and_zero_does_not(study: Study) -> None:
    """One region that figure drives by 1.15 and ground by .89, of an alignment that centres its slots."""
    index = NodeIndex([NetworkNodes("net", (0,), 2, 5, class_token=False)], 1)
    activation_about_zero = np.asarray([1.15] * 3 + [0.89] * 7)[:, None]
    arrays = {
        "table": (activation_about_zero - 0.9).astype(np.float16),
        "roi_voxels": np.ones(1, np.int64),
        "slot_offsets": np.full((1, 1), -0.9, np.float32),
        "slot_features": np.zeros((1, 4), np.float32),
    }
    activation = BrainActivation({"rois": ["V1"], "source": "made up", "simulated": True}, arrays, index, {})
    figure, ground = np.arange(3), np.arange(3, 10)
    told = {
        about: [float(activation.summarise(nodes, about=about).mean[0]) for nodes in (figure, ground)]
        for about in ("zero", "all", "layer")
    }
    assert told["zero"] == pytest.approx([1.15, 0.89], abs=1e-3)
    assert told["layer"] == pytest.approx([0.182, -0.078], abs=1e-3)
    assert told["all"] == pytest.approx(told["layer"], abs=1e-3)  # there is but one layer
    assert "nearly forces" in centring_info("all").figure_ground_note
    assert "nearly forces" in centring_info("layer").figure_ground_note
    assert "nearly forces" not in centring_info("zero").figure_ground_note
    with pytest.raises(InputError, match="about zero, all, layer"):
        activation.summarise(figure, about="mean")  # type: ignore[arg-type]


def test_what_an_earlier_version_kept_is_computed_anew(study: Study) -> None:
    cut_with(study, alignment())
    (folder,) = study.path.glob("cuts/*/brain_activation")
    before = pipeline.brain_activation(study).voxels([1, 2], about="all")
    for name in ("slot_offsets", "slot_features"):
        shutil.rmtree(folder / name)
    again = Study.open(study.path)
    assert again.cut().brain_activation is None
    np.testing.assert_array_equal(pipeline.brain_activation(again).voxels([1, 2], about="all"), before)  # not kept
    assert study.cut().brain_activation is None
    np.testing.assert_array_equal(pipeline.brain_activation(study).voxels([1, 2], about="all"), before)
    assert study.cut().brain_activation is not None


def test_selections_are_summarised_over_nodes_and_voxels(study: Study) -> None:
    given = alignment(offsets=False)
    cut_with(study, given)
    activation = pipeline.brain_activation(study)
    _, voxels = expected(study, given)
    nodes = np.random.default_rng(1).permutation(len(voxels))[: len(voxels) // 3]
    found = activation.summarise(nodes, voxel_spread=True)
    assert found.n_nodes == len(nodes)
    assert found.voxel_spread is not None
    for number, name in enumerate(found.names):
        means = voxels[nodes][:, ROIS[name]].mean(axis=1)
        np.testing.assert_allclose(found.mean[number], means.mean(), atol=2e-3)
        np.testing.assert_allclose(found.node_spread[number], means.std(), rtol=1e-2)
        np.testing.assert_allclose(found.voxel_spread[number], voxels[nodes].mean(0)[ROIS[name]].std(), rtol=1e-3)
    np.testing.assert_allclose(activation.voxels(nodes), voxels[nodes].mean(axis=0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(activation.voxels([7, 7, 9]), voxels[[7, 7, 9]].mean(axis=0), rtol=1e-3, atol=1e-4)
    assert activation.summarise([4]).node_spread.max() == 0
    for wrong in ([], [-1], [len(voxels)]):
        with pytest.raises(InputError, match=r"[Nn]ode"):
            activation.summarise(wrong)


def test_voxels_lie_on_the_cortex_where_their_places_are_known(study: Study) -> None:
    given = alignment()
    cut_with(study, given)
    activation = pipeline.brain_activation(study)
    values = activation.voxels([3])
    cortex = activation.cortex_values([3])
    assert activation.has_cortex
    np.testing.assert_allclose(cortex["lh"][:10], values[:10])
    np.testing.assert_allclose(cortex["rh"][10:20], values[10:])
    assert activation.cortex_masks()["lh"].mask("V1")[8]
    picture = activation.raster(layout=(("lh lateral",),), height=40, width=40).render(cortex)
    assert picture.shape == (40, 40, 4)


def test_without_places_or_voxels_the_regions_remain(study: Study) -> None:
    cut_with(study, alignment(places=False))
    activation = pipeline.brain_activation(study)
    assert not activation.has_cortex
    assert activation.voxels([0]).shape == (N_VOXELS,)
    with pytest.raises(AlignmentError, match="where its voxels lie"):
        activation.cortex_values([0])
    regions = alignment(voxels=False)
    cut_with(study, regions)
    activation = pipeline.brain_activation(study)
    _, truth = expected(study, regions)
    assert regions.readout is not None
    order = [regions.readout.roi_names.index(name) for name in activation.names]
    np.testing.assert_allclose(activation.table, truth[:, order], rtol=2e-3, atol=2e-3)
    with pytest.raises(AlignmentError, match="regions only"):
        activation.voxels([0])


def test_the_activation_is_kept_with_the_cut_and_goes_with_it(study: Study) -> None:
    given = alignment()
    cut_with(study, given)
    (folder,) = study.path.glob("cuts/*/brain_activation")
    study.store.remove(str(folder.relative_to(study.path)))

    def cancel(done: int, total: int, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        pipeline.brain_activation(study, progress=cancel)
    assert study.cut().brain_activation is None
    assert not folder.exists()
    pipeline.brain_activation(study)
    kept = Study.open(study.path).cut().brain_activation
    assert kept is not None
    modified = (folder / "zarr.json").stat().st_mtime_ns
    again = pipeline.brain_activation(study)
    np.testing.assert_array_equal(again.table, kept.table)
    assert (folder / "zarr.json").stat().st_mtime_ns == modified
    study.remove_cut("default")
    assert not folder.exists()


def test_a_study_open_for_reading_gives_the_same(study: Study) -> None:
    cut_with(study, alignment())
    (folder,) = study.path.glob("cuts/*/brain_activation")
    study.store.remove(str(folder.relative_to(study.path)))
    reading = pipeline.brain_activation(Study.open(study.path))
    assert not folder.exists()
    kept = pipeline.brain_activation(study)
    np.testing.assert_array_equal(reading.table, kept.table)
    np.testing.assert_array_equal(reading.voxels([5, 6]), kept.voxels([5, 6]))


def test_tiny_units_keep_their_digits(study: Study) -> None:
    given = alignment(scale=1e-6)
    cut_with(study, given)
    activation = pipeline.brain_activation(study)
    _, voxels = expected(study, given)
    assert activation.table.dtype == np.float32
    np.testing.assert_allclose(activation.table[:, 2], voxels[:, ROIS["FFA"]].mean(axis=1), rtol=1e-3, atol=1e-10)


@pytest.mark.parametrize("given", [None, ChannelAlignment(dict(alignment().matrices))])
def test_a_cut_that_knows_no_brain_says_how_to_get_one(study: Study, given: ChannelAlignment | None) -> None:
    cut_with(study, given)
    with pytest.raises(AlignmentError, match=r"alignedcut align STUDY --brain"):
        pipeline.brain_activation(study)


def test_the_papers_regions_come_first_where_all_are_there() -> None:
    some = ("zzz", "RSC", "PPA", "V1", "IT")
    assert display_order(some) == ("V1", "IT", "PPA", "RSC", "zzz")
    every = display_order(("zzz", "RSC", *paper_rois()[::-1], "IT"))
    assert every[:12] == paper_rois()
    assert every[12:] == ("IT", "RSC", "zzz")


def test_a_picture_that_joins_the_cut_has_bars_and_moves_none(study: Study, extracted: Path, tmp_path: Path) -> None:
    cut_with(study, alignment())
    before = pipeline.brain_activation(study)
    old = study.cut().index
    nodes = {image: old.select(images=[image]) for image in old.images}
    abouts: tuple[Centring, ...] = ("zero", "all", "layer")
    rows = {(image, about): before.rows(nodes[image], about=about) for image in nodes for about in abouts}
    voxels = {about: before.voxels(nodes[3], about=about) for about in abouts}
    twin, more = tmp_path / "twin.png", tmp_path / "more.png"
    Image.open(extracted / "pictures" / "3.png").save(twin, compress_level=1)
    Image.fromarray(np.random.default_rng(9).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(more)
    for number, picture in ((6, twin), (7, more)):  # the second time there are some that were placed before
        assert list(pipeline.add_pictures(study, [picture], device="cpu").placed) == [number]
        after = study.cut().brain_activation
        assert after is not None
        assert (len(after), after.title) == (len(study.cut().index), before.title)
        for (image, about), values in rows.items():
            np.testing.assert_allclose(after.rows(study.cut().index.select(images=[image]), about=about), values)
        own = study.cut().index.select(images=[6])
        for about in abouts:
            np.testing.assert_allclose(after.rows(own, about=about), rows[3, about], atol=4e-3)
            np.testing.assert_allclose(after.voxels(own, about=about), voxels[about], atol=4e-3)
