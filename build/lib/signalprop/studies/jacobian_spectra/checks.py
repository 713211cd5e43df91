"""The checks behind the claims of the 2017 paper: formulas, its pictures, real networks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from ... import summaries
from ...activations import NAMES, get
from ...claims import Finding, Verdict, decide
from ...spectra import JacobianLaw, Weights, isometric_q, jacobian_law
from . import Spec, formulas, law
from .comparison import allowed, deviation, measured

listed = partial(summaries.listed, separator=", ")

DIGITS = 1e-9
"""Relative error within which two routes to the same number are said to agree."""

HARD_TANH_Q = 1 / 4
"""Of Figure 2, implied by its edges."""


def disagreement(ours: ArrayLike, printed: ArrayLike) -> float:
    """Return the largest relative difference."""
    return float(np.max(np.abs(np.divide(ours, printed) - 1)))


def agreement(worst: float) -> str:
    """Write a relative difference, but not how rounding came out."""
    return "agrees to 1e-9" if worst < DIGITS else f"differs by up to {worst:.0e}"


def gate(name: str, q: float = HARD_TANH_Q) -> float:
    """Return the probability of slope 1 where the slope is 0 or 1."""
    return float(get(name).slope_square_mean(q))


TWO_SLOPES = (("relu", 1.0), ("hard_tanh", HARD_TANH_Q), ("hard_tanh", 1.0))


def two_slope_laws(weights: Weights, depths: Iterable[int]) -> list[tuple[float, JacobianLaw]]:
    """Return p and the law of ReLU and two hard tanh networks at each depth."""
    return [
        (gate(name, q), jacobian_law(name, depth, weights, q_star=q))
        for name, q in TWO_SLOPES
        for depth in depths
    ]


# --- real networks ------------------------------------------------------------------------


def check_densities(activation: str, group_name: str = "densities") -> Finding:
    """Check that real networks of a kind have the law of infinite width."""
    runs = {s: v for s, v in measured(group_name).items() if s.activation == activation}
    found = {spec.depth: deviation(values, law(spec)) for spec, values in runs.items()}
    limit = allowed(min(len(values) for values in runs.values()))
    worst = ", ".join(f"L={depth}: {value:.3f}" for depth, value in found.items())
    return Finding(
        f"distribution functions differ by at most {worst} (width "
        f"{next(iter(runs)).width}; independent draws: up to {limit:.3f})",
        decide(*[value < limit for value in found.values()]),
    )


# --- linear networks ----------------------------------------------------------------------

DEPTHS = (2, 8, 32, 128)


def check_linear_orthogonal() -> Finding:
    """Check that orthogonal linear networks keep every length."""
    laws = [jacobian_law("linear", depth, "orthogonal") for depth in DEPTHS]
    return Finding(
        f"an atom at {laws[-1].s_max:g} of mass {laws[-1].atoms[0][1]:g}, variance "
        f"{laws[-1].variance:g}, at every depth",
        decide([one.atoms == [(1.0, 1.0)] and one.variance == 0 for one in laws]),
    )


def check_linear_density() -> Finding:
    """Check the parametric density of linear Gaussian networks, away from its edge."""
    worst = 0.0
    for depth in DEPTHS:
        angle = np.linspace(0.02, 0.98, 50) * np.pi / (depth + 1)
        s, density = formulas.fuss_catalan(depth, angle)
        ours = jacobian_law("linear", depth, "gaussian").density(s)
        worst = max(worst, disagreement(ours, density))
    return Finding(f"our density {agreement(worst)}", decide(worst < DIGITS))


def check_linear_edge() -> Finding:
    """Check s_max of linear Gaussian networks, exact and to leading order."""
    ours = np.array([jacobian_law("linear", depth, "gaussian").s_max for depth in DEPTHS])
    exact = [formulas.linear_edge(depth) for depth in DEPTHS]
    leading = ours[-1] ** 2 / (math.e * DEPTHS[-1])
    return Finding(
        f"s_max = {listed(ours, 3)} at L = 2, 8, 32, 128; at 128 its square is {leading:.4f} eL",
        decide(disagreement(ours, exact) < DIGITS, abs(leading - 1) < 1 / DEPTHS[-1]),
    )


def check_linear_variance() -> Finding:
    """Check that the variance of s**2 is the depth."""
    ours = [jacobian_law("linear", depth, "gaussian").moment(2) - 1 for depth in DEPTHS]
    return Finding(
        f"{listed(ours, 6)} at L = 2, 8, 32, 128", decide(disagreement(ours, DEPTHS) < DIGITS)
    )


# --- Gaussian weights ---------------------------------------------------------------------


def check_gaussian_variance() -> Finding:
    """Check L/p, the variance of s**2 for slopes of two values."""
    laws = two_slope_laws("gaussian", DEPTHS)
    worst = disagreement([one.moment(2) - 1 for _, one in laws], [one.depth / p for p, one in laws])
    relu = jacobian_law("relu", 128, "gaussian").moment(2) - 1
    return Finding(
        f"ReLU at L = 128: {relu:.6f}; the formula {agreement(worst)}",
        decide(worst < DIGITS),
    )


def check_gaussian_edge() -> Finding:
    """Check that s_max**2 - eL/p stays bounded, and find its limit."""
    rests, limits = [], []
    for name, q in TWO_SLOPES:
        p = gate(name, q)
        laws = [jacobian_law(name, depth, "gaussian", q_star=q) for depth in (100, 10_000)]
        rests.append([one.s_max**2 - math.e * one.depth / p for one in laws])
        limits.append(math.e * (1 - 1 / (2 * p)))
    settled = np.abs(np.subtract(rests, np.array(limits)[:, None]))
    return Finding(
        f"s_max² - eL/p at L = 10000: {listed([r[1] for r in rests], 3)} (ReLU, hard tanh at "
        f"q* = 1/4 and 1); it tends to e(1 - 1/2p) = {listed(limits, 3)}",
        decide(settled[:, 1] < 0.01, settled[:, 1] < settled[:, 0] / 50),
    )


def check_gaussian_never() -> Finding:
    """Check that no critical Gaussian network beats the linear one, whatever its activation."""
    depth = 128
    laws = [
        jacobian_law(name, depth, "gaussian", q_star=q) for name in NAMES for q in (1 / 64, 1.0)
    ]
    s_max = min(one.s_max for one in laws)
    variance = min(one.variance for one in laws)
    linear = formulas.linear_edge(depth)
    return Finding(
        f"of {len(NAMES)} activations at L = 128, q* = 1/64 and 1: s_max at least {s_max:.2f}, "
        f"variance at least {variance:.1f}; linear networks have {linear:.2f} and {depth}",
        decide(s_max > linear * (1 - DIGITS), variance > depth * (1 - DIGITS)),
    )


# --- orthogonal weights -------------------------------------------------------------------


def check_orthogonal_variance() -> Finding:
    """Check L(1-p)/p, the variance of s**2 for slopes of two values."""
    laws = two_slope_laws("orthogonal", DEPTHS)
    ours = [one.moment(2) - 1 for _, one in laws]
    worst = disagreement(ours, [one.depth * (1 - p) / p for p, one in laws])
    relu = jacobian_law("relu", 128).moment(2) - 1
    return Finding(
        f"ReLU at L = 128: {relu:.6f}; the formula {agreement(worst)}",
        decide(worst < DIGITS),
    )


def check_bulk_edge() -> Finding:
    """Check that equation 22 is the upper edge of the continuous part."""
    laws = two_slope_laws("orthogonal", DEPTHS)
    worst = disagreement(
        [one.support[1] for _, one in laws],
        [formulas.orthogonal_edge(p, one.depth) for p, one in laws],
    )
    rest = (jacobian_law("relu", 10_000).s_max ** 2 - math.e * (10_000 - 0.5)) / math.e
    return Finding(
        f"the formula {agreement(worst)}; ReLU's s_max² is e(L - {0.5 - rest:.5f}) at L = 10000",
        decide(worst < DIGITS, abs(rest) < 1e-3),
    )


def check_bulk_edge_is_s_max() -> Finding:
    """Check equation 22 as s_max against the law's and real networks' largest singular value."""
    p = gate("hard_tanh")
    spec = Spec("hard_tanh", "orthogonal", 8, q_star=HARD_TANH_Q)
    one, printed = law(spec), formulas.orthogonal_edge(p, spec.depth)
    location, mass = one.atoms[-1]
    real = measured("densities")[spec]
    share = float((abs(real / location - 1) < 0.05).mean())
    # The share of an atom is a binomial count, if the draws were independent.
    error = 4 * math.sqrt(mass * (1 - mass) / len(real))
    found = abs(share - mass) < error and real.max() > 1.1 * printed
    verdict: Verdict = "reproduced" if one.s_max < printed * (1 + DIGITS) else "open"
    if disagreement(location, p ** (-spec.depth / 2)) < DIGITS and location > printed and found:
        verdict = "refuted"
    return Finding(
        f"hard tanh, q* = 1/4, L = 8: eq. 22 gives {printed:.3f}; an atom of mass {mass:.3f} is at "
        f"p^(-L/2) = {location:.3f}, where real networks have {share:.3f} of their singular values",
        verdict,
    )


def check_relu_cannot_be_mended() -> Finding:
    """Check that q* and sigma_w2 leave ReLU's law the same but for its scale."""
    depth, shapes, gates = 32, [], []
    for sigma_w2 in (1.0, 2.0, 3.0):
        for q in (0.01, 1.0, 100.0):
            one = jacobian_law("relu", depth, "orthogonal", q_star=q, sigma_w2=sigma_w2)
            shapes.append(one.s_max / math.sqrt(one.moment(1)))
            gates.append(gate("relu", q))
    return Finding(
        f"p = {gates[0]:g} at every q*; s_max over the root mean square is {min(shapes):.4f} to "
        f"{max(shapes):.4f} at L = 32 and sigma_w2 = 1, 2, 3",
        decide(np.ptp(gates) == 0, np.ptp(shapes) < DIGITS * shapes[0]),
    )


