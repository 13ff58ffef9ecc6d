"""A planted study, shown without any window."""

import pytest

from alignedcut_viewer.viewer.coordinator.heat_map import HeatMap
from alignedcut_viewer.viewer.coordinator.node_selection import NodeSelection
from alignedcut_viewer.viewer.coordinator.shown import Shown
from alignedcut_viewer.viewer.frames.loading import load_study
from tests.benchmarks.planted_study import write_planted_study


@pytest.fixture(scope="session")
def planted_path(tmp_path_factory):
    return write_planted_study(tmp_path_factory.mktemp("planted"), 3, layers=3, side=4, networks=("a", "b"))


@pytest.fixture
def study(planted_path):
    return load_study(planted_path)


@pytest.fixture
def shown(study):
    return Shown(study.pictures, study)


@pytest.fixture
def selection(shown):
    return NodeSelection(shown)


@pytest.fixture
def heat_map(shown):
    return HeatMap(shown)


@pytest.fixture
def heard():
    """Connects a signal to a list of what it told."""

    def hear(signal):
        told = []
        signal.connect(lambda *values: told.append(values[0] if len(values) == 1 else values))
        return told

    return hear
