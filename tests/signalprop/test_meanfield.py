"""Mean-field theory against printed values, closed forms, iterated maps and random layers."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath as mp
import numpy as np
import pytest
from scipy.special import erf

from signalprop.activations import NAMES, get, leaky_relu
from signalprop.meanfield import (
    chi,
    correlation_map,
    critical_point,
    critical_q,
    curvature,
    depth_scales,
    fixed_correlation,
    fixed_point,
    length_map,
    phase_diagram,
)

SATURATING = ("rescaled_sigmoid", "tanh", "hard_tanh", "softsign", "erf")  # and odd
WEIGHTS = np.array([0.3, 0.9, 1.0, 1.2, 1.7, 2.5, 3.7, 30.0, 1e6])
BIASES = np.array([0.0, 1e-6, 0.05, 1.0])


# --- printed and derived values -----------------------------------------------------------


@pytest.mark.parametrize(
    ("q_star", "sigma_w2", "sigma_b2"),
    [
        (0.05, 1.093627, 0.000128),
        (0.1, 1.1776, 0.00083),
        (0.3, 1.4580, 0.01239),
        (0.5, 1.687975, 0.038041),
        (0.82, 1.9988, 0.10345),
        (1.0, 2.1533, 0.15096),
        (1.318, 2.4015, 0.25),
        (1.5, 2.532482, 0.314069),
    ],
)
def test_the_critical_line_of_tanh_passes_through_known_points(
    q_star: float, sigma_w2: float, sigma_b2: float
) -> None:
    """To the digits they are given with."""
    w, b = critical_point("tanh", q_star)
    assert float(w) == pytest.approx(sigma_w2, abs=6e-5)
    assert float(b) == pytest.approx(sigma_b2, abs=6e-5 if q_star == 1.318 else 6e-6)


@pytest.mark.parametrize(("sigma_w2", "sigma_b2"), [(1.05, 2.01e-5), (2.0, 0.104)])
def test_the_networks_of_pennington_2017_are_critical(sigma_w2: float, sigma_b2: float) -> None:
    """Within the rounding of their bias variances, as remembered."""
    _, exact = critical_point("tanh", critical_q("tanh", sigma_w2))
    digit = 10 ** (math.floor(math.log10(sigma_b2)) - 2)
    assert abs(float(exact) - sigma_b2) < 0.5 * digit


@pytest.mark.parametrize(
    ("sigma_w", "q_star", "c_star", "growth"),
    [(1.3, 0.607, 1.0, 0.940), (2.5, 4.079, 0.122, 1.585), (4.0, 12.60, 0.03, 2.367)],
)
def test_the_networks_of_poole_2016(
    sigma_w: float, q_star: float, c_star: float, growth: float
) -> None:
    w, b = sigma_w**2, 0.3**2
    q = float(fixed_point("tanh", w, b))
    assert q == pytest.approx(q_star, abs=6e-3 if q > 10 else 6e-4)
    assert fixed_correlation("tanh", w, b) == pytest.approx(c_star, abs=6e-3 if q > 10 else 6e-4)
    assert float(chi("tanh", q, w)) == pytest.approx(growth, abs=6e-4)


@pytest.mark.parametrize(
    ("sigma_w2", "xi_c"),
    [
        *((1.0, 3.63), (1.3, 7.83), (1.5, 15.8), (1.7, 74.9), (1.8, 126), (1.9, 39.4), (2, 25.2)),
        *((2.5, 11.8), (3, 9.05), (4, 6.98)),
    ],
)
def test_the_depth_scales_of_schoenholz_2017(sigma_w2: float, xi_c: float) -> None:
    """Three digits, sigma_b2 = 0.05."""
    assert depth_scales("tanh", sigma_w2, 0.05).xi_c == pytest.approx(xi_c, rel=6e-3)


def test_correlations_are_longest_at_the_critical_weight_variance() -> None:
    q = 0.570
    w, b = critical_point("tanh", q)
    assert float(b) == pytest.approx(0.05, abs=1e-4)
    assert float(w) == pytest.approx(1.7610, abs=1e-3)


# --- closed forms -------------------------------------------------------------------------

Q = np.array([0.01, 0.3, 1.0, 7.0])


def hard_tanh_square(q: np.ndarray) -> np.ndarray:
    """Return E phi^2 by parts, in another form than the package's."""
    a = 1 / np.sqrt(q)
    inside = erf(a / np.sqrt(2))
    return q * (inside - 2 * a * np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi)) + 1 - inside


