"""The checks behind the claims of the 2018 paper, its misprints among them."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...activations import NAMES, Activation, gaussian_mean, get
from ...claims import Finding, Verdict, decide
from ...meanfield import critical_point
from ...slopes import slope_law
from ...spectra import Law, Weights, isometric_q, jacobian_law, universal_law
from . import UNIVERSAL_VARIANCE, formulas
from .checks import DIGITS, agreement, disagreement, listed
from .comparison import deviation, measured

Floats = NDArray[np.float64]
BOTH: tuple[Weights, ...] = ("orthogonal", "gaussian")
S_1: dict[Weights, int] = {"orthogonal": 0, "gaussian": -1}
"""First coefficient of the S-transform of W^T W (Table 2)."""


# --- sections 2 and 3: the master equation, Table 1 ---------------------------------------


def average(law: Law, function: Callable[[Floats], Any], nodes: int) -> complex:
    """Average a function of s**2 that vanishes at 0, by quadrature of the density."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    v = (np.arange(16)[:, None] + (1 + x) / 2).ravel() / 16
    t = 2 * math.log(law.support[1]) - 50 * v**2  # smooth at an edge where P is a root
    s = np.exp(t / 2)
    weights = law.density(s) * s / 2 * 100 * v * np.tile(w / 32, 16)
    atoms = sum(mass * function(np.array([a**2]))[0] for a, mass in law.atoms)
    return complex(weights @ function(s**2) + atoms)


def slope_transform(activation: Activation, q: float, z: complex) -> complex:
    """Return E[X/(z - X)] of the squared slopes, not divided by their mean."""
    slopes = slope_law(activation, q, step=0.02)
    x = slopes.values * slopes.mean
    return complex(slopes.weights @ (x / (z - x)))


def check_master_equation() -> Finding:
    """Check equation 14 at a point off the axis, its M averaged over our density."""
    z, residuals, errors = 1.5 + 1j, [], []
    for name, q in (("tanh", 0.5), ("hard_tanh", 0.5), ("silu", 0.5)):
        for weights in BOTH:
            depth = 3
            law = jacobian_law(name, depth, weights, q_star=q)
            coarse, m = (average(law, lambda x: x / (z - x), n) for n in (10, 16))
            s = 1 / law.sigma_w2 / (1 + m if weights == "gaussian" else 1)
            f = s * cmath.exp((1 - 1 / depth) * cmath.log((1 + m) / m))
            residuals.append(abs(m - slope_transform(get(name), q, z ** (1 / depth) * f)))
            errors.append(abs(m - coarse) + DIGITS)
    return Finding(
        f"at z = 1.5 + i, L = 3, tanh, hard tanh and SiLU, both kinds of weights: the left side "
        f"{agreement(max(residuals))}",
        decide(np.array(residuals) < 10 * np.array(errors), max(residuals) < 1e-5),
    )


def slope_moment(name: str, q: float, k: int) -> float:
    """Return E phi'^(2k), averaged over the pre-activation itself where the slope is smooth."""
    if name == "hard_tanh":
        return float(get(name).slope_square_mean(q))
    return float(gaussian_mean(lambda x: get(name).derivative(x) ** (2 * k), q))


def check_moments() -> Finding:
    """Check equations 21 and 22 against the moments of the law."""
    worst_mean, worst_variance = 0.0, 0.0
    for name in NAMES:
        for weights in BOTH:
            for depth in (2, 128):
                q = 0.5
                mu = [slope_moment(name, q, k) for k in (1, 2)]
                sigma_w2 = 1.1 / mu[0]  # a little off criticality
                law = jacobian_law(name, depth, weights, q, sigma_w2)
                mean, square = law.moment(1), law.moment(2)
                excess = mu[1] / mu[0] ** 2 - 1 - S_1[weights]
                worst_mean = max(worst_mean, disagreement(mean, (sigma_w2 * mu[0]) ** depth))
                relative = square / mean**2 - 1
                worst_variance = max(worst_variance, abs(relative - depth * excess) / depth)
    return Finding(
        f"thirteen activations, L = 2 and 128: m_1 {agreement(worst_mean)}, the variance "
        f"{agreement(worst_variance)}",
        decide(worst_mean < DIGITS, worst_variance < DIGITS),
    )


