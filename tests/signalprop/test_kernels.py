"""Covariances of two units against quadrature, series, sampling and each other."""

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from signalprop.activations import NAMES, Activation, Function, gaussian_mean, get, leaky_relu
from signalprop.kernels import (
    _polar,
    covariance,
    half_squared_difference,
    second_slope_square_mean,
    slope_covariance,
    square_mean_slope,
)

VARIANCES = (1e-3, 0.3, 1.0, 20.0, 1e3)
CORRELATIONS = np.array([-1.0, -1 + 1e-9, -0.8, -0.1, 0.0, 0.5, 0.99, 1 - 1e-6, 1 - 1e-12, 1.0])
JUMPS = {"relu", "leaky_relu", "leaky_tanh", "hard_tanh"}  # of the slope


def at_one(activation: Activation, q: float) -> tuple[float, float]:
    """Return the second moments of value and slope: the largest covariances there can be."""
    return float(activation.square_mean(q)), float(activation.slope_square_mean(q))


# --- closed forms -------------------------------------------------------------------------


@pytest.mark.parametrize("q", VARIANCES)
@pytest.mark.parametrize("activation", ["linear", "relu", "leaky_relu", leaky_relu(0.1), "erf"])
def test_closed_forms_are_what_the_polar_quadrature_gives(
    activation: str | Activation, q: float
) -> None:
    act = get(activation)
    size, slope_size = at_one(act, q)
    polar = [_polar(act.function, c, q) for c in CORRELATIONS.tolist()]
    np.testing.assert_allclose(covariance(act, CORRELATIONS, q), polar, rtol=0, atol=1e-12 * size)
    polar = [_polar(act.derivative, c, q) for c in CORRELATIONS.tolist()]
    np.testing.assert_allclose(
        slope_covariance(act, CORRELATIONS, q), polar, rtol=0, atol=1e-12 * slope_size
    )


def conditional(q: float, c: float, slope: bool) -> float:
    """Return hard tanh's covariance as one integral over u_1 of what u_2 averages to given it."""
    spread = math.sqrt(q * (1 - c * c))

    def inner(u: float) -> float:
        a, b = (-1 - c * u) / spread, (1 - c * u) / spread
        inside = norm.cdf(b) - norm.cdf(a)
        if slope:
            return float(inside)
        mean = c * u * inside - spread * (norm.pdf(b) - norm.pdf(a))
        return float(mean + norm.sf(b) - norm.cdf(a))

    def outer(u: float) -> float:
        value = float(abs(u) < 1) if slope else min(1.0, max(-1.0, u))
        return value * inner(u) * math.exp(-u * u / (2 * q)) / math.sqrt(2 * math.pi * q)

    reach = 9 * math.sqrt(q)
    breaks = sorted({-reach, *(x for x in (-1.0, 1.0) if abs(x) < reach), reach})
    return sum(
        quad(outer, a, b, epsabs=1e-13, epsrel=1e-11, limit=200)[0]
        for a, b in itertools.pairwise(breaks)
    )


@pytest.mark.parametrize("c", [-0.9, 0.0, 0.4, 0.99])
@pytest.mark.parametrize("q", [0.05, 1.0, 30.0])
def test_hard_tanh_is_the_average_of_its_conditional_average(q: float, c: float) -> None:
    assert float(covariance("hard_tanh", c, q)) == pytest.approx(
        conditional(q, c, slope=False), rel=1e-9, abs=1e-12
    )
    assert float(slope_covariance("hard_tanh", c, q)) == pytest.approx(
        conditional(q, c, slope=True), rel=1e-9, abs=1e-12
    )


# --- any activation -----------------------------------------------------------------------


