"""When a sigmoid unit saturates: exact thresholds, and how often a Gaussian input crosses them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .activations import get

Floats = NDArray[np.float64]

MARGIN = 0.05
"""Distance from 0 or 1 within which a sigmoid unit is called saturated."""


def saturated_fraction(deviation: ArrayLike, margin: float = MARGIN) -> Floats:
    r"""Return how often a sigmoid of a centred Gaussian input is within ``margin`` of 0 or 1.

    .. math:: P(|x| > \ln\tfrac{1-m}{m}) = \mathrm{erfc}\,\frac{\ln((1-m)/m)}{\sqrt2\, s}

    Parameters
    ----------
    deviation : standard deviation s of the input, >= 0, any shape
    margin : m, between 0 and 1/2

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> print(f"{saturated_fraction(1.0):.4f}")
    0.0032
    """
    s = np.asarray(deviation, dtype=np.float64)
    if not np.all(s >= 0):
        raise ValueError(f"deviation must be >= 0, got {deviation!r}")
    if not 0 < margin < 0.5:
        raise ValueError(f"margin must be between 0 and 1/2, got {margin}")
    with np.errstate(divide="ignore"):
        return np.asarray(scipy.special.erfc(-scipy.special.logit(margin) / (np.sqrt(2) * s)))


def rounding_points(dtype: DTypeLike) -> tuple[float, float]:
    r"""Return the inputs beyond which the sigmoid, rounded correctly, is exactly 0 and 1.

    With :math:`\sigma(x) \approx e^x` far on the left and :math:`1 - e^{-x}` far on the
    right, these are the logarithms of half the smallest positive number and of half the gap
    below 1.

    Parameters
    ----------
    dtype : a floating-point type

    Examples
    --------
    >>> [round(x, 2) for x in rounding_points(np.float32)]
    [-103.97, 17.33]
    """
    kind = np.finfo(np.dtype(dtype))
    smallest = int(np.log2(float(kind.smallest_normal))) - kind.nmant
    return (smallest - 1) * math.log(2), (kind.nmant + 2) * math.log(2)


def computed_rounding_points(dtype: DTypeLike) -> tuple[float, float]:
    """Return the same points of the sigmoid as it is computed, by bisection.

    The formula 1/(1 + exp(-x)) loses the left tail where exp(-x) overflows, and the last bit
    on the right.

    Returns
    -------
    below, above : the largest input that gives 0 and the smallest that gives 1

    Examples
    --------
    >>> [round(x, 2) for x in computed_rounding_points(np.float64)]
    [-709.78, 36.74]
    """
    sigmoid = get("sigmoid")
    below = _boundary(lambda x: sigmoid(x) == 0, -1000, 0, dtype)
    above = _boundary(lambda x: sigmoid(x) == 1, 1000, 0, dtype)
    return below, above


def _boundary(holds: Any, inside: float, outside: float, dtype: DTypeLike) -> float:
    """Return the last number, from ``inside`` towards ``outside``, where a condition holds."""
    kind: Any = np.dtype(dtype).type
    yes, no = kind(inside), kind(outside)
    while (middle := kind((yes + no) / 2)) not in (yes, no):
        if holds(middle):
            yes = middle
        else:
            no = middle
    return float(yes)
