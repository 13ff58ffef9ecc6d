"""Brain-guided alignment of a study: pictures found again, stopped and gone on with, used by cuts."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import cli, pipeline
from alignedcut_viewer.alignment import ChannelAlignment
from alignedcut_viewer.alignment.correspondence import class_share, sample_positions
from alignedcut_viewer.brain import open_brain_data, paper_rois, read_true_map
from alignedcut_viewer.errors import AlignmentError, Cancelled, InputError
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.nodes import Slot
from alignedcut_viewer.pipeline.brain_pictures import match_pictures, read_brain_data
from alignedcut_viewer.pipeline.brain_stage import BrainTraining
from alignedcut_viewer.pipeline.settings import (
    AlignSettings,
    BrainSettings,
    ColourSettings,
    CutSettings,
    ExtractSettings,
)
from alignedcut_viewer.study import Study

NETWORK = "random:vit_tiny_patch16_224"
N_PICTURES, N_VOXELS = 40, 12


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, a study of them, and responses that follow layer 2."""
    root = tmp_path_factory.mktemp("brain_stage")
    (root / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for i in range(N_PICTURES):
        pixels = rng.integers(0, 256, (1, 1, 3)) + rng.integers(-40, 40, (32, 32, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / "pictures" / f"p{i:02d}.png")
    study, _ = pipeline.open_study(root / "study", open_pictures(root / "pictures"))
    with study:
        pipeline.extract(study, ExtractSettings((NETWORK,), (0, 2), input_size=32, batch_size=4, device="cpu"))
        pooled = np.asarray(study.features(NETWORK, 2)).astype(np.float32).mean(axis=1)
    pooled = (pooled - pooled.mean(axis=0)) / pooled.std(axis=0)
    responses = pooled @ rng.standard_normal((pooled.shape[1], N_VOXELS)) / 14
    responses += 0.1 * rng.standard_normal(responses.shape)
    np.savez(
        root / "brain.npz",
        responses=responses.astype(np.float32),
        files=np.array([f"pictures/p{i:02d}.png" for i in range(N_PICTURES)]),
        roi=np.repeat(["V1", "FFA"], N_VOXELS // 2),
        simulated=np.array(True),
    )
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "root"))


@pytest.fixture
def study(root: Path) -> Iterator[Study]:
    with Study.open(root / "study", writable=True) as opened:
        yield opened


def settings(root: Path, **more: object) -> AlignSettings:
    values = {"n_epochs": 3, "patience": 3, "test": 0.2, "n_samples": 300} | more
    return AlignSettings(brain=BrainSettings(str(root / "brain.npz"), **values), device="cpu")  # type: ignore[arg-type]


def slots(study: Study) -> tuple[Slot, ...]:
    return study.node_index().slots


def test_settings_go_to_json_and_back(tmp_path: Path) -> None:
    given = settings(tmp_path)
    assert given.method == "brain"
    assert AlignSettings.from_dict(json.loads(json.dumps(given.as_dict()))) == given
    with pytest.raises(InputError, match="exactly when"):
        AlignSettings("brain")
    with pytest.raises(InputError, match="exactly when"):
        AlignSettings("none", brain=given.brain)
    with pytest.raises(InputError, match="Unknown init"):
        BrainSettings("data", init="magic")


def test_pooled_features_are_means_over_tokens_and_nodes_are_tokens(study: Study, root: Path) -> None:
    given = settings(root)
    assert given.brain is not None
    data = read_brain_data(study, slots(study), given.brain)
    training = BrainTraining(study, slots(study), given, data)
    samples = training.samples()
    everything = {slot: np.asarray(study.features(*slot)).astype(np.float32) for slot in slots(study)}
    np.testing.assert_array_equal(data.images, np.arange(N_PICTURES))
    train, test = training._split()
    share = class_share(study.network(slot.network) for slot in slots(study))
    places = sample_positions(data.images[train], 300, class_share=share)
    assert samples.node_pictures is not None
    assert not set(data.images[test]) & set(samples.node_pictures)  # held-out pictures take no part
    for slot, features in everything.items():
        np.testing.assert_allclose(samples.pooled[slot], features.mean(axis=1), rtol=1e-4, atol=1e-5)
        network = study.network(slot.network)
        tokens = places.tokens(network.rows, network.columns, class_token=network.class_token)
        np.testing.assert_array_equal(np.asarray(samples.nodes[slot], np.float32), features[places.image, tokens])
    assert samples.corresponding


def test_pictures_in_any_order_some_twice_some_not_at_all(study: Study, root: Path) -> None:
    content = dict(np.load(root / "brain.npz"))
    rows = np.array([30, 7, 7, 0, 39, 12, 13, 14, 30, 21, 5, 6])
    np.savez(root / "brain.npz", **(content | {k: content[k][rows] for k in ("responses", "files")}))
    given = settings(root, n_samples=10_000)
    assert given.brain is not None
    data = read_brain_data(study, slots(study), given.brain)
    np.testing.assert_array_equal(data.images, rows)
    training = BrainTraining(study, slots(study), given, data)
    samples = training.samples()
    for slot in slots(study):
        features = np.asarray(study.features(*slot)).astype(np.float32)
        np.testing.assert_allclose(samples.pooled[slot], features[rows].mean(axis=1), rtol=1e-4, atol=1e-5)
        trained = np.unique(data.images[training._split()[0]])
        every = features[trained].reshape(-1, features.shape[2])  # all their nodes, as more were asked for
        nodes = np.asarray(samples.nodes[slot], np.float32)
        np.testing.assert_array_equal(np.unique(nodes, axis=0), np.unique(every, axis=0))
    train, test = training._split()
    assert not set(data.images[train]) & set(data.images[test])
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(len(rows)))