@pytest.mark.parametrize("q", VARIANCES)
@pytest.mark.parametrize("name", NAMES)
def test_ends_and_middle_are_moments_of_one_unit(name: str, q: float) -> None:
    """At c = 1 the units are equal, at -1 opposite, at 0 independent."""
    act = get(name)
    size, slope_size = at_one(act, q)
    values, slopes = covariance(act, [-1, 0, 1], q), slope_covariance(act, [-1, 0, 1], q)
    if name == "hard_tanh":  # odd, with an even slope
        opposite = -size, slope_size
    else:
        opposite = (
            float(gaussian_mean(lambda x: act(x) * act(-x), q)),
            float(gaussian_mean(lambda x: act.derivative(x) * act.derivative(-x), q)),
        )
    expected = [opposite[0], float(act.mean(q)) ** 2, size]
    np.testing.assert_allclose(values, expected, rtol=0, atol=2e-12 * size)
    expected = [opposite[1], float(act.slope_mean(q)) ** 2, slope_size]
    np.testing.assert_allclose(slopes, expected, rtol=0, atol=2e-12 * slope_size)


def hermite(z: np.ndarray, order: int) -> np.ndarray:
    """Return the Hermite polynomial that is orthonormal under the standard Gaussian."""
    before, now = np.zeros_like(z), np.ones_like(z)
    for k in range(order):
        before, now = now, (z * now - math.sqrt(k) * before) / math.sqrt(k + 1)
    return now


