"""The Jacobian of one tanh layer by the activations below it: theory, and drawn networks.

Glorot & Bengio (2010) report its average singular value.  It is D W, with the slopes of the layer
on the diagonal of D, so its law is that of a network of a single layer (`spectra`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...activations import gaussian_mean, get
from ...propagation import geometric_mean_singular_value, profile, variances
from ...spectra import Law, jacobian_law

Floats = NDArray[np.float64]

WIDTHS = (1024, 1000, 1000, 1000, 1000, 1000)
"""Units of the paper's networks, up to the last hidden layer."""

MEAN_SQUARE = 0.340
"""Of the pixels of Shapeset-3x2, in [0, 1]."""


@dataclass(frozen=True)
class Layer:
    """What a layer of square weights does, in theory; all numbers for one layer.

    Attributes
    ----------
    law : of the singular values of D W
    mean, geometric : arithmetic and geometric mean singular value
    square : mean square of the singular values
    ratio : of the second moments of its activations and of those below
    """

    law: Law
    mean: float
    geometric: float
    square: float
    ratio: float


def layers(rule: str, widths: Sequence[int] = WIDTHS, activation: str = "tanh") -> list[Layer]:
    """Return layers 2, 3, ... of a wide network, whose weights are square, in theory.

    Parameters
    ----------
    rule : of the weights, one of `signalprop.propagation.RULES`
    widths : units of the input and of each layer, all layers of the same
    activation : name
    """
    v = variances(rule, widths)
    whole = profile(activation, widths, v, signal=MEAN_SQUARE)
    found = []
    for layer in range(1, len(v)):
        n_in, n_out, q = widths[layer], widths[layer + 1], float(whole.q[layer])
        sigma_w2 = n_in * float(v[layer])
        law = jacobian_law(activation, 1, "gaussian", q_star=q, sigma_w2=sigma_w2)
        found.append(
            Layer(
                law,
                mean(law),
                geometric_mean_singular_value(n_in, n_out, float(v[layer]))
                * _geometric_mean_slope(activation, q),
                law.moment(1),
                float(whole.signal[layer + 1] / whole.signal[layer]),
            )
        )
    return found


def _geometric_mean_slope(activation: str, q: float) -> float:
    slope = get(activation).derivative
    return math.exp(float(gaussian_mean(lambda x: np.log(slope(x)), q)))


def mean(law: Law) -> float:
    """Return the mean singular value of a law without atoms.

    Equal steps of an angle take the square root out of the upper edge.
    """
    x, w = np.polynomial.legendre.leggauss(60)
    angle = np.pi / 4 * (1 + x)
    s = law.support[1] * np.sin(angle)
    ds = np.pi / 4 * w * law.support[1] * np.cos(angle)
    return float((s * law.density(s)) @ ds)


@dataclass(frozen=True)
class Drawn:
    """Singular values of layers 2, 3, ... of one random network.

    Attributes
    ----------
    weights, jacobians : (L - 1, width) of W and of D W
    ratio : (L - 1,) of the second moments of a layer's activations and of those below
    """

    weights: Floats
    jacobians: Floats
    ratio: Floats


def draw(
    rule: str, width: int, seed: int, depth: int = 5, activation: str = "tanh", weights: bool = True
) -> Drawn:
    """Draw a network of equal widths and decompose its layers at one Gaussian input.

    Parameters
    ----------
    rule : of the weights
    width : units of the input and of each layer
    seed : of weights and input
    depth : number of layers
    activation : name
    weights : decompose the weight matrices too; else they are left out (NaN)
    """
    act, rng = get(activation), np.random.default_rng(seed)
    deviation = math.sqrt(variances(rule, [width, width])[0])
    h = rng.standard_normal(width)
    h *= math.sqrt(MEAN_SQUARE / np.mean(h**2))
    alone, whole, ratio = [], [], []
    for layer in range(depth):
        w = rng.uniform(-math.sqrt(3) * deviation, math.sqrt(3) * deviation, (width, width))
        s = w @ h
        if layer > 0:
            whole.append(_singular_values(act.derivative(s)[:, None] * w))
            alone.append(_singular_values(w) if weights else np.full(width, np.nan))
            ratio.append(np.mean(act(s) ** 2) / np.mean(h**2))
        h = act(s)
    return Drawn(np.array(alone), np.array(whole), np.array(ratio))


def square_matrices(width: int, draws: int, seed: int = 0) -> Floats:
    """Return singular values of uniform matrices of entry variance 1/width, (draws, width)."""
    rng = np.random.default_rng([seed, width])
    w = rng.uniform(-math.sqrt(3 / width), math.sqrt(3 / width), (draws, width, width))
    return _singular_values(w)


def _singular_values(matrix: Floats) -> Floats:
    return np.asarray(np.linalg.svd(matrix, compute_uv=False))
