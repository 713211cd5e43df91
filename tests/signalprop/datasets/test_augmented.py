"""Random crops and mirror images: each against its definition, from any position."""

from __future__ import annotations

import numpy as np
import pytest

from signalprop.datasets import Augmented, Examples

N = 11


@pytest.fixture
def examples(rng: np.random.Generator) -> Examples:
    """Return random images whose labels are their indices."""
    return Examples(rng.integers(256, size=(N, 2, 7, 6), dtype=np.uint8), np.arange(N))


def test_every_image_is_a_crop_less_the_mean_image_perhaps_mirrored(examples: Examples) -> None:
    stream = Augmented(examples, seed=2, size=4)
    pixels = examples.images.astype(np.float64)
    mean = pixels.mean(0)
    deviation = np.sqrt(((pixels - mean) ** 2).mean())
    images, labels = stream.batch(3 * N)
    seen = set()
    for image, label in zip(images, labels, strict=True):
        whole = (pixels[label] - mean) / deviation
        found = [
            (down, right, mirrored)
            for down in range(4)
            for right in range(3)
            for mirrored in (False, True)
            if np.allclose(image, _crop(whole, down, right, mirrored), atol=1e-5)
        ]
        assert len(found) == 1
        seen.add((int(label), *found[0]))
    assert len(seen) > N  # crops differ from epoch to epoch


def _crop(image: np.ndarray, down: int, right: int, mirrored: bool) -> np.ndarray:
    crop = image[:, down : down + 4, right : right + 4]
    return crop[..., ::-1] if mirrored else crop


def test_all_crops_are_as_frequent_as_any() -> None:
    """Chi-square over 3 x 2 offsets, mirrored or not: 11 degrees of freedom, p = 1e-6 at 50."""
    ramp = np.arange(12, dtype=np.uint8).reshape(1, 4, 3)
    images = np.stack([ramp, 255 - ramp] * 600)  # the mean image is 127.5 everywhere
    stream = Augmented(Examples(images, np.arange(1200)), seed=0, size=2)
    crops, labels = stream.batch(1200)
    values = crops * stream.deviation + 127.5
    values[labels % 2 == 1] = 255 - values[labels % 2 == 1]
    first_rows = np.rint(values[:, 0, 0]).astype(int)
    kinds, counts = np.unique(first_rows, axis=0, return_counts=True)
    corners = [(3 * down + right, 3 * down + right + 1) for down in range(3) for right in range(2)]
    expected = sorted([*corners, *((b, a) for a, b in corners)])
    assert kinds.tolist() == [list(pair) for pair in expected]
    assert ((counts - 100) ** 2 / 100).sum() < 50


@pytest.mark.parametrize("sizes", [[1] * 40, [7, 9, 24], [40]])
def test_the_sizes_of_batches_do_not_matter(examples: Examples, sizes: list[int]) -> None:
    stream, whole = (Augmented(examples, seed=1, size=5) for _ in range(2))
    parts = [stream.batch(n) for n in sizes]
    images, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    expected = whole.batch(40)
    np.testing.assert_array_equal(images, expected[0])
    np.testing.assert_array_equal(labels, expected[1])


def test_a_stream_goes_to_any_position_and_back(examples: Examples) -> None:
    stream = Augmented(examples, seed=1, size=5)
    images, _ = stream.batch(4 * N)
    for position in (3 * N + 2, 1, N):
        stream.position = position
        np.testing.assert_array_equal(stream.batch(2)[0], images[position : position + 2])


def test_pixels_have_mean_square_one(examples: Examples) -> None:
    stream = Augmented(examples.part(np.arange(N)), seed=0, size=6)
    whole = (examples.images[..., :6] - stream.mean[..., :6]) / stream.deviation
    assert np.square((examples.images - stream.mean) / stream.deviation).mean() == pytest.approx(1)
    middle = stream.centre(examples, np.float64)
    np.testing.assert_allclose(middle, whole[:, :, 0:6], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "seed", "message"),
    [
        (0, 0, "size must be between 1 and 6, got 0"),
        (7, 0, "size must be between 1 and 6, got 7"),
        (4, -1, "seed must be at least 0, got -1"),
    ],
)
def test_bad_arguments_are_named(examples: Examples, size: int, seed: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augmented(examples, seed, size)


def test_images_all_alike_cannot_be_scaled() -> None:
    images = np.full((3, 1, 4, 4), 7, np.uint8)
    with pytest.raises(ValueError, match="examples must hold different images"):
        Augmented(Examples(images, np.arange(3)), 0, 4)
