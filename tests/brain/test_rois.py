from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.brain import RoiTable, paper_rois, roi_catalogue, roi_info
from alignedcut_viewer.brain.rois import ROI_FAMILIES, family_labels, simulated_places
from alignedcut_viewer.errors import InputError

pytestmark = pytest.mark.quick


def test_order_of_the_papers_bars() -> None:
    assert paper_rois() == ("V1", "V2", "V3", "V4", "EBA", "FBA", "OFA", "FFA", "OPA", "PPA", "OWFA", "VWFA")


def test_functions_of_appendix_b() -> None:
    expected = {"V1": "primary visual", "V4": "mid-level", "EBA": "body", "FFA": "face", "OPA": "navigation"}
    expected |= {"PPA": "scene", "OWFA": "words", "VWFA": "words"}
    assert {name: roi_info(name).function for name in expected} == expected


def test_every_part_belongs_to_one_region_and_a_family() -> None:
    parts = [part for info in roi_catalogue() for part in info.parts]
    assert len(parts) == len(set(parts))
    labels = {label for family in ROI_FAMILIES for label in family_labels(family)}
    assert set(parts) <= labels
    assert set(simulated_places()) == set(parts)


def test_other_spellings_and_unknown_regions() -> None:
    assert roi_info("hV4").name == "V4"
    assert roi_info("FFA-2").name == "FFA"
    assert roi_info("my region").group == "my region"


def test_merged_unites_parts_in_the_order_shown() -> None:
    labels = ["FFA-1", "V1d", "V1v", "FFA-2", "", "zzz", "hV4"]
    merged = RoiTable.from_labels(labels).merged()
    assert merged.names == ("V1", "V4", "FFA", "zzz")
    assert merged.voxels("V1").tolist() == [1, 2]
    assert merged.voxels("FFA").tolist() == [0, 3]


def test_voxels_may_lie_in_several_regions() -> None:
    table = RoiTable.from_labels(["V1;early", "early", ""])
    assert table.counts() == {"V1": 1, "early": 2}


def test_empty_regions_are_dropped_and_average_to_zero() -> None:
    table = RoiTable({"V1": [True, False], "V2": [False, False]})
    assert table.merged().names == ("V1",)
    assert np.array_equal(table.averaging(), [[1, 0], [0, 0]])


def test_faults_are_named() -> None:
    with pytest.raises(InputError, match="as long as there are voxels"):
        RoiTable({"a": [True], "b": [True, False]})
    with pytest.raises(InputError, match="no ROI 'V9'"):
        RoiTable({"a": [True]}).mask("V9")


@given(st.lists(st.sampled_from(["", "V1", "V2", "V1;V2", "FFA"]), min_size=1, max_size=30), st.integers(0, 99))
def test_averaging_is_the_mean_over_members(labels: list[str], seed: int) -> None:
    table = RoiTable.from_labels(labels)
    values = np.random.default_rng(seed).standard_normal(len(labels)).astype(np.float32)
    expected = [values[table.mask(name)].mean() for name in table.names]
    assert np.allclose(values @ table.averaging(), expected, atol=1e-5)


def test_beside_and_take() -> None:
    both = RoiTable({"V1": [True, False]}).beside(RoiTable({"V1": [True], "V2": [True]}))
    assert both.counts() == {"V1": 2, "V2": 1}
    assert both.take([0, 1]).names == ("V1",)
    assert both.take(np.array([False, False, True])).counts() == {"V1": 1, "V2": 1}
