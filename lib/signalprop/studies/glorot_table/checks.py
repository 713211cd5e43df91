"""The checks behind the claims: Table 1 as printed, and our records beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...claims import Finding, Verdict, decide
from ...records import Record
from ...summaries import listed, spread
from .. import glorot_saturation
from . import BATCH, ROWS, SEEDS, Spec, group, wrong_answers
from .significance import LEVEL, bold, mcnemar_p, proportions_p, unlike, welch_p

PRINTED: dict[str, dict[str, float]] = {
    dataset: dict(zip(ROWS, errors, strict=True))
    for dataset, errors in {
        "shapeset": (16.27, 16.06, 27.15, 15.60, 82.61),
        "mnist": (1.64, 1.72, 1.76, 1.64, 2.21),
        "cifar10": (55.78, 53.80, 55.90, 52.92, 57.28),
        "small-imagenet": (69.14, 68.13, 70.58, 68.57, 70.66),
    }.items()
}
"""Table 1 of the paper: test errors in percent."""

BOLD = {
    "shapeset": {"softsign", "softsign N", "tanh N"},
    "mnist": {"softsign", "softsign N", "tanh", "tanh N"},
    "cifar10": {"softsign N", "tanh N"},
    "small-imagenet": {"softsign", "softsign N", "tanh N"},
}
"""What is bold there."""

NAMES = {
    "shapeset": "Shapeset",
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "small-imagenet": "Small-ImageNet",
}

IMAGES = 10_000
"""Test images of each data set; for Shapeset our guess."""

MEASURED = ("shapeset", "mnist", "cifar10")

# --- the printed table --------------------------------------------------------------------


def rates(dataset: str) -> dict[str, float]:
    """Return the printed errors of a column as fractions."""
    return {row: percent / 100 for row, percent in PRINTED[dataset].items()}


def check_bold_rule() -> Finding:
    """Check what the printed errors alone can say about the printed marks.

    Bold rows are said to differ from the others.  With unpaired errors: are the bold ones those
    that do not differ from the best; and does each of them differ from each of the others?
    """
    from_best = {d: bold(rates(d), IMAGES) == marked for d, marked in BOLD.items()}
    alike = {d: unlike(rates(d), marked, IMAGES) for d, marked in BOLD.items()}
    pairs = [
        f"{NAMES[d]}: {a} and {b}, p = {proportions_p(rates(d)[a], rates(d)[b], IMAGES):.3f}"
        for d, found in alike.items()
        for a, b in found
    ]
    return Finding(
        f"not different from the best: right in {sum(from_best.values())} of 4 columns; different "
        f"from every other: right in {sum(not found for found in alike.values())}"
        + (f" ({'; '.join(pairs)})" if pairs else ""),
        decide(list(from_best.values()), [not found for found in alike.values()]),
    )


# --- our table ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """Our networks of a cell of the table.

    Attributes
    ----------
    errors : (seeds,), fractions of wrong answers at the end
    wrong : (seeds, images), which; None if that is not on record
    """

    errors: NDArray[np.float64]
    wrong: NDArray[np.bool_] | None = None


SHAPESET_GROUPS = {
    "softsign": "softsign standard",
    "softsign N": "softsign normalized",
    "tanh": "tanh standard",
    "tanh N": "tanh normalized",
    "sigmoid": "sigmoid depth 5",
}
"""Where the saturation study, from which we take this column, has the rows of the table."""


def runs(dataset: str, row: str) -> list[Record]:
    """Load the records of a cell, one for each seed.

    Raises
    ------
    RecordError
        If a record is missing or damaged.
    """
    if dataset == "shapeset":
        return glorot_saturation.group(SHAPESET_GROUPS[row])
    return group(dataset, row)


def column(dataset: str) -> dict[str, Cell]:
    """Return the cells of a column."""
    return {row: _cell(runs(dataset, row)) for row in ROWS}


def _cell(records: list[Record]) -> Cell:
    errors = np.array([r.arrays["test_error"][-1] for r in records], dtype=float)
    kept = all("wrong" in r.arrays for r in records)
    return Cell(errors, np.stack([wrong_answers(r) for r in records]) if kept else None)


def p_value(a: Cell, b: Cell, seed: int, other: int | None = None) -> float:
    """Return the p-value of two networks being equally good.

    Image by image where the answers are on record, else by the errors alone.

    Parameters
    ----------
    a, b : their cells
    seed, other : which of the seeds of each; the same if ``other`` is None
    """
    second = seed if other is None else other
    if a.wrong is None or b.wrong is None:
        return proportions_p(a.errors[seed], b.errors[second], IMAGES)
    return mcnemar_p(a.wrong[seed], b.wrong[second])


def marks(cells: dict[str, Cell], seed: int) -> set[str]:
    """Return the rows that do not differ from the best one, among the networks of a seed."""
    best = min(cells.values(), key=lambda cell: float(cell.errors[seed]))
    return {row for row, cell in cells.items() if p_value(cell, best, seed) >= LEVEL}


def marks_over_seeds(cells: dict[str, Cell]) -> set[str]:
    """Return the rows whose mean error does not differ from the best one, over seeds."""
    best = min(cells.values(), key=lambda cell: float(cell.errors.mean()))
    return {
        row
        for row, cell in cells.items()
        if cell is best or welch_p(cell.errors, best.errors) >= LEVEL
    }


OTHERS = [row for row in ROWS if row != "sigmoid"]


def check_column(dataset: str) -> Finding:
    """Check which of the four rows above the sigmoid's are marked, seed by seed.

    A row agrees if its mark is the printed one with every seed, and contradicts if it is
    the other one with every seed.  Without a contradiction the column is reproduced if all rows
    agree, and open otherwise.
    """
    cells = column(dataset)
    found = [marks(cells, seed) for seed in SEEDS]
    right = np.array([[(row in m) == (row in BOLD[dataset]) for row in OTHERS] for m in found])
    agree, contradict = right.all(0), (~right).all(0)
    verdict: Verdict = "reproduced" if agree.all() else "open"
    if contradict.any():
        verdict = "partly reproduced" if agree.any() else "not reproduced"
    text = "; ".join(
        f"seed {seed}: {', '.join(row for row in OTHERS if row in m) or 'none of them'}"
        for seed, m in zip(SEEDS, found, strict=True)
    )
    return Finding(f"not different from the best: {text}", verdict)


def check_sigmoid_last() -> Finding:
    """Check that with every seed the sigmoid is worse than every other row, significantly."""
    worse, text = [], []
    for dataset in MEASURED:
        cells = column(dataset)
        sigmoid = cells.pop("sigmoid")
        worse.append(
            [
                sigmoid.errors[seed] > cell.errors[seed] and p_value(sigmoid, cell, seed) < LEVEL
                for cell in cells.values()
                for seed in SEEDS
            ]
        )
        others = max(cell.errors.max() for cell in cells.values())
        text.append(
            f"{NAMES[dataset]} {spread(100 * sigmoid.errors, 1)} %, others at most "
            f"{100 * others:.1f} %"
        )
    return Finding("; ".join(text), decide(*worse))


def check_gain(activation: str, dataset: str) -> Finding:
    """Check that over seeds the normalized initialization lowers the error, at the table's level.

    A difference that is not significant says nothing, least of all with three seeds.
    """
    cells = column(dataset)
    standard, normalized = cells[activation].errors, cells[f"{activation} N"].errors
    gain, p = float(standard.mean() - normalized.mean()), welch_p(standard, normalized)
    verdict: Verdict = "open"
    if p < LEVEL:
        verdict = "reproduced" if gain > 0 else "not reproduced"
    return Finding(
        f"{spread(100 * standard, 2)} % against {spread(100 * normalized, 2)} %: gain "
        f"{100 * gain:+.2f} points, p = {p:.1g} over seeds",
        verdict,
    )


def check_values() -> Finding:
    """Check that our errors are the printed ones, to three binomial deviations.

    Networks that are smaller, or trained for less time, than the paper's can confirm a value by
    chance only: then it is open.
    """
    full, ok, text = Spec(), [], []
    for dataset in MEASURED:
        ours = np.array([cell.errors.mean() for cell in column(dataset).values()])
        printed = np.array(list(rates(dataset).values()))
        ok += list(np.abs(ours - printed) < 3 * np.sqrt(printed * (1 - printed) / IMAGES))
        text.append(f"{NAMES[dataset]} {listed(100 * ours, 1)}")
    sizes = [(r.spec["width"], r.spec["updates"]) for d in MEASURED for r in runs(d, "tanh N")]
    same_size = all(w >= full.width and u >= full.updates for w, u in sizes)
    return Finding(
        f"{'; '.join(text)}; {sum(ok)} of {len(ok)} within the noise of 10,000 test images",
        decide(ok) if same_size else "open",
    )


# --- Figure 12 ----------------------------------------------------------------------------


def arrival(record: Record) -> float:
    """Return after how many images a network was at its level; infinite if it never was.

    It is there from the first probe after which its error stays within a tenth of the
    way that it came.  To have learned something is to have come 5 points.  What is reached in
    the last tenth of a run only is no level, since every run is where it ends: this condition
    was added after the runs, and takes back a "reproduced".
    """
    errors, updates = record.arrays["test_error"], record.arrays["updates"]
    way = errors[0] - errors[-1]
    if way < 0.05:
        return np.inf
    above = np.flatnonzero(errors > errors[-1] + 0.1 * way)
    arrived = updates[above[-1] + 1]
    return float(BATCH * arrived) if arrived < 0.9 * updates[-1] else np.inf


def check_sigmoid_late() -> Finding:
    """Check that sigmoid networks reach a level, and later than all others."""
    late, there, text = [], [], []
    for dataset in ("mnist", "cifar10"):
        times = {row: [arrival(r) for r in runs(dataset, row)] for row in ROWS}
        others = max(max(times[row]) for row in OTHERS)
        late.append(min(times["sigmoid"]) > others)
        there.append(np.isfinite(times["sigmoid"]).all())
        arrived = [f"{t:,.0f}" if np.isfinite(t) else "not yet" for t in times["sigmoid"]]
        text.append(f"{NAMES[dataset]} {', '.join(arrived)} (others at most {others:,.0f})")
    return Finding(f"images seen when at its level: {'; '.join(text)}", decide(late, there))


# --- for the chapter ----------------------------------------------------------------------


def summary(dataset: str) -> Iterator[tuple[Any, ...]]:
    """Yield, row by row: name, printed error, ours, and where ours does not differ from the best.

    The last two are the seeds with which its network does not, and whether its mean does not.
    """
    cells = column(dataset)
    found, over = [marks(cells, seed) for seed in SEEDS], marks_over_seeds(cells)
    for row, cell in cells.items():
        printed = f"{PRINTED[dataset][row]:.2f}"
        with_seeds = ", ".join(str(seed) for seed in SEEDS if row in found[seed])
        yield (
            row,
            f"**{printed}**" if row in BOLD[dataset] else printed,
            spread(100 * cell.errors, 2).partition(" (n=")[0],
            with_seeds or "none",
            "yes" if row in over else "no",
        )


def self_differences(dataset: str) -> list[float]:
    """Return the p-values of networks that differ in nothing but the seed, pair by pair."""
    return [
        p_value(cell, cell, a, b)
        for cell in column(dataset).values()
        for a, b in combinations(SEEDS, 2)
    ]
