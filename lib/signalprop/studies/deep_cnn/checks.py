"""The checks behind the claims about deep convolutional networks.

What counts as learning was fixed after a pilot of 60 updates with 48 layers, and what counts as an
isometry after one with 1,000 layers, before the runs were made.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...claims import Finding, decide
from ...records import Record
from ...summaries import each, listed
from . import LAPTOP, RATES, group

LEARNS, FAILS = 0.2, 0.8
"""Test errors below and above which a network counts as learning and failing."""


def error(record: Record) -> float:
    """Return the share of test images misclassified at the end; 1 if the run diverged."""
    diverged = record.metrics["outcome"] == "diverged"
    return 1.0 if diverged else float(record.metrics["test_error"])


def check_trains() -> Finding:
    """Check that a deep plain network learns, though not at the depth that is claimed."""
    errors = _best_and_seeds()
    depth = LAPTOP["delta"][0].depth
    learned = bool(np.all(errors < LEARNS))
    return Finding(
        f"{depth} layers, {LAPTOP['delta'][0].updates} updates: test error {listed(errors)} (one "
        "number a seed)",
        "partly reproduced" if learned else "not reproduced",
    )


def check_starts() -> Finding:
    """Check that usual starts learn at no rate, and delta-orthogonal weights with every seed."""
    ours = _best_and_seeds()
    usual = {name: each(group(name), error) for name in ("torch", "xavier")}
    return Finding(
        f"delta-orthogonal {listed(ours)}; "
        + "; ".join(f"{name}, at {len(e)} rates, {listed(e)}" for name, e in usual.items()),
        decide(ours < LEARNS, np.concatenate([*usual.values()]) > FAILS),
    )


def check_lower_rate() -> Finding:
    """Check that the lowest rate, at which the first seed had learned, serves two more seeds."""
    errors = each(group("delta, lower rate"), error)
    return Finding(f"test errors {listed(errors)} (one number a seed)", decide(errors < LEARNS))


def check_isometry() -> Finding:
    """Check the singular values of 10,000 layers at the start."""
    [small], [printed] = group("isometry, q* = 1/L"), group("isometry, printed")
    lowest, highest = small.metrics["s_min"], small.metrics["s_max"]
    median = float(np.median(printed.arrays["singular_values"]))
    return Finding(
        f"q* = 1/L: from {lowest:.2g} to {highest:.3g}, root mean square "
        f"{small.metrics['root_mean_square']:.3g}; at sigma_w2 = 1.05 from "
        f"{printed.metrics['s_min']:.0e} to {printed.metrics['s_max']:.3g}, median {median:.1g}",
        decide(lowest > 0.02, highest < 3, median < 0.1),
    )


def by_rate() -> dict[float, list[Record]]:
    """Return the trainings from delta-orthogonal weights, all seeds of a learning rate together."""
    runs = [run for name in ("delta", "delta, seeds", "delta, lower rate") for run in group(name)]
    return {rate: [run for run in runs if run.spec["rate"] == rate] for rate in RATES}


def _best_and_seeds() -> NDArray[np.float64]:
    """Return the test errors at the rate of the further seeds, all seeds."""
    runs = group("delta, seeds")
    rate = runs[0].spec["rate"]
    first = [r for r in group("delta") if r.spec["rate"] == rate]
    return each([*first, *runs], error)