def check_escape() -> Finding:
    """Check that hard tanh with q* shrinking as (1-p)/p = 1/L keeps s_max and the variance."""
    depths = (10, 1000, 100_000)
    laws = [
        jacobian_law("hard_tanh", depth, q_star=isometric_q("hard_tanh", depth, 1.0))
        for depth in depths
    ]
    s_max, variance = [one.s_max for one in laws], [one.moment(2) - 1 for one in laws]
    return Finding(
        f"at L = 10, 1000, 100000: s_max = {listed(s_max, 4)}, variance {listed(variance, 6)}; "
        f"√e = {math.sqrt(math.e):.4f}",
        decide(abs(s_max[-1] - math.sqrt(math.e)) < 1e-4, disagreement(variance, 1.0) < 1e-6),
    )


# --- Figures 2 to 4 -----------------------------------------------------------------------


def check_figure_2_edges() -> Finding:
    """Check the edges of the deep hard tanh networks against the picture."""
    edges = [jacobian_law("hard_tanh", depth, q_star=HARD_TANH_Q).support[1] for depth in (32, 128)]
    return Finding(
        f"{listed(edges, 2)} at q* = 1/4",
        decide([abs(a - b) < 0.1 for a, b in zip(edges, (2.0, 4.1), strict=True)]),
    )


