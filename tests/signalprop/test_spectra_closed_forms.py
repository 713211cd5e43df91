"""Laws of Jacobians where they are known: linear networks, projections, one layer, the limits."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import comb, erf, erfc, logit

from signalprop.activations import get
from signalprop.spectra import isometric_q, jacobian_law, universal_law
from signalprop.studies.jacobian_spectra.formulas import (
    SUPPLEMENT_ERF_SCALE,
    bernoulli_stieltjes,
    erf_schedule,
    fuss_catalan,
    gaussian_edge,
    linear_edge,
    orthogonal_edge,
    smooth_edges,
)

from .laws import (
    assert_distribution_integrates_density,
    assert_moments_agree,
    gate,
    moment_transform,
    points,
)

EPS = float(np.finfo(float).eps)
BOTH = ("orthogonal", "gaussian")

# --- linear networks: the Fuss-Catalan law ------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 3, 5, 8, 17, 32, 64, 1000])
def test_the_linear_gaussian_density_is_the_fuss_catalan_law(depth: int) -> None:
    """To 1e-9, but for rounding of s next to the edge, where the density falls to 0.

    Near it P is a root of the distance, so a relative error of s counts s_max / (s_max - s)
    times half.  The angle's formula rounds depth + 1 logarithms.
    """
    law = jacobian_law("linear", depth, "gaussian")
    s_max = linear_edge(depth)
    assert law.s_max == pytest.approx(s_max, rel=1e-12)
    assert law.support[0] == 0
    assert law.atoms == []
    angle = np.linspace(0, np.pi / (depth + 1), 402)[1:-1]
    s, density = fuss_catalan(depth, angle)
    rounding = 8 * (depth + 10) * EPS
    tolerance = 1e-9 + rounding * s_max / np.maximum(s_max - s, rounding * s_max)
    assert (abs(law.density(s) / density - 1) < tolerance).all()
    assert np.median(tolerance) < 2e-9


def test_one_linear_gaussian_layer_is_the_quarter_circle() -> None:
    law = jacobian_law("linear", 1, "gaussian")
    s = points(law)
    np.testing.assert_allclose(law.density(s), np.sqrt(4 - s**2) / np.pi, rtol=1e-12)
    share = (s * np.sqrt(4 - s**2) / 2 + 2 * np.arcsin(s / 2)) / np.pi
    np.testing.assert_allclose(law.cdf(s), share, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_linear_gaussian_moments_are_fuss_catalan_numbers(depth: int) -> None:
    law = jacobian_law("linear", depth, "gaussian")
    for k in range(12):
        exact = comb((depth + 1) * k, k, exact=True) / (depth * k + 1)
        assert law.moment(k) == pytest.approx(exact, rel=1e-13 * (k + 1))


@pytest.mark.parametrize("depth", [1, 2, 128])
def test_linear_orthogonal_networks_are_isometries(depth: int) -> None:
    law = jacobian_law("linear", depth)
    assert law.atoms == [(1.0, 1.0)]
    assert law.support == (1.0, 1.0)
    assert law.variance == law.continuous_mass == 0
    assert not law.density([0.5, 1.0, 1.5]).any()
    np.testing.assert_array_equal(law.cdf([0.5, 1.0, 1.5]), [0, 1, 1])
    np.testing.assert_array_equal(law.sample(5, seed=0), np.ones(5))


# --- slopes of two values: free projections -----------------------------------------------


def bernoulli_moment(k: int, depth: int, p: Fraction, weights: str) -> Fraction:
    """Return E s^(2k) at criticality from the S-transform of Bernoulli slopes, exactly.

    It is 1/k times the coefficient of w^(k-1) in (1+w)^k ((1 + w/p)/(1+w))^(Lk), the
    denominator for orthogonal weights only.
    """
    n = depth * k
    power = k - n if weights == "orthogonal" else k
    total = Fraction(0)
    for j in range(k):
        rest = Fraction(1)
        for i in range(k - 1 - j):  # a binomial coefficient of any integer
            rest *= Fraction(power - i, i + 1)
        total += math.comb(n, j) / p**j * rest
    return total / k


@pytest.mark.parametrize("weights", BOTH)
@pytest.mark.parametrize("depth", [1, 2, 8, 32])
def test_relu_moments_are_exact_lagrange_sums(depth: int, weights: Any) -> None:
    law = jacobian_law("relu", depth, weights)
    for k in (1, 2, 3, 5, 8):
        exact = float(bernoulli_moment(k, depth, Fraction(1, 2), weights))
        assert law.moment(k) == pytest.approx(exact, rel=1e-11)


@pytest.mark.parametrize("q", [0.1, 0.25, 1.0])
@pytest.mark.parametrize("weights", BOTH)
def test_hard_tanh_moments_are_lagrange_sums(q: float, weights: Any) -> None:
    p = Fraction(gate("hard_tanh", q))
    law = jacobian_law("hard_tanh", 8, weights, q_star=q)
    for k in (1, 2, 4):
        exact = float(bernoulli_moment(k, 8, p, weights))
        assert law.moment(k) == pytest.approx(exact, rel=1e-11)


@pytest.mark.parametrize("q", [0.1, 0.25, 1.0, 4.0])
def test_two_orthogonal_layers_are_two_free_projections(q: float) -> None:
    """Voiculescu's product of projections of trace p: atoms at 0 and, if 2p > 1, at 1."""
    p = gate("hard_tanh", q)
    law = jacobian_law("hard_tanh", 2, q_star=q)
    edge = 4 * p * (1 - p)
    inner = points(law) * p  # s of the projections themselves
    squared = inner**2
    density = np.sqrt((edge - squared) * squared) / (2 * np.pi * squared * (1 - squared))
    np.testing.assert_allclose(law.density(inner / p), density * 2 * inner * p, rtol=1e-9)
    # Without rounding at tiny 1 - p, the atom of an isometry has mass p + p - 1.
    assert law.atoms[0] == pytest.approx((0, 1 - p))
    if 2 * p > 1:
        assert law.atoms[1] == pytest.approx((1 / p, 2 * p - 1))
    assert len(law.atoms) == 1 + (2 * p > 1)
    assert law.support == pytest.approx((0, math.sqrt(edge) / p))


