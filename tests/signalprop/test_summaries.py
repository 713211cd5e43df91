"""What many runs say together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from signalprop.summaries import bounded, errors_off, gap, listed, spread, stays_below


def test_agreement_is_measured_in_standard_errors(rng: np.random.Generator) -> None:
    samples = 3 + 0.3 * rng.standard_normal((400, 5))
    assert errors_off(samples, 3.0) < 4
    # An error of 0.1 where the standard error is 0.3 / sqrt(400).
    assert errors_off(samples, 3.1) == pytest.approx(0.1 / 0.015, abs=2.5)


def test_rounding_is_told_by_a_power_of_ten() -> None:
    assert (bounded([3e-7, -2e-5]), bounded(0.5)) == ("below 1e-4", "below 1e0")


def test_numbers_are_written_by_decimals_or_by_a_format() -> None:
    assert listed([[0.125, 2.0], [3.0, 4.0]]) == "0.12 2.00 3.00 4.00"
    assert listed([2, 8], "d", ", ") == "2, 8"
    assert listed(0.5, 1) == "0.5"
    assert spread([1.0, 3.0], 1) == "2.0 ± 1.4 (n=2)"


def test_the_error_of_a_gap_is_that_of_two_means(rng: np.random.Generator) -> None:
    gaps = [gap(rng.normal(1, 2, 8), rng.normal(0, 1, 5)) for _ in range(2000)]
    found, errors = np.transpose(gaps)
    assert found.mean() == pytest.approx(1, abs=4 * found.std() / math.sqrt(2000))
    # The squared error is free of bias, whatever the two variances are.
    assert np.mean(errors**2) == pytest.approx(found.var(), rel=4 * math.sqrt(2 / 2000) + 0.05)


@pytest.mark.parametrize(
    ("costs", "since"),
    [
        ([2.3, 2.1, 2.0], 20),
        ([2.1, 2.3, 2.0], 30),
        ([2.1, 2.0, 2.3], None),
        ([2.1, 2.0, 2.2], None),
        ([2.1, 2.0, math.nan], None),
        ([2.0, 2.0, 2.0], 10),
        ([1.0], 10),
        ([], None),
    ],
)
def test_a_cost_is_low_from_when_it_stays_so(costs: list[float], since: int | None) -> None:
    """The cost before training, 0 in every history, is none."""
    updates = range(0, 10 * len(costs) + 1, 10)
    assert stays_below(updates, [0.0, *costs], 2.2) == since
