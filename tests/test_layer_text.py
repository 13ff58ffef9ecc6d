"""Layers as people write them."""

from __future__ import annotations

import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.layer_text import parse_layers

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("3", (3,)),
        ("0 3 5-8", (0, 3, 5, 6, 7, 8)),
        ("1,2 2", (1, 2)),
        ("4; 8 – 11", (4, 8, 9, 10, 11)),
        ("7-7", (7,)),
        ("11;2 2", (2, 11)),
        ("1–3", (1, 2, 3)),
        ("", None),
        (" All ", None),
    ],
)
def test_numbers_and_ranges(text: str, layers: tuple[int, ...] | None) -> None:
    assert parse_layers(text) == layers


@pytest.mark.parametrize("text", ["x", "last", "1-", "-1", "2.5", "1,,a", ","])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="does not name layers"):
        parse_layers(text)


def test_a_range_that_runs_backwards() -> None:
    with pytest.raises(InputError, match="write '3-8'"):
        parse_layers("8-3")
