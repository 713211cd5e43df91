"""Checks of arguments: an error names the argument, its range, and what was given."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def checked_variance(name: str, value: ArrayLike, *, zero: bool = False) -> Floats:
    """Return a variance, or an array of variances, in double precision.

    Parameters
    ----------
    name : of the argument
    value : any shape
    zero : whether 0 is in the range

    Raises
    ------
    ValueError
        If a value is negative, not finite, or 0 where that is out of range.

    Examples
    --------
    >>> checked_variance("q", 0.0)
    Traceback (most recent call last):
    ValueError: q must be a finite variance > 0, got 0.0
    """
    x = np.asarray(value, dtype=np.float64)
    if not np.all(((x >= 0) if zero else (x > 0)) & (x < np.inf)):
        least = ">= 0" if zero else "> 0"
        raise ValueError(f"{name} must be a finite variance {least}, got {value!r}")
    return x
