"""The checks behind the claims: exact courses against gradient descent, and learning times."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ...claims import Finding, Verdict, decide
from ...deep_linear import aligned_weights, descent_step, learning_time, mode_descent, strength
from ...records import RecordError
from ...summaries import listed
from . import DEPTHS, LEFT, NAME, on_record, problem

Floats = NDArray[np.float64]

# --- exact courses ------------------------------------------------------------------------


def whitened_targets() -> Floats:
    """Return the best linear map of the digits with whitened inputs, (10, directions)."""
    return problem("digits").targets


def modes() -> Floats:
    """Return its singular values but the last, which is 0: ten labels have mean 0."""
    return np.asarray(np.linalg.svd(whitened_targets())[1][:-1])


def simulated(depth: int, start: float, rate: float, steps: int, width: int = 16) -> Floats:
    """Return the strength of each mode in whole matrices that learn, (steps + 1, modes)."""
    left, s, right = np.linalg.svd(whitened_targets(), full_matrices=False)
    kept = s > 1e-9
    target = left[:, kept] * s[kept] @ right[kept]
    weights = aligned_weights(target, depth, width, start, np.random.default_rng(depth))
    inputs, course = np.eye(target.shape[1]), []
    for _ in range(steps + 1):
        product = np.linalg.multi_dot(weights[::-1])
        course.append(np.einsum("ik,ij,kj->k", left[:, kept], product, right[kept]))
        descent_step(weights, inputs, target, rate)
    return np.array(course)


def deviation(depth: int, start: float, rate: float, time: float) -> float:
    """Return how far gradient descent gets from the exact course at most, up to some time.

    Relative to the strength to be learned, the worst of all modes.
    """
    steps = round(time / (rate * depth))
    course = simulated(depth, start, rate, steps)
    times = rate * depth * np.arange(steps + 1)
    exact = np.stack([strength(times, s, start, depth) for s in modes()], axis=1)
    return float(np.max(abs(course - exact) / modes()))


def check_courses(*depths: int) -> Finding:
    """Check that matrices under gradient descent follow the exact courses as the rate falls."""
    start, found, halved = 0.01, [], []
    for depth in depths:
        time = 1.2 * learning_time(float(modes()[-1]), start, 0.9 * float(modes()[-1]), depth)
        coarse, fine = (deviation(depth, start, time / n / depth, time) for n in (200, 400))
        found.append(fine)
        halved.append(coarse / fine)
    return Finding(
        f"{len(modes())} modes of the digits, {listed(depths, 'd', ' and ')} matrices, 400 steps: "
        f"at most {listed(100 * np.array(found), '.1f', ' and ')} % off; with twice the rate "
        f"{listed(halved, 1, ' and ')} times as far",
        decide(np.array(found) < 0.05, abs(np.array(halved) - 2) < 0.4),
    )


def check_limit() -> Finding:
    """Check that learning times tend to the closed form for infinite depth, as 1 / depth."""
    limit = learning_time(1, 0.01, 0.99, math.inf)
    short = [1 - learning_time(1, 0.01, 0.99, depth) / limit for depth in (1e3, 1e4, 1e5)]
    falls = [a / b for a, b in pairwise(short)]
    return Finding(
        f"from .01 to .99 of s = 1 it takes {limit:.1f}; with 1,000, 10,000 and 100,000 matrices "
        + ", ".join(f"{100 * d:.1g} %" for d in short)
        + " less",
        decide(abs(np.array(falls) - 10) < 1),
    )


def delay(s: float, start: float, rate: float = 0.02, depth: int = 2000) -> float:
    """Return the steps by which depth delays a mode, times the rate, in units of s / start.

    Each network learns at ``rate`` over the curvature at the end, which is D s^(2 - 2/D).
    """
    steps = []
    for d in (2, depth):
        most = math.ceil(1.5 * learning_time(s, start, 0.99 * s, math.inf) * s**2 / rate)
        course = mode_descent([s], start, d, rate / (d * s ** (2 - 2 / d)), most)[:, 0]
        steps.append(int(np.argmax(course >= 0.99 * s)))
    return (steps[1] - steps[0]) * rate * start / s


def check_delay() -> Finding:
    """Check that the delay by depth is finite, and s over the strength at the start."""
    cases = [(s, start) for s in (0.5, 1.0, 2.0) for start in (0.02, 0.01)]
    found = np.array([delay(s, start) for s, start in cases])
    return Finding(
        f"2,000 matrices against two, three strengths s, two starts: the delay is "
        f"{found.min():.2f} to {found.max():.2f} times s / start over the rate",
        decide(abs(found - 1) < 0.05),
    )


# --- Figure 4: aligned starts ---------------------------------------------------------------

ALIGNED_START = 1e-3
ALIGNED_DEPTHS = (2, 5, 10, 20, 50, 99, 1000)
RELATIVE_RATES = np.geomspace(1, 1e3, 121)


def aligned_times(depth: int, most: int = 1500) -> tuple[int, float]:
    """Return the learning time at the best rate, and that rate times the depth.

    Weights start aligned and balanced on whitened inputs.  A network is trained once the error
    stays at the last of `LEFT`: the largest rates leap over it, by chance, and diverge.
    """
    s, rates = modes(), RELATIVE_RATES[:, None] / depth
    course = mode_descent(s, ALIGNED_START, depth, rates, most)
    with np.errstate(invalid="ignore", over="ignore"):
        trained = np.square(course - s).sum(-1) <= LEFT[-1] * np.square(s).sum()
    stays = np.logical_and.accumulate(trained[::-1])[::-1]
    times = np.where(stays.any(0), stays.argmax(0), most + 1)
    best = int(np.argmin(times))
    return int(times[best]), float(RELATIVE_RATES[best])


def exponent(depths: Floats, values: Floats) -> float:
    """Return the slope of the logarithms of some values against those of the depths."""
    return float(np.polyfit(np.log(depths), np.log(values), 1)[0])


def check_saturates() -> Finding:
    """Check that learning times from aligned starts level off with depth."""
    times = np.array([aligned_times(depth)[0] for depth in ALIGNED_DEPTHS])
    last = exponent(np.array(ALIGNED_DEPTHS[-2:]), times[-2:])
    return Finding(
        f"{listed(times, 'd', ', ')} steps with {listed(ALIGNED_DEPTHS, 'd', ', ')} matrices; "
        f"from 99 to 1,000 a power {last:.2f} of the depth",
        decide(last < 0.1),
    )


def check_aligned_rates() -> Finding:
    """Check that the best rate from aligned starts is inverse to the depth."""
    chosen = [depth for depth in ALIGNED_DEPTHS if depth >= 10]
    rates = np.array([aligned_times(depth)[1] / depth for depth in chosen])
    power = exponent(np.array(chosen, dtype=float), rates)
    return Finding(
        f"a power {power:.2f} of the depth, from 10 to 1,000 matrices",
        decide(abs(power + 1) < 0.15),
    )


# --- Figure 6: random starts ----------------------------------------------------------------

FROM = 8
"""Matrices from which on powers of the depth are fitted."""


def learned(weights: str, name: str) -> tuple[NDArray[np.int64], Floats]:
    """Return depths (depths,) and a metric of the runs on the digits (seeds, depths).

    Raises
    ------
    RecordError
        If a run is missing, or never learned.
    """
    runs = on_record()[weights]
    columns = [[record.metrics[name] for record in runs.get(depth, ())] for depth in DEPTHS]
    if len({len(c) for c in columns}) > 1 or any(None in c or not c for c in columns):
        raise RecordError(
            f"runs of {NAME} are missing. Make them with `signalprop run {NAME} --scale laptop`"
        )
    return np.array(DEPTHS), np.array(columns, dtype=float).T


def power(weights: str, name: str = "steps", least: int = FROM) -> tuple[float, float]:
    """Return the power of the depth by which a metric grows, and its standard error over seeds."""
    depths, values = learned(weights, name)
    deep = depths >= least
    fits = [exponent(depths[deep].astype(float), row[deep]) for row in values]
    return float(np.mean(fits)), float(np.std(fits, ddof=1) / math.sqrt(len(fits)))


def _times(weights: str) -> str:
    depths, steps = learned(weights, "steps")
    means = listed(steps.mean(0), ".0f", ", ")
    return f"{means} steps with {listed(depths, 'd', ', ')} matrices (n={len(steps)})"


def check_orthogonal() -> Finding:
    """Check that the learning time from orthogonal weights does not grow with depth."""
    p, error = power("orthogonal")
    return Finding(
        f"{_times('orthogonal')}; from {FROM} on a power {p:.2f} ± {error:.2f} of the depth",
        decide(p < 0.25),
    )


def check_glorot() -> Finding:
    """Check that the learning time from Glorot's weights is proportional to the depth."""
    p, error = power("glorot")
    return Finding(
        f"{_times('glorot')}; from {FROM} on a power {p:.2f} ± {error:.2f} of the depth",
        decide(abs(p - 1) < 0.25),
    )


def check_ratio() -> Finding:
    """Check by how much orthogonal weights are faster in a network of 64 matrices."""
    times = {weights: learned(weights, "steps") for weights in ("glorot", "orthogonal")}
    means = {w: float(steps[:, depths == 64].mean()) for w, (depths, steps) in times.items()}
    ratio = means["glorot"] / means["orthogonal"]
    return Finding(f"{ratio:.0f} times", decide(0.5 < ratio / 43 < 2))


def check_rates() -> Finding:
    """Check that the best rate is the same at all depths if orthogonal, and falls if Glorot's."""
    orthogonal, glorot = (power(w, "rate", 2)[0] for w in ("orthogonal", "glorot"))
    verdict: Verdict = decide(abs(orthogonal) < 0.25, abs(glorot + 0.94) < 0.25)
    return Finding(
        f"powers {orthogonal:.2f} (orthogonal) and {glorot:.2f} (Glorot's) of the depth", verdict
    )
