r"""When are two test errors different?  Three answers, for the rule of Table 1.

Two networks tested on the same images can be compared image by image (`mcnemar_p`), or by their
errors alone, as if each had images of its own (`proportions_p`).  Both speak of two given networks.
Two *kinds* of networks are compared over seeds (`welch_p`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr, stdtr

LEVEL = 0.005
"""The p-value of Table 1."""


def proportions_p(error: float, other: float, images: int) -> float:
    r"""Return the two-sided p-value of two error rates, on as many images each, being equal.

    .. math:: z = (e_1 - e_2) \Big/ \sqrt{2 e (1 - e) / n}, \quad e = (e_1 + e_2)/2

    is standard normal for two networks of equal error on independent images.  On the same images
    networks tend to err together, so that the test rejects less often than it says.

    Parameters
    ----------
    error, other : fractions of wrong answers, in [0, 1]
    images : test images of each, at least 1

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    The printed 53.8 % and 55.78 %, of 10,000 images each:

    >>> round(proportions_p(0.538, 0.5578, 10_000), 4)
    0.0049
    """
    for name, value in (("error", error), ("other", other)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be in [0, 1], got {value}")
    if images < 1:
        raise ValueError(f"images must be at least 1, got {images}")
    if error == other:
        return 1.0
    mean = (error + other) / 2
    return math.erfc(abs(error - other) / math.sqrt(2 * mean * (1 - mean) / images) / math.sqrt(2))


def mcnemar_p(wrong: ArrayLike, other: ArrayLike) -> float:
    r"""Return the exact two-sided p-value of two networks being equally good on the same images.

    Images that both get right or both get wrong say nothing.  Of the others each network should
    have half: the smaller of the two counts is binomial with probability 1/2 (McNemar 1947, in
    its exact form).

    Parameters
    ----------
    wrong, other : which images (n,) each network got wrong, bool

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    One image that only the first gets wrong, nine that only the second does: 22 of the 1024
    ways to share ten images are as uneven.

    >>> first, second = [True] + 9 * [False], [False] + 9 * [True]
    >>> mcnemar_p(first, second) * 1024
    22.0
    """
    a, b = np.asarray(wrong, dtype=bool), np.asarray(other, dtype=bool)
    if a.shape != b.shape:
        raise ValueError(f"wrong and other must have one shape, got {a.shape} and {b.shape}")
    only = int((a & ~b).sum()), int((b & ~a).sum())
    return min(1.0, 2 * float(bdtr(min(only), sum(only), 0.5)))


def welch_p(values: ArrayLike, other: ArrayLike) -> float:
    """Return the two-sided p-value of two groups having one mean (Welch's t-test).

    Parameters
    ----------
    values, other : the groups, two values or more each; their variances may differ

    Raises
    ------
    ValueError
        If a group has fewer than two values.

    Examples
    --------
    >>> round(welch_p([3.0, 4.0, 5.0], [1.0, 2.0, 3.0]), 4)
    0.0705
    """
    a, b = np.asarray(values, dtype=float), np.asarray(other, dtype=float)
    for name, group in (("values", a), ("other", b)):
        if len(group) < 2:
            raise ValueError(f"{name} must have two values or more, got {len(group)}")
    va, vb = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    if va + vb == 0:
        return float(a.mean() == b.mean())
    freedom = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    return float(2 * stdtr(freedom, -abs(a.mean() - b.mean()) / math.sqrt(va + vb)))


def bold(errors: Mapping[str, float], images: int, level: float = LEVEL) -> set[str]:
    """Return the rows that do not differ from the best one, by their errors alone.

    Parameters
    ----------
    errors : fraction of wrong answers of each row
    images : test images
    level : p-value below which two errors differ
    """
    best = min(errors.values())
    return {row for row, e in errors.items() if proportions_p(e, best, images) >= level}


def unlike(
    errors: Mapping[str, float], marked: Collection[str], images: int, level: float = LEVEL
) -> list[tuple[str, str]]:
    """Return the pairs of a marked row and one that is not which do not differ.

    Parameters
    ----------
    errors, images, level : as in `bold`
    marked : the rows printed bold
    """
    return [
        (row, other)
        for row in errors
        for other in errors
        if row in marked
        and other not in marked
        and proportions_p(errors[row], errors[other], images) >= level
    ]
