"""What the tests of spectral laws share: points inside a law, and averages by quadrature."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import erf

from signalprop.spectra import Law


def gate(name: str, q: float) -> float:
    """Return the probability of slope 1."""
    return {"linear": 1.0, "relu": 0.5, "hard_tanh": float(erf(1 / math.sqrt(2 * q)))}[name]


def points(law: Law, n: int = 25) -> np.ndarray:
    """Return points inside the continuous part, dense at both ends."""
    low, high = law.support
    share = np.sin(np.linspace(0, np.pi / 2, n + 2)[1:-1]) ** 2
    return low + (high - low) * share


def panels(function: Callable[[np.ndarray], np.ndarray], ends: np.ndarray) -> np.ndarray:
    """Integrate between neighbouring ends, halving panels until their integrals settle.

    The panels of one generation are evaluated together.  Errors add up to about 1e-10.
    """
    x, w = np.polynomial.legendre.leggauss(12)

    def rule(low: np.ndarray, high: np.ndarray) -> np.ndarray:
        half, middle = (high - low)[:, None] / 2, (high + low)[:, None] / 2
        return np.asarray((function(middle + half * x) * w * half).sum(1))

    low, high, origin = ends[:-1], ends[1:], np.arange(len(ends) - 1)
    whole = rule(low, high)
    total = np.zeros(len(whole), whole.dtype)
    for _ in range(40):
        middle = (low + high) / 2
        left, right = np.split(rule(np.append(low, middle), np.append(middle, high)), 2)
        done = abs(left + right - whole) < 1e-12
        np.add.at(total, origin[done], (left + right)[done])
        low, middle, high, origin = (a[~done] for a in (low, middle, high, origin))
        whole = np.append(left[~done], right[~done])
        low, high, origin = np.append(low, middle), np.append(middle, high), np.tile(origin, 2)
        if not low.size:
            return total
    raise AssertionError("the integral does not settle")


def average(law: Law, function: Callable[[np.ndarray], np.ndarray]) -> complex:
    """Average a function of s**2 over the law, atoms included; it must vanish at 0.

    In log s**2 = top - v**2 the density is smooth at its upper edge, and with the sine of an
    angle at a lower one too.  Towards s = 0 it is followed over 50 e-folds of s**2 P(s).
    """
    low, high = law.support
    top = 2 * math.log(high)
    span = top - 2 * math.log(low) if low > 0 else 50.0

    def integrand(share: np.ndarray) -> np.ndarray:
        if low > 0:
            t = top - span * np.sin(share * np.pi / 2) ** 2
            jacobian = np.pi / 2 * span * np.sin(share * np.pi)
        else:
            t, jacobian = top - span * share**2, 2 * span * share
        s = np.exp(t / 2)
        return function(s**2) * law.density(s) * s / 2 * jacobian

    continuous = panels(integrand, np.linspace(0, 1, 11)).sum()
    return complex(continuous + sum(mass * function(s**2) for s, mass in law.atoms))


def assert_moments_agree(law: Law) -> None:
    """To 1e-8, or to 1e-7 (the root of a rounding) should the density be infinite at its edge."""
    top = law.support[1] * (1 - 1e-10)
    tolerance = 1e-7 if law.density(top) > 100 * law.density(law.support[1] * 0.9) else 1e-8
    for k in (1, 2, 3):
        ours = average(law, lambda squared, k=k: squared**k)
        assert law.moment(k) == pytest.approx(ours.real, rel=tolerance), f"moment {k}"


def assert_distribution_integrates_density(law: Law) -> None:
    ends = np.log(points(law, 9))
    pieces = panels(lambda log_s: law.density(np.exp(log_s)) * np.exp(log_s), ends)
    np.testing.assert_allclose(np.diff(law.cdf(np.exp(ends))), pieces, atol=1e-8)


def moment_transform(law: Law, z: complex) -> complex:
    """Return M(z), the average of s^2/(z - s^2)."""
    return average(law, lambda squared: squared / (z - squared))
