"""One cluster of two processes for all tests of a module; it takes seconds to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alignedcut_viewer.cluster import Cluster, computing_on, current_cluster


@pytest.fixture(scope="module")
def started() -> Iterator[Cluster]:
    with computing_on(workers=2) as cluster:
        assert cluster is not None
        yield cluster
    assert current_cluster() is None
