r"""What the two papers print, as formulas of its own: the other side of every comparison.

All are for critical networks (:math:`\chi = 1`).  ``p`` is the probability of slope 1 of an
activation whose slope is 0 or 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, erfinv, lambertw, ndtr, ndtri

Floats = NDArray[np.float64]


# --- Pennington et al. 2017 ---------------------------------------------------------------


def fuss_catalan(depth: int, angle: ArrayLike) -> tuple[Floats, Floats]:
    r"""Return the singular values and their density in a linear Gaussian network.

    .. math:: s^2 = \frac{\sin^{L+1}((L+1)\varphi)}{\sin\varphi\,\sin^L(L\varphi)}, \qquad
        P(s) = \frac2\pi \sqrt{\frac{\sin^3\varphi\,\sin^{L-2}(L\varphi)}
        {\sin^{L-1}((L+1)\varphi)}}

    (2017, eqs. 13 and 14, from memory of the paper; the Fuss-Catalan law.)

    Parameters
    ----------
    depth : number of layers, >= 1
    angle : in (0, pi / (depth + 1)), any shape; the smallest belong to the largest s
    """
    phi = np.asarray(angle, dtype=np.float64)
    a, b, c = (np.log(np.sin(k * phi)) for k in (1, depth, depth + 1))
    s = np.exp(((depth + 1) * c - a - depth * b) / 2)
    density = 2 / np.pi * np.exp((3 * a + (depth - 2) * b - (depth - 1) * c) / 2)
    return s, density


def linear_edge(depth: int) -> float:
    r"""Return s_max of a linear Gaussian network, :math:`s^2 = (L+1)^{L+1} / L^L`."""
    return math.exp(((depth + 1) * math.log(depth + 1) - depth * math.log(depth)) / 2)


def gaussian_edge(p: float, depth: int) -> float:
    r"""Return s_max with Gaussian weights, exactly.

    It is where :math:`z(w) = (1 + w/p)^L (1 + w) / w` is stationary; the paper prints its
    leading term, :math:`s^2 = eL/p` (2017, eq. 17).
    """
    w = (1 - depth + math.sqrt((depth - 1) ** 2 + 4 * depth * p)) / (2 * depth)
    return math.exp((depth * math.log1p(w / p) + math.log1p(1 / w)) / 2)


def orthogonal_edge(p: float, depth: int) -> float:
    r"""Return :math:`s^2 = \frac{1-p}{p} \frac{L^L}{(L-1)^{L-1}}`, the upper edge of the bulk.

    (2017, eq. 22, where it is called s_max; depth >= 2.)
    """
    growth = depth * math.log(depth) - (depth - 1) * math.log(depth - 1)
    return math.exp((math.log((1 - p) / p) + growth) / 2)


# --- Pennington et al. 2018: Table 1 ------------------------------------------------------


@dataclass(frozen=True)
class Row:
    r"""A row of Table 1.

    Attributes
    ----------
    activation : its name in this package
    scale : of q: this package's activation at ``scale * q`` has the slopes of the paper's
        at q, up to a factor
    transform : M(z) of the squared slopes, at (z, q)
    moment : :math:`\mu_k` at (k, q)
    sigma_w2 : at q
    variance : of s**2, over the depth and plus :math:`s_1`, at q
    """

    activation: str
    scale: float
    transform: Callable[[complex, float], complex]
    moment: Callable[[int, float], float]
    sigma_w2: Callable[[float], float]
    variance: Callable[[float], float]


def _linear_fraction(q: float) -> float:
    return float(erf(1 / math.sqrt(2 * q)))


def _lerch(z: complex, a: float) -> complex:
    """Return Lerch's function of order 1/2, for |z| < 1."""
    n = np.arange(2000)
    return complex((z**n / np.sqrt(n + a)).sum())


ERF_SCALE = math.pi / 4
"""The paper's Table 1 has erf(sqrt(pi) x / 2), of slope 1 at 0; this package's erf is erf(x)."""

SUPPLEMENT_ERF_SCALE = 1 / 2
"""Its supplement has sqrt(pi / 2) erf(x / sqrt(2)), of slope 1 at 0 too."""

