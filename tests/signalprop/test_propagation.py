"""The algebra of second moments against drawn layers, integrals, torch and the mean field."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import digamma

from signalprop.activations import NAMES, get, leaky_relu
from signalprop.initializers import kaiming_, lecun_, standard_, xavier_
from signalprop.meanfield import chi, length_map
from signalprop.propagation import (
    RULES,
    backward_factor,
    forward_factor,
    gain,
    geometric_mean_singular_value,
    mean_singular_value,
    profile,
    singular_value_density,
    variances,
)

FILLS = {
    "standard": standard_,
    "lecun": lecun_,
    "xavier": xavier_,
    "kaiming": kaiming_,
    "kaiming, backward": partial(kaiming_, fan="out"),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_what_the_initializer_of_its_name_draws(rule: str) -> None:
    n_in, n_out = 300, 200
    generator = torch.Generator().manual_seed(1)
    weight = FILLS[rule](torch.empty(n_out, n_in, dtype=torch.float64), generator=generator)
    formula = variances(rule, [n_in, n_out])[0]
    # A square has a relative deviation of sqrt(2) at most, of a normal weight.
    assert float(weight.square().mean()) == pytest.approx(
        formula, rel=4 * math.sqrt(2 / weight.numel())
    )


def test_there_is_an_initializer_for_each_rule() -> None:
    assert FILLS.keys() == RULES.keys()


# --- one layer ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_factors_are_those_of_the_mean_field(name: str) -> None:
    q, n, v = 0.7, 300, 0.004
    handed_on = length_map(name, q, n * v, 0.0)
    assert q * forward_factor(n, v, name, q) == pytest.approx(float(handed_on), rel=1e-12)
    assert backward_factor(n, v, name, q) == pytest.approx(float(chi(name, q, n * v)), rel=1e-12)


@pytest.mark.parametrize("name", ["linear", "relu", "tanh", "sigmoid"])
def test_factors_are_those_of_a_drawn_layer(name: str, rng: np.random.Generator) -> None:
    q, n_in, n_out, v, act = 0.7, 80, 50, 0.03, get(name)
    up, down = [], []
    for _ in range(400):
        s = math.sqrt(q) * rng.standard_normal(n_in)
        weight = math.sqrt(v) * rng.standard_normal((n_out, n_in))
        g = rng.standard_normal(n_out)
        up.append(np.mean((weight @ act(s)) ** 2) / q)
        down.append(np.mean((act.derivative(s) * (weight.T @ g)) ** 2) / np.mean(g**2))
    for values, formula in (
        (up, forward_factor(n_in, v, name, q)),
        (down, backward_factor(n_out, v, name, q)),
    ):
        error = np.std(values) / math.sqrt(len(values))
        assert np.mean(values) == pytest.approx(float(formula), abs=4 * error)


def test_factors_broadcast() -> None:
    assert forward_factor([10, 20], [0.1, 0.1], "relu").tolist() == [0.5, 1.0]
    assert backward_factor(10, [0.1, 0.2], "relu").tolist() == [0.5, 1.0]


# --- a list of layers ---------------------------------------------------------------------


def test_a_linear_profile_is_a_product() -> None:
    widths, v = (3, 5, 7, 4), np.array([0.2, 0.3, 0.4])
    found = profile("linear", widths, v, signal=2.0, gradient=3.0)
    assert found.q == pytest.approx([2 * 0.6, 2 * 0.6 * 1.5, 2 * 0.6 * 1.5 * 2.8])
    assert found.signal == pytest.approx([2.0, *found.q])
    assert found.gradient == pytest.approx([3 * 1.6 * 2.1, 3 * 1.6, 3.0])
    assert found.weight_gradient == pytest.approx(found.signal[:-1] * found.gradient)


def test_a_profile_is_a_chain_of_factors() -> None:
    widths, v = (30, 50, 70, 40), np.array([0.02, 0.03, 0.04])
    found = profile("tanh", widths, v, signal=0.5)
    for layer in (1, 2):
        up = forward_factor(widths[layer], v[layer], "tanh", found.q[layer - 1])
        down = backward_factor(widths[layer + 1], v[layer], "tanh", found.q[layer - 1])
        assert found.q[layer] == pytest.approx(float(up) * found.q[layer - 1], rel=1e-12)
        growth = found.gradient[layer - 1] / found.gradient[layer]
        assert growth == pytest.approx(float(down), rel=1e-12)


def test_xavier_keeps_both_at_equal_widths_and_kaiming_both_for_relu() -> None:
    for rule, name in (("xavier", "linear"), ("kaiming", "relu"), ("kaiming, backward", "relu")):
        found = profile(name, [40] * 6, variances(rule, [40] * 6))
        np.testing.assert_allclose(found.q, found.q[0], rtol=1e-12)
        np.testing.assert_allclose(found.gradient, 1, rtol=1e-12)


# --- gains --------------------------------------------------------------------------------


@pytest.mark.parametrize("q", [1e-3, 1.0, 20.0])
@pytest.mark.parametrize("name", NAMES)
def test_a_gain_keeps_what_it_says(name: str, q: float) -> None:
    found, n = gain(name, q), 100
    assert forward_factor(n, found.signal**2 / n, name, q) == pytest.approx(1, rel=1e-12)
    assert backward_factor(n, found.gradient**2 / n, name, q) == pytest.approx(1, rel=1e-12)
    assert found.spread >= found.signal * (1 - 1e-12)  # a mean can only add to the square


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.25, 1.0])
def test_the_gain_of_a_rectifier_is_that_of_he_and_of_torch(slope: float) -> None:
    for q in (0.1, 5.0):
        found = gain(leaky_relu(slope), q)
        formula = math.sqrt(2 / (1 + slope**2))
        assert (found.signal, found.gradient) == pytest.approx((formula, formula), rel=1e-12)
    assert torch.nn.init.calculate_gain("leaky_relu", slope) == pytest.approx(formula, rel=1e-12)


@pytest.mark.parametrize("name", ["tanh", "rescaled_sigmoid", "erf", "softsign", "hard_tanh"])
def test_small_signals_need_one_over_the_slope_at_0(name: str) -> None:
    found = gain(name, 1e-8)
    slope = float(get(name).derivative(0.0))
    # The next term is of the order of |x| = 1e-4, of softsign.
    assert found.signal == pytest.approx(1 / slope, rel=1e-3)
    assert found.spread == pytest.approx(1 / slope, rel=1e-3)
    assert found.gradient == pytest.approx(1 / slope, rel=1e-3)


def test_spread_is_the_ratio_of_deviations_of_a_sample(rng: np.random.Generator) -> None:
    x = rng.standard_normal(400_000)
    for name in ("relu", "sigmoid", "tanh"):
        # The deviation of a sample of this size is good to about 0.2 %.
        assert x.std() / get(name)(x).std() == pytest.approx(gain(name).spread, rel=0.01)


# --- singular values ----------------------------------------------------------------------

SHAPES = [(100, 100), (100, 60), (60, 100), (100, 95)]


@pytest.mark.parametrize(("n_in", "n_out"), SHAPES)
def test_means_are_integrals_of_the_density(n_in: int, n_out: int) -> None:
    v, few, many = 0.03, min(n_in, n_out), max(n_in, n_out)
    unit, half = math.sqrt(v * many), math.sqrt(few / many)

    def average(function: object) -> float:
        def integrand(angle: float) -> float:  # takes the roots out of both edges
            s = unit * (1 - half * math.cos(angle))
            density = float(singular_value_density(s, n_in, n_out, v))
            return function(s) * density * unit * half * math.sin(angle)

        return quad(integrand, 0, math.pi, epsabs=1e-11, limit=400)[0]

    assert average(lambda s: 1.0) == pytest.approx(1, rel=1e-7)
    assert average(lambda s: s) == pytest.approx(mean_singular_value(n_in, n_out, v), rel=1e-7)
    assert average(lambda s: s * s) == pytest.approx(v * many, rel=1e-7)
    log_mean = average(lambda s: math.log(s) if s else 0.0)
    expected = math.log(geometric_mean_singular_value(n_in, n_out, v))
    assert log_mean == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("n_in", "n_out"), [(150, 150), (150, 60)])
def test_the_mean_is_that_of_drawn_matrices(
    n_in: int, n_out: int, rng: np.random.Generator
) -> None:
    v = 1 / max(n_in, n_out)
    w = math.sqrt(v) * rng.standard_normal((20, n_out, n_in))
    means = np.linalg.svd(w, compute_uv=False).mean(1)
    error = means.std() / math.sqrt(len(means))
    finite_width = 0.2 / n_out  # of order 1/n, measured at widths of 30 and 60
    assert means.mean() == pytest.approx(
        mean_singular_value(n_in, n_out, v), abs=4 * error + finite_width
    )


def test_the_quarter_circle_s_closed_forms() -> None:
    assert mean_singular_value(7, 7, 1 / 7) == pytest.approx(8 / (3 * math.pi), rel=1e-12)
    assert geometric_mean_singular_value(7, 7, 1 / 7) == pytest.approx(math.exp(-0.5), rel=1e-12)
    s = np.array([-0.1, 0.0, 1.0, 2.0, 2.1])
    expected = np.array([0, 2, math.sqrt(3), 0, 0]) / math.pi
    np.testing.assert_allclose(singular_value_density(s, 9, 9, 1 / 9), expected, atol=1e-12)


@pytest.mark.parametrize(("n_in", "n_out"), [(4000, 4000), (4000, 1000)])
def test_the_geometric_mean_is_that_of_a_determinant(n_in: int, n_out: int) -> None:
    """det(W W^T) of a Gaussian matrix is a product of independent chi squares."""
    k = np.arange(n_in - n_out + 1, n_in + 1)
    log_mean = np.mean(digamma(k / 2) + math.log(2)) / 2
    ours = math.log(geometric_mean_singular_value(n_in, n_out, 1.0))
    assert log_mean == pytest.approx(ours, abs=5 / n_out)  # the limit's error is of order 1/n


def test_the_three_means_are_in_order() -> None:
    for n_in, n_out in SHAPES:
        means = geometric_mean_singular_value(n_in, n_out, 1.0), mean_singular_value(n_in, n_out, 1)
        assert means[0] < means[1] < math.sqrt(max(n_in, n_out))
        turned = mean_singular_value(n_out, n_in, 1.0)
        assert turned == pytest.approx(means[1], rel=1e-12)


# --- arguments ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: variances("best", [3, 4]), "rule must be one of standard; lecun"),
        (lambda: variances("xavier", [3]), "widths must be two or more positive integers"),
        (lambda: forward_factor(0, 0.1), "n_in must be positive, got 0"),
        (lambda: backward_factor(-1, 0.1), "n_out must be positive, got -1"),
        (lambda: forward_factor(3, [0.1, 0.0]), "variance must be a finite variance > 0"),
        (lambda: forward_factor(3, 0.1, "tanh", 0.0), "q must be a finite variance > 0, got 0.0"),
        (lambda: gain("tanh", math.inf), "q must be a finite variance > 0, got inf"),
        (lambda: profile("tanh", [3, 4], [0.1, 0.1]), "weight_variances must be 1 positive"),
        (lambda: profile("tanh", [3, 4], [-0.1]), "weight_variances must be 1 positive"),
        (lambda: profile("tanh", [3, 4], [0.1], signal=0.0), "signal must be a finite second"),
        (lambda: profile("tanh", [3, 4], [0.1], gradient=-1), "gradient must be a finite second"),
        (lambda: mean_singular_value(3, 0, 1.0), "n_out must be positive, got 0"),
        (lambda: mean_singular_value(3, 3, math.nan), "variance must be a finite variance > 0"),
    ],
)
def test_an_argument_out_of_range_is_named(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