def check_table_row(name: str) -> Finding:
    """Check a row of Table 1: M, mu_k, sigma_w2 and the variance, at three q*."""
    row = formulas.TABLE_1[name]
    worst = {"M": 0.0, "mu_k": 0.0, "sigma_w2": 0.0, "variance": 0.0}

    def note(what: str, ours: complex, printed: complex) -> None:
        scale = max(1.0, abs(printed))
        worst[what] = max(worst[what], abs(ours - printed) / scale)

    for q in (1 / 16, 1 / 4, 1.0):
        scaled = row.scale * q
        unit = float(get(row.activation).derivative(np.array(1e-12))) ** 2  # the paper's is 1
        for k in (1, 2, 3):
            moment = slope_moment(row.activation, scaled, k) / unit**k
            note("mu_k", moment, row.moment(k, q))
        for z in (1.5 + 0.5j, -2 + 0.1j):
            ours = slope_transform(get(row.activation), scaled, z * unit)
            note("M", ours, row.transform(z, q))
        for weights in BOTH:
            law = jacobian_law(row.activation, 8, weights, q_star=scaled)
            note("sigma_w2", law.sigma_w2 * unit, row.sigma_w2(q))
            note("variance", law.moment(2) - 1, 8 * (row.variance(q) - S_1[weights]))
    return Finding(
        ", ".join(f"{what} {agreement(error)}" for what, error in worst.items())
        + " (q* = 1/16, 1/4, 1; L = 8)",
        decide(*[error < DIGITS for error in worst.values()]),
    )


# --- section 5: universality --------------------------------------------------------------

NUMBERS = {"bulk edge": 0.824, "spike": 1.133, "lower edge": 0.567, "upper edge": 1.557}
"""Of the two limits at sigma_0^2 = 1/4."""


def check_numbers() -> Finding:
    """Check the edges and the spike of both limits at variance 1/4."""
    two = universal_law("bernoulli", UNIVERSAL_VARIANCE)
    smooth = universal_law("smooth", UNIVERSAL_VARIANCE)
    ours = [two.support[1], two.atoms[0][0], *smooth.support]
    rounding = 0.5e-3
    return Finding(
        ", ".join(f"{name} {value:.4f}" for name, value in zip(NUMBERS, ours, strict=True)),
        decide(np.abs(np.subtract(ours, list(NUMBERS.values()))) < 1.01 * rounding),
    )


def check_bernoulli_limit() -> Finding:
    """Check bulk edge, atom and its existence against deep hard tanh networks."""
    depth, errors = 10**6, []
    for variance in (0.25, 0.9, 1.1, 2.0):
        q = isometric_q("hard_tanh", depth, variance)
        deep = jacobian_law("hard_tanh", depth, q_star=q)
        limit = universal_law("bernoulli", variance)
        errors.append(disagreement(deep.support[1], math.sqrt(math.e * variance)))
        s = limit_points(limit)
        errors.append(float(abs(deep.cdf(s) - limit.cdf(s)).max()))
        if variance < 1:
            location, mass = deep.atoms[-1]
            errors += [disagreement(location, math.exp(variance / 2)), abs(mass - 1 + variance)]
        elif len(deep.atoms) != 1:
            errors.append(1.0)
    return Finding(
        f"hard tanh at L = 10⁶, v = σ₀² = 0.25, 0.9, 1.1, 2: edge √(ev), atom exp(v/2) of mass "
        f"1 - v (below 1 only) and distribution function agree to {max(errors):.0e}",
        decide(max(errors) < 10 / depth),
    )


def limit_points(law: Law) -> Floats:
    """Return points inside the support, away from its edges."""
    low, high = law.support
    return low + (high - low) * np.linspace(0.1, 0.9, 9)


def distance(name: str, depth: int, limit: Law, variance: float) -> float:
    """Return by how much a network on the schedule differs from its limit."""
    law = jacobian_law(name, depth, q_star=isometric_q(name, depth, variance))
    s = limit_points(limit)
    return float(abs(law.cdf(s) - limit.cdf(s)).max())


SMOOTH = ("erf", "tanh", "silu", "softsign")


def check_smooth_limit() -> Finding:
    """Check that smooth activations share a limit, its edges as printed."""
    limit = universal_law("smooth", UNIVERSAL_VARIANCE)
    shrinks = {
        name: [distance(name, depth, limit, UNIVERSAL_VARIANCE) for depth in (10**4, 10**6)]
        for name in SMOOTH
    }
    edges = disagreement(limit.support, formulas.smooth_edges(UNIVERSAL_VARIANCE))
    return Finding(
        "distance from the limit at L = 10⁴ and 10⁶: "
        + "; ".join(f"{name} {a:.1e}, {b:.1e}" for name, (a, b) in shrinks.items()),
        # Like 1/sqrt(L) at least; SiLU's skewness vanishes to leading order.
        decide([a / b > 8 for a, b in shrinks.values()], edges < DIGITS),
    )


