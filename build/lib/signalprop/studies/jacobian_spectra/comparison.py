"""Singular values on record beside the laws of infinite width."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kstwobign

from ...spectra import Law
from . import LAPTOP, Spec, group

Floats = NDArray[np.float64]


def measured(name: str) -> dict[Spec, Floats]:
    """Return the singular values on record of a group, all draws together, by spec."""
    values = (record.arrays["singular_values"].astype(float).ravel() for record in group(name))
    return dict(zip(LAPTOP[name], values, strict=True))


NOISE = 1e-5
"""Singular values below this are not compared: the deepest are rounding."""


def deviation(values: Floats, of: Law) -> float:
    """Return the largest difference of distribution functions, away from atoms.

    Finite width spreads an atom over a few per cent of its place, where the two functions must
    differ by as much as half its mass; points nearer than 5 % to an atom are left out.
    """
    s = np.concatenate([np.geomspace(NOISE, of.s_max, 200), of.s_max * np.linspace(0, 1.05, 211)])
    s = s[s >= NOISE]
    for location, _ in of.atoms:
        s = s[abs(s - location) > 0.05 * location]
    share = np.searchsorted(np.sort(values), s, side="right") / len(values)
    return float(abs(share - of.cdf(s)).max())


def allowed(count: int) -> float:
    """Return what independent draws exceed in one case of a thousand (Kolmogorov).

    Singular values of one matrix repel each other and scatter less.
    """
    return float(kstwobign.isf(1e-3)) / math.sqrt(count)