@pytest.mark.parametrize("q", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("name", [n for n in NAMES if n != "hard_tanh"])
def test_a_covariance_is_a_power_series_in_c(name: str, q: float) -> None:
    """Its coefficients are squared Hermite coefficients (Mehler); 0.25**22 is below 1e-13."""
    act, c, terms = get(name), 0.25, 22

    def series(function: Function) -> float:
        def integrand(x: np.ndarray, k: int) -> np.ndarray:
            return function(x) * hermite(x / math.sqrt(q), k)

        coefficients = [gaussian_mean(partial(integrand, k=k), q) for k in range(terms)]
        return sum(c**k * float(a) ** 2 for k, a in enumerate(coefficients))

    size, slope_size = at_one(act, q)
    assert float(covariance(act, c, q)) == pytest.approx(
        series(act.function), rel=0, abs=1e-11 * size
    )
    assert float(slope_covariance(act, c, q)) == pytest.approx(
        series(act.derivative), rel=0, abs=1e-11 * slope_size
    )


def between(low: float, high: float, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes, dense at both ends, and weights of a double-exponential rule."""
    t = np.linspace(-3.0, 3.0, nodes)
    share = 1 / (1 + np.exp(-np.pi * np.sinh(t)))
    weight = np.pi * np.cosh(t) * share * (1 - share) * (t[1] - t[0])
    return low + (high - low) * share, (high - low) * weight


@pytest.mark.parametrize("q", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("name", NAMES)
def test_the_slope_s_covariance_is_the_derivative_by_c(name: str, q: float) -> None:
    """Integrated from -1 to 0.5 and from there to 1, it gives the change of the covariance."""
    for low, high in ((-1.0, 0.5), (0.5, 1.0)):
        c, dc = between(low, high, 161 if name == "hard_tanh" else 41)  # exp(-1 / q (1 - c))
        change = covariance(name, high, q) - covariance(name, low, q)
        size = at_one(get(name), q)[0]
        assert float(q * slope_covariance(name, c, q) @ dc) == pytest.approx(
            float(change), rel=0, abs=1e-8 * size
        )


@pytest.mark.parametrize("q", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("name", NAMES)
def test_covariances_are_averages_of_a_sample(
    name: str, q: float, rng: np.random.Generator
) -> None:
    """Within five standard errors of 100,000 pairs."""
    act = get(name)
    for c in (-0.7, 0.6):
        z = rng.standard_normal((2, 100_000))
        u, v = math.sqrt(q) * z[0], math.sqrt(q) * (c * z[0] + math.sqrt(1 - c * c) * z[1])
        for ours, product in (
            (covariance(act, c, q), act(u) * act(v)),
            (slope_covariance(act, c, q), act.derivative(u) * act.derivative(v)),
        ):
            error = product.std() / math.sqrt(product.size)
            assert float(ours) == pytest.approx(product.mean(), abs=5 * error + 1e-12)


# --- near c = 1 ---------------------------------------------------------------------------


@pytest.mark.parametrize("q", VARIANCES)
@pytest.mark.parametrize("name", NAMES)
def test_half_the_squared_difference_is_what_the_covariance_lost(name: str, q: float) -> None:
    distance = np.array([0.0, 1e-3, 0.5, 1.0, 2.0])
    lost = covariance(name, 1.0, q) - covariance(name, 1 - distance, q)
    size = at_one(get(name), q)[0]
    ours = half_squared_difference(name, distance, q)
    np.testing.assert_allclose(ours, lost, rtol=0, atol=4e-12 * size)


@pytest.mark.parametrize("q", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("name", NAMES)
def test_the_difference_does_not_cancel_at_tiny_distances(name: str, q: float) -> None:
    """To first order it is q E phi'^2 times the distance; next comes its root, or its square."""
    distance = np.array([1e-13, 1e-10])
    ours = half_squared_difference(name, distance, q) / distance
    expected = q * at_one(get(name), q)[1]
    order = 0.5 if name in JUMPS else 1
    error = 10 * max(1, q) * distance**order + 1e-8
    assert np.all(abs(ours / expected - 1) < error)


@pytest.mark.parametrize("q", [0.1, 2.0])
@pytest.mark.parametrize("name", sorted(set(NAMES) - JUMPS))
def test_slopes_decorrelate_as_the_second_slope_says(name: str, q: float) -> None:
    """At distance d from c = 1 their covariance has lost q E phi''^2 d, up to terms in d^1.5."""
    d = 1e-5
    lost = float(slope_covariance(name, 1.0, q) - slope_covariance(name, 1 - d, q))
    expected = q * float(second_slope_square_mean(name, q)) * d
    assert lost == pytest.approx(expected, rel=0.03, abs=1e-13)


@pytest.mark.parametrize("name", sorted(JUMPS))
def test_the_second_slope_of_a_kink_is_infinite(name: str) -> None:
    assert np.isinf(second_slope_square_mean(name, [0.1, 1.0])).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_second_moment_grows_as_its_derivative_says(name: str) -> None:
    """Against a central difference of fourth order: h^4 / 30 and rounding / h stay below 1e-10."""
    q, h = np.array([1e-3, 0.4, 1.0, 50.0]), 2e-3
    f = [get(name).square_mean(q * (1 + k * h)) for k in (-2, -1, 1, 2)]
    difference = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h * q)
    np.testing.assert_allclose(square_mean_slope(name, q), difference, rtol=2e-9)


# --- arguments ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["erf", "hard_tanh", "tanh"])
def test_shapes_are_kept(name: str) -> None:
    c = np.array([[0.0, 0.5, 1.0], [-0.2, 0.1, 0.9]])
    for kernel in (covariance, slope_covariance, half_squared_difference):
        c = abs(c)
        together = kernel(name, c, 0.7)
        assert together.shape == c.shape
        alone = [[float(kernel(name, one, 0.7)) for one in row] for row in c]
        np.testing.assert_array_equal(together, alone)


def test_centring_what_is_0_at_0_changes_nothing() -> None:
    for name in ("erf", "hard_tanh", "relu"):
        assert covariance(get(name).centred(), 0.3, 0.7) == covariance(name, 0.3, 0.7)


@pytest.mark.parametrize("kernel", [covariance, slope_covariance])
@pytest.mark.parametrize("c", [-1.1, 1.0 + 1e-9, math.nan, [0.0, 2.0]])
def test_an_impossible_correlation_is_refused(kernel: object, c: float) -> None:
    with pytest.raises(ValueError, match="c must be a correlation between -1 and 1"):
        kernel("tanh", c, 1.0)


@pytest.mark.parametrize("distance", [-0.1, 2.1, math.nan])
def test_an_impossible_distance_is_refused(distance: float) -> None:
    with pytest.raises(ValueError, match="distance must be between 0 and 2"):
        half_squared_difference("tanh", distance, 1.0)


@pytest.mark.parametrize("q", [0.0, -1.0, math.inf, math.nan])
def test_an_impossible_variance_is_refused(q: float) -> None:
    for kernel in (covariance, slope_covariance, half_squared_difference):
        with pytest.raises(ValueError, match="q must be a finite variance > 0"):
            kernel("tanh", 0.5, q)
    for average in (square_mean_slope, second_slope_square_mean):
        with pytest.raises(ValueError, match="q must be a finite variance > 0"):
            average("tanh", q)
