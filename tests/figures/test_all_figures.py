"""Every figure of a study by one command, what it lacks with the reason, and the report on one page."""

from __future__ import annotations

import base64
import csv
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from alignedcut_viewer import cli, pipeline
from alignedcut_viewer.brain import paper_rois
from alignedcut_viewer.errors import InputError, StorageError, StudyError
from alignedcut_viewer.figures import (
    FigureGround,
    FigureKind,
    Lacking,
    all_figures,
    brain_scores,
    figure_ground_activation,
    figure_ground_from_masks,
    figure_ground_from_segments,
    figure_kinds,
    layer_scores,
    report_html,
    save_figure,
    similarity,
    trajectories,
)
from alignedcut_viewer.figures.figure_writer import write_figure
from alignedcut_viewer.study import Study

BRAIN = {
    "figure-ground-activation",
    "roi-differences",
    "concept-voxels",
    "cortex",
    "roi-maps",
    "brain-scores",
    "brain-scores-table",
}
NAMES = {kind.name for kind in figure_kinds() if kind.needs != "layers"}
"""The figures of an AlignedCut."""


def inside_disc(rows: int, columns: int) -> np.ndarray:
    """The disc that all pictures of these studies show."""
    y, x = (np.arange(rows) + 0.5) / rows - 0.5, (np.arange(columns) + 0.5) / columns - 0.5
    return np.add.outer(y**2, x**2) < 0.3**2


def words(figure: Figure) -> str:
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def masks_of(folder: Path) -> Path:
    """Masks of the discs beside the pictures of a study."""
    masks = folder / "masks"
    masks.mkdir(exist_ok=True)
    for path in folder.glob("*.png"):
        with Image.open(path) as picture:
            mask = inside_disc(picture.height, picture.width)
        Image.fromarray(mask.astype(np.uint8)).save(masks / path.name)
    return masks


