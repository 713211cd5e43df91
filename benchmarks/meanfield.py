"""Milliseconds a phase diagram takes: ``python benchmarks/meanfield.py``.

q* and chi over 24 x 24 variances, 0.5 to 4 of the weights and 0.001 to 0.5 of the biases, by
`signalprop.meanfield.phase_diagram` and by a plain loop: 201 Gauss-Hermite nodes, and the length
map iterated at each point.
"""

from __future__ import annotations

import argparse

import numpy as np
from machine import describe, seconds
from numpy.typing import NDArray

from signalprop.activations import get
from signalprop.meanfield import phase_diagram

Floats = NDArray[np.float64]


def plain_loop(activation: str, weights: Floats, biases: Floats) -> tuple[Floats, Floats]:
    """Return q* and chi, point by point; NaN where the variance grows."""
    act = get(activation)
    nodes, mass = np.polynomial.hermite_e.hermegauss(201)
    mass = mass / mass.sum()
    q_star = np.full((biases.size, weights.size), np.nan)
    growth = q_star.copy()
    for i, b in enumerate(biases):
        for j, w in enumerate(weights):
            q, before = 1.0, 0.0
            while abs(q - before) > 1e-12 * q and q < 1e12:
                q, before = w * mass @ act(np.sqrt(q) * nodes) ** 2 + b, q
            if q < 1e12:
                q_star[i, j] = q
                growth[i, j] = w * mass @ act.derivative(np.sqrt(q) * nodes) ** 2
    return q_star, growth


def main() -> None:
    """Time both, and compare their results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=24)
    parser.add_argument("--activations", nargs="+", default=["tanh", "erf", "sigmoid", "relu"])
    parser.add_argument("--repetitions", type=int, default=9)
    arguments = parser.parse_args()
    weights = np.linspace(0.5, 4, arguments.size)
    biases = np.linspace(0.001, 0.5, arguments.size)
    print(describe())
    print(f"{arguments.size} x {arguments.size} points, ms: median (range)")
    for activation in arguments.activations:
        results = []
        for solve in (phase_diagram, plain_loop):
            median, least, greatest = (
                1000 * t
                for t in seconds(
                    lambda solve=solve, name=activation: solve(name, weights, biases),
                    arguments.repetitions,
                )
            )
            results.append(solve(activation, weights, biases))
            print(
                f"{activation:8} {solve.__name__:14} {median:8.2f}  ({least:.2f} to {greatest:.2f})"
            )
        (q, growth), (loop_q, loop_growth) = results
        both = ~np.isnan(q) & ~np.isnan(loop_q)
        print(
            f"{activation:8} largest relative difference: q* "
            f"{np.max(abs(loop_q[both] / q[both] - 1)):.0e}, chi "
            f"{np.max(abs(loop_growth[both] / growth[both] - 1)):.0e}"
        )


if __name__ == "__main__":
    main()
