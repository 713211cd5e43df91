"""The checks behind the claims on Fig. 4: learning times, what orders them, other optimizers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ...claims import Finding, decide
from ...records import Record
from ...spectra import jacobian_law
from ...summaries import listed
from ..jacobian_spectra.checks import SIX
from . import group, steps_to
from .specs import CASES, PANEL_RATES, REACHED, Case

Floats = NDArray[np.float64]

PRINTED = tuple(steps for *_, steps in SIX.values())
"""Steps of SGD to a test accuracy of 0.25, of each of `CASES`, read off Fig. 4 to 15 %."""

# --- Figure 4 -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Timed:
    """A run, and when it had learned.

    Attributes
    ----------
    rate : learning rate
    steps : to a test accuracy of `REACHED`; infinite if it was not reached
    trained : steps it was trained for
    record : of the run
    """

    rate: float
    steps: float
    trained: int
    record: Record

    @property
    def at_least(self) -> float:
        """Steps that it takes, or more than which it takes."""
        return min(self.steps, self.trained)

    def __str__(self) -> str:
        """Return the steps, or that it takes more."""
        if not math.isfinite(self.steps):
            return f"above {self.trained}"
        return f"{self.steps:.0f}" if self.steps >= 100 else f"{self.steps:.3g}"


def timed(name: str) -> list[Timed]:
    """Return the runs of a group.

    Raises
    ------
    RecordError
        If one is missing.
    """
    return [
        Timed(
            float(record.spec["rate"]),
            math.inf if record.metrics["steps"] is None else record.metrics["steps"],
            int(record.arrays["updates"][-1]),
            record,
        )
        for record in group(name)
    ]


def promising(name: str) -> float:
    """Return the rate whose training cost was lowest at the end of a group's runs."""
    costs = {run.rate: float(run.record.arrays["training_cost"][-1]) for run in timed(name)}
    return min(costs, key=lambda rate: costs[rate] if math.isfinite(costs[rate]) else math.inf)


def best(*names: str) -> Timed:
    """Return the run of some groups that got to `REACHED` first, or the longest if none did."""
    runs = [run for name in names for run in timed(name)]
    return min(runs, key=lambda run: (run.steps, -run.trained))


def best_of(case: Case) -> Timed:
    """Return the best run of one of `CASES` at full size."""
    return best(f"search, {case.label}", f"to 25 %, {case.label}")


def learning_times() -> list[Timed]:
    """Return the best run of each of `CASES`."""
    return [best_of(case) for case in CASES]


def check_faster() -> Finding:
    """Check that the most isometric network learns orders of magnitude faster than ReLU."""
    runs = learning_times()
    ratios = np.array([relu.at_least for relu in runs[4:]]) / runs[0].steps
    bound = "" if all(math.isfinite(run.steps) for run in runs) else "at least "
    return Finding(
        f"{runs[0]} steps against {runs[4]} and {runs[5]}: {bound}"
        f"{listed(ratios, '.0f', ' and ')} times",
        decide(ratios >= 100),
    )


def check_times() -> Finding:
    """Check the six learning times against the figure's, within a factor of two."""
    runs = learning_times()
    steps = np.array([run.steps for run in runs])
    return Finding(
        ", ".join(f"{case.label} {run}" for case, run in zip(CASES, runs, strict=True)),
        decide(*(abs(np.log2(steps / np.array(PRINTED))) <= 1)),
    )


def check_order() -> Finding:
    """Check for each pair of networks which learns first."""
    runs = learning_times()
    kept = [first(a, b) is True for a, b in combinations(runs, 2)]
    return Finding(f"{sum(kept)} of {len(kept)} pairs seen in the printed order", decide(*kept))


