"""Laws of critical orthogonal networks of infinite depth, the same for whole classes of units.

`spectra.isometric_q` is the schedule of the variance along which networks approach them
(Pennington, Schoenholz & Ganguli 2018, section 5).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from scipy.optimize.elementwise import find_root
from scipy.special import lambertw

from .arguments import checked_variance
from .laws import Complexes, Floats, Law


def universal_law(kind: Literal["bernoulli", "smooth"], variance: float) -> Law:
    r"""Return the limit of critical orthogonal networks of infinite depth.

    It is reached as q* shrinks with depth so that the variance of the squared singular values
    stays :math:`\sigma_0^2` (`signalprop.spectra.isometric_q`), and depends on the activation by
    its class only (Pennington et al. 2018, section 5).  Gaussian weights have no such limit: their
    variance grows at least like the depth.

    Parameters
    ----------
    kind : "bernoulli", of slopes that take two values (hard tanh), or "smooth" (erf, tanh)
    variance : :math:`\sigma_0^2`, > 0

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> law = universal_law("bernoulli", 0.25)
    >>> round(law.support[1], 3), [(round(s, 3), mass) for s, mass in law.atoms]
    (0.824, [(1.133, 0.75)])
    """
    checked_variance("variance", variance)
    if kind == "bernoulli":
        return _BernoulliLimit(variance)
    if kind == "smooth":
        return _SmoothLimit(variance)
    raise ValueError(f"kind must be 'bernoulli' or 'smooth', got {kind!r}")


class _BernoulliLimit(Law):
    r"""The limit for slopes of two values: :math:`-\log S(w) = \sigma_0^2 w / (1 + w)`."""

    def __init__(self, variance: float) -> None:
        self._variance = variance
        self.atoms = [(math.exp(variance / 2), 1 - variance)] if variance < 1 else []
        self.support = (0.0, math.exp(0.5) * math.sqrt(variance))

    def _transform(self, t: Floats) -> Complexes:
        w = lambertw(-self._variance * np.exp(-t))  # of the two, Im m <= 0 is meant
        m = -w / (self._variance + w)
        return np.asarray(m.real - 1j * abs(m.imag))

    def _mass_above(self, t: Floats) -> Floats:
        m = self._transform(t)
        return _mass_above(t, m, self._variance * (m - np.log(1 + m)))

    def _log_inverse_s(self, n: int) -> Floats:
        return self._variance * np.array([0.0, *(-((-1.0) ** np.arange(1, n)))])


class _SmoothLimit(Law):
    r"""The limit for smooth slopes: :math:`-\log S(w) = \sigma_0^2 w`."""

    def __init__(self, variance: float) -> None:
        self._variance = variance
        self.atoms = []
        reach = math.sqrt(0.25 + 1 / variance)
        half = math.log((reach + 0.5) / (reach - 0.5)) + variance * reach
        low, high = ((sign * half - variance / 2) / 2 for sign in (-1, 1))
        self.support = (math.exp(low), math.exp(high))

    def _offset(self, b: Floats) -> Floats:
        """Return Re m + 1/2 where Im m = -b, up to its sign.

        There [-1, 0] is seen from m under the angle variance * b: m is on a circle.
        """
        return np.sqrt(np.maximum(self._offset_square(b), 0))

    def _offset_square(self, b: Floats) -> Floats:
        return 0.25 + b / np.tan(self._variance * b) - b**2

    def _transform(self, t: Floats) -> Complexes:
        def excess(b: Floats, target: Floats) -> Floats:
            u = self._offset(b)
            ratio = ((u + 0.5) ** 2 + b**2) / ((u - 0.5) ** 2 + b**2)
            return np.log(ratio) / 2 + self._variance * u - target

        largest = math.pi / self._variance * (1 - 1e-12)
        widest = find_root(self._offset_square, (1e-12, largest)).x
        centred = t + self._variance / 2  # log z is odd in Re m + 1/2, up to this
        b = find_root(excess, (np.full_like(t, 1e-12), widest), args=(abs(centred),)).x
        return np.asarray(np.sign(centred) * self._offset(b) - 0.5 - 1j * b)

    def _mass_above(self, t: Floats) -> Floats:
        m = self._transform(t)
        return _mass_above(t, m, self._variance * m**2 / 2)

    def _log_inverse_s(self, n: int) -> Floats:
        return self._variance * np.equal(np.arange(n), 1).astype(np.float64)


def _mass_above(t: Floats, m: Complexes, integral_log_inverse_s: Complexes) -> Floats:
    """Return the mass above exp(t) from the logarithmic potential, as `free_product` does."""
    integral = (1 + m) * np.log(1 + m) - m * np.log(m) + integral_log_inverse_s
    return np.asarray((m * t - integral).imag / np.pi, dtype=np.float64)
