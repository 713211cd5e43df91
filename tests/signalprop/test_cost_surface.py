"""The cost surface of the smallest network: quadrature against other routes, and its plateaus."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad

from signalprop.cost_surface import (
    Cost,
    Data,
    midpoints,
    plateau_area,
    population,
    sample,
    surface,
)

COSTS: tuple[Cost, ...] = ("cross_entropy", "quadratic")
POINTS = [(0.0, 0.0), (0.3, 4.0), (1.0, 4.0), (-2.5, 0.7), (4.0, -4.0), (4.0, 4.0)]


def costs_of(cost: Cost, p: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the costs of answers as the definitions have them."""
    if cost == "quadratic":
        return (p - t) ** 2
    return -np.log(np.where(t == 1, p, 1 - p))


def test_the_weights_of_the_population_are_a_gaussian_s() -> None:
    data = population()
    assert data.weights.sum() == pytest.approx(1, rel=1e-13)
    for power, moment in ((2, 1), (4, 3), (6, 15)):
        assert data.weights @ data.inputs**power == pytest.approx(moment, rel=1e-12)


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("point", POINTS)
def test_the_population_s_cost_is_its_integral(cost: Cost, point: tuple[float, float]) -> None:
    """Against adaptive quadrature of the closed forms log 2 cosh(z/2) and 1/2 - sigma'(z)."""

    def integrand(x: float) -> float:
        half = point[1] * math.tanh(point[0] * x)
        closed = math.log(2 * math.cosh(half)), 0.5 - 0.25 / math.cosh(half) ** 2
        return closed[COSTS.index(cost)] * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)

    expected, _ = quad(integrand, -9, 9, points=[0], limit=400, epsabs=1e-12, epsrel=1e-12)
    assert float(surface(cost, *point).value) == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("cost", COSTS)
def test_many_examples_cost_what_the_population_does(cost: Cost, rng: np.random.Generator) -> None:
    """A Monte Carlo estimate by the definitions, within four standard errors."""
    x, t = rng.standard_normal(200_000), rng.integers(2, size=200_000)
    for w_1, w_2 in POINTS:
        p = 1 / (1 + np.exp(-2 * w_2 * np.tanh(w_1 * x)))
        each = costs_of(cost, p, t)
        error = each.std() / math.sqrt(len(x))
        assert float(surface(cost, w_1, w_2).value) == pytest.approx(
            each.mean(), abs=4 * error + 1e-12
        )


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("data", [population(), sample(7, seed=0)], ids=["all", "seven"])
def test_the_gradient_is_that_of_difference_quotients(cost: Cost, data: Data) -> None:
    """Central differences: their error is h^2 / 6 times a third derivative, here below 300."""
    h = 1e-4
    w_1, w_2 = np.array(POINTS).T
    at = surface(cost, w_1, w_2, data)
    by_1 = surface(cost, w_1 + h, w_2, data).value - surface(cost, w_1 - h, w_2, data).value
    by_2 = surface(cost, w_1, w_2 + h, data).value - surface(cost, w_1, w_2 - h, data).value
    np.testing.assert_allclose(at.slope_1, by_1 / (2 * h), atol=50 * h**2)
    np.testing.assert_allclose(at.slope_2, by_2 / (2 * h), atol=50 * h**2)
    np.testing.assert_array_equal(at.steepness, np.hypot(at.slope_1, at.slope_2))


@pytest.mark.parametrize("cost", COSTS)
def test_a_sample_costs_the_average_of_its_examples(cost: Cost) -> None:
    data = sample(5, seed=3)
    assert set(data.chances) <= {0.0, 1.0}
    p = 1 / (1 + np.exp(-2 * 1.3 * np.tanh(-0.7 * data.inputs)))
    expected = costs_of(cost, p, data.chances).mean()
    assert float(surface(cost, -0.7, 1.3, data).value) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("cost", COSTS)
