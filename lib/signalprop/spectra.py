r"""Singular values of the input-output Jacobian of wide deep networks, by free probability.

Weights and slopes of different layers are free of each other in the limit of infinite width;
then the S-transform of :math:`J J^T` is a product over layers (Pennington, Schoenholz & Ganguli
2017, eq. 12).  `free_product` solves that product; here it becomes a law of singular values
:math:`s`, with density :math:`-2 \operatorname{Im} m / (\pi s)`, atoms and moments.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.optimize.elementwise import find_root
from scipy.special import lambertw

from signalprop.activations import Activation, get
from signalprop.free_product import FreeProduct
from signalprop.meanfield import critical_q
from signalprop.slopes import SlopeLaw, slope_law

Complexes = NDArray[np.complex128]
Floats = NDArray[np.float64]
Weights = Literal["orthogonal", "gaussian"]


class Law(ABC):
    """A law of singular values: a continuous part and atoms, of total mass one.

    Attributes
    ----------
    atoms : list of (location, mass), in singular values
    support : (s_min, s_max) of the continuous part; both at the atom where there is none
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
        """
        if k < 0 or not float(k).is_integer():
            raise ValueError(f"k must be an integer >= 0, got {k!r}")
        if k == 0:
            return 1.0
        n = np.arange(1, k)
        log_one_plus = np.concatenate([[0.0], -((-1.0) ** n) / n])
        series = k * (log_one_plus + self._log_inverse_s(k))
        return float(_exp_series(series)[k - 1] / k)

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


# --- the law of a network's Jacobian ------------------------------------------------------


class JacobianLaw(Law):
    r"""Singular values of :math:`J = \prod_l D_l W_l` in the limit of infinite width.

    Made by `jacobian_law`.

    Attributes
    ----------
    slopes : law of the squared slopes of one layer
    depth, weights, sigma_w2 : of the network
    chi : mean squared singular value of one layer
    """

    def __init__(
        self,
        slopes: SlopeLaw,
        depth: int,
        weights: Weights,
        sigma_w2: float,
        rough: SlopeLaw | None = None,
    ) -> None:
        self.slopes = slopes
        self.depth = depth
        self.weights = weights
        self.sigma_w2 = sigma_w2
        self.chi = sigma_w2 * slopes.mean
        self._log_scale = depth * math.log(self.chi)
        self._product = FreeProduct(slopes, depth, weights == "gaussian", rough)
        self.atoms = self._atoms()
        if self.continuous_mass > 0:
            edges = self._product.lower_edge(), self._product.upper_edge()
            self.support = self._singular_value(edges[0]), self._singular_value(edges[1])
        else:
            self.support = self.atoms[-1][0], self.atoms[-1][0]

    @property
    def variance(self) -> float:
        r"""Return the variance of :math:`s^2` (Pennington et al. 2018, eq. 22)."""
        s_1 = 0 if self.weights == "orthogonal" else -1
        return self.moment(1) ** 2 * self.depth * (self.slopes.variance - s_1)

    def _atoms(self) -> list[tuple[float, float]]:
        """Return the atoms of a free product: what the factors' atoms exceed one by."""
        atoms = []
        for value, mass in self.slopes.atoms:
            if value == 0:
                atoms.append((0.0, mass))
            elif self.weights == "orthogonal" and self.depth * (1 - mass) < 1:
                location = self._singular_value(self.depth * math.log(value))
                atoms.append((location, 1 - self.depth * (1 - mass)))
        return atoms

    def _singular_value(self, log_square: float) -> float:
        """Return s from the logarithm of s**2 / chi**depth."""
        with np.errstate(over="ignore"):
            return float(np.exp((log_square + self._log_scale) / 2))

    def _transform(self, t: Floats) -> Complexes:
        return self._product.solve(t - self._log_scale).m

    def _mass_above(self, t: Floats) -> Floats:
        return self._product.mass_above(t - self._log_scale)

    def _log_inverse_s(self, n: int) -> Floats:
        # With psi(u) the moment series of X and c its inverse, 1/S = w / ((1 + w) c(w)), and
        # Lagrange: [w^k] log(c(w)/w) = [u^k] (u/psi(u))^k / k.
        x, w = self.slopes.values, self.slopes.weights
        moments = np.array([(w @ x**k).real for k in range(1, n + 1)])
        log_moments = _log_series(moments)
        orders = np.arange(1, n)
        log_c = np.array([_exp_series(-k * log_moments[: k + 1])[k] / k for k in orders])
        s_1 = (-1.0) ** orders / orders  # of -log(1 + w)
        layer = -log_c if self.weights == "gaussian" else s_1 - log_c
        return np.array([self._log_scale, *(self.depth * layer)])


