"""The untrained networks of Figs. 6 to 8, and what their checks make of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import ks_2samp, kstest

from signalprop.claims import Claim, Finding
from signalprop.cost_surface import sample, surface
from signalprop.initializers import xavier_
from signalprop.networks import MLP, initialize
from signalprop.records import Record
from signalprop.studies import glorot_initialization as study
from signalprop.studies.glorot_initialization import checks, replication
from signalprop.studies.glorot_initialization.claims import CLAIMS
from signalprop.studies.glorot_saturation import EPOCH


def network(widths: tuple[int, ...] = (6, 20, 20, 4), activation: str = "tanh") -> MLP:
    made = MLP(widths, activation)
    initialize(made, xavier_, seed=1)
    return made.double()


def examples(n: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(n, 6, dtype=torch.float64, generator=generator)
    return x, torch.arange(n) % 4


# --- measuring ----------------------------------------------------------------------------


def test_signals_are_those_of_automatic_differentiation() -> None:
    net, (x, labels) = network(), examples()
    hidden, gradients = study.signals(net, x, labels)
    pre, h = [], x
    for layer in net.layers[:-1]:
        pre.append(layer(h))
        h = torch.tanh(pre[-1])
    cost = F.cross_entropy(net.layers[-1](h), labels, reduction="sum")
    for ours, theirs in zip(gradients, torch.autograd.grad(cost, pre), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-14)
    torch.testing.assert_close(hidden[-1], h.detach())
    assert [g.shape for g in gradients] == [h.shape for h in hidden]


@pytest.mark.parametrize("batch", [1, 4, 12])
def test_batch_gradients_are_those_of_automatic_differentiation(batch: int) -> None:
    net, (x, labels) = network(), examples()
    hidden, gradients = study.signals(net, x, labels)
    ours = study.batch_gradients(hidden[0], gradients[1], batch)
    assert ours.shape == (12 // batch, 20, 20)
    for part, inputs, classes in zip(ours, x.split(batch), labels.split(batch), strict=True):
        cost = F.cross_entropy(net(inputs), classes)
        [theirs] = torch.autograd.grad(cost, [net.layers[1].weight])
        torch.testing.assert_close(part, theirs, rtol=0, atol=1e-14)


@pytest.mark.parametrize("batch", [1, 4, 12])
def test_the_deviation_of_gradients_needs_no_gradients(batch: int) -> None:
    net, (x, labels) = network(), examples()
    hidden, gradients = study.signals(net, x, labels)
    made = study.batch_gradients(hidden[0], gradients[1], batch)
    expected = float(made.std(correction=0))
    assert study.gradient_deviation(hidden[0], gradients[1], batch) == pytest.approx(
        expected, rel=1e-12
    )


def test_only_tanh_has_the_slope_that_signals_assumes() -> None:
    with pytest.raises(ValueError, match="tanh units, got sigmoid"):
        study.signals(network(activation="sigmoid"), *examples())


def test_the_peak_of_a_gaussian_is_a_percent_low(rng: np.random.Generator) -> None:
    """The window's bias is WINDOW^2 / 6; the rest within four standard errors."""
    values = torch.from_numpy(0.3 * rng.standard_normal(400_000))
    found = study.distribution(values, reach=1.0)
    share = 2 * study.WINDOW * 0.3989
    error = 4 * math.sqrt((1 - share) / (share * 400_000))
    expected = 0.3989 / 0.3 * (1 - study.WINDOW**2 / 6)
    assert found.peak == pytest.approx(expected, rel=error + 1e-3)
    assert found.std == pytest.approx(0.3, rel=4 / math.sqrt(800_000))


