"""Figures drawn by several processes: the same files as from one, whatever becomes of the others."""

from __future__ import annotations

import multiprocessing
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from alignedcut_viewer import cli
from alignedcut_viewer.commands import figure_crew
from alignedcut_viewer.commands.figure_crew import FigureCrew, FigureOrder, Finished, MaterialSource
from alignedcut_viewer.errors import Cancelled, StorageError
from alignedcut_viewer.figures import FigureKind, FigureOptions, Lacking, chosen_kinds
from alignedcut_viewer.study import Study

NAMES = ["mosaic", "similarity", "trajectories", "comparison"]  # the study has no map for the third


@pytest.fixture
def source(study: Study) -> MaterialSource:
    return MaterialSource.early(str(study.path), "default", "zero", FigureOptions())


def orders(folder: Path) -> list[FigureOrder]:
    return [
        FigureOrder(kind, (folder / f"{kind.name}.png", folder / f"{kind.name}.pdf"), 80.0, page=True)
        for kind in chosen_kinds(NAMES)
    ]


def wait_until(condition: Callable[[], bool]) -> None:
    """For what another process does, a minute at most."""
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_another_process_writes_the_same_files(source: MaterialSource, tmp_path: Path) -> None:
    there, here = orders(tmp_path / "there"), orders(tmp_path / "here")
    drawn = [file for order in there for file in order.files if order.kind.name != "trajectories"]
    with FigureCrew(1) as crew:
        crew._offer(there, source)
        wait_until(lambda: all(file.exists() for file in drawn))  # nothing is drawn by this process
        beside = crew.finish(there, source.material(), source)
    with FigureCrew(0) as crew:
        crew.begin(here, source, computed=True)  # by nobody
        assert not (tmp_path / "here").exists()
        alone = crew.finish(here, source.material(), source)
    assert list(beside) == list(alone) == NAMES
    for name in NAMES:
        one, other = beside[name], alone[name]
        if name == "trajectories":
            assert one == other
            assert isinstance(one, Lacking)
            assert "holds no 2-D map" in one.reason
            continue
        assert isinstance(one, Finished)
        assert isinstance(other, Finished)
        assert one.page is not None
        assert one.page == other.page
        assert [file.read_bytes() for file in one.files] == [file.read_bytes() for file in other.files]


def test_what_needs_figure_and_ground_is_not_begun_before_they_are_known(source: MaterialSource) -> None:
    kinds = {kind.name: kind for kind in chosen_kinds()}
    first = {name for name, kind in kinds.items() if source.suffices(kind, computed=False)}
    then = {name for name, kind in kinds.items() if source.suffices(kind, computed=True)}
    assert first == {"mosaic", "comparison", "brain-scores", "brain-scores-table"}
    assert then - first == {"roi-maps", "concepts", "consistency", "concept-voxels"}


def test_a_process_that_dies_is_done_without(source: MaterialSource, tmp_path: Path) -> None:
    wanted = orders(tmp_path)
    with FigureCrew(1) as crew:
        crew._processes[0].kill()
        outcomes = crew.finish(wanted, source.material(), source)
    assert [type(outcomes[name]) for name in NAMES] == [Finished, Finished, Lacking, Finished]
    assert len(list(tmp_path.iterdir())) == 6


def test_what_another_process_cannot_draw_is_drawn_here(source: MaterialSource, study: Study, tmp_path: Path) -> None:
    """A study that only this process can open, and a kind that cannot be sent."""
    material = source.material()
    own = FigureOrder(FigureKind("own", "Own", "", "", draw=lambda study, cut: Figure()), (tmp_path / "own.png",))
    elsewhere = MaterialSource.early(str(tmp_path / "nothing"), "default", "zero", FigureOptions())
    wanted = [own, *orders(tmp_path)[:1]]
    with FigureCrew(1) as crew:
        crew.begin(wanted, elsewhere, computed=False)
        wait_until(lambda: len(crew._here) == 2)
        outcomes = crew.finish(wanted, material, elsewhere)
    assert all(isinstance(outcome, Finished) for outcome in outcomes.values())
    assert {file.name for file in tmp_path.iterdir()} == {"own.png", "mosaic.png", "mosaic.pdf"}


def test_cancelling_leaves_whole_files_and_no_process(source: MaterialSource, tmp_path: Path) -> None:
    def cancel(done: int, total: int, text: str) -> None:
        if text.startswith("Writing"):
            raise Cancelled

    crew = FigureCrew(1)
    process = crew._processes[0]
    with pytest.raises(Cancelled), crew:
        crew.finish(orders(tmp_path), source.material(), source, cancel)
    with pytest.raises(ValueError, match="closed"):  # it has ended
        process.is_alive()
    for file in tmp_path.iterdir():
        assert file.suffix in (".png", ".pdf")
        if file.suffix == ".png":
            with Image.open(file) as image:
                image.load()
        else:
            assert file.read_bytes().rstrip().endswith(b"%%EOF")


def test_a_file_that_cannot_be_written_is_one_sentence(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(Path(str(study.path)).parent, tmp_path / "copy") / "study"
    (tmp_path / "out" / "mosaic.png").mkdir(parents=True)
    monkeypatch.setattr(figure_crew, "spare_cores", lambda: 1)
    assert cli.main(["figures", str(copy), "--all", "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "mosaic.png" in error
    assert len(error.splitlines()) == 1


def test_nobody_is_left_when_the_one_that_asks_is_gone() -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=figure_crew._serve, args=(there,), daemon=True)
    process.start()
    there.close()
    here.close()  # as when the other end was killed
    process.join(60)
    assert process.exitcode == 0


def test_a_folder_in_the_place_of_a_file(source: MaterialSource, tmp_path: Path) -> None:
    (tmp_path / "mosaic.png").mkdir()
    with pytest.raises(StorageError, match=r"mosaic\.png"), FigureCrew(0) as crew:
        crew.finish(orders(tmp_path)[:1], source.material(), source)