def check_shifted_relu() -> Finding:
    """Check that a ReLU shifted to the left can follow the schedule."""
    points = [
        formulas.shifted_relu_point(formulas.bernoulli_p(depth, 0.25)) for depth in (10, 1000)
    ]
    return Finding(
        "at L = 10 and 1000 it has p = 1/(1 + σ₀²/L) at q* = "
        f"{points[0][0]:.4f} and {points[1][0]:.4f}, critical with bias variances "
        f"{points[0][1]:.1e} and {points[1][1]:.1e}; its law is then hard tanh's",
        decide([bias >= 0 for _, bias in points]),
    )


def check_relu_no_limit() -> Finding:
    """Check that the variance of a ReLU network cannot be held."""
    spread = [slope_law("relu", q).variance for q in (1e-6, 1.0, 1e6)]
    try:
        isometric_q("relu", 100, 0.25)
        exists = True
    except ValueError:
        exists = False
    return Finding(
        f"μ₂/μ₁² - 1 = {spread[0]:g} at q* = 10⁻⁶, 1 and 10⁶: the variance is L",
        decide(np.ptp(spread) == 0 and not exists),
    )


def check_theorem() -> Finding:
    """Check that Gaussian weights cannot hold the variance, with every activation."""
    depth = 1000
    least = min(
        jacobian_law(name, depth, "gaussian", q_star=q).variance / depth
        for name in NAMES
        for q in (1e-4, 0.01, 1.0)
    )
    q = isometric_q("hard_tanh", depth, 0.25)
    s_max = [jacobian_law("hard_tanh", depth, w, q_star=q).s_max for w in BOTH]
    return Finding(
        f"variance at least {least:.4f} L over thirteen activations; hard tanh with σ₀² = 1/4 at "
        f"L = 1000: s_max {s_max[0]:.2f} orthogonal, {s_max[1]:.1f} Gaussian",
        decide(least > 1 - DIGITS, s_max[1] > 10 * s_max[0]),
    )


# --- Figures 2 and 4 ----------------------------------------------------------------------

EDGES = {
    "hard_tanh": (1 / 4, (0.436, 0.985, 2.020, 4.065)),
    "erf": (formulas.ERF_SCALE / 16, (1.087, 1.255, 1.651, 2.563)),
}
"""Our q*, and upper edges of the bulk at L = 2, 8, 32, 128 measured in Figure 2's vector file."""


def check_edges(name: str) -> Finding:
    """Check the edges of Figure 2 against the law at one q* for all depths."""
    q, printed = EDGES[name]
    ours = [jacobian_law(name, depth, q_star=q).support[1] for depth in (2, 8, 32, 128)]
    return Finding(listed(ours, 3), decide(np.abs(np.subtract(ours, printed)) < 2e-3))


LIMITS: dict[str, Literal["bernoulli", "smooth"]] = {"hard_tanh": "bernoulli", "erf": "smooth"}
"""The class of each activation of Figure 4."""


def check_approach(name: str) -> Finding:
    """Check that real networks come closer to their limit with depth."""
    limit = universal_law(LIMITS[name], UNIVERSAL_VARIANCE)
    runs = {s.depth: v for s, v in measured("universality").items() if s.activation == name}
    found = {depth: deviation(values, limit) for depth, values in runs.items()}
    return Finding(
        "distance from the limit: " + ", ".join(f"L={d}: {x:.3f}" for d, x in found.items()),
        decide(found[2] > found[8] > found[128]),
    )


def check_erf_theory() -> Finding:
    """Check that erf's theory approaches its limit through L = 512, 2048, 8192."""
    limit = universal_law("smooth", UNIVERSAL_VARIANCE)
    found = [distance("erf", depth, limit, UNIVERSAL_VARIANCE) for depth in (512, 2048, 8192)]
    ratios = np.divide(found[:-1], found[1:])
    return Finding(
        f"distance from the limit {listed(found, 4)}: by {listed(ratios, 2)} less as the depth "
        "quadruples",
        decide(np.abs(ratios - 2) < 0.2, ratios[1] > ratios[0]),
    )


# --- misprints: each check says "refuted" if the correction is right ----------------------


def corrected(right: bool) -> Verdict:
    """Return the verdict on a misprint: refuted, if its correction holds."""
    return "refuted" if right else "open"


def check_schedule_p() -> Finding:
    """Check the p that keeps L(1-p)/p at a given variance (eq. 26)."""
    depth, variance = 10, 0.25
    p = formulas.bernoulli_p(depth, variance)
    return Finding(
        f"p = 1/(1 + σ₀²/L): at σ₀² = 1/4, L = 10, L(1-p)/p = {depth * (1 - p) / p:.12g}",
        corrected(disagreement(depth * (1 - p) / p, variance) < DIGITS),
    )


