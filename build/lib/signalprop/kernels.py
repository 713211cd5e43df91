r"""Averages over Gaussian pre-activations that no single unit's moments give.

Two inputs give a unit the pre-activations :math:`u_1, u_2`, Gaussian of variance ``q`` and
correlation ``c``.  The correlation of signals and of gradients through depth needs
:math:`\mathbb{E}\,\phi(u_1)\phi(u_2)` and :math:`\mathbb{E}\,\phi'(u_1)\phi'(u_2)`: closed
forms where they are known, and a quadrature in polar coordinates elsewhere.  Two derivatives
of a single unit's second moment stand beside them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, expit, gammainc

from .activations import Activation, Function, gaussian_mean, get
from .arguments import checked_variance

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
    return _kernel(_COVARIANCES.get(_name(act)), act, act.function, c, q)


def slope_covariance(activation: str | Activation, c: ArrayLike, q: float) -> Floats:
    r"""Return :math:`\mathbb{E}\,\phi'(u_1)\phi'(u_2)`, the derivative of `covariance` by q c.

    Parameters and errors as for `covariance`.

    Examples
    --------
    >>> float(slope_covariance("relu", 0.0, 2.0))
    0.25
    """
    act = get(activation)
    return _kernel(_SLOPE_COVARIANCES.get(_name(act)), act, act.derivative, c, q)


def half_squared_difference(activation: str | Activation, distance: ArrayLike, q: float) -> Floats:
    r"""Return :math:`\mathbb{E}\,(\phi(u_1) - \phi(u_2))^2 / 2` at correlation 1 - ``distance``.

    It is the covariance at c = 1 less that at c, without the cancellation as c approaches 1.

    Parameters
    ----------
    activation : name or Activation
    distance : 1 - c, 0 to 2, any shape
    q : variance of the pre-activations, > 0

    Raises
    ------
    ValueError
        If ``distance`` or ``q`` is out of range.

    Examples
    --------
    >>> float(half_squared_difference("linear", 0.25, 2.0))
    0.5
    """
    act = get(activation)
    d = np.asarray(distance, dtype=np.float64)
    if not np.all((d >= 0) & (d <= 2)):
        raise ValueError(f"distance must be between 0 and 2, got {distance!r}")
    checked_variance("q", q)
    if _name(act) == "linear":
        return np.asarray(q * d)
    if _name(act) == "hard_tanh":
        return _hard_tanh_difference(d, q)

    def pair(u_1: Floats, u_2: Floats) -> Floats:
        return np.asarray((act(u_1) - act(u_2)) ** 2 / 2)

    values = [_plane(pair, math.asin(math.sqrt(one / 2)), q) for one in d.ravel()]
    return np.reshape(np.array(values, dtype=np.float64), d.shape)


def square_mean_slope(activation: str | Activation, q: ArrayLike) -> Floats:
    r"""Return the derivative by q of :math:`\mathbb{E}\,\phi(\sqrt q z)^2`.

    It is :math:`\mathbb{E}\,x \phi(x) \phi'(x) / q`.

    Parameters
    ----------
    activation : name or Activation
    q : variances of the pre-activations, > 0, any shape

    Raises
    ------
    ValueError
        If ``q`` is out of range.

    Examples
    --------
    >>> float(square_mean_slope("relu", 3.0).round(12))
    0.5
    """
    act = get(activation)
    q = checked_variance("q", q)
    if _name(act) == "hard_tanh":  # the quadrature knows kinks at 0 only
        return np.asarray(gammainc(1.5, 1 / (2 * q)))
    return np.asarray(gaussian_mean(lambda x: x * act(x) * act.derivative(x), q) / q)


def second_slope_square_mean(activation: str | Activation, q: ArrayLike) -> Floats:
    r"""Return :math:`\mathbb{E}\,\phi''(\sqrt q z)^2`, infinite where the slope jumps.

    Parameters and errors as for `square_mean_slope`.

    Examples
    --------
    >>> float(second_slope_square_mean("hard_tanh", 1.0))
    inf
    """
    act = get(activation)
    q = checked_variance("q", q)
    kinks = np.array([-1.0, 0.0, 1.0])
    if np.any(abs(act.derivative(kinks + 1e-9) - act.derivative(kinks - 1e-9)) > 1e-6):
        return np.full(q.shape, np.inf)
    return gaussian_mean(lambda x: (act.derivative(x + 1e-20j).imag / 1e-20) ** 2, q)


def _name(act: Activation) -> str:
    """Return the name in the tables below; what they hold is 0 at 0, so centring does nothing."""
    return act.name.removeprefix("centred ")


def _kernel(
    closed: Kernel | None, act: Activation, function: Function, c: ArrayLike, q: float
) -> Floats:
    correlation = np.asarray(c, dtype=np.float64)
    if not np.all(abs(correlation) <= 1):
        raise ValueError(f"c must be a correlation between -1 and 1, got {c!r}")
    checked_variance("q", q)
    if closed is not None:
        return np.asarray(closed(act, correlation, q))
    values = [_polar(function, float(one), q) for one in correlation.ravel()]
    return np.reshape(np.array(values, dtype=np.float64), correlation.shape)


def _polar(function: Function, c: float, q: float) -> float:
    """Average the product of a function at u_1 and at u_2."""
    return _plane(lambda u_1, u_2: function(u_1) * function(u_2), math.acos(c) / 2, q)


def _plane(pair: Callable[[Floats, Floats], Floats], half: float, q: float) -> float:
    r"""Average over a pair of Gaussians of correlation cos(2 ``half``).

    In polar coordinates :math:`u_{1,2} = \sqrt q\, r \cos(\psi \pm \alpha/2)`,
    :math:`\cos\alpha = c`, a kink at 0 lies on rays.  They cut the plane into two wedges and
    their opposites, on which the integrand is smooth; each wedge gets a double-exponential
    rule in both coordinates, which resolves the scale of the function and that of the Gaussian.
    """
    deviation = math.sqrt(q)
    left, right, d_share = _shares(q)
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
        both = pair(u_1, u_2) + pair(-u_1, -u_2)
        total += width * float(dr @ both @ d_share)
    return total / (2 * np.pi)


def _shares(q: float, step: float = 0.1) -> tuple[Floats, Floats, Floats]:
    """Return nodes between 0 and 1, dense at both ends, 1 minus them, and weights."""
    step /= max(1.0, math.log(q) / 2)  # the wider the Gaussian, the sharper the turns in angle
    t = np.arange(-3.7, 3.7, step)
    left, right = expit(2 * np.sinh(t)), expit(-2 * np.sinh(t))
    return left, right, step * left * right * 2 * np.cosh(t)


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
    return np.asarray(4 / np.pi / np.sqrt((1 + 2 * q * (1 - c)) * (1 + 2 * q * (1 + c))))


def _jump(sine: Floats, q: float) -> Floats:
    """Return pi times the derivative of the covariance of hard tanh's slope by asin c.

    The slope jumps at -1 and 1 only, so this is elementary (Price's theorem); the angle removes
    the square root at c = 1.
    """
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(-1 / (q * (1 + sine))) - np.exp(-1 / (q * (1 - sine))))


def _hard_tanh_terms(c: Floats, q: float) -> tuple[Floats, Floats]:
    """Return the excess of the slope's covariance over its value at c = 0, and its integral."""
    share, _, weight = _shares(q, 0.05)
    angle = np.arcsin(c)[..., None]
    sine = np.sin(angle * share)
    jump = _jump(sine, q) * angle / np.pi * weight
    return jump.sum(-1), ((c[..., None] - sine) * jump).sum(-1)


def _hard_tanh(act: Activation, c: Floats, q: float) -> Floats:
    linear = erf(1 / math.sqrt(2 * q))
    return np.asarray(q * (linear**2 * c + _hard_tanh_terms(c, q)[1]))


def _hard_tanh_slope(act: Activation, c: Floats, q: float) -> Floats:
    return np.asarray(erf(1 / math.sqrt(2 * q)) ** 2 + _hard_tanh_terms(c, q)[0])


def _hard_tanh_difference(d: Floats, q: float) -> Floats:
    """Integrate the slope's covariance from c = 1 - d to 1, by angles from the diagonal."""
    if d.ndim:
        return np.reshape([_hard_tanh_difference(np.asarray(x), q) for x in d.ravel()], d.shape)
    act = get("hard_tanh")
    if d > 1:  # nothing cancels
        return np.asarray(act.square_mean(q) - _hard_tanh(act, 1 - d, q))
    widest = 2 * np.arcsin(np.sqrt(d / 2))[..., None]
    share, _, weight = _shares(q, 0.05)
    above = 2 * np.sin(widest * share / 2) ** 2  # 1 - sine
    jump = _jump(1 - above, q) * widest / np.pi * weight
    linear = erf(1 / math.sqrt(2 * q)) ** 2 + _hard_tanh_terms(1 - d, q)[0]
    return np.asarray(q * (d * linear + (above * jump).sum(-1)))


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
