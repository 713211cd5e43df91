r"""Mean-field theory of wide deep networks: how variances, correlations and gradients travel.

A layer maps the variance of its pre-activations from :math:`q` to
:math:`\sigma_w^2\, \mathbb{E}\,\phi(\sqrt q z)^2 + \sigma_b^2` (Poole et al. 2016).  At the fixed
point :math:`q^*` everything else is a number: :math:`\chi`, the growth of squared gradients per
layer, separates order (:math:`\chi < 1`) from chaos (:math:`\chi > 1`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize.elementwise import find_minimum, find_root

from signalprop.activations import Activation, get
from signalprop.kernels import (
    covariance,
    half_squared_difference,
    second_slope_square_mean,
    slope_covariance,
    square_mean_slope,
)

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
    w, b = _variances(sigma_w2, sigma_b2)
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
    w, _ = _variances(sigma_w2, 0.0)
    return (w * get(activation).slope_square_mean(q))[()]


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
    w, _ = _variances(sigma_w2, 0.0)
    return (w * second_slope_square_mean(activation, q))[()]


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
    w, b = np.broadcast_arrays(*_variances(sigma_w2, sigma_b2))
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
    w, b = np.meshgrid(*_variances(sigma_w2, sigma_b2))
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


def critical_point(activation: str | Activation, q_star: ArrayLike) -> tuple[Floats, Floats]:
    r"""Return the variances (sigma_w2, sigma_b2) at which :math:`\chi = 1` at ``q_star``.

    .. math:: \sigma_w^2 = 1 \Big/ \int \mathcal{D}z\, \phi'(\sqrt{q^*} z)^2, \qquad
        \sigma_b^2 = q^* - \sigma_w^2 \int \mathcal{D}z\, \phi(\sqrt{q^*} z)^2

    As ``q_star`` varies this is the critical line, the border of order and chaos.

    Parameters
    ----------
    activation : name or Activation
    q_star : variances, > 0, any shape

    Raises
    ------
    ValueError
        If ``q_star`` is out of range, or would need a negative bias variance.

    Examples
    --------
    >>> w, b = critical_point("tanh", 0.5)
    >>> round(float(w), 6), round(float(b), 6)
    (1.687975, 0.038041)
    """
    act = get(activation)
    q = np.asarray(q_star, dtype=np.float64)
    if not np.all((q > 0) & (q < np.inf)):
        raise ValueError(f"q_star must be a finite variance > 0, got {q_star!r}")
    w, b = _critical(act, q)
    if np.any(b < 0):
        raise ValueError(
            f"{act.name} has no critical point at q_star={float(q[b < 0].flat[0]):g}: the bias "
            f"variance would be {float(b[b < 0].flat[0]):.3g}; {_possible(act)}"
        )
    return w[()], b[()]


def _critical(act: Activation, q: Floats) -> tuple[Floats, Floats]:
    w = 1 / act.slope_square_mean(q)
    b = q - w * act.square_mean(q)
    return w, np.where(abs(b) < 1e-13 * q, 0.0, b)  # zero for ReLU, up to rounding


def _possible(act: Activation) -> str:
    """Say which q* have a critical point."""
    q = np.geomspace(1e-6, 1e6, 241)
    possible = _critical(act, q)[1] >= 0
    if not possible.any():
        return "it has none at any q_star"
    starts = np.flatnonzero(possible & ~np.roll(possible, 1))
    stops = np.flatnonzero(possible & ~np.roll(possible, -1))
    ranges = []
    for start, stop in zip(starts, stops, strict=True):
        low = "" if start == 0 else f"from {_crossing(act, q[start - 1], q[start]):.4g}"
        high = "" if stop == q.size - 1 else f"up to {_crossing(act, q[stop], q[stop + 1]):.4g}"
        ranges.append(" ".join(filter(None, (low, high))))
    return f"q_star must be {' or '.join(ranges)}"


def _crossing(act: Activation, low: float, high: float) -> float:
    return float(find_root(lambda q: _critical(act, q)[1], (low, high)).x)


def critical_q(activation: str | Activation, sigma_w2: float) -> float:
    r"""Return the variance q at which ``sigma_w2`` is critical, :math:`\chi = 1`.

    Parameters
    ----------
    activation : name or Activation
    sigma_w2 : weight variance times fan-in, > 0

    Raises
    ------
    ValueError
        If there is none, or if chi does not depend on q.

    Examples
    --------
    >>> round(critical_q("tanh", 1.05), 5)
    0.02592
    """
    act = get(activation)

    def excess(log_q: Floats) -> Floats:
        return np.log(chi(act, np.exp(log_q), sigma_w2))

    ends = excess(np.array([-30.0, 30.0]))
    if np.ptp(ends) == 0:
        raise ValueError(f"chi of {act.name} is {math.exp(ends[0]):.6g} at every q")
    found = find_root(excess, (-30.0, 30.0))
    if not found.success:
        low, high = np.sort(sigma_w2 / np.exp(ends))
        raise ValueError(
            f"sigma_w2 must be between {low:.4g} and {high:.4g} to be critical for {act.name} "
            f"at some q, got {sigma_w2!r}"
        )
    return float(np.exp(found.x))


# --- two inputs ---------------------------------------------------------------------------


def correlation_map(
    activation: str | Activation, c: ArrayLike, q_star: float, sigma_w2: float, sigma_b2: float
) -> Floats:
    r"""Return the correlation of two inputs one layer on.

    .. math:: c \mapsto \frac{1}{q^*} \Big( \sigma_w^2 \int \mathcal{D}z_1 \mathcal{D}z_2\,
        \phi(u_1)\phi(u_2) + \sigma_b^2 \Big)

    with :math:`u_1, u_2` of variance :math:`q^*` and correlation :math:`c` (Poole et al. 2016,
    eq. 5).

    Parameters
    ----------
    activation : name or Activation
    c : correlations, -1 to 1, any shape
    q_star : fixed point of the length map, > 0
    sigma_w2, sigma_b2 : weight variance times fan-in, and bias variance

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> float(correlation_map("relu", 1.0, 1.0, 2.0, 0.0))
    1.0
    """
    w, b = _variances(sigma_w2, sigma_b2)
    return ((w * covariance(activation, c, q_star) + b) / q_star)[()]


def fixed_correlation(activation: str | Activation, sigma_w2: float, sigma_b2: float) -> float:
    """Return c*, the correlation that any two different inputs approach with depth.

    It is 1 in the ordered phase and on the critical line, and below 1 in the chaotic phase.

    Parameters
    ----------
    activation : name or Activation
    sigma_w2, sigma_b2 : weight variance times fan-in, and bias variance

    Raises
    ------
    ValueError
        As for `fixed_point`; or if q* is 0, where inputs die out and have no correlation.

    Examples
    --------
    >>> round(fixed_correlation("tanh", 2.5**2, 0.3**2), 3)
    0.122
    """
    act = get(activation)
    q = _positive_fixed_point(act, sigma_w2, sigma_b2)
    if chi(act, q, sigma_w2) <= 1:
        return 1.0

    if correlation_map(act, 0.0, q, sigma_w2, sigma_b2) < 1e-14:  # odd, without bias
        return 0.0

    def growth(log_distance: Floats) -> Floats:
        """Return the log growth of 1 - c: chi > 1 makes it positive next to c = 1."""
        d = np.exp(log_distance)
        return np.log(sigma_w2 / q * half_squared_difference(act, d, q) / d)

    found = find_root(growth, (-34.0, 0.0), tolerances={"xatol": 1e-12})
    return float(1 - np.exp(found.x)) if found.success else 1.0


class DepthScales(NamedTuple):
    """Depths, in layers, over which a signal forgets its length and its direction."""

    xi_q: float
    xi_c: float


def depth_scales(activation: str | Activation, sigma_w2: float, sigma_b2: float) -> DepthScales:
    r"""Return the depth scales of Schoenholz et al. (2017).

    .. math:: \xi_q^{-1} = -\log \frac{dq_{l+1}}{dq_l}\Big|_{q^*}, \qquad
        \xi_c^{-1} = -\log \frac{dc_{l+1}}{dc_l}\Big|_{c^*}

    The first derivative is their :math:`\chi + \sigma_w^2\,\mathbb{E}\,\phi''\phi` by Stein's
    lemma; the second is :math:`\sigma_w^2\,\mathbb{E}\,\phi'(u_1)\phi'(u_2)`.

    Parameters
    ----------
    activation : name or Activation
    sigma_w2, sigma_b2 : weight variance times fan-in, and bias variance

    Returns
    -------
    (xi_q, xi_c), each infinite where its derivative is 1 (to about 1e-8 in the chaotic phase)
    and 0 where it is 0

    Raises
    ------
    ValueError
        As for `fixed_point`.

    Examples
    --------
    >>> xi = depth_scales("tanh", 1.3, 0.05)
    >>> round(xi.xi_q, 2), round(xi.xi_c, 2)
    (1.79, 7.83)
    """
    act = get(activation)
    q = _positive_fixed_point(act, sigma_w2, sigma_b2)
    c = fixed_correlation(act, sigma_w2, sigma_b2)
    return DepthScales(
        _depth(sigma_w2 * float(square_mean_slope(act, q))),
        _depth(sigma_w2 * float(slope_covariance(act, c, q))),
    )


def _depth(contraction: float) -> float:
    """Return the depth over which a deviation shrinks by e."""
    if abs(contraction) >= 1 - 1e-12:
        return math.inf
    return -1 / math.log(abs(contraction)) if contraction else 0.0


def _positive_fixed_point(act: Activation, sigma_w2: float, sigma_b2: float) -> float:
    q = float(fixed_point(act, sigma_w2, sigma_b2))
    if q == 0:
        raise ValueError(
            f"q* of {act.name} is 0 at sigma_w2={sigma_w2:g}, sigma_b2={sigma_b2:g}: "
            "signals die out and have no correlation"
        )
    return q


def _variances(sigma_w2: ArrayLike, sigma_b2: ArrayLike) -> tuple[Floats, Floats]:
    w = np.asarray(sigma_w2, dtype=np.float64)
    b = np.asarray(sigma_b2, dtype=np.float64)
    if not np.all((w > 0) & (w < np.inf)):
        raise ValueError(f"sigma_w2 must be a finite variance > 0, got {sigma_w2!r}")
    if not np.all((b >= 0) & (b < np.inf)):
        raise ValueError(f"sigma_b2 must be a finite variance >= 0, got {sigma_b2!r}")
    return w, b