@pytest.mark.parametrize("name", ["relu", "hard_tanh"])
def test_one_orthogonal_layer_has_the_slopes_themselves(name: str) -> None:
    p = gate(name, 0.25)
    law = jacobian_law(name, 1, q_star=0.25)
    [zero, top] = law.atoms
    assert zero == pytest.approx((0, 1 - p))
    assert top == pytest.approx((p**-0.5, p))
    assert law.s_max == top[0]
    assert law.continuous_mass == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("depth", [2, 8, 32, 128, 200, 10**6])
@pytest.mark.parametrize("q", [0.05, 0.1, 0.25, 1.0, 4.0])
def test_edges_and_atoms_of_two_valued_slopes(q: float, depth: int) -> None:
    """In pennington2017's exact form; an atom outruns the orthogonal bulk while L(1-p) < 1."""
    for name in ("relu", "hard_tanh"):
        p = gate(name, q)
        gaussian = jacobian_law(name, depth, "gaussian", q_star=q)
        assert gaussian.support == pytest.approx((0, gaussian_edge(p, depth)), rel=1e-9)
        assert gaussian.atoms == [pytest.approx((0, 1 - p), rel=1e-9)]
        law = jacobian_law(name, depth, "orthogonal", q_star=q)
        # 1 - p carries a rounding of p.
        rounding = 4 * EPS / (1 - p)
        assert law.support[1] == pytest.approx(orthogonal_edge(p, depth), rel=1e-9 + rounding)
        if depth * (1 - p) < 1:
            assert law.s_max == pytest.approx(p ** (-depth / 2), rel=1e-9)
            assert law.atoms[-1][1] == pytest.approx(1 - depth * (1 - p), abs=1e-9)
            assert law.support[1] <= law.s_max <= math.sqrt(math.e)
        else:
            assert law.s_max == law.support[1]


