"""The checks behind the claims: formulas against simulations and against each other."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...activations import gaussian_mean, get
from ...claims import Finding, decide
from ...kernels import covariance
from ...meanfield import (
    chi,
    correlation_map,
    critical_point,
    critical_q,
    curvature,
    depth_scales,
    fixed_correlation,
    fixed_point,
    length_map,
)
from ...summaries import LIMIT, bounded, errors_off, listed
from .signals import SEEDS, WIDTH, Network, circle, propagate, second_derivative

Floats = NDArray[np.float64]

# --- lengths: Poole et al. 2016, Pennington et al. 2017 -------------------------------------

SIGMA_B2 = 0.3**2
POOLE = {sigma_w: Network("tanh", sigma_w**2, SIGMA_B2, 12, WIDTH) for sigma_w in (1.3, 2.5, 4.0)}
"""The networks that Poole et al. show, by the deviation of their weights."""


def q_star(network: Network) -> float:
    """Return the fixed point of a network's length map."""
    return float(fixed_point(network.activation, network.sigma_w2, network.sigma_b2))


def growth(network: Network) -> float:
    """Return chi at a network's fixed point."""
    return float(chi(network.activation, q_star(network), network.sigma_w2))


def lengths(network: Network, q: float) -> Floats:
    """Return the variance of the pre-activations layer by layer, from q on."""
    values = [q]
    for _ in range(network.depth):
        values.append(
            float(length_map(network.activation, values[-1], network.sigma_w2, network.sigma_b2))
        )
    return np.array(values)


def correlations(network: Network, c: float) -> Floats:
    """Return the correlation of two inputs layer by layer, from c on, at variance q*."""
    q, w, b = q_star(network), network.sigma_w2, network.sigma_b2
    values = [c]
    for _ in range(network.depth):
        last = min(values[-1], 1.0)
        values.append(float(correlation_map(network.activation, last, q, w, b)))
    return np.array(values)


def handed_on(network: Network, q: float) -> Floats:
    """Return variances over what the map makes of the layer below, (seeds, depth)."""
    rows = []
    for seed in SEEDS:
        values = propagate(network, q, 0.6, seed).variance
        w, b = network.sigma_w2, network.sigma_b2
        rows.append(values[1:] / length_map(network.activation, values[:-1], w, b))
    return np.array(rows)


def check_length_map() -> Finding:
    """Check that variances in random networks follow the map from layer to layer."""
    off = [errors_off(handed_on(network, 0.25), 1) for network in POOLE.values()]
    return Finding(
        f"{len(SEEDS)} networks each of 12 layers of 500 units: at most {max(off):.1f} standard "
        "errors off in any layer",
        decide(max(off) < LIMIT),
    )


def layers_to_settle(network: Network, q: float, within: float = 0.01) -> int:
    """Return after how many layers the variance is close to its fixed point for good."""
    values = lengths(network, q)
    return int(np.flatnonzero(abs(values / q_star(network) - 1) > within)[-1]) + 1


def check_fast_convergence() -> Finding:
    """Check that lengths are at their fixed point after a few layers."""
    layers = [max(layers_to_settle(n, q) for q in (0.25, 20.0)) for n in POOLE.values()]
    return Finding(
        f"within 1 % after {listed(layers, 'd')} layers, from q = 0.25 or 20",
        decide(max(layers) < 10),
    )


CRITICAL = {1.05: 2.01e-5, 2.0: 0.104}
"""Bias variances of Pennington et al.'s tanh networks by weight variance, from memory."""


def check_convergence_at_criticality() -> Finding:
    """Check that lengths settle fast in the two critical tanh networks."""
    depths = []
    for sigma_w2 in CRITICAL:
        _, sigma_b2 = critical_point("tanh", critical_q("tanh", sigma_w2))
        depths.append(depth_scales("tanh", sigma_w2, float(sigma_b2)).xi_q)
    return Finding(
        "a deviation of q shrinks by e over "
        + ", ".join(
            f"{d:.1f} layers (sigma_w2 = {w:g})" for w, d in zip(CRITICAL, depths, strict=True)
        ),
        decide(*(depth < 5 for depth in depths)),
    )


def check_critical_biases() -> Finding:
    """Check that the remembered bias variances are critical to their last digit."""
    exact = [float(critical_point("tanh", critical_q("tanh", w))[1]) for w in CRITICAL]
    digits = [10.0 ** (math.floor(math.log10(b)) - 2) for b in CRITICAL.values()]
    close = [abs(e - b) < d / 2 for e, b, d in zip(exact, CRITICAL.values(), digits, strict=True)]
    return Finding(f"exactly critical: {listed(exact, '.4g')}", decide(*close))