@pytest.mark.parametrize(
    ("name", "weight", "square"),
    [
        (
            "erf",
            lambda q: np.pi / 4 * np.sqrt(1 + 4 * q),
            lambda q: 2 / np.pi * np.arcsin(2 * q / (1 + 2 * q)),
        ),
        ("hard_tanh", lambda q: 1 / erf(1 / np.sqrt(2 * q)), hard_tanh_square),
    ],
)
def test_critical_points_in_closed_form(
    name: str, weight: Callable[[np.ndarray], np.ndarray], square: Callable[..., np.ndarray]
) -> None:
    w, b = critical_point(name, Q)
    np.testing.assert_allclose(w, weight(Q), rtol=1e-13)
    np.testing.assert_allclose(b, Q - weight(Q) * square(Q), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("activation", "weight"), [("linear", 1), ("relu", 2), (leaky_relu(0.1), 2 / 1.01)]
)
def test_half_linear_activations_have_one_critical_point(activation: str, weight: float) -> None:
    w, b = critical_point(activation, Q)
    np.testing.assert_allclose(w, weight, rtol=1e-14)
    np.testing.assert_array_equal(b, 0)


@pytest.mark.parametrize("name", SATURATING)
def test_a_critical_line_starts_where_the_slope_at_0_is_undone(name: str) -> None:
    w, b = critical_point(name, 1e-9)
    assert float(w) == pytest.approx(1 / float(get(name).derivative(0.0)) ** 2, rel=1e-3)
    assert 0 <= float(b) < 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_a_critical_point_has_chi_1_and_its_q_star(name: str) -> None:
    q = 60.0 if name == "sigmoid" else 0.4
    if name == "softplus":
        return
    w, b = critical_point(name, q)
    assert float(chi(name, q, w)) == pytest.approx(1, abs=1e-14)
    assert float(length_map(name, q, w, b)) == pytest.approx(q, rel=1e-14)


@pytest.mark.parametrize("name", ["silu", "gelu", *SATURATING])
def test_the_critical_q_of_a_critical_point_is_its_own(name: str) -> None:
    smallest = 0.1 if name == "hard_tanh" else 1e-3  # whose kinks are out of sight below
    for q in (smallest, 0.2) if name in ("silu", "gelu") else (smallest, 0.2, 5.0, 300.0):
        w, _ = critical_point(name, q)
        assert critical_q(name, float(w)) == pytest.approx(q, rel=1e-6)


# --- fixed points -------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_fixed_points_are_fixed(name: str) -> None:
    q, growth = phase_diagram(name, WEIGHTS, BIASES)
    w, b = np.meshgrid(WEIGHTS, BIASES)
    found = ~np.isnan(q)
    assert found.any()
    np.testing.assert_allclose(
        length_map(name, q[found], w[found], b[found]), q[found], rtol=1e-12, atol=1e-300
    )
    np.testing.assert_array_equal(growth[found], chi(name, q[found], w[found]))
    assert np.isnan(growth[~found]).all()


@pytest.mark.parametrize("name", NAMES)
def test_fixed_points_are_where_the_map_leads_from_nothing(name: str) -> None:
    """Iterated 3000 times from 0; where it does not end, it is there or critical."""
    w, b = np.meshgrid(WEIGHTS[:7], BIASES[1:])
    reached = np.zeros_like(w)
    for _ in range(3000):
        before, reached = reached, np.minimum(length_map(name, reached, w, b), 1e12)
    q, _ = phase_diagram(name, WEIGHTS[:7], BIASES[1:])
    still = abs(reached / before - 1) < 1e-14
    assert still.mean() > 0.4
    np.testing.assert_allclose(q[still & (reached < 1e12)], reached[still & (reached < 1e12)], 1e-9)
    assert np.isnan(q[reached == 1e12]).all()


