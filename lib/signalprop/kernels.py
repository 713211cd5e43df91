r"""Covariances of two units that see two inputs.

Two inputs give a unit the pre-activations :math:`u_1, u_2`, Gaussian of variance ``q`` and
correlation ``c``.  The correlation of signals and of gradients through depth needs
:math:`\mathbb{E}\,\phi(u_1)\phi(u_2)` and :math:`\mathbb{E}\,\phi'(u_1)\phi'(u_2)`: closed
forms where they are known, and a quadrature in polar coordinates elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, expit

from signalprop.activations import Activation, Function, get

Floats = NDArray[np.float64]
Kernel = Callable[[Activation, Floats, float], Floats]


def covariance(activation: str | Activation, c: ArrayLike, q: float) -> Floats:
    r"""Return :math:`\mathbb{E}\,\phi(u_1)\phi(u_2)`, the second moment across two inputs.

    Parameters
    ----------
    activation : name or Activation
    c : correlations of the pre-activations, -1 to 1, any shape
    q : their variance, > 0

    Raises
    ------
    ValueError
        If ``c`` or ``q`` is out of range.

    Examples
    --------
    >>> float(covariance("relu", 1.0, 2.0))
    1.0
    """
    act = get(activation)
    return _kernel(_COVARIANCES.get(act.name), act, act.function, c, q)


def slope_covariance(activation: str | Activation, c: ArrayLike, q: float) -> Floats:
    r"""Return :math:`\mathbb{E}\,\phi'(u_1)\phi'(u_2)`, the derivative of `covariance` by q c.

    Parameters and errors as for `covariance`.

    Examples
    --------
    >>> float(slope_covariance("relu", 0.0, 2.0))
    0.25
    """
    act = get(activation)
    return _kernel(_SLOPE_COVARIANCES.get(act.name), act, act.derivative, c, q)


def _kernel(
    closed: Kernel | None, act: Activation, function: Function, c: ArrayLike, q: float
) -> Floats:
    correlation = np.asarray(c, dtype=np.float64)
    if not np.all(abs(correlation) <= 1):
        raise ValueError(f"c must be a correlation between -1 and 1, got {c!r}")
    if not 0 < q < math.inf:
        raise ValueError(f"q must be a finite variance > 0, got {q!r}")
    if closed is not None:
        return np.asarray(closed(act, correlation, q))
    values = [_polar(function, float(one), q) for one in correlation.ravel()]
    return np.reshape(np.array(values, dtype=np.float64), correlation.shape)


def _polar(function: Function, c: float, q: float) -> float:
    r"""Average a product over a pair of Gaussians.

    In polar coordinates :math:`u_{1,2} = \sqrt q\, r \cos(\psi \pm \alpha/2)`,
    :math:`\cos\alpha = c`, a kink at 0 lies on rays.  They cut the plane into two wedges and
    their opposites, on which the integrand is smooth; each wedge gets a double-exponential
    rule in both coordinates, which resolves the scale of the function and that of the Gaussian.
    """
    half = math.acos(c) / 2
    t = np.arange(-3.7, 3.7, 0.1)
    left, right = expit(2 * np.sinh(t)), expit(-2 * np.sinh(t))
    d_share = 0.1 * left * right * 2 * np.cosh(t)

    deviation = math.sqrt(q)
    t = np.arange(-3.7, math.log(10 * max(1.0, deviation)) + 0.5, 0.08)
    x = min(1.0, deviation) * np.exp(t - np.exp(-t))
    r = x / deviation
    dr = 0.08 * r * (1 + np.exp(-t)) * r * np.exp(-(r**2) / 2)

    same = np.pi - 2 * half
    total = 0.0
    for width, first, second in (
        (same, np.sin(same * left), np.sin(same * right)),  # both positive
        (2 * half, np.sin(2 * half * left), -np.sin(2 * half * right)),  # of opposite signs
    ):
        u_1, u_2 = np.multiply.outer(x, first), np.multiply.outer(x, second)
        product = function(u_1) * function(u_2) + function(-u_1) * function(-u_2)
        total += width * float(dr @ product @ d_share)
    return total / (2 * np.pi)


# --- closed forms -------------------------------------------------------------------------


def _halves(act: Activation) -> tuple[float, float]:
    """Split a piecewise-linear activation, max(x, a x), into its parts in x and in |x|."""
    a = float(act.derivative(np.array(-1.0)))
    return (1 + a) / 2, (1 - a) / 2


def _piecewise_linear(act: Activation, c: Floats, q: float) -> Floats:
    odd, even = _halves(act)
    absolute = 2 / np.pi * (np.sqrt(1 - c**2) + c * np.arcsin(c))
    return np.asarray(q * (odd**2 * c + even**2 * absolute))


def _piecewise_linear_slope(act: Activation, c: Floats, q: float) -> Floats:
    odd, even = _halves(act)
    return np.asarray(odd**2 + even**2 * 2 / np.pi * np.arcsin(c))


def _erf(act: Activation, c: Floats, q: float) -> Floats:
    return np.asarray(2 / np.pi * np.arcsin(2 * q * c / (1 + 2 * q)))


def _erf_slope(act: Activation, c: Floats, q: float) -> Floats:
    return np.asarray(4 / np.pi / np.sqrt((1 + 2 * q) ** 2 - (2 * q * c) ** 2))


def _hard_tanh_terms(c: Floats, q: float) -> tuple[Floats, Floats]:
    """Return the excess of the slope's covariance over its value at c = 0, and its integral.

    The slope jumps at -1 and 1 only, so its covariance has an elementary derivative by c
    (Price's theorem); the angle asin c removes the square root at c = 1.
    """
    nodes, weights = np.polynomial.legendre.leggauss(100)
    angle = np.arcsin(c)[..., None] * (1 + nodes) / 2
    sine = np.sin(angle)
    with np.errstate(divide="ignore"):
        jump = np.exp(-1 / (q * (1 + sine))) - np.exp(-1 / (q * (1 - sine)))
    jump *= np.arcsin(c)[..., None] / (2 * np.pi) * weights
    return jump.sum(-1), ((c[..., None] - sine) * jump).sum(-1)


def _hard_tanh(act: Activation, c: Floats, q: float) -> Floats:
    linear = erf(1 / math.sqrt(2 * q))
    return np.asarray(q * (linear**2 * c + _hard_tanh_terms(c, q)[1]))


def _hard_tanh_slope(act: Activation, c: Floats, q: float) -> Floats:
    return np.asarray(erf(1 / math.sqrt(2 * q)) ** 2 + _hard_tanh_terms(c, q)[0])


_COVARIANCES: dict[str, Kernel] = {
    "linear": _piecewise_linear,
    "relu": _piecewise_linear,
    "leaky_relu": _piecewise_linear,
    "erf": _erf,
    "hard_tanh": _hard_tanh,
}
_SLOPE_COVARIANCES: dict[str, Kernel] = {
    "linear": _piecewise_linear_slope,
    "relu": _piecewise_linear_slope,
    "leaky_relu": _piecewise_linear_slope,
    "erf": _erf_slope,
    "hard_tanh": _hard_tanh_slope,
}
