"""Joint cuts of many layers in a study: a cut like any other, resumable, and told of in sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import cli, pipeline
from alignedcut_viewer.errors import Cancelled, InputError, StudyError
from alignedcut_viewer.pipeline import ColourSettings, ExtractSettings, LayeredSettings, MapSettings
from alignedcut_viewer.spectral import GraphSettings, LayeredCut, pathway_layers
from alignedcut_viewer.study import Study

NETWORK = "random:vit_tiny_patch16_224"
SETTINGS = LayeredSettings(
    n_components=5,
    n_inside=4,
    n_across=6,
    device="cpu",
    colour=ColourSettings(perplexity=5, n_landmarks=60, device="cpu"),
    map=MapSettings(perplexity=5, n_landmarks=60, device="cpu"),
)


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layered")
    (folder / "pictures").mkdir()
    for i in range(8):
        pixels = np.random.default_rng(i).integers(0, 256, (40, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((90, 120), Image.Resampling.BICUBIC).save(folder / "pictures" / f"p{i}.png")
    study, _ = pipeline.open_study(folder / "study", folder / "pictures")
    with study:
        pipeline.extract(
            study, ExtractSettings((NETWORK,), (0, 2, 5), tap=("q", "k", "v"), input_size=64, device="cpu")
        )
    return folder / "study"


@pytest.fixture
def study(extracted: Path, tmp_path: Path) -> Path:
    import shutil

    shutil.copytree(extracted, tmp_path / "study")
    return tmp_path / "study"


def cut(path: Path, name: str = "default", progress: Any = None, **changes: Any) -> Any:
    from dataclasses import replace

    with Study.open(path, writable=True) as study:
        return pipeline.layered_cut(study, replace(SETTINGS, **changes), name, progress)


def test_the_cut_holds_the_joint_solution_and_every_layers_projection(study: Path) -> None:
    result = cut(study)
    opened = Study.open(study)
    v = next(features for features in opened.networks.values() if features.tap == "v")
    layers = pathway_layers("what", [{"v": v.array(layer)[:]} for layer in (0, 2, 5)], [(4, 4)] * 3, leading=1)
    graph = GraphSettings(n_inside=4, n_across=6)
    expected = LayeredCut(5, scope="data set", graph=graph, projections=True, device="cpu").fit(layers)
    joint = result.layered.joint
    assert [len(network.layers) for network in result.index.networks] == [1, 3]
    assert result.eigenvectors.shape == (8 * 16 * 4, 5)
    np.testing.assert_allclose(
        result.eigenvectors[result.index.slot_slice(joint, 0)], expected.eigenvectors_.reshape(-1, 5), atol=1e-6
    )
    own = next(iter(result.layered.sources))
    for layer, rows in zip((0, 2, 5), expected.projections_, strict=True):
        np.testing.assert_allclose(
            result.eigenvectors[result.index.slot_slice(own, layer)], rows.reshape(-1, 5), atol=1e-6
        )
    np.testing.assert_allclose([g.weight for g in result.layered.graphs], expected.weights_, atol=1e-6)
    assert [(g.network, g.layer, g.pathway) for g in result.layered.graphs] == [(NETWORK, n, "what") for n in (0, 2, 5)]
    # features of its nodes are the rows themselves, for all that reads features
    features = opened.node_features(result.index)
    np.testing.assert_allclose(features[np.arange(50)], result.eigenvectors[:50], atol=1e-6)
    assert result.rgb.shape == (512, 3)
    assert result.map2d.shape == (512, 2)


def test_both_pathways_and_two_cuts_beside_one_another(study: Path) -> None:
    both = cut(study, "both", pathway="both")
    assert [(g.pathway, g.layer) for g in both.layered.graphs] == [(p, n) for p in ("what", "where") for n in (0, 2, 5)]
    assert sum(g.weight for g in both.layered.graphs) == pytest.approx(1)
    cut(study, "where", pathway="where")
    opened = Study.open(study)
    assert opened.cuts == ("both", "where")
    # what belongs to cuts is no network of the study, and leaves with its cut
    assert all(not features.derived for features in opened.networks.values())
    assert len(opened.node_index().networks) == 3
    with Study.open(study, writable=True) as writable:
        names = [network.name for network in writable.cut("both").index.networks]
        writable.remove_cut("both")
        for name in names:
            with pytest.raises(StudyError):
                writable.network(name)
        assert writable.node_features(writable.cut("where").index).shape == (512, 5)


def test_a_cancelled_cut_goes_on_and_nothing_is_done_twice(study: Path) -> None:
    seen: list[str] = []

    def stop(done: int, total: int, text: str) -> None:
        seen.append(text)
        if text.startswith("Colouring"):
            raise Cancelled

    with pytest.raises(Cancelled):
        cut(study, progress=stop)
    assert Study.open(study).cuts == ()
    again: list[str] = []
    cut(study, progress=lambda *told: again.append(told[2]))
    assert "Eigenvectors are there" in again
    assert not any(text.startswith(("Neighbours", "A joint cut")) for text in again)
    assert any(text.startswith("Neighbours") for text in seen)


def test_consumers_of_cuts_work_on_it(study: Path) -> None:
    from alignedcut_viewer.figures import all_figures

    cut(study)
    with Study.open(study, writable=True) as opened:
        result = opened.cut()
        joint = result.layered.joint
        assert result.label_map(joint, 0, 3, 3).shape == (4, 4)
        assert result.label_map(joint, 0, 3, 3, one_layer=True).shape == (4, 4)
        pipeline.discover_concepts(opened, "default", pipeline.ConceptSettings(n_concepts=4))
    drawn = all_figures(Study.open(study), Study.open(study).cut())
    assert drawn


def test_the_command_line_makes_it(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--eigenvectors", "4", "--neighbours", "5", "--perplexity", "5", "--map-perplexity", "5", "--device", "cpu"]
    for pathway in ("what", "where", "both"):
        options = ["--pathway", pathway, "--solver", "direct", "--name", pathway, *few, "--no-map"]
        assert cli.main(["cut", str(study), *options]) == 0
        assert "agrees most" in capsys.readouterr().out
    assert Study.open(study).cuts == ("both", "what", "where")
    assert cli.main(["cut", str(study), "--pathway", "what", "--gamma", "1"]) == 2
    assert "--gamma is an option of AlignedCut" in capsys.readouterr().err
    assert cli.main(["cut", str(study), "--solver", "direct"]) == 2
    assert "say --pathway what, where or both" in capsys.readouterr().err
    assert cli.main(["cut", str(study), "--pathway", "what"]) == 2
    assert "cannot have 50 neighbours inside its picture" in capsys.readouterr().err
    assert (
        cli.main(["cut", str(study), "--pathway", "what", "--neighbours", "9", "--images", "0", "--eigenvectors", "4"])
        == 2
    )
    assert "cannot have 9 neighbours in other pictures" in capsys.readouterr().err


def test_what_is_missing_is_said_in_a_sentence(study: Path) -> None:
    with Study.open(study, writable=True) as opened:
        for name in [name for name, features in opened.networks.items() if features.tap != "v"]:
            opened.store.remove(f"features/{name}")
    with pytest.raises(StudyError, match="needs the queries and keys of any network, which the study"):
        cut(study, pathway="where")
    with pytest.raises(StudyError, match="Extract them first: alignedcut extract PICTURES"):
        cut(study, pathway="where", networks=(NETWORK,))
    with pytest.raises(InputError, match="None of the chosen layers"):
        cut(study, layers=(7,))
    with pytest.raises(InputError, match="There is no image 12"):
        cut(study, images=(0, 12))
    with pytest.raises(InputError, match="Unknown pathway"):
        LayeredSettings(pathway="who")


def test_every_head_of_both_pathways_is_asked_and_drawn(study: Path) -> None:
    from alignedcut_viewer.figures import Lacking, agreement, all_figures

    cut(study)
    with Study.open(study, writable=True) as opened:
        assert len(opened.cut().agreement.graphs) == 3
        record = pipeline.layered_agreement(opened)
        assert len(record.graphs) == 2 * 3 * 3
        assert {(g.pathway, g.head) for g in record.graphs} == {(p, h) for p in ("what", "where") for h in range(3)}
        assert all(-1 <= g.agreement <= 1 and g.group is not None for g in record.graphs)
        again: list[str] = []
        assert pipeline.layered_agreement(opened, progress=lambda *told: again.append(told[2])) == record
        assert not again
    reader = Study.open(study)
    drawn = all_figures(reader, names=("pathways", "agreement"))
    assert not any(isinstance(figure, Lacking) for figure in drawn.values())
    words = {text.get_text() for text in agreement(reader, reader.cut()).findobj() if hasattr(text, "get_text")}
    assert {"what (value, value)", "where (query, key)"} <= words


def test_an_aligned_cut_has_no_pathways(study: Path) -> None:
    from alignedcut_viewer.figures import Lacking, all_figures
    from alignedcut_viewer.pipeline import AlignSettings, CutSettings

    with Study.open(study, writable=True) as opened:
        settings = CutSettings(n_components=4, device="cpu", colour=SETTINGS.colour, map=None)
        pipeline.cut(opened, settings, align=AlignSettings("none"))
        assert opened.cut().layered is None
        with pytest.raises(InputError, match="is an AlignedCut; agreement is asked of joint cuts"):
            pipeline.layered_agreement(opened)
    found = all_figures(Study.open(study), names=("pathways", "agreement"))
    assert all(isinstance(figure, Lacking) for figure in found.values())
    assert "pathways" not in all_figures(Study.open(study))


def test_an_alignedcut_leaves_queries_keys_and_values_to_joint_cuts(study: Path) -> None:
    with Study.open(study, writable=True) as opened:
        assert {opened.network(n.name).tap for n in opened.node_index().networks} == {"q", "k", "v"}
        pipeline.extract(opened, ExtractSettings((NETWORK,), (0, 2, 5), input_size=64, device="cpu"))
        assert [opened.network(n.name).tap for n in opened.node_index().networks] == ["attention"]


def test_the_papers_recipe_of_a_joint_cut() -> None:
    from alignedcut_viewer.pipeline.presets import paper_layered
    from alignedcut_viewer.spectral.layered.gradient import GradientSettings

    settings = paper_layered(pathway="where", device="cpu")
    engine = settings.engine()
    assert (engine.solver, engine.gradient) == ("gradient", None)  # None: the published numbers of the scope
    assert GradientSettings.paper(engine.scope).n_channels == 100
    assert (settings.weights, settings.n_inside, settings.n_across, settings.threshold) == ("resolution", 50, 50, 0.1)


def test_every_picture_by_itself(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = cut(study, scope="picture")
    opened = Study.open(study)
    v = next(features for features in opened.networks.values() if features.tap == "v")
    layers = pathway_layers("what", [{"v": v.array(layer)[:]} for layer in (0, 2, 5)], [(4, 4)] * 3, leading=1)
    alone = LayeredCut(5, graph=GraphSettings(n_inside=4, n_across=6), device="cpu").fit(layers)
    rows = result.eigenvectors[result.index.slot_slice(result.layered.joint, 0)].reshape(8, 16, 5)
    # turned to agree, the inner products of a picture's rows are its own joint operator's all the same
    expected = (alone.eigenvectors_ * alone.eigenvalues_.clip(0)[:, None]) @ alone.eigenvectors_.transpose(0, 2, 1)
    np.testing.assert_allclose(rows @ rows.transpose(0, 2, 1), expected, atol=1e-5)
    np.testing.assert_allclose([g.weight for g in result.layered.graphs], alone.weights_.mean(axis=0), atol=1e-6)
    assert (np.diff(result.eigenvalues) <= 1e-9).all()
    with Study.open(study, writable=True) as writable:
        judged = pipeline.layered_agreement(writable, heads=False)
    at = {(g.pathway, g.layer): g.agreement for g in judged.graphs}
    own = [at["what", layer] for layer in (0, 2, 5)]
    np.testing.assert_allclose(own, [g.agreement for g in result.layered.graphs], atol=1e-4)
    few = ["--eigenvectors", "4", "--neighbours", "5", "--perplexity", "5", "--device", "cpu", "--no-map"]
    assert cli.main(["cut", str(study), "--pathway", "where", "--scope", "picture", "--name", "alone", *few]) == 0
    assert Study.open(study).cut("alone").recipe["cut"]["settings"]["scope"] == "picture"
    assert cli.main(["cut", str(study), "--scope", "picture"]) == 2
    assert "--scope is an option of joint cuts" in capsys.readouterr().err


def test_the_papers_recipe_of_single_pictures(study: Path) -> None:
    from alignedcut_viewer.pipeline.presets import paper_layered

    settings = paper_layered(scope="picture", pathway="where")
    assert (settings.affinity, settings.heads, settings.n_components) == ("softmax", "apart", 20)
    result = cut(study, scope="picture", pathway="where", affinity="softmax", heads="apart", solver="gradient",
                 images=(0, 1), layers=(2,))  # fmt: skip
    assert [g.head for g in result.layered.graphs] == [0, 1, 2]
    assert np.isfinite(result.eigenvectors).all()


def test_what_is_damaged_of_a_joint_cut_is_found_and_computed_again(study: Path) -> None:
    cut(study, pathway="both")
    with Study.open(study, writable=True) as opened:
        assert pipeline.check_study(opened, weights=False) == []
        group, joint = opened.cut().group, opened.cut().layered.joint  # type: ignore[union-attr]
        files = sorted(file for file in study.rglob("*") if file.is_file() and "/c/" in file.as_posix())
        rows = [file for file in files if joint in file.parts]
        own = [file for file in files if f"/{group}/eigenvectors" in file.as_posix()]
        colours = [file for file in files if f"/{group}/colour" in file.as_posix()]
        for victims in (rows[:1], own[:1], colours[:1], [*rows[:1], *own[:1]]):
            assert victims
            before = [file.read_bytes() for file in victims]
            for file, content in zip(victims, before, strict=True):
                file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
            findings = pipeline.check_study(opened, weights=False)
            assert {finding.kind for finding in findings} == {"cut"}
            assert {finding.remedy for finding in findings} == {"computed again"}
            assert pipeline.repair_study(opened, findings) == []
            assert [file.read_bytes() for file in victims] == before
