"""What every law of singular values offers: density, distribution function, samples, moments."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

Complexes = NDArray[np.complex128]
Floats = NDArray[np.float64]


class Law(ABC):
    """A law of singular values: a continuous part and atoms, of total mass one.

    Attributes
    ----------
    atoms : list of (location, mass), in singular values
    support : (s_min, s_max) of the continuous part; both at the atom where there is none

    Examples
    --------
    >>> from signalprop.spectra import jacobian_law
    >>> law: Law = jacobian_law("linear", depth=1, weights="gaussian")  # a quarter circle
    >>> round(law.s_max, 9), round(law.moment(2), 9), round(float(law.density(1.0)), 4)
    (2.0, 2.0, 0.5513)
    """

    atoms: list[tuple[float, float]]
    support: tuple[float, float]

    @property
    def s_max(self) -> float:
        """Return the largest singular value, atoms included."""
        return max([self.support[1], *(s for s, _ in self.atoms)])

    @property
    def continuous_mass(self) -> float:
        """Return the mass of the continuous part."""
        return 1 - sum(mass for _, mass in self.atoms)

    def density(self, s: ArrayLike) -> Floats:
        """Return the density of the continuous part at singular values ``s``.

        Parameters
        ----------
        s : any shape; outside the support, negative values included, the density is 0
        """
        s = np.asarray(s, dtype=np.float64)
        inside = (s > self.support[0]) & (s < self.support[1])
        density = np.where(np.isnan(s), np.nan, 0.0)
        at = s[inside]
        if at.size:
            m = self._transform(2 * np.log(at))
            density[inside] = np.maximum(-2 / np.pi * m.imag / at, 0)
        return density

    def cdf(self, s: ArrayLike) -> Floats:
        """Return the probability of singular values up to ``s``, atoms included.

        Parameters
        ----------
        s : any shape
        """
        s = np.asarray(s, dtype=np.float64)
        low, high = self.support
        below = np.zeros_like(s)
        for location, mass in self.atoms:
            below += mass * (s >= location)
        below += self.continuous_mass * (s >= high)
        inside = (s > low) & (s < high)
        at = s[inside]
        if at.size:
            below[inside] = np.clip(1 - self._mass_above(2 * np.log(at)), 0, 1)
        return np.where(np.isnan(s), np.nan, below)

    def sample(self, n: int, seed: int) -> Floats:
        """Draw ``n`` independent singular values.

        The inverse of the distribution function is interpolated, to about 1e-5 of its range.

        Parameters
        ----------
        n : number of values
        seed : of NumPy's default generator
        """
        rng = np.random.default_rng(seed)
        locations = [location for location, _ in self.atoms]
        masses = [mass for _, mass in self.atoms]
        which = rng.choice(len(masses) + 1, size=n, p=[*masses, self.continuous_mass])
        values = np.array([*locations, 0.0])[which]
        drawn = which == len(masses)
        if drawn.any():
            log_s, share = self._quantiles()
            values[drawn] = np.exp(np.interp(rng.uniform(size=drawn.sum()), share, log_s))
        return values

    def moment(self, k: int) -> float:
        r"""Return :math:`\mathbb{E}\,s^{2k}`, atoms included.

        By Lagrange inversion of the S-transform:
        :math:`m_k = \frac1k [w^{k-1}]\,((1+w)/S(w))^k`.

        Parameters
        ----------
        k : >= 0

        Raises
        ------
        ValueError
            If k is not such an integer.
        """
        if k < 0 or not float(k).is_integer():
            raise ValueError(f"k must be an integer >= 0, got {k!r}")
        if k == 0:
            return 1.0
        n = np.arange(1, k)
        log_one_plus = np.concatenate([[0.0], -((-1.0) ** n) / n])
        series = k * (log_one_plus + self._log_inverse_s(k))
        return float(exp_series(series)[k - 1] / k)

    @abstractmethod
    def _transform(self, t: Floats) -> Complexes:
        """Return the moment transform m at squared singular values exp(t), Im m <= 0."""

    @abstractmethod
    def _mass_above(self, t: Floats) -> Floats:
        """Return the mass above squared singular values exp(t), atoms included."""

    @abstractmethod
    def _log_inverse_s(self, n: int) -> Floats:
        """Return the first ``n`` Taylor coefficients of -log S(w)."""

    def _quantiles(self) -> tuple[Floats, Floats]:
        """Return log s from the lower to the upper edge, and the continuous mass below it."""
        atoms_above = sum(mass for s, mass in self.atoms if s >= self.support[1])
        top = 2 * math.log(self.support[1])

        def share(t: Floats) -> Floats:
            return 1 - (self._mass_above(t) - atoms_above) / self.continuous_mass

        span = 1.0  # beyond 1000, s is below 1e-200 of its maximum
        while span < 1000 and share(np.array([top - span]))[0] > 1e-9:
            span *= 2
        if self.support[0] > 0:
            span = top - 2 * math.log(self.support[0])
        # Equal steps of an angle resolve the square roots at both ends.
        t = top - span * np.sin(np.linspace(0, np.pi / 2, 4000)[1:-1]) ** 2
        return t[::-1] / 2, np.maximum.accumulate(np.clip(share(t[::-1]), 0, 1))


# --- power series -------------------------------------------------------------------------


def exp_series(a: Floats) -> Floats:
    """Return the Taylor coefficients of the exponential of a series.

    >>> exp_series(np.array([0.0, 1.0, 0.0]))  # of x: 1 + x + x^2 / 2
    array([1. , 1. , 0.5])
    """
    out = np.zeros_like(a)
    with np.errstate(over="ignore"):
        out[0] = np.exp(a[0])
    for n in range(1, len(a)):
        out[n] = np.arange(1, n + 1) * a[1 : n + 1] @ out[n - 1 :: -1] / n
    return out


def log_series(c: Floats) -> Floats:
    """Return the Taylor coefficients of the logarithm of a series that starts with 1.

    >>> log_series(np.array([1.0, 1.0, 0.0]))  # of 1 + x: x - x^2 / 2
    array([ 0. ,  1. , -0.5])
    """
    out = np.zeros_like(c)
    for n in range(1, len(c)):
        out[n] = c[n] - np.arange(1, n) * out[1:n] @ c[n - 1 : 0 : -1] / n
    return out
