"""Moments of an activation and of its slope at a Gaussian input: quadrature, and closed forms.

The closed forms are functions of the variance of the input, by the names of the methods of
`signalprop.activations.Activation` that they serve.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Function = Callable[[Any], Any]
Moment = Callable[[Floats], Floats]


def gaussian_mean(function: Function, q: ArrayLike) -> Floats:
    r"""Average a function over a Gaussian of mean 0 and variance ``q``.

    Each half line is mapped to the whole line by :math:`x = s\,\exp(t - e^{-t})` with
    :math:`s = \min(1, \sqrt q)` and summed by the trapezoid rule, which converges
    exponentially for functions analytic on either side of 0 (Takahasi & Mori's
    double-exponential rule).  The step resolves both scales, that of the function
    (:math:`x \sim 1`) and that of the Gaussian (:math:`x \sim \sqrt q`), for any ``q``.

    Parameters
    ----------
    function : elementwise, of scale 1, growing at most like a polynomial; may have a kink at 0
    q : variances >= 0, any shape

    Returns
    -------
    the averages, of the shape of ``q``, to a relative error below 1e-12; at ``q = 0`` the
    limit ``q -> 0``

    Examples
    --------
    >>> round(float(gaussian_mean(np.square, 3.0)), 12)
    3.0
    """
    variance = np.asarray(q, dtype=np.float64)
    deviation = np.sqrt(np.maximum(variance, np.finfo(float).tiny))[..., None]
    widest = max(1.0, float(deviation.max(initial=0.0)))
    step = 0.08
    t = np.arange(-3.7, math.log(10 * widest) + 0.5, step)
    x = np.minimum(deviation, 1.0) * np.exp(t - np.exp(-t))
    z = x / deviation
    weight = step / math.sqrt(2 * math.pi) * np.exp(-(z**2) / 2) * z * (1 + np.exp(-t))
    return np.asarray(((function(x) + function(-x)) * weight).sum(-1))


# --- closed forms -------------------------------------------------------------------------


def constant(value: float) -> Moment:
    """Return a moment that does not depend on the variance.

    >>> constant(0.5)(np.array([1.0, 4.0]))
    array([0.5, 0.5])
    """
    return lambda q: np.full_like(q, value)


ODD = {"mean": constant(0.0)}
"""Of an odd activation."""

GATE = {"slope_mean": constant(0.5)}
"""Of an activation whose slope is 1/2 plus an odd function."""


def piecewise_linear(a: float) -> dict[str, Moment]:
    """Return the moments of max(x, a x), of slope 1 on the right and a on the left.

    >>> relu = piecewise_linear(0.0)
    >>> float(relu["square_mean"](3.0))
    1.5
    """
    return {
        "mean": lambda q: (1 - a) * np.sqrt(q / (2 * np.pi)),
        "square_mean": lambda q: (1 + a**2) / 2 * q,
        "slope_mean": constant((1 + a) / 2),
        "slope_square_mean": constant((1 + a**2) / 2),
    }


def erf() -> dict[str, Moment]:
    """Return the moments of erf(x).

    >>> slope = gaussian_mean(lambda x: 2 / np.sqrt(np.pi) * np.exp(-(x**2)), 0.5)
    >>> bool(np.isclose(erf()["slope_mean"](0.5), slope))
    True
    """
    return ODD | {
        "square_mean": lambda q: 2 / np.pi * np.arcsin(2 * q / (1 + 2 * q)),
        "slope_mean": lambda q: 2 / np.sqrt(np.pi * (1 + 2 * q)),
        "slope_square_mean": lambda q: 4 / np.pi / np.sqrt(1 + 4 * q),
    }


def hard_tanh() -> dict[str, Moment]:
    """Return the moments of x cut off at -1 and 1.

    >>> round(float(hard_tanh()["slope_mean"](1.0)), 4)  # within one standard deviation
    0.6827
    """

    def edge(q: Floats) -> Floats:
        """Return half the squared distance of the kink, in standard deviations."""
        with np.errstate(divide="ignore"):
            return 1 / (2 * q)

    def linear_fraction(q: Floats) -> Floats:
        return np.asarray(scipy.special.erf(np.sqrt(edge(q))))

    def square_mean(q: Floats) -> Floats:
        # E[x^2; |x| < 1] is an incomplete gamma function: no cancellation at large q.
        inside = q * scipy.special.gammainc(1.5, edge(q))
        return np.asarray(inside + scipy.special.erfc(np.sqrt(edge(q))))

    return ODD | {
        "square_mean": square_mean,
        "slope_mean": linear_fraction,
        "slope_square_mean": linear_fraction,
    }


def gelu() -> dict[str, Moment]:
    """Return the moments of x Phi(x), Phi the distribution function of a standard Gaussian.

    Stein's lemma, E[x f(x)] = q E[f'(x)], reduces all four to E[Phi(x)^2].

    Examples
    --------
    >>> bool(np.isclose(gelu()["mean"](1e6), piecewise_linear(0.0)["mean"](1e6)))  # far out, ReLU
    True
    """

    def phi_square(q: Floats) -> Floats:
        return 0.25 + np.arcsin(q / (1 + q)) / (2 * np.pi)

    def cross(q: Floats) -> Floats:
        """Return E[2 x Phi(x) Phi'(x)]."""
        return np.asarray(q / (1 + q) / (np.pi * np.sqrt(1 + 2 * q)))

    return GATE | {
        "mean": lambda q: q / np.sqrt(2 * np.pi * (1 + q)),
        "square_mean": lambda q: q * (phi_square(q) + cross(q)),
        "slope_square_mean": lambda q: (
            phi_square(q) + cross(q) + q / (2 * np.pi * (1 + 2 * q) ** 1.5)
        ),
    }
