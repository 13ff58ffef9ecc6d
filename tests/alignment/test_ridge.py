"""Ridge regressions against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from alignedcut_viewer.alignment.ridge import Moments, RidgeSolver, dual_ridge

pytestmark = pytest.mark.quick


def test_coefficients_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    x = rng.standard_normal((50, 8)) + 3
    y = x @ rng.standard_normal((8, 5)) + rng.standard_normal((50, 5)) - 2
    solver = RidgeSolver(Moments.of(torch.from_numpy(x), torch.from_numpy(y)))
    for strength in (0.01, 1.0, 100.0):
        expected = Ridge(alpha=strength).fit(x, y)
        np.testing.assert_allclose(solver.coefficients(strength).numpy().T, expected.coef_, rtol=1e-8)


def test_best_strength_is_the_best_of_those_tried(rng: np.random.Generator) -> None:
    x, held_out = rng.standard_normal((2, 40, 30))
    true = rng.standard_normal((30, 6))
    y, tested = (z @ true + 8 * rng.standard_normal((40, 6)) for z in (x, held_out))
    solver = RidgeSolver(Moments.of(torch.from_numpy(x), torch.from_numpy(y)))
    strengths = [1e-3, 1.0, 30.0, 1000.0]
    best = solver.best_strength(torch.from_numpy(held_out), torch.from_numpy(tested), strengths)
    scores = [Ridge(alpha=s).fit(x, y).score(held_out, tested) for s in strengths]
    assert best == strengths[int(np.argmax(scores))]


def test_dual_form_gives_the_primal_solution(rng: np.random.Generator) -> None:
    x = rng.standard_normal((20, 60))
    x -= x.mean(0)
    t = rng.standard_normal((20, 4))
    dual = dual_ridge(torch.from_numpy(x @ x.T), torch.from_numpy(t), 2.5).numpy()
    primal = Ridge(alpha=2.5, fit_intercept=False).fit(x, t).coef_.T
    np.testing.assert_allclose(x.T @ dual, primal, rtol=1e-6, atol=1e-9)