@pytest.mark.parametrize("name", ["silu", "gelu"])
def test_no_fixed_point_is_overlooked_between_two_that_repel(name: str) -> None:
    """Against a dense scan: for these, a narrow range of variances may shrink."""
    weights, biases = np.linspace(2.02, 3.9, 12), np.geomspace(1e-5, 0.3, 12)
    grid = np.geomspace(1e-5, 1e6, 5001)[:, None, None]
    w, b = np.meshgrid(weights, biases)
    shrinks = np.empty((grid.size, *w.shape), bool)
    for k, variance in enumerate(grid.ravel()):
        shrinks[k] = length_map(name, variance, w, b) < variance
    q, _ = phase_diagram(name, weights, biases)
    some = shrinks.any(0)
    assert some.any()
    assert not some.all()
    assert not np.isnan(q[some]).any()
    first = grid.ravel()[shrinks.argmax(0)]
    np.testing.assert_allclose(q[some], first[some], rtol=0.006)  # a step of the scan
    missed = ~np.isnan(q) & ~some  # a range narrower than a step
    assert missed.sum() <= 1


def test_at_zero_bias_the_signal_dies_below_the_critical_weights_and_not_above() -> None:
    assert float(fixed_point("tanh", 1.0, 0.0)) == 0
    assert float(fixed_point("tanh", 0.2, 0.0)) == 0
    # To first order q* = (sigma_w2 - 1) / 2.
    assert float(fixed_point("tanh", 1.001, 0.0)) == pytest.approx(0.0005, rel=0.01)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        *(("linear", "1"), ("relu", "2"), ("leaky_relu", "1.88235"), ("softplus", "2")),
        *(("silu", "2"), ("gelu", "2")),
    ],
)
def test_a_variance_that_grows_without_bound_is_refused(name: str, limit: str) -> None:
    for weight in (8.0, 1e6):
        with pytest.raises(
            ValueError, match=rf"{name} has no fixed point .* sigma_w2 is below {limit}$"
        ):
            fixed_point(name, [0.3, weight], 0.1)
    assert np.isnan(phase_diagram(name, [8.0], [0.1])[0]).all()


def test_softplus_grows_for_ever_at_the_limit_itself() -> None:
    """By ever less: only rounding would stop it."""
    with pytest.raises(ValueError, match="softplus has no fixed point at sigma_w2=2, sigma_b2=0"):
        fixed_point("softplus", 2.0, 0.0)


@pytest.mark.parametrize(("name", "weight"), [("relu", 2.0), ("linear", 1.0)])
def test_where_every_variance_is_fixed_none_is_returned(name: str, weight: float) -> None:
    with pytest.raises(ValueError, match=f"every variance is a fixed point of {name}"):
        fixed_point(name, weight, 0.0)


# --- no critical point --------------------------------------------------------------------


def test_the_sigmoid_is_critical_only_where_it_is_saturated() -> None:
    with pytest.raises(ValueError, match=r"sigmoid has no .* q_star must be from 45\.6"):
        critical_point("sigmoid", [50.0, 1.0])
    with pytest.raises(ValueError, match="q_star must be from 45"):
        critical_point("sigmoid", 45.6)
    _, b = critical_point("sigmoid", 45.7)
    assert b > 0


def test_softplus_is_never_critical() -> None:
    with pytest.raises(ValueError, match=r"softplus has no .* it has none at any q_star"):
        critical_point("softplus", 1.0)


def test_a_weight_variance_that_is_never_critical_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sigma_w2 must be between 1 and .* to be critical"):
        critical_q("tanh", 0.5)
    with pytest.raises(ValueError, match="chi of relu is 1 at every q"):
        critical_q("relu", 2.0)


