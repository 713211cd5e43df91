"""Table 1 of Xu, Huang & Li (2016), in per cent, and the uncertainty of an accuracy."""

from __future__ import annotations

import math
from typing import NamedTuple

TEST_IMAGES = 10_000
"""Of CIFAR-100."""


class Row(NamedTuple):
    """Train and test accuracy."""

    train: float
    test: float


ROWS = {
    "rescaled_sigmoid": Row(89.39, 59.11),
    "tanh": Row(96.94, 61.99),
    "relu": Row(99.17, 67.91),
    "leaky_tanh": Row(99.75, 70.43),
    "leaky_relu": Row(99.85, 70.64),
}
"""The rows with numbers, in the order of the test accuracy; the sigmoid's says "N/A"."""

NAMES = {
    "sigmoid": "sigmoid",
    "rescaled_sigmoid": "rescaled sigmoid",
    "tanh": "tanh",
    "relu": "ReLU",
    "leaky_tanh": "leaky tanh",
    "leaky_relu": "leaky ReLU",
}
"""The rows in words."""


def deviation(accuracy: float, images: int = TEST_IMAGES) -> float:
    """Return the standard deviation of an accuracy in per cent, from the choice of images.

    >>> round(deviation(65.0), 2)
    0.48
    """
    return math.sqrt(accuracy * (100 - accuracy) / images)
