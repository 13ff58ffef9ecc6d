import numpy as np
import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex
from alignedcut_viewer.viewer.frames.loading import load_study
from alignedcut_viewer.viewer.state.similarity import EigenvectorSimilarity, slots_in_scope
from tests.benchmarks.planted_study import write_planted_study

pytestmark = pytest.mark.quick


def test_scopes():
    index = NodeIndex([NetworkNodes("a", (0, 1), 2, 2), NetworkNodes("b", (1, 3), 2, 2)], 2)
    node = index.node("a", 1, 0, row=0, column=0)
    wanted = {
        "all": {"a/0", "a/1", "b/1", "b/3"},
        "network": {"a/0", "a/1"},
        "layer": {"a/1"},
        "others": {"b/1", "b/3"},
    }
    for scope, slots in wanted.items():
        assert {str(slot) for slot in slots_in_scope(index, np.array([node]), scope)} == slots
    with pytest.raises(InputError, match="scope"):
        slots_in_scope(index, np.array([node]), "elsewhere")


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    path = write_planted_study(tmp_path_factory.mktemp("similar"), 3, layers=3, side=3, networks=("a", "b"))
    return load_study(path).cut


@pytest.mark.parametrize("nodes", [[5], [5, 17, 100]])
def test_similarity_is_the_mean_of_cosines(cut, nodes):
    rows = cut.eigenvectors.astype(float)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    expected = (units @ units[nodes].T).mean(axis=1)
    values = EigenvectorSimilarity(cut).values(np.array(nodes))
    np.testing.assert_allclose(values.part(slice(20, 45)), expected[20:45], atol=1e-5)
    assert not values.is_complete()
    np.testing.assert_allclose(values.values, expected, atol=1e-5)
    if len(nodes) == 1:
        assert values.title == "Similarity to 1 node · eigenvectors"


def test_planted_concepts_are_found_in_the_other_network(cut):
    """A node is most similar to the nodes of its own concept, wherever they are."""
    colours = cut.rgb.astype(int)
    first = int(cut.index.patch_slice("a", 2, 1).start)
    values = EigenvectorSimilarity(cut).values(np.array([first]), "others").values
    assert np.isnan(values[: cut.index.slot_slice("b", 0).start]).all()
    best = np.argsort(np.where(np.isnan(values), -2, values))[-4:]
    assert (colours[best] == colours[first]).all()
