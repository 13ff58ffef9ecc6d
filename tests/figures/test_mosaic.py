"""The paper's figure 4, drawn from a study."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from alignedcut_viewer.errors import InputError, StudyError
from alignedcut_viewer.figures import eigenvectors_figure, mosaic, mosaic_from_arrays
from alignedcut_viewer.study import Study


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts)


def image_of(figure: Figure, group: int) -> np.ndarray:
    return np.asarray(figure.axes[group].images[0].get_array())


def test_networks_layers_and_pictures_stand_where_they_belong(study: Study) -> None:
    figure = mosaic(study)
    cut = study.cut()
    assert [axes.get_label() for axes in figure.axes] == ["", "wide-simulated", "dinov2-vit-s14-saliency"]
    shown = [text.get_text() for text in figure.texts]
    assert "wide-simulated" in shown
    assert [text for text in shown if text.isdigit()] == ["0", "2", "1", "2", "3"]
    assert "layer" in shown
    for group, network in ((1, "wide-simulated"), (2, "dinov2-vit-s14-saliency")):
        layers = cut.index.network(network).layers
        composed = image_of(figure, group)
        pitch = (composed.shape[1] + 4) / len(layers)
        heights = np.array([round(pitch * share) for share in (40 / 60, 60 / 40, 1.0)])
        tops = np.concatenate([[0], np.cumsum(heights)])
        for row, image in enumerate(cut.index.images):
            for column, layer in enumerate(layers):
                tokens = cut.colour_map(network, layer, image)
                y = tops[row] + heights[row] // 2
                x = round(pitch * (column + 0.5))
                centre = tokens[tokens.shape[0] // 2, tokens.shape[1] // 2]
                np.testing.assert_allclose(composed[y, x], centre, atol=40)


def test_rows_take_the_shape_of_their_pictures(study: Study) -> None:
    wide = image_of(mosaic(study, images=[0]), 0)
    high = image_of(mosaic(study, images=[1]), 0)
    assert wide.shape[0] / wide.shape[1] == pytest.approx(40 / 60, abs=0.02)
    assert high.shape[0] / high.shape[1] == pytest.approx(60 / 40, abs=0.02)


def test_small_print_says_where_it_came_from(study: Study) -> None:
    print_ = " ".join(words(mosaic(study)).split())
    n_nodes = len(study.cut().index)
    for part in (
        f"{n_nodes:,} nodes (3 pictures, 5 layers)",
        "cosine affinity with γ = 0.5",
        "6 eigenvectors (exact)",
        "clipped at 5 % and 95 %",
        "Layers are not aligned",
        "wide-simulated: wide-simulated, simulated features; attention output; checkpoint weights.bin.",
        "dinov2-vit-s14-saliency: dinov2-vit-s14-saliency, simulated features; attention output;",
    ):
        assert part in print_, part
    assert "secret" not in print_  # folders are left out
    assert "wide-simulated" not in words(mosaic(study, networks=["dinov2-vit-s14-saliency"]))
    assert "clipped" not in words(eigenvectors_figure(study, "wide-simulated", 0))


def test_a_choice_of_pictures_networks_and_layers(study: Study) -> None:
    figure = mosaic(study, study.cut(), images=[2, 0], networks=["dinov2-vit-s14-saliency"], layers=[3], names=True)
    shown = [text.get_text() for text in figure.texts]
    assert [text for text in shown if text.isdigit()] == ["3"]
    assert [text for text in shown if text.startswith("disc")] == ["disc $x_2$", "disc $x_0$"]  # a $ is no formula
    assert len(figure.axes) == 2
    by_network = mosaic(study, layers={"wide-simulated": [2], "dinov2-vit-s14-saliency": [1, 3]})
    assert [text.get_text() for text in by_network.texts if text.get_text().isdigit()] == ["2", "1", "3"]
    common = mosaic(study, layers=[0])  # only one network has a layer 0
    assert [axes.get_label() for axes in common.axes] == ["", "wide-simulated"]
    first = mosaic(study, max_images=1, names=True)
    assert sum(text.get_text().startswith("disc") for text in first.texts) == 1


def test_smooth_differs_from_blocky(study: Study) -> None:
    blocky, smooth = image_of(mosaic(study), 1), image_of(mosaic(study, smooth=True), 1)
    assert blocky.shape == smooth.shape
    assert len(np.unique(smooth.reshape(-1, 3), axis=0)) > 2 * len(np.unique(blocky.reshape(-1, 3), axis=0))


def test_what_is_not_there_is_said(study: Study) -> None:
    with pytest.raises(StudyError, match="no cut 'other'"):
        mosaic(study, cut="other")
    with pytest.raises(InputError, match="Image 9"):
        mosaic(study, images=[9])
    with pytest.raises(InputError, match="at least one image"):
        mosaic(study, images=[])
    with pytest.raises(InputError, match="at least one picture"):
        mosaic(study, max_images=0)
    with pytest.raises(InputError, match="clip"):
        mosaic(study, networks=["clip"])
    with pytest.raises(InputError, match=r"layers \[7\]"):
        mosaic(study, layers=[7])
    with pytest.raises(InputError, match="Layer 7 of wide-simulated"):
        mosaic(study, layers={"wide-simulated": [7]})


def test_lost_and_changed_pictures_leave_the_colours(study: Study, tmp_path: Path) -> None:
    copy = tmp_path / "moved"
    shutil.copytree(study.path.parent, copy)
    (copy / "disc $x_1$.png").write_bytes(b"")
    moved = Study.open(copy / "study")
    with Study.open(copy / "study", writable=True) as writer:
        writer.store.set_attributes(
            "pictures",
            {
                "pictures": [
                    {**record, "path": str(copy / Path(record["path"]).name)}
                    for record in writer.store.attributes("pictures")["pictures"]
                ]
            },
        )
    figure = mosaic(moved)
    assert "disc $x_1$ cannot be read any more" in " ".join(words(figure).split())
    assert (image_of(figure, 0) == 238).any()
    assert image_of(figure, 1).std() > 0


def test_eigenvectors_have_a_sign_and_a_scale_of_their_own(study: Study) -> None:
    figure = eigenvectors_figure(study, "wide-simulated", 2, n_eigenvectors=3)
    shown = [text.get_text() for text in figure.texts]
    assert "wide-simulated, layer 2" in shown
    assert [text for text in shown if text.isdigit()] == ["0", "1", "2"]
    composed = image_of(figure, 1).astype(int)
    reddest = (composed[..., 0] - composed[..., 2]).max()
    bluest = (composed[..., 2] - composed[..., 0]).max()
    assert max(reddest, bluest) > 120
    second = composed[:, composed.shape[1] // 3 : 2 * composed.shape[1] // 3]
    assert (second[..., 0] > second[..., 2] + 20).any()  # the second eigenvector has both signs
    assert (second[..., 2] > second[..., 0] + 20).any()


@pytest.mark.quick
def test_arrays_must_fit() -> None:
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    with pytest.raises(InputError, match="as many titles"):
        mosaic_from_arrays([picture], [[[picture]]], titles=[], column_labels=[["0"]])
    figure = mosaic_from_arrays([None], [[[None]]], titles=["a"], column_labels=[["0"]])
    assert len(figure.axes) == 2
