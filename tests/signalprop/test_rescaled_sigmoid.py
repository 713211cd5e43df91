"""The study of the rescaled sigmoid: series, moments, schemes of rates, and its checks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from signalprop import propagation
from signalprop.activations import get
from signalprop.claims import check
from signalprop.equivalence import sigmoidal
from signalprop.records import Record
from signalprop.studies import rescaled_sigmoid as study
from signalprop.studies.rescaled_sigmoid import (
    checks,
    figures,
    moments,
    pairs,
    rate_checks,
    rates,
    series,
)
from signalprop.studies.rescaled_sigmoid.claims import CLAIMS
from signalprop.training import Watch

WIDTHS = (5, 6, 6, 4)


# --- series -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", series.RICCATI)
def test_two_routes_give_the_same_series(name: str) -> None:
    exact = np.array(series.exact(name, 10), dtype=float)
    np.testing.assert_allclose(series.by_contour(name, 10), exact, rtol=0, atol=1e-12)
    x = 0.05
    assert np.polyval(exact[::-1], x) == pytest.approx(float(get(name)(x)), rel=1e-13)


def test_the_series_of_the_rescaled_sigmoid_is_that_of_its_formula() -> None:
    printed = [4 * a for a in series.exact("sigmoid", 8)]
    printed[0] -= Fraction(2)
    assert series.exact("rescaled_sigmoid", 8) == printed


# --- moments ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sigmoid", "rescaled_sigmoid", "relu"])
def test_theory_follows_random_networks(name: str) -> None:
    theory = moments.theory(name, 1.3, 5)
    drawn = [moments.measured(name, 1.3, 5, width=200, examples=20, seed=s) for s in range(8)]
    for kind in ("whole", "data", "gradient"):
        samples = np.array([getattr(m, kind) for m in drawn])
        error = samples.std(0, ddof=1) / math.sqrt(len(samples))
        # A network of finite width is off by a few parts in its width, layer by layer.
        allowed = 4 * error + 3 * 5 / 200 * getattr(theory, kind)
        assert np.all(np.abs(samples.mean(0) - getattr(theory, kind)) <= allowed)


def test_theory_is_that_of_the_other_chapters() -> None:
    theory = moments.theory("tanh", 1.5, 6)
    other = propagation.profile("tanh", [100] * 7, np.full(6, 1.5 / 100))
    np.testing.assert_allclose(theory.whole, other.q, rtol=1e-12)
    np.testing.assert_allclose(theory.gradient, other.gradient, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "sigma_w2", "factor"),
    [("sigmoid", 1, 0.236), ("sigmoid", 1 / 3, 0.141), ("sigmoid", 2, 0.318)],
)
def test_gradients_fade_as_known(name: str, sigma_w2: float, factor: float) -> None:
    assert moments.settled(name, sigma_w2) == pytest.approx(factor, abs=5e-4)


@pytest.mark.parametrize("sigma_w2", [0.5, 1.0, 9.0])
def test_a_centred_sigmoid_below_its_threshold_has_the_slope_at_zero(sigma_w2: float) -> None:
    """Its fixed point is 0 up to a weight variance of 16."""
    factor = moments.settled(sigmoidal("centred sigmoid"), sigma_w2)
    assert factor == pytest.approx(math.sqrt(sigma_w2) / 4, rel=1e-6)
    printed = moments.printed("sigmoid", sigma_w2, 3)
    np.testing.assert_allclose(printed.gradient, factor ** np.array([4, 2, 0]), rtol=1e-6)


def test_large_weights_saturate_tanh_by_the_law_of_their_tails() -> None:
    r"""For large q, E tanh'^2 = (4/3) / sqrt(2 pi q), and q* = sigma_w2 (1 - sqrt(2/(pi q)))."""
    q = 100.0
    for _ in range(50):
        q = 100 * (1 - math.sqrt(2 / (math.pi * q)))
    factor = math.sqrt(100 * 4 / 3 / math.sqrt(2 * math.pi * q))
    assert moments.settled("tanh", 100.0) == pytest.approx(factor, rel=0.01)


# --- schemes ------------------------------------------------------------------------------


def test_weights_by_the_slopes_keep_the_gradient() -> None:
    factors = rates.slope_factors("sigmoid", 6, signal=0.3)
    profile = propagation.profile("sigmoid", [100] * 8, factors**2 / 100, signal=0.3)
    np.testing.assert_allclose(profile.gradient, 1.0, rtol=1e-9)
    assert np.all(np.diff(factors) > 0)


@pytest.mark.parametrize("activation", ["sigmoid", "centred sigmoid", "rescaled_sigmoid"])
def test_the_exact_start_computes_what_the_rescaled_network_does(activation: str) -> None:
    ours, right = (
        rates.start(name, "exact", WIDTHS, seed=1, signal=0.3).double()
        for name in (activation, "rescaled_sigmoid")
    )
    x = torch.randn(7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(x), right(x), rtol=0, atol=1e-5)  # drawn in float32


def test_starts_differ_by_their_factors() -> None:
    plain, four, slopes = (
        rates.start("sigmoid", name, WIDTHS, seed=1, signal=0.3)
        for name in ("xavier", "four", "slopes")
    )
    expected = rates.slope_factors("sigmoid", 2, 0.3)
    layers = zip(plain.layers, four.layers, slopes.layers, strict=True)
    for index, (one, other, third) in enumerate(layers):
        assert torch.equal(other.weight, one.weight * (4 if index else 1))
        torch.testing.assert_close(third.weight, one.weight * float(expected[index]))