SPIKES = (1.013, 1.163)
"""Of hard tanh at L = 2 and 8, read off Figure 2."""


def check_figure_2_spikes() -> Finding:
    """Check the spikes of the shallow hard tanh networks against the atoms."""
    atoms = [jacobian_law("hard_tanh", depth, q_star=HARD_TANH_Q).s_max for depth in (2, 8)]
    shrunk = disagreement(SPIKES, np.multiply(atoms, 29 / 30))
    return Finding(
        f"atoms at {listed(atoms, 3)}; the picture's are at {listed(np.divide(SPIKES, atoms), 3)} "
        f"of that, and the centre of the last of 15 bins is at {29 / 30:.3f}",
        decide(disagreement(SPIKES, atoms) < 0.01, shrunk < 0.01),
    )


Q_STARS = (0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 4.0)


def growth(weights: Weights, q: float, depths: tuple[int, int]) -> float:
    """Return d log s_max / d log L of hard tanh networks between two depths."""
    s = [jacobian_law("hard_tanh", depth, weights, q_star=q).s_max for depth in depths]
    return math.log(s[1] / s[0]) / math.log(depths[1] / depths[0])


def check_figure_3_gaussian() -> Finding:
    """Check that Gaussian s_max grows with depth at every q*, like its root."""
    powers = [growth("gaussian", q, (100, 1000)) for q in Q_STARS]
    s_max = [jacobian_law("hard_tanh", 1000, "gaussian", q_star=q).s_max for q in Q_STARS]
    return Finding(
        f"from L = 100 to 1000 as L^{min(powers):.3f} to L^{max(powers):.3f}; at 1000 from "
        f"{min(s_max):.1f} to {max(s_max):.1f}, linear {formulas.linear_edge(1000):.1f}",
        decide(np.abs(np.subtract(powers, 0.5)) < 0.01, min(s_max) > formulas.linear_edge(1000)),
    )


