"""The critical line, on which gradients neither vanish nor explode."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize.elementwise import find_root

from ..activations import Activation, get
from ..arguments import checked_variance
from .lengths import chi

Floats = NDArray[np.float64]


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
    q = checked_variance("q_star", q_star)
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
