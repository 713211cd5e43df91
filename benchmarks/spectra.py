"""Time and error of the laws of Jacobians: ``python benchmarks/spectra.py``.

Ours, a Monte-Carlo network of width 1000, and (with ``--peers PYTHON``, an environment that has
them) the packages of ``spectra_peers.py``.  ``--record`` keeps the table for the book.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe, seconds

from signalprop.activations import get
from signalprop.records import ROOT
from signalprop.slopes import slope_law
from signalprop.spectra import JacobianLaw, jacobian_law

POINTS, BINS, WIDTH = 400, 24, 1000
CASES = [
    *(("linear", "gaussian", depth, 1.0) for depth in (1, 2, 8, 32)),
    *(("relu", "gaussian", depth, 1.0) for depth in (8, 32)),
    *(("relu", "orthogonal", depth, 1.0) for depth in (8, 32)),
    *(("tanh", "orthogonal", depth, 0.5) for depth in (2, 8, 32)),
    *(("gelu", "orthogonal", depth, 0.5) for depth in (8, 32)),
]
DEEP = [("linear", "gaussian", 10**6, 1.0), ("tanh", "orthogonal", 10**6, 0.5)]


def ours(activation: str, weights: Any, depth: int, q: float) -> dict[str, Any]:
    """Time a law and its density at `POINTS` points; its error is against a finer rule."""
    s = points(jacobian_law(activation, depth, weights, q_star=q))

    def work() -> Any:
        return jacobian_law(activation, depth, weights, q_star=q).density(s)

    finer = slope_law(activation, q, step=0.03 if depth >= 8 else 0.01)
    truth = JacobianLaw(finer, depth, weights, 1 / finer.mean).density(s)
    if activation == "linear":
        truth = fuss_catalan(depth, s)
    error = np.abs(work() / truth - 1)
    return {
        "tool": "signalprop",
        "seconds": seconds(work, 20)[0],
        "median_error": float(np.median(error)),
        "largest_error": float(error.max()),
    }


def points(law: JacobianLaw) -> Any:
    """Return equally spaced points of the squared spectrum, as singular values."""
    top = law.support[1] ** 2
    return np.sqrt(np.linspace(min(0.05, top / 400), 0.99 * top, POINTS))


def fuss_catalan(depth: int, s: Any) -> Any:
    """Return the exact density of a linear Gaussian network, solving for the angle."""
    angle = np.full_like(s, 0.5 * np.pi / (depth + 1))
    low, high = np.zeros_like(s), np.full_like(s, np.pi / (depth + 1))
    for _ in range(200):  # bisection: s falls as the angle grows
        below = _log_s(depth, angle) > np.log(s)
        low, high = np.where(below, angle, low), np.where(below, high, angle)
        angle = (low + high) / 2
    first, last = np.sin(angle), np.sin((depth + 1) * angle)
    logs = 3 * np.log(first) + (depth - 2) * np.log(np.sin(depth * angle))
    return 2 / np.pi * np.exp((logs - (depth - 1) * np.log(last)) / 2)


def _log_s(depth: int, angle: Any) -> Any:
    last = (depth + 1) * np.log(np.sin((depth + 1) * angle))
    return (last - np.log(np.sin(angle)) - depth * np.log(np.sin(depth * angle))) / 2


def monte_carlo(activation: str, weights: str, depth: int, q: float) -> dict[str, Any]:
    """Time one product of random layers; its error is the L1 distance over `BINS` bins."""
    act = get(activation)
    sigma = np.sqrt(1 / float(act.slope_square_mean(q)))
    rng = np.random.default_rng(seed=0)

    def work() -> Any:
        product = np.eye(WIDTH)
        for _ in range(depth):
            w = rng.standard_normal((WIDTH, WIDTH)) / np.sqrt(WIDTH)
            if weights == "orthogonal":
                w, r = np.linalg.qr(w)
                w *= np.sign(np.diag(r))
            slopes = act.derivative(np.sqrt(q) * rng.standard_normal(WIDTH))
            product = slopes[:, None] * (sigma * w @ product)
        return np.linalg.svd(product, compute_uv=False)

    law = jacobian_law(activation, depth, weights, q_star=q)
    edges = np.linspace(0, 1.05 * law.s_max, BINS + 1)
    edges[0] = -1  # a zero atom belongs to the first bin
    theory = np.diff(law.cdf(edges))
    simulated = np.histogram(work(), edges)[0] / WIDTH
    return {
        "tool": f"Monte Carlo, width {WIDTH}",
        "seconds": seconds(work, 2)[0],
        "l1_error": float(np.abs(simulated - theory).sum()),
    }


def table(peers: str | None) -> list[dict[str, Any]]:
    """Return every row: a case and what a tool does with it."""
    rows = []
    for case in [*CASES, *DEEP]:
        names = dict(zip(("activation", "weights", "depth", "q_star"), case, strict=True))
        rows.append(names | ours(*case))
        if case in CASES:
            rows.append(names | monte_carlo(*case))
    if peers:
        script = Path(__file__).with_name("spectra_peers.py")
        output = subprocess.run(
            [peers, script, "1", "2", "8", "32"], check=True, capture_output=True, text=True
        )
        linear = {"activation": "linear", "weights": "gaussian", "q_star": 1.0}
        rows += [linear | row for row in json.loads(output.stdout)]
    return rows


def main() -> None:
    """Print the table, and keep it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="a Python that has freealg and scikit-rmt")
    parser.add_argument("--record", action="store_true", help="keep the table for the book")
    arguments = parser.parse_args()
    machine = describe()
    rows = table(arguments.peers)
    print(machine)
    for row in rows:
        case = f"{row['activation']} {row['weights']}, depth {row['depth']}"
        errors = "  ".join(f"{k} {row[k]:.0e}" for k in row if k.endswith("error"))
        print(f"{case:34} {row['tool']:24} {1000 * row['seconds']:9.1f} ms  {errors}")
    if arguments.record:
        path = ROOT / "benchmarks" / "spectra.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