def check_figure_3_orthogonal() -> Finding:
    """Check that orthogonal hard tanh networks of small q* keep s_max of order 1."""
    s_max = {q: jacobian_law("hard_tanh", 1000, "orthogonal", q_star=q).s_max for q in Q_STARS[:3]}
    return Finding(
        "s_max at L = 1000: " + ", ".join(f"{s:.3f} at q* = {q:g}" for q, s in s_max.items()),
        decide(max(s_max[0.05], s_max[0.1]) < 3, all(s >= 1 for s in s_max.values())),
    )


def check_figure_3_onset() -> Finding:
    """Check where the growth of s_max with the root of the depth sets in."""
    onset, before, after = [], [], []
    for q in (0.1, 0.15, 0.25):
        p = gate("hard_tanh", q)
        start = 1 / (1 - p)
        at = math.floor(start)
        atoms = [
            len(jacobian_law("hard_tanh", depth, q_star=q).atoms) == 2 for depth in (at, at + 1)
        ]
        onset.append(atoms == [True, False])
        before.append(growth("orthogonal", q, (round(start / 20), round(start / 10))))
        after.append(growth("orthogonal", q, (round(10 * start), round(20 * start))))
    p = gate("hard_tanh")
    return Finding(
        f"the atom dies at 1/(1-p), one layer after p/(1-p) (at q* = 1/4: {1 / (1 - p):.1f} and "
        f"{p / (1 - p):.1f}); s_max grows as L^{max(before):.2f} at most a tenth of that deep, as "
        f"L^{min(after):.2f} at least ten times that deep",
        decide(onset, max(before) < 0.1, min(after) > 0.45),
    )


def check_only_orthogonal_sigmoids() -> Finding:
    """Check which of four deep networks keep s_max of order 1."""
    depth, q = 128, 1 / 64
    s_max = {
        (name, weights): jacobian_law(name, depth, weights, q_star=q).s_max
        for name in ("relu", "tanh")
        for weights in ("orthogonal", "gaussian")
    }
    small = [key for key, value in s_max.items() if value < 2]
    return Finding(
        "s_max at L = 128: "
        + ", ".join(f"{name} {weights} {s:.2f}" for (name, weights), s in s_max.items())
        + " (tanh at q* = 1/64)",
        decide(small == [("tanh", "orthogonal")]),
    )


SIX: dict[str, tuple[str, Weights, float, float]] = {
    "tanh 1.05 orthogonal": ("tanh", "orthogonal", 1.05, 3.4),
    "tanh 1.05 Gaussian": ("tanh", "gaussian", 1.05, 46.0),
    "tanh 2 orthogonal": ("tanh", "orthogonal", 2.0, 440.0),
    "tanh 2 Gaussian": ("tanh", "gaussian", 2.0, 1500.0),
    "ReLU orthogonal": ("relu", "orthogonal", 2.0, 2800.0),
    "ReLU Gaussian": ("relu", "gaussian", 2.0, 3800.0),
}
"""Networks of Figure 4 at depth 200: activation, weights, sigma_w2, and the steps of SGD to a
test accuracy of 0.25, read off the picture (to 15 %)."""


def check_order_follows_s_max() -> Finding:
    """Check that the six networks of Figure 4 learn in the order of their s_max."""
    s_max = {
        name: jacobian_law(activation, 200, weights, sigma_w2=sigma_w2).s_max
        for name, (activation, weights, sigma_w2, _) in SIX.items()
    }
    by_time = sorted(SIX, key=lambda name: SIX[name][3])
    by_s_max = sorted(s_max, key=s_max.__getitem__)
    return Finding(
        "s_max in the printed order of learning: " + listed([s_max[n] for n in by_time], 1),
        decide(by_s_max == by_time, (by_s_max[0], by_s_max[-1]) == (by_time[0], by_time[-1])),
    )
