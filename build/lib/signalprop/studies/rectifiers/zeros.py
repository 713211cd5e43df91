"""How many units of an untrained rectifier network are exactly zero, and how surely.

Weights are independent and symmetric about 0, biases are 0.  Then a unit's input is as likely
negative as positive, whatever the layer below does, as long as not all of that layer is zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...kernels import covariance

Floats = NDArray[np.float64]


def zero_fraction(widths: Sequence[int]) -> Floats:
    r"""Return the probability that a unit is exactly zero, layer by layer.

    .. math:: p_l = 1 - \tfrac12 \prod_{k < l} (1 - 2^{-n_k})

    A layer of n units is wholly zero with probability :math:`2^{-n}`, and then so is all above
    it; else the signs of its inputs are fair coins.

    Parameters
    ----------
    widths : units of each hidden layer, the first layer first; the input is not zero

    Returns
    -------
    (len(widths),)

    Raises
    ------
    ValueError
        If a width is not positive.

    Examples
    --------
    >>> zero_fraction([1, 1, 1]).tolist()
    [0.5, 0.75, 0.875]
    >>> zero_fraction([1000] * 3).tolist()
    [0.5, 0.5, 0.5]
    """
    n = np.asarray(widths, dtype=np.float64)
    if n.ndim != 1 or not np.all(n >= 1):
        raise ValueError(f"widths must be positive integers, got {widths}")
    alive = np.cumprod(np.concatenate([[1.0], 1 - 2.0 ** -n[:-1]]))
    return np.asarray(1 - alive / 2)


def unit_deviation(cosine: ArrayLike) -> float:
    r"""Return how much units differ in the fraction of inputs for which they are zero.

    A unit with Gaussian weights is zero for both of two inputs at an angle
    :math:`\theta` with probability :math:`(\pi - \theta)/2\pi`.  So its fraction, over a set of
    inputs, has mean 1/2 and variance

    .. math:: \Big\langle \frac14 - \frac{\theta_{ab}}{2\pi} \Big\rangle_{ab},

    averaged over all pairs, each input with itself included.  The units of a layer are
    independent given the layer below, so the fraction of the whole layer has this deviation
    over the root of the width.

    Parameters
    ----------
    cosine : (inputs, inputs), of the angles between the inputs of the layer

    Returns
    -------
    the standard deviation, 0 to 1/2; 1/2 where every unit is zero for all inputs or for none

    Examples
    --------
    >>> unit_deviation(np.ones((2, 2)))
    0.5
    """
    angle = np.arccos(np.clip(np.asarray(cosine, dtype=np.float64), -1, 1))
    variance = float(np.mean(0.25 - angle / (2 * np.pi)))
    return math.sqrt(max(variance, 0.0))  # a set symmetric about 0 has 0, give or take a rounding


def cosines(x: ArrayLike) -> Floats:
    """Return the cosines of the angles between examples (examples, features), none of them 0."""
    rows = np.asarray(x, dtype=np.float64)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(unit @ unit.T)


def next_cosines(cosine: ArrayLike) -> Floats:
    """Return the cosines one wide rectifier layer on: the kernel of Cho & Saul, of degree 1.

    Examples
    --------
    >>> float(next_cosines(1.0))
    1.0
    """
    c = np.asarray(cosine, dtype=np.float64)
    return covariance("relu", np.clip(c, -1, 1), 2.0)
