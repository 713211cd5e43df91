"""Laws of Jacobians against quadrature and an independent solution, for every activation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from signalprop.activations import NAMES, gaussian_mean, get
from signalprop.meanfield import critical_point, critical_q
from signalprop.slopes import slope_law
from signalprop.spectra import JacobianLaw, jacobian_law

from .laws import (
    assert_distribution_integrates_density,
    assert_moments_agree,
    gate,
    moment_transform,
    points,
)

EPS = float(np.finfo(float).eps)
BOTH = ("orthogonal", "gaussian")

# --- every activation ---------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weights", BOTH)
@pytest.mark.parametrize(("depth", "q"), [(2, 0.3), (3, 1.0), (8, 1 / 64)])
def test_moments_are_integrals_of_the_density(
    name: str, weights: Any, depth: int, q: float
) -> None:
    assert_moments_agree(jacobian_law(name, depth, weights, q_star=q))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weights", BOTH)
@pytest.mark.parametrize("depth", [1, 8, 200])
def test_the_variance_is_equation_22(name: str, weights: Any, depth: int) -> None:
    """L (mu_2/mu_1^2 - 1 - s_1), with the moments of the slope averaged on the real line."""
    q = 0.6
    law = jacobian_law(name, depth, weights, q_star=q)
    fourth = gate(name, q) if name == "hard_tanh" else 0.0
    fourth = fourth or float(gaussian_mean(lambda x: get(name).derivative(x) ** 4, q))
    spread = fourth / float(get(name).slope_square_mean(q)) ** 2 - 1
    expected = depth * (spread + (weights == "gaussian"))
    assert law.variance == pytest.approx(expected, rel=1e-10, abs=1e-12)
    assert law.moment(2) - 1 == pytest.approx(expected, rel=1e-10, abs=1e-11)
    assert law.moment(1) == pytest.approx(1, rel=1e-12)
    assert law.chi == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weights", BOTH)
@pytest.mark.parametrize(("depth", "q"), [(2, 0.3), (8, 1.0), (200, 1 / 64), (10**6, 1.0)])
def test_the_distribution_function_integrates_the_density(
    name: str, weights: Any, depth: int, q: float
) -> None:
    """Over eight pieces of the support; the two come from different parts of one solution."""
    law = jacobian_law(name, depth, weights, q_star=q)
    if law.continuous_mass < 1e-12:
        return
    assert_distribution_integrates_density(law)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weights", BOTH)
@pytest.mark.parametrize(("depth", "q"), [(2, 0.3), (8, 1.0), (200, 1 / 64), (10**6, 1.0)])
def test_the_total_mass_is_one(name: str, weights: Any, depth: int, q: float) -> None:
    """Just below the upper edge all is counted, but for an atom beyond."""
    law = jacobian_law(name, depth, weights, q_star=q)
    if law.continuous_mass < 1e-12:
        return
    beyond = sum(mass for s, mass in law.atoms if s > law.support[1])
    below, above = law.cdf(law.support[1] * np.array([1 - 1e-12, 1 + 1e-12]))
    # The density may grow like the inverse root of the distance to the edge (ReLU, depth 2).
    assert below == pytest.approx(1 - beyond, abs=1e-6)
    assert above == pytest.approx(1 - beyond, abs=1e-14)
    assert law.cdf(law.s_max * (1 + EPS)) == pytest.approx(1, abs=1e-14)
    if depth == 2:  # deeper, much of the mass is nearer to 0 than numbers go
        at_zero = sum(mass for s, mass in law.atoms if s == 0)
        assert law.cdf(1e-150) == pytest.approx(at_zero, abs=1e-5)


# --- an independent solution of the master equation ---------------------------------------


def master_equation(name: str, q: float, depth: int, weights: str, z: complex) -> complex:
    """Solve pennington2018's equation 14 for M(z) off the axis, slopes averaged on the line.

    The unknown is y, where M = E[X/(y - X)], X = sigma_w^2 phi'^2, and
    log z = log((1+M)/M) + L log(M y/(1+M)) (+ L log(1+M) for Gaussian weights).  Newton's
    method with a difference quotient follows it from far up, where y = z.
    """
    x, w = np.polynomial.legendre.leggauss(200)
    node = 5 * (x + 1)
    weight = np.tile(5 * w * np.exp(-(node**2) / 2), 2) / math.sqrt(2 * math.pi)
    node = np.concatenate([-node, node])
    squares = get(name).derivative(math.sqrt(q) * node) ** 2
    squares = squares / float(get(name).slope_square_mean(q))

    def transform(y: complex) -> complex:
        return complex((weight * squares / (y - squares)).sum())

    def excess(y: complex, z: complex) -> complex:
        m = transform(y)
        log_z = np.log((1 + m) / m) + depth * np.log(m * y / (1 + m))
        return complex(log_z + (weights == "gaussian") * depth * np.log(1 + m) - np.log(z))

    y = z + 1000j
    for height in [*np.geomspace(1000, 0.01, 60), 0.0]:
        target = z + 1j * height
        for _ in range(30):
            slope = (excess(y + 1e-6, target) - excess(y - 1e-6, target)) / 2e-6
            step = excess(y, target) / slope
            y -= step
            if abs(step) < 1e-12 * abs(y):
                break
    return transform(y)


@pytest.mark.parametrize("name", ["tanh", "softsign", "silu", "sigmoid", "leaky_tanh"])
@pytest.mark.parametrize(("weights", "depth"), [("orthogonal", 3), ("gaussian", 2)])
def test_the_density_solves_the_master_equation(name: str, weights: Any, depth: int) -> None:
    """The integral of s^2/(z - s^2) over the law, against a root of the equation at z."""
    q = 0.7
    law = jacobian_law(name, depth, weights, q_star=q)
    for z in (1 + 1j, -0.5 + 0.5j, 4 + 0.7j):
        assert abs(moment_transform(law, z) - master_equation(name, q, depth, weights, z)) < 1e-9


# --- off criticality, depth, arguments ----------------------------------------------------


@pytest.mark.parametrize("name", ["tanh", "relu", "silu"])
@pytest.mark.parametrize("weights", BOTH)
def test_off_criticality_the_law_is_only_stretched(name: str, weights: Any) -> None:
    q, depth, chi = 0.5, 8, 1.3
    law = jacobian_law(name, depth, weights, q_star=q)
    sigma_w2 = chi * law.sigma_w2
    other = jacobian_law(name, depth, weights, q_star=q, sigma_w2=sigma_w2)
    stretch = chi ** (depth / 2)
    assert other.chi == pytest.approx(chi)
    assert other.s_max == pytest.approx(stretch * law.s_max)
    assert other.support == pytest.approx([stretch * s for s in law.support])
    s = points(law)
    np.testing.assert_allclose(other.density(stretch * s) * stretch, law.density(s), rtol=1e-9)
    np.testing.assert_allclose(other.cdf(stretch * s), law.cdf(s), atol=1e-11)
    assert other.moment(2) == pytest.approx(stretch**4 * law.moment(2))
    assert other.variance == pytest.approx(stretch**4 * law.variance)


@pytest.mark.parametrize("name", ["tanh", "erf", "hard_tanh"])
def test_a_weight_variance_alone_means_its_critical_point(name: str) -> None:
    q = critical_q(name, 1.3)
    implied = jacobian_law(name, 5, sigma_w2=1.3)
    given = jacobian_law(name, 5, q_star=q)
    assert critical_point(name, q)[0] == pytest.approx(1.3)
    assert implied.chi == pytest.approx(1)
    s = points(given)
    np.testing.assert_allclose(implied.density(s), given.density(s), rtol=1e-8, atol=1e-12)


def test_piecewise_linear_laws_need_no_variance() -> None:
    for name in ("linear", "relu", "leaky_relu"):
        assert jacobian_law(name, 3).chi == pytest.approx(1)
        assert jacobian_law(name, 3, sigma_w2=0.1).chi < 1


@pytest.mark.parametrize("weights", BOTH)
@pytest.mark.parametrize("name", NAMES)
def test_a_million_layers(name: str, weights: Any) -> None:
    law = jacobian_law(name, 10**6, weights, q_star=1e-3)
    assert law.moment(1) == pytest.approx(1, rel=1e-9)
    if law.continuous_mass > 1e-12:
        assert np.isfinite(law.density(points(law))).all()
        assert (law.density(points(law)) >= 0).all()
        assert (np.diff(law.cdf(points(law))) >= -1e-9).all()


def test_outside_its_support_a_law_is_empty() -> None:
    law = jacobian_law("tanh", 2, q_star=0.3)
    s = np.array([-1.0, 0.0, np.nan, 0.5, 10.0])
    np.testing.assert_array_equal(law.density(s)[[0, 1, 4]], 0)
    np.testing.assert_array_equal(law.cdf(s)[[0, 1, 4]], [0, 0, 1])
    assert np.isnan(law.density(s)[2])
    assert np.isnan(law.cdf(s)[2])
    assert law.density(np.zeros((2, 3))).shape == (2, 3)
    assert law.density(0.5).shape == law.cdf(0.5).shape == ()
    relu = jacobian_law("relu", 2)
    np.testing.assert_array_equal(relu.cdf([-1e-300, 0.0]), [0, 0.5])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 0}, "depth must be an integer >= 1, got 0"),
        ({"depth": 1.5}, r"depth must be an integer >= 1, got 1\.5"),
        ({"depth": math.inf}, "depth must be an integer >= 1, got inf"),
        ({"depth": math.nan}, "depth must be an integer >= 1, got nan"),
        ({"activation": "step"}, "activation must be one of"),
        ({"weights": "uniform"}, "weights must be 'orthogonal' or 'gaussian', got 'uniform'"),
        ({"q_star": 0.0}, r"q_star must be a finite variance > 0, got 0\.0"),
        ({"q_star": -1.0}, "q_star must be a finite variance > 0"),
        ({"q_star": math.nan}, "q_star must be a finite variance > 0"),
        ({"q_star": math.inf}, "q_star must be a finite variance > 0"),
        ({"sigma_w2": 0.0}, "sigma_w2 must be a finite variance > 0"),
        ({"sigma_w2": -2.0}, "sigma_w2 must be a finite variance > 0"),
        ({"q_star": None}, "give q_star or sigma_w2: the law of tanh depends on them"),
        ({"q_star": None, "sigma_w2": 0.5}, "to be critical for tanh"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    good = {"activation": "tanh", "depth": 2, "q_star": 0.5}
    with pytest.raises(ValueError, match=message):
        jacobian_law(**(good | arguments))


@pytest.mark.parametrize("k", [-1, 0.5, math.inf, math.nan])
def test_moments_are_counted(k: float) -> None:
    with pytest.raises(ValueError, match="k must be an integer >= 0"):
        jacobian_law("relu", 2).moment(k)


# --- samples ------------------------------------------------------------------------------

KOLMOGOROV = math.sqrt(-math.log(0.001 / 2) / 2)
"""Exceeded by sqrt(n) times the largest deviation of a distribution with probability 1e-3."""


@pytest.mark.parametrize(
    ("name", "depth", "weights"),
    [
        ("linear", 3, "gaussian"),
        ("relu", 8, "orthogonal"),
        ("hard_tanh", 2, "orthogonal"),
        ("hard_tanh", 32, "gaussian"),
        ("leaky_relu", 4, "orthogonal"),
        ("tanh", 8, "orthogonal"),
        ("silu", 8, "gaussian"),
    ],
)
def test_samples_follow_the_distribution(name: str, depth: int, weights: Any) -> None:
    law = jacobian_law(name, depth, weights, q_star=0.25)
    n = 4000
    values = np.sort(law.sample(n, seed=3))
    assert np.array_equal(values, np.sort(law.sample(n, seed=3)))
    s = np.concatenate([points(law, 200), [location for location, _ in law.atoms]])
    share = np.searchsorted(values, s, side="right") / n
    assert abs(share - law.cdf(s)).max() < KOLMOGOROV / math.sqrt(n)
    for location, mass in law.atoms:
        found = float((values == location).mean())
        assert found == pytest.approx(mass, abs=4 * math.sqrt(mass * (1 - mass) / n))


# --- the quadrature behind it -------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in NAMES if not slope_law(n, 1.0).atoms])
@pytest.mark.parametrize("weights", BOTH)
@pytest.mark.parametrize("q", [0.02, 1.0, 9.0])
def test_the_coarse_rule_is_fine_enough_for_deep_networks(
    name: str, weights: Any, q: float
) -> None:
    """From depth 8 on `jacobian_law` takes steps of 0.1: a millionth of the peak is lost."""
    coarse = jacobian_law(name, 8, weights, q_star=q)
    slopes = slope_law(name, q, step=0.02)
    fine = JacobianLaw(slopes, 8, weights, 1 / slopes.mean)
    s = np.linspace(0.001, 0.999, 16) * fine.support[1]
    expected = fine.density(s)
    np.testing.assert_allclose(coarse.density(s), expected, atol=1e-6 * expected.max(), rtol=1e-6)