@pytest.fixture(scope="module")
def drawn_study(brain_study: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A study after `alignedcut figures --all`, the folder of the figures, and what was printed."""
    copy = tmp_path_factory.mktemp("all") / "copy"
    shutil.copytree(brain_study.parent, copy)
    out = copy / "figures"
    import contextlib
    import io

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        arguments = [
            "--all",
            "--masks",
            str(masks_of(copy)),
            "--out",
            str(out),
            "--formats",
            "png",
            "svg",
            "--dpi",
            "80",
            "--report",
            str(copy / "report.html"),
        ]
        assert cli.main(["figures", str(copy / "study"), *arguments]) == 0
    return copy / "study", out, printed.getvalue()


def test_all_figures_are_written(drawn_study: tuple[Path, Path, str]) -> None:
    path, out, printed = drawn_study
    assert {file.stem for file in out.glob("*.png")} == NAMES, printed
    assert {file.stem for file in out.glob("*.svg")} == NAMES
    assert f"{len(NAMES)} of {len(NAMES)} figures" in printed
    assert (path.parent / "report.html").stat().st_size > 100_000
    for file in out.glob("*.png"):
        with Image.open(file) as image:
            assert np.asarray(image.convert("L")).std() > 5, file.name
    cut = Study.open(path).cut()
    assert cut.map2d is not None
    assert cut.concepts is not None
    assert cut.brain_activation is not None


def test_what_is_lacking_is_said_with_the_reason(study: Study) -> None:
    found = all_figures(study)
    assert list(found) == [kind.name for kind in figure_kinds() if kind.name in NAMES]
    lacking = {name: figure.reason for name, figure in found.items() if isinstance(figure, Lacking)}
    assert set(lacking) >= BRAIN
    assert {"mosaic", "similarity", "comparison"} & set(lacking) == set()
    assert "train an alignment on brain data" in lacking["cortex"]
    assert "carries no brain scores" in lacking["brain-scores"]
    assert "No concepts were discovered" in lacking["concepts"]
    assert "holds no 2-D map" in lacking["trajectories"]
    assert "--masks" in lacking["layer-scores"]
    for figure in found.values():
        assert (
            isinstance(figure, Lacking)
            or "nodes of 3 pictures" in words(figure)
            or "nodes (3 pictures" in words(figure)
        )


def test_figure_and_ground_are_found_without_masks(brain_study: Path) -> None:
    study = Study.open(brain_study)
    cut = study.cut()
    found = figure_ground_from_segments(study, cut)
    assert "no masks; a 2-way cut of layer" in found.source
    for network in cut.index.networks:
        disc = inside_disc(network.rows, network.columns)
        for image in (0, 7):
            tokens = found.labels[cut.index.patch_slice(network.name, network.layers[0], image)]
            assert (tokens.reshape(disc.shape) == disc).mean() > 0.8
            assert found.labels[cut.index.image_slice(network.name, network.layers[0], image)][0] == -1  # class token


def test_masks_label_tokens_in_every_layer(drawn_study: tuple[Path, Path, str]) -> None:
    path, _, _ = drawn_study
    study = Study.open(path)
    cut = study.cut()
    found = figure_ground_from_masks(study, cut, path.parent / "masks")
    assert found.source == "Figure and ground: masks of 8 of 8 pictures."
    for network in cut.index.networks:
        for layer in network.layers:
            figure = found.nodes(cut.index, 1, network=network.name, layer=layer)
            ground = found.nodes(cut.index, 0, network=network.name, layer=layer)
            assert len(figure) + len(ground) == 8 * network.rows * network.columns
            assert 0.1 < len(figure) / (len(figure) + len(ground)) < 0.5


def test_void_takes_no_part_and_masks_without_ground_are_a_sentence(
    drawn_study: tuple[Path, Path, str], tmp_path: Path
) -> None:
    study = Study.open(drawn_study[0])
    cut = study.cut()
    for file in (drawn_study[0].parent / "masks").glob("*.png"):
        mask = np.asarray(Image.open(file)).copy()
        mask[:, : mask.shape[1] // 3] = 255
        Image.fromarray(mask).save(tmp_path / file.name)
    found = figure_ground_from_masks(study, cut, tmp_path)
    assert "label 255 is left out" in found.source
    plain = figure_ground_from_masks(study, cut, drawn_study[0].parent / "masks").labels
    assert (found.labels[found.labels >= 0] == plain[found.labels >= 0]).all()
    assert (found.labels == -1).mean() > (plain == -1).mean() + 0.25
    with pytest.raises(InputError, match=r"No token is ground .*--figure-labels"):
        figure_ground_from_masks(study, cut, tmp_path, figure=(0, 1), unlabelled=(255,))


def test_planted_activation_is_drawn(drawn_study: tuple[Path, Path, str]) -> None:
    """Figure drives V1 up and PPA down, by construction."""
    path, _, _ = drawn_study
    study = Study.open(path)
    cut = study.cut()
    split = figure_ground_from_masks(study, cut, path.parent / "masks")
    figure = figure_ground_activation(study, cut, split)
    assert "simulated brain data" in words(figure)
    assert "by layer (about the layer's mean)" in words(figure)
    assert "read their difference, not their signs" in words(figure)
    plain = words(figure_ground_activation(study, cut, split, about="zero"))
    assert "(about zero)" in plain
    assert "their signs" not in plain
    shown = {axes.get_label(): axes for axes in figure.axes}
    table = np.asarray(shown["wide-simulated figure"].images[0].get_array())
    v1, ppa = 0, 9
    assert (table[v1] > 0.5).all()
    assert (table[ppa] < -0.5).all()
    tasks, source = pipeline.mask_tasks(study, cut.index, path.parent / "masks")
    assert list(tasks) == ["figure and ground"]  # these masks name no categories
    scores = pipeline.oracle_scores(study, tasks)
    assert [(score.network, score.layer, score.aligned) for score in scores[:2]] == [
        ("wide-simulated", 0, False),
        ("wide-simulated", 0, True),
    ]
    shown = layer_scores(study, cut, scores, source=source)
    lines = [line for line in shown.axes[0].lines if len(line.get_xdata()) > 1 and line.get_marker() != "None"]
    assert len(lines) == 4  # two networks, raw and aligned
    assert min(np.asarray(line.get_ydata()).min() for line in lines) > 0.9  # planted, and told apart in every layer
    best = brain_scores(study, cut)
    assert "0.100" in words(best)  # R² of V1


def test_one_picked_token_finds_the_discs(brain_study: Path) -> None:
    study = Study.open(brain_study)
    cut = study.cut()
    node = cut.index.node("wide-simulated", 2, 3, row=3, column=4)
    figure = similarity(study, cut, nodes=[node], images=[0, 1], features=None)
    assert "eigenvectors" in words(figure)
    heat = [np.asarray(a.images[0].get_array()).astype(int).sum(-1) for a in figure.axes if " 0" in a.get_label()]
    shown = heat[-1]
    disc = inside_disc(*shown.shape)
    assert shown[disc].mean() > 1.5 * shown[~disc].mean()


def test_without_a_map_paths_are_refused(study: Study) -> None:
    with pytest.raises(StudyError, match="holds no 2-D map"):
        trajectories(study, study.cut(), figure_ground=FigureGround(np.zeros(len(study.cut().index), np.int8), ""))


def test_options_that_do_not_go_together(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words_given, said in (
        (["--all", "--smooth"], "go without it"),
        (["--all", "--out", "figure.png"], "names one folder"),
        (["--all", "--formats", "gif"], "gif is not a kind of figure"),
        (["--masks", "masks"], "mosaic takes no --masks"),
        (["--unlabelled", "255"], "mosaic takes no --masks"),
        (["mosaik"], "no figure 'mosaik'; there are: mosaic, layer-scores"),
        (["mosaic", "--all"], "go without it"),
        (["flow", "--images", "1"], "flow takes no --images"),
        (["roi-maps", "--layers", "1", "2"], "roi-maps shows a single layer"),
        (["similarity", "--query", "3"], "names no pixel"),
        (["similarity", "--query", "0:99,0"], "lies outside of picture 0, which is 60 × 40"),
        (["similarity", "--layers", "9"], "9"),
        (["mosaic", "--out", str(tmp_path / "a.csv")], "mosaic has no table"),
        (["mosaic", "--report", str(tmp_path / "a.html")], "use --report with --all"),
        (["--all", "--report", str(tmp_path / "a.pdf")], "must end in .html"),
        (["mosaic", "similarity", "--out", "a.png"], "names one folder"),
        (["cortex"], "cortex cannot be drawn: "),
    ):
        assert cli.main(["figures", str(study.path), *words_given]) == 2
        assert said in capsys.readouterr().err
    assert cli.main(["report", str(study.path), str(tmp_path / "report.txt")]) == 2
    assert "must end in .html" in capsys.readouterr().err


def table(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_one_figure_by_name_shows_what_was_chosen(
    drawn_study: tuple[Path, Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _, _ = drawn_study
    png, numbers = tmp_path / "a" / "similarity.png", tmp_path / "a" / "similarity.csv"
    chosen = ["--networks", "wide-simulated", "--layers", "2", "--images", "0", "3", "--query", "3:30,20", "1:2,2"]
    given = [*chosen, "--out", str(png), str(numbers), "--dpi", "80", "--masks", str(path.parent / "masks")]
    assert cli.main(["figures", str(path), "similarity", *given]) == 0
    assert capsys.readouterr().out.split() == [str(png), str(numbers)]
    rows = table(numbers)
    places = [(row["asked_image"], row["asked_row"], row["asked_column"], row["image"]) for row in rows]
    # the pixel 30,20 of 60 × 40 lies in the middle of a grid of 8 × 6, and on the disc; 2,2 in the ground's corner
    assert places == [("3", "3", "4", "0"), ("3", "3", "4", "3"), ("1", "0", "0", "0"), ("1", "0", "0", "3")]
    assert {row["network"] for row in rows} == {"wide-simulated"}
    assert {row["layer"] for row in rows} == {"2"}
    for row in rows:
        inside, outside = float(row["figure"]), float(row["ground"])
        assert (inside > outside) == (row["asked_image"] == "3")
    with Image.open(png) as image:
        assert np.asarray(image.convert("L")).std() > 5
    assert cli.main(["figures", str(path), "cortex", "--layers", "2", "--about", "zero", "--out", str(png)]) == 0
    assert cli.main(["figures", str(path), "mosaic", "flow", "--formats", "svg", "--out", str(tmp_path / "b")]) == 0
    assert sorted(file.name for file in (tmp_path / "b").iterdir()) == ["flow.svg", "mosaic.svg"]


def test_tables_of_pictures(drawn_study: tuple[Path, Path, str], tmp_path: Path) -> None:
    path, _, _ = drawn_study
    masks = ["--masks", str(path.parent / "masks"), "--formats", "csv", "--out", str(tmp_path)]
    names = ["concept-voxels", "concepts", "figure-ground-activation", "layer-scores", "roi-differences", "similarity"]
    assert cli.main(["figures", str(path), *names, *masks]) == 0
    assert sorted(file.stem for file in tmp_path.iterdir()) == names
    cut = Study.open(path).cut()
    assert cut.concepts is not None
    rows = table(tmp_path / "concepts.csv")
    assert len(rows) == 8 * len(cut.concepts)
    for concept in cut.concepts:
        own = [row for row in rows if int(row["concept"]) == concept.id]
        assert sum(int(row["tokens"]) for row in own) == concept.size
    assert all(0 <= float(row["share"]) <= 1 for row in rows)
    differences = {(r["network"], r["layer"], r["region"]): r for r in table(tmp_path / "roi-differences.csv")}
    assert {name for _, _, name in differences} == set(paper_rois())
    for (_, _, region), row in differences.items():
        if region in ("V1", "PPA"):  # planted: figure drives V1 up and PPA down, in each of the eight pictures
            sign = 1 if region == "V1" else -1
            assert sign * float(row["difference_low"]) > 1
            assert float(row["p_value"]) == pytest.approx(2 / 2**8)
            assert float(row["q_value"]) <= 0.05
            assert float(row["figure_low"]) < float(row["figure"]) < float(row["figure_high"])
        assert row["pictures"] == "8"
    voxels = table(tmp_path / "concept-voxels.csv")
    assert {row["hemisphere"] for row in voxels} == {"lh", "rh"}
    assert len(voxels) == 120 * len({row["concept"] for row in voxels})
    activation = table(tmp_path / "figure-ground-activation.csv")
    assert len(activation) == 8 * len(cut.index.slots) * 12
    v1 = [row for row in activation if row["region"] == "V1"]
    assert all(float(row["figure"]) > 0.5 > -0.2 > float(row["ground"]) for row in v1)  # planted
    scores = table(tmp_path / "layer-scores.csv")
    assert {row["features"] for row in scores} == {"raw", "aligned"}
    assert len(scores) == 2 * len(cut.index.slots)
    kept = list((path / "cuts").glob("*/oracle-*/zarr.json"))
    assert len(kept) == 1
    similar = table(tmp_path / "similarity.csv")
    assert {row["picture"] for row in similar} == {f"disc $x_{number}$.png" for number in range(8)}


# -- the report ------------------------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """What the tests ask of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.tags: list[str] = []
        self.language: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag == "html":
            self.language = values.get("lang")
        if tag == "img":
            self.pictures.append(values)
        if tag == "a":
            self.links.append(str(values["href"]))
        if values.get("id"):
            self.ids.add(str(values["id"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(drawn_study: tuple[Path, Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, _, _ = drawn_study
    target = tmp_path_factory.mktemp("report") / "report.html"
    assert cli.main(["report", str(path), str(target), "--masks", str(path.parent / "masks")]) == 0
    return target


def test_the_report_is_one_whole_page(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    parsed = _Page()
    parsed.feed(text)
    assert parsed.open == []
    assert parsed.language == "en"
    assert len(parsed.pictures) == len(NAMES)
    for picture in parsed.pictures:
        assert len(str(picture["alt"])) > 40
        kind, data = str(picture["src"]).split(",", 1)
        assert kind == "data:image/png;base64"
        with Image.open(BytesIO(base64.b64decode(data))) as image:
            wide, high = int(str(picture["width"])), int(str(picture["height"]))
            assert abs(image.width - wide) <= 1
            assert abs(image.height - high) <= 1
    assert all(link.startswith("#") and link[1:] in parsed.ids for link in parsed.links)
    assert parsed.tags.count("h1") == 1
    assert {"main", "header", "nav", "footer", "figcaption", "caption"} <= set(parsed.tags)
    assert "script" not in parsed.tags
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)  # nothing is fetched
    assert not re.search(r"url\(|@import", text)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "simulated brain data" in text
    assert "secret" not in text  # folders are nobody's business
    assert str(page.parent) not in text


def test_figures_of_two_cuts_side_by_side(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another gamma has other colours; the same cut twice has no such figure."""
    path = shutil.copytree(study.path.parent, tmp_path / "copy") / "study"
    colour = pipeline.ColourSettings(n_landmarks=60, perplexity=10)
    settings = pipeline.CutSettings(n_components=4, gamma=0.2, method="exact", device="cpu", colour=colour, map=None)
    with Study.open(path, writable=True) as opened:
        pipeline.cut(opened, settings, name="other", align=pipeline.AlignSettings(method="none"))
    out = tmp_path / "both.png"
    words_given = ["figures", str(path), "mosaic", "--dpi", "150"]
    assert cli.main([*words_given, "--out", str(tmp_path / "one.png")]) == 0
    assert cli.main([*words_given, "--beside", "other", "--out", str(out)]) == 0
    with Image.open(out) as both, Image.open(tmp_path / "one.png") as one:
        assert both.width > 1.8 * one.width
        pixels = np.asarray(both.convert("L"), dtype=float)
    assert not np.array_equal(pixels[:, : pixels.shape[1] // 2], pixels[:, pixels.shape[1] // 2 :])
    capsys.readouterr()
    assert cli.main([*words_given, "--beside", "default", "--out", str(tmp_path / "same.png")]) == 2
    assert "it is the same of both cuts" in capsys.readouterr().err
    assert cli.main([*words_given, "--beside", "nothing", "--out", str(tmp_path / "same.png")]) == 2
    assert "no cut 'nothing'" in capsys.readouterr().err


def test_the_report_takes_figures_that_were_drawn_already(study: Study, tmp_path: Path) -> None:
    cut = study.cut()
    figure = all_figures(study, cut, names=["mosaic"])["mosaic"]
    assert isinstance(figure, Figure)
    file, pdf, small = (tmp_path / name for name in ("mosaic.png", "mosaic.pdf", "small.png"))
    fine = write_figure(figure, [file, pdf], dpi=300, page=True)
    # the files are those of save_figure, and what is smaller than the page needs is drawn anew for it
    assert file.read_bytes() == save_figure(figure, tmp_path / "alone.png", dpi=300).read_bytes()
    assert pdf.read_bytes() == save_figure(figure, tmp_path / "alone.pdf").read_bytes()
    coarse = write_figure(figure, [small], dpi=60, page=True)
    assert small.exists()
    assert write_figure(figure, [small], dpi=60) is None
    assert fine is not None
    assert coarse is not None
    shown = []
    for drawn in (figure, fine, coarse):
        parsed = _Page()
        parsed.feed(report_html(study, cut, {"mosaic": drawn}))
        data = str(parsed.pictures[0]["src"]).split(",", 1)[1]
        with Image.open(BytesIO(base64.b64decode(data))) as image:
            shown.append(np.asarray(image.convert("L"), dtype=float))
    np.testing.assert_array_equal(shown[0], shown[2])
    assert shown[0].shape == shown[1].shape
    assert np.corrcoef(shown[0].ravel(), shown[1].ravel())[0, 1] > 0.97


def test_a_figure_that_cannot_be_written_is_told_of(study: Study, tmp_path: Path) -> None:
    figure = all_figures(study, study.cut(), names=["mosaic"])["mosaic"]
    assert isinstance(figure, Figure)
    target = tmp_path / "mosaic.png"
    target.mkdir()
    with pytest.raises(StorageError, match=r"mosaic\.png"):
        write_figure(figure, [target])


def test_the_report_says_what_is_lacking(study: Study) -> None:
    text = report_html(study, study.cut(), {"mosaic": Lacking("Nothing & nobody <here>.")}, notes=["A note."])
    assert "Nothing &amp; nobody &lt;here&gt;." in text
    assert "What this study has no data for" in text
    assert "A note." in text
    assert "simulated brain data" not in text.split("</style>")[1]


def test_the_report_escapes_whatever_stands_in_it(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, captions, reasons, notes and the recipe may come from pictures, other packages or files of strangers."""
    evil = '"><script>alert(1)</script>&<img src=x onerror=alert(1)>'
    kind = FigureKind(name=evil, title=evil, paper=evil, caption=evil, draw=lambda study, cut: Figure())
    monkeypatch.setattr("alignedcut_viewer.figures.report.figure_kinds", lambda: (kind, replace(kind, name="b")))
    cut = study.cut()
    monkeypatch.setattr(cut, "name", evil)
    monkeypatch.setattr(type(cut), "recipe", {"cut": {"alignment": None, evil: evil}})
    monkeypatch.setattr(type(cut), "warnings", (evil,))
    monkeypatch.setattr("alignedcut_viewer.figures.report.network_provenance", lambda study, name: evil)
    figure = Figure()
    figure.text(0, 0, evil, color="0.35")
    text = report_html(study, cut, {evil: figure, "b": Lacking(evil)}, title=evil, notes=[evil])
    parsed = _Page()
    parsed.feed(text)
    assert parsed.open == []
    assert "script" not in parsed.tags
    assert [picture["src"][:10] for picture in parsed.pictures if picture["src"]] == ["data:image"]
    assert all("onerror" not in picture for picture in parsed.pictures)
    assert text.count("&lt;script&gt;") >= 10


def _browser() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(_browser() is None, reason="no browser (chromium) is at hand; the page is parsed above")
@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_the_report(page: Path, tmp_path: Path, width: int) -> None:
    """Drawn by a real browser, nothing is wider than the window, and the figures are seen."""
    shot = tmp_path / "shot.png"
    command = [str(_browser()), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},3000", f"--screenshot={shot}"]
    result = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, check=False, timeout=120)
    assert shot.exists(), result.stderr
    with Image.open(shot) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert pixels.shape[1] == width
    coloured = np.ptp(pixels, axis=2) > 60
    assert coloured.mean() > 0.01
    # the page's own margin stays free at the right: nothing sticks out
    assert not coloured[:, -6:].any()
