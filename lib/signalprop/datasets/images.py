"""Labelled images of fixed number: MNIST, CIFAR-10, CIFAR-100 and scikit-learn's digits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .sources import SOURCES, read

Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]
Index = slice | NDArray[np.integer] | NDArray[np.bool_]

NAMES = (*SOURCES, "digits")
"""What `load` knows."""

_DIGITS_TRAIN = 1287


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled images.

    Attributes
    ----------
    images : (n, channels, height, width), bytes
    labels : (n,)
    coarse : (n,), labels of a coarser kind, where the set has such (CIFAR-100)

    Raises
    ------
    ValueError
        If the arrays do not belong together, or the images are not bytes.

    Examples
    --------
    >>> white = Examples(np.full((3, 1, 2, 2), 255, np.uint8), np.array([0, 1, 0]))
    >>> len(white), white.pixels(slice(1)).tolist()
    (3, [[[[1.0, 1.0], [1.0, 1.0]]]])
    """

    images: Bytes
    labels: Labels
    coarse: Labels | None = None

    def __post_init__(self) -> None:
        """Check that the arrays belong together."""
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise ValueError(
                "images must be bytes (n, channels, height, width), "
                f"got {self.images.dtype} {self.images.shape}"
            )
        for name, labels in (("labels", self.labels), ("coarse", self.coarse)):
            if labels is not None and labels.shape != (len(self.images),):
                raise ValueError(f"{name} must be ({len(self.images)},), got {labels.shape}")

    def __len__(self) -> int:
        """Return their number."""
        return len(self.images)

    def pixels(
        self, index: Index | None = None, dtype: DTypeLike = np.float32
    ) -> NDArray[np.floating]:
        """Return images with values in [0, 1].

        Parameters
        ----------
        index : which ones: a slice or an array of indices; all if None
        dtype : floating-point type

        Returns
        -------
        (n, channels, height, width)
        """
        images = self.images if index is None else self.images[index]
        return np.divide(images, 255, dtype=dtype)

    def part(self, index: Index) -> Examples:
        """Return some of the examples: those of a slice or of an array of indices."""
        coarse = None if self.coarse is None else self.coarse[index]
        return Examples(self.images[index], self.labels[index], coarse)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A data set as it is published, divided into training and test.

    Attributes
    ----------
    name : as given to `load`
    train, test : the examples
    classes : names by label
    coarse_classes : names by coarse label, where the set has such (CIFAR-100)

    Examples
    --------
    >>> digits = load("digits")
    >>> len(digits.train), len(digits.test), digits.classes[:3]
    (1287, 510, ('0', '1', '2'))
    """

    name: str
    train: Examples
    test: Examples
    classes: tuple[str, ...]
    coarse_classes: tuple[str, ...] = ()


def load(name: str, folder: str | Path | None = None) -> ImageSet:
    """Load a data set that lies on this machine, and check that it is the published one.

    Parameters
    ----------
    name : ``"mnist"``, ``"cifar10"``, ``"cifar100"`` (labels: the 100 fine classes) or
        ``"digits"``, which comes with scikit-learn
    folder : where the data are, in folders named as their authors name them; if None, that of the
        environment variable ``SIGNALPROP_DATA``, or else ``data`` in the repository

    Returns
    -------
    the data set; the order of its images is that of the files

    Raises
    ------
    DataError
        If the set is absent or damaged: what is wrong, where, and what to do about it.
    ValueError
        If there is no such name.

    Notes
    -----
    The digits are the 1797 test images of Alpaydin & Kaynak (1998), 8 x 8, whose 17 greys are
    spread over the bytes: ``(255 * grey + 8) // 16``.  They come in fourteen runs of about 130
    that begin with the same labels, each, it seems, a form that somebody filled in.  The first
    ten runs are for training and the last four for test: so, as in MNIST, digits are tested in
    hands that were not trained on, and no random division has to be repeated.

    Examples
    --------
    >>> digits = load("digits")
    >>> digits.train.images.shape, len(digits.test), digits.classes[-1]
    ((1287, 1, 8, 8), 510, '9')
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}")
    if name == "digits":
        return _digits()
    content = read(name, folder)
    train, test = map(Examples, content.images, content.labels, content.coarse or (None, None))
    return ImageSet(name, train, test, content.classes, content.coarse_classes)


def _digits() -> ImageSet:
    from sklearn.datasets import load_digits

    greys, labels = load_digits(return_X_y=True)
    images = ((255 * greys.astype(np.int64) + 8) // 16).astype(np.uint8).reshape(-1, 1, 8, 8)
    every = Examples(images, labels.astype(np.int64))
    train, test = every.part(slice(_DIGITS_TRAIN)), every.part(slice(_DIGITS_TRAIN, None))
    return ImageSet("digits", train, test, tuple(str(digit) for digit in range(10)))
