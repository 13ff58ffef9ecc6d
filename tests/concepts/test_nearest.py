import numpy as np
import pytest

from alignedcut_viewer.concepts.nearest import nearest_concepts
from alignedcut_viewer.errors import InputError

pytestmark = pytest.mark.quick


def planted(seed=0):
    """Three directions in five dimensions, eighty nodes about each, and eighty about a fourth that is no concept."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(4), 80)
    values = np.eye(5, dtype=np.float32)[truth] * rng.uniform(0.5, 2, (320, 1)) + 0.05 * rng.standard_normal((320, 5))
    return values.astype(np.float32), truth


def test_places_elsewhere_get_the_concept_of_their_direction():
    values, truth = planted()
    labels = np.full(320, -1)
    searched = np.arange(0, 320, 2)
    labels[searched] = np.where(truth[searched] < 3, truth[searched], -1)
    elsewhere = np.arange(1, 320, 2)
    found = nearest_concepts(values, labels, 3, elsewhere, quantile=0.0)
    known = truth[elsewhere] < 3
    assert (found[~known] == -1).all()  # like none of the concepts
    given = found[known] >= 0
    assert given.mean() > 0.9
    np.testing.assert_array_equal(found[known][given], truth[elsewhere][known][given])


def test_a_concept_without_members_gets_none_and_the_draw_is_repeated():
    values, truth = planted(1)
    labels = np.where(truth < 2, truth, -1)
    found = nearest_concepts(values, labels, 3, np.arange(320), most=20, seed=4)
    assert 2 not in found
    np.testing.assert_array_equal(found, nearest_concepts(values, labels, 3, np.arange(320), most=20, seed=4))


def test_bad_input_is_named():
    with pytest.raises(InputError, match="no concept"):
        nearest_concepts(np.ones((2, 2)), [0, 0], 0, [1])
    with pytest.raises(InputError, match=r"1\.5"):
        nearest_concepts(np.ones((2, 2)), [0, 0], 1, [1], quantile=1.5)
