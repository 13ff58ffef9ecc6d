"""Checks of single parameters: what passes comes back, what does not is named with its bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.parameters import one_of, real, seed, whole, wholes

pytestmark = pytest.mark.quick


@given(st.integers(), st.integers())
def test_whole_numbers_from_a_bound_pass(value: int, least: int) -> None:
    if value >= least:
        assert whole("count", value, least) == value
    else:
        with pytest.raises(InputError, match=f"count must be a whole number of at least {least}; got {value}"):
            whole("count", value, least)


@given(st.floats() | st.integers(-3, 3), st.floats(-2, 0), st.floats(0, 2))
def test_numbers_within_bounds_pass(value: float, low: float, high: float) -> None:
    for bounds, inside in (
        ({"least": low, "most": high}, low <= value <= high),
        ({"above": low, "below": high}, low < value < high),
    ):
        if inside:
            assert real("width", value, **bounds) == value
        else:
            with pytest.raises(InputError, match="width must be a number"):
                real("width", value, **bounds)


def test_numbers_of_numpy_are_numbers_and_truths_are_not() -> None:
    assert type(whole("count", np.int64(3), 1)) is int
    assert real("width", np.float32(0.5), least=0) == 0.5
    for wrong in (True, np.bool_(True), "3", None, 2.5, np.float64(3.0), [3]):
        with pytest.raises(InputError, match="whole number"):
            whole("count", wrong, 0)
    for wrong in (True, "3", None, 1j, [0.5]):
        with pytest.raises(InputError, match="width must be a number; got"):
            real("width", wrong)


@pytest.mark.parametrize("other", [None, "auto"])
def test_what_may_stand_in_the_place_of_a_number_passes(other: Any) -> None:
    assert whole("count", other, 1, unless=other) is other
    assert real("width", other, above=0, unless=other) is other
    with pytest.raises(InputError, match=f"count must be a whole number of at least 1, or {other!r}; got 0"):
        whole("count", 0, 1, unless=other)
    with pytest.raises(InputError, match=f"width must be a number above 0, or {other!r}; got ''"):
        real("width", "", above=0, unless=other)


def test_bounds_are_told_as_they_are() -> None:
    with pytest.raises(InputError, match="a number of at least 0 and below 1; got 1"):
        real("share", 1, least=0, below=1)
    with pytest.raises(InputError, match="a number above 0 and at most 1; got 0"):
        real("share", 0, above=0, most=1)


def test_choices_and_seeds() -> None:
    one_of("colour", "red", ("red", "blue"))
    for wrong in ("green", 3, None, ["red"]):
        with pytest.raises(InputError, match=r"Unknown colour .*; use red, blue"):
            one_of("colour", wrong, ("red", "blue"))
    assert seed(np.int64(7)) == 7
    for wrong in (-1, 2.5, 2**63, None):
        with pytest.raises(InputError, match="seed must be"):
            seed(wrong)


def test_functions_that_draw_refuse_a_seed_that_is_none_in_a_sentence() -> None:
    from alignedcut_viewer import concepts, segmentation

    values = np.random.default_rng(0).standard_normal((40, 5)).astype(np.float32)
    grid, images = (np.arange(40) % 3).reshape(5, 8), np.arange(40) // 8
    calls: tuple[Callable[[Any], Any], ...] = (
        lambda drawn: concepts.representatives(values, np.arange(40), images, 3, most=20, seed=drawn),
        lambda drawn: concepts.find_recurrence(grid, grid[::-1], 3, 3, n_permutations=9, seed=drawn),
        lambda drawn: concepts.channel_consistency(np.abs(values.T) + 1, np.abs(values.T) + 2, seed=drawn),
        lambda drawn: segmentation.segment_tokens(values, 3, seed=drawn),
    )
    for call in calls:
        call(0)
        for wrong in (-1, 2.5):
            with pytest.raises(InputError, match="seed must be"):
                call(wrong)


def test_lists_of_whole_numbers_are_plain_integers() -> None:
    assert wholes("layers", np.array([3, 200], dtype=np.uint8)) == (3, 200)
    assert all(type(number) is int for number in wholes("layers", (np.int32(3), np.uint64(4))))
    assert wholes("layers", range(3)) == (0, 1, 2)


@pytest.mark.parametrize("values", ["12", b"12", 3, None, [2.0], ["1"], [None], [[1]], 1j, object])
def test_what_lists_no_whole_numbers_is_named(values: Any) -> None:
    with pytest.raises(InputError, match="layers must be whole numbers in a list"):
        wholes("layers", values)
