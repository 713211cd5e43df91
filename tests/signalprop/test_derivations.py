"""The initialization chapters: how networks are drawn, and that each check can fail."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from signalprop import propagation
from signalprop.claims import Claim
from signalprop.datasets import Shapeset
from signalprop.networks import MLP
from signalprop.studies.derivations import (
    checks,
    figures,
    he_checks,
    libraries,
    one_layer,
    web_checks,
)
from signalprop.studies.derivations.claims import CLAIMS
from signalprop.studies.derivations.simulation import Estimate, Sample, sample

# --- the simulations ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tanh", "relu", "sigmoid"])
def test_one_draw_is_what_torch_computes(name: str) -> None:
    """Forward and by automatic differentiation, with the same weights, input and gradient."""
    widths, v = (7, 5, 6, 4), np.array([0.2, 0.3, 0.4])
    drawn = sample(name, widths, v, draws=1, signal=0.8, seed=3)
    rng = np.random.default_rng(3)  # the order of the draws: input, weights, gradient
    x = rng.standard_normal((1, 7))
    x *= math.sqrt(0.8 / np.mean(x**2))
    network = MLP(widths, name).double()
    with torch.no_grad():
        for layer, variance in zip(network.layers, v, strict=True):
            weight = math.sqrt(variance) * rng.standard_normal((1, *layer.weight.shape))
            layer.weight.copy_(torch.from_numpy(weight[0]))
            layer.bias.zero_()
    g = torch.from_numpy(rng.standard_normal((1, 4)))
    inputs = torch.from_numpy(x)
    pre = network(inputs)
    pre.backward(g)
    assert drawn.pre[0, -1] == pytest.approx(float(pre.detach().square().mean()), rel=1e-12)
    for layer, hidden in enumerate(network.hidden(inputs), start=1):
        mean_square = float(hidden.detach().square().mean())
        assert drawn.signal[0, layer] == pytest.approx(mean_square, rel=1e-12)
    for layer, linear in enumerate(network.layers):
        by_weight = float(linear.weight.grad.square().mean())
        by_pre = float(linear.bias.grad.square().mean())  # the gradient by a bias is that by s
        assert drawn.weight_gradient[0, layer] == pytest.approx(by_weight, rel=1e-12)
        assert drawn.gradient[0, layer] == pytest.approx(by_pre, rel=1e-12)


def test_inputs_have_the_mean_square_asked_for_and_draws_depend_on_the_seed() -> None:
    first, again, other = (sample("tanh", (9, 8), [0.1], 5, 0.3, seed=s) for s in (0, 0, 1))
    assert first.signal[:, 0] == pytest.approx(np.full(5, 0.3), rel=1e-12)
    assert (first.pre == again.pre).all()
    assert not (first.pre == other.pre).any()


def test_uniform_weights_have_the_variance_too() -> None:
    found = sample("linear", (40, 30), [1 / 40], 300, distribution="uniform").pre[:, 0]
    assert Estimate.of(found).off(1.0) < 4


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_wide_networks_follow_the_profile(name: str) -> None:
    widths = (300,) * 5
    v = propagation.variances("xavier", widths)
    theory = propagation.profile(name, widths, v, signal=0.5)
    drawn = sample(name, widths, v, draws=16, signal=0.5)
    for found, expected in (
        (drawn.pre, theory.q),
        (drawn.gradient, theory.gradient),
        (drawn.weight_gradient, theory.weight_gradient),
    ):
        # Errors of order 1/width beside the statistical ones.
        assert np.abs(Estimate.of(found / expected).value - 1).max() < 0.06


def test_an_estimate_is_a_mean_with_its_standard_error() -> None:
    found = Estimate.of([[1.0, 4.0], [3.0, 4.5]])
    assert found.value.tolist() == [2.0, 4.25]
    assert found.error == pytest.approx([1.0, 0.25])
    assert found.off([2.0, 4.0]) == pytest.approx(1.0)
    assert repr(found) == "2.000 ± 1.000, 4.250 ± 0.250"
    assert repr(Estimate.of([1e-5, 3e-5])) == "2e-05 ± 1e-05"


# --- one layer ----------------------------------------------------------------------------


def test_the_jacobian_of_a_layer_is_that_of_difference_quotients() -> None:
    width, h = 12, 1e-6
    drawn = one_layer.draw("xavier", width, seed=5, depth=2)
    rng = np.random.default_rng(5)
    x = rng.standard_normal(width)
    x *= math.sqrt(one_layer.MEAN_SQUARE / np.mean(x**2))
    bound = math.sqrt(3 / width)
    w = [rng.uniform(-bound, bound, (width, width)) for _ in range(2)]
    below = np.tanh(w[0] @ x)
    steps = [
        (np.tanh(w[1] @ (below + h * e)) - np.tanh(w[1] @ (below - h * e))) / (2 * h)
        for e in np.eye(width)
    ]
    expected = np.linalg.svd(np.array(steps).T, compute_uv=False)
    np.testing.assert_allclose(drawn.jacobians[0], expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(drawn.weights[0], np.linalg.svd(w[1], compute_uv=False))
    ratio = np.mean(np.tanh(w[1] @ below) ** 2) / np.mean(below**2)
    assert drawn.ratio[0] == pytest.approx(ratio, rel=1e-12)


def test_a_linear_layer_has_the_quarter_circle() -> None:
    [layer] = one_layer.layers("xavier", (50, 50, 50), "linear")
    assert layer.mean == pytest.approx(8 / (3 * math.pi), rel=1e-6)
    assert layer.geometric == pytest.approx(math.exp(-0.5), rel=1e-9)
    assert (layer.square, layer.ratio) == pytest.approx((1, 1), rel=1e-9)


def test_a_tanh_layer_s_geometric_mean_is_that_of_its_law() -> None:
    """E log s by the law's distribution, against the slopes' and the weights' logarithms."""
    layer = one_layer.layers("xavier")[0]
    s = layer.law.support[1] * np.sin(np.linspace(0, np.pi / 2, 801)[1:]) ** 2
    below = np.interp(0.5 * (s[1:] + s[:-1]), s, layer.law.cdf(s))
    expected = math.log(s[-1]) - float((below / (0.5 * (s[1:] + s[:-1]))) @ np.diff(s))
    # Below the first node the distribution is a straight line: it adds its mass there.
    expected -= float(layer.law.cdf(s[:1])[0])
    assert math.log(layer.geometric) == pytest.approx(expected, abs=1e-3)