@pytest.mark.parametrize("scheme", ["uniform", "lower 4", "exact"])
def test_a_stack_learns_as_its_networks_one_by_one(scheme: rates.Rates) -> None:
    network = rates.start("sigmoid", "four", WIDTHS, seed=2, signal=0.3).double()
    base = (0.1, 0.7)
    stack = rates.Stack.of(network, base, scheme)
    of_weights, of_biases = rates.rate_factors(scheme, 3)
    x = torch.randn(6, 8, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(8) % 4
    costs = torch.stack([stack.step(one, labels) for one in x])
    for copy, rate in enumerate(base):
        single = rates.start("sigmoid", "four", WIDTHS, seed=2, signal=0.3).double()
        groups = [
            {"params": [p], "lr": rate * factor}
            for layer, w, b in zip(single.layers, of_weights, of_biases, strict=True)
            for p, factor in ((layer.weight, w), (layer.bias, b))
        ]
        logits = pairs.learn(single, torch.optim.SGD(groups), (x, labels.expand(6, 8)))
        cost = [float(F.cross_entropy(torch.from_numpy(one), labels)) for one in logits]
        np.testing.assert_allclose(costs[:, copy].numpy(), cost, rtol=1e-10)


def test_rates_by_layer_have_the_base_rate_in_the_middle() -> None:
    for scheme, growth in (("uniform", 1), ("lower 2", 2), ("lower 16", 16)):
        of_weights, of_biases = rates.rate_factors(scheme, 7)
        assert of_weights == of_biases
        assert of_weights[3] == 1
        np.testing.assert_allclose(np.divide(of_weights[:-1], of_weights[1:]), growth)


# --- runs ---------------------------------------------------------------------------------


def test_a_run_is_a_function_of_its_spec() -> None:
    [spec] = study.SCALES["smoke"]
    one, other = study.run(spec, Watch()), study.run(spec, Watch())
    for name, values in one.arrays.items():
        np.testing.assert_array_equal(values, other.arrays[name])
    assert one.arrays["cost"].shape == (2, len(study.BASE_RATES))
    assert one.metrics["best_cost"] < study.BEGUN
    assert 0 < one.metrics["test_error"] < 0.9


def test_the_laptop_runs_are_all_different() -> None:
    specs = study.SCALES["laptop"]
    assert len(set(specs)) == len(specs) == 3 * (len(study.SCHEMES) + len(study.DEEP_SCHEMES))


def test_costs_that_are_no_numbers_are_infinite() -> None:
    arrays = {"cost": np.array([[3.0, 1.0], [np.nan, 1.5], [np.nan, 0.5]])}
    assert study.final_costs(arrays).tolist() == [math.inf, 1.0]


def made_up(costs: Mapping[str, list[list[float]]]) -> dict[str, list[Record]]:
    """Return records whose costs end as given, (seeds, base rates), by group."""
    groups = {}
    for name, ends in costs.items():
        groups[name] = [
            Record(
                study.NAME,
                asdict(study.Spec(seed=seed)),
                {},
                {
                    "rates": np.array([0.1, 1.0]),
                    "updates": np.array([50, 100, 150]),
                    "cost": np.array([[2.3, 2.3], row, row]),
                    "test_error": np.array([0.5, 0.1]),
                },
                {},
            )
            for seed, row in enumerate(ends)
        ]
    return groups


def test_a_group_has_learned_if_all_its_seeds_have_at_one_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records = made_up(
        {
            "all": [[2.3, 0.5], [0.2, 0.9]],
            "each at its own": [[2.3, 0.5], [0.2, 2.3]],
            "one diverged": [[2.3, 0.5], [2.2, math.inf]],
        }
    )
    monkeypatch.setattr(rate_checks, "group", records.__getitem__)
    assert rate_checks.learned("all")
    assert rate_checks.best("all")[0] == 1.0
    assert not rate_checks.learned("each at its own")
    assert not rate_checks.learned("one diverged")
    assert rate_checks.said("all") == "all: 0.70 (worst of 2: 0.90) at 1"


# --- claims and figures -------------------------------------------------------------------


LIVE = [claim for claim in CLAIMS if claim.check.__module__ == checks.__name__]


@pytest.mark.parametrize("claim", LIVE, ids=lambda claim: claim.id)
def test_a_live_check_finds_the_verdict(claim: object) -> None:
    assert check(claim).agrees


def test_a_check_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks.SERIES, "sigmoid", (1 / 2, 1 / 4, 0, -1 / 24, 0))
    assert checks.check_sigmoid_series().verdict == "not reproduced"
    monkeypatch.setattr(checks, "VARIANCES", (16.0, 16.0, 100.0))
    assert checks.check_vanishing().verdict == "not reproduced"


def test_a_figure_of_diverged_runs_is_drawn() -> None:
    records = made_up({"a": [[2.3, 0.5], [2.2, math.inf]]})
    drawn = figures.rates_figure({"panel": records})
    assert isinstance(drawn, Figure)
    assert drawn.axes[0].lines[0].get_ydata().tolist() == [2.25, 2.25]