def jacobian_law(
    activation: str | Activation,
    depth: int,
    weights: Weights = "orthogonal",
    q_star: float | None = None,
    sigma_w2: float | None = None,
) -> JacobianLaw:
    r"""Return the law of the singular values of a deep network's input-output Jacobian.

    The pre-activations are taken to have the same variance ``q_star`` in every layer.

    Parameters
    ----------
    activation : name or Activation
    depth : number of layers, >= 1
    weights : "orthogonal" or "gaussian"
    q_star : variance of the pre-activations, > 0
    sigma_w2 : weight variance (times fan-in), > 0; None for the critical one, chi = 1

    Raises
    ------
    ValueError
        If an argument is out of range; if both ``q_star`` and ``sigma_w2`` are missing where
        the law depends on them; or if no ``q_star`` makes ``sigma_w2`` critical.

    Notes
    -----
    With ``sigma_w2`` alone, the network is critical and ``q_star`` follows.  The law depends on
    the biases through ``q_star`` only: whether some bias variance >= 0 leads there is for
    `meanfield.critical_point` to say (for sigmoid and softplus often none does).

    Examples
    --------
    >>> law = jacobian_law("relu", depth=2, weights="orthogonal")
    >>> law.atoms, law.s_max
    ([(0.0, 0.5)], 2.0)
    >>> round(jacobian_law("linear", depth=1, weights="gaussian").moment(3), 9)  # Catalan
    5.0
    """
    act = get(activation)
    _check_depth(depth)
    if weights not in get_args(Weights):
        raise ValueError(f"weights must be 'orthogonal' or 'gaussian', got {weights!r}")
    for name, value in (("q_star", q_star), ("sigma_w2", sigma_w2)):
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} must be a finite variance > 0, got {value!r}")
    if q_star is None:
        q_star = _implied_q(act, sigma_w2)
    # Shallow networks come closest to the ends of the slopes' law, where the rule is weakest.
    slopes = slope_law(act, q_star, step=0.12 if depth >= 8 else 0.02)
    rough = slope_law(act, q_star, step=0.4)
    if sigma_w2 is None:
        sigma_w2 = 1 / slopes.mean
    return JacobianLaw(slopes, int(depth), weights, sigma_w2, rough)


def scale_free(activation: str | Activation) -> bool:
    """Tell whether the law is the same at every q*, as it is for linear units and ReLU.

    >>> scale_free("relu"), scale_free("hard_tanh")
    (True, False)
    """
    act = get(activation)
    return bool(act.slope_square_mean(1e-9) == act.slope_square_mean(1e9))


def _check_depth(depth: int) -> None:
    if depth < 1 or not float(depth).is_integer():
        raise ValueError(f"depth must be an integer >= 1, got {depth!r}")


def _implied_q(act: Activation, sigma_w2: float | None) -> float:
    """Return a variance that makes ``sigma_w2`` critical; any, if the law depends on none."""
    if scale_free(act):
        return 1.0
    if sigma_w2 is None:
        raise ValueError(f"give q_star or sigma_w2: the law of {act.name} depends on them")
    return critical_q(act, sigma_w2)


def isometric_q(activation: str | Activation, depth: int, variance: float) -> float:
    r"""Return the q* at which a critical orthogonal network keeps a given variance of s**2.

    The schedule :math:`q^*(L)` solves :math:`L\,(\mu_2/\mu_1^2 - 1) = \sigma_0^2`: along it the law
    has a limit at infinite depth (`universal_law`).

    Parameters
    ----------
    activation : name or Activation
    depth : number of layers, >= 1
    variance : :math:`\sigma_0^2`, of the squared singular values, > 0

    Raises
    ------
    ValueError
        If an argument is out of range, or no q* gives this variance (ReLU: its slopes do not
        depend on q*).

    Examples
    --------
    >>> round(isometric_q("hard_tanh", depth=100, variance=0.25), 5)
    0.10935
    """
    act = get(activation)
    _check_depth(depth)
    if not 0 < variance < math.inf:
        raise ValueError(f"variance must be finite and > 0, got {variance!r}")

    def excess(log_q: float) -> float:
        return depth * slope_law(act, math.exp(log_q)).variance - variance

    low, high = math.log(1e-9), math.log(1e3)
    if excess(low) * excess(high) > 0:
        least, most = sorted(excess(u) + variance for u in (low, high))
        raise ValueError(
            f"variance must be between {least:.3g} and {most:.3g} for {act.name} at depth "
            f"{depth}, got {variance!r}"
        )
    return math.exp(brentq(excess, low, high, xtol=1e-13))


# --- limits at infinite depth -------------------------------------------------------------


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


def universal_law(kind: Literal["bernoulli", "smooth"], variance: float) -> Law:
    r"""Return the limit of critical orthogonal networks of infinite depth.

    It is reached as q* shrinks with depth so that the variance of the squared singular values
    stays :math:`\sigma_0^2` (`isometric_q`), and depends on the activation by its class only
    (Pennington et al. 2018, section 5).  Gaussian weights have no such limit: their variance
    grows at least like the depth.

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
    if not 0 < variance < math.inf:
        raise ValueError(f"variance must be finite and > 0, got {variance!r}")
    if kind == "bernoulli":
        return _BernoulliLimit(variance)
    if kind == "smooth":
        return _SmoothLimit(variance)
    raise ValueError(f"kind must be 'bernoulli' or 'smooth', got {kind!r}")


def _exp_series(a: Floats) -> Floats:
    """Return the Taylor coefficients of the exponential of a series."""
    out = np.zeros_like(a)
    with np.errstate(over="ignore"):
        out[0] = np.exp(a[0])
    for n in range(1, len(a)):
        out[n] = np.arange(1, n + 1) * a[1 : n + 1] @ out[n - 1 :: -1] / n
    return out


def _log_series(c: Floats) -> Floats:
    """Return the Taylor coefficients of the logarithm of a series that starts with 1."""
    out = np.zeros_like(c)
    for n in range(1, len(c)):
        out[n] = c[n] - np.arange(1, n) * out[1:n] @ c[n - 1 : 0 : -1] / n
    return out
