"""The simulations beside the theory chapters: what they draw, and how they measure it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from signalprop.activations import get
from signalprop.free_product import FreeProduct
from signalprop.meanfield import critical_point
from signalprop.slopes import slope_law
from signalprop.studies.mean_field import checks, spectral_checks
from signalprop.studies.mean_field.claims import CLAIMS
from signalprop.studies.mean_field.signals import Network, circle, propagate, second_derivative
from signalprop.studies.mean_field.spectra import (
    draw,
    half_circle,
    jacobian,
    moment_transform,
    s_transform,
    squared_variance,
)

SMALL = Network("tanh", 1.7, 0.2, depth=3, width=60)


def forward(network: Network, h: np.ndarray, seed: int) -> np.ndarray:
    """Return the last layer's pre-activations from the first ones (width,), written out."""
    for index in range(network.depth):
        weight, bias = network.layer(index, seed)
        h = weight @ get(network.activation)(h) + bias.ravel()
    return h


def test_inputs_have_the_variance_and_correlation_asked_for() -> None:
    signals = propagate(SMALL, 0.7, 0.3, seed=1)
    assert signals.variance[0] == pytest.approx(0.7, rel=1e-12)
    assert signals.correlation[0] == pytest.approx(0.3, rel=1e-12)
    assert len(signals.variance) == len(signals.correlation) == len(signals.gradient) == 4


def test_equal_inputs_stay_equal_and_dropout_parts_them() -> None:
    assert propagate(SMALL, 0.7, 1.0, 0).correlation == pytest.approx(1, rel=1e-12)
    dropped = Network("tanh", 1.7, 0.2, depth=3, width=60, keep=0.5)
    assert (propagate(dropped, 0.7, 1.0, 0).correlation[1:] < 0.99).all()


def test_a_linear_network_s_gradient_is_its_matrix() -> None:
    network = Network("linear", 1.3, 0.0, depth=2, width=40)
    signals = propagate(network, 1.0, 0.5, seed=3)
    product = network.layer(1, 3)[0].astype(float) @ network.layer(0, 3)[0]
    # The gradient is the third draw of that seed: after the basis of the two inputs.
    rng = np.random.default_rng(3)
    rng.standard_normal((40, 2))
    gradient = rng.standard_normal(40)
    expected = np.sum((product.T @ gradient) ** 2) / np.sum(gradient**2)
    assert signals.gradient[0] == pytest.approx(expected, rel=1e-5)  # float32 weights
    assert signals.gradient[-1] == 1


def test_weights_have_their_variance() -> None:
    weight, bias = Network("tanh", 1.7, 0.2, depth=1, width=500).layer(0, seed=0)
    assert float(weight.var()) * 500 == pytest.approx(1.7, rel=4 * math.sqrt(2 / weight.size))
    assert float(bias.var()) == pytest.approx(0.2, rel=4 * math.sqrt(2 / bias.size))


def test_speed_and_curvature_are_those_of_difference_quotients() -> None:
    """One point of the circle, against central differences: their error is of order h^2."""
    image = circle(SMALL, 0.7, 1, seed=2)
    basis, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((60, 2)))
    plane, h = math.sqrt(60 * 0.7) * basis, 1e-3
    out = [forward(SMALL, plane @ [math.cos(t), math.sin(t)], 2) for t in (-h, 0, h)]
    v, a = (out[2] - out[0]) / (2 * h), (out[2] - 2 * out[1] + out[0]) / h**2
    assert image.speed[-1] == pytest.approx(np.mean(v**2), rel=1e-4)
    vv, va, aa = np.mean(v * v), np.mean(v * a), np.mean(a * a)
    assert image.curvature[-1] == pytest.approx((aa * vv - va**2) / vv**3, rel=1e-4)
    assert (image.speed[0], image.curvature[0]) == pytest.approx((0.7, 1 / 0.7), rel=1e-12)


def test_the_second_derivative_of_tanh() -> None:
    x = np.linspace(-3, 3, 13)
    t = np.tanh(x)
    np.testing.assert_allclose(
        second_derivative(get("tanh"), x), -2 * t * (1 - t**2), rtol=1e-12, atol=1e-16
    )


def test_orthogonal_weights_are_orthogonal_and_of_both_orientations() -> None:
    draws = [draw("orthogonal", 7, 1.7, np.random.default_rng(seed)) for seed in range(30)]
    for w in draws:
        np.testing.assert_allclose(w @ w.T, 1.7 * np.eye(7), atol=1e-13)
    signs = np.sign([np.linalg.det(w) for w in draws])
    assert abs(signs.mean()) < 0.75  # four deviations of a mean of 30 signs
    corner = np.array([w[0, 0] for w in draws])
    assert abs(corner.mean()) < 4 * math.sqrt(1.7 / 7 / 30)


