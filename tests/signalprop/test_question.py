"""The study of the question: its stream, its instruments, and checks that can fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from signalprop.activations import get
from signalprop.datasets import Examples
from signalprop.meanfield import gradient_factor
from signalprop.records import Record
from signalprop.studies import question as study
from signalprop.studies.question import checks
from signalprop.studies.question import theory_checks as theory
from signalprop.training import Watch, in_place_step


def examples(n: int) -> Examples:
    """Return images that are numbered by their only pixel."""
    return Examples(np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1), np.arange(n) % 10)


def test_the_first_half_gets_nine_visits_in_ten_and_all_are_visited() -> None:
    n = 200_000
    _, labels = study.Visits(examples(20), seed=0).batch(n)
    images = (study.Visits(examples(20), seed=0).batch(n)[0] * 255).round().astype(int).ravel()
    assert np.array_equal(labels, images % 10)
    visits = np.bincount(images, minlength=20) / n
    expected = np.repeat([0.09, 0.01], 10)
    np.testing.assert_array_less(np.abs(visits - expected), 5 * np.sqrt(expected / n))


def test_visits_depend_on_position_and_seed_only() -> None:
    stream = study.Visits(examples(20), seed=3)
    whole = stream.batch(4000)[1]
    for start, length in ((0, 1), (995, 10), (1000, 1000), (2500, 1500)):
        stream.position = start
        np.testing.assert_array_equal(stream.batch(length)[1], whole[start : start + length])
        assert stream.position == start + length
    assert not np.array_equal(whole, study.Visits(examples(20), seed=4).batch(4000)[1])


def test_decay_shrinks_weights_before_the_step_and_leaves_biases() -> None:
    plain, decayed = (study.build(study.Spec(), 64) for _ in range(2))
    with torch.no_grad():
        for layer in plain.layers:
            layer.weight.mul_(0.9)
    inputs, labels = torch.rand(10, 64), torch.arange(10)
    in_place_step(plain, 0.1)(inputs, labels)
    study.decaying(in_place_step(decayed, 0.1), decayed, 0.1)(inputs, labels)
    for a, b in zip(plain.parameters(), decayed.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


@pytest.mark.parametrize(("scale", "low", "high", "slope"), [(0, 0, 0, 1), (1e6, 0.5, 0.5, 0)])
def test_the_instruments_know_units_at_rest_and_at_their_limits(
    scale: float, low: float, high: float, slope: float
) -> None:
    inputs, labels = study.probe_images(study.Spec())
    network = study.build(study.Spec(depth=1), 64)
    with torch.no_grad():
        for layer in network.layers:
            layer.weight.mul_(scale)
    measured = study.measure(network, inputs, labels)
    # Half of the units sit at either end, up to the spread of 100 units that share the images.
    np.testing.assert_allclose(measured["low"], low, atol=0.15 if scale else 0)
    np.testing.assert_allclose(measured["high"], high, atol=0.15 if scale else 0)
    np.testing.assert_allclose(measured["slope"], slope, atol=1e-4)


def test_a_run_learns_and_probes_every_group() -> None:
    result = study.run(study.Spec(depth=1, updates=2000), Watch())
    layers = (len(study.probe_times(2000)), len(study.GROUPS), 1)
    assert result.arrays["low"].shape == result.arrays["slope"].shape == layers
    assert result.arrays["kurtosis"].shape == (layers[0], 2)
    error = result.arrays["error"][-1]
    often, rarely, never, noise = error
    assert often < 0.2 < noise
    assert max(rarely, never) < noise


# --- theory -------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [4.5, 6.89, 30.0, -9.0])
def test_the_window_is_where_the_error_does_not_shrink(weight: float) -> None:
    """Against a root of w sigma'(w a) = 1, with the biases at 0."""
    slope = get("sigmoid").derivative
    edge = brentq(lambda a: abs(weight) * slope(weight * a) - 1, 0, 10, xtol=1e-14)
    assert theory.window(weight) == pytest.approx(2 * edge, rel=1e-9)


def test_there_is_no_window_up_to_four() -> None:
    np.testing.assert_array_equal(theory.window([0.1, 1.0, 4.0, -4.0]), 0)


def test_a_centred_sigmoid_keeps_the_gradient_at_four() -> None:
    assert gradient_factor(get("sigmoid").centred(), 4.0**2) == pytest.approx(1)
    # The plain one needs more: there the factor is 1, and most units are at their limits.
    kept = theory.threshold()
    assert gradient_factor("sigmoid", kept**2) == pytest.approx(1, abs=1e-9)
    assert theory.saturated_at(1.0) < 1e-6 < 0.5 < theory.saturated_at(kept) < 1


@pytest.mark.parametrize("name", [name for name in dir(theory) if name.startswith("check_")])
def test_findings_of_theory_are_those_of_the_book(name: str) -> None:
    from signalprop.studies.question.claims import CLAIMS

    check = getattr(theory, name)
    [claim] = [claim for claim in CLAIMS if claim.check is check]
    assert check().verdict == claim.verdict


# --- checks can fail ----------------------------------------------------------------------


