"""Checks of the runs: which rates and which starting weights let a deep sigmoid network learn.

A group of runs has learned if, at one base rate, the training cost of every seed ends below
`LEARNED`.  Both numbers, and what each claim needs, were fixed after a pilot with a seed of its
own at half the length, and before the runs.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ...claims import Finding, decide
from . import BEGUN, DEEP, DEEP_SCHEMES, LEARNED, SCHEMES, final_costs, group
from .moments import settled

Floats = NDArray[np.float64]

SAME = 1e-4
"""Difference of two costs in nats that counts as none: single precision, and rounding grown."""


def ends(name: str) -> Floats:
    """Return the training cost at the end of the runs of a group, (seeds, base rates)."""
    return np.array([final_costs(record.arrays) for record in group(name)])


def best(name: str) -> tuple[float, Floats]:
    """Return the base rate at which the worst seed of a group does best, and all seeds' costs."""
    costs = ends(name)
    index = int(np.argmin(costs.max(0)))
    return float(group(name)[0].arrays["rates"][index]), costs[:, index]


def learned(name: str, limit: float = LEARNED) -> bool:
    """Tell whether every seed of a group ends below a cost at one base rate."""
    return bool(best(name)[1].max() < limit)


def said(name: str) -> str:
    """Say how low the cost of a group ends, and where."""
    rate, costs = best(name)
    return (
        f"{name}: {costs.mean():.2f} (worst of {len(costs)}: {costs.max():.2f}) at {Fraction(rate)}"
    )


def updates_to_learn(name: str) -> list[int | None]:
    """Return when each seed of a group first had learned, at the group's best base rate."""
    rate, found = best(name)[0], []
    for record in group(name):
        index = int(np.flatnonzero(record.arrays["rates"] == rate)[0])
        below = np.flatnonzero(record.arrays["cost"][:, index] < LEARNED)
        found.append(int(record.arrays["updates"][below[0]]) if below.size else None)
    return found


RATES_ALONE = tuple(f"sigmoid, rates {g}" for g in (2, 4, 16))
BOTH = tuple(f"sigmoid, weights and rates {g}" for g in (2, 4))


def check_same_rate() -> Finding:
    """Check that one rate for all layers fails, from the usual weights and from larger ones."""
    names = ("sigmoid", "sigmoid, deep", "sigmoid, weights")
    usual = not learned("sigmoid", BEGUN) and not learned("sigmoid, deep", BEGUN)
    return Finding(
        "training cost at the best base rate, nats: " + "; ".join(map(said, names)),
        decide(usual, not learned("sigmoid, weights")),
    )


def check_both() -> Finding:
    """Check the paper's proposal: larger rates below, and larger weights above."""
    return Finding(
        "training cost at the best base rate, nats: " + "; ".join(map(said, BOTH)),
        decide(any(map(learned, BOTH))),
    )


def check_rates_alone() -> Finding:
    """Check that rates alone do not make the network learn."""
    begun = [name for name in RATES_ALONE if learned(name, BEGUN)]
    return Finding(
        "; ".join(map(said, RATES_ALONE)) + f"; below {BEGUN} nats: {', '.join(begun) or 'none'}",
        decide(not any(map(learned, RATES_ALONE)), not learned("sigmoid, rates 4, deep")),
    )


def check_weights_alone() -> Finding:
    """Check that weights by the slopes do, at one rate for all layers and at both depths."""
    names = ("sigmoid, weights", "sigmoid, weights, deep")
    return Finding("; ".join(map(said, names)), decide(*[learned(name) for name in names]))


def check_four() -> Finding:
    """Check that four times the weights, one half kept, do at six layers and not at twenty."""
    names = ("sigmoid, four", "sigmoid, four, deep")
    factor = settled("sigmoid", 16.0)
    return Finding(
        "; ".join(map(said, names))
        + f"; theory: a layer multiplies the gradient by {factor:.3f}, {DEEP} layers by "
        f"{factor**DEEP:.0e}",
        decide(learned(names[0]), not learned(names[1])),
    )


def check_same_run() -> Finding:
    """Check that the centred sigmoid with the exact factors repeats the rescaled one's runs.

    Declared for all base rates that learn; the highest of them is the second condition, since
    there the runs turned out to let rounding grow.
    """
    pairs = zip(group("rescaled"), group("centred, four, rates 16"), strict=True)
    off = np.max([np.abs(a.arrays["cost"] - b.arrays["cost"]).max(0) for a, b in pairs], axis=0)
    number = int((ends("rescaled").max(0) < BEGUN).sum())
    rates = [Fraction(float(rate)) for rate in group("rescaled")[0].arrays["rates"]]
    words = "rounding" if off[: number - 1].max() < SAME else f"{off[: number - 1].max():.1g}"
    return Finding(
        f"costs differ over all updates by {words} at base rates up to "
        f"{rates[number - 2]}, by up to {off[number - 1]:.1g} nats at {rates[number - 1]}, the "
        "highest that learns",
        decide(off[: number - 1] < SAME, off[number - 1] < SAME),
    )


def check_rescaled_learns() -> Finding:
    """Check that the rescaled sigmoid learns at both depths where the plain one does not."""
    names = ("rescaled", "rescaled, deep", "sigmoid", "sigmoid, deep")
    return Finding(
        "; ".join(map(said, names)),
        decide(*[learned(name) for name in names[:2]], *[not learned(name) for name in names[2:]]),
    )


def rows() -> list[tuple[str, ...]]:
    """Return the table of all schemes.

    Its columns are name, best base rate, training cost at the end (mean over seeds and worst),
    updates until every seed had learned, and error on test images.
    """
    table: list[tuple[str, ...]] = []
    for name in [*SCHEMES, *(f"{name}, deep" for name in DEEP_SCHEMES)]:
        rate, costs = best(name)
        runs, when = group(name), updates_to_learn(name)
        index = int(np.flatnonzero(runs[0].arrays["rates"] == rate)[0])
        errors = [float(run.arrays["test_error"][index]) for run in runs]
        cost = f"{costs.mean():.2f} ({costs.max():.2f})"
        known = [at for at in when if at is not None]
        learnt = str(max(known)) if learned(name) else "-"
        table.append((name, str(Fraction(rate)), cost, learnt, f"{100 * np.mean(errors):.0f} %"))
    return table
