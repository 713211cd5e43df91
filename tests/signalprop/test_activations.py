"""Every activation against its definition, autograd, mpmath quadrature and plain sampling."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from signalprop.activations import NAMES, Activation, gaussian_mean, get, leaky_relu, leaky_tanh

MOMENTS = ("mean", "square_mean", "slope_mean", "slope_square_mean")
KINKED = {"hard_tanh": (-1.0, 1.0), "relu": (0.0,), "leaky_relu": (0.0,), "leaky_tanh": (0.0,)}
BENT = {"softsign": (0.0,)}  # the slope itself has a kink
TINY, HUGE = 1e-8, 1e8


def _logistic(x: mp.mpf) -> mp.mpf:
    return 1 / (1 + mp.exp(-x))


def _logistic_slope(x: mp.mpf) -> mp.mpf:
    return 1 / (2 * mp.cosh(x / 2)) ** 2


def _normal_cdf(x: mp.mpf) -> mp.mpf:
    return mp.erfc(-x / mp.sqrt(2)) / 2  # mpmath's ncdf refuses complex numbers


# The definitions again, (activation, slope), straight from the textbooks in 30 digits.
DEFINITIONS: dict[str, tuple[Callable[[mp.mpf], mp.mpf], Callable[[mp.mpf], mp.mpf]]] = {
    "linear": (lambda x: x, lambda x: mp.mpf(1)),
    "sigmoid": (_logistic, _logistic_slope),
    "rescaled_sigmoid": (lambda x: 4 * _logistic(x) - 2, lambda x: 4 * _logistic_slope(x)),
    "tanh": (mp.tanh, lambda x: mp.sech(x) ** 2),
    "leaky_tanh": (
        lambda x: mp.tanh(x) / (1 if x > 0 else 4),
        lambda x: mp.sech(x) ** 2 / (1 if x > 0 else 4),
    ),
    "hard_tanh": (lambda x: max(-1, min(1, x)), lambda x: mp.mpf(abs(x) < 1)),
    "relu": (lambda x: max(0, x), lambda x: mp.mpf(x > 0)),
    "leaky_relu": (lambda x: max(x, x / 4), lambda x: mp.mpf(1 if x > 0 else 0.25)),
    "softplus": (lambda x: mp.log(1 + mp.exp(x)), _logistic),
    "softsign": (lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
    "erf": (mp.erf, lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-(x**2))),
    "silu": (
        lambda x: x * _logistic(x),
        lambda x: _logistic(x) + x * _logistic_slope(x),
    ),
    "gelu": (lambda x: x * _normal_cdf(x), lambda x: _normal_cdf(x) + x * mp.npdf(x)),
}

TORCH = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "hard_tanh": F.hardtanh,
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.25),
    "softplus": F.softplus,
    "softsign": F.softsign,
    "erf": torch.erf,
    "silu": F.silu,
    "gelu": F.gelu,
}


def grid(name: str) -> np.ndarray:
    """Return inputs of all sizes and both signs, none at a kink."""
    x = np.concatenate([np.geomspace(1e-6, 30, 41), [0.5, 1.5]])
    x = np.concatenate([-x, x])
    return x[~np.isin(x, KINKED.get(name, ()))]


def test_there_are_thirteen_names_and_each_finds_itself() -> None:
    assert len(NAMES) == len(set(NAMES)) == 13
    assert set(NAMES) == set(DEFINITIONS)
    assert [get(name).name for name in NAMES] == list(NAMES)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"activation must be one of linear, .*, got 'swish'"):
        get("swish")


def test_an_activation_is_its_own_name() -> None:
    mine = leaky_relu(0.1)
    assert get(mine) is mine


@pytest.mark.parametrize("make", [leaky_relu, leaky_tanh])
@pytest.mark.parametrize("slope", [-0.01, 1.01, math.nan])
def test_a_leaky_slope_out_of_range_is_refused(
    make: Callable[[float], Activation], slope: float
) -> None:
    with pytest.raises(ValueError, match="slope must be between 0 and 1"):
        make(slope)


@pytest.mark.parametrize("name", NAMES)
def test_values_and_slopes_match_the_definition(name: str) -> None:
    """Relative accuracy everywhere: no cancellation at 0 nor in a tail."""
    activation, (function, slope) = get(name), DEFINITIONS[name]
    x = grid(name)
    with mp.workdps(40):
        values = [float(function(mp.mpf(v))) for v in x]
        slopes = [float(slope(mp.mpf(v))) for v in x]
    # exp(-x**2) and its like multiply the rounding error of their argument by x**2 <= 900.
    np.testing.assert_allclose(activation(x), values, rtol=1e-12, atol=1e-200)
    np.testing.assert_allclose(activation.derivative(x), slopes, rtol=1e-12, atol=1e-200)


@pytest.mark.parametrize("name", NAMES)
def test_the_derivative_is_what_autograd_finds(name: str) -> None:
    x = torch.tensor(grid(name), requires_grad=True)
    (gradient,) = torch.autograd.grad(get(name)(x).sum(), x)
    np.testing.assert_allclose(
        get(name).derivative(x.detach()).numpy(), gradient.numpy(), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_derivative_is_the_limit_of_difference_quotients(name: str) -> None:
    """Central differences err by h^2 |f'''| / 6 and by the rounding of f over h."""
    x, h = grid(name), 1e-5
    for bend in (*KINKED.get(name, ()), *BENT.get(name, ())):
        x = x[abs(x - bend) > h]
    activation = get(name)
    quotient = (activation(x + h) - activation(x - h)) / (2 * h)
    error = 2 * h**2 + 4 * np.finfo(float).eps * (1 + abs(x)) / h
    assert np.all(abs(activation.derivative(x) - quotient) < error)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(KINKED) - {"softsign", "softplus"}))
def test_the_derivative_is_the_imaginary_part_of_a_complex_step(name: str) -> None:
    """For analytic functions Im f(x + ih) / h has no cancellation: accurate to the last digits."""
    h = mp.mpf("1e-30")
    x = np.array([-5.0, -1.3, -0.01, 0.0, 0.4, 2.0, 7.0])
    with mp.workdps(100):
        slopes = [float(mp.im(DEFINITIONS[name][0](mp.mpc(v, h))) / h) for v in x]
    np.testing.assert_allclose(get(name).derivative(x), slopes, rtol=1e-13)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", ["function", "derivative"])
def test_arrays_and_tensors_give_the_same(name: str, part: str) -> None:
    function = getattr(get(name), part)
    x = grid(name)
    tensor = function(torch.from_numpy(x))
    assert tensor.dtype == torch.float64
    np.testing.assert_allclose(tensor.numpy(), function(x), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("make", [leaky_relu, leaky_tanh])
def test_a_slope_that_float32_cannot_hold_is_exact_in_float64(
    make: Callable[[float], Activation],
) -> None:
    activation, x = make(0.1), torch.tensor([-2.0], dtype=torch.float64)
    assert float(activation(x)) == pytest.approx(float(activation(x.numpy())[0]), rel=1e-15)
    assert float(activation.derivative(x)) == pytest.approx(
        float(activation.derivative(x.numpy())[0]), rel=1e-15
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_type_of_a_tensor_is_kept(name: str, dtype: torch.dtype) -> None:
    x = torch.linspace(-3, 3, 12, dtype=dtype)
    assert get(name)(x).dtype == dtype
    assert get(name).derivative(x).dtype == dtype


@pytest.mark.parametrize("name", TORCH)
def test_the_functions_are_those_of_torch(name: str) -> None:
    x = torch.from_numpy(grid(name)).float()
    torch.testing.assert_close(get(name)(x), TORCH[name](x), rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("library", [np.asarray, torch.from_numpy])
def test_huge_arguments_reach_the_limits_without_a_warning(
    name: str, library: Callable[[np.ndarray], Any]
) -> None:
    """At +-1e300 every activation is a constant or a straight line, to the last digit."""
    activation = get(name)
    size = 1e300
    right = {"linear": 1, "relu": 1, "leaky_relu": 1, "softplus": 1, "silu": 1, "gelu": 1}
    left = {"linear": 1, "leaky_relu": 0.25}
    low, high = activation.limits
    expected_values = [
        -size * left[name] if name in left else low,
        size * right[name] if name in right else high,
    ]
    if name in ("silu", "gelu"):  # their infimum is at a dip, not at the end
        expected_values[0] = 0.0
    x = library(np.array([-size, size]))
    np.testing.assert_allclose(np.asarray(activation(x)), expected_values, rtol=1e-15)
    np.testing.assert_array_equal(
        np.asarray(activation.derivative(x)), [left.get(name, 0), right.get(name, 0)]
    )


@pytest.mark.parametrize("name", NAMES)
def test_limits_are_the_least_and_greatest_values(name: str) -> None:
    activation = get(name)
    x = np.concatenate([np.linspace(-6, 6, 120_001), [-1e12, 1e12]])
    values = activation(x)
    low, high = activation.limits
    assert values.min() >= low - 1e-15
    assert values.max() <= high
    if math.isfinite(low):
        # Near a smooth minimum the grid misses it by f'' dx^2 / 8; softsign by 1e-12.
        assert values.min() == pytest.approx(low, abs=3e-9)
    else:
        assert values.min() < -1e11
    if math.isfinite(high):
        assert values.max() == pytest.approx(high, abs=1e-11)
    else:
        assert values.max() > 1e11


@pytest.mark.parametrize("name", [n for n in NAMES if get(n).value_slope])
@pytest.mark.parametrize("centred", [False, True])
def test_the_slope_from_the_value_is_the_derivative(name: str, centred: bool) -> None:
    activation = get(name).centred() if centred else get(name)
    x = grid(name)
    assert activation.value_slope is not None
    np.testing.assert_allclose(
        activation.value_slope(activation(x)), activation.derivative(x), rtol=0, atol=1e-15
    )


def test_the_common_activations_can_take_their_slope_from_the_value() -> None:
    """The in-place update counts on it for the paper's three."""
    assert {n for n in NAMES if get(n).value_slope} >= {"sigmoid", "tanh", "softsign"}


# --- Gaussian moments ---------------------------------------------------------------------


def quadrature(function: Callable[[mp.mpf], mp.mpf], q: float) -> float:
    """Average over N(0, q) by Gauss-Legendre, broken where the function or the bell turns."""
    deviation = mp.sqrt(mp.mpf(q))
    scales = {mp.mpf(k) for k in (1, 4, 12)} | {mp.mpf(k) / deviation for k in (1, 4, 15, 60)}
    breaks = sorted({mp.mpf(0)} | {s * k for k in scales for s in (-1, 1) if k <= 12})
    return float(
        mp.quad(lambda z: function(deviation * z) * mp.npdf(z), breaks, method="gauss-legendre")
    )


@pytest.mark.parametrize("q", [TINY, 0.7, 40.0, HUGE])
@pytest.mark.parametrize("name", NAMES)
def test_the_four_moments_match_quadrature_in_thirty_digits(name: str, q: float) -> None:
    function, slope = DEFINITIONS[name]
    integrands = function, lambda x: function(x) ** 2, slope, lambda x: slope(x) ** 2
    with mp.workdps(30):
        expected = [quadrature(f, q) for f in integrands]
    ours = [float(getattr(get(name), moment)(q)) for moment in MOMENTS]
    # abs: an odd function's mean is 0, and mpmath says 1e-30 or so.
    assert ours == pytest.approx(expected, rel=1e-10, abs=1e-18)


@pytest.mark.parametrize(
    ("name", "moment"), [(n, m) for n in NAMES if n != "hard_tanh" for m in get(n).moments]
)
def test_closed_forms_are_what_our_quadrature_gives(name: str, moment: str) -> None:
    activation = get(name)
    integrand = {
        "mean": activation,
        "square_mean": lambda x: activation(x) ** 2,
        "slope_mean": activation.derivative,
        "slope_square_mean": lambda x: activation.derivative(x) ** 2,
    }[moment]
    q = np.geomspace(TINY, HUGE, 33)
    ours, theirs = getattr(activation, moment)(q), gaussian_mean(integrand, q)
    # An odd function's mean is 0 after cancelling values of the size of their deviation.
    size = np.maximum(abs(theirs), np.sqrt(activation.square_mean(q)) * 1e-3)
    assert np.all(abs(ours - theirs) < 2e-12 * (size if moment == "mean" else theirs))


def test_quadrature_knows_the_moments_of_a_gaussian() -> None:
    q = np.geomspace(TINY, HUGE, 17)
    for order, factor in ((0, 1), (1, 0), (2, 1), (4, 3), (6, 15)):
        ours = gaussian_mean(lambda x, k=order: x**k, q)
        np.testing.assert_allclose(ours, factor * q ** (order / 2), rtol=1e-12)


def test_quadrature_does_not_depend_on_the_company() -> None:
    """Each variance is averaged the same whether alone or beside one a billion times larger."""
    q = np.array([[TINY, 1.0], [30.0, HUGE]])
    together = gaussian_mean(np.tanh, q), get("softplus").square_mean(q)
    assert together[0].shape == together[1].shape == q.shape
    alone = [float(get("softplus").square_mean(v)) for v in q.flat]
    np.testing.assert_allclose(together[1].ravel(), alone, rtol=1e-13)


@pytest.mark.parametrize("name", ["relu", "tanh"])  # a closed form, a quadrature
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("q", [-1e-9, math.inf, math.nan, [1.0, -1.0]])
def test_an_impossible_variance_is_refused_by_name(name: str, moment: str, q: float) -> None:
    with pytest.raises(ValueError, match="q must be a finite variance >= 0"):
        getattr(get(name), moment)(q)


@pytest.mark.parametrize("name", NAMES)
def test_variance_zero_leaves_the_value_at_zero(name: str) -> None:
    """At a kink the limit q -> 0 averages the two slopes."""
    activation = get(name)
    value = float(activation(0.0))
    right, left = float(activation.derivative(1e-12)), float(activation.derivative(-1e-12))
    ours = [float(getattr(activation, m)(0.0)) for m in MOMENTS]
    expected = [value, value**2, (right + left) / 2, (right**2 + left**2) / 2]
    assert ours == pytest.approx(expected, rel=1e-11, abs=1e-100)


@pytest.mark.parametrize("name", ["sigmoid", "leaky_tanh", "hard_tanh", "softsign", "gelu"])
def test_moments_are_the_averages_of_a_sample(name: str, rng: np.random.Generator) -> None:
    activation, q = get(name), 2.3
    x = math.sqrt(q) * rng.standard_normal(200_000)
    value, slope = activation(x), activation.derivative(x)
    samples = value, value**2, slope, slope**2
    for moment, sample in zip(MOMENTS, samples, strict=True):
        error = sample.std() / math.sqrt(sample.size)
        assert float(getattr(activation, moment)(q)) == pytest.approx(sample.mean(), abs=4 * error)


@pytest.mark.parametrize("name", NAMES)
def test_stein_links_the_slope_to_the_function(name: str) -> None:
    """E[x phi(x)] = q E[phi'(x)], a relation between two different integrals."""
    activation, q = get(name), np.array([0.1, 1.0, 25.0])
    if name == "hard_tanh":  # E[x phi] by parts: the quadrature may not cross its kinks
        x = np.random.default_rng(3).standard_normal((400_000, 1)) * np.sqrt(q)
        sample = x * activation(x)
        error = sample.std(0) / math.sqrt(len(x))
        assert np.all(abs(sample.mean(0) - q * activation.slope_mean(q)) < 4 * error)
    else:
        ours = gaussian_mean(lambda x: x * activation(x), q)
        np.testing.assert_allclose(ours, q * activation.slope_mean(q), rtol=1e-11)


# --- centred ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_centring_shifts_the_values_and_keeps_the_slopes(name: str) -> None:
    activation, centred = get(name), get(name).centred()
    x = grid(name)
    offset = float(activation(0.0))
    assert float(centred(0.0)) == 0
    np.testing.assert_array_equal(centred(x), activation(x) - offset)
    np.testing.assert_array_equal(centred.derivative(x), activation.derivative(x))
    assert centred.limits == tuple(limit - offset for limit in activation.limits)
    assert centred.name == f"centred {name}"


@pytest.mark.parametrize("name", NAMES)
def test_moments_of_a_centred_activation_follow_from_the_others(name: str) -> None:
    activation, centred = get(name), get(name).centred()
    offset = float(activation(0.0))
    q = np.array([0.3, 1.0, 50.0])
    mean, square = activation.mean(q), activation.square_mean(q)
    size = np.sqrt(square)
    np.testing.assert_allclose(centred.mean(q) / size, (mean - offset) / size, atol=1e-13)
    np.testing.assert_allclose(
        centred.square_mean(q), square - 2 * offset * mean + offset**2, rtol=1e-11
    )
    np.testing.assert_allclose(centred.slope_mean(q), activation.slope_mean(q), rtol=1e-14)
    np.testing.assert_allclose(
        centred.slope_square_mean(q), activation.slope_square_mean(q), rtol=1e-14
    )
