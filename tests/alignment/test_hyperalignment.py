from __future__ import annotations

from typing import Any

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
    aligned = [model.transform({slot: x})[slot] for slot, x in slots.items()]
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
    with pytest.raises(InputError, match="image of every row"):
        Hyperalignment(device="cpu").fit(slots, images[:-1])
    with pytest.raises(AlignmentError, match="at least two slots"):
        Hyperalignment(device="cpu").fit({Slot("net", 0): slots[Slot("net", 0)]}, images)
    with pytest.raises(AlignmentError, match="not been fitted"):
        Hyperalignment().to_alignment()


def two_part_signal(rng: np.random.Generator, n_images: int) -> Planted:
    """Slots that share what differs within pictures in some directions, and what differs between pictures in others.

    In the others there is, within pictures, a smaller signal that belongs together differently: whoever fits to
    differences within pictures only is led astray there.
    """
    per_image, width, within = 30, 40, 20
    n = n_images * per_image
    rows = np.zeros((n, width))
    rows[:, :within] = rng.normal(size=(n, within))
    rows[:, within:] = np.repeat(rng.normal(size=(n_images, width - within)), per_image, axis=0)
    astray = 0.5 * rng.normal(size=(n, width - within))
    slots = {}
    for i in range(4):
        # As much again of what differs between pictures is the slot's own.
        own = np.repeat(rng.normal(size=(n_images, width)), per_image, axis=0)
        features = rows + own + 0.3 * rng.normal(size=rows.shape)
        features[:, within:] += astray @ rotation(rng, width - within, width - within)
        slots[Slot("net", i)] = features @ rotation(rng, width, width)
    return slots, np.repeat(np.arange(n_images), per_image)


def test_few_pictures_ask_for_more_strength_than_many(rng: np.random.Generator) -> None:
    few = Hyperalignment(device="cpu").fit(*two_part_signal(rng, 10))
    many = Hyperalignment(device="cpu").fit(*two_part_signal(rng, 400))
    assert few.strength_ >= 0.85
    assert many.strength_ <= 0.5
    # The choice is the documented rule: the largest near the best agreement, of those that are not too optimistic.
    for model in (few, many):
        fair = {s: agreement for s, (agreement, optimism) in model.scores_.items() if optimism <= 0.1}
        near = [s for s, agreement in fair.items() if agreement >= max(fair.values()) - 0.01]
        assert model.strength_ == max(near, default=1.0)
    assert few.scores_[0.0][1] > 0.2 > 0.1 > many.scores_[0.0][1]


def test_strength_keeps_the_maps_from_memorising_pictures(rng: np.random.Generator) -> None:
    slots, images = two_part_signal(rng, 10)

    def shared_by_picture_means(model: Hyperalignment) -> float:
        aligned = model.transform(slots).values()
        means = [np.stack([one[images == i].mean(0) for i in range(10)]) for one in aligned]
        return float((means[0] * means[1]).sum() / (np.linalg.norm(means[0]) * np.linalg.norm(means[1])))

    plain = shared_by_picture_means(Hyperalignment(strength=0.0, device="cpu").fit(slots, images))
    strong = shared_by_picture_means(Hyperalignment(strength=1.0, device="cpu").fit(slots, images))
    # A third of the variance between pictures is planted as shared; plain Procrustes matches nearly all of it.
    assert plain > 0.85
    assert strong < 0.5


@pytest.mark.parametrize(("n_images", "per_image"), [(1, 40), (2, 30), (3, 30), (60, 1)])
def test_very_small_samples_still_give_orthogonal_maps(rng: np.random.Generator, n_images: int, per_image: int) -> None:
    slots, images = planted(rng, n_images=n_images, per_image=per_image, noise=0.2)
    model = Hyperalignment(device="cpu").fit(slots, images)
    assert model.warning_ is not None
    for matrix in model.matrices_.values():
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(12), atol=1e-5)
    assert np.isfinite(list(model.agreement_.values())).all() == (n_images > 2)
    if n_images > 2:
        assert min(model.agreement_.values()) > 0.8


def test_a_constant_slot_has_no_agreement_and_harms_nobody(rng: np.random.Generator) -> None:
    slots, images = planted(rng, noise=0.1)
    slots[Slot("dead", 0)] = np.ones((len(images), 12))
    model = Hyperalignment(device="cpu").fit(slots, images)
    assert abs(model.agreement_[Slot("dead", 0)]) < 0.1
    assert model.agreement_[Slot("net", 0)] > 0.9


def test_a_narrow_common_space_keeps_the_strongest_directions(rng: np.random.Generator) -> None:
    slots, images = planted(rng, noise=0.1)
    model = Hyperalignment(4, strength=0.0, device="cpu").fit(slots, images)
    aligned = model.transform(slots)[Slot("net", 0)]
    assert aligned.shape == (len(images), 4)
    np.testing.assert_allclose(
        model.matrices_[Slot("net", 0)].T @ model.matrices_[Slot("net", 0)], np.eye(4), atol=1e-5
    )
    variances = aligned.var(axis=0)
    assert (np.diff(variances) < 0.05 * variances[0]).all()
    # As much variance as the four strongest principal components hold, but for the noise.
    best = np.linalg.eigvalsh(np.cov(slots[Slot("net", 0)].T))[::-1][:4].sum()
    assert variances.sum() > 0.97 * best


def test_half_precision_input_and_little_memory_give_the_same_maps(rng: np.random.Generator) -> None:
    slots, images = planted(rng, noise=0.3)
    whole = Hyperalignment(device="cpu").fit(slots, images)
    half = Hyperalignment(device="cpu", memory=1000).fit({s: x.astype(np.float16) for s, x in slots.items()}, images)
    for slot, x in slots.items():
        np.testing.assert_allclose(half.transform({slot: x})[slot], whole.transform({slot: x})[slot], atol=0.05)


def test_progress_runs_from_start_to_end(rng: np.random.Generator) -> None:
    seen: list[tuple[int, int]] = []
    slots, images = planted(rng, noise=0.3)
    Hyperalignment(device="cpu").fit(slots, images, progress=lambda done, total, text: seen.append((done, total)))
    done = [d for d, _ in seen]
    assert done == sorted(done)
    assert seen[-1][0] == seen[-1][1]
    assert len(seen) > 12  # one for each strength that is tried, then one for each slot of each round


@pytest.mark.parametrize(
    "bad",
    [{"strength": 1.5}, {"strength": "strong"}, {"n_channels": 0}, {"n_iterations": 0}, {"held_out": 1.0}],
)
def test_bad_settings_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(bad))):
        Hyperalignment(**bad).fit(*planted(np.random.default_rng(0)))


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
    np.testing.assert_array_equal(alignment.transform(("net", 0), x), model.transform({("net", 0): x})[("net", 0)])
