"""How learning times scale: fits against other routes, and isometry as it is measured."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from signalprop import summaries
from signalprop.records import Record
from signalprop.spectra import jacobian_law
from signalprop.studies import learning_speed as study
from signalprop.studies.learning_speed import checks, scaling, specs


def sweep(depth: int, steps: list[float], power: float = 0.5) -> scaling.Sweep:
    """Return a sweep over rates 1, 2, 3 over the depth, times growing with a power of it."""
    rates = np.arange(1.0, len(steps) + 1) / depth
    return scaling.Sweep(depth, 0.025, "orthogonal", rates, np.array(steps) * depth**power)


def test_a_power_of_one_group_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    x = np.array([12.0, 25.0, 50.0, 100.0, 200.0])
    y = 3 * x**0.6 * np.exp(rng.normal(0, 0.1, 5))
    fit = stats.linregress(np.log(x), np.log(y))
    found = scaling.power(x, y)
    assert found.exponent == pytest.approx(fit.slope)
    assert found.half == pytest.approx(fit.stderr * stats.t.ppf(0.975, 3))


def test_groups_have_factors_of_their_own() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat([0, 1, 2], 5)
    x = np.tile([12.0, 25.0, 50.0, 100.0, 200.0], 3)
    y = np.array([1.0, 5.0, 25.0])[groups] * x**0.6 * np.exp(rng.normal(0, 0.1, 15))
    # The same by a design matrix with a column for each group.
    design = np.column_stack([np.log(x), *(groups == g for g in range(3))])
    coefficients, (residual,), *_ = np.linalg.lstsq(design, np.log(y))
    variance = residual / (15 - 4) * np.linalg.inv(design.T @ design)[0, 0]
    found = scaling.power(x, y, groups)
    assert found.exponent == pytest.approx(coefficients[0])
    assert found.half == pytest.approx(math.sqrt(variance) * stats.t.ppf(0.975, 11))


def test_intervals_hold_the_power_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    x = np.geomspace(12, 200, 5)
    fits = [scaling.power(x, x**0.5 * np.exp(rng.normal(0, 0.3, 5))) for _ in range(1000)]
    held = sum(abs(fit.exponent - 0.5) <= fit.half for fit in fits)
    assert abs(held - 950) <= 4 * math.sqrt(1000 * 0.95 * 0.05)


def test_the_best_rate_is_the_fastest_one() -> None:
    assert sweep(100, [4, 2, math.inf]).best == (0.02, 20.0)
    never = sweep(100, [math.inf, math.inf])
    assert never.best[1] == math.inf


def test_powers_of_times_are_found_again() -> None:
    sweeps = [sweep(depth, [4, 2, math.inf, 3], 0.7) for depth in (12, 50, 200)]
    rate, best = scaling.at_best(sweeps)
    assert rate.exponent == pytest.approx(-1)
    assert best.exponent == pytest.approx(0.7)
    every = scaling.at_each_rate(sweeps)
    assert every.exponent == pytest.approx(0.7)
    assert every.scatter == pytest.approx(0, abs=1e-9)
    assert scaling.agrees(best, 0.6)
    assert not scaling.agrees(best, 0.5)


def test_isometry_is_one_only_of_equal_singular_values() -> None:
    equal, two = np.full((1, 2, 8), 3.0), np.tile([0.0, 1.0], 8).reshape(1, 2, 8)
    for values, expected in ((equal, 1.0), (two, 0.5)):
        record = Record(study.NAME, {}, {}, {"singular_values": values}, {})
        assert scaling.isometry(record) == pytest.approx([expected])


def test_the_largest_may_be_left_out() -> None:
    values = np.array([[[5.0, 1.0, 1.0, 1.0]]])
    record = Record(study.NAME, {}, {}, {"singular_values": values}, {})
    assert scaling.isometry(record, 1) == pytest.approx([1.0])
    assert scaling.isometry(record) < 0.5


def test_isometry_at_the_start_is_that_of_the_theory() -> None:
    # <lambda>^2 / <lambda^2> = 1 / (1 + variance) of squared singular values of mean one.
    near = specs.Q_STARS[:3]
    theory = []
    for q in near:
        law = jacobian_law("tanh", scaling.DEPTH, "orthogonal", q)
        theory.append(1 / (1 + law.variance / law.moment(1) ** 2))
    squared = [scaling.trained(q).arrays["singular_values"][0].astype(float) ** 2 for q in near]
    each = np.array([s.mean(-1) ** 2 / (s**2).mean(-1) for s in squared])
    assert summaries.errors_off(each.T, np.array(theory)) < summaries.LIMIT


def test_what_was_not_seen_to_learn_is_not_first() -> None:
    record = Record(study.NAME, {}, {}, {}, {})
    fast, slow, never = (
        checks.Timed(0.1, steps, trained, record)
        for steps, trained in ((3.0, 4), (200.0, 250), (math.inf, 100))
    )
    assert checks.first(fast, slow)
    assert checks.first(fast, never)
    assert not checks.first(slow, never)  # which may have come at 101
    assert not checks.first(never, fast)
    assert checks.spread([fast, never]) == pytest.approx(100 / 3)