def check_smooth_edge_labels() -> Finding:
    """Check which sign belongs to which edge (eqs. 37 and S56)."""
    ours, right = universal_law("smooth", 0.25).support, formulas.smooth_edges(0.25)
    return Finding(
        f"corrected, s₋ = {right[0]:.4f} and s₊ = {right[1]:.4f}; the law's edges are "
        f"{ours[0]:.4f} and {ours[1]:.4f}; as printed, the lower would be {right[1]:.4f}",
        corrected(disagreement(ours, right) < DIGITS and right[0] < right[1]),
    )


def check_gaussian_density() -> Finding:
    """Check the density and the transform of a Wishart matrix."""
    x = 4 * (np.arange(4000) + 0.5) / 4000
    density = np.sqrt((4 - x) / x) / (2 * np.pi)
    s = np.sqrt(x)
    ours = jacobian_law("linear", 1, "gaussian").density(s) / (2 * s)
    z = 10.0
    catalan = [math.comb(2 * k, k) / (k + 1) / z ** (k + 1) for k in range(60)]
    g = (1 - math.sqrt((z - 4) / z)) / 2
    right = disagreement(ours, density) < DIGITS and disagreement(g, sum(catalan)) < DIGITS
    return Finding(
        f"√((4-x)/x)/2π {agreement(disagreement(ours, density))} with the law's density; "
        f"G(10) = (1 - √((z-4)/z))/2 = {g:.10f}, and the sum of C_k/z^(k+1) is {sum(catalan):.10f}",
        corrected(right),
    )


def check_hard_tanh_schedule() -> Finding:
    """Check the closed form of hard tanh's q*(L) (eq. S30)."""
    depths = (2, 32, 1000)
    ours = [isometric_q("hard_tanh", depth, 0.25) for depth in depths]
    closed = [formulas.hard_tanh_schedule(depth, 0.25) for depth in depths]
    return Finding(
        f"q* = 1/(2 [erf⁻¹(L/(L + σ₀²))]²): {listed(closed, 5)} at L = 2, 32, 1000; solved for "
        f"the variance: {listed(ours, 5)}",
        corrected(disagreement(ours, closed) < 1e-8),
    )


def check_lambert_argument() -> Finding:
    """Check the argument of Lambert's function (eq. S34) against the moments."""
    z, law = 5.0, universal_law("bernoulli", 0.25)
    g = formulas.bernoulli_stieltjes(z, 0.25).real
    series = sum(law.moment(k) / z ** (k + 1) for k in range(40))
    return Finding(
        f"with -σ₀²/z, G(5) = {g:.10f} at σ₀² = 1/4; the sum of m_k/z^(k+1) is {series:.10f}",
        corrected(disagreement(g, series) < DIGITS),
    )


def check_root_of_q() -> Finding:
    """Check that slopes are taken at sqrt(q*) x, not at q* x (eqs. S21 to S25)."""
    q = 1 / 4
    unit = float(get("erf").derivative(np.array(0.0))) ** 2
    right, printed = (
        slope_moment("erf", formulas.ERF_SCALE * variance, 1) / unit for variance in (q, q**2)
    )
    row = formulas.TABLE_1["erf"].moment(1, q)
    return Finding(
        f"erf at q* = 1/4: E φ'² = {right:.6f} at √q* x, {printed:.6f} at q* x; Table 1 has "
        f"{row:.6f}",
        corrected(disagreement(right, row) < DIGITS and disagreement(printed, row) > 0.01),
    )


def check_two_erfs() -> Finding:
    """Check Table 1's moments of erf against the supplement's, which has another erf."""
    q = 1 / 4
    table = formulas.TABLE_1["erf"].moment(1, q)
    unit = float(get("erf").derivative(np.array(0.0))) ** 2
    scaled = formulas.SUPPLEMENT_ERF_SCALE * q
    other = slope_moment("erf", scaled, 1) / unit
    schedule = [formulas.erf_schedule(depth, 0.25) for depth in (2, 1000)]
    ours = [isometric_q("erf", d, 0.25) / formulas.SUPPLEMENT_ERF_SCALE for d in (2, 1000)]
    weights = float(critical_point("erf", scaled)[0]) * unit
    right = [
        disagreement(other, (1 + 2 * q) ** -0.5) < DIGITS,
        disagreement(schedule, ours) < 1e-8,
        disagreement(weights, math.sqrt(1 + 2 * q)) < DIGITS,
    ]
    return Finding(
        f"μ₁ at q* = 1/4: {table:.6f} in Table 1, {other:.6f} in the supplement; the supplement's "
        f"q*(L) at L = 2 and 1000: {listed(schedule, 5)}, solved: {listed(ours, 5)}",
        corrected(all(right) and disagreement(other, table) > 0.01),
    )
