"""A data set as an endless stream: epoch after epoch, each in an order of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .images import Examples


class Shuffled:
    """An endless, seeded stream of the examples of a data set.

    Every epoch delivers each example once, in an order fixed by the seed and the number of the
    epoch.  So a stream is anywhere at once: set ``position``, the number of examples delivered.

    Parameters
    ----------
    examples : what to deliver, at least one
    seed : non-negative int; equal seeds give equal streams
    shift, scale : the images delivered are ``(pixel / 255 - shift) * scale``; numbers, or one
        number for each channel

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from signalprop.datasets import load
    >>> stream = Shuffled(load("digits").train, seed=0)
    >>> images, labels = stream.batch(3)
    >>> images.shape, labels.shape, stream.position
    ((3, 1, 8, 8), (3,), 3)
    >>> stream.position = 2
    >>> bool((stream.batch(1)[0] == images[2:]).all())
    True
    """

    def __init__(
        self,
        examples: Examples,
        seed: int,
        shift: float | Sequence[float] = 0.0,
        scale: float | Sequence[float] = 1.0,
    ) -> None:
        if not len(examples):
            raise ValueError("examples must not be empty")
        if seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed}")
        self.examples, self.seed, self.position = examples, seed, 0
        channels = examples.images.shape[1]
        self._shift = _by_channel("shift", shift, channels)
        self._scale = _by_channel("scale", scale, channels)
        self._epoch = -1
        self._order: NDArray[np.int64] = np.empty(0, np.int64)

    def batch(
        self, n: int, dtype: DTypeLike = np.float64
    ) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
        """Deliver the next ``n`` images and their labels, of this epoch and then of the next.

        Parameters
        ----------
        n : how many, at least 1; there may be several epochs in them
        dtype : floating-point type of the images, and of the arithmetic on them

        Returns
        -------
        images : (n, channels, height, width)
        labels : (n,)
        """
        which = self._next(n)
        images = self.examples.pixels(which, dtype)
        if self._shift.any():
            images -= self._shift.astype(dtype)
        if (self._scale != 1).any():
            images *= self._scale.astype(dtype)
        return images, self.examples.labels[which]

    def _next(self, n: int) -> NDArray[np.int64]:
        """Return the indices of the next ``n`` examples, and move on."""
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        parts = []
        stop = self.position + n
        while self.position < stop:
            epoch, offset = divmod(self.position, len(self.examples))
            if epoch != self._epoch:
                rng = np.random.default_rng((self.seed, epoch))
                self._order, self._epoch = rng.permutation(len(self.examples)), epoch
            part = self._order[offset : offset + stop - self.position]
            parts.append(part)
            self.position += len(part)
        return np.concatenate(parts)


def _by_channel(name: str, value: float | Sequence[float], channels: int) -> NDArray[np.float64]:
    values = np.asarray(value, np.float64)
    if values.shape not in ((), (channels,)) or not np.isfinite(values).all():
        raise ValueError(f"{name} must be a number or {channels}, all finite, got {value}")
    return values.reshape(-1, 1, 1)
