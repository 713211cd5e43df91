"""Images as the CIFAR recipes feed them: random crops, mirrored half the time, less their mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .images import Examples
from .shuffled import Shuffled

Floats = NDArray[np.floating]


class Augmented(Shuffled):
    """An endless, seeded stream of random crops of the images of a data set.

    As in `Shuffled`, every epoch delivers each example once, in an order of its own, and a stream
    is anywhere at once: the crops too are fixed by the seed, the number of the epoch and the
    example.  The mean image of the examples is subtracted, then images are multiplied by one
    number so that the mean square of all pixels is 1.

    Parameters
    ----------
    examples : what to deliver, at least one; not all images the same
    seed : non-negative int; equal seeds give equal streams
    size : height and width of the crops, at least 1 and at most those of the images

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from signalprop.datasets import load
    >>> stream = Augmented(load("digits").train, seed=0, size=7)
    >>> stream.batch(5)[0].shape
    (5, 1, 7, 7)
    """

    def __init__(self, examples: Examples, seed: int, size: int = 28) -> None:
        super().__init__(examples, seed)
        height, width = examples.images.shape[2:]
        if not 1 <= size <= min(height, width):
            raise ValueError(f"size must be between 1 and {min(height, width)}, got {size}")
        self.size = size
        self.mean, self.deviation = _statistics(examples.images)
        if not self.deviation > 0:
            raise ValueError("examples must hold different images")
        # All crops as views: (n, channels, vertical offset, horizontal offset, size, size).
        self._crops = _windows(examples.images, size)
        self._means = _windows(self.mean, size)
        self._draws: NDArray[np.int64] = np.empty((0, 3), np.int64)
        self._drawn = -1

    def batch(
        self, n: int, dtype: DTypeLike = np.float64
    ) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
        """Deliver the next ``n`` crops and their labels, of this epoch and then of the next.

        Parameters
        ----------
        n : how many, at least 1
        dtype : floating-point type of the images, and of the arithmetic on them

        Returns
        -------
        images : (n, channels, size, size)
        labels : (n,)
        """
        epochs = np.arange(self.position, self.position + max(n, 0)) // len(self.examples)
        which = self._next(n)
        draws = np.empty((n, 3), np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            draws[here] = self._of_epoch(int(epoch))[which[here]]
        down, right, mirror = draws.T
        images = self._crop(which, down, right, dtype)
        images[mirror == 1] = images[mirror == 1, ..., ::-1]
        return images, self.examples.labels[which]

    def centre(self, examples: Examples, dtype: DTypeLike = np.float32) -> Floats:
        """Return other examples, cropped in the middle and scaled as those of the stream.

        Parameters
        ----------
        examples : n images of the same size
        dtype : as in `batch`

        Returns
        -------
        (n, channels, size, size)
        """
        spare = np.array(examples.images.shape[2:]) - self.size
        down, right = spare // 2
        images = _windows(examples.images, self.size)[:, :, down, right]
        return self._scaled(images, self._means[:, down, right], dtype)

    def _crop(
        self,
        which: NDArray[np.int64],
        down: NDArray[np.int64],
        right: NDArray[np.int64],
        dtype: DTypeLike,
    ) -> Floats:
        # Two indices apart from the first: NumPy puts the examples in front.
        return self._scaled(
            self._crops[which, :, down, right], self._means.swapaxes(0, 1)[down, :, right], dtype
        )

    def _scaled(self, images: NDArray[Any], mean: NDArray[Any], dtype: DTypeLike) -> Floats:
        scaled: Floats = np.subtract(images, mean, dtype=dtype)
        scaled /= np.asarray(self.deviation, dtype)
        return scaled

    def _of_epoch(self, epoch: int) -> NDArray[np.int64]:
        """Return offset down, offset to the right and whether to mirror, (examples, 3)."""
        if epoch != self._drawn:
            rng = np.random.default_rng((self.seed, epoch, 1))
            spare = [side - self.size + 1 for side in self.examples.images.shape[2:]]
            self._draws = rng.integers(0, [*spare, 2], (len(self.examples), 3))
            self._drawn = epoch
        return self._draws


def _windows(images: NDArray[Any], size: int) -> NDArray[Any]:
    """Return all crops of images (..., height, width), as a view."""
    crops: NDArray[Any] = np.lib.stride_tricks.sliding_window_view(
        images, (size, size), axis=(-2, -1)
    )
    return crops


def _statistics(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    """Return the mean image, and the root mean square of the images less it, in bytes."""
    # Sums of integers: exact, so the same whatever the order.
    total, squares = np.zeros(images.shape[1:], np.int64), 0
    for part in np.array_split(images, max(len(images) // 1000, 1)):
        total += part.sum(0, dtype=np.int64)
        squares += int(np.square(part, dtype=np.uint32).sum(dtype=np.int64))
    mean = total / len(images)
    variance = squares / images.size - np.square(mean).mean()
    return mean.astype(np.float32), float(np.sqrt(max(variance, 0.0)))
