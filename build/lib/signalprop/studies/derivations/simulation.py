"""Many small random networks at once: the second moments that the derivations are about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import propagation
from ...activations import Activation, get

Floats = NDArray[np.float64]

UNEQUAL = (60, 40, 80, 30, 60)
"""Units of the input and of four layers, where fans in and out differ."""

EQUAL = (50,) * 6
"""Units of the input and of five layers."""


@dataclass(frozen=True)
class Sample:
    """Mean squares over units in random networks of L weight matrices, a row for each draw.

    Attributes
    ----------
    pre : (draws, L) of the pre-activations
    signal : (draws, L + 1) of the input and of the activations
    gradient : (draws, L) of the gradient by the pre-activations, if that by the last ones is a
        Gaussian vector of variance 1, whatever the input
    weight_gradient : (draws, L) of the gradient by the weights
    """

    pre: Floats
    signal: Floats
    gradient: Floats
    weight_gradient: Floats

    @property
    def forward(self) -> Floats:
        """Return the growth of the pre-activations from layer to layer, (draws, L - 1)."""
        return self.pre[:, 1:] / self.pre[:, :-1]

    @property
    def backward(self) -> Floats:
        """Return the growth of the gradient down from layer to layer, (draws, L - 1)."""
        return self.gradient[:, :-1] / self.gradient[:, 1:]


def sample(
    activation: str | Activation,
    widths: Sequence[int],
    variances: ArrayLike,
    draws: int = 500,
    signal: float = 1.0,
    seed: int = 0,
    distribution: Literal["normal", "uniform"] = "normal",
) -> Sample:
    """Send one input forward and one gradient backward through each of many networks.

    Parameters
    ----------
    activation : of every layer, the last one included
    widths : (L + 1,) units of the input and of each layer
    variances : (L,) of the weights
    draws : networks, each with an input and a gradient of its own
    signal : mean square of each input, exactly
    seed : of everything
    distribution : of the weights
    """
    act, v = get(activation), np.asarray(variances, dtype=np.float64)
    rng = np.random.default_rng(seed)
    h = rng.standard_normal((draws, widths[0]))
    h *= np.sqrt(signal / (h**2).mean(1, keepdims=True))
    weights, slopes, pre, signals = [], [], [], [_square(h)]
    for n_in, n_out, variance in zip(widths[:-1], widths[1:], v, strict=True):
        shape = (draws, n_out, n_in)
        if distribution == "uniform":
            weight = rng.uniform(-math.sqrt(3 * variance), math.sqrt(3 * variance), shape)
        else:
            weight = math.sqrt(variance) * rng.standard_normal(shape)
        s = (weight @ h[..., None])[..., 0]
        h = act(s)
        weights.append(weight)
        slopes.append(act.derivative(s))
        pre.append(_square(s))
        signals.append(_square(h))
    g = rng.standard_normal((draws, widths[-1]))
    gradients = [_square(g)]
    for weight, slope in zip(weights[:0:-1], slopes[-2::-1], strict=True):
        g = slope * (g[:, None] @ weight)[:, 0]
        gradients.append(_square(g))
    up, down = np.stack(signals, 1), np.stack(gradients[::-1], 1)
    # dC/dW = g h^T, so the mean of its squares is the product of two means.
    return Sample(np.stack(pre, 1), up, down, up[:, :-1] * down)


@cache
def networks(activation: str, rule: str, widths: tuple[int, ...], draws: int = 300) -> Sample:
    """Draw networks, the same ones for every check."""
    return sample(activation, widths, propagation.variances(rule, widths), draws)


def _square(x: Floats) -> Floats:
    return np.asarray((x**2).mean(1))


@dataclass(frozen=True)
class Estimate:
    """A mean over independent draws, with its standard error.

    Attributes
    ----------
    value, error : of the same shape, or numbers
    """

    value: Floats
    error: Floats

    @classmethod
    def of(cls, draws: ArrayLike) -> Estimate:
        """Average over the first axis.

        >>> Estimate.of([1.0, 2.0, 3.0])
        2.000 ± 0.577
        """
        x = np.asarray(draws, dtype=np.float64)
        return cls(x.mean(0), x.std(0, ddof=1) / math.sqrt(len(x)))

    def off(self, theory: ArrayLike) -> float:
        """Return by how many standard errors the worst of the values misses a theory."""
        return float(np.max(np.abs(np.subtract(self.value, theory)) / self.error))

    def __repr__(self) -> str:
        """Write each value with its error, to three decimals or three digits."""
        pairs = zip(np.ravel(self.value), np.ravel(self.error), strict=True)
        return ", ".join(f"{_rounded(v)} ± {_rounded(e)}" for v, e in pairs)


def _rounded(x: float) -> str:
    return f"{x:.3f}" if 0.0005 <= abs(x) < 1000 else f"{x:.2g}"
