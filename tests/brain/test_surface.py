from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.brain import RoiTable, load_surface, surface_layer, to_fsaverage5
from alignedcut_viewer.errors import InputError


def test_regions_lie_where_anatomy_has_them(atlas: dict[str, RoiTable]) -> None:
    for hemisphere, towards_middle in (("lh", 1), ("rh", -1)):
        surface = load_surface(hemisphere)
        place = {name: surface.vertices[atlas[hemisphere].mask(name)].mean(axis=0) for name in ("V1", "PPA", "EBA")}
        # right, anterior, superior; the inflated hemisphere is centred
        assert place["V1"][1] < -80  # at the occipital pole
        assert place["V1"][0] * towards_middle > 10  # medial
        assert place["PPA"][2] < -35  # ventral
        assert place["EBA"][0] * towards_middle < -10  # lateral
        assert place["EBA"][1] < -40
        assert place["V1"][1] < place["EBA"][1] < place["PPA"][1]


@pytest.mark.parametrize("hemisphere", ["lh", "rh"])
def test_normals_point_outwards(hemisphere: str) -> None:
    surface = load_surface(hemisphere, mesh="fsaverage5")
    normals = surface.normals()
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-4)
    outwards = np.einsum("ij,ij->i", normals, surface.vertices - surface.vertices.mean(axis=0))
    assert (outwards > 0).mean() > 0.9


def test_gyri_bulge_and_sulci_lie_deep() -> None:
    pial = load_surface("lh", geometry="pial", mesh="fsaverage5")
    hull = np.linalg.norm((pial.vertices - pial.vertices.mean(axis=0)) / pial.vertices.std(axis=0), axis=1)
    assert np.corrcoef(hull, pial.sulcal_depth)[0, 1] < -0.2


def test_fsaverage_to_fsaverage5() -> None:
    sphere = load_surface("rh").sphere
    smooth = sphere[:, 2].astype(np.float64)
    coarse = to_fsaverage5(smooth, "rh")
    assert np.abs(coarse - smooth[:10_242]).max() < 0.5
    smooth[:] = np.nan
    smooth[5] = 3
    coarse = to_fsaverage5(smooth, "rh")
    assert coarse[5] == 3
    assert np.isfinite(coarse).sum() == 1
    with pytest.raises(InputError, match="163,842"):
        to_fsaverage5(np.zeros(5), "lh")


@pytest.mark.parametrize("n", [10_242, 163_842])
def test_layer_of_both_hemispheres(n: int) -> None:
    left, right = np.arange(n, dtype=float), -np.arange(n, dtype=float)
    vertices, faces, values = surface_layer({"lh": left, "rh": right}, gap=20)
    assert vertices.shape == (2 * n, 3)
    assert faces.max() == 2 * n - 1
    assert values[n - 1] == n - 1
    assert values[-1] == 1 - n
    assert vertices[n:, 2].min() - vertices[:n, 2].max() == pytest.approx(20, abs=1e-3)
    # napari's first axis runs downwards
    top = load_surface("lh", mesh="fsaverage5").vertices[:, 2].argmax()
    assert vertices[:10_242, 0].argmin() == top


def test_unknown_surfaces_are_named() -> None:
    with pytest.raises(InputError, match="'middle'"):
        load_surface("middle")
    with pytest.raises(InputError, match="fsaverage7"):
        load_surface("lh", mesh="fsaverage7")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="got 7"):
        surface_layer({"lh": np.zeros(7)})
    with pytest.raises(InputError, match="at least one hemisphere"):
        surface_layer({})