def check_fixed_length() -> Finding:
    """Check that layers hand on a variance q*, in three critical networks."""
    ratios = []
    for name, q in (("tanh", 0.5), ("hard_tanh", 0.5), ("relu", 1.0)):
        w, b = (float(v) for v in critical_point(name, q))
        network = Network(name, w, b, 10, WIDTH)
        values = np.array([propagate(network, q, 0.6, seed).variance for seed in SEEDS])
        ratios.append((values[:, 1:] / values[:, :-1]).reshape(-1, 1))
    off = [errors_off(r, 1) for r in ratios]
    means = [r.mean() for r in ratios]
    return Finding(
        f"critical tanh, hard tanh and ReLU: a layer multiplies the variance by "
        f"{listed(means, '.4f')}, at most {max(off):.1f} standard errors off 1",
        decide(max(off) < LIMIT),
    )


# --- correlations -------------------------------------------------------------------------


def check_correlation_map() -> Finding:
    """Check that correlations in random networks follow the map."""
    off = []
    for network in POOLE.values():
        runs = [propagate(network, q_star(network), 0.6, s).correlation[1:] for s in SEEDS]
        # Correlations near 0 scatter by 1 / sqrt(width) whatever their size: compare 1 + c.
        off.append(errors_off(1 + np.array(runs), 1 + correlations(network, 0.6)[1:]))
    return Finding(
        f"from 0.6, 12 layers of 500 units: at most {max(off):.1f} standard errors off",
        decide(max(off) < LIMIT),
    )


def check_fixed_correlations() -> Finding:
    """Check that c* is 1 where chi < 1 and below 1 where chi > 1."""
    stars = [fixed_correlation("tanh", n.sigma_w2, n.sigma_b2) for n in POOLE.values()]
    slopes = [growth(n) for n in POOLE.values()]
    return Finding(
        f"c* = {listed(stars, '.3g')} where chi = {listed(slopes, '.3g')}",
        decide(*((star == 1) == (slope < 1) for star, slope in zip(stars, slopes, strict=True))),
    )


def check_slope_at_1() -> Finding:
    """Check by a difference quotient that chi is the slope of the correlation map at 1."""
    d, errors = 1e-6, []
    for n in POOLE.values():
        rise = 1 - correlation_map("tanh", 1 - d, q_star(n), n.sigma_w2, n.sigma_b2)
        errors.append(float(rise) / d / growth(n) - 1)
    # The quotient errs by d times the map's second derivative, here below 30.
    return Finding(f"differences {bounded(errors)}", decide(np.max(np.abs(errors)) < 3e-5))


# --- curves -------------------------------------------------------------------------------

CIRCLE = {sigma_w: Network("tanh", sigma_w**2, SIGMA_B2, 8, WIDTH) for sigma_w in POOLE}


def curves(network: Network) -> tuple[Floats, Floats]:
    """Return speed and curvature of a circle's image layer by layer, as recursions say."""
    q, x = q_star(network), growth(network)
    bend = 3 * float(curvature(network.activation, q, network.sigma_w2)) / x**2
    curvatures = [1 / q]
    for _ in range(network.depth):
        curvatures.append(curvatures[-1] / x + bend)
    speeds: Floats = q * x ** np.arange(network.depth + 1.0)
    return speeds, np.array(curvatures)


def check_curvature() -> Finding:
    """Check the recursions of speed and curvature against circles in random networks."""
    off = []
    for network in CIRCLE.values():
        images = [circle(network, q_star(network), 16, seed) for seed in SEEDS]
        speed, bend = curves(network)
        ratios = [i.speed[1:] / i.speed[:-1] for i in images]
        off.append(errors_off(ratios, speed[1:] / speed[:-1]))
        off.append(errors_off([i.curvature[1:] for i in images], bend[1:]))
    return Finding(
        f"{len(SEEDS)} circles, 8 layers: speed at most {max(off[::2]):.1f}, curvature at most "
        f"{max(off[1::2]):.1f} standard errors off",
        decide(max(off[::2]) < LIMIT, max(off[1::2]) < LIMIT),
    )