def test_class_tokens_do_not_move_the_centre_of_the_patches(study: Study, root: Path) -> None:
    """With as many pictures as nodes, class tokens must not crowd in; the centre is the mean of all tokens."""
    given = settings(root, n_samples=N_PICTURES, n_epochs=0)
    assert given.brain is not None
    data = read_brain_data(study, slots(study), given.brain)
    training = BrainTraining(study, slots(study), given, data)
    network = study.network(NETWORK)
    of_class = np.isnan(training._places().positions.y).mean()
    assert network.class_token
    assert of_class == pytest.approx(1 / network.n_tokens, abs=1 / N_PICTURES)
    alignment, _ = training.train()
    train, _ = training._split()
    fitted = np.random.default_rng([0, 0]).permutation(len(train))[round(0.1 * len(train)) :]
    for slot in slots(study):
        features = np.asarray(study.features(*slot)).astype(np.float32)[data.images[train[np.sort(fitted)]]]
        mean = features.reshape(-1, features.shape[2]).mean(axis=0)
        np.testing.assert_allclose(alignment.offsets[slot], mean, atol=1e-5)


def test_an_alignment_is_trained_kept_and_used_by_cuts(study: Study, root: Path) -> None:
    records: list[dict[str, float]] = []
    index = study.node_index()
    name = pipeline.align(study, index, settings(root), on_epoch=lambda record: records.append(dict(record)))
    assert name is not None
    alignment = pipeline.load_alignment(study, name)
    assert (alignment.kind, alignment.simulated, alignment.tap) == ("brain", True, "attention")
    assert alignment.readout is not None
    assert alignment.readout.roi_names == ("V1", "FFA")
    assert set(alignment.scores["rois"]) == {"V1", "FFA", "all"}
    assert alignment.scores["rois"]["all"]["correlation"] > 0.3
    assert {record["epoch"] for record in records} >= {0.0, 1.0}
    assert not study.store.folder("training").exists()  # what was needed on the way is gone
    assert pipeline.portable_alignment(study, name).readout is not None
    # The same again is found, not trained.
    records.clear()
    assert pipeline.align(study, index, settings(root), on_epoch=records.append) == name  # type: ignore[arg-type]
    assert not records
    cut = CutSettings(
        n_components=4,
        images=tuple(range(6)),
        device="cpu",
        colour=ColourSettings(n_landmarks=40, perplexity=8, device="cpu"),
    )
    result = pipeline.cut(study, cut, align=settings(root))
    assert result.recipe["cut"]["alignment"] is not None
    assert any("simulated" in warning for warning in result.warnings)
    assert any("Only 32 pictures" in warning for warning in result.warnings)


