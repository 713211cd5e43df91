r"""The free product of equal layers, solved for a whole spectrum at once.

One layer has the moment transform :math:`m(y) = \mathbb{E}[X/(y - X)]` of its squared slopes
:math:`X` (of mean 1 here).  The product of ``depth`` such layers takes the same value
:math:`m` at

.. math:: z(y) = \frac{1+m}{m}\,\Big(\frac{m y}{1+m}\,[1+m]\Big)^L,

the bracket for Gaussian weights only: the product rule of S-transforms, written without an
inverse function.  For :math:`z` in the upper half plane so is :math:`y` (it is the
subordination function), so every logarithm below is the principal one.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize.elementwise import find_root
from scipy.special import expit

from signalprop.slopes import SlopeLaw

Complexes = NDArray[np.complex128]
Floats = NDArray[np.float64]

_ANGLES = np.pi * np.array([0.75, 0.5, 0.25, 0.0, 0.0, 0.0])
"""Of z on the way around the half circle; enough for every law of the tests."""

_CORRECTIONS = 40
_FAILURE = 1e-7
"""Error of log z; where the density is below rounding, 1e-10 may be all there is."""

_FAR = 600.0
"""Logarithm of the largest distance looked at, and of 1 / the smallest."""


class _Image(NamedTuple):
    """Log z at some y, its first two derivatives by log y, m and log(1 + m) there."""

    log_z: Complexes
    first: Complexes
    second: Complexes
    m: Complexes
    log_1m: Complexes


class Points(NamedTuple):
    """Where points of a spectrum are met: y, y - 1 (with its own rounding), m, log(1 + m).

    Within the spectrum the imaginary part of m is -pi z times the density:

    >>> from signalprop.slopes import slope_law
    >>> gaussian = FreeProduct(slope_law("linear", 1.0), depth=1, gaussian=True)
    >>> points = gaussian.solve(np.log([1.0, 2.0]))
    >>> (points.m.imag / -np.pi / [1.0, 2.0]).round(4)  # Marchenko and Pastur's density
    array([0.2757, 0.1592])
    """

    y: Complexes
    v: Complexes
    m: Complexes
    log_1m: Complexes


class FreeProduct:
    """The product of ``depth`` layers whose mean squared singular value is 1.

    Parameters
    ----------
    slopes : law of the squared slopes
    depth : number of layers
    gaussian : Gaussian weights; else orthogonal ones
    rough : the same law by a coarser rule, good enough to find the way to a point

    Examples
    --------
    The greatest squared singular value of a product of two square Gaussian matrices is 27/4:

    >>> from signalprop.slopes import slope_law
    >>> product = FreeProduct(slope_law("linear", 1.0), depth=2, gaussian=True)
    >>> round(math.exp(product.upper_edge()), 12)
    6.75
    """

    def __init__(
        self, slopes: SlopeLaw, depth: int, gaussian: bool, rough: SlopeLaw | None = None
    ) -> None:
        self.slopes = slopes
        self._guide = self if rough is None else FreeProduct(rough, depth, gaussian)
        self.depth = depth
        self.gaussian = gaussian
        x, d, w = slopes.values, slopes.deviations, slopes.weights
        self._averages = np.stack([w, w * x, w * d, w * d**2], axis=1)

    def solve(self, t: Floats) -> Points:
        """Find the points of the spectrum at z = exp(t), ``t`` of shape (n,).

        Each is first found on the negative axis, at -exp(t), where all is real and monotone,
        and followed along the half circle to exp(t).  Steps are those of Newton's method with
        a quadratic model, which takes the square roots at the edges of the spectrum.

        Raises
        ------
        ArithmeticError
            If a point is not found.
        """
        y = self._guide._on_negative_axis(t)
        v = y - 1
        for angle in _ANGLES:
            y, v, _ = self._guide._step(_above(y), _above(v), t + 1j * angle)
        tolerance = max(1e-12, 1e-16 * self.depth)  # log z carries depth roundings
        error = np.full(t.shape, np.inf)
        left = np.arange(t.size)
        for _ in range(_CORRECTIONS):
            # Of the two conjugate solutions the one above the axis is meant.
            y[left], v[left] = _above(y[left]), _above(v[left])
            y[left], v[left], error[left] = self._step(y[left], v[left], t[left])
            left = np.flatnonzero(~(error < tolerance))
            if not left.size:
                break
        lost = ~(error < _FAILURE)
        if lost.any():
            raise ArithmeticError(
                f"{lost.sum()} of {t.size} points of the spectrum were not found, "
                f"the first at log(s**2 / chi**depth) = {t[lost][0]:.6g}"
            )
        y, v = _above(y), _above(v)
        image = self._image(y, v)
        return Points(y, v, image.m, image.log_1m)

    def mass_above(self, t: Floats) -> Floats:
        r"""Return the mass above exp(t), atoms included.

        It is :math:`\operatorname{Im} \Phi / \pi` of the logarithmic potential

        .. math:: \Phi = \mathbb{E} \log(z - \Lambda) = \log z + m \log z - \int \log z\, dm ,

        whose integral is elementary.
        """
        y, v, m, log_1m = self.solve(t)
        x, w = self.slopes.values, self.slopes.weights
        log_y, log_m = _log_above(y), _log_below(m)
        far = abs(y) > 2 * abs(self.slopes.highest)
        share = x / np.where(far, y, np.inf)[:, None]
        near = _log_above(self._difference(y, v)) @ w - log_y
        mean_log = np.where(far, _log1p_below(-share) @ w, near)  # of 1 - X / y
        integral_log_m = m * log_m - m
        integral_log_1m = (1 + m) * log_1m - m
        if self.gaussian:
            integral = integral_log_1m + (self.depth - 1) * integral_log_m
        else:
            integral = (1 - self.depth) * (integral_log_1m - integral_log_m)
        potential = m * t - integral - self.depth * (m * log_y - mean_log)
        return np.asarray(potential.imag / np.pi, dtype=np.float64)

    def upper_edge(self) -> float:
        """Return log z at the upper edge of the continuous part."""
        low, high = self.slopes.lowest, self.slopes.highest
        if low == 0 and self.slopes.atoms and not self.gaussian:
            share = self.depth * self.slopes.atoms[0][1]
            if share < 1:  # below an atom: log z is stationary between the two slopes
                return self._log_z(high * share)
        edges = self._stationary(high, math.inf)
        return edges[-1] if edges else self._log_z(high * (1 + 1e-14))

    def lower_edge(self) -> float:
        """Return log z at the lower edge, minus infinity where the spectrum reaches 0."""
        low = self.slopes.lowest
        if low == 0 or self.gaussian:
            return -math.inf
        edges = self._stationary(0.0, low)
        return edges[0] if edges else self._log_z(low * (1 - 1e-14))

    def _image(self, y: Complexes, v: Complexes) -> _Image:
        """Map points y of the closed upper half plane, of shape (n,), to log z."""
        r = y[:, None] / self._difference(y, v)
        g, x, xd, d2 = (r @ self._averages).T  # E r is 1 + m, and E rX is m y
        square = r * r
        g_2, x_2 = (square @ self._averages[:, :2]).T
        g_3, x_3 = (square * r @ self._averages[:, :2]).T
        m = x / y

        # The layer's factor k = m y / (1 + m) is an average of X with weights 1 / (y - X); near
        # its mean, 1, take the difference, in the form that does not cancel.
        far = abs(v) > 0.5
        k_minus_1 = np.where(far, d2 / np.where(far, v, 1), xd) / g
        with np.errstate(divide="ignore", invalid="ignore"):  # in branches that are not taken
            log_k = np.where(abs(y) < 0.5, _log_below(x / g), _log1p_below(k_minus_1))
            log_1m = np.where(abs(m) < 0.5, _log1p_below(m), _log_below(g))
        log_z = log_1m - _log_below(m) + self.depth * (log_k + self.gaussian * log_1m)

        # Derivatives of log (1 + m) / y and of log m by log y.
        g_1, m_1 = -g_2 / g, -x_2 / x
        g_2, m_2 = 2 * g_3 / g - g_1**2 + g_1, 2 * x_3 / x - m_1**2 + m_1
        n = self.depth
        if self.gaussian:
            first, second = (1 + n) + g_1 + (n - 1) * m_1, g_2 + (n - 1) * m_2
        else:
            first, second = 1 + (1 - n) * (g_1 - m_1), (1 - n) * (g_2 - m_2)
        return _Image(log_z, first, second, m, log_1m)

    def _difference(self, y: Complexes, v: Complexes) -> Complexes:
        """Return y - X of shape (points, nodes), from v = y - 1 where y is close to 1."""
        difference = y[:, None] - self.slopes.values
        close = abs(v) < 0.1
        difference[close] = v[close, None] - self.slopes.deviations
        return difference

    def _step(
        self, y: Complexes, v: Complexes, log_z: NDArray[Any]
    ) -> tuple[Complexes, Complexes, Floats]:
        """Return y and v one step closer to the target, and the error before the step."""
        image = self._image(y, v)
        error = image.log_z - log_z
        root = np.sqrt(image.first**2 - 2 * image.second * error)
        root = np.where((root * image.first.conj()).real < 0, -root, root)
        step = -2 * error / (image.first + root)
        grown = np.asarray(y * np.exp(step))
        return grown, np.asarray(v + y * np.expm1(step)), np.asarray(abs(error))

    def _on_negative_axis(self, t: Floats) -> Complexes:
        """Return about where z = -exp(t), a hair above the axis."""
        log_y = np.sinh(np.linspace(-7, 7, 200))  # dense at 0, reaching to 548
        y = -np.exp(log_y).astype(complex)
        log_z = self._image(y, y - 1).log_z.real
        return np.exp(np.interp(t, log_z, log_y)) * (-1 + 1e-9j)

    def _stationary(self, low: float, high: float) -> list[float]:
        """Return log z where it is stationary, in a gap between values of the slopes."""
        u = np.arange(-30.0, 30.5, 0.5)
        if high == math.inf:
            u = np.append(u, np.geomspace(31.0, _FAR, 20))

        def at(u: Floats) -> tuple[Complexes, Complexes]:
            offset: Floats = low * np.exp(u) if high == math.inf else (high - low) * expit(u)
            return (low + offset).astype(complex), (low - 1 + offset).astype(complex)

        def slope(u: Floats) -> Floats:
            return np.asarray(self._image(*at(u)).first.real, dtype=np.float64)

        rising = slope(u) >= 0  # a zero on the grid itself counts once
        turns = np.flatnonzero(rising[:-1] != rising[1:])
        root = find_root(slope, (u[turns], u[turns + 1])).x
        return [float(x) for x in self._image(*at(root)).log_z.real]

    def _log_z(self, y: float) -> float:
        return float(self._image(np.array([y + 0j]), np.array([y - 1 + 0j])).log_z[0].real)


def _above(y: Complexes) -> Complexes:
    return y.real + 1j * abs(y.imag)


# m, 1 + m and k are below the real axis, and y - X above it.  Their logarithms must not jump
# where rounding lifts them across, so the cut is turned to the far half of the imaginary axis.


def _log_below(x: Complexes) -> Complexes:
    return np.log(1j * x) - 0.5j * np.pi


def _log_above(x: Complexes) -> Complexes:
    return np.log(-1j * x) + 0.5j * np.pi


def _log1p_below(x: Complexes) -> Complexes:
    """Return log(1 + x) to full accuracy at small x (NumPy's complex log1p cancels)."""
    angle = np.arctan2(x.imag, 1 + x.real)
    angle = np.where(angle > np.pi / 2, angle - 2 * np.pi, angle)
    return 0.5 * np.log1p(2 * x.real + x.real**2 + x.imag**2) + 1j * angle