# --- random layers ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["relu", "tanh", "hard_tanh", "leaky_tanh", "silu"])
def test_chi_is_the_growth_of_a_gradient_through_a_random_layer(
    name: str, rng: np.random.Generator
) -> None:
    """One layer of 600 units, 40 times; also the variance it hands on."""
    q, sigma_w2, sigma_b2, width = 0.7, 1.3, 0.2, 600
    act = get(name)
    growth, variance = [], []
    for _ in range(40):
        weight = math.sqrt(sigma_w2 / width) * rng.standard_normal((width, width))
        bias = math.sqrt(sigma_b2) * rng.standard_normal(width)
        below = math.sqrt(q) * rng.standard_normal(width)
        gradient = act.derivative(below) * (weight.T @ rng.standard_normal(width))
        growth.append(np.mean(gradient**2))
        variance.append(np.mean((weight @ act(below) + bias) ** 2))
    for values, theory in (
        (growth, chi(name, q, sigma_w2)),
        (variance, length_map(name, q, sigma_w2, sigma_b2)),
    ):
        error = np.std(values, ddof=1) / math.sqrt(len(values))
        assert float(theory) == pytest.approx(np.mean(values), abs=4 * error)


@pytest.mark.parametrize("name", ["tanh", "erf", "softsign", "sigmoid"])
def test_curvature_is_that_of_a_circle_s_image(name: str, rng: np.random.Generator) -> None:
    """Speed and acceleration of a random layer's outputs along a circle of inputs, 40 times."""
    q, sigma_w2, width = 0.7, 1.3, 600
    act, h = get(name), 1e-4
    speeds, bends = [], []
    for _ in range(40):
        weight = math.sqrt(sigma_w2 / width) * rng.standard_normal((width, width))
        u, v = math.sqrt(q) * rng.standard_normal((2, width))
        out = [weight @ act(u * math.cos(t) + v * math.sin(t)) for t in (-h, 0, h)]
        speed, bend = (out[2] - out[0]) / (2 * h), (out[2] - 2 * out[1] + out[0]) / h**2
        speeds.append(np.mean(speed**2) / q)
        bends.append(np.mean(bend**2) / q**2)
    growth, chi_2 = chi(name, q, sigma_w2), curvature(name, q, sigma_w2)
    # |bend|^2 = kappa^2 |speed|^4, and kappa^2 = 1 / q before the layer.
    for values, theory in ((speeds, growth), (bends, growth / q + 3 * chi_2)):
        error = np.std(values, ddof=1) / math.sqrt(len(values))
        assert float(theory) == pytest.approx(np.mean(values), abs=4 * error)


def test_curvature_of_a_slope_that_jumps_is_infinite_and_of_a_straight_line_0() -> None:
    for name in ("relu", "leaky_relu", "leaky_tanh", "hard_tanh"):
        assert curvature(name, 0.5, 1.0) == math.inf
    assert curvature("linear", 0.5, 1.0) == 0
    assert curvature("tanh", [0.5, 1.0], 2.0).shape == (2,)


@pytest.mark.parametrize("name", ["tanh", "softsign", "gelu", "sigmoid", "erf"])
def test_curvature_is_a_thirty_digit_average(name: str) -> None:
    q = 0.7
    functions = {
        "tanh": mp.tanh,
        "softsign": lambda x: x / (1 + abs(x)),
        "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
        "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
        "erf": mp.erf,
    }
    with mp.workdps(20):
        second = (
            (lambda x: 2 / (1 + abs(x)) ** 3)
            if name == "softsign"
            else (lambda x: mp.diff(functions[name], x, 2))
        )
        expected = mp.quad(
            lambda z: second(mp.sqrt(q) * z) ** 2 * mp.npdf(z), [-10, -3, 0, 3, 10], maxdegree=5
        )
    assert float(curvature(name, q, 1.0)) == pytest.approx(float(expected), rel=1e-7)