def test_the_mean_square_of_the_images() -> None:
    images, _ = Shapeset(seed=0).batch(1000)
    squares = (images.astype(float) ** 2).mean((1, 2))
    error = squares.std() / math.sqrt(len(squares))
    assert squares.mean() == pytest.approx(one_layer.MEAN_SQUARE, abs=4 * error)
    assert error < 0.02


# --- libraries ----------------------------------------------------------------------------


@pytest.mark.parametrize("member", libraries.FAMILY, ids=lambda m: f"{m.name}-{m.distribution}")
def test_a_member_of_the_family_is_torch_s_and_keras_s(member: libraries.Member) -> None:
    for shape in ((30, 50), (50, 30), (8, 6, 3, 3)):
        assert member.same_as_torch(shape)
    n, m = 300, 500
    assert member.keras_variance(n, m) == pytest.approx(member.variance(n, m), rel=1e-12)
    doubled = dataclasses.replace(member, scale=2 * member.scale)
    assert not doubled.same_as_torch()
    assert doubled.keras_variance(n, m) != pytest.approx(doubled.variance(n, m))


def test_selu_keeps_mean_0_and_variance_1() -> None:
    """Which pins its two constants to their last digits."""
    assert float(libraries.SELU.mean(1.0)) == pytest.approx(0, abs=1e-12)
    assert float(libraries.SELU.square_mean(1.0)) == pytest.approx(1, rel=1e-12)
    x = np.linspace(-3, 3, 40)
    theirs = torch.nn.functional.selu(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(libraries.SELU(x), theirs, rtol=1e-12)
    slope = (libraries.SELU(x + 1e-6) - libraries.SELU(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(libraries.SELU.derivative(x), slope, rtol=1e-7)


def test_gain_rows_follow_torch_s_gain_to_its_fixed_point() -> None:
    rows = {row.name: row for row in libraries.gain_rows()}
    assert [rows[n].q_star for n in ("linear", "relu", "leaky_relu")] == [None] * 3
    for name in ("tanh", "sigmoid", "selu"):
        row, q = rows[name], 1.0
        act = libraries.GAINS[name]
        for _ in range(3000):
            q = row.torch**2 * float(act.square_mean(q))
        assert row.q_star == pytest.approx(q, rel=1e-6)
        assert row.chi == pytest.approx(row.torch**2 * float(act.slope_square_mean(q)), rel=1e-6)


# --- claims -------------------------------------------------------------------------------


def test_claims_have_names_of_their_own() -> None:
    names = [claim.id for claim in CLAIMS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_check_finds_the_verdict_of_its_claim(claim: Claim) -> None:
    assert claim.check().verdict == claim.verdict


@pytest.mark.parametrize(
    ("function", "check", "verdict"),
    [
        ("forward_factor", checks.check_forward, "not reproduced"),
        ("forward_factor", checks.check_weight_gradient, "not reproduced"),
        ("forward_factor", he_checks.check_he_forward, "not reproduced"),
        ("backward_factor", checks.check_backward, "not reproduced"),
        ("backward_factor", he_checks.check_he_backward, "not reproduced"),
        ("backward_factor", checks.check_equation_13, "open"),
    ],
)
def test_a_factor_wrong_by_a_tenth_is_noticed(
    function: str, check: object, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = getattr(checks, function)
    for module in (checks, he_checks):
        monkeypatch.setattr(module, function, lambda *a: 1.1 * right(*a))
    assert check().verdict == verdict


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        (he_checks.check_second_moment, "partly reproduced"),
        (he_checks.check_he_forward, "not reproduced"),
        (he_checks.check_either_suffices, "not reproduced"),
        (checks.check_forward, "not reproduced"),
        (checks.check_compromise, "not reproduced"),
        (checks.check_equation_6, "open"),
    ],
)
def test_networks_of_another_variance_are_noticed(
    check: object, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variances a fifth too large: the formulas do not fit what was drawn."""

    def other(activation: str, rule: str, widths: tuple[int, ...]) -> Sample:
        return sample(activation, widths, 1.2 * propagation.variances(rule, widths), 300)

    for module in (checks, he_checks):
        monkeypatch.setattr(module, "networks", other)
    assert check().verdict == wrong


def test_a_true_print_is_not_called_a_misprint() -> None:
    measured = Estimate.of(2 + 0.1 * np.random.default_rng(0).standard_normal(100))
    assert checks.misprint(measured, 2.0, 3.0) == "reproduced"
    assert checks.misprint(measured, 3.0, 2.0) == "refuted"
    assert checks.misprint(measured, 3.0, 4.0) == "open"


def test_the_glosses_would_hold_for_orthogonal_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """If all singular values are equal, mean, volume and variance are one thing."""
    [layer] = one_layer.layers("xavier", (50, 50, 50), "linear")
    equal = dataclasses.replace(layer, mean=1.0, geometric=1.0, square=1.0, ratio=1.0)
    monkeypatch.setattr(checks, "wide_layers", lambda rule: (equal,) * 4)
    assert checks.check_volume().verdict == "reproduced"
    assert checks.check_variance_ratio().verdict == "reproduced"
    assert checks.check_singular_values().verdict != "reproduced"


def test_a_gloss_is_refuted_by_drawn_networks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """If theory says so alone, it is open."""
    mean = float(np.mean([layer.mean for layer in checks.wide_layers("xavier")]))
    alike = [
        one_layer.Drawn(np.ones((4, 9)), np.full((4, 9), a * mean), np.full(4, 0.5))
        for a in (0.99, 1.0, 1.01)
    ]
    monkeypatch.setattr(checks, "drawn_layers", lambda rule: alike)
    assert checks.check_volume().verdict == "open"


def test_a_wrong_constant_of_the_quarter_circle_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "mean_singular_value", lambda *a: 0.86)
    assert checks.check_quarter_circle().verdict == "not reproduced"


def test_a_leaky_factor_without_its_square_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = he_checks.leaky_relu
    monkeypatch.setattr(he_checks, "leaky_relu", lambda slope: right(math.sqrt(slope)))
    assert he_checks.check_leaky().verdict == "partly reproduced"


def test_libraries_that_had_changed_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    nn = torch.nn
    changed = {"tanh": 1.53}  # half way between what signal and gradient need
    monkeypatch.setattr(nn.init, "calculate_gain", lambda name, *a: changed.get(name, 1.2))
    assert web_checks.check_gain_rectifiers().verdict == "not reproduced"
    assert web_checks.check_gain_tanh().verdict == "reproduced"
    assert web_checks.check_linear_default().verdict == "not reproduced"
    monkeypatch.undo()
    monkeypatch.setattr(web_checks, "KERAS_TRUNCATION", 0.88)
    assert web_checks.check_blog_keras().verdict == "partly reproduced"


def test_the_blog_s_deviation_would_be_taken_if_it_were_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide = np.random.default_rng(0).uniform(-1, 1, 150_000) * math.sqrt(18 / 300)
    monkeypatch.setattr(web_checks, "_drawn", lambda *a, **k: wide)
    assert web_checks.check_blog_uniform().verdict == "reproduced"
    assert web_checks.check_blog_torch().verdict == "open"


# --- figures ------------------------------------------------------------------------------


def test_figures_draw_what_they_are_given() -> None:
    theory, drawn = np.array([1.0, 0.5]), Estimate.of([[1.1, 0.4], [0.9, 0.6]])
    panel = figures.Panel("a", "mean square", {"xavier": (theory, drawn)}, first=3)
    [ax] = figures.profiles_figure([[panel]]).axes
    assert ax.lines[0].get_xydata().tolist() == [[3, 1.0], [4, 0.5]]
    assert ax.lines[1].get_xydata().tolist() == [[3, 1.0], [4, 0.5]]
    s = np.linspace(0, 2, 5)
    spectrum = figures.Spectrum("xavier", s, s, s**2, 0.8)
    [ax] = figures.singular_values_figure({"W": [spectrum]}).axes
    assert ax.lines[0].get_xydata().tolist() == np.column_stack([s, s**2]).tolist()
    assert ax.lines[1].get_xydata().tolist() == [[0.8, 0.03]]
    q, gains = np.array([0.1, 1.0]), {"relu": np.array([1.4, 1.4])}
    left, right = figures.gains_figure(q, gains, gains, {"relu": 1.41}).axes
    for ax in (left, right):
        assert ax.lines[0].get_xydata().tolist() == [[0.1, 1.4], [1.0, 1.4]]
        assert ax.lines[1].get_xydata().tolist() == [[1.0, 1.41]]