def check_total_curvature() -> Finding:
    """Check that in the chaotic phase length grows without bound and curvature does not."""
    chaotic = [n for n in CIRCLE.values() if growth(n) > 1]
    factors = [math.sqrt(growth(n)) for n in chaotic]
    limits = [
        3 * float(curvature("tanh", q_star(n), n.sigma_w2)) / (growth(n) * (growth(n) - 1))
        for n in chaotic
    ]
    reached = [curves(n)[1][-1] / limit for n, limit in zip(chaotic, limits, strict=True)]
    return Finding(
        f"length grows by {listed(factors, '.3g')} per layer; squared curvature tends to "
        f"{listed(limits, '.3g')}, of which 8 layers give {listed(reached, '.0%')}",
        decide(min(factors) > 1, bool(np.all(np.isfinite(limits)))),
    )


# --- depth scales: Schoenholz et al. 2017 -------------------------------------------------

DEPTH_SCALES = {w: Network("tanh", w, 0.05, depth=1) for w in (1.0, 1.5, 1.9, 2.5, 4.0)}


def check_xi_q() -> Finding:
    """Check the formula of xi_q, with phi'', against the slope of the length map."""
    errors = []
    for n in DEPTH_SCALES.values():
        q = q_star(n)
        second = gaussian_mean(_bend_times_value, q)
        formula = growth(n) + n.sigma_w2 * float(second)
        h = 1e-4 * q
        sides = length_map("tanh", np.array([q + h, q - h]), n.sigma_w2, n.sigma_b2)
        errors.append(formula / float(sides[0] - sides[1]) * 2 * h - 1)
    return Finding(
        f"formula and slope of the map: differences {bounded(errors)}",
        decide(np.max(np.abs(errors)) < 1e-6),  # h^2, and rounding / h
    )


def _bend_times_value(x: Floats) -> Floats:
    act = get("tanh")
    return np.asarray(second_derivative(act, x) * act(x))


def check_xi_c() -> Finding:
    """Check the formula of xi_c against the slope of the correlation map at c*."""
    errors = []
    for n in DEPTH_SCALES.values():
        c, h = min(fixed_correlation("tanh", n.sigma_w2, n.sigma_b2), 1 - 1e-5), 1e-5
        both = np.array([c + h, c - h])
        sides = correlation_map("tanh", both, q_star(n), n.sigma_w2, n.sigma_b2)
        slope = math.exp(-1 / depth_scales("tanh", n.sigma_w2, n.sigma_b2).xi_c)
        errors.append(float(sides[0] - sides[1]) / (2 * h) / slope - 1)
    return Finding(
        f"formula and slope of the map: differences {bounded(errors)}",
        decide(np.max(np.abs(errors)) < 1e-4),  # h times the second derivative, at c* = 1
    )


def check_ordered_xi_c() -> Finding:
    """Check that in the ordered phase xi_c is -1 / log chi."""
    pairs = [
        (depth_scales("tanh", n.sigma_w2, n.sigma_b2).xi_c, -1 / math.log(growth(n)))
        for n in DEPTH_SCALES.values()
        if growth(n) < 1
    ]
    return Finding(
        "; ".join(f"{a:.3f} and {b:.3f}" for a, b in pairs),
        decide(*(abs(a / b - 1) < 1e-9 for a, b in pairs)),
    )


def check_divergence() -> Finding:
    """Check that xi_c grows as 1 / |chi - 1| on both sides of the critical line."""
    (w, b), products, depths = map(float, critical_point("tanh", 0.5)), [], []
    for distance in (-1e-2, -1e-4, -1e-6, 1e-6, 1e-4, 1e-2):
        weight = w * (1 + distance)
        depths.append(depth_scales("tanh", weight, b).xi_c)
        excess = float(chi("tanh", fixed_point("tanh", weight, b), weight)) - 1
        products.append(depths[-1] * abs(excess))
    return Finding(
        f"xi_c = {listed(depths, '.3g')} as sigma_w2 crosses the line; times |chi - 1|: "
        f"{listed(products, '.3f')}",
        decide(abs(products[2] - 1) < 1e-3 and abs(products[3] - 1) < 1e-3),
    )


def gradients(network: Network) -> Floats:
    """Return the growth of the squared gradient in each layer and run, (seeds, depth)."""
    runs = [propagate(network, q_star(network), 0.6, s).gradient for s in SEEDS]
    return np.array([run[:-1] / run[1:] for run in runs])


def check_gradient() -> Finding:
    """Check that a layer multiplies squared gradients by chi on average."""
    rows, off = [], []
    for n in POOLE.values():
        ratios = gradients(n)
        off.append(errors_off(ratios.reshape(-1, 1), growth(n)))
        error = ratios.std(ddof=1) / math.sqrt(ratios.size)
        rows.append(f"{ratios.mean():.3f} ± {error:.3f} (chi {growth(n):.3f})")
    return Finding("growth per layer " + ", ".join(rows), decide(max(off) < LIMIT))


