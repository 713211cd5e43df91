"""Algorithm 1 of the 2018 paper: another way to a density, and the check that it works."""

from __future__ import annotations

import math

from scipy.optimize import newton

from ...claims import Finding, decide
from ...spectra import JacobianLaw, Weights, jacobian_law

RATIO = 1.25
"""Of the imaginary parts of two steps; the paper leaves it open."""


CASES: tuple[tuple[str, Weights, int], ...] = (
    ("relu", "orthogonal", 3),
    ("tanh", "orthogonal", 8),
    ("tanh", "gaussian", 32),
)


def algorithm_1(law: JacobianLaw, s: float, steps: int) -> float:
    """Return the density at s by following the root of equation 15 from far above s**2.

    The imaginary part of z falls from ``RATIO**steps``, where G is 1/z, to its inverse.
    """
    slopes, depth = law.slopes, law.depth
    values = slopes.values * slopes.mean

    def excess(g: complex, z: complex) -> complex:
        m = z * g - 1
        s_weights = 1 / law.sigma_w2 / (1 + m if law.weights == "gaussian" else 1)
        y = z ** (1 / depth) * s_weights * ((1 + m) / m) ** (1 - 1 / depth)
        return complex(slopes.weights @ (values / (y - values)) - m)

    z = complex(s**2, RATIO**steps)
    g = 1 / z + law.moment(1) / z**2
    for step in range(steps, -steps - 1, -1):
        z = complex(s**2, RATIO**step)
        g = newton(excess, g, args=(z,), x1=g * (1 + 1e-6), tol=1e-14, maxiter=200)
    return -2 * s * g.imag / math.pi


def check_algorithm_1() -> Finding:
    """Check that its error shrinks like the last imaginary part, and by what is left of it."""
    errors = {30: 0.0, 40: 0.0}
    for name, weights, depth in CASES:
        law = jacobian_law(name, depth, weights, q_star=0.5)
        for s in (0.3 * law.s_max, 0.9 * law.s_max):
            for steps in errors:
                off = abs(algorithm_1(law, s, steps) / float(law.density(s)) - 1)
                errors[steps] = max(errors[steps], off)
    shrinks = errors[30] / errors[40]
    return Finding(
        f"densities off by up to {errors[30]:.0e} after 60 steps, {errors[40]:.0e} after 80",
        decide(errors[40] < 0.01, 0.5 < shrinks / RATIO**10 < 2),
    )
