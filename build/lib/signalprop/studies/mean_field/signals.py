"""Random wide networks, to set beside the theory: two inputs, a gradient and a curve."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...activations import Activation, get

Floats = NDArray[np.float64]

SEEDS, WIDTH = range(6), 500
"""Of the networks that checks average over."""


@dataclass(frozen=True)
class Network:
    """A random network: what it is made of, not its weights.

    Attributes
    ----------
    activation : name
    sigma_w2, sigma_b2 : weight variance times fan-in, and bias variance
    depth : number of layers
    width : units of each layer
    keep : probability with which dropout keeps a unit's activation
    """

    activation: str
    sigma_w2: float
    sigma_b2: float
    depth: int
    width: int = 1000
    keep: float = 1.0

    def layer(self, index: int, seed: int) -> tuple[NDArray[np.float32], Floats]:
        """Draw weights (width, width) and biases (width, 1) of a layer, the same each time."""
        rng = np.random.default_rng([seed, index])
        weight = rng.standard_normal((self.width, self.width), dtype=np.float32)
        weight *= np.float32(math.sqrt(self.sigma_w2 / self.width))
        return weight, math.sqrt(self.sigma_b2) * rng.standard_normal((self.width, 1))


@dataclass(frozen=True)
class Signals:
    """What two inputs and a gradient become in a random network; arrays run over layers.

    Attributes
    ----------
    variance : (depth + 1,) of the pre-activations, averaged over units and both inputs
    correlation : (depth + 1,) of the two inputs' pre-activations
    gradient : (depth + 1,) squared norm by pre-activations, relative to the last layer
    """

    variance: Floats
    correlation: Floats
    gradient: Floats


@functools.cache
def propagate(network: Network, q: float, c: float, seed: int) -> Signals:
    """Send two inputs forward and a random gradient backward.

    Parameters
    ----------
    network : what to draw
    q, c : variance and correlation of the two inputs' first pre-activations
    seed : of the inputs, the weights and the gradient
    """
    act = get(network.activation)
    rng = np.random.default_rng(seed)
    below = _pair(network.width, q, c, rng)
    layers = [below]
    for index in range(network.depth):
        weight, bias = network.layer(index, seed)
        below = weight @ _kept(act(below), network.keep, rng) + bias
        layers.append(below)
    gradient = rng.standard_normal((network.width, 1))
    sizes = [float(gradient.ravel() @ gradient.ravel())]
    for index in reversed(range(network.depth)):
        weight, _ = network.layer(index, seed)
        gradient = act.derivative(layers[index][:, :1]) * (weight.T @ gradient)
        sizes.append(float(gradient.ravel() @ gradient.ravel()))
    squares = np.array([(h**2).mean(0) for h in layers])
    products = np.array([(h[:, 0] * h[:, 1]).mean() for h in layers])
    return Signals(
        squares.mean(1),
        products / np.sqrt(squares.prod(1)),
        np.array(sizes[::-1]) / sizes[0],
    )


def _pair(width: int, q: float, c: float, rng: np.random.Generator) -> Floats:
    """Return two vectors (width, 2) of mean square q and correlation c exactly."""
    basis, _ = np.linalg.qr(rng.standard_normal((width, 2)))
    mixing = np.array([[1.0, c], [0.0, math.sqrt(1 - c**2)]])
    return np.asarray(math.sqrt(width * q) * basis @ mixing)


def _kept(x: Floats, keep: float, rng: np.random.Generator) -> Floats:
    """Drop units, of each input by itself, and make up for it in the mean."""
    return x if keep == 1 else np.asarray(x * (rng.random(x.shape) < keep) / keep)


@dataclass(frozen=True)
class Curve:
    """The image of a circle of inputs; arrays run over layers.

    Attributes
    ----------
    speed : (depth + 1,) squared length of the derivative by the angle, per unit
    curvature : (depth + 1,) squared curvature times the width
    """

    speed: Floats
    curvature: Floats


@functools.cache
def circle(network: Network, q: float, points: int, seed: int) -> Curve:
    """Send a circle of inputs forward, with its first two derivatives by the angle.

    Parameters
    ----------
    network : what to draw
    q : variance of the circle's pre-activations
    points : on the circle, over which speed and curvature are averaged
    seed : of the circle and the weights
    """
    act = get(network.activation)
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * np.arange(points) / points
    plane = _pair(network.width, q, 0.0, rng)
    h, v = plane @ [np.cos(angle), np.sin(angle)], plane @ [-np.sin(angle), np.cos(angle)]
    a = -h
    rows = [_bend(v, a)]
    for index in range(network.depth):
        weight, bias = network.layer(index, seed)
        first, second = act.derivative(h), second_derivative(act, h)
        h, v, a = weight @ act(h) + bias, weight @ (first * v), weight @ (first * a + second * v**2)
        rows.append(_bend(v, a))
    return Curve(*np.array(rows).T)


def _bend(v: Floats, a: Floats) -> tuple[float, float]:
    """Return mean squared speed per unit, and squared curvature times the width."""
    vv, va, aa = ((x * y).mean(0) for x, y in ((v, v), (v, a), (a, a)))
    return float(vv.mean()), float(((aa * vv - va**2) / vv**3).mean())


def second_derivative(activation: Activation, x: Floats) -> Floats:
    """Return phi'' from the slope an imaginary hair off the real line: nothing cancels."""
    return np.asarray(activation.derivative(x + 1e-20j).imag / 1e-20)
