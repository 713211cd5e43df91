"""Laws of squared singular values by PyPI packages, for ``spectra.py --peers PYTHON``.

Needs freealg and scikit-rmt, whose pins differ from ours, so it runs in an environment of its
own and imports nothing of this project.  It writes a JSON list to standard output.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
from freealg.distributions import FussCatalan
from skrmt.ensemble.spectral_law import MarchenkoPasturDistribution

POINTS = 400


def exact(depth: int) -> tuple[Any, Any]:
    """Return points of the spectrum of a linear Gaussian network, and the density there.

    The parametric form of the Fuss-Catalan law, evaluated on a fine grid of its angle and
    interpolated in logarithms to equally spaced points.
    """
    top = (depth + 1) ** (depth + 1) / depth**depth
    angle = np.pi / (depth + 1) * np.linspace(0, 1, 200_002)[1:-1]
    log_x = (
        (depth + 1) * np.log(np.sin((depth + 1) * angle))
        - np.log(np.sin(angle))
        - depth * np.log(np.sin(depth * angle))
    )
    log_density = (
        2 * np.log(np.sin(angle))
        + (depth - 1) * np.log(np.sin(depth * angle))
        - depth * np.log(np.sin((depth + 1) * angle))
        - np.log(np.pi)
    )
    x = np.linspace(0.05, 0.99 * top, POINTS)
    return x, np.exp(np.interp(np.log(x), log_x[::-1], log_density[::-1]))


def measure(density: Callable[[Any], Any], depth: int) -> dict[str, Any]:
    """Return the seconds and the errors of a density at `POINTS` points."""
    x, truth = exact(depth)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        values = density(x)
        times.append(time.perf_counter() - start)
    error = np.abs(values / truth - 1)
    return {
        "seconds": statistics.median(times),
        "median_error": float(np.median(error)),
        "largest_error": float(error.max()),
    }


def main() -> None:
    """Print what the packages do at some depths."""
    rows = []
    for depth in map(int, sys.argv[1:]):
        row = measure(lambda x, depth=depth: FussCatalan(depth).density(x), depth)
        rows.append({"tool": f"freealg {version('freealg')}", "depth": depth, **row})
        if depth == 1:
            row = measure(lambda x: MarchenkoPasturDistribution(ratio=1.0).pdf(x), depth)
            rows.append({"tool": f"scikit-rmt {version('scikit-rmt')}", "depth": 1, **row})
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
