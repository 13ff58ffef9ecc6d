"""The eigen-constraint against finite differences, and what it must not notice."""

from __future__ import annotations

import pytest
import torch

from alignedcut_viewer.alignment.eigen_constraint import eigen_constraint, normalised_affinity, spectral_projector
from alignedcut_viewer.errors import InputError

pytestmark = pytest.mark.quick


def symmetric(eigenvalues: list[float], seed: int = 0) -> torch.Tensor:
    """A symmetric matrix with these eigenvalues."""
    generator = torch.Generator().manual_seed(seed)
    n = len(eigenvalues)
    basis = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0]
    return (basis * torch.tensor(eigenvalues, dtype=torch.float64)) @ basis.T


def symmetrised_projector(matrix: torch.Tensor) -> torch.Tensor:
    return spectral_projector((matrix + matrix.mT) / 2, 3)


@pytest.mark.parametrize(
    "inside",
    [[1.0, 0.9, 0.8], [1.0, 1.0 - 1e-9, 1.0 - 2e-9], [0.8, 0.8, 0.8]],
    ids=["apart", "nearly equal", "equal"],
)
def test_gradient_agrees_with_finite_differences(inside: list[float]) -> None:
    matrix = symmetric([0.1, 0.15, 0.3, *inside]).requires_grad_()
    assert torch.autograd.gradcheck(symmetrised_projector, (matrix,), eps=1e-6, atol=1e-6)


def test_gradient_of_a_batch_agrees_with_finite_differences() -> None:
    matrices = torch.stack([symmetric([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], seed) for seed in range(3)]).requires_grad_()
    assert torch.autograd.gradcheck(symmetrised_projector, (matrices,), eps=1e-6, atol=1e-6)


def test_gradient_stays_finite_where_the_span_is_not_determined() -> None:
    matrix = symmetric([0.1, 0.2, 0.5, 0.5, 0.8, 0.9]).requires_grad_()
    torch.sum(spectral_projector(matrix, 3) * symmetric([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 1)).backward()
    assert torch.isfinite(matrix.grad).all()


def test_autograd_through_eigh_fails_where_the_projector_does_not() -> None:
    """Why the gradient is written out: equal eigenvalues inside the span, which is well determined."""
    matrix = symmetric([0.1, 0.15, 0.3, 0.8, 0.8, 0.8])
    weight = symmetric([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 1)
    plain = matrix.clone().requires_grad_()
    vectors = torch.linalg.eigh(plain)[1][:, -3:]
    torch.sum((vectors @ vectors.T) * weight).backward()
    ours = matrix.clone().requires_grad_()
    torch.sum(spectral_projector(ours, 3) * weight).backward()
    assert not (torch.isfinite(plain.grad).all() and torch.allclose(plain.grad, ours.grad, atol=1e-9))
    assert torch.isfinite(ours.grad).all()


def test_whole_constraint_has_the_right_gradient() -> None:
    generator = torch.Generator().manual_seed(3)
    before = torch.randn(2, 12, 5, generator=generator, dtype=torch.float64)
    after = torch.randn(2, 12, 4, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: eigen_constraint(before, a, n_eigenvectors=3), (after,), atol=1e-6)


def test_rotation_scale_and_padding_go_unnoticed() -> None:
    generator = torch.Generator().manual_seed(1)
    before = torch.randn(30, 8, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(8, 8, generator=generator, dtype=torch.float64))[0]
    padded = torch.nn.functional.pad(3.0 * before @ rotation, (0, 4))
    assert float(eigen_constraint(before, padded)) < 1e-5


def test_merged_clusters_cost_and_the_focal_factor_minds_them_more() -> None:
    generator = torch.Generator().manual_seed(2)
    centres = torch.eye(4, dtype=torch.float64)[torch.arange(4).repeat_interleave(10)]
    before = centres + 0.01 * torch.randn(40, 4, generator=generator, dtype=torch.float64)
    merged = before.clone()
    merged[:, 0] += merged[:, 1]  # clusters 0 and 1 become one
    merged[:, 1] = 0
    plain = eigen_constraint(before, merged, n_eigenvectors=4, gamma=0.1, focal=False)
    assert float(plain) > 0.5
    assert float(plain) <= (2 * 4) ** 0.5
    # Inside old clusters the affinity is 1 and the factor 1/e; between them it is 0 and the factor 1.
    focal = eigen_constraint(before, merged, n_eigenvectors=4, gamma=0.1)
    assert float(focal) / float(plain) > 0.5


def test_affinity_is_that_of_equation_3() -> None:
    features = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])
    affinity, normalised = normalised_affinity(features, gamma=0.5)
    expected = torch.exp((torch.tensor([[1.0, 0, -1], [0, 1, 0], [-1, 0, 1]], dtype=torch.float64) - 1) / 0.5)
    torch.testing.assert_close(affinity, expected)
    degrees = expected.sum(1)
    torch.testing.assert_close(normalised, expected / (degrees[:, None] * degrees[None, :]).sqrt())
    assert float(torch.linalg.eigvalsh(normalised)[-1]) == pytest.approx(1.0)


def test_too_many_eigenvectors_are_refused() -> None:
    with pytest.raises(InputError, match="between 1 and 4"):
        spectral_projector(torch.eye(5), 5)


def test_broadening_damps_the_gradient_where_eigenvalues_nearly_meet_and_leaves_the_value() -> None:
    generator = torch.Generator().manual_seed(4)
    before = torch.randn(40, 6, generator=generator, dtype=torch.float64)
    after = torch.randn(40, 6, generator=generator, dtype=torch.float64)
    values, sizes = [], []
    for broadening in (1e-6, 0.1):
        leaf = after.clone().requires_grad_()
        value = eigen_constraint(before, leaf, broadening=broadening)
        value.backward()
        values.append(value.item())
        sizes.append(float(leaf.grad.norm()))
    assert values[0] == values[1]
    assert 0 < sizes[1] < sizes[0]