def test_the_population_s_surface_is_the_same_in_all_quadrants(cost: Cost) -> None:
    values = [
        surface(cost, a * 0.7, b * 2.0).steepness for a, b in itertools.product((1, -1), repeat=2)
    ]
    np.testing.assert_allclose(values, values[0], rtol=1e-12)


@pytest.mark.parametrize("cost", COSTS)
def test_a_sample_s_surface_keeps_one_symmetry(cost: Cost) -> None:
    """Both signs can change, and not one alone."""
    data = sample(9, seed=1)
    value = surface(cost, [0.7, -0.7, 0.7], [2.0, -2.0, -2.0], data).value
    assert value[0] == pytest.approx(value[1], rel=1e-14)
    assert abs(value[0] - value[2]) > 1e-3


def test_two_corners_of_a_sample_share_out_one() -> None:
    """With the target given, p and 1 - p: the quadratic costs of both corners add to 1 at most."""
    for seed in range(20):
        pair = surface("quadratic", 4.0, [4.0, -4.0], sample(3, seed)).value
        assert pair.sum() <= 1


@pytest.mark.parametrize("cost", COSTS)
def test_the_axes_are_a_valley_of_zero_gradient(cost: Cost) -> None:
    w = midpoints(-4, 4, 9)
    on = surface(cost, [*w, *(0 * w)], [*(0 * w), *w])
    np.testing.assert_allclose(on.steepness, 0, atol=1e-14)
    assert on.value.min() == pytest.approx({"quadratic": 0.25}.get(cost, math.log(2)), rel=1e-13)
    assert surface(cost, 0.5, 0.5).value > on.value.max()


def test_shapes_broadcast_and_large_grids_are_cut_into_pieces() -> None:
    data = sample(3, seed=0)
    w = midpoints(-1, 1, 60)
    grid = surface("quadratic", w[:, None], w, data).value
    assert grid.shape == (60, 60)
    assert grid[7, 50] == pytest.approx(float(surface("quadratic", w[7], w[50], data).value))
    assert surface("quadratic", [], []).value.shape == (0,)


def test_extreme_weights_do_not_overflow() -> None:
    at = surface("cross_entropy", 1e3, 1e6, sample(4, seed=0))
    assert np.isfinite([at.value, at.slope_1, at.slope_2]).all()


def test_plateaus_grow_with_the_threshold_and_with_the_grid_settle() -> None:
    eps = np.linspace(0, 1, 21)
    coarse, fine = (
        plateau_area(surface("quadratic", w[:, None], w, population(step=0.1)).steepness, eps)
        for w in (midpoints(0, 4, 30), midpoints(0, 4, 60))
    )
    assert coarse[0] == 0
    assert (np.diff(fine) >= 0).all()
    assert 0.98 < fine[-1] < 1  # all but the steepest cell
    # A boundary about as long as the square's circumference, of cells 1/30 wide.
    np.testing.assert_allclose(coarse, fine, atol=4 / 30)


def test_plateaus_are_counted_against_the_length_asked_for() -> None:
    lengths = [0.0, 1.0, 2.0, 3.0]
    np.testing.assert_array_equal(plateau_area(lengths, [0.5, 1.0]), [0.5, 0.75])
    np.testing.assert_array_equal(plateau_area(lengths, [0.5, 1.0], steepest=8.0), [1.0, 1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: surface("hinge", 0.0, 0.0), "cost must be one of"),  # type: ignore[arg-type]
        (lambda: surface("quadratic", math.inf, 0.0), "must be finite"),
        (lambda: population(step=0.0), "step must be in"),
        (lambda: population(step=0.2), "step must be in"),
        (lambda: sample(0, seed=0), "n must be positive"),
        (lambda: midpoints(1, 1, 3), "low < high"),
        (lambda: midpoints(0, 1, 0), "cells >= 1"),
        (lambda: plateau_area([1.0], 1.1), r"eps must be in \[0, 1\]"),
        (lambda: plateau_area([1.0], [math.nan]), r"eps must be in \[0, 1\]"),
    ],
)
def test_arguments_out_of_range_are_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