def fake(often: float, never: float, error: float = 0.0) -> Record:
    """Return a record of two layers with given saturated fractions."""
    low = np.zeros((2, len(study.GROUPS), 2), np.float32)
    low[:, checks.OFTEN], low[:, checks.NEVER] = often, never
    arrays = {"low": low, "high": np.zeros_like(low)}
    made: dict[str, Any] = {}
    return Record(study.NAME, {}, {"training_error": error}, arrays, made)


@pytest.mark.parametrize(
    ("fractions", "verdict"),
    [
        ([0.95, 0.99], "reproduced"),
        ([0.95, 0.5], "partly reproduced"),
        ([0.95, 0.5, 0.5], "refuted"),
    ],
)
def test_near_the_limits_is_decided_by_every_layer(
    fractions: list[float], verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An untrained network is no witness.
    runs = [*(fake(f, f) for f in fractions), fake(0.0, 0.0, error=0.5)]
    monkeypatch.setattr(checks, "LAPTOP", {"one": []})
    monkeypatch.setattr(checks, "group", lambda name: runs)
    assert checks.check_near_limits().verdict == verdict


@pytest.mark.parametrize(
    ("gaps", "verdict"),
    [([0.2, 0.3], "reproduced"), ([0.0, 0.3], "partly reproduced"), ([0.0, 0.01], "refuted")],
)
def test_visits_are_decided_by_the_gap(
    gaps: list[float], verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "LAPTOP", {"one": []})
    monkeypatch.setattr(checks, "group", lambda name: [fake(0.5 + g, 0.5) for g in gaps])
    assert checks.check_visits().verdict == verdict


def course(fractions: list[float], **arrays: np.ndarray) -> Record:
    """Return a record of one layer whose saturated fraction is given probe by probe."""
    low = np.zeros((len(fractions), len(study.GROUPS), 1))
    low[:, checks.OFTEN, 0] = fractions
    arrays |= {"low": low, "high": 0 * low, "updates": 1000 * np.arange(len(fractions))}
    return Record(study.NAME, {"depth": 2, "seed": 0}, {"training_error": 0.0}, arrays, {})


@pytest.mark.parametrize(
    ("late", "decayed", "verdict"),
    [
        (0.3, 0.05, "reproduced"),
        (0.3, 0.5, "partly reproduced"),
        (0.05, 0.5, "not reproduced"),
    ],
)
def test_time_and_decay_are_compared_run_by_run(
    late: float, decayed: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {"long": [0.1] * 9 + [late], "rate 0.5": [0.2], "decay 0.001": [decayed]}
    made = {name: [course(fractions)] for name, fractions in runs.items()}
    for record in (*made["rate 0.5"], *made["decay 0.001"]):
        record.spec["depth"] = 3  # the depths that ran with decay are 1 and 3
    monkeypatch.setattr(checks, "group", made.__getitem__)
    assert checks.check_time().verdict == verdict


@pytest.mark.parametrize(
    ("fractions", "verdict"),
    [((0.1, 0.2, 0.3), "reproduced"), ((0.3, 0.2, 0.1), "not reproduced")],
)
def test_rates_are_compared_in_order(
    fractions: tuple[float, ...], verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {f"rate {r}": [course([f])] for r, f in zip(study.RATES, fractions, strict=True)}
    monkeypatch.setattr(checks, "group", made.__getitem__)
    assert checks.check_rate().verdict == verdict


@pytest.mark.parametrize(
    ("fractions", "verdict"),
    [([0.6, 0.7], "reproduced"), ([0.6, 0.1], "partly reproduced"), ([0.4] * 2, "not reproduced")],
)
def test_large_weights_are_looked_at_before_and_after(
    fractions: list[float], verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "group", lambda name: [course(fractions)])
    assert checks.check_large_weights().verdict == verdict


@pytest.mark.parametrize(
    ("kurtosis", "skewness", "verdict"),
    [
        ([0.1, -0.1], [0.0, 0.1], "reproduced"),
        ([0.1, 3.0], [0.0, 0.1], "partly reproduced"),
        ([0.1, -0.1], [1.0, 0.1], "partly reproduced"),
        ([3.0, -1.2], [0.0, 0.1], "not reproduced"),
    ],
)
def test_weights_are_normal_by_two_numbers(
    kurtosis: list[float], skewness: list[float], verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = course([0.1], kurtosis=np.array([kurtosis]), skewness=np.array([skewness]))
    monkeypatch.setattr(checks, "group", lambda name: [run])
    assert checks.check_gaussian_weights().verdict == verdict


def test_saturation_over_depth_can_go_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    up = {1: np.array([[0.1], [0.1]]), 2: np.array([[0.1, 0.3], [0.1, 0.3]])}
    monkeypatch.setattr(checks, "by_depth", lambda name: up)
    assert checks.check_depth().verdict == "reproduced"
    assert checks.check_top_layer().verdict == "reproduced"
    down = {1: np.array([[0.5]]), 2: np.array([[0.3, 0.1]])}
    monkeypatch.setattr(checks, "by_depth", lambda name: down)
    assert checks.check_depth().verdict == "not reproduced"
    assert checks.check_top_layer().verdict == "not reproduced"
