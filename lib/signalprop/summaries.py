"""What many runs say together, as numbers and in the words of a finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .records import Record


def spread(values: ArrayLike, digits: int = 3) -> str:
    """Write mean ± standard deviation and the number of runs.

    >>> spread([1.0, 2.0, 3.0], digits=1)
    '2.0 ± 1.0 (n=3)'
    """
    x = np.asarray(values, dtype=float)
    return f"{x.mean():.{digits}f} ± {x.std(ddof=1):.{digits}f} (n={len(x)})"


def listed(values: ArrayLike, digits: int = 2) -> str:
    """Write the values of the layers, first layer first."""
    return " ".join(f"{v:.{digits}f}" for v in np.ravel(values))


def each(runs: Sequence[Record], statistic: Callable[[Record], Any]) -> NDArray[np.float64]:
    """Apply a statistic to each run."""
    return np.array([statistic(record) for record in runs], dtype=float)


def within(ours: ArrayLike, printed: ArrayLike, tolerance: ArrayLike) -> bool:
    """Tell whether values agree with values read off a figure, to an absolute tolerance."""
    return bool(np.all(np.abs(np.subtract(ours, printed)) < tolerance))


def gap(worse: ArrayLike, better: ArrayLike) -> tuple[float, float]:
    """Return by how much one group's mean exceeds another's, and the standard error of that.

    >>> gap([3.0, 5.0], [1.0, 1.0])
    (3.0, 1.0)
    """
    a, b = np.asarray(worse, dtype=float), np.asarray(better, dtype=float)
    error = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return float(a.mean() - b.mean()), float(error)
