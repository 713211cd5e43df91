"""What many runs or draws say together, as numbers and in the words of a finding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .records import Record

LIMIT = 4.0
"""Standard errors that count as agreement of draws with theory."""


def spread(values: ArrayLike, digits: int = 3) -> str:
    """Write mean ± standard deviation and the number of runs.

    >>> spread([1.0, 2.0, 3.0], digits=1)
    '2.0 ± 1.0 (n=3)'
    """
    x = np.asarray(values, dtype=float)
    return f"{x.mean():.{digits}f} ± {x.std(ddof=1):.{digits}f} (n={len(x)})"


def listed(values: ArrayLike, digits: int | str = 2, separator: str = " ") -> str:
    """Write numbers one after the other, those of the first layer first.

    Parameters
    ----------
    values : any shape
    digits : decimals, or a format
    separator : between two numbers

    Examples
    --------
    >>> listed([0.5, 0.25]), listed([1, 2], "d", ", ")
    ('0.50 0.25', '1, 2')
    """
    form = f".{digits}f" if isinstance(digits, int) else digits
    return separator.join(f"{v:{form}}" for v in np.ravel(values))


def each(runs: Sequence[Record], statistic: Callable[[Record], Any]) -> NDArray[np.float64]:
    """Apply a statistic to each run.

    >>> runs = [Record("a study", {"seed": s}, {"error": s / 4}, {}, {}) for s in (1, 2)]
    >>> each(runs, lambda record: record.metrics["error"])
    array([0.25, 0.5 ])
    """
    return np.array([statistic(record) for record in runs], dtype=float)


def within(ours: ArrayLike, printed: ArrayLike, tolerance: ArrayLike) -> bool:
    """Tell whether values agree with values read off a figure, to an absolute tolerance.

    >>> within([1.02, 1.97], [1.0, 2.0], tolerance=0.05)
    True
    """
    return bool(np.all(np.abs(np.subtract(ours, printed)) < tolerance))


def gap(worse: ArrayLike, better: ArrayLike) -> tuple[float, float]:
    """Return by how much one group's mean exceeds another's, and the standard error of that.

    >>> gap([3.0, 5.0], [1.0, 1.0])
    (3.0, 1.0)
    """
    a, b = np.asarray(worse, dtype=float), np.asarray(better, dtype=float)
    error = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return float(a.mean() - b.mean()), float(error)


def errors_off(samples: ArrayLike, theory: ArrayLike) -> float:
    """Return by how many standard errors averages over samples miss the theory at worst.

    Parameters
    ----------
    samples : (n, points) independent draws
    theory : (points,) or a number

    Notes
    -----
    The relative error is pooled over the points: with a few draws each would be too uncertain.

    Examples
    --------
    >>> round(errors_off([[1.0], [2.0], [3.0]], theory=1.0), 3)  # 2 ± 1 / sqrt(3)
    1.732
    """
    x = np.asarray(samples, dtype=float) / theory
    error = math.sqrt(float(np.mean(x.var(0, ddof=1))) / len(x))
    return float(np.max(abs(x.mean(0) - 1))) / error


def bounded(differences: ArrayLike) -> str:
    """Write the power of ten that all differences stay below; their digits are rounding.

    >>> bounded([3e-13, -1e-15])
    'below 1e-12'
    """
    worst = float(np.max(np.abs(differences)))
    return f"below 1e{math.floor(math.log10(worst)) + 1}"


def stays_below(updates: ArrayLike, costs: ArrayLike, level: float) -> int | None:
    """Return the first probe from which the training cost stayed below a level.

    Parameters
    ----------
    updates : (probes,), done at each probe, the one before training included
    costs : (probes,), mean training cost since the probe before; the first is not looked at
    level : what a cost must be below; one that is not a number is not

    Examples
    --------
    >>> stays_below([0, 10, 20, 30], [0.0, 2.3, 2.1, 2.0], 2.2)
    20
    >>> stays_below([0, 10, 20], [0.0, 2.1, 2.3], 2.2)
    """
    below = np.asarray(costs)[1:] < level
    if not below[-1:].any():
        return None
    first = 0 if below.all() else len(below) - int(np.argmin(below[::-1]))
    return int(np.asarray(updates)[1:][first])
