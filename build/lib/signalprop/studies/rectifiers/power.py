"""What it takes to tell two error rates apart: test images, and seeds."""

from __future__ import annotations

import math

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike

LEVEL = 0.05
"""Probability of seeing a difference where there is none (two-sided)."""

POWER = 0.8
"""Probability of seeing one that is there."""


def gap_deviation(error_a: float, error_b: float, images: int, both: float | None = None) -> float:
    r"""Return the standard deviation of the gap between two networks' test errors.

    .. math:: \mathrm{Var} = \frac{p_a + p_b - 2 p_{ab} - (p_a - p_b)^2}{N}

    It is that over draws of the test images, the networks being what they are.

    Parameters
    ----------
    error_a, error_b : fractions misclassified
    images : test images, > 0
    both : fraction that both networks misclassify, of the same images; if None, the networks
        are tested on images of their own

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> print(f"{100 * gap_deviation(0.0143, 0.0157, 10_000):.3f}")
    0.172
    """
    _check_errors(error_a, error_b, both)
    if images < 1:
        raise ValueError(f"images must be at least 1, got {images}")
    return math.sqrt(_gap_variance(error_a, error_b, both) / images)


def images_needed(error_a: float, error_b: float, both: float | None = None) -> int:
    """Return how many test images show the gap at `LEVEL` with probability `POWER`.

    Parameters
    ----------
    error_a, error_b, both : as for `gap_deviation`; the errors differ

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    _check_errors(error_a, error_b, both)
    if error_a == error_b:
        raise ValueError(f"error_a and error_b must differ, got {error_a} twice")
    z = scipy.stats.norm.isf(LEVEL / 2) + scipy.stats.norm.isf(1 - POWER)
    variance = _gap_variance(error_a, error_b, both)
    return math.ceil(variance * (float(z) / (error_a - error_b)) ** 2)


def detection(gap: float, deviation: float, seeds: int) -> float:
    """Return the probability that a t test at `LEVEL` sees a gap between two groups of networks.

    Parameters
    ----------
    gap : between the means over all seeds
    deviation : over the seeds of a group, > 0, in the same unit; of a normal distribution
    seeds : networks in each group, at least 2

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> round(detection(0.0, 1.0, seeds=5), 4)
    0.05
    """
    if not deviation > 0:
        raise ValueError(f"deviation must be > 0, got {deviation}")
    if seeds < 2:
        raise ValueError(f"seeds must be at least 2, got {seeds}")
    freedom = 2 * seeds - 2
    limit = scipy.stats.t.isf(LEVEL / 2, freedom)
    shift = abs(gap) / (deviation * math.sqrt(2 / seeds))
    # A mean over the estimated deviation: scipy's noncentral t is nan in places.
    levels = (np.arange(1000) + 0.5) / 1000
    edge = limit * np.sqrt(scipy.stats.chi2.ppf(levels, freedom) / freedom)
    beyond = scipy.stats.norm.sf(edge - shift) + scipy.stats.norm.cdf(-edge - shift)
    return float(beyond.mean())


def seeds_needed(gap: float, deviation: float) -> int:
    """Return how many seeds a group show a gap at `LEVEL` with probability `POWER`.

    Parameters and errors as for `detection`; the gap is not 0.

    Examples
    --------
    >>> seeds_needed(gap=1.0, deviation=1.0)
    17
    """
    if gap == 0:
        raise ValueError("gap must not be 0: no number of seeds shows it")
    seeds = 2
    while detection(gap, deviation, seeds) < POWER:
        seeds += 1
    return seeds


def interval(a: ArrayLike, b: ArrayLike) -> tuple[float, float, float]:
    """Return mean(a) - mean(b), and the ends of its 95 % interval by Welch's t test.

    Parameters
    ----------
    a, b : results of independent runs, two or more each

    Examples
    --------
    >>> [round(x, 2) for x in interval([3.0, 5.0, 4.0], [1.0, 1.0, 1.1])]
    [2.97, 0.49, 5.44]
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    ends = scipy.stats.ttest_ind(x, y, equal_var=False).confidence_interval(1 - LEVEL)
    return float(x.mean() - y.mean()), float(ends.low), float(ends.high)


def mean_interval(a: ArrayLike) -> tuple[float, float, float]:
    """Return mean(a), and the ends of its 95 % interval by the t distribution.

    Parameters
    ----------
    a : results of independent runs, two or more

    Examples
    --------
    >>> [round(x, 2) for x in mean_interval([3.0, 5.0, 4.0])]
    [4.0, 1.52, 6.48]
    """
    x = np.asarray(a, dtype=np.float64)
    ends = scipy.stats.ttest_1samp(x, 0.0).confidence_interval(1 - LEVEL)
    return float(x.mean()), float(ends.low), float(ends.high)


def _gap_variance(error_a: float, error_b: float, both: float | None) -> float:
    shared = error_a * error_b if both is None else both
    return error_a + error_b - 2 * shared - (error_a - error_b) ** 2


def _check_errors(error_a: float, error_b: float, both: float | None) -> None:
    for name, error in (("error_a", error_a), ("error_b", error_b)):
        if not 0 <= error <= 1:
            raise ValueError(f"{name} must be between 0 and 1, got {error}")
    low, high = max(error_a + error_b - 1, 0.0), min(error_a, error_b)
    if both is not None and not low <= both <= high:
        raise ValueError(f"both must be between {low:g} and {high:g}, got {both}")