def test_a_cancelled_training_goes_on_and_gives_the_same(study: Study, root: Path) -> None:
    index = study.node_index()

    def cancel(done: int, total: int, text: str) -> None:
        if text.endswith("epoch 3"):
            raise Cancelled

    with pytest.raises(Cancelled):
        pipeline.align(study, index, settings(root), cancel)
    (folder,) = study.store.folder("training").iterdir()
    assert list(folder.glob("checkpoint-*.pt"))
    texts: list[str] = []
    name = pipeline.align(study, index, settings(root), lambda done, total, text: texts.append(text))
    assert not any("epoch 1" in text for text in texts)
    assert name is not None
    resumed = pipeline.load_alignment(study, name)
    study.store.remove(f"alignments/{name}")
    again = pipeline.align(study, index, settings(root))
    assert again == name
    whole = pipeline.load_alignment(study, name)
    for slot in whole.slots:
        np.testing.assert_array_equal(resumed.matrix(slot), whole.matrix(slot))


def test_a_killed_training_of_a_study_goes_on_and_gives_the_same(root: Path) -> None:
    """SIGKILL, as by a power cut, in a process of its own; the study is whole, and the run takes up its epochs."""
    program = textwrap.dedent(
        """
        import sys, time
        from alignedcut_viewer import pipeline
        from alignedcut_viewer.pipeline.settings import AlignSettings, BrainSettings
        from alignedcut_viewer.study import Study

        def slowly(done, total, text):
            print(text, flush=True)
            if sys.argv[1] == "slowly" and text.startswith("training"):
                time.sleep(0.1)

        brain = BrainSettings("brain.npz", n_epochs=6, patience=6, test=0.2, n_samples=300)
        with Study.open("study", writable=True) as study:
            print(pipeline.align(study, study.node_index(), AlignSettings(brain=brain, device="cpu"), slowly))
        """
    )
    # One thread each, so that sums are taken in the same order.
    options = {"cwd": root, "env": os.environ | {"OMP_NUM_THREADS": "1"}}
    run = [sys.executable, "-c", program]
    killed = subprocess.Popen([*run, "slowly"], **options, stdout=subprocess.PIPE, text=True)  # type: ignore[call-overload]
    for line in killed.stdout:
        if line.startswith("training, epoch 3"):
            break
    killed.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    killed.wait()
    killed.stdout.close()
    with Study.open(root / "study", writable=True) as study:  # sweeps, and finds nothing half there
        assert not study.store.groups("alignments")
    assert list((root / "study" / "training").glob("*/checkpoint-*.pt"))

    def finish() -> tuple[list[str], str]:
        done = subprocess.run([*run, "on"], **options, check=True, capture_output=True, text=True)  # type: ignore[call-overload]
        lines = done.stdout.split("\n")
        return lines, next(line for line in lines if line.startswith("alignment-"))

    lines, name = finish()
    assert not any(line.startswith(("training, epoch 1", "Pooling")) for line in lines)
    assert any(line.startswith("training, epoch 4") for line in lines)
    with Study.open(root / "study", writable=True) as study:
        resumed = pipeline.load_alignment(study, name)
        study.store.remove(f"alignments/{name}")
    assert finish()[1] == name
    whole = pipeline.load_alignment(Study.open(root / "study"), name)
    assert len(whole.recipe["history"]) == 7
    for slot in whole.slots:
        np.testing.assert_array_equal(resumed.matrix(slot), whole.matrix(slot))


