"""How simulations are compared with theory: averages over a few seeds, and their errors."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

SEEDS, WIDTH = range(6), 500


def listed(values: ArrayLike, form: str = ".3g") -> str:
    """Write numbers, a blank between."""
    return " ".join(f"{v:{form}}" for v in np.ravel(values))


def bounded(differences: ArrayLike) -> str:
    """Write the power of ten that all differences stay below; their digits are rounding."""
    worst = float(np.max(np.abs(differences)))
    return f"below 1e{math.floor(math.log10(worst)) + 1}"


def errors_off(samples: ArrayLike, theory: ArrayLike) -> float:
    """Return by how many standard errors averages over samples miss the theory at worst.

    Parameters
    ----------
    samples : (n, points) independent draws
    theory : (points,) or a number

    Notes
    -----
    The relative error is pooled over the points: with a few draws each would be too uncertain.
    """
    x = np.asarray(samples, dtype=float) / theory
    error = math.sqrt(float(np.mean(x.var(0, ddof=1))) / len(x))
    return float(np.max(abs(x.mean(0) - 1))) / error


LIMIT = 4.0
"""Standard errors that count as agreement."""
