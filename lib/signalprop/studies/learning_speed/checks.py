"""The checks behind the claims: learning times, and what orders them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ... import records
from ...claims import Finding, decide
from ...records import Record, RecordError
from ...spectra import jacobian_law
from ...summaries import listed
from . import (
    CASES,
    LAPTOP,
    NAME,
    REACHED,
    Case,
    Spec,
    group,
)

Floats = NDArray[np.float64]

PRINTED = (3.4, 46.0, 440.0, 1500.0, 2800.0, 3800.0)
"""Steps of SGD to a test accuracy of 0.25, of each of `CASES`, read off Fig. 4 to 15 %."""

# --- Figure 4 -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Best:
    """The best of the learning rates that a network was trained at.

    Attributes
    ----------
    rate : learning rate
    steps : to a test accuracy of `REACHED`
    record : of the run
    """

    rate: float
    steps: float
    record: Record


def runs_of(case: Case) -> list[tuple[Spec, Record]]:
    """Return what is on record of the training of a case at any rate, seed 0."""
    names = [f"{kind}, {case.label}" for kind in ("search", "to 25 %")]
    specs = [spec for name in names for spec in LAPTOP[name]]
    return [(s, records.load(NAME, s)) for s in specs if records.exists(NAME, s)]


def promising(case: Case) -> float:
    """Return the rate whose training cost was lowest at the end of the search."""
    records_ = group(f"search, {case.label}")
    costs = [float(record.arrays["training_cost"][-1]) for record in records_]
    return LAPTOP[f"search, {case.label}"][int(np.argmin(costs))].rate


def best(case: Case) -> Best:
    """Return the run that got to `REACHED` first.

    Raises
    ------
    RecordError
        If none did.
    """
    runs = runs_of(case)
    learned = [
        Best(spec.rate, record.metrics["steps"], record)
        for spec, record in runs
        if record.metrics["steps"] is not None
    ]
    if not learned:
        raise RecordError(
            f"no run of {case.label} that reaches {REACHED} is on record. Make them with "
            f"`signalprop run {NAME} --scale laptop`"
        )
    return min(learned, key=lambda run: run.steps)


def learning_times() -> Floats:
    """Return the steps of each of `CASES` at its best rate."""
    return np.array([best(case).steps for case in CASES])


def check_faster() -> Finding:
    """Check that the most isometric network learns orders of magnitude faster than ReLU."""
    steps = learning_times()
    ratios = steps[4:] / steps[0]
    return Finding(
        f"{steps[0]:.3g} steps against {listed(steps[4:], '.0f', ' and ')}: "
        f"{listed(ratios, '.0f', ' and ')} times",
        decide(ratios >= 100),
    )


def check_times() -> Finding:
    """Check the six learning times against the figure's, within a factor of two."""
    steps = learning_times()
    return Finding(
        ", ".join(f"{case.label} {s:.3g}" for case, s in zip(CASES, steps, strict=True)),
        decide(abs(np.log2(steps / np.array(PRINTED))) <= 1),
    )


def check_order() -> Finding:
    """Check for each pair of networks which learns first."""
    steps = learning_times()
    kept = [steps[a] < steps[b] for a, b in combinations(range(len(CASES)), 2)]
    return Finding(f"{sum(kept)} of {len(kept)} pairs as printed", decide(kept))


def check_gaps() -> Finding:
    """Check that orthogonal weights pay for tanh near its linear part, and little elsewhere."""
    steps = learning_times()
    near, far, relu = steps[1::2] / steps[::2]
    return Finding(
        f"orthogonal weights are {near:.1f} times faster for tanh 1.05, {far:.1f} for tanh 2, "
        f"{relu:.1f} for ReLU",
        decide(near > 2 * max(far, relu), max(far, relu) < 5),
    )


# --- what orders the six --------------------------------------------------------------------


def starts(case: Case) -> list[Record]:
    """Return the records of what a case is like before it learns, one for each seed."""
    return group(f"start, {case.label}")


def kernel_ratio(record: Record) -> float:
    """Return largest eigenvalue over signal of the tangent kernel at the start."""
    return float(record.arrays["largest"][0] / record.arrays["signal"][0])


def measured_s_max(record: Record) -> float:
    """Return the largest singular value at the start, geometric mean over inputs."""
    return float(np.exp(np.log(record.arrays["singular_values"][0, :, 0]).mean()))


def ratios(case: Case) -> Floats:
    """Return `kernel_ratio` of each seed."""
    return np.array([kernel_ratio(record) for record in starts(case)])


def predictors() -> dict[str, Floats]:
    """Return what might order the six networks, each as (cases,); means over seeds are geometric.

    s_max of infinitely wide networks, that of ours, and how the tangent kernel is conditioned.
    """
    theory = [
        jacobian_law(case.activation, 200, case.weights, sigma_w2=case.sigma_w2).s_max
        for case in CASES
    ]
    measured = [np.mean([math.log(measured_s_max(r)) for r in starts(case)]) for case in CASES]
    kernel = [np.log(ratios(case)).mean() for case in CASES]
    return {
        "s_max, in theory": np.array(theory),
        "s_max, measured": np.exp(measured),
        "tangent kernel": np.exp(kernel),
    }


def pairs_in_order(values: Floats, steps: Floats) -> int:
    """Return how many pairs of networks a value orders as their learning times do."""
    pairs = combinations(range(len(steps)), 2)
    return sum((values[a] < values[b]) == (steps[a] < steps[b]) for a, b in pairs)


def check_tangent_order() -> Finding:
    """Check that the tangent kernel orders the printed times better than s_max does."""
    found = predictors()
    printed = np.array(PRINTED)
    count = {name: pairs_in_order(values, printed) for name, values in found.items()}
    kernel = found["tangent kernel"]
    text = ", ".join(f"{name} {n}" for name, n in count.items())
    return Finding(
        f"of 15 pairs in the printed order: {text}; conditioning {listed(kernel, '.0f', ', ')}",
        decide(
            count["tangent kernel"] > max(n for name, n in count.items() if "s_max" in name),
            kernel[1] < kernel[2],
        ),
    )
