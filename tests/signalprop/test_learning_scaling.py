"""How learning times scale: fits against other routes, and isometry as it is measured."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from signalprop import summaries
from signalprop.records import Record
from signalprop.studies import learning_speed as study
from signalprop.studies.learning_speed import checks, lasting, scaling, specs


def sweep(depth: int, steps: list[float], power: float = 0.5) -> scaling.Sweep:
    """Return a sweep over rates 1, 2, 3 over the depth, times growing with a power of it."""
    rates = np.arange(1.0, len(steps) + 1) / depth
    return scaling.Sweep("toy", depth, 0.025, "orthogonal", rates, np.array(steps) * depth**power)


def test_a_power_of_one_group_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    x = np.array([12.0, 25.0, 50.0, 100.0, 200.0])
    y = 3 * x**0.6 * np.exp(rng.normal(0, 0.1, 5))
    fit = stats.linregress(np.log(x), np.log(y))
    found = scaling.power(x, y)
    assert found.exponent == pytest.approx(fit.slope)
    assert found.half == pytest.approx(fit.stderr * stats.t.ppf(0.975, 3))


def test_intervals_hold_the_power_as_often_as_they_say() -> None:
    # Times of one depth have much of their error in common, at whatever rate.
    rng, depths = np.random.default_rng(2), (12, 25, 50, 100, 200)
    held = 0
    for _ in range(1000):
        noise = rng.normal(0, 0.3, (5, 1)) + rng.normal(0, 0.1, (5, 4))
        times = 10 * np.exp(noise)
        sweeps = [sweep(d, list(t)) for d, t in zip(depths, times, strict=True)]
        _, fit = scaling.at_each_rate(sweeps)
        held += abs(fit.exponent - 0.5) <= fit.half
    assert abs(held - 950) <= 4 * math.sqrt(1000 * 0.95 * 0.05)


def test_a_grid_is_no_more_exact_than_its_step() -> None:
    x = np.array([10.0, 20.0, 40.0])
    assert scaling.power(x, 1 / x).half < 1e-6
    scatter = math.log(2) / math.sqrt(12)
    half = stats.t.ppf(0.975, 1) * scatter / (math.log(2) * math.sqrt(2))
    assert scaling.power(x, 1 / x, known_to=2).half == pytest.approx(half)


@pytest.mark.parametrize("y", [[1.0, 2.0], [1.0, 2.0, math.inf], [1.0, 2.0, math.nan]])
def test_a_power_wants_three_numbers(y: list[float]) -> None:
    with pytest.raises(ValueError, match="three or more positive numbers"):
        scaling.power(range(1, len(y) + 1), y)


def test_a_power_too_uncertain_is_not_judged() -> None:
    assert scaling.Power(0.5, 0.1).judge(0.5) == "reproduced"
    assert scaling.Power(0.5, 0.2).judge(0.31) == "reproduced"
    assert scaling.Power(0.1, 0.05).judge(0.5) == "not reproduced"
    assert scaling.Power(0.5, 0.3).judge(0.5) == "open"


def test_the_best_rate_is_the_fastest_one() -> None:
    assert sweep(100, [4, 2, math.inf]).best == (0.02, 20.0)
    never = sweep(100, [math.inf, math.inf])
    assert never.best[1] == math.inf


def test_powers_of_times_are_found_again() -> None:
    sweeps = [sweep(depth, [4, 1, math.inf, 3], 0.7) for depth in (12, 50, 200)]
    rate, best = scaling.at_best(sweeps)
    assert rate.exponent == pytest.approx(-1)
    assert best.exponent == pytest.approx(0.7)
    rates, every = scaling.at_each_rate(sweeps)
    assert rates == pytest.approx([1, 2, 4])
    assert every.exponent == pytest.approx(0.7)
    few = [sweep(depth, [2, 40, 30], 0.0) for depth in (12, 50, 200)]
    assert scaling.at_each_rate(few)[0] == pytest.approx([2, 3])


def test_isometry_is_one_only_of_equal_singular_values() -> None:
    equal, two = np.full((1, 2, 8), 3.0), np.tile([0.0, 1.0], 8).reshape(1, 2, 8)
    for values, expected in ((equal, 1.0), (two, 0.5)):
        record = Record(study.NAME, {}, {}, {"singular_values": values}, {})
        assert lasting.isometry(record) == pytest.approx([expected])


def test_the_largest_may_be_left_out() -> None:
    values = np.array([[[5.0, 1.0, 1.0, 1.0]]])
    record = Record(study.NAME, {}, {}, {"singular_values": values}, {})
    assert lasting.isometry(record, 1) == pytest.approx([1.0])
    assert lasting.isometry(record) < 0.5


def test_isometry_at_the_start_is_that_of_the_theory() -> None:
    (case, *_) = specs.CASES
    draws = [lasting.isometry(record) for record in checks.starts(case)]
    theory = lasting.isometry_in_theory(case.q_star)
    assert summaries.errors_off(draws, theory) < summaries.LIMIT


def test_what_is_kept_is_looked_up_where_it_learned() -> None:
    s = np.ones((3, 1, 4))
    s[2, 0, 0] = 3.0
    arrays = {
        "updates": np.array([0, 1, 3]),
        "test": np.array([0.1, 0.2, 0.3]),
        "singular_values": s,
    }
    record = Record(study.NAME, {}, {}, arrays, {})
    end = (3**2 + 3) ** 2 / (4 * (3**4 + 3))
    assert lasting.share_kept(record, 0.3) == pytest.approx(end)
    assert lasting.share_kept(record, 0.2) == pytest.approx(1)
    assert math.isnan(lasting.share_kept(record, 0.4))


def test_what_was_not_seen_to_learn_is_not_first() -> None:
    record = Record(study.NAME, {}, {}, {}, {})
    fast, slow, never = (
        checks.Timed(0.1, steps, trained, record)
        for steps, trained in ((3.0, 4), (200.0, 250), (math.inf, 100))
    )
    assert checks.first(fast, slow)
    assert checks.first(fast, never)
    assert checks.first(slow, never) is None  # which may have come at 101
    assert checks.first(never, fast) is False
    assert checks.first(slow, fast) is False
    assert checks.spread([fast, never]) == pytest.approx(100 / 3)
