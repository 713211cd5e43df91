"""The checks behind the claims on Figs. 5 and 6: depth, q*, and isometry while learning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ...claims import Finding, decide
from ...critical import Weights
from ...records import Record
from ...spectra import jacobian_law
from ...summaries import listed
from . import LAPTOP, group, steps_to
from .specs import DEPTH_REACHED, DEPTHS, FAR, Q_STARS

Floats = NDArray[np.float64]

DEPTH = 200
"""Hidden layers of the networks that differ in q*."""

# --- Figure 5: learning times ---------------------------------------------------------------


@dataclass(frozen=True)
class Sweep:
    """Learning times of one network, rate by rate.

    Attributes
    ----------
    depth : hidden layers
    q_star : at the start
    weights : "orthogonal" or "gaussian"
    rates : (rates,), learning rates
    steps : (rates,), to a test accuracy of `DEPTH_REACHED`; infinite where it was not reached
    """

    depth: int
    q_star: float
    weights: Weights
    rates: Floats
    steps: Floats

    @property
    def best(self) -> tuple[float, float]:
        """The best rate, and the steps there; the first of several."""
        k = int(np.argmin(self.steps))
        return float(self.rates[k]), float(self.steps[k])

    @property
    def s_max(self) -> float:
        """The largest singular value of the Jacobian at the start, of infinite width."""
        return jacobian_law("tanh", self.depth, self.weights, self.q_star).s_max


def sweep(name: str) -> Sweep:
    """Return the learning times of a group of runs that differ in their rate.

    Raises
    ------
    RecordError
        If a run is missing.
    """
    specs, found = LAPTOP[name], group(name)
    steps = [steps_to(DEPTH_REACHED, record.arrays) for record in found]
    return Sweep(
        specs[0].depth,
        specs[0].q_star,
        specs[0].weights,
        np.array([spec.rate for spec in specs]),
        np.array([math.inf if s is None else s for s in steps]),
    )


def depth_sweeps(weights: Weights) -> list[Sweep]:
    """Return the learning times at q* = 0.025, depth by depth."""
    return [sweep(f"depth {depth}, {weights}") for depth in DEPTHS]


def q_sweeps() -> list[Sweep]:
    """Return the learning times of 200 orthogonal layers, by q*."""
    sweeps = [sweep(f"q* = {q:g}") for q in Q_STARS] + [sweep(f"depth {DEPTH}, orthogonal")]
    return sorted(sweeps, key=lambda s: s.q_star)


@dataclass(frozen=True)
class Power:
    """A power law fitted to logarithms by least squares.

    Attributes
    ----------
    exponent : the power
    half : half of the 95 % confidence interval, by Student's t
    scatter : standard deviation of the logarithms about the fit
    """

    exponent: float
    half: float
    scatter: float

    def __str__(self) -> str:
        """Return exponent and interval in two decimals."""
        return f"{self.exponent:.2f} ± {self.half:.2f}"


def power(x: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Power:
    """Fit y = a x^p, with a factor of its own for each group and one power for all.

    Parameters
    ----------
    x, y : (n,), positive
    groups : (n,), which group a point is of; one for all if None
    """
    u, v = np.log(np.asarray(x, dtype=float)), np.log(np.asarray(y, dtype=float))
    names = np.zeros(len(u)) if groups is None else np.asarray(groups)
    kinds = np.unique(names)
    for kind in kinds:
        u[names == kind] -= u[names == kind].mean()
        v[names == kind] -= v[names == kind].mean()
    free = len(u) - len(kinds) - 1
    exponent = float(u @ v / (u @ u))
    scatter = math.sqrt(float(np.square(v - exponent * u).sum()) / free)
    half = float(stats.t.ppf(0.975, free)) * scatter / math.sqrt(float(u @ u))
    return Power(exponent, half, scatter)


def at_best(sweeps: Sequence[Sweep]) -> tuple[Power, Power]:
    """Return the powers of the depth by which the best rate, and the time there, go."""
    depths = [s.depth for s in sweeps]
    rates, steps = np.array([s.best for s in sweeps]).T
    return power(depths, rates), power(depths, steps)


def at_each_rate(sweeps: Sequence[Sweep]) -> Power:
    """Return the power of the depth by which times go where the rate times the depth is the same.

    Of the rates at which all depths learn.
    """
    steps = np.array([s.steps for s in sweeps])
    kept = np.flatnonzero(np.isfinite(steps).all(0))
    depths = np.repeat([s.depth for s in sweeps], len(kept))
    return power(depths, steps[:, kept].ravel(), np.tile(kept, len(sweeps)))


def agrees(p: Power, printed: float) -> bool:
    """Tell whether a power is within its interval, or 0.15, of what is printed."""
    return abs(p.exponent - printed) <= max(p.half, 0.15)


def check_depth_rate() -> Finding:
    """Check that the best rate is inverse to the depth."""
    rate, _ = at_best(depth_sweeps("orthogonal"))
    return Finding(f"a power {rate} of the depth", decide(agrees(rate, -1)))


def check_depth_time() -> Finding:
    """Check that the learning time grows as the root of the depth."""
    sweeps = depth_sweeps("orthogonal")
    _, best = at_best(sweeps)
    every = at_each_rate(sweeps)
    steps = listed([s.best[1] for s in sweeps], ".1f", ", ")
    return Finding(
        f"{steps} steps at {listed(DEPTHS, 'd', ', ')} layers: a power {best} of the depth at "
        f"the best rates, {every} at equal rates times depth",
        decide(agrees(best, 0.5), agrees(every, 0.5)),
    )


def far_sweeps() -> list[Sweep]:
    """Return the learning times of orthogonal weights at q* = 1/4, depth by depth."""
    return [sweep(f"depth {depth}, q* = {FAR:g}") for depth in DEPTHS]


def check_onset() -> Finding:
    """Check that times grow as the root of the depth where s_max does, and less before."""
    (_, near), (_, far) = (at_best(s) for s in (depth_sweeps("orthogonal"), far_sweeps()))
    grown = [of[-1].s_max / of[0].s_max for of in (depth_sweeps("orthogonal"), far_sweeps())]
    return Finding(
        f"from {DEPTHS[0]} to {DEPTHS[-1]} layers s_max grows {listed(grown, 1, ' and ')} times "
        f"at q* = 0.025 and {FAR:g}; times go as powers {near} and {far} of the depth",
        decide(agrees(far, 0.5), far.exponent > near.exponent),
    )


def check_collapse() -> Finding:
    """Check that times over the root of the depth fall on one curve of rate times depth."""
    sweeps = depth_sweeps("orthogonal")
    steps = np.array([s.steps / math.sqrt(s.depth) for s in sweeps])
    logs = np.log(steps[:, np.isfinite(steps).all(0)])
    off = float(np.sqrt(np.mean(logs.var(0, ddof=1))))
    return Finding(
        f"curves of {len(sweeps)} depths are apart by {100 * off:.0f} % (standard deviation) at "
        f"{logs.shape[1]} of {steps.shape[1]} rates",
        decide(off < 0.2),
    )


def check_gaussian_depth() -> Finding:
    """Check that with Gaussian weights the learning time grows about as the depth."""
    _, gaussian = at_best(depth_sweeps("gaussian"))
    _, orthogonal = at_best(depth_sweeps("orthogonal"))
    return Finding(
        f"a power {gaussian} of the depth, against {orthogonal} with orthogonal weights",
        decide(gaussian.exponent > orthogonal.exponent, agrees(gaussian, 1)),
    )


def check_q_star() -> Finding:
    """Check that a smaller q* permits a larger rate, and faster learning."""
    sweeps = q_sweeps()
    rates, steps = np.array([s.best for s in sweeps]).T
    return Finding(
        f"q* {listed([s.q_star for s in sweeps], '.3g', ', ')}: best rates "
        f"{listed(rates, '.2g', ', ')}, steps {listed(steps, '.3g', ', ')}",
        decide(np.diff(rates) <= 0, np.diff(steps) >= 0),
    )


def check_s_max() -> Finding:
    """Check that learning times go with s_max, over depth and over q*."""
    sweeps = [*depth_sweeps("orthogonal"), *(sweep(f"q* = {q:g}") for q in Q_STARS)]
    order = stats.spearmanr([s.s_max for s in sweeps], [s.best[1] for s in sweeps]).statistic
    return Finding(
        f"rank correlation {order:.2f} over {len(sweeps)} networks", decide(order >= 0.9)
    )


# --- Figure 6: isometry while learning --------------------------------------------------------


def trained(q_star: float) -> Record:
    """Return the record of a network whose Jacobian was watched while it learned."""
    return group(f"training, q* = {q_star:g}")[0]


def isometry(record: Record, without: int = 0) -> Floats:
    """Return <lambda>^2 / <lambda^2> of J J^T at each look, mean over inputs; 1 if isometric.

    Parameters
    ----------
    record : of a run whose Jacobian was taken
    without : how many of the largest to leave out
    """
    squared = record.arrays["singular_values"][..., without:].astype(np.float64) ** 2
    return np.asarray((squared.mean(-1) ** 2 / (squared**2).mean(-1)).mean(-1))


def check_persists() -> Finding:
    """Check that isometry lasts into the training: above 0.5 after ten steps, at q* = 1/64."""
    record = trained(1 / 64)
    course, updates = isometry(record), record.arrays["updates"]
    at = [float(np.interp(n, updates, course)) for n in (0, 10, 100)]
    return Finding(
        f"{at[0]:.2f} at the start, {at[1]:.2f} after 10 steps, {at[2]:.2f} after 100",
        decide(at[0] > 0.9, at[1] > 0.5),
    )


def check_best_q() -> Finding:
    """Check that a small but not the smallest q* is best: isometry kept, accuracy, and speed."""
    runs = {q: trained(q) for q in Q_STARS}
    steps = int(runs[Q_STARS[0]].arrays["updates"][-1])
    best = {
        "isometry": max(runs, key=lambda q: float(isometry(runs[q])[-1])),
        "accuracy": max(runs, key=lambda q: float(runs[q].metrics["best_test_accuracy"])),
        "speed": min(Q_STARS, key=lambda q: sweep(f"q* = {q:g}").best[1]),
    }
    between = [min(Q_STARS) < q < max(Q_STARS) for q in best.values()]
    return Finding(
        f"after {steps} steps isometry is greatest from q* = {best['isometry']:g}, accuracy from "
        f"{best['accuracy']:g}; fastest is {best['speed']:g}",
        decide(*between, len(set(best.values())) == 1),
    )


OUTLIERS = 9
"""One fewer than CIFAR-10 has classes."""


def check_outliers() -> Finding:
    """Check that a few directions, fewer than classes, take what isometry is lost."""
    found = []
    for q in Q_STARS[:3]:
        record = trained(q)
        found.append([isometry(record, n)[[0, -1]] for n in (0, OUTLIERS)])
    (start, end), (start_rest, end_rest) = np.moveaxis(np.array(found), (1, 2), (0, 1))
    return Finding(
        f"q* = {listed(Q_STARS[:3], '.3g', ', ')}: from {listed(start, 2, ', ')} to "
        f"{listed(end, 2, ', ')}; of all but {OUTLIERS} from {listed(start_rest, 2, ', ')} to "
        f"{listed(end_rest, 2, ', ')}",
        decide(end < start / 2, end_rest > 0.9 * start_rest),
    )
