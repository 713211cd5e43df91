"""The checks behind the claims on Fig. 6: what becomes of isometry while a network learns."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...claims import Finding, decide
from ...records import Record
from ...spectra import jacobian_law
from ...summaries import listed
from . import group, steps_to
from .specs import DEPTH_REACHED, Q_DEPTH, Q_STARS, REACHED, TRAINED_Q_STARS

Floats = NDArray[np.float64]


def trained(q_star: float) -> Record:
    """Return the record of a network whose Jacobian was watched while it learned."""
    return group(f"training, q* = {q_star:g}")[0]


def isometry(record: Record, without: int = 0) -> Floats:
    """Return <lambda>^2 / <lambda^2> of J J^T at each look, mean over inputs; 1 if isometric.

    Parameters
    ----------
    record : of a run whose Jacobian was taken
    without : how many of the largest to leave out
    """
    squared = record.arrays["singular_values"][..., without:].astype(np.float64) ** 2
    return np.asarray((squared.mean(-1) ** 2 / (squared**2).mean(-1)).mean(-1))


def isometry_in_theory(q_star: float, depth: int = Q_DEPTH) -> float:
    """Return what `isometry` is at the start in the limit of infinite width."""
    law = jacobian_law("tanh", depth, "orthogonal", q_star)
    return float(1 / (1 + law.variance / law.moment(1) ** 2))


def share_kept(record: Record, accuracy: float) -> float:
    """Return what is left of `isometry` when a test accuracy is first reached, of 1."""
    steps = steps_to(accuracy, record.arrays)
    if steps is None:
        return math.nan
    course = isometry(record)
    return float(np.interp(steps, record.arrays["updates"], course) / course[0])


def check_persists() -> Finding:
    """Check that most of isometry is still there when the network has learned, at q* = 1/64."""
    record = trained(1 / 64)
    levels = (REACHED, DEPTH_REACHED, 0.40)
    kept = [share_kept(record, level) for level in levels]
    return Finding(
        f"{isometry(record)[0]:.2f} at the start (in theory {isometry_in_theory(1 / 64):.2f}); "
        f"of it {listed(kept, 2, ', ')} are left at accuracies of {listed(levels, 2, ', ')}",
        decide(kept[0] > 0.9),
    )


def check_best_q() -> Finding:
    """Check that of several q* a small one but not the smallest is best, in three respects."""
    runs = {q: trained(q) for q in TRAINED_Q_STARS}
    steps = int(runs[TRAINED_Q_STARS[0]].arrays["updates"][-1])
    times = {q: run.metrics["steps"] for q, run in runs.items()}
    best = {
        "isometry": max(runs, key=lambda q: float(isometry(runs[q])[-1])),
        "accuracy": max(runs, key=lambda q: float(runs[q].metrics["best_test_accuracy"])),
        "speed": min(runs, key=lambda q: math.inf if times[q] is None else times[q]),
    }
    between = [min(TRAINED_Q_STARS) < q < max(TRAINED_Q_STARS) for q in best.values()]
    return Finding(
        f"after {steps} steps isometry is greatest from q* = {best['isometry']:g}, accuracy from "
        f"{best['accuracy']:g}; first at 25 % is {best['speed']:g}",
        decide(*between, len(set(best.values())) == 1),
    )


OUTLIERS = 9
"""One fewer than CIFAR-10 has classes."""


def check_outliers() -> Finding:
    """Check that a few directions, fewer than classes, take what isometry is lost."""
    found, medians = [], []
    for q in Q_STARS[:3]:
        record = trained(q)
        found.append([isometry(record, n)[[0, -1]] for n in (0, OUTLIERS)])
        rest = record.arrays["singular_values"][:, :, OUTLIERS:]
        medians.append(np.median(rest[-1]) / np.median(rest[0]))
    (start, end), (start_rest, end_rest) = np.moveaxis(np.array(found), (1, 2), (0, 1))
    return Finding(
        f"q* = {listed(Q_STARS[:3], '.3g', ', ')}: from {listed(start, 2, ', ')} to "
        f"{listed(end, 2, ', ')}; of all but {OUTLIERS} from {listed(start_rest, 2, ', ')} to "
        f"{listed(end_rest, 2, ', ')}, their median {listed(medians, 2, ', ')} times what it was",
        decide(end < start / 2, end_rest > 0.9 * start_rest),
    )
