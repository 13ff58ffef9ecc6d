"""COCO's run-length code: known strings and round trips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation.rle import (
    area_and_box,
    compress_counts,
    decode_mask,
    encode_mask,
    expand_counts,
)

pytestmark = pytest.mark.quick


def corners() -> np.ndarray:
    mask = np.zeros((5, 7), dtype=bool)
    mask[0, 0] = mask[4, 6] = True
    return mask


def rectangle() -> np.ndarray:
    mask = np.zeros((5, 7), dtype=bool)
    mask[1:4, 2:5] = True
    return mask


def ellipse() -> np.ndarray:
    y, x = np.mgrid[:60, :80]
    return (y - 25) ** 2 / 18**2 + (x - 40) ** 2 / 27**2 < 1


def pattern() -> np.ndarray:
    return np.add.outer(np.arange(7) ** 2, np.arange(9) ** 2) % 7 < 3


# Strings, areas and boxes as pycocotools 2.0 gives them for the same masks.
KNOWN = [
    (np.zeros((5, 7), dtype=bool), "S1", 0, [0, 0, 0, 0]),
    (np.ones((5, 7), dtype=bool), "0S1", 35, [0, 0, 7, 5]),
    (rectangle(), ";320009", 9, [2, 1, 3, 3]),
    (corners(), "01Q10", 2, [0, 0, 7, 5]),
    (
        ellipse(),
        "mj09a14L4M2N2N2N2O0O2O0O2O0O2O0O2O00000O2O00000000000000000000000000000001N1000001N101N101N101N101N2N2N2N3L4Lig0",
        1511,
        [14, 8, 53, 35],
    ),
    (pattern(), "0210013NN000O05020J0O131MO013N", 25, [0, 0, 9, 7]),
]


@pytest.mark.parametrize(("mask", "counts", "area", "box"), KNOWN)
def test_strings_are_those_of_coco(mask: np.ndarray, counts: str, area: int, box: list[int]) -> None:
    encoded = encode_mask(mask)
    assert encoded == {"size": list(mask.shape), "counts": counts}
    np.testing.assert_array_equal(decode_mask(encoded), mask)
    assert area_and_box(mask) == (area, box)


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 30), st.integers(1, 30))))
def test_any_mask_comes_back(mask: np.ndarray) -> None:
    encoded = encode_mask(mask)
    np.testing.assert_array_equal(decode_mask(encoded), mask)
    plain = {"size": encoded["size"], "counts": expand_counts(encoded["counts"]).tolist()}
    np.testing.assert_array_equal(decode_mask(plain), mask)
    area, (x, y, width, height) = area_and_box(mask)
    assert area == mask.sum()
    inside = mask[int(y) : int(y + height), int(x) : int(x + width)]
    assert inside.sum() == area


@given(st.lists(st.integers(0, 2**40), max_size=30))
def test_any_counts_come_back(counts: list[int]) -> None:
    assert expand_counts(compress_counts(counts)).tolist() == counts
    assert expand_counts(compress_counts(counts).encode()).tolist() == counts


def test_large_mask(rng: np.random.Generator) -> None:
    mask = np.kron(rng.random((40, 50)) < 0.5, np.ones((50, 60), dtype=bool))
    np.testing.assert_array_equal(decode_mask(encode_mask(mask)), mask)


def test_what_is_no_code_is_refused() -> None:
    with pytest.raises(InputError, match="two axes"):
        encode_mask([True])
    with pytest.raises(InputError, match="add up"):
        decode_mask({"size": [2, 2], "counts": "S1"})
    with pytest.raises(InputError, match="cut off"):
        expand_counts("S")
    with pytest.raises(InputError, match="no compressed"):
        expand_counts("\x01")
    with pytest.raises(InputError, match="longer than any picture"):
        expand_counts("P" * 20 + "0")
