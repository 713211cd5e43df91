"""One input: the variance of the pre-activations from layer to layer, and its fixed point."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize.elementwise import find_minimum, find_root

from ..activations import Activation, get
from ..arguments import checked_variance
from ..kernels import second_slope_square_mean

Floats = NDArray[np.float64]


def length_map(
    activation: str | Activation, q: ArrayLike, sigma_w2: ArrayLike, sigma_b2: ArrayLike
) -> Floats:
    r"""Return the variance of the next layer's pre-activations.

    .. math:: q \mapsto \sigma_w^2 \int \mathcal{D}z\, \phi(\sqrt q\, z)^2 + \sigma_b^2

    (Poole et al. 2016, eq. 3.)

    Parameters
    ----------
    activation : name or Activation
    q : variances, >= 0
    sigma_w2 : weight variances times fan-in, > 0
    sigma_b2 : bias variances, >= 0; all three broadcast

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> float(length_map("relu", 3.0, 2.0, 0.5))
    3.5
    """
    w, b = checked_variances(sigma_w2, sigma_b2)
    return (w * get(activation).square_mean(q) + b)[()]


def chi(activation: str | Activation, q: ArrayLike, sigma_w2: ArrayLike) -> Floats:
    r"""Return the mean squared singular value of one layer.

    .. math:: \chi = \sigma_w^2 \int \mathcal{D}z\, \phi'(\sqrt q\, z)^2

    Below 1 gradients vanish with depth, above 1 they explode (Pennington et al. 2017, eq. 5).

    Parameters
    ----------
    activation : name or Activation
    q : variance of the pre-activations, >= 0
    sigma_w2 : weight variance times fan-in, > 0

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> float(chi("relu", 1.0, 2.0))
    1.0
    """
    return (checked_variance("sigma_w2", sigma_w2) * get(activation).slope_square_mean(q))[()]


def curvature(activation: str | Activation, q: ArrayLike, sigma_w2: ArrayLike) -> Floats:
    r"""Return :math:`\chi_2`, how much one layer bends a curve; infinite for slopes that jump.

    .. math:: \chi_2 = \sigma_w^2 \int \mathcal{D}z\, \phi''(\sqrt q\, z)^2

    A circle of variance q keeps its speed times :math:`\sqrt\chi`, and its squared curvature
    goes to :math:`\kappa^2 / \chi + 3 \chi_2 / \chi^2` (Poole et al. 2016).

    Parameters
    ----------
    activation : name or Activation
    q, sigma_w2 : as for `chi`, but q > 0

    Examples
    --------
    >>> float(curvature("relu", 1.0, 2.0)), float(curvature("linear", 1.0, 2.0))
    (inf, 0.0)
    """
    return (checked_variance("sigma_w2", sigma_w2) * second_slope_square_mean(activation, q))[()]


def fixed_point(activation: str | Activation, sigma_w2: ArrayLike, sigma_b2: ArrayLike) -> Floats:
    r"""Return :math:`q^*`, the variance that a layer hands on unchanged.

    It is the smallest stable one: where the length map leads from any smaller variance.  For
    odd saturating activations it is the only stable one.

    Parameters
    ----------
    activation : name or Activation
    sigma_w2 : weight variances times fan-in, > 0
    sigma_b2 : bias variances, >= 0; both broadcast

    Raises
    ------
    ValueError
        If an argument is out of range, if the variance grows without bound, or if every
        variance is a fixed point (ReLU at its critical point).

    Examples
    --------
    >>> round(float(fixed_point("tanh", 2.0, 0.104)), 3)
    0.822
    >>> float(fixed_point("tanh", 1.0, 0.0))
    0.0
    """
    act = get(activation)
    w, b = np.broadcast_arrays(*checked_variances(sigma_w2, sigma_b2))
    q = _fixed_points(act, w, b)
    if np.isnan(q).any():
        at = np.unravel_index(np.argmax(np.isnan(q)), q.shape)
        where = f"at sigma_w2={w[at]:g}, sigma_b2={b[at]:g}"
        if length_map(act, 1.0, w[at], b[at]) == 1:
            raise ValueError(f"every variance is a fixed point of {act.name} {where}")
        growth = float(length_map(act, 1e100, w[at], b[at])) / 1e100
        raise ValueError(
            f"{act.name} has no fixed point {where}: large variances grow by {growth:.3g} per "
            f"layer; there is always one if sigma_w2 is below {w[at] / growth:.6g}"
        )
    return q[()]


def gradient_factor(activation: str | Activation, sigma_w2: float, sigma_b2: float = 0.0) -> float:
    r"""Return :math:`\sqrt\chi` at the fixed point: what a layer makes of a gradient's size.

    Parameters
    ----------
    activation : name or Activation
    sigma_w2, sigma_b2 : weight variance times fan-in, and bias variance

    Raises
    ------
    ValueError
        As for `fixed_point`.

    Examples
    --------
    >>> round(gradient_factor("sigmoid", 1.0), 3)
    0.236
    """
    q = fixed_point(activation, sigma_w2, sigma_b2)
    return math.sqrt(float(chi(activation, q, sigma_w2)))


def phase_diagram(
    activation: str | Activation, sigma_w2: ArrayLike, sigma_b2: ArrayLike
) -> tuple[Floats, Floats]:
    """Return q* and chi over a grid; NaN where there is no q*.

    Parameters
    ----------
    activation : name or Activation
    sigma_w2 : (m,) weight variances times fan-in
    sigma_b2 : (n,) bias variances

    Returns
    -------
    q_star, chi : (n, m) each

    Examples
    --------
    >>> q_star, growth = phase_diagram("relu", [1.0, 3.0], [0.5])
    >>> q_star
    array([[ 1., nan]])
    """
    act = get(activation)
    w, b = np.meshgrid(*checked_variances(sigma_w2, sigma_b2))
    q = _fixed_points(act, w, b)
    growth = np.full_like(q, np.nan)
    known = ~np.isnan(q)
    growth[known] = chi(act, q[known], w[known])
    return q, growth


def _fixed_points(act: Activation, w: Floats, b: Floats) -> Floats:
    """Return q*, NaN where there is none, for arrays of one shape."""

    def excess(log_q: Floats, w: Floats, b: Floats) -> Floats:
        """Return the log growth of the variance: zero at a fixed point, on any scale."""
        q = np.exp(log_q)
        return np.log(length_map(act, q, w, b) / q)

    origin = w * act(0.0) ** 2 + b
    identity = (length_map(act, 1.0, w, b) == 1) & (length_map(act, 4.0, w, b) == 4)
    at_zero = (origin == 0) & (w * act.slope_square_mean(0.0) <= 1)
    q = np.where(at_zero & ~identity, 0.0, np.nan)
    open_ = ~at_zero & ~identity
    w, b, origin = w[open_], b[open_], origin[open_]
    low = np.log(np.maximum(origin, 1e-30)) - 1e-3
    # The nearest point above where the variance shrinks, in steps that double.
    high, growing = low.copy(), np.ones(low.shape, bool)
    for step in 2.0 ** np.arange(-1, 10):
        high[growing] = np.minimum(low[growing] + step, _LARGEST)
        growing[growing] = excess(high[growing], w[growing], b[growing]) > _ROUNDING
        if not growing.any():
            break
    else:  # a short range of variances that shrink may lie between two steps
        start, args = low[growing], (w[growing], b[growing])
        log_q = start + (np.maximum(start, 0) + 30 - start) * np.linspace(0, 1, 60)[:, None]
        k = np.clip(np.argmin(excess(log_q, *args), axis=0), 1, 58)
        bracket = [np.take_along_axis(log_q, k[None] + i, 0)[0] for i in (-1, 0, 1)]
        dip = find_minimum(excess, bracket, args=args)
        shrinks = dip.success & (dip.f_x < _ROUNDING)
        high[growing] = np.where(shrinks, dip.x, high[growing])
        growing[growing] = ~shrinks
    found = find_root(excess, (low, high), args=(w, b), tolerances={"xatol": 1e-13})
    q[open_] = np.where(growing, np.nan, np.exp(found.x))
    return q


_LARGEST = 230.0
"""Logarithm of the largest variance looked at, 1e100."""

_ROUNDING = -1e-14
"""A logarithm of growth above this may be zero or more."""


def checked_variances(sigma_w2: ArrayLike, sigma_b2: ArrayLike) -> tuple[Floats, Floats]:
    """Return the variances of weights, > 0, and of biases, >= 0, as arrays.

    >>> checked_variances(2.0, [0.0, 0.5])
    (array(2.), array([0. , 0.5]))
    """
    return checked_variance("sigma_w2", sigma_w2), checked_variance("sigma_b2", sigma_b2, zero=True)