# --- two inputs ---------------------------------------------------------------------------

NETWORKS = [
    *(("tanh", 1.3, 0.05), ("tanh", 2.5, 0.05), ("tanh", 1.5, 0.0), ("erf", 3.0, 0.1)),
    *(("hard_tanh", 1.1, 0.1), ("hard_tanh", 2.0, 0.1), ("relu", 1.5, 0.5), ("sigmoid", 900, 1.0)),
    *(("leaky_tanh", 2.3, 0.1), ("leaky_tanh", 6.0, 0.1), ("softsign", 4.0, 0.1)),
]


@pytest.mark.parametrize(("name", "w", "b"), NETWORKS)
def test_depth_scales_are_those_of_the_iterated_maps(name: str, w: float, b: float) -> None:
    """Deviations from both fixed points shrink by exp(-1 / xi) per layer, once they are small."""
    q, c = float(fixed_point(name, w, b)), fixed_correlation(name, w, b)
    xi = depth_scales(name, w, b)

    # A deviation d leaves an error of order d, or of order sqrt(d) for a kink at c = 1.
    d = 1e-4
    change = (length_map(name, q * (1 + d), w, b) - length_map(name, q * (1 - d), w, b)) / (2 * d)
    assert math.exp(-1 / xi.xi_q) == pytest.approx(float(change) / q, rel=1e-5)

    kinked = name in ("hard_tanh", "relu", "leaky_tanh") and c == 1
    d = 1e-10 if kinked else 1e-5
    if c == 1:
        change = (correlation_map(name, 1.0, q, w, b) - correlation_map(name, 1 - d, q, w, b)) / d
    else:
        sides = (correlation_map(name, c + k * d, q, w, b) for k in (1, -1))
        change = (next(sides) - next(sides)) / (2 * d)
    error = 3 * math.sqrt(d) if kinked else 3 * d
    assert math.exp(-1 / xi.xi_c) == pytest.approx(abs(float(change)), rel=error + 1e-15 / d)


@pytest.mark.parametrize(("name", "w", "b"), NETWORKS)
def test_iterated_correlations_end_at_the_fixed_one(name: str, w: float, b: float) -> None:
    q, c, target = float(fixed_point(name, w, b)), 0.3, fixed_correlation(name, w, b)
    layers = int(12 * depth_scales(name, w, b).xi_c)
    for _ in range(min(layers, 400)):
        c = float(correlation_map(name, min(c, 1.0), q, w, b))
    assert c == pytest.approx(target, abs=3e-4)


@pytest.mark.parametrize("name", ["tanh", "leaky_tanh", "hard_tanh"])
def test_correlations_forget_ever_more_slowly_on_both_sides_of_the_critical_line(
    name: str,
) -> None:
    """For a smooth slope xi_c is 1 / |chi - 1| on both sides, for one that jumps 2 / (chi - 1)."""
    w, b = (float(x) for x in critical_point(name, 0.5))
    assert depth_scales(name, w, b).xi_c > 1e7
    for side, factor in ((-1, 1), (1, 1 if name == "tanh" else 2)):
        for distance in (1e-3, 1e-5):
            weight = w * (1 + side * distance)
            growth = float(chi(name, fixed_point(name, weight, b), weight))
            expected = factor / abs(growth - 1)
            assert depth_scales(name, weight, b).xi_c == pytest.approx(expected, rel=0.02)


def test_odd_activations_without_bias_forget_all_correlation() -> None:
    for name in SATURATING:
        assert fixed_correlation(name, 9.0 if name == "softsign" else 4.0, 0.0) == 0


def test_the_slope_of_the_correlation_map_at_1_is_chi() -> None:
    q = float(fixed_point("tanh", 2.5, 0.05))
    d = 1e-6
    slope = (1 - correlation_map("tanh", 1 - d, q, 2.5, 0.05)) / d
    assert float(slope) == pytest.approx(float(chi("tanh", q, 2.5)), rel=1e-5)