def test_pictures_are_found_by_path_content_or_name(study: Study, root: Path, tmp_path: Path) -> None:
    expected = np.arange(N_PICTURES)
    by_path = open_brain_data(root / "brain.npz")
    # The pictures of the copy lie elsewhere than when the study was made.
    np.testing.assert_array_equal(match_pictures(study, by_path), expected)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for i, path in enumerate(sorted((root / "pictures").iterdir())):
        shutil.copy(path, elsewhere / f"other{i:02d}.png")
    table = replace(by_path.pictures, paths=tuple(sorted(elsewhere.iterdir())))
    np.testing.assert_array_equal(match_pictures(study, replace(by_path, pictures=table)), expected)
    names_only = replace(by_path.pictures, paths=(None,) * N_PICTURES)
    np.testing.assert_array_equal(match_pictures(study, replace(by_path, pictures=names_only)), expected)
    # A file of the same name with other content is another picture.
    Image.new("RGB", (8, 8)).save(elsewhere / "p00.png")
    wrong = replace(by_path.pictures, paths=(elsewhere / "p00.png", *table.paths[1:]))
    assert match_pictures(study, replace(by_path, pictures=wrong))[0] == -1


def test_missing_pictures_are_named(root: Path) -> None:
    content = dict(np.load(root / "brain.npz"))
    names = content["files"].astype("<U40")
    names[3] = "pictures/lost.png"
    np.savez(root / "brain.npz", **(content | {"files": names}))
    with Study.open(root / "study", writable=True) as study:
        given = settings(root)
        assert given.brain is not None
        data = read_brain_data(study, slots(study), given.brain)
        assert len(data.images) == N_PICTURES - 1
        assert 3 not in data.images
        assert data.warning is not None
        assert "1 of 40 (pictures/lost.png) is not in the study" in data.warning
        np.savez(root / "brain.npz", **(content | {"files": np.array([f"x{i}.png" for i in range(N_PICTURES)])}))
        with pytest.raises(AlignmentError, match=r"40 of 40 \(x0.png, x1.png, x2.png, …\) are not in the study"):
            pipeline.align(study, study.node_index(), given)
        assert not list(study.store.folder("alignments").glob("*-*"))


def test_the_table_has_a_row_a_weight(study: Study, root: Path) -> None:
    given = settings(root, init="identity", n_epochs=1)
    assert given.brain is not None
    training = BrainTraining(study, slots(study), given, read_brain_data(study, slots(study), given.brain))
    table = training.table((1.0, 0.0))
    assert list(table) == [1.0, 0.0]
    assert set(table[0.0].rois) == {"V1", "FFA", "all"}
    training.clean()
    assert not training.folder.exists()
    lone = settings(root, test=0.0)
    assert lone.brain is not None
    with pytest.raises(AlignmentError, match="two pictures that take no part"):
        BrainTraining(study, slots(study), lone, read_brain_data(study, slots(study), lone.brain)).table((1.0,))


# -- the command line ----------------------------------------------------------------------------------------------


