"""The checks behind the claims: learning times, what orders them, and isometry while learning."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ... import records
from ...claims import Finding, decide
from ...critical import Weights
from ...records import Record, RecordError
from ...spectra import jacobian_law
from ...summaries import listed
from . import (
    CASES,
    DEPTH_REACHED,
    DEPTHS,
    LAPTOP,
    NAME,
    REACHED,
    TRAINED_Q_STARS,
    Case,
    Spec,
    group,
    steps_to,
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


# --- Figure 5: depth ------------------------------------------------------------------------


@dataclass(frozen=True)
class DepthTimes:
    """Learning times at a depth, rate by rate.

    Attributes
    ----------
    depth : hidden layers
    rates : (rates,)
    steps : (rates,), not a number where `DEPTH_REACHED` was not reached
    """

    depth: int
    rates: Floats
    steps: Floats

    @property
    def best(self) -> tuple[float, float]:
        """The best rate, and the steps there."""
        k = int(np.nanargmin(self.steps))
        return float(self.rates[k]), float(self.steps[k])


def depth_times(weights: Weights) -> list[DepthTimes]:
    """Return the learning times of Fig. 5 at each depth.

    Raises
    ------
    RecordError
        If a run is missing, or none at some depth learned.
    """
    found = []
    for depth in DEPTHS:
        name = f"depth {depth}, {weights}"
        steps = [steps_to(DEPTH_REACHED, record.arrays) for record in group(name)]
        if all(s is None for s in steps):
            raise RecordError(f"no run of {NAME} at {name} reaches {DEPTH_REACHED}")
        rates = np.array([spec.rate for spec in LAPTOP[name]])
        found.append(
            DepthTimes(depth, rates, np.array([math.nan if s is None else s for s in steps]))
        )
    return found


@dataclass(frozen=True)
class Power:
    """A power law fitted to logarithms by least squares.

    Attributes
    ----------
    exponent : of the depth
    half : half of the 95 % confidence interval, by Student's t
    """

    exponent: float
    half: float

    def __str__(self) -> str:
        """Return both in two decimals."""
        return f"{self.exponent:.2f} ± {self.half:.2f}"


def power(x: Floats, y: Floats) -> Power:
    """Fit y = a x^p; three points or more."""
    from scipy.stats import linregress, t

    fit = linregress(np.log(x), np.log(y))
    return Power(float(fit.slope), float(fit.stderr * t.ppf(0.975, len(x) - 2)))


def depth_powers(weights: Weights) -> tuple[Power, Power]:
    """Return the powers of the depth by which the best rate and the learning time go."""
    times = depth_times(weights)
    depths = np.array([float(t.depth) for t in times])
    rates, steps = np.array([t.best for t in times]).T
    return power(depths, rates), power(depths, steps)


def check_depth_rate() -> Finding:
    """Check that the best rate is inverse to the depth."""
    rate, _ = depth_powers("orthogonal")
    return Finding(
        f"a power {rate} of the depth", decide(abs(rate.exponent + 1) <= max(rate.half, 0.15))
    )


def check_depth_time() -> Finding:
    """Check that the learning time grows as the root of the depth."""
    _, steps = depth_powers("orthogonal")
    return Finding(
        f"a power {steps} of the depth", decide(abs(steps.exponent - 0.5) <= max(steps.half, 0.15))
    )


def check_gaussian_depth() -> Finding:
    """Check that Gaussian weights cost more with depth: about in proportion."""
    _, gaussian = depth_powers("gaussian")
    _, orthogonal = depth_powers("orthogonal")
    return Finding(
        f"a power {gaussian} of the depth, against {orthogonal}",
        decide(
            gaussian.exponent > orthogonal.exponent,
            abs(gaussian.exponent - 1) <= max(gaussian.half, 0.15),
        ),
    )


# --- Figure 6: isometry while learning --------------------------------------------------------


def trained(q_star: float) -> Record:
    """Return the record of a network whose Jacobian was watched while it learned."""
    return group(f"training, q* = {q_star:g}")[0]


def isometry(record: Record) -> Floats:
    """Return <lambda>^2 / <lambda^2> of J J^T at each look, mean over inputs; 1 if isometric."""
    squared = record.arrays["singular_values"].astype(np.float64) ** 2
    return np.asarray((squared.mean(-1) ** 2 / (squared**2).mean(-1)).mean(-1))


def check_persists() -> Finding:
    """Check that isometry lasts into the training: above 0.5 after ten steps, at q* = 1/64."""
    record = trained(1 / 64)
    course, updates = isometry(record), record.arrays["updates"]
    at = [float(np.interp(n, updates, course)) for n in (0, 10, 100)]
    return Finding(
        f"{at[0]:.2f} at the start, {at[1]:.2f} after 10 steps, {at[2]:.2f} after 100",
        decide(at[0] > 0.9, at[1] > 0.5),
    )


def check_best_q() -> Finding:
    """Check that a small but not the smallest q* keeps isometry and accuracy best."""
    runs = {q: trained(q) for q in TRAINED_Q_STARS}
    kept = {q: float(isometry(r)[-1]) for q, r in runs.items()}
    accuracy = {q: r.metrics["best_test_accuracy"] for q, r in runs.items()}
    first = {
        name: max(of, key=of.__getitem__)
        for name, of in (("isometry", kept), ("accuracy", accuracy))
    }
    between = [min(TRAINED_Q_STARS) < q < max(TRAINED_Q_STARS) for q in first.values()]
    return Finding(
        f"after {int(runs[1 / 64].arrays['updates'][-1])} steps isometry is best kept from q* = "
        f"{first['isometry']:g}, accuracy is best from {first['accuracy']:g}",
        decide(*between, first["isometry"] == first["accuracy"]),
    )