TABLE_1 = {
    "linear": Row(
        "linear",
        1.0,
        lambda z, q: 1 / (z - 1),
        lambda k, q: 1.0,
        lambda q: 1.0,
        lambda q: 0.0,
    ),
    "relu": Row(
        "relu",
        1.0,
        lambda z, q: 0.5 / (z - 1),
        lambda k, q: 0.5,
        lambda q: 2.0,
        lambda q: 1.0,
    ),
    "hard_tanh": Row(
        "hard_tanh",
        1.0,
        lambda z, q: _linear_fraction(q) / (z - 1),
        lambda k, q: _linear_fraction(q),
        lambda q: 1 / _linear_fraction(q),
        lambda q: 1 / _linear_fraction(q) - 1,
    ),
    "erf": Row(
        "erf",
        ERF_SCALE,
        lambda z, q: _lerch(1 / z, 1 + 1 / (math.pi * q)) / (z * math.sqrt(math.pi * q)),
        lambda k, q: (1 + math.pi * k * q) ** -0.5,
        lambda q: math.sqrt(1 + math.pi * q),
        lambda q: (1 + math.pi * q) / math.sqrt(1 + 2 * math.pi * q) - 1,
    ),
}
"""By name.  Criticality; orthogonal weights have s_1 = 0, Gaussian ones s_1 = -1 (Table 2)."""


# --- Pennington et al. 2018: schedules and limits -----------------------------------------


def bernoulli_p(depth: int, variance: float) -> float:
    r"""Return p at which L (1-p)/p is a given variance, :math:`1 / (1 + \sigma_0^2/L)`."""
    return 1 / (1 + variance / depth)


def hard_tanh_schedule(depth: int, variance: float) -> float:
    r"""Return :math:`q^* = 1 / (2\,[\operatorname{erf}^{-1}(L/(L + \sigma_0^2))]^2)`."""
    return float(1 / (2 * erfinv(bernoulli_p(depth, variance)) ** 2))


def erf_schedule(depth: int, variance: float) -> float:
    r"""Return q* of the supplement's erf, of :math:`\mu_k = (1 + 2kq^*)^{-1/2}`.

    .. math:: q^* = \epsilon + \frac{\epsilon^2}2 + \frac{1+\epsilon}2
        \sqrt{2\epsilon + \epsilon^2}, \qquad \epsilon = \sigma_0^2 / L
    """
    e = variance / depth
    return e + e**2 / 2 + (1 + e) / 2 * math.sqrt(2 * e + e**2)


def bernoulli_stieltjes(z: complex, variance: float) -> complex:
    r"""Return G(z) of the limit law for two slopes.

    .. math:: G(z) = \frac1z\, \frac{\sigma_0^2}{\sigma_0^2 + W(-\sigma_0^2/z)}

    with W Lambert's function (2018, section 5, corrected).
    """
    return complex(variance / (variance + lambertw(-variance / z)) / z)


def smooth_edges(variance: float) -> tuple[float, float]:
    r"""Return the edges of the limit law for smooth slopes.

    .. math:: s_\pm = e^{-\sigma_\mp^2/4} \sqrt{1 + \sigma_\pm^2/2}, \qquad
        \sigma_\pm^2 = \sigma_0\big(\sigma_0 \pm \sqrt{\sigma_0^2 + 4}\big)

    (2018, eq. 37, corrected.)
    """
    s = math.sqrt(variance)
    above, below = (s * (s + sign * math.sqrt(variance + 4)) for sign in (1, -1))
    low = math.exp(-above / 4) * math.sqrt(1 + below / 2)
    high = math.exp(-below / 4) * math.sqrt(1 + above / 2)
    return low, high


# --- the shifted ReLU, [x + 1/2]_+ - 1/2 --------------------------------------------------


def same_gate(q: float) -> float:
    """Return the q* at which hard tanh's slope is 1 as often as that of [x + 1/2]_+ at q."""
    p = float(ndtr(0.5 / math.sqrt(q)))
    return 1 / (2 * float(erfinv(p)) ** 2)


def shifted_relu_point(p: float) -> tuple[float, float]:
    """Return q* and the critical bias variance at which [x + 1/2]_+ - 1/2 has slope 1 with p."""
    q = 1 / (2 * float(ndtri(p))) ** 2
    x, w = np.polynomial.legendre.leggauss(200)
    ends = np.array([-0.5, 12.0 * math.sqrt(q)])
    at = (ends[1] - ends[0]) / 2 * x + ends.mean()
    weight = w * (ends[1] - ends[0]) / 2 * np.exp(-(at**2) / (2 * q)) / math.sqrt(2 * math.pi * q)
    square = float(weight @ at**2) + 0.25 * (1 - p)
    return q, q - square / p
