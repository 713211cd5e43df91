"""The checks behind the claims on Fig. 5: learning times by depth and by q*."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ...claims import Finding, Verdict, decide
from ...critical import Weights
from ...spectra import jacobian_law
from ...summaries import listed
from . import LAPTOP, group, steps_to
from .checks import kernel_ratio
from .specs import (
    DEEPER,
    DEPTH_Q_STAR,
    DEPTH_REACHED,
    DEPTHS,
    FAR,
    Q_DEPTH,
    Q_STARS,
    SWEEPS,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sweep:
    """Learning times of one network, rate by rate.

    Attributes
    ----------
    name : one of `SWEEPS`
    depth : hidden layers
    q_star : at the start
    weights : "orthogonal" or "gaussian"
    rates : (rates,), learning rates
    steps : (rates,), to a test accuracy of `DEPTH_REACHED`; infinite where it was not reached
    """

    name: str
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
        name,
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
    sweeps = [sweep(f"q* = {q:g}") for q in Q_STARS] + [sweep(f"depth {Q_DEPTH}, orthogonal")]
    return sorted(sweeps, key=lambda s: s.q_star)


@dataclass(frozen=True)
class Power:
    """A power law fitted to logarithms by least squares.

    Attributes
    ----------
    exponent : the power
    half : half of the 95 % confidence interval, by Student's t
    """

    exponent: float
    half: float

    def __str__(self) -> str:
        """Return exponent and interval in two decimals."""
        return f"{self.exponent:.2f} ± {self.half:.2f}"

    def judge(self, printed: float) -> Verdict:
        """Tell whether the power is what is printed, or too uncertain to tell.

        It is if it differs by no more than its interval, or than `CLOSE`.
        """
        if self.half > UNSURE:
            return "open"
        return decide(abs(self.exponent - printed) <= max(self.half, CLOSE))


CLOSE, UNSURE = 0.15, 0.25
"""Powers this close are taken for the same; half an interval at which 1/2 and 0 or 1 part."""


def power(x: ArrayLike, y: ArrayLike, known_to: float = 1.0) -> Power:
    """Fit y = a x^p.

    Parameters
    ----------
    x, y : (n,), positive; three or more
    known_to : factor between the values that y can have, as on the grid of a search

    Raises
    ------
    ValueError
        If there are fewer, or one is not a positive number.
    """
    u, v = np.log(np.asarray(x, dtype=float)), np.log(np.asarray(y, dtype=float))
    if len(u) < 3 or not (np.isfinite(u).all() and np.isfinite(v).all()):
        raise ValueError(f"x and y must be three or more positive numbers, got {x!r} and {y!r}")
    u, v = u - u.mean(), v - v.mean()
    free = len(u) - 2
    exponent = float(u @ v / (u @ u))
    # Values on a grid scatter by its step over sqrt(12), even if they happen to lie on a line.
    scatter = math.sqrt(float(np.square(v - exponent * u).sum()) / free)
    scatter = max(scatter, math.log(known_to) / math.sqrt(12))
    return Power(exponent, float(stats.t.ppf(0.975, free)) * scatter / math.sqrt(float(u @ u)))


def at_best(sweeps: Sequence[Sweep]) -> tuple[Power, Power]:
    """Return the powers of the depth by which the best rate, and the time there, go."""
    depths = [s.depth for s in sweeps]
    rates, steps = np.array([s.best for s in sweeps]).T
    grid = max(float((s.rates[1:] / s.rates[:-1]).max()) for s in sweeps)
    return power(depths, rates, grid), power(depths, steps)


FEWEST = 5
"""Steps below which a time is too coarse for a power to be fitted."""


def at_each_rate(sweeps: Sequence[Sweep]) -> tuple[list[float], Power]:
    """Return the power of the depth by which times go where rate times depth is the same.

    Times at one depth share their start and the order of their images, so that their geometric
    mean over the rates counts as one value.

    Returns
    -------
    rates times depth at which all depths take at least `FEWEST` steps, and the power there
    """
    steps = np.array([s.steps for s in sweeps])
    kept = np.isfinite(steps).all(0) & (steps >= FEWEST).all(0)
    means = np.exp(np.log(steps[:, kept]).mean(1))
    scaled = sweeps[0].rates[kept] * sweeps[0].depth
    return scaled.tolist(), power([s.depth for s in sweeps], means)


def check_depth_rate() -> Finding:
    """Check that the best rate is inverse to the depth."""
    rate, _ = at_best(depth_sweeps("orthogonal"))
    return Finding(f"a power {rate} of the depth", rate.judge(-1))


def check_depth_time() -> Finding:
    """Check that the learning time grows as the root of the depth."""
    sweeps = depth_sweeps("orthogonal")
    rates, every = at_each_rate(sweeps)
    sweeps += deeper_sweeps()
    _, best = at_best(sweeps)
    depths, steps = [s.depth for s in sweeps], [s.best[1] for s in sweeps]
    return Finding(
        f"{listed(steps, '.1f', ', ')} steps at {listed(depths, 'd', ', ')} layers, a power {best} "
        f"of the depth; up to {Q_DEPTH} layers a power {every} at rates of "
        f"{listed(rates, '.2g', ', ')} over the depth",
        every.judge(0.5),
    )


def far_sweeps() -> list[Sweep]:
    """Return the learning times of orthogonal weights at q* = 1/4, depth by depth."""
    shallow = [sweep(f"depth {depth}, q* = {FAR:g}") for depth in DEPTHS if depth != Q_DEPTH]
    return [*shallow, sweep(f"q* = {FAR:g}")]


def check_onset() -> Finding:
    """Check that times grow as the root of the depth where s_max does, and less before."""
    near, far = depth_sweeps("orthogonal"), far_sweeps()
    grown = [of[-1].s_max / of[0].s_max for of in (near, far)]
    (_, at_near), (_, at_far) = at_best(near), at_best(far)
    parted = at_far.exponent - at_far.half > at_near.exponent + at_near.half
    return Finding(
        f"from {DEPTHS[0]} to {Q_DEPTH} layers s_max grows {listed(grown, 1, ' and ')} times "
        f"at q* = {DEPTH_Q_STAR:g} and {FAR:g}; times go as powers {at_near} and {at_far} of the "
        "depth",
        decide(at_far.judge(0.5) == "reproduced", parted),
    )


def deeper_sweeps() -> list[Sweep]:
    """Return the learning times at q* = 0.025 of networks deeper than the others."""
    return [sweep(f"depth {depth}, orthogonal") for depth in DEEPER]


def check_deeper() -> Finding:
    """Check that times double from 200 to 800 layers, as the root of the depth does."""
    sweeps = [depth_sweeps("orthogonal")[-1], *deeper_sweeps()]
    steps = [s.best[1] for s in sweeps]
    return Finding(
        f"{listed(steps, '.1f', ', ')} steps at {listed([s.depth for s in sweeps], 'd', ', ')} "
        f"layers, where s_max is {listed([s.s_max for s in sweeps], 1, ', ')}",
        decide(1.6 < steps[-1] / steps[0] < 2.5),
    )


def check_collapse() -> Finding:
    """Check that times over the root of the depth fall on one curve of rate times depth."""
    sweeps = depth_sweeps("orthogonal")
    steps = np.array([s.steps for s in sweeps])
    logs = np.log(steps[:, np.isfinite(steps).all(0)])
    roots = np.log(np.sqrt(DEPTHS))[:, None]
    off, plain = (float(np.sqrt(np.mean(x.var(0, ddof=1)))) for x in (logs - roots, logs))
    return Finding(
        f"over the root of the depth the times of {len(sweeps)} depths are apart by "
        f"{100 * off:.0f} % (standard deviation at {logs.shape[1]} of {steps.shape[1]} rates), "
        f"as they are by {100 * plain:.0f} %",
        decide(off < 0.2),
    )


def check_gaussian_depth() -> Finding:
    """Check that with Gaussian weights the learning time grows about as the depth."""
    _, gaussian = at_best(depth_sweeps("gaussian"))
    _, orthogonal = at_best(depth_sweeps("orthogonal"))
    return Finding(
        f"a power {gaussian} of the depth, against {orthogonal} with orthogonal weights",
        gaussian.judge(1),
    )


def check_q_star() -> Finding:
    """Check that a smaller q* permits a larger rate, and faster learning.

    From one q* to the next the best rate may stay, and times may differ by a tenth.
    """
    rates, steps = np.array([sweep(f"q* = {q:g}").best for q in Q_STARS]).T
    return Finding(
        f"q* {listed(Q_STARS, '.3g', ', ')}: best rates {listed(rates, '.2g', ', ')}, steps "
        f"{listed(steps, '.3g', ', ')}",
        decide(
            bool(np.all(rates[1:] <= rates[:-1]) and rates[-1] < rates[0]),
            steps[1:] >= 0.9 * steps[:-1],
        ),
    )


def check_s_max() -> Finding:
    """Check that learning times are ordered as s_max is, over depth and over q*."""
    families = [depth_sweeps("orthogonal"), [sweep(f"q* = {q:g}") for q in Q_STARS]]
    order = [
        stats.spearmanr([s.s_max for s in of], [s.best[1] for s in of]).statistic for of in families
    ]
    return Finding(
        f"rank correlations {order[0]:.2f} over depths and {order[1]:.2f} over q*",
        decide(*(np.array(order) >= 0.9)),
    )


def kernel_at_start(sweep: Sweep) -> float:
    """Return `checks.kernel_ratio` of a network before it learns."""
    return kernel_ratio(group(f"start, {sweep.name}")[0])


def order_by_kernel(sweeps: Sequence[Sweep]) -> float:
    """Return the rank correlation of learning times and tangent kernels at the start."""
    kernels = [kernel_at_start(s) for s in sweeps]
    return float(stats.spearmanr(kernels, [s.best[1] for s in sweeps]).statistic)


def check_kernel_by_q() -> Finding:
    """Check that the tangent kernel at the start orders the learning times by q*."""
    sweeps = q_sweeps()
    order = order_by_kernel(sweeps)
    return Finding(
        f"q* {listed([s.q_star for s in sweeps], '.3g', ', ')}: kernel "
        f"{listed([kernel_at_start(s) for s in sweeps], '.3g', ', ')}, steps "
        f"{listed([s.best[1] for s in sweeps], '.3g', ', ')}; rank correlation {order:.2f}",
        decide(order >= 0.9),
    )


def check_kernel() -> Finding:
    """Check that the tangent kernel at the start orders all learning times."""
    sweeps = [sweep(name) for name in SWEEPS]
    order = order_by_kernel(sweeps)
    s_max = stats.spearmanr([s.s_max for s in sweeps], [s.best[1] for s in sweeps]).statistic
    return Finding(
        f"rank correlation {order:.2f} over {len(sweeps)} networks; of s_max {s_max:.2f}",
        decide(order >= 0.9),
    )
