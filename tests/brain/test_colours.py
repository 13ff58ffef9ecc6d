from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import colormaps

from alignedcut_viewer.brain import ColourScale
from alignedcut_viewer.errors import InputError

pytestmark = pytest.mark.quick


def test_diverging_scales_are_symmetric_and_pale_at_zero() -> None:
    scale = ColourScale.diverging([-1.0, np.nan, 5.0], quantile=1)
    assert (scale.low, scale.high) == (-5, 5)
    assert scale.rgb(0.0).min() > 240
    assert scale.rgb([5.0])[0, 0] > scale.rgb([5.0])[0, 2]  # red above, blue below
    assert scale.rgb([-5.0])[0, 2] > scale.rgb([-5.0])[0, 0]


def test_extreme_values_do_not_pale_the_rest(rng: np.random.Generator) -> None:
    values = rng.standard_normal(10_000)
    values[0] = 1e6
    assert ColourScale.diverging(values).high < 4


@given(st.lists(st.floats(-100, 100) | st.sampled_from([np.inf, -np.inf]), min_size=1, max_size=20))
def test_colours_are_those_of_matplotlib(values: list[float]) -> None:
    scale = ColourScale(-50, 50)
    expected = 255 * colormaps["RdBu_r"]((np.clip(values, -50, 50) + 50) / 100)[:, :3]
    steps = np.abs(np.diff(scale.table.astype(int), axis=0)).max()
    assert np.abs(scale.rgb(values) - expected).max() <= steps + 1


def test_nothing_to_show_gives_a_scale_all_the_same() -> None:
    assert ColourScale.diverging([np.nan]).high == 1
    assert ColourScale.diverging([0.0, 0.0]).high == 1
    assert ColourScale.sequential([np.nan]).high == 1
    assert ColourScale.sequential([2.0, 2.0]).low == 0


def test_bar_has_round_ticks_inside_the_scale() -> None:
    bar = ColourScale.diverging([], limit=0.37).bar()
    assert bar.rgb.shape == (256, 3)
    assert 0.0 in bar.ticks
    assert max(bar.ticks) <= 0.37
    assert bar.labels[bar.ticks.index(0.0)] == "0"
    assert bar.labels[0].startswith("−")


def test_faults_are_named() -> None:
    with pytest.raises(InputError, match="below its high one"):
        ColourScale(1, 1)
    with pytest.raises(InputError, match="'mud'"):
        ColourScale(colour_map="mud")