DROPOUT = Network("tanh", 1.7, 0.05, 25, WIDTH, keep=0.95)


def dropout_correlation(network: Network) -> float:
    """Return c* of a network with dropout, by iteration of its correlation map from 1."""
    act, w, b = get(network.activation), network.sigma_w2, network.sigma_b2
    q = float(fixed_point(act, w / network.keep, b))
    c = 1.0
    for _ in range(200):  # masks differ between the inputs: only a unit's square pays for them
        c = float((w * covariance(act, c, q) + b) / q)
    return c


def check_dropout() -> Finding:
    """Check that with dropout two equal inputs part, in theory and in networks."""
    theory, w = dropout_correlation(DROPOUT), DROPOUT.sigma_w2 / DROPOUT.keep
    q = float(fixed_point("tanh", w, DROPOUT.sigma_b2))
    ends = np.array([[propagate(DROPOUT, q, 1.0, s).correlation[15:].mean()] for s in SEEDS])
    error = ends.std(ddof=1) / math.sqrt(len(ends))
    return Finding(
        f"tanh, sigma_w2 = 1.7, sigma_b2 = 0.05, keeping 95 %: c* = {theory:.3f}, random networks "
        f"{ends.mean():.3f} ± {error:.3f}; without dropout c* = "
        f"{fixed_correlation('tanh', DROPOUT.sigma_w2, DROPOUT.sigma_b2):g}",
        decide(theory < 1, errors_off(ends, theory) < LIMIT),
    )


def check_six_xi() -> Finding:
    """Say how deep six depth scales are; nothing is trained here."""
    depths = [6 * depth_scales("tanh", n.sigma_w2, 0.05).xi_c for n in DEPTH_SCALES.values()]
    return Finding(
        f"6 xi_c = {listed(depths, '.0f')} layers at sigma_w2 = {listed(list(DEPTH_SCALES), 'g')}; "
        "not trained here",
        "open",
    )


# --- the critical line: Pennington et al. 2017 --------------------------------------------


def check_figure_1() -> Finding:
    """Check where the critical line of tanh starts, and leaves the figure's frame."""
    q = np.geomspace(1e-6, 3, 4000)
    w, b = critical_point("tanh", q)
    leaves, q_there = (float(np.interp(0.25, b, x)) for x in (w, q))
    return Finding(
        f"starts at ({w[0]:.4f}, {b[0]:.4f}), leaves the frame at sigma_w2 = {leaves:.3f}, "
        f"q* = {q_there:.2f}",
        decide(abs(w[0] - 1) < 1e-4 and b[0] < 1e-4, abs(leaves - 2.4) < 0.05),
    )


def check_critical_points() -> Finding:
    """Check which activations have one critical point and which a line of them."""
    q = np.array([0.01, 0.3, 2.0])
    points = {}
    for name in ("linear", "relu", "hard_tanh", "tanh", "erf"):
        weights, biases = critical_point(name, q)
        points[name] = sorted(
            {(round(float(w), 9), float(b)) for w, b in zip(weights, biases, strict=True)}
        )
    single = points["linear"] == [(1, 0)] and points["relu"] == [(2, 0)]
    line = all(len(points[name]) == len(q) for name in ("hard_tanh", "tanh", "erf"))
    erf = float(critical_point("erf", 1e-9)[0])
    return Finding(
        "linear and ReLU: (sigma_w2, sigma_b2) = (1, 0) and (2, 0) at every q*; the others: three "
        f"q*, three points. The line of erf(x) starts at sigma_w2 = {erf:.4f}, that of the paper's "
        "erf(sqrt(pi) x / 2), of slope 1 at 0, at 1",
        decide(single, line),
    )


def check_linear_part() -> Finding:
    """Check that chi is sigma_w2 times the share of units in the linear part."""
    rng, share, off = np.random.default_rng(0), [], []
    for name, q in (("relu", 1.0), ("hard_tanh", 0.25), ("hard_tanh", 1.0)):
        x = math.sqrt(q) * rng.standard_normal(200_000)
        linear = (x > 0) if name == "relu" else abs(x) < 1
        p = float(chi(name, q, 1.0))
        share.append(p)
        off.append(abs(linear.mean() - p) / math.sqrt(p * (1 - p) / x.size))
    return Finding(
        f"p = {listed(share, '.4f')} (ReLU; hard tanh at q = 1/4 and 1), 200,000 units within "
        f"{max(off):.1f} standard errors",
        decide(max(off) < LIMIT),
    )
