"""Taylor series at 0, by two independent routes: a recursion, and an integral around 0."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ...activations import get

Floats = NDArray[np.float64]

RICCATI: dict[str, tuple[Fraction, tuple[Fraction | int, ...]]] = {
    "sigmoid": (Fraction(1, 2), (0, 1, -1)),
    "tanh": (Fraction(0), (1, 0, -1)),
    "rescaled_sigmoid": (Fraction(0), (1, 0, Fraction(-1, 4))),
}
r"""Value at 0, and :math:`(c_0, c_1, c_2)` of :math:`y' = c_0 + c_1 y + c_2 y^2`."""


def exact(name: str, terms: int) -> list[Fraction]:
    r"""Return the first Taylor coefficients of an activation at 0 as fractions.

    Each of them solves a differential equation :math:`y' = c_0 + c_1 y + c_2 y^2` (the sigmoid's
    is :math:`y' = y - y^2`), and this gives each coefficient from those before.

    Parameters
    ----------
    name : one of `RICCATI`
    terms : how many, >= 1

    Examples
    --------
    >>> print(*exact("sigmoid", 4))
    1/2 1/4 0 -1/48
    """
    value, (c_0, c_1, c_2) = RICCATI[name]
    a = [value]
    for n in range(terms - 1):
        square = sum((a[k] * a[n - k] for k in range(n + 1)), Fraction(0))
        a.append((c_0 * (n == 0) + c_1 * a[n] + c_2 * square) / (n + 1))
    return a


def by_contour(name: str, terms: int, radius: float = 0.7, points: int = 128) -> Floats:
    r"""Return the same coefficients by Cauchy's formula, from values around 0.

    .. math:: a_n = \frac1{2\pi r^n} \int_0^{2\pi} \phi(r e^{i\theta})\, e^{-in\theta}\, d\theta

    The trapezoid rule is exact up to terms that are smaller by :math:`(r/R)^m`, with ``m`` points
    and the nearest pole at R: :math:`\pi/2` for tanh and :math:`\pi` for the sigmoids.

    Parameters
    ----------
    name : of an activation that is analytic around 0
    terms : how many, below ``points``
    radius : of the circle
    points : on it
    """
    angles = 2 * np.pi * np.arange(points) / points
    values = get(name)(radius * np.exp(1j * angles))
    sums = np.fft.fft(values)[:terms] / points
    return np.asarray(sums.real / radius ** np.arange(terms), dtype=np.float64)