def test_signals_that_die_have_no_correlation() -> None:
    for function in (fixed_correlation, depth_scales):
        with pytest.raises(ValueError, match=r"q\* of tanh is 0 .* have no correlation"):
            function("tanh", 0.9, 0.0)


# --- arrays and arguments -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["tanh", "relu", "silu"])
def test_a_grid_gives_what_its_points_give(name: str) -> None:
    weights, biases = np.array([0.4, 1.1, 1.9]), np.array([1e-3, 0.4])
    q, growth = phase_diagram(name, weights, biases)
    assert q.shape == growth.shape == (2, 3)
    for i, b in enumerate(biases):
        for j, w in enumerate(weights):
            one = float(fixed_point(name, w, b))
            assert one == pytest.approx(q[i, j], rel=1e-12)
            assert float(chi(name, one, w)) == pytest.approx(growth[i, j], rel=1e-12)


def test_the_24_by_24_diagram_of_tanh_is_right_to_ten_digits() -> None:
    """Against fixed points by bisection of a 20-digit integral, at its corners and inside."""
    weights, biases = np.linspace(0.5, 4, 24), np.linspace(0.001, 0.5, 24)
    q, growth = phase_diagram("tanh", weights, biases)
    assert not np.isnan(q).any()

    def average(function: Callable[[mp.mpf], mp.mpf], variance: mp.mpf) -> mp.mpf:
        deviation = mp.sqrt(variance)
        return 2 * mp.quad(
            lambda z: function(deviation * z) * mp.npdf(z), [0, 1, 3, 6, 11], maxdegree=6
        )

    for i, j in ((0, 0), (0, 23), (23, 0), (23, 23), (11, 7), (2, 5)):
        w, b = mp.mpf(weights[j]), mp.mpf(biases[i])
        with mp.workdps(20):
            exact = mp.findroot(
                lambda x, w=w, b=b: w * average(lambda u: mp.tanh(u) ** 2, x) + b - x,
                (mp.mpf(q[i, j]) * mp.mpf("0.9"), mp.mpf(q[i, j]) * mp.mpf("1.1")),
                solver="anderson",
                tol=1e-26,
            )
            slope = w * average(lambda u: mp.sech(u) ** 4, exact)
        assert q[i, j] == pytest.approx(float(exact), rel=1e-10)
        assert growth[i, j] == pytest.approx(float(slope), rel=1e-10)


@pytest.mark.parametrize("weight", [0.0, -1.0, math.inf, math.nan, [1.0, -1.0]])
def test_an_impossible_weight_variance_is_refused(weight: float) -> None:
    for function in (length_map, correlation_map):
        arguments = (1.0, weight, 0.1) if function is length_map else (0.5, 1.0, weight, 0.1)
        with pytest.raises(ValueError, match="sigma_w2 must be a finite variance > 0"):
            function("tanh", *arguments)
    for function in (chi, curvature):
        with pytest.raises(ValueError, match="sigma_w2 must be a finite variance > 0"):
            function("tanh", 1.0, weight)
    for function in (fixed_point, phase_diagram):
        with pytest.raises(ValueError, match="sigma_w2 must be a finite variance > 0"):
            function("tanh", weight, 0.1)


@pytest.mark.parametrize("bias", [-0.1, math.inf, math.nan])
def test_an_impossible_bias_variance_is_refused(bias: float) -> None:
    with pytest.raises(ValueError, match="sigma_b2 must be a finite variance >= 0"):
        fixed_point("tanh", 1.0, bias)


@pytest.mark.parametrize("q", [0.0, -1.0, math.inf, math.nan])
def test_an_impossible_q_star_is_refused(q: float) -> None:
    with pytest.raises(ValueError, match="q_star must be a finite variance > 0"):
        critical_point("tanh", q)
    if q != 0:
        with pytest.raises(ValueError, match="q must be a finite variance >= 0"):
            chi("tanh", q, 1.0)