def test_the_jacobian_is_that_of_difference_quotients() -> None:
    variances = (0.5, *(float(v) for v in critical_point("tanh", 0.5)))
    j, squares = jacobian("tanh", "gaussian", 1, 30, variances, seed=0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal(30)
    x *= math.sqrt(30 * (variances[0] - variances[2]) / variances[1]) / np.linalg.norm(x)
    weight = draw("gaussian", 30, variances[1], rng)
    bias = math.sqrt(variances[2]) * rng.standard_normal(30)
    h = 1e-6
    step = (np.tanh(weight @ (x + h) + bias) - np.tanh(weight @ (x - h) + bias)) / (2 * h)
    np.testing.assert_allclose(j.sum(1), step, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(squares[0], (1 - np.tanh(weight @ x + bias) ** 2) ** 2)


def test_mean_and_variance_are_those_of_the_squared_singular_values() -> None:
    j = np.random.default_rng(0).standard_normal((20, 20))
    s = np.linalg.svd(j, compute_uv=False)
    mean, variance = squared_variance([j])
    assert (mean[0], variance[0]) == pytest.approx((np.mean(s**2), np.var(s**2)), rel=1e-12)


def test_s_of_zeros_and_ones_and_of_a_constant() -> None:
    w = np.array([-0.55, -0.3, -1e-3])
    values = np.repeat([0.0, 1.0], [2, 3])
    np.testing.assert_allclose(s_transform(values, w), (1 + w) / (w + 0.6), rtol=1e-10)
    np.testing.assert_allclose(s_transform(np.full(4, 2.5), w), 1 / 2.5, rtol=1e-10)


def test_s_turns_the_moment_transform_round() -> None:
    values = np.array([0.0, 0.1, 0.5, 3.0, 3.1])
    w = np.array([-0.7, -0.2])
    z = (1 + w) / (w * s_transform(values, w))
    np.testing.assert_allclose(moment_transform(values, z), w, rtol=1e-10)


@pytest.mark.parametrize("w", [-0.5, 0.0, 0.1, -1.0, math.nan])
def test_s_is_refused_where_m_has_no_inverse(w: float) -> None:
    with pytest.raises(ValueError, match=r"w must be between -0\.5 and 0"):
        s_transform([0.0, 1.0], w)
    with pytest.raises(ValueError, match="eigenvalues must be >= 0"):
        s_transform([-1.0, 1.0], -0.1)


@pytest.mark.parametrize("gaussian", [False, True])
@pytest.mark.parametrize(("name", "q", "depth"), [("tanh", 0.82, 8), ("erf", 0.2, 3)])
def test_the_walk_over_the_half_circle_ends_where_the_solver_does(
    name: str, q: float, depth: int, gaussian: bool
) -> None:
    slopes = slope_law(name, q)
    for s in (0.3, 1.1):
        z, y = half_circle(slopes, depth, gaussian, s)
        solved = FreeProduct(slopes, depth, gaussian).solve(np.array([2 * math.log(s)])).y[0]
        assert y[-1] == pytest.approx(solved, rel=1e-8)
        assert (z[0], z[-1]) == pytest.approx((-(s**2), s**2), rel=1e-12)
        assert (y.imag > -1e-9).all()


def test_claims_have_names_of_their_own() -> None:
    names = [claim.id for claim in CLAIMS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "claim",
    [c for c in CLAIMS if not c.id.endswith(("product-rule", "eq22-simulated"))],
    ids=lambda claim: claim.id,
)
def test_a_check_finds_the_verdict_of_its_claim(claim: object) -> None:
    """The two slow ones run in the chapter."""
    assert claim.check().verdict == claim.verdict


def test_checks_notice_wrong_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong by 5 % (length), 10 % (gradient), 25 % (curvature), 3 % (S): none is waved through."""
    length_map, growth, curvature = checks.length_map, checks.growth, checks.curvature
    monkeypatch.setattr(checks, "length_map", lambda *a: 1.05 * length_map(*a))
    assert checks.check_length_map().verdict == "not reproduced"
    monkeypatch.setattr(checks, "growth", lambda n: 1.1 * growth(n))
    assert checks.check_gradient().verdict == "not reproduced"
    monkeypatch.setattr(checks, "growth", growth)
    monkeypatch.setattr(checks, "curvature", lambda *a: 1.25 * curvature(*a))
    assert checks.check_curvature().verdict == "partly reproduced"
    monkeypatch.setattr(spectral_checks, "SEEDS", range(2))
    weights_s = spectral_checks.weights_s
    monkeypatch.setattr(spectral_checks, "weights_s", lambda w, v, at: weights_s(w, v, at) * 1.03)
    assert spectral_checks.check_product_rule().verdict == "not reproduced"
