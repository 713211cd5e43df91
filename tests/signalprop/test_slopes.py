"""The law of squared slopes against plain averages, its own density, and what is known of it."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from scipy.special import erf

from signalprop.activations import NAMES, Activation, gaussian_mean, get
from signalprop.slopes import SlopeLaw, slope_law

VARIANCES = (1e-6, 0.01, 0.3, 1.0, 5.0, 50.0)
TWO_VALUES = {"linear", "hard_tanh", "relu", "leaky_relu"}
SMOOTH = [name for name in NAMES if name not in TWO_VALUES]


def fourth_power(name: str, q: float) -> float:
    """Return the mean fourth power of the slope, by plain averaging where the slope is smooth."""
    if name == "hard_tanh":  # its kinks are off the origin
        return float(erf(1 / math.sqrt(2 * q)))
    return float(gaussian_mean(lambda x: get(name).derivative(x) ** 4, q))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("q", VARIANCES)
@pytest.mark.parametrize("step", [0.1, 0.02])
def test_moments_are_those_of_the_activation(name: str, q: float, step: float) -> None:
    """Along the contour as on the real line; both rules claim twelve digits."""
    law = slope_law(name, q, step)
    assert law.mean == pytest.approx(float(get(name).slope_square_mean(q)), rel=2e-12)
    square = fourth_power(name, q) / law.mean**2
    assert law.variance + 1 == pytest.approx(square, rel=5e-12)


@pytest.mark.parametrize(
    ("name", "slope_curvature"), [("tanh", -1.0), ("erf", -1.0), ("rescaled_sigmoid", -0.25)]
)
def test_small_variances_keep_their_digits(name: str, slope_curvature: float) -> None:
    """X = 1 + 2 c x^2 + ..., with x Gaussian, has relative variance 8 c^2 q^2 (1 + O(q))."""
    for q in (1e-8, 1e-6, 1e-4):
        leading = 8 * slope_curvature**2 * q**2
        assert slope_law(name, q).variance == pytest.approx(leading, rel=20 * q + 1e-7)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("q", VARIANCES)
def test_the_rule_is_normalized(name: str, q: float) -> None:
    law = slope_law(name, q)
    assert law.weights.sum() == pytest.approx(1, abs=1e-14)
    assert law.weights @ law.values == pytest.approx(1, abs=1e-13)
    assert abs(law.weights @ law.deviations) < 1e-15
    np.testing.assert_allclose(law.values - 1, law.deviations, atol=1e-13)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("q", VARIANCES)
def test_no_node_is_above_the_real_axis(name: str, q: float) -> None:
    """Up to rounding: else moving the contour would cross points of the upper half plane."""
    law = slope_law(name, q)
    assert law.values.imag.max() <= 1e-14 * abs(law.values).max()


HIGHEST_SLOPE = {"silu": 1.0998393201288669, "gelu": 1.1289042768629733}
"""Of smooth rectifiers: where 2 + x + (2 - x) exp(x) is 0, and at the square root of 2."""


@pytest.mark.parametrize("name", NAMES)
def test_the_ends_are_those_of_the_squared_slope(name: str, rng: np.random.Generator) -> None:
    q = 4.0
    law = slope_law(name, q)
    slopes = get(name).derivative(rng.normal(0, 2, 10_000)) ** 2
    assert law.lowest * law.mean <= slopes.min() * (1 + 1e-12)
    assert law.highest * law.mean >= slopes.max() * (1 - 1e-12)
    lowest = {"linear": 1.0, "leaky_relu": 1 / 16}.get(name, 0.0)
    scale = {"sigmoid": 1 / 4, "erf": 2 / math.sqrt(math.pi)}.get(name, 1.0)
    highest = HIGHEST_SLOPE.get(name, scale) ** 2
    assert (law.lowest * law.mean, law.highest * law.mean) == pytest.approx((lowest, highest))


def stieltjes(name: str, q: float, y: complex, mean: float) -> complex:
    """Return E[1/(y - X)] along the real line, in 20 digits."""
    slope = {
        "tanh": lambda x: mp.sech(x) ** 2,
        "softsign": lambda x: 1 / (1 + abs(x)) ** 2,
        "softplus": lambda x: 1 / (1 + mp.exp(-x)),
        "silu": lambda x: (1 + mp.exp(-x) * (1 + x)) / (1 + mp.exp(-x)) ** 2,
        "gelu": lambda x: mp.erfc(-x / mp.sqrt(2)) / 2 + x * mp.npdf(x),
        "leaky_tanh": lambda x: mp.sech(x) ** 2 / (1 if x > 0 else 4),
    }[name]
    ends = [-mp.inf, -4, -2, -1, 0, 1, 2, 4, mp.inf]

    def integrand(z: mp.mpf) -> mp.mpc:
        return mp.npdf(z) / (y - slope(mp.sqrt(q) * z) ** 2 / mean)

    with mp.workdps(20):
        return complex(mp.quad(integrand, ends))


@pytest.mark.parametrize("name", ["tanh", "softsign", "softplus", "silu", "gelu", "leaky_tanh"])
@pytest.mark.parametrize("y", [0.4 + 0.3j, -0.5, 3 + 0.5j])
def test_averages_at_complex_points(name: str, y: complex) -> None:
    law = slope_law(name, 0.7)
    ours = (law.weights / (y - law.values)).sum()
    assert abs(ours - stieltjes(name, 0.7, y, law.mean)) < 1e-10


def density(law: SlopeLaw, x: np.ndarray) -> np.ndarray:
    """Return the density of X / E X by inverting its Stieltjes transform on the axis itself."""
    return np.array([-(law.weights / (u - law.values)).sum().imag / np.pi for u in x])


@pytest.mark.parametrize("q", [0.05, 1.0, 8.0])
def test_on_the_axis_the_average_is_the_density(q: float) -> None:
    """No node is near a point of the axis, so its own density is seen there.

    By change of variables: tanh's X is sech(x)^4, erf's 4/pi exp(-2 x^2), softsign's
    (1 + |x|)^-4, softplus's expit(x)^2.
    """
    share = np.linspace(0.06, 0.94, 12)  # softplus's arcs touch the axis at 1/4
    normal = 1 / math.sqrt(2 * math.pi * q)

    def expected(x: np.ndarray, slope: np.ndarray, sides: int) -> np.ndarray:
        return sides * normal * np.exp(-(x**2) / (2 * q)) / abs(slope)

    cases = {}
    x = np.arccosh(share**-0.25)
    cases["tanh"] = share, expected(x, 4 * share * np.tanh(x), 2)
    x = np.sqrt(-np.log(share) / 2)
    cases["erf"] = 4 / np.pi * share, expected(x, 4 * x * 4 / np.pi * share, 2)
    x = share**-0.25 - 1
    cases["softsign"] = share, expected(x, 4 * (1 + x) ** -5.0, 2)
    x = -np.log(share**-0.5 - 1)
    cases["softplus"] = share, expected(x, 2 * share * (1 - np.sqrt(share)), 1)
    for name, (squares, values) in cases.items():
        law = slope_law(name, q, step=0.02)
        ours = density(law, squares / law.mean) / law.mean
        np.testing.assert_allclose(ours, values, rtol=1e-9, atol=1e-12, err_msg=name)


def test_piecewise_linear_activations_have_atoms() -> None:
    assert slope_law("linear", 1.0).atoms == ((1.0, 1.0),)
    assert slope_law("relu", 3.0).atoms == ((0.0, 0.5), (2.0, 0.5))
    assert slope_law("leaky_relu", 3.0).atoms == ((2 / 17, 0.5), (32 / 17, 0.5))
    p = float(erf(math.sqrt(2)))
    [(zero, off), (value, on)] = slope_law("hard_tanh", 0.25).atoms
    assert (zero, off, value, on) == pytest.approx((0, 1 - p, 1 / p, p), rel=1e-14)
    assert not any(slope_law(name, 1.0).atoms for name in SMOOTH)


def test_a_constant_shift_changes_no_slope() -> None:
    plain, centred = slope_law("sigmoid", 0.3), slope_law(get("sigmoid").centred(), 0.3)
    np.testing.assert_array_equal(plain.values, centred.values)


@pytest.mark.parametrize("q", [0.0, -1.0, math.inf, math.nan])
def test_a_variance_out_of_range_is_refused(q: float) -> None:
    with pytest.raises(ValueError, match="q must be a finite variance > 0"):
        slope_law("tanh", q)


def test_an_activation_of_unknown_shape_is_refused() -> None:
    sine = Activation("sine", np.sin, np.cos)
    with pytest.raises(ValueError, match=r"the shape of the slope must be known.*'sine'"):
        slope_law(sine, 1.0)
    with pytest.raises(ValueError, match="activation must be one of"):
        slope_law("step", 1.0)