def test_a_density_is_a_share_of_all_values_also_of_those_off_the_axis() -> None:
    values = torch.tensor([-2.0, 0.0, 0.0, 0.5])
    density = study.distribution(values, reach=1.0).density
    assert len(density) == study.BINS
    width = 2 / study.BINS
    assert density.sum() * width == pytest.approx(3 / 4)
    assert density[study.BINS // 2] * width == pytest.approx(2 / 4)


@pytest.mark.parametrize(("values", "reach"), [(torch.zeros(4), 1.0), (torch.arange(4.0), 0.0)])
def test_no_spread_and_no_axis_are_refused(values: torch.Tensor, reach: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        study.distribution(values, reach)


def test_readings_name_every_initialization_once() -> None:
    assert sorted(w for of in study.READINGS.values() for w in of.values()) == [
        "normalized",
        "normalized-fitted",
        "standard",
        "standard-fitted",
    ]
    assert set(study.REACH) == {*checks.PRINTED, "batch gradients"}
    for of in (*study.REACH.values(), *checks.PRINTED.values()):
        assert set(of) == set(study.READINGS)


def test_the_untrained_network_is_seen_from_all_sides() -> None:
    seen = study.untrained("standard")
    assert set(seen) == set(study.REACH)
    assert all(len(layers) == 5 for layers in seen.values())
    std = [layer.std for layer in seen["activations"]]
    assert std == sorted(std, reverse=True)


def test_equation_1_scales_a_small_signal_by_a_third() -> None:
    """From layer 4 to 5 tanh is nearly linear: the variance ratio is n Var[W] = 1/3, and less."""
    std = study.deviations("standard", "activations")
    assert 0.30 < (std[4] / std[3]) ** 2 < 0.36


def test_averages_of_ten_are_smaller_by_nearly_the_root_of_ten() -> None:
    """Gradients of different images nearly cancel: their labels differ."""
    one, ten = (study.deviations("standard", q) for q in ("weight gradients", "batch gradients"))
    assert (one / ten > 0.9 * math.sqrt(10)).all()
    assert (one / ten < 1.05 * math.sqrt(10)).all()


def test_a_gaussian_output_layer_changes_the_shape_of_layer_5_only() -> None:
    """Peak times deviation is .289 for a uniform and .399 for a Gaussian law."""
    uniform, bell = (
        study.peaks("standard-fitted", "gradients"),
        study.bell_shaped_output("standard-fitted"),
    )
    np.testing.assert_allclose(bell[:4], uniform[:4], rtol=0.12)
    assert 1.2 < bell[4] / uniform[4] < 1.5


# --- Fig. 5 -------------------------------------------------------------------------------


def test_the_gap_of_corners_is_that_of_simulated_samples() -> None:
    n, samples = 30, 300
    ends = [surface("cross_entropy", 4.0, [-4.0, 4.0], sample(n, s)).value for s in range(samples)]
    gaps = np.subtract(*np.transpose(ends))
    assert gaps.std() == pytest.approx(checks.corner_gap(n), rel=4 / math.sqrt(2 * samples))


def test_high_plateaus_are_part_of_all_plateaus() -> None:
    area, high = checks.areas(), checks.high_areas()
    for cost in checks.COSTS:
        assert (high[cost] <= area[cost]).all()
    assert high["quadratic"].max() > 0.3


# --- Fig. 9 -------------------------------------------------------------------------------


def made_up(gradients: list[list[float]]) -> Record:
    arrays = {
        "weight_gradient_std": np.array(gradients),
        "updates": np.arange(len(gradients)),
    }
    return Record("glorot-saturation", {}, {}, arrays, {})


def test_the_start_ratio_leaves_out_the_first_and_the_output_layer() -> None:
    assert checks.start_ratio(made_up([[100, 2, 3, 100], [1, 1, 1, 1]])) == 1.5


def test_the_tilt_is_that_of_the_last_quarter() -> None:
    run = made_up([[9, 9, 1, 1]] * 6 + [[2, 4, 1, 9], [8, 4, 1, 9]])
    assert checks.tilt(run) == pytest.approx(4)  # the geometric mean of 2 and 8
    assert checks.tilt(run, 1) == pytest.approx(4)


def test_the_course_averages_runs_and_probes_geometrically() -> None:
    runs = [made_up([[1, 2, 9], *[[k, 1, 9]] * 3, *[[4 * k, 1, 9]] * 3]) for k in (1.0, 4.0)]
    times, values = checks.course(runs, probes=3)
    np.testing.assert_allclose(times * EPOCH, [0, 2, 5])
    np.testing.assert_allclose(values, [[1, 2], [2, 1], [8, 1]])
    # A probe more than whole blocks hold is left out at the start, where things change fast.
    times, _ = checks.course(runs, probes=5)
    np.testing.assert_allclose(times * EPOCH, [0, 4])


# --- the replication ----------------------------------------------------------------------


@pytest.mark.parametrize("name", replication.RULES)
@pytest.mark.parametrize("shape", [(3072, 1000), (1000, 1000), (1000, 10)])
def test_a_rule_s_bound_is_where_its_draws_end(name: str, shape: tuple[int, int]) -> None:
    """Draws against the bound as a law: a Kolmogorov-Smirnov test on a part of them."""
    rule = replication.RULES[name]
    generator = torch.Generator().manual_seed(5)
    weight = rule.fill(torch.empty(shape[1], shape[0]), generator=generator)
    bound = rule.bound(*shape)
    assert float(weight.abs().max()) <= bound * (1 + 1e-6)
    drawn = weight.flatten()[::7][:20_000].double().numpy()
    assert kstest(drawn, "uniform", args=(-bound, 2 * bound)).pvalue > 1e-3


def test_between_equal_layers_lecun_is_xavier_to_the_last_bit() -> None:
    drawn = [
        replication.RULES[name].fill(
            torch.empty(300, 300), generator=torch.Generator().manual_seed(7)
        )
        for name in ("LeCun", "equation 16", "equation 1")
    ]
    assert torch.equal(drawn[0], drawn[1])
    torch.testing.assert_close(drawn[0], drawn[2] * math.sqrt(3))


def test_the_distance_of_two_uniforms_is_that_of_draws(rng: np.random.Generator) -> None:
    n = 20_000
    for a, b in ((1.0, 1.0), (1.0, math.sqrt(3)), (2.0, 0.5)):
        found = ks_2samp(rng.uniform(-a, a, n), rng.uniform(-b, b, n)).statistic
        # The statistic of equal laws exceeds 1.95 sqrt(2/n) once in a thousand times.
        assert found == pytest.approx(replication.distance(a, b), abs=1.95 * math.sqrt(2 / n))


def test_learning_starts_alike_and_learns() -> None:
    curve = replication.learn("LeCun", seed=0, updates=60, width=20)
    assert curve.updates[0] == 0
    assert curve.cost[-1] < curve.cost[0]
    again = replication.learn("LeCun", seed=0, updates=60, width=20)
    np.testing.assert_array_equal(curve.cost, again.cost)


# --- claims -------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_s_check_finds_its_verdict(claim: Claim) -> None:
    assert claim.check().verdict == claim.verdict


@pytest.mark.parametrize(
    ("check", "name", "value"),
    [
        (checks.check_standard_activations, "peaks", np.array([13.7, 7.8, 4.35, 2.55, 1.4])),
        (checks.check_gradients_level, "deviations", np.array([1.0, 1, 1, 1, 2])),
        (checks.check_weight_gradients_equal, "deviations", np.array([1.0, 1, 1, 1, 2])),
        (checks.check_start_values, "deviations", np.array([1.0, 1, 1, 1, 2])),
    ],
)
def test_a_check_can_fail(
    check: Callable[[], Finding], name: str, value: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, name, lambda *_: value)
    assert check().verdict == "not reproduced"


LEVEL = [2.0, 1, 1, 1, 1, 9]
LOWER_LARGER, LOWER_SMALLER = [2.0, 1.5, 1.2, 1.1, 1, 9], [0.5, 0.8, 1, 1, 1, 9]
"""Deviations of the weight gradients by layer, the output layer's last."""


@pytest.mark.parametrize(
    ("standard", "normalized", "verdicts"),
    [
        ([LEVEL, LOWER_LARGER], [LEVEL, LEVEL], ("reproduced", "reproduced", "open")),
        ([LEVEL, LEVEL], [LOWER_LARGER, LEVEL], ("partly reproduced", "partly reproduced", "open")),
        ([LOWER_LARGER, LOWER_SMALLER], [LOWER_LARGER, LEVEL], ("not reproduced",) * 3),
        (
            [LEVEL, [4.0, *LEVEL[1:]]],
            [LEVEL, LEVEL],
            ("reproduced", "partly reproduced", "reproduced"),
        ),
    ],
)
def test_checks_of_gradients_during_training_can_fail(
    standard: list[list[float]],
    normalized: list[list[float]],
    verdicts: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three runs each, a little apart, of which the second half of the probes is late."""

    def runs(name: str) -> list[Record]:
        early, late = standard if name == checks.TRAINED["standard"] else normalized
        apart = (0.98, 1.0, 1.02)
        return [made_up([early] * 4 + [[a * late[0], *late[1:]]] * 4) for a in apart]

    monkeypatch.setattr(checks, "group", runs)
    found = (
        checks.check_equal_at_start(),
        checks.check_lower_layers_larger(),
        checks.check_worse_with_standard(),
    )
    assert tuple(finding.verdict for finding in found) == verdicts
