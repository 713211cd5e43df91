"""Shuffled data sets: every example once an epoch, and the same stream from any position."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from signalprop.datasets import Examples, Shuffled

N = 13


@pytest.fixture
def examples(rng: np.random.Generator) -> Examples:
    """Return random images whose labels are their indices."""
    return Examples(rng.integers(256, size=(N, 2, 3, 4), dtype=np.uint8), np.arange(N))


def test_every_epoch_delivers_every_example_once_in_an_order_of_its_own(
    examples: Examples,
) -> None:
    stream = Shuffled(examples, seed=4)
    epochs = [tuple(stream.batch(N)[1]) for _ in range(20)]
    assert all(sorted(epoch) == list(range(N)) for epoch in epochs)
    assert len(set(epochs)) == 20
    assert stream.position == 20 * N


def test_the_order_of_an_epoch_is_fixed_by_the_seed_and_its_number(examples: Examples) -> None:
    stream = Shuffled(examples, seed=4)
    for epoch in (0, 1, 7):
        stream.position = epoch * N
        expected = np.random.default_rng((4, epoch)).permutation(N)
        np.testing.assert_array_equal(stream.batch(N)[1], expected)


def test_every_example_comes_first_as_often_as_any(examples: Examples) -> None:
    """Chi-square over the first example of 2600 epochs: 12 degrees of freedom, p = 1e-6 at 50."""
    stream, count = Shuffled(examples, seed=0), np.zeros(N)
    for epoch in range(200 * N):
        stream.position = epoch * N
        count[stream.batch(1)[1]] += 1
    assert ((count - 200) ** 2 / 200).sum() < 50


@pytest.mark.parametrize("sizes", [[1] * 60, [7] * 9, [N, 2 * N, 1, 20], [60]])
def test_the_sizes_of_batches_do_not_matter(examples: Examples, sizes: list[int]) -> None:
    """Batches may straddle epochs, or hold several."""
    stream = Shuffled(examples, seed=1)
    parts = [stream.batch(n) for n in sizes]
    images, labels = (np.concatenate(part)[:60] for part in zip(*parts, strict=True))
    whole = Shuffled(examples, seed=1).batch(60)
    np.testing.assert_array_equal(images, whole[0])
    np.testing.assert_array_equal(labels, whole[1])
    np.testing.assert_array_equal(images, examples.pixels(labels, np.float64))


def test_a_stream_goes_to_any_position_and_back(examples: Examples) -> None:
    whole = Shuffled(examples, seed=2).batch(100)[1]
    stream = Shuffled(examples, seed=2)
    for position in (0, 99, N, N - 1, 50, 49, 3 * N, 1):
        stream.position = position
        n = min(5, 100 - position)
        np.testing.assert_array_equal(stream.batch(n)[1], whole[position : position + n])
        assert stream.position == position + n


def test_seeds_differ(examples: Examples) -> None:
    orders = {tuple(Shuffled(examples, seed).batch(2 * N)[1]) for seed in range(30)}
    assert len(orders) == 30


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shift", "scale"), [(0.5, 2.0), (0.0, 3.0), ([0.3, 0.6], [4.0, 0.25])])
def test_values_are_shifted_and_scaled(
    examples: Examples, shift: Any, scale: Any, dtype: Any
) -> None:
    images, labels = Shuffled(examples, 0, shift, scale).batch(2 * N, dtype)
    assert images.dtype == dtype
    a, b = (np.broadcast_to(value, 2)[:, None, None] for value in (shift, scale))
    expected = (examples.images[labels] / 255 - a) * b
    # Three roundings of numbers below 1, and the scale's.
    np.testing.assert_allclose(images, expected, rtol=0, atol=4 * 4 * np.finfo(dtype).eps)


def test_images_are_as_they_are_by_default(examples: Examples) -> None:
    before = examples.images.copy()
    images, labels = Shuffled(examples, 0).batch(N)
    assert images.dtype == np.float64
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(images, before[labels] / 255)
    images[:] = 7
    labels[:] = 7
    np.testing.assert_array_equal(examples.images, before)
    np.testing.assert_array_equal(examples.labels, np.arange(N))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"shift": float("nan")}, "shift must be a number or 2, all finite"),
        ({"scale": [1, 2, 3]}, "scale must be a number or 2, all finite"),
        ({"scale": float("inf")}, "scale must be"),
    ],
)
def test_arguments_out_of_range_are_refused(
    examples: Examples, arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        Shuffled(**{"examples": examples, "seed": 0} | arguments)


def test_there_must_be_something_to_deliver(examples: Examples) -> None:
    with pytest.raises(ValueError, match="examples must not be empty"):
        Shuffled(examples.part(slice(0)), 0)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        Shuffled(examples, 0).batch(0)
