"""The checks behind the claims about starts, and the rows of their table.

What counts was fixed before the runs were made, after the same comparison had been seen once with
other code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...claims import Finding, decide
from ...records import Record
from ...summaries import each, listed
from . import ACTIVATIONS, MEASURED, RATES, TRAINED, group

LEARNS, FAILS = 0.95, 0.8
"""Accuracies on the training digits above which a start learns, and below which it fails."""

OURS = "critical orthogonal"

PACKAGED = ("lsuv 0.3.0", "anyinit 0.4.0, analytic", "anyinit 0.4.0, empirical")
USUAL = ("torch", "xavier", "xavier, gain 5/3")


def check_training() -> Finding:
    """Check that critical orthogonal weights learn, and no start of torch or a package does."""
    ours = each(group(f"training {OURS}"), _accuracy)
    others = {start: each(group(f"training {start}"), _accuracy) for start in (*USUAL, *PACKAGED)}
    best = max(others, key=lambda start: others[start].max())
    return Finding(
        f"{OURS} {listed(ours, 3)} of the training digits at the best of {len(RATES)} rates (one "
        f"number a seed); of the others {best} comes closest, {listed(others[best], 3)}",
        decide(ours > LEARNS, np.concatenate([*others.values()]) < FAILS),
    )


def check_tanh() -> Finding:
    """Check what starts make of the Jacobian of 200 tanh layers."""
    s_max = {start: each(jacobians("tanh", start), _s_max) for start in MEASURED}
    packaged = np.concatenate([s_max[start] for start in PACKAGED])
    ours = jacobians("tanh", f"{OURS}, small inputs")
    medians = each(ours, lambda r: r.metrics["median"])
    return Finding(
        f"s_max: torch {s_max['torch'].max():.0e}; packages {packaged.min():.0e} to "
        f"{packaged.max():.0e}; {OURS} {listed(each(ours, _s_max))}, median {listed(medians)}",
        decide(
            s_max["torch"] < 1e-10,
            packaged > 1e3,
            each(ours, _s_max) < 10,
            medians > 0.05,
        ),
    )


def check_relu() -> Finding:
    """Check that with ReLU half of all directions are lost, whatever the start."""
    medians = {start: each(jacobians("relu", start), _relative_median) for start in MEASURED}
    return Finding(
        f"median singular value over the largest: below {np.max([*medians.values()]):.0e}",
        decide(np.concatenate([*medians.values()]) < 1e-6),
    )


# --- the table ----------------------------------------------------------------------------


def table_rows() -> list[tuple[str, ...]]:
    """Return, for each start, largest and median singular value by activation, and accuracy."""
    rows = []
    for start in dict.fromkeys((*MEASURED, *TRAINED)):
        cells = [start]
        for activation in ACTIVATIONS:
            if start in MEASURED:
                runs = jacobians(activation, start)
                cells.append(f"{_typical(runs, 's_max')} / {_typical(runs, 'median')}")
            else:
                cells.append("")
        if start in TRAINED:
            accuracies = each(group(f"training {start}"), _accuracy)
            cells.append(listed(accuracies))
        else:
            cells.append("")
        rows.append(tuple(cells))
    return rows


def jacobians(activation: str, start: str) -> list[Record]:
    """Return the records of the Jacobians of a start, one a seed."""
    return group(f"jacobian {activation}, {start}")


def _typical(runs: Sequence[Record], name: str) -> str:
    """Write the geometric mean over seeds; of what rounding hides, below which size it is."""
    values = each(runs, lambda r: r.metrics[name])
    resolution = each(runs, lambda r: r.metrics["resolution"])
    if np.any(values < resolution):
        return f"< {max(values.max(), resolution.max()):.0e}"
    return f"{np.exp(np.log(values).mean()):.1g}"


def _s_max(record: Record) -> float:
    return float(record.metrics["s_max"])


def _relative_median(record: Record) -> float:
    """Return the median over the largest singular value; where rounding hides it, a bound."""
    found = record.metrics
    return float(max(found["median"], found["resolution"]) / found["s_max"])


def _accuracy(record: Record) -> float:
    return float(record.metrics["train_accuracy"])
