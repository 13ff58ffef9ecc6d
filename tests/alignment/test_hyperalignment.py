from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from alignedcut_viewer.alignment import ChannelAlignment, Hyperalignment
from alignedcut_viewer.errors import AlignmentError, Cancelled, FeatureError, InputError
from alignedcut_viewer.nodes import Slot

pytestmark = pytest.mark.quick

Planted = tuple[dict[Slot, NDArray[np.float64]], NDArray[np.int64]]


def rotation(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    """A random matrix with orthonormal columns (or rows, where it is wide)."""
    q, _ = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    return q if rows >= columns else q.T


def planted(
    rng: np.random.Generator,
    *,
    n_images: int = 40,
    per_image: int = 30,
    widths: tuple[int, ...] = (12, 12, 12),
    noise: float = 0.0,
) -> Planted:
    """Slots that see one hidden signal (as wide as the narrowest slot) through rotations of their own, plus noise."""
    hidden = min(widths)
    signal = rng.normal(size=(n_images * per_image, hidden)) * np.linspace(2, 0.5, hidden)
    slots = {
        Slot("net", i): signal @ rotation(rng, hidden, width)
        + 3 * rng.normal(size=width)
        + noise * rng.normal(size=(len(signal), width))
        for i, width in enumerate(widths)
    }
    return slots, np.repeat(np.arange(n_images), per_image)


@pytest.mark.parametrize("widths", [(12, 12, 12), (12, 8, 16), (5, 20)])
def test_planted_rotations_are_recovered(rng: np.random.Generator, widths: tuple[int, ...]) -> None:
    slots, images = planted(rng, widths=widths)
    model = Hyperalignment(strength=0.0, device="cpu").fit(slots, images)
    aligned = [model.transform(slot, x) for slot, x in slots.items()]
    assert aligned[0].shape == (len(images), max(widths))
    for other in aligned[1:]:
        np.testing.assert_allclose(other, aligned[0], atol=1e-4)
    assert min(model.agreement_.values()) > 0.9999


def test_without_strength_the_maps_are_orthogonal(rng: np.random.Generator) -> None:
    slots, images = planted(rng, widths=(12, 8, 12), noise=0.5)
    model = Hyperalignment(strength=0.0, device="cpu").fit(slots, images)
    for matrix in model.matrices_.values():
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-5)


def test_the_order_of_the_nodes_does_not_matter(rng: np.random.Generator) -> None:
    slots, images = planted(rng, noise=0.3)
    order = rng.permutation(len(images))
    one = Hyperalignment(device="cpu").fit(slots, images)
    two = Hyperalignment(device="cpu").fit({slot: x[order] for slot, x in slots.items()}, images[order])
    assert one.strength_ == two.strength_
    for slot in slots:
        np.testing.assert_allclose(np.abs(one.matrices_[slot]), np.abs(two.matrices_[slot]), atol=1e-3)


def test_the_same_seed_gives_the_same_maps(rng: np.random.Generator) -> None:
    slots, images = planted(rng, noise=0.3)
    one, two = (Hyperalignment(seed=3, device="cpu").fit(slots, images) for _ in range(2))
    for slot in slots:
        np.testing.assert_array_equal(one.matrices_[slot], two.matrices_[slot])


def test_too_few_pictures_are_said(rng: np.random.Generator) -> None:
    slots, images = planted(rng, n_images=6, noise=0.3)
    warning = Hyperalignment(device="cpu").fit(slots, images).warning_
    assert warning is not None
    assert "6 pictures" in warning
    slots, images = planted(rng, n_images=120, noise=0.3)
    assert Hyperalignment(device="cpu").fit(slots, images).warning_ is None


def test_bad_features_name_the_slot(rng: np.random.Generator) -> None:
    slots, images = planted(rng)
    bad = {slot: x.copy() for slot, x in slots.items()}
    bad[Slot("net", 1)][7, 3] = np.nan
    with pytest.raises(FeatureError, match=r"net/1 .*row 7"):
        Hyperalignment(device="cpu").fit(bad, images)
    with pytest.raises(FeatureError, match="net/2 have 5 rows"):
        Hyperalignment(device="cpu").fit(slots | {Slot("net", 2): np.zeros((5, 12))}, images)
    with pytest.raises(FeatureError, match="net/0 must be samples"):
        Hyperalignment(device="cpu").fit(slots | {Slot("net", 0): np.zeros(len(images))}, images)
    with pytest.raises(InputError, match="number every row"):
        Hyperalignment(device="cpu").fit(slots, images[:-1])
    with pytest.raises(AlignmentError, match="at least two slots"):
        Hyperalignment(device="cpu").fit({Slot("net", 0): slots[Slot("net", 0)]}, images)
    with pytest.raises(AlignmentError, match="not been fitted"):
        Hyperalignment().to_alignment()


def test_cancel_passes_through(rng: np.random.Generator) -> None:
    def cancel(done: int, total: int, text: str) -> None:
        raise Cancelled

    slots, images = planted(rng)
    with pytest.raises(Cancelled):
        Hyperalignment(device="cpu").fit(slots, images, progress=cancel)


def test_the_alignment_carries_recipe_and_scores(rng: np.random.Generator) -> None:
    slots, images = planted(rng, noise=0.3)
    model = Hyperalignment(device="cpu").fit(slots, images)
    alignment = model.to_alignment(tap="attention", recipe={"pictures": "planted"})
    assert isinstance(alignment, ChannelAlignment)
    assert alignment.recipe["n_images"] == 40
    assert alignment.recipe["pictures"] == "planted"
    assert set(alignment.scores["agreement"]) == {"net/0", "net/1", "net/2"}
    x = slots[Slot("net", 0)]
    np.testing.assert_array_equal(alignment.transform(("net", 0), x), model.transform(("net", 0), x))
