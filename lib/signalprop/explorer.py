"""A table of Jacobian laws for a figure in which the reader turns the knobs.

`table` holds, for every setting, what `spectra.jacobian_law` says of a critical network: a curve
of the density, atoms, the largest singular value and the variance; ``static/explorer.js`` draws
it.  The curve is kept small: its points are fixed by the two ends of what is visible, and each
density is a number of 12 bits, two characters long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from signalprop.activations import get
from signalprop.meanfield import critical_point
from signalprop.spectra import JacobianLaw, Weights, jacobian_law, scale_free

Floats = NDArray[np.float64]

SCRIPT = Path(__file__).parent / "static" / "explorer.js"

ACTIVATIONS = ("tanh", "erf", "hard_tanh", "softsign", "relu", "linear")
DEPTHS = tuple(2**k for k in range(11))
Q_STARS = tuple(2.0**k for k in range(-6, 3))

POINTS = 48
"""Of a curve."""

DECADES = (-5, 3)
"""Powers of ten between which densities are kept; what is beyond is set to these."""

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
LEVELS = len(DIGITS) ** 2

PRECISION = 5
"""Significant digits of everything else."""

_NARROWINGS = 3


def table(
    activations: Sequence[str] = ACTIVATIONS,
    depths: Sequence[int] = DEPTHS,
    q_stars: Sequence[float] = Q_STARS,
) -> dict[str, Any]:
    r"""Return the laws of critical networks in a form that JSON can hold.

    Parameters
    ----------
    activations : names
    depths : numbers of layers, >= 1
    q_stars : variances of the pre-activations, > 0; of no effect on linear and ReLU networks,
        which have one law only

    Returns
    -------
    dict
        ``laws[i][j][k]`` of an activation is the law at its i-th ``q_star``, the j-th kind of
        ``weights`` and the k-th of ``depths``: ``[s_max, variance, atoms]`` and, if some of its
        density is at least ``10**decades[0]``, ``low, high, digits``.  Atoms are ``[location,
        mass]``.  Two ``digits`` make a level between 0 and 4095 of the logarithm of the density
        at a point of the curve; the N points are close to both ends, because densities have
        square roots there:

    .. math:: s_n = low + (high - low)\, \frac{1 - \cos\theta_n}{2}, \quad
        \theta_n = \frac{\pi}{N} \Big(n + \frac12\Big)

    Examples
    --------
    >>> relu = table(["relu"], depths=[1])["activations"][0]
    >>> orthogonal, gaussian = relu["laws"][0]
    >>> orthogonal[0]  # s_max, variance, atoms: half of the units pass nothing
    [1.4142, 1.0, [[0.0, 0.5], [1.4142, 0.5]]]
    """
    return {
        "weights": list(get_args(Weights)),
        "depths": list(depths),
        "decades": list(DECADES),
        "digits": DIGITS,
        "activations": [_entry(name, depths, q_stars) for name in activations],
    }


def _entry(name: str, depths: Sequence[int], q_stars: Sequence[float]) -> dict[str, Any]:
    act = get(name)
    one_law = scale_free(act)
    variances = (1.0,) if one_law else tuple(q_stars)
    sigma_w2, sigma_b2 = critical_point(act, np.array(variances))
    return {
        "name": name,
        "q_star": [] if one_law else list(variances),
        "sigma_w2": [_rounded(x) for x in sigma_w2],
        "sigma_b2": [_rounded(x) for x in sigma_b2],
        "laws": [
            [[_law(jacobian_law(act, depth, w, q)) for depth in depths] for w in get_args(Weights)]
            for q in variances
        ],
    }


def _law(law: JacobianLaw) -> list[Any]:
    """Return the figures of a law, and its curve if there is anything to see of it."""
    least = 10.0 ** DECADES[0]
    atoms = [[_rounded(s), _rounded(mass)] for s, mass in law.atoms if mass >= least]
    entry = [_rounded(law.s_max), _rounded(law.variance), atoms]
    low, high = (_rounded(edge) for edge in law.support)
    density = law.density(grid(low, high))
    # Left of a narrow law nothing is visible: begin where its density reaches the least.
    for _ in range(_NARROWINGS):
        first = int(np.argmax(density >= least))
        if first == 0:
            break
        low = _rounded(float(grid(low, high)[first - 1]))
        density = law.density(grid(low, high))
    if density.max() < least:
        return entry
    return [*entry, low, high, _encoded(density)]


def grid(low: float, high: float) -> Floats:
    """Return the singular values at which a curve is kept, of shape (POINTS,).

    >>> points = grid(0.0, 2.0)
    >>> len(points), round(float(points.mean()), 12)
    (48, 1.0)
    """
    angle = (np.arange(POINTS) + 0.5) * np.pi / POINTS
    return low + (high - low) * (1 - np.cos(angle)) / 2


def _encoded(density: Floats) -> str:
    low, high = DECADES
    exponent = np.log10(np.clip(density, 10.0**low, 10.0**high))
    levels = np.rint((exponent - low) / (high - low) * (LEVELS - 1)).astype(int)
    return "".join(DIGITS[n // len(DIGITS)] + DIGITS[n % len(DIGITS)] for n in levels)


def _rounded(x: float) -> float:
    return float(f"{x:.{PRECISION}g}")


def summary(laws: Mapping[str, Any], q_star: float = 0.25, columns: int = 4) -> str:
    """Return the largest singular values of a table as lines of text.

    Parameters
    ----------
    laws : made by `table`
    q_star : the one to show, where it matters
    columns : number of depths to show, the least and the greatest among them

    Raises
    ------
    ValueError
        If the table has no such ``q_star``.

    Examples
    --------
    >>> print(summary(table(["linear"], depths=[1, 4]), columns=2))
    Largest singular value of critical networks at q* = 0.25
    depth                         1        4
    linear, orthogonal            1        1
    linear, gaussian              2    3.494
    """
    shown = np.linspace(0, len(laws["depths"]) - 1, columns).round().astype(int)
    lines = [
        f"Largest singular value of critical networks at q* = {q_star:g}",
        f"{'depth':22}" + "".join(f"{laws['depths'][k]:9}" for k in shown),
    ]
    for entry in laws["activations"]:
        if entry["q_star"] and q_star not in entry["q_star"]:
            known = ", ".join(map(str, entry["q_star"]))
            raise ValueError(f"q_star must be one of {known}, got {q_star!r}")
        i = entry["q_star"].index(q_star) if entry["q_star"] else 0
        for weights, row in zip(laws["weights"], entry["laws"][i], strict=True):
            name = f"{entry['name'].replace('_', ' ')}, {weights}"
            lines.append(f"{name:22}" + "".join(f"{row[k][0]:9.4g}" for k in shown))
    return "\n".join(lines)
