import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.errors import InputError, StorageError
from alignedcut_viewer.node_ranges import as_ranges, from_ranges, translate
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex
from alignedcut_viewer.study_files import LocalFiles
from alignedcut_viewer.viewer.state.named_selections import NamedSelections
from alignedcut_viewer.viewer.state.session_file import SessionState, read_session, write_session

pytestmark = pytest.mark.quick

OLD = NodeIndex([NetworkNodes("wide", (0, 2, 5), 3, 4), NetworkNodes("few", (1,), 2, 2, False)], [4, 7, 9])
NEW = NodeIndex([NetworkNodes("few", (1, 2), 2, 2, True), NetworkNodes("wide", (2, 5), 3, 4, False)], [9, 1, 4])


@given(st.sets(st.integers(0, 200)))
def test_ranges_are_the_same_nodes(nodes):
    given_nodes = np.array(sorted(nodes), dtype=np.int64)
    ranges = as_ranges(given_nodes)
    np.testing.assert_array_equal(from_ranges(ranges, 201), given_nodes)
    assert all(later[0] > earlier[1] + 1 for earlier, later in itertools.pairwise(ranges))


@pytest.mark.parametrize("ranges", [[[0, 9]], [[3, 2]], [[-1, 2]], [["a", 2]], [[1]], 5])
def test_what_is_no_range_is_told(ranges):
    with pytest.raises(StorageError, match="damaged"):
        from_ranges(ranges, 9)


@given(st.sets(st.integers(0, len(OLD) - 1)))
def test_nodes_find_their_places_in_another_numbering(nodes):
    chosen = np.array(sorted(nodes), dtype=np.int64)
    found = translate(chosen, OLD, NEW)

    def places(index, numbers):
        place = index.locate(numbers)
        names = [index.networks[i].name for i in place.network]
        return set(zip(names, *(part.tolist() for part in place[1:]), strict=True))

    everything = places(NEW, np.arange(len(NEW)))
    assert places(NEW, found) == places(OLD, chosen) & everything
    np.testing.assert_array_equal(translate(chosen, OLD, OLD), chosen)


def test_names_are_kept_and_found_again_by_their_places(tmp_path):
    named = NamedSelections(LocalFiles(tmp_path), "default", OLD)
    eye = OLD.node("wide", 2, 9, row=1, column=1)
    named.put(" eye ", np.array([eye, OLD.node("wide", 0, 9, row=1, column=1)]))
    named.put("bee", np.array([3]))
    named.remove("bee")
    assert list(NamedSelections(LocalFiles(tmp_path), "default", OLD)) == ["eye"]
    again = NamedSelections(LocalFiles(tmp_path), "default", NEW)
    assert again["eye"].tolist() == [NEW.node("wide", 2, 9, row=1, column=1)]
    other = NamedSelections(LocalFiles(tmp_path), "other", OLD)
    assert len(other) == 0
    other.put("bee", np.array([1]))
    assert list(NamedSelections(LocalFiles(tmp_path), "default", OLD)) == ["eye"]
    assert named.free_name("eye") == "eye 1"


def test_what_cannot_be_kept_is_told(tmp_path):
    named = NamedSelections(LocalFiles(tmp_path), "default", OLD)
    with pytest.raises(InputError, match="Enter a name"):
        named.put(" ", np.array([1]))
    with pytest.raises(InputError, match="empty"):
        named.put("a", np.array([], dtype=np.int64))
    with pytest.raises(InputError, match="no selection called"):
        named["b"]
    gone = NamedSelections(LocalFiles(tmp_path / "gone"), "default", OLD)
    with pytest.raises(StorageError, match="is gone"):
        gone.put("a", np.array([1]))
    assert "a" in gone  # as long as the window is open
    (tmp_path / "selections.json").write_text("{")
    with pytest.raises(StorageError, match="damaged"):
        NamedSelections(LocalFiles(tmp_path), "default", OLD)


def test_a_session_is_read_as_it_was_written(tmp_path):
    state = SessionState(
        study="/somewhere",
        cut="default",
        index=OLD,
        selections={"figure": np.array([1, 2, 7]), "ground": np.array([], dtype=np.int64)},
        active="ground",
        position=("wide", 2, 9),
        similarity={"space": "raw", "threshold": np.float32(0.5)},
        smooth=True,
        camera={"zoom": 2.0, "center": [1.0, 2.0]},
        layers={"colours": {"visible": False, "opacity": 0.25}},
        panels=["Study"],
        panel_state={"brain": {"tab": 1}},
    )
    write_session(tmp_path / "a.session.json", state)
    read = read_session(tmp_path / "a.session.json")
    for name in ("study", "cut", "index", "active", "position", "smooth", "camera", "layers", "panels", "panel_state"):
        assert getattr(read, name) == getattr(state, name)
    assert read.similarity == {"space": "raw", "threshold": 0.5}
    assert {which: nodes.tolist() for which, nodes in read.selections.items()} == {"figure": [1, 2, 7], "ground": []}
    assert read.nodes_in(NEW)["figure"].size == 0  # layer 0 is not there


@pytest.mark.parametrize("text", ["", "{}", '{"alignedcut_session": 99}', '{"alignedcut_session": 1, "index": {}}'])
def test_a_damaged_session_is_told(tmp_path, text):
    (tmp_path / "a.session.json").write_text(text)
    with pytest.raises(StorageError, match=r"a\.session\.json"):
        read_session(tmp_path / "a.session.json")
    with pytest.raises(StorageError, match="is gone"):
        write_session(tmp_path / "gone" / "a.session.json", SessionState(study="x"))