@pytest.mark.parametrize(
    ("q", "gaussian", "orthogonal"),
    [
        (0.05, (5.34, 16.5, 52.2), (1.000, 1.0004, 1.0039)),
        (0.1, (5.35, 16.5, 52.2), (1.008, 1.082, 2.064)),
        (0.15, (5.37, 16.6, 52.4), (1.051, 1.638, 5.192)),
        (0.25, (5.46, 16.9, 53.4), (1.262, 3.591, 11.38)),
        (0.5, (5.78, 18.0, 56.8), (2.195, 7.105, 22.52)),
        (1.0, (6.37, 20.0, 63.1), (3.464, 11.21, 35.54)),
        (4.0, (8.38, 26.6, 84.2), (6.449, 20.88, 66.17)),
    ],
)
def test_hard_tanh_at_10_100_and_1000_layers(
    q: float, gaussian: tuple[float, ...], orthogonal: tuple[float, ...]
) -> None:
    """What figure 3 of pennington2017 must show, computed elsewhere to the digits given."""
    for weights, expected in (("gaussian", gaussian), ("orthogonal", orthogonal)):
        for depth, s_max in zip((10, 100, 1000), expected, strict=True):
            law = jacobian_law("hard_tanh", depth, weights, q_star=q)  # type: ignore[arg-type]
            assert law.s_max == pytest.approx(s_max, rel=5e-3 if s_max > 10 else 1e-3)


def test_leaky_relu_keeps_away_from_zero() -> None:
    """With orthogonal weights its smallest slope bounds it from below, and one layer is exact."""
    one = jacobian_law("leaky_relu", 1)
    assert one.atoms == [
        pytest.approx((math.sqrt(2 / 17), 0.5)),
        pytest.approx((math.sqrt(32 / 17), 0.5)),
    ]
    for depth in (2, 3, 8):
        law = jacobian_law("leaky_relu", depth)
        low, high = law.support
        lowest, highest = (2 / 17) ** (depth / 2), (32 / 17) ** (depth / 2)
        assert lowest * (1 - 1e-12) <= low < high <= highest * (1 + 1e-12)
        assert law.cdf(low) == 0
        assert law.cdf(high) == 1