def test_align_with_brain_data_on_the_command_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, out = str(root / "study"), root / "maps.safetensors"
    brain = ["--brain", str(root / "brain.npz"), "--epochs", "1", "--test", "0.2", "--device", "cpu"]
    assert cli.main(["align", study, *brain, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "Held-out R²: V1 " in printed
    assert "simulated responses" in printed
    fitted = ChannelAlignment.load(out)
    assert fitted.kind == "brain"
    assert fitted.readout is not None
    assert cli.main(["align", study, *brain, "--samples", "64", "--out", str(root / "few.safetensors")]) == 0
    assert ChannelAlignment.load(root / "few.safetensors").recipe["nodes"] == 64  # two a picture of 32
    options = ["--eigenvectors", "4", "--perplexity", "10", "--device", "cpu", "--images", "0", "1", "2", "3"]
    assert cli.main(["cut", study, "--alignment", str(out), *options]) == 0
    exported = root / "exported.safetensors"
    assert cli.main(["align", "export", study, "--out", str(exported)]) == 0
    again = ChannelAlignment.load(exported)
    assert again.readout is not None
    assert again.simulated
    for slot in fitted.slots:
        np.testing.assert_array_equal(again.matrix(slot), fitted.matrix(slot))
    capsys.readouterr()
    assert cli.main(["align", study, *brain, "--init", "random", "--table", "1", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "| eigen-constraint | V1 | FFA | all |"
    assert [line.split("|")[1].strip() for line in lines[3:]] == ["1", "0"]
    # Over seeds, with spread and every number; from an isometry the table says what the comparison needs.
    file = root / "table.csv"
    assert cli.main(["align", study, *brain, "--table", "1", "--seeds", "2", "--csv", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "--init random" in printed
    with file.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["seed"], row["roi"]) for row in rows] == [(s, r) for s in "01" for r in ("V1", "FFA", "all")]
    by_seed = [float(row["r2"]) for row in rows if row["roi"] == "all"]
    assert f"{np.mean(by_seed):.3f} ± {np.std(by_seed, ddof=1):.3f}" in printed
    drawn = root / "table.png"
    assert cli.main(["align", study, *brain, "--table", "1", "0", "--figure", str(drawn)]) == 0
    with Image.open(drawn) as image:
        assert np.asarray(image.convert("L")).std() > 5
    capsys.readouterr()
    assert cli.main(["align", study, *brain, "--seeds", "2", "--out", str(out)]) == 2
    assert "belong to --table" in capsys.readouterr().err


def test_matrices_come_in_on_the_command_line(root: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(root / "maps.npz", a0=rng.standard_normal((192, 8)), a1=rng.standard_normal((192, 8)))
    out = root / "in.safetensors"
    slots = ["--slots", f"{NETWORK}:0", f"{NETWORK}:2-2"]
    arguments = ["align", "import", str(root / "maps.npz"), *slots, "--out", str(out), "--study", str(root / "study")]
    assert cli.main(arguments) == 0
    assert ChannelAlignment.load(out).slots == (Slot(NETWORK, 0), Slot(NETWORK, 2))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["align", "{study}", "--brain", "{root}/absent.npz", "--out", "a.safetensors"], "absent.npz"),
        (["align", "{study}", "--eigen-weight", "1", "--out", "a.safetensors"], "--brain"),
        (["align", "{study}", "--table"], "--brain"),
        (["align", "{study}", "--brain", "{root}/brain.npz"], "--out"),
        (["align", "{study}", "--brain", "{root}/brain.npz", "--table", "--out", "a.safetensors"], "leave --out out"),
        (["align", "{study}", "--brain", "{root}/brain.npz", "--table", "--eigen-weight", "-1"], "eigen_weight"),
        (["align", "{study}", "--brain", "{root}/brain.npz", "--out", "a.pt"], r".safetensors"),
        (["align", "export", "{study}", "--out", "a.safetensors"], "no cut 'default'"),
        (["align", "import", "{root}/brain.npz", "--slots", "net", "--out", "a.safetensors"], "does not name layers"),
        (["align", "import", "{root}/brain.npz", "--slots", "net:0-1", "--out", "a.safetensors"], "not a matrix"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(
    root: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [word.format(study=root / "study", root=root) for word in arguments]
    assert cli.main(filled) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_a_simulated_subject_sees_the_studys_own_pictures(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, out = str(root / "study"), root / "simulated" / "subj01"
    assert cli.main(["simulate-brain", study, str(out), "--vertices", "300"]) == 0
    assert "SIMULATED" in capsys.readouterr().out
    opened = Study.open(study)
    data = read_brain_data(opened, slots(opened), BrainSettings(str(out)))
    assert data.dataset.simulated
    assert data.warning is None
    np.testing.assert_array_equal(data.images, opened.node_index().images)  # the copies were found to be copies
    assert set(paper_rois()) <= set(data.dataset.rois.merged().names)
    assert data.dataset.fsaverage_vertex is not None
    truth = read_true_map(out)
    assert truth.beta.shape == (len(slots(opened)) * (N_PICTURES // (2 * len(slots(opened)))), 600)
    assert cli.main(["simulate-brain", study, str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    maps = str(root / "simulated.safetensors")
    assert cli.main(["align", study, "--brain", str(out), "--epochs", "1", "--out", maps, "--device", "cpu"]) == 0
    assert "simulated responses" in capsys.readouterr().out
    assert ChannelAlignment.load(maps).simulated


def test_simulated_regions_follow_the_depth_that_they_were_given(root: Path) -> None:
    with Study.open(root / "study", writable=True) as study:
        out = pipeline.simulate_brain(study, root / "subj01", n_vertices=(400, 400), explained=1.0, seed=1)
        truth, dataset = read_true_map(out), open_brain_data(out)
    rois = dataset.rois.merged()
    early, late = np.split((truth.beta / np.linalg.norm(truth.beta, axis=0)) ** 2, 2)  # layer 0 comes first
    share = {name: early[:, rois.voxels(name)].sum() / rois.counts()[name] for name in ("V1", "FFA")}
    assert share["V1"] > share["FFA"] + 0.4
    assert late.shape == early.shape


def test_scores_come_with_p_values_and_intervals(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Responses follow layer 2, but for the voxels of a region that follow nothing."""
    rng = np.random.default_rng(1)
    with np.load(root / "brain.npz") as content:
        data = dict(content)
    data["responses"] = np.concatenate([data["responses"], rng.standard_normal((N_PICTURES, 6))], axis=1)
    data["roi"] = np.append(data["roi"], ["OPA"] * 6)
    np.savez(root / "brain.npz", **data)
    out, table = root / "maps.safetensors", root / "scores.csv"
    words = ["align", str(root / "study"), "--brain", str(root / "brain.npz"), "--epochs", "1", "--test", "0.5"]
    assert cli.main([*words, "--out", str(out), "--csv", str(table), "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    with table.open(encoding="utf-8") as stream:
        rows = {row["region"]: row for row in csv.DictReader(stream)}
    assert list(rows) == ["V1", "FFA", "OPA", "all"]  # the order of the paper's bars
    for name in ("V1", "FFA"):
        assert float(rows[name]["q_value"]) < 0.05
        assert float(rows[name]["r2_low"]) < float(rows[name]["r2"]) < float(rows[name]["r2_high"])
        assert float(rows[name]["significant"]) > 0.5
        assert int(rows[name]["n_pictures"]) == N_PICTURES // 2
    assert float(rows["OPA"]["q_value"]) > 0.05
    assert re.search(r"OPA -?0\.\d+ \[.*\] \(not significant", printed)
    assert f"V1 {float(rows['V1']['r2']):.3f} [" in printed


def test_two_people_who_saw_different_pictures_share_an_alignment(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load(root / "brain.npz") as content:
        data = dict(content)
    for name, start in (("ann", 0), ("bob", 1)):
        own = {**data, "files": data["files"][start::2], "responses": data["responses"][start::2]}
        np.savez(root / f"{name}.npz", **own)
    out, table, study = root / "both.safetensors", root / "scores.csv", str(root / "study")
    data_sets = [str(root / "ann.npz"), str(root / "bob.npz")]
    words = ["align", study, "--brain", *data_sets, "--epochs", "1", "--test", "0.4", "--device", "cpu"]
    assert cli.main([*words, "--out", str(out), "--csv", str(table)]) == 0
    printed = capsys.readouterr().out
    assert "mean of 2 people" in printed
    with table.open(encoding="utf-8") as stream:
        rows = {(row["subject"], row["region"]): row for row in csv.DictReader(stream)}
    means = [float(rows[name, "all"]["r2"]) for name in ("ann", "bob")]
    assert float(rows["group", "all"]["r2"]) == pytest.approx(np.mean(means), abs=1e-5)
    assert min(means) > 0.3

    # Everybody's voxels are predicted for new pictures; a submission is of one person.
    assert cli.main(["predict", study, "--alignment", str(out), "--out", str(root / "all")]) == 0
    everybody = np.load(root / "all" / "responses.npy")
    assert everybody.shape == (N_PICTURES, 2 * N_VOXELS)
    one = ["predict", study, "--alignment", str(out), "--subject", "bob"]
    assert cli.main([*one, "--out", str(root / "bob")]) == 0
    np.testing.assert_array_equal(np.load(root / "bob" / "responses.npy"), everybody[:, N_VOXELS:])
    capsys.readouterr()
    assert cli.main([*one[:-1], "cyd", "--out", str(root / "cyd")]) == 2
    assert "There is no subject 'cyd'; there are: ann, bob." in capsys.readouterr().err

    # Bars and cortex of one person, by an alignment that holds that person's readout alone.
    options = ["--eigenvectors", "4", "--perplexity", "10", "--device", "cpu", "--images", "0", "1", "2", "3"]
    assert cli.main(["cut", study, "--alignment", str(out), *options]) == 0
    bob = root / "bob.safetensors"
    assert cli.main(["align", "export", study, "--subject", "bob", "--out", str(bob)]) == 0
    alone = ChannelAlignment.load(bob).readout
    assert alone is not None
    assert (alone.title, alone.n_voxels, alone.roi_names) == ("bob (simulated)", N_VOXELS, ("V1", "FFA"))


def test_maps_from_elsewhere_get_a_readout(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Matrices without a readout: fitted to responses, they predict and have bars, and stay as they are."""
    rng = np.random.default_rng(0)
    slots = [Slot(NETWORK, 0), Slot(NETWORK, 2)]
    given = {slot: (np.linalg.qr(rng.standard_normal((192, 192)))[0]).astype(np.float32) for slot in slots}
    maps, out, study = root / "given.safetensors", root / "read.safetensors", str(root / "study")
    ChannelAlignment(given, kind="brain", tap="attention").save(maps)
    words = ["align", study, "--brain", str(root / "brain.npz"), "--test", "0.3", "--device", "cpu"]
    assert cli.main([*words, "--maps", str(maps), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    fitted = ChannelAlignment.load(out)
    for slot in slots:
        np.testing.assert_array_equal(fitted.matrix(slot), given[slot])
    assert fitted.readout is not None
    # an orthogonal map loses nothing: the readout finds what ridge regression on all channels of the sum finds
    assert fitted.scores["rois"]["all"]["r2"] > 0.5
    assert f"V1 {fitted.scores['rois']['V1']['r2']:.3f} [" in printed
    options = ["--eigenvectors", "4", "--perplexity", "10", "--device", "cpu", "--images", "0", "1", "2", "3"]
    assert cli.main(["cut", study, "--alignment", str(out), *options]) == 0
    with Study.open(study, writable=True) as opened:
        assert pipeline.brain_activation(opened).names == ("V1", "FFA")
    ChannelAlignment({slots[0]: np.eye(192, dtype=np.float32)}).save(maps)
    capsys.readouterr()
    damaged = root / "damaged.safetensors"
    damaged.write_bytes(b"nothing")
    for file, said in (
        (maps, "has no map for slot"),
        (root / "absent.safetensors", "There is no alignment file"),
        (damaged, "is not a readable safetensors file"),
    ):
        assert cli.main([*words, "--maps", str(file), "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count(str(file)) == 1
        assert len(error.strip().splitlines()) == 1
    assert cli.main([*words, "--maps", str(maps), "--table"]) == 2
    assert "leave --maps out" in capsys.readouterr().err