def check_gaps() -> Finding:
    """Check that orthogonal weights pay for tanh near its linear part, and little elsewhere."""
    runs = learning_times()
    near, far = (b.steps / a.steps for a, b in (runs[:2], runs[2:4]))
    relu, known = runs[5].at_least / runs[4].steps, math.isfinite(runs[5].steps)
    more = "" if known else "more than "
    return Finding(
        f"orthogonal weights are {near:.1f} times faster for tanh 1.05, {far:.1f} for tanh 2, "
        f"{more}{relu:.1f} for ReLU",
        decide(near > 2 * far, far < 5, known and near > 2 * relu, known and relu < 5),
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
        "s_max in theory": np.array(theory),
        "s_max measured": np.exp(measured),
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


# --- the other panels, at half size ---------------------------------------------------------

PRINTED_PANELS = {
    "sgd": PRINTED,
    "momentum": (2.7, 34.0, 220.0, 1100.0, 990.0, 11800.0),
    "rmsprop": (73.0, 140.0, 440.0, 850.0, 1170.0, 2200.0),
    "adam": (1.4, 39.0, 160.0, 390.0, 490.0, 1180.0),
}
"""Steps to a test accuracy of 0.25 in each panel of Fig. 4, of each of `CASES`, read off."""


def panel(optimizer: str) -> list[Timed]:
    """Return the best run of each of `CASES` with an optimizer, at half depth and half width."""
    return [
        best(f"panel of {optimizer}, {case.label}", f"panel of {optimizer} to 25 %, {case.label}")
        for case in CASES
    ]


def first(a: Timed, b: Timed) -> bool | None:
    """Tell whether a network learns before another; None if that was not seen."""
    if a.steps < b.at_least:
        return True
    return False if b.steps <= a.at_least else None


def check_optimizers() -> Finding:
    """Check for each optimizer that the six networks learn in the order that is printed."""
    pairs = {name: [first(a, b) for a, b in combinations(panel(name), 2)] for name in PANEL_RATES}
    text = ", ".join(
        f"{name} {of.count(True)}" + f" ({of.count(None)} not seen)" * (None in of)
        for name, of in pairs.items()
    )
    return Finding(f"of 15 pairs in the printed order: {text}", decide(*(map(all, pairs.values()))))


def check_momentum() -> Finding:
    """Check that with momentum orthogonal ReLU learns before Gaussian tanh 2."""
    runs = panel("momentum")
    earlier = first(runs[4], runs[3])
    return Finding(
        f"{runs[4]} against {runs[3]} steps", "open" if earlier is None else decide(earlier)
    )


def check_momentum_gap() -> Finding:
    """Check that with momentum ReLU gains much from orthogonal weights."""
    orthogonal, gaussian = panel("momentum")[4:]
    gain = gaussian.at_least / orthogonal.steps
    known = math.isfinite(gaussian.steps)
    return Finding(
        f"{gaussian} over {orthogonal} steps, {'' if known else 'more than '}{gain:.1f} times",
        decide(gain >= 5) if known or gain >= 5 else "open",
    )


def spread(runs: list[Timed]) -> float:
    """Return by what factor the times of the slowest and the fastest network differ at least."""
    return max(run.at_least for run in runs) / min(run.steps for run in runs)


def check_rmsprop() -> Finding:
    """Check that RMSProp starts slowly and brings learning times together."""
    runs = {name: panel(name) for name in ("sgd", "rmsprop")}
    spreads = {name: spread(of) for name, of in runs.items()}
    known = all(math.isfinite(run.steps) for run in runs["rmsprop"])
    near = {name: of[0].steps for name, of in runs.items()}
    return Finding(
        f"slowest over fastest {spreads['rmsprop']:.0f}{'' if known else ' at least'}, with sgd "
        f"{spreads['sgd']:.0f}; tanh 1.05 takes {near['rmsprop']:.3g} steps, with sgd "
        f"{near['sgd']:.3g}",
        decide(known and spreads["rmsprop"] < spreads["sgd"] / 10, near["rmsprop"] > 20),
    )


def check_rmsprop_from_one() -> Finding:
    """Check that the slow start with RMSProp is that of its mean of squared gradients."""
    near, gaussian = (timed(f"rmsprop from one, {case.label}") for case in CASES[:2])
    printed = PRINTED_PANELS["rmsprop"]
    return Finding(
        "orthogonal "
        + ", ".join(f"{run} steps at rate {run.rate:g}" for run in near)
        + f"; Gaussian {gaussian[0]} at {gaussian[0].rate:g}",
        decide(
            abs(near[0].steps / printed[0] - 1) < 0.2,
            abs(gaussian[0].steps / printed[1] - 1) < 0.2,
        ),
    )


def check_threshold() -> Finding:
    """Check that the order of the six does not hang on the accuracy that counts as learned."""
    kept = {}
    for level in (0.15, 0.20, REACHED):
        steps = [steps_to(level, run.record.arrays) for run in learning_times()]
        kept[level] = [a < b for a, b in combinations([s or math.inf for s in steps], 2)]
    text = ", ".join(f"{sum(of)} at {level:g}" for level, of in kept.items())
    return Finding(f"of 15 pairs in the printed order {text}", decide(*kept.values()))


def check_start_matters_more() -> Finding:
    """Check for tanh 1.05 that its weights change the learning time more than the optimizer."""
    steps = np.array([[run.steps for run in panel(name)[:2]] for name in PANEL_RATES])
    if not np.isfinite(steps).all():
        return Finding("not all of them were seen to learn", "open")
    by_start = steps[:, 1] / steps[:, 0]
    by_optimizer = steps.max(0) / steps.min(0)
    return Finding(
        f"Gaussian over orthogonal {listed(by_start, '.3g', ', ')} "
        f"({', '.join(PANEL_RATES)}); slowest over fastest optimizer "
        f"{listed(by_optimizer, '.3g', ' and ')} (orthogonal, Gaussian)",
        decide(by_start.min() > by_optimizer.max(), np.median(by_start) > by_optimizer.max()),
    )


def check_outperform() -> Finding:
    """Check for each optimizer that orthogonal tanh 1.05 learns before both of ReLU."""
    kept = {}
    for name in PANEL_RATES:
        runs = panel(name)
        kept[name] = all(first(runs[0], relu) is True for relu in runs[4:])
    return Finding(
        f"first with {sum(kept.values())} of {len(kept)} optimizers", decide(*kept.values())
    )
