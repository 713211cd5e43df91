r"""Singular values of the input-output Jacobian of wide deep networks, by free probability.

Weights and slopes of different layers are free of each other in the limit of infinite width;
then the S-transform of :math:`J J^T` is a product over layers (Pennington, Schoenholz & Ganguli
2017, eq. 12).  `free_product` solves that product; here it becomes a law of singular values
:math:`s`, with density :math:`-2 \operatorname{Im} m / (\pi s)`, atoms and moments.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from scipy.optimize import brentq

from .activations import Activation, get
from .arguments import checked_variance
from .free_product import FreeProduct
from .laws import Complexes, Floats, exp_series, log_series
from .laws import Law as Law
from .meanfield import critical_q
from .slopes import SlopeLaw, slope_law
from .universality import universal_law as universal_law

Weights = Literal["orthogonal", "gaussian"]


class JacobianLaw(Law):
    r"""Singular values of :math:`J = \prod_l D_l W_l` in the limit of infinite width.

    Made by `jacobian_law`.

    Attributes
    ----------
    slopes : law of the squared slopes of one layer
    depth, weights, sigma_w2 : of the network
    chi : mean squared singular value of one layer

    Examples
    --------
    >>> law = jacobian_law("tanh", depth=100, weights="orthogonal", q_star=0.01)
    >>> round(law.moment(1), 6), round(law.s_max, 2)
    (1.0, 1.26)
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
        log_moments = log_series(moments)
        orders = np.arange(1, n)
        log_c = np.array([exp_series(-k * log_moments[: k + 1])[k] / k for k in orders])
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
        if value is not None:
            checked_variance(name, value)
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
    checked_variance("variance", variance)

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