# --- one layer ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cdf"),
    [  # P(|phi'| < a): of the slope relative to its largest
        ("tanh", lambda a, q: erfc(np.arccosh(a**-0.5) / np.sqrt(2 * q))),
        ("sigmoid", lambda a, q: erfc(2 * np.arccosh(a**-0.5) / np.sqrt(2 * q))),
        ("erf", lambda a, q: erfc(np.sqrt(-np.log(a) / (2 * q)))),
        ("softsign", lambda a, q: erfc((a**-0.5 - 1) / np.sqrt(2 * q))),
        ("softplus", lambda a, q: erfc(-logit(a) / np.sqrt(2 * q)) / 2),
    ],
)
@pytest.mark.parametrize("q", [0.05, 1.0, 6.0])
def test_one_orthogonal_layer_is_the_law_of_the_slope(
    name: str, cdf: Callable[[np.ndarray, float], np.ndarray], q: float
) -> None:
    law = jacobian_law(name, 1, q_star=q)
    largest = float(get(name).derivative(np.array(700.0 if name == "softplus" else 0.0)))
    share = np.linspace(0.03, 0.985, 30)
    s = share * largest * math.sqrt(law.sigma_w2)
    np.testing.assert_allclose(law.cdf(s), cdf(share, q), atol=1e-9)
    h = 1e-5
    slope = (cdf(share + h, q) - cdf(share - h, q)) / (2 * h) * share / s
    np.testing.assert_allclose(law.density(s), slope, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", ["silu", "gelu"])
def test_one_orthogonal_layer_of_a_smooth_rectifier(name: str) -> None:
    """Its slope is not monotone: the share of |phi'| <= a is cut out of the line by roots."""
    q, phi = 0.8, get(name)
    law = jacobian_law(name, 1, q_star=q)
    grid = np.linspace(-8, 8, 4001) * math.sqrt(q)
    for a in (0.02, 0.3, 0.7, 1.05):

        def excess(x: float, a: float = a) -> float:
            return abs(float(phi.derivative(np.array(x)))) - a

        values = abs(phi.derivative(grid)) - a
        turns = np.flatnonzero(values[:-1] * values[1:] < 0)
        roots = [brentq(excess, grid[i], grid[i + 1], xtol=1e-13) for i in turns]
        cuts = [-np.inf, *roots, np.inf]
        share = sum(
            erf(b / math.sqrt(2 * q)) / 2 - erf(c / math.sqrt(2 * q)) / 2
            for c, b in itertools.pairwise(cuts)
            if excess(min(max((b + c) / 2, c + 1e-3, -30.0), b - 1e-3, 30.0)) < 0
        )
        assert law.cdf(a * math.sqrt(law.sigma_w2)) == pytest.approx(share, abs=1e-8)


# --- limits at infinite depth -------------------------------------------------------------

LIMITS = list(itertools.product(("bernoulli", "smooth"), (0.04, 0.25, 1.0, 3.0)))


@pytest.mark.parametrize("variance", [0.04, 0.25, 1.0, 3.0])
def test_the_bernoulli_limit_is_lambert_s_function(variance: float) -> None:
    law = universal_law("bernoulli", variance)
    for z in (1 + 1j, -0.5 + 0.3j, 5 + 0.5j):
        assert abs(moment_transform(law, z) - (z * bernoulli_stieltjes(z, variance) - 1)) < 1e-9
    assert law.support == pytest.approx((0, math.sqrt(math.e * variance)))
    expected = [(math.exp(variance / 2), 1 - variance)] if variance < 1 else []
    assert law.atoms == expected


@pytest.mark.parametrize("variance", [0.04, 0.25, 1.0, 3.0])
def test_the_smooth_limit_solves_its_equation(variance: float) -> None:
    """With S = exp(-v w): z = (1 + m)/m exp(v m); and its edges are where dz/dm = 0."""
    law = universal_law("smooth", variance)
    for z in (1 + 1j, -0.5 + 0.3j, 5 + 0.5j):
        m = moment_transform(law, z)
        assert abs((1 + m) / m * np.exp(variance * m) / z - 1) < 1e-9
    assert law.support == pytest.approx(smooth_edges(variance), rel=1e-10)


@pytest.mark.parametrize(("kind", "variance"), LIMITS)
def test_a_limit_is_a_law(kind: Any, variance: float) -> None:
    law = universal_law(kind, variance)
    assert law.moment(0) == law.moment(1) == 1
    assert law.moment(2) == pytest.approx(1 + variance)
    assert_moments_agree(law)
    assert_distribution_integrates_density(law)
    beyond = sum(mass for _, mass in law.atoms)
    # At variance 1 the density grows like the inverse cube root of the distance to the edge.
    assert law.cdf(law.support[1] * (1 - 1e-12)) == pytest.approx(1 - beyond, abs=1e-6)


@pytest.mark.parametrize("variance", [0.25, 1.0])
@pytest.mark.parametrize(
    ("kind", "name", "order"),
    [
        ("bernoulli", "hard_tanh", 1.0),
        ("smooth", "tanh", 0.5),
        ("smooth", "erf", 0.5),
        ("smooth", "sigmoid", 0.5),
    ],
)
def test_deep_networks_approach_their_limit(
    kind: Any, name: str, order: float, variance: float
) -> None:
    """The error falls like 1/L for two slopes, and like q* ~ 1/sqrt(L) for smooth ones."""
    limit = universal_law(kind, variance)
    low, high = limit.support
    s = low + (high - low) * np.array([0.3, 0.5, 0.7])
    errors = []
    for depth in (10**4, 10**6):
        law = jacobian_law(name, depth, q_star=isometric_q(name, depth, variance))
        assert law.variance == pytest.approx(variance, rel=1e-9)
        errors.append(abs(law.cdf(s) - limit.cdf(s)).max())
    assert errors[0] / errors[1] == pytest.approx(100**order, rel=0.1)


def test_the_schedule_has_its_closed_forms() -> None:
    """For hard tanh p = L/(L + v); for erf, as the supplement of pennington2018 has it."""
    for depth, variance in ((2, 0.25), (32, 0.25), (1000, 4.0)):
        q = isometric_q("hard_tanh", depth, variance)
        assert gate("hard_tanh", q) == pytest.approx(depth / (depth + variance), rel=1e-12)
        exact = SUPPLEMENT_ERF_SCALE * erf_schedule(depth, variance)
        assert isometric_q("erf", depth, variance) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("relu", 10, 0.25), r"variance must be between 10 and 10 for relu at depth 10, got 0\.25"),
        (("tanh", 10, 0.0), r"variance must be a finite variance > 0, got 0\.0"),
        (("tanh", 10, math.inf), "variance must be a finite variance > 0, got inf"),
        (("tanh", 0, 1.0), "depth must be an integer >= 1, got 0"),
    ],
)
def test_a_schedule_that_does_not_exist_is_refused(
    arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        isometric_q(*arguments)


def test_a_limit_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"variance must be a finite variance > 0, got -1\.0"):
        universal_law("smooth", -1.0)
    with pytest.raises(ValueError, match="kind must be 'bernoulli' or 'smooth', got 'relu'"):
        universal_law("relu", 1.0)  # type: ignore[arg-type]
