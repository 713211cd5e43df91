"""Two inputs: their correlation from layer to layer, and the depths over which signals live."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize.elementwise import find_root

from ..activations import Activation, get
from ..kernels import covariance, half_squared_difference, slope_covariance, square_mean_slope
from .lengths import checked_variances, chi, fixed_point

Floats = NDArray[np.float64]


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
    w, b = checked_variances(sigma_w2, sigma_b2)
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
    """Depths, in layers, over which a signal forgets its length and its direction.

    >>> scales = depth_scales("tanh", 1.0, 0.1)  # the length is forgotten first
    >>> scales.xi_q < scales.xi_c
    True
    """

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
