"""Tasks that are done here or elsewhere have the same bits, however many threads the linear algebra has."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse.linalg import eigsh
from threadpoolctl import threadpool_info, threadpool_limits

from alignedcut_viewer.pipeline.spreading import in_order

pytestmark = pytest.mark.quick


def leading(matrix: NDArray[np.float64], count: int) -> tuple[bytes, set[int]]:
    _, vectors = eigsh(matrix, k=count, v0=matrix.sum(1))
    return vectors.tobytes(), {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_linear_algebra_of_a_task_has_one_thread() -> None:
    points = np.random.default_rng(0).normal(size=(1369, 8))
    matrix = np.exp(-((points[:, None, :2] - points[None, :, :2]) ** 2).sum(-1))
    found = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads, user_api="blas"):
            before = {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}
            found += in_order(leading, matrix, [4])
            after = {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}
            assert before == after
    assert {bits for bits, _ in found} == {found[0][0]}
    assert all(threads <= {1} for _, threads in found)  # none, where the library cannot be told (Accelerate)
