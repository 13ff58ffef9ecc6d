"""Tables that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from alignedcut_viewer.segmentation import export_masks
from alignedcut_viewer.tables import plain_cell, write_table

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    "text", ['=HYPERLINK("http://x")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1\r", " =1+1", "＝1"]
)
def test_text_that_a_spreadsheet_would_run_is_plain(text: str, tmp_path: Path) -> None:
    target = write_table(tmp_path / "new" / "a.csv", [{"name": text, text: 1}])
    with target.open(newline="") as file:
        header, row = list(csv.reader(file))
    kept = text.replace("\r", " ")
    assert header == ["name", f"'{kept}"]
    assert row == [f"'{kept}", "1"]


@pytest.mark.parametrize("value", ["cat", "", "-1.5", "+3", "-inf", -1.5, None, 7, "a=b", "Concept 1", "é-è"])
def test_all_else_stays(value: object) -> None:
    assert plain_cell(value) == value


def test_numbers_are_written_as_they_are(tmp_path: Path) -> None:
    target = write_table(tmp_path / "a.csv", [{"a": -0.25, "b": np.float32(1.5)}, {"a": float("nan"), "b": 2}])
    assert target.read_text() == "a,b\n-0.25,1.5\nnan,2\n"
    assert write_table(tmp_path / "empty.csv", []).read_text() == "\n"


def test_the_table_of_segments_is_plain_too(tmp_path: Path) -> None:
    mask = np.zeros((4, 4), np.int32)
    mask[1:3, 1:3] = 1
    export_masks(tmp_path, ["=1+1"], [mask], formats=("csv",), categories={1: "@SUM(A1)"})
    with (tmp_path / "segments.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert not {value[0] for value in row.values() if value} & set("=@")
