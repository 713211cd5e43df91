"""The checks behind the claims on spectra: transforms and moments of matrices that are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from ...activations import get
from ...claims import Finding, decide
from ...meanfield import chi, critical_point, fixed_point
from ...spectra import jacobian_law
from ...summaries import LIMIT, bounded, errors_off, listed
from .signals import SEEDS, WIDTH
from .spectra import Weights, draw, jacobian, moment_transform, s_transform, squared_variance

Floats = NDArray[np.float64]

CHI_NETWORKS: tuple[tuple[str, Weights, float, float], ...] = (
    ("tanh", "gaussian", 2.5, 0.05),
    ("tanh", "orthogonal", 2.5, 0.05),
    ("hard_tanh", "orthogonal", 1.5, 0.05),
)
"""Networks off the critical line: activation, weights, sigma_w2, sigma_b2."""


def check_chi() -> Finding:
    """Check that chi is the mean squared singular value of D W, and chi^L that of J."""
    rows, off = [], []
    for name, weights, w, b in CHI_NETWORKS:
        q = float(fixed_point(name, w, b))
        for depth in (1, 4):
            mean, _ = _moments(name, weights, depth, (q, w, b), width=300)
            theory = float(chi(name, q, w)) ** depth
            off.append(errors_off(mean[:, None], theory))
            error = mean.std(ddof=1) / math.sqrt(mean.size)
            rows.append(f"{mean.mean():.3f} ± {error:.3f} ({theory:.3f})")
    return Finding(
        "one layer and four, simulated (theory): " + ", ".join(rows), decide(max(off) < LIMIT)
    )


def _moments(
    name: str,
    weights: Weights,
    depth: int,
    variances: tuple[float, float, float],
    width: int,
    draws: int = 10,
) -> tuple[Floats, Floats]:
    """Return mean and variance of the squared singular values of some networks."""
    return squared_variance(
        [jacobian(name, weights, depth, width, variances, seed)[0] for seed in range(draws)]
    )


# --- free probability ---------------------------------------------------------------------


@cache
def wishart(seed: int, width: int = WIDTH) -> tuple[float, ...]:
    """Return the squared singular values of a Gaussian matrix of variance 1 / width."""
    w = draw("gaussian", width, 1.0, np.random.default_rng(seed))
    return tuple(np.linalg.eigvalsh(w @ w.T))


def check_stieltjes() -> Finding:
    """Check that the imaginary part of G near the axis is the density, on a Wishart matrix."""
    edges = np.linspace(0.2, 3.8, 10)
    values = np.concatenate([wishart(seed) for seed in SEEDS])
    counted = np.histogram(values, edges)[0] / values.size
    x = np.linspace(0.2, 3.8, 1801)
    z = x + 0.02j
    g = (1 + moment_transform(values, z)) / z
    density = -g.imag / np.pi
    from_g = [
        float(np.trapezoid(density[(x >= a - 1e-9) & (x <= b + 1e-9)], dx=x[1] - x[0]))
        for a, b in pairwise(edges)
    ]
    worst = float(np.max(np.abs(from_g - counted)))
    # Smoothing by 0.02 moves at most that much of the density, below 1, across each edge.
    return Finding(
        f"nine bins of a Wishart spectrum: shares agree to {worst:.4f}", decide(worst < 0.02)
    )


def check_moments() -> Finding:
    """Check that M(z) at a large z gives the moments one after the other."""
    values = np.array(wishart(0))
    z = np.exp(2j * np.pi * np.arange(64) / 64) * 2 * values.max()
    transform = moment_transform(values, z)
    found = [float((transform * z**k).mean().real) for k in (1, 2, 3)]
    direct = [float((values**k).mean()) for k in (1, 2, 3)]
    # The mean over a circle aliases moment k + 64, smaller by 2**-64.
    return Finding(
        f"{listed(found, '.4f')}; averages of powers {listed(direct, '.4f')}",
        decide(bool(np.allclose(found, direct, rtol=1e-10))),
    )


S_AT = np.array([-0.8, -0.6, -0.4, -0.2])
"""Where S is compared: shares of the mass that is not at 0."""


def measured_s(eigenvalues: Callable[[int], ArrayLike], at: Floats = S_AT) -> Floats:
    """Return the S-transforms of some draws, (draws, points)."""
    return np.array([s_transform(eigenvalues(seed), at) for seed in SEEDS])


def agreement(measured: Floats, theory: Floats | float, width: int) -> tuple[str, bool]:
    """Compare measured S-transforms: they scatter, and are off by order 1 / width on average."""
    ratio = measured / theory
    error = ratio.std(0, ddof=1) / math.sqrt(len(ratio))
    off = abs(ratio.mean(0) - 1)
    return f"{off.max():.1%} at most", bool(np.all(off < LIMIT * error + 10 / width))


def check_s_gaussian() -> Finding:
    """Check S of Gaussian weights on matrices."""
    text, agrees = agreement(measured_s(wishart), 1 / (1 + S_AT), WIDTH)
    return Finding(f"{WIDTH} x {WIDTH} matrices differ by {text}", decide(agrees))


def check_s_orthogonal() -> Finding:
    """Check S of orthogonal weights: all eigenvalues are sigma_w2."""
    w = draw("orthogonal", WIDTH, 1.7, np.random.default_rng(0))
    s = s_transform(np.linalg.eigvalsh(w @ w.T), S_AT)
    return Finding(
        f"sigma_w2 = 1.7: S = {listed(s, '.6f')}; 1 / 1.7 = {1 / 1.7:.6f}",
        decide(bool(np.allclose(s, 1 / 1.7, rtol=1e-9))),
    )


@cache
def slope_squares(name: str, q: float, count: int = 100_000) -> tuple[float, ...]:
    """Return squared slopes at equally likely pre-activations."""
    z = ndtri((np.arange(count) + 0.5) / count)
    return tuple(get(name).derivative(math.sqrt(q) * z) ** 2)


def bernoulli_s(w: ArrayLike, p: float) -> Floats:
    """Return S of D^2 for slopes that are 1 with probability p, else 0."""
    at = np.asarray(w, dtype=float)
    return np.asarray((1 + at) / (at + p))


def check_s_bernoulli() -> Finding:
    """Check S of the squared slopes of ReLU and hard tanh."""
    worst = 0.0
    for name, q in (("relu", 1.0), ("hard_tanh", 0.25), ("hard_tanh", 2.0)):
        p = float(get(name).slope_square_mean(q))
        at = p * S_AT
        s = s_transform(slope_squares(name, q), at)
        worst = max(worst, float(np.max(abs(s / bernoulli_s(at, p) - 1))))
    # 100,000 equally likely units have p right to 1e-5.
    return Finding(
        f"ReLU and hard tanh at q = 1/4 and 2: differences {bounded(worst)}", decide(worst < 1e-3)
    )


NETWORKS: tuple[tuple[str, Weights, float], ...] = (
    ("linear", "gaussian", 1.0),
    ("relu", "gaussian", 1.0),
    ("relu", "orthogonal", 1.0),
    ("hard_tanh", "orthogonal", 0.25),
    ("tanh", "gaussian", 0.82),
    ("tanh", "orthogonal", 0.82),
)
"""Critical networks whose spectra are measured: activation, weights, q*."""


def critical_variances(name: str, q: float) -> tuple[float, float, float]:
    """Return q*, sigma_w2 and sigma_b2 of the critical network at q*."""
    w, b = critical_point(name, q)
    return q, float(w), float(b)


def weights_s(weights: Weights, sigma_w2: float, at: Floats) -> Floats:
    """Return S of W W^T for random weights."""
    return np.asarray(1 / (sigma_w2 * (1 + at)) if weights == "gaussian" else 0 * at + 1 / sigma_w2)


def check_product_rule() -> Finding:
    """Check on whole networks that S of J J^T is the product over layers."""
    depth, rows, agree = 4, [], []
    for name, weights, q in NETWORKS:
        variances = critical_variances(name, q)
        at = 0.4 * S_AT if name == "relu" else S_AT
        ratios = []
        for seed in SEEDS:
            j, squares = jacobian(name, weights, depth, WIDTH, variances, seed)
            spectrum = np.linalg.svd(j, compute_uv=False) ** 2
            layers = [weights_s(weights, variances[1], at) * s_transform(d, at) for d in squares]
            ratios.append(s_transform(spectrum, at) / np.prod(layers, axis=0))
        text, agrees = agreement(np.array(ratios), 1.0, WIDTH)
        rows.append(f"{name} {weights} {text}")
        agree.append(agrees)
    return Finding(
        f"four layers of {WIDTH} units, each with the slopes that it has: S differs by "
        + ", ".join(rows),
        decide(*agree),
    )


def check_lagrange() -> Finding:
    """Check that the expansion of the inverse of M gives the first two moments, on a network."""
    errors = []
    for name, weights, q in NETWORKS:
        j, _ = jacobian(name, weights, 3, WIDTH, critical_variances(name, q), 0)
        values = np.linalg.svd(j, compute_uv=False) ** 2
        w = np.array([-4e-4, -3e-4, -2e-4, -1e-4])
        inverse = (1 + w) / (w * s_transform(values, w))
        m_1, ratio = np.polynomial.polynomial.polyfit(w, w * inverse, 3)[:2]
        errors += [m_1 / values.mean() - 1, ratio * m_1 / (values**2).mean() - 1]
    worst = float(np.max(np.abs(errors)))
    # Leading error of the fit: 24 (1e-4)^4 m_5 / m_1, and rounding / 1e-4 in the second.
    return Finding(
        f"m_1 and m_2 from the expansion and as averages: differences {bounded(errors)}",
        decide(worst < 1e-4),
    )


# --- the variance of the spectrum: Pennington et al. 2018, eqs. 21 and 22 ------------------


@cache
def variance_ratios(
    name: str, weights: Weights, q: float, depth: int, width: int, draws: int = 8
) -> tuple[Floats, float]:
    """Return sigma^2 / m_1^2 of simulated networks, (draws,), and the formula's value."""
    mean, variance = _moments(name, weights, depth, critical_variances(name, q), width, draws)
    return variance / mean**2, jacobian_law(name, depth, weights, q_star=q).variance


def extrapolated(
    name: str, weights: Weights, q: float, depth: int = 8
) -> tuple[float, float, float]:
    """Return sigma^2 / m_1^2 at infinite width with its error, and the formula's value.

    From widths 150 and 300: deviations of the ratio are of order 1 / width.
    """
    narrow, theory = variance_ratios(name, weights, q, depth, 150, 16)
    wide, _ = variance_ratios(name, weights, q, depth, 300, 16)
    value = 2 * wide.mean() - narrow.mean()
    error = math.sqrt(4 * wide.var(ddof=1) / wide.size + narrow.var(ddof=1) / narrow.size)
    return float(value), error, theory


def check_variance() -> Finding:
    """Check the variance of the squared singular values against random networks."""
    rows, off = [], []
    for name, weights, q in NETWORKS:
        value, error, theory = extrapolated(name, weights, q)
        rows.append(f"{name} {weights} {value:.3g} ± {error:.2g} ({theory:.3g})")
        off.append(abs(value - theory) / error)
    return Finding(
        "eight layers, extrapolated to infinite width (formula): " + ", ".join(rows),
        decide(max(off) < LIMIT),
    )
