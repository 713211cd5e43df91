r"""A published replication that found no gain from normalized initialization, and why.

The repository artur-deluca/saturation (2020) trained Glorot & Bengio's networks on CIFAR-10 in
Keras, with two rules for the weights: ``GlorotUniform``, which is eq. 16 of the paper, and
``lecun_uniform``, the uniform distribution of variance :math:`1/n_\mathrm{in}`.  What the paper
compares eq. 16 with is its eq. 1, of a third of that variance.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...datasets import Shuffled, load
from ...initializers import lecun_, standard_, xavier_
from ...networks import MLP, initialize
from ...training import in_place_step, train
from . import probe_images

Floats = NDArray[np.float64]

WIDTHS = (3 * 32 * 32, 1000, 1000, 1000, 1000, 1000, 10)
"""Units of the replication's network, from the pixels to the classes."""

CHANNELS = 3


@dataclass(frozen=True)
class Rule:
    """A uniform distribution of the weights.

    Attributes
    ----------
    bound : its bound from the numbers of inputs and of outputs of a layer
    fill : draws from it, in place
    """

    bound: Callable[[int, int], float]
    fill: Callable[..., Tensor]


RULES = {
    "equation 1": Rule(lambda n_in, n_out: 1 / math.sqrt(n_in), standard_),
    "LeCun": Rule(
        lambda n_in, n_out: math.sqrt(3 / n_in), functools.partial(lecun_, distribution="uniform")
    ),
    "equation 16": Rule(lambda n_in, n_out: math.sqrt(6 / (n_in + n_out)), xavier_),
}
"""The paper's two rules, and between them the one that the replication took for the first."""


def bounds(rule: str) -> Floats:
    """Return the bound of the weights in each layer of the replication's network, (6,)."""
    return np.array([RULES[rule].bound(*shape) for shape in pairwise(WIDTHS)])


def distance(bound: float, other: float) -> float:
    r"""Return the Kolmogorov-Smirnov distance of U(±a) and U(±b).

    It is :math:`(1 - \min(a, b) / \max(a, b)) / 2`, at the smaller bound.

    >>> distance(1.0, 2.0)
    0.25
    """
    low, high = sorted((bound, other))
    return (1 - low / high) / 2


@functools.cache
def initial_deviations(rule: str, seed: int = 0) -> Floats:
    """Return the deviation of each layer's activations in the untrained network, (5,).

    Of tanh units, on the probe images of Shapeset, the same in each of three channels.
    """
    network = MLP(WIDTHS, "tanh")
    initialize(network, RULES[rule].fill, seed)
    inputs, _ = probe_images(CHANNELS)
    with torch.no_grad():
        return np.array([float(h.std()) for h in network.hidden(inputs)])


@dataclass(frozen=True)
class Learning:
    """How the cost on test images falls.

    Attributes
    ----------
    updates, cost : (probes,), updates done and mean cross-entropy in nats
    """

    updates: Floats
    cost: Floats


def learn(rule: str, seed: int, updates: int = 300, width: int = 100) -> Learning:
    """Train a small network of five tanh layers on scikit-learn's digits.

    Plain stochastic gradient descent on ten examples at a rate of 0.05, biases from 0, in double
    precision, so that another machine prints the same.
    """
    digits = load("digits")
    inputs = torch.from_numpy(digits.test.pixels(dtype=np.float64)).flatten(1)
    labels = torch.from_numpy(digits.test.labels)
    network = MLP([inputs.shape[1], *[width] * 5, 10], "tanh")
    initialize(network, RULES[rule].fill, seed)
    network.double()

    def cost(network: MLP) -> dict[str, Floats]:
        with torch.no_grad():
            return {"cost": torch.nn.functional.cross_entropy(network(inputs), labels).numpy()}

    step = in_place_step(network, 0.05)

    def double_step(inputs: Tensor, labels: Tensor) -> Tensor:
        return step(inputs.double(), labels)

    history = train(
        network,
        Shuffled(digits.train, seed),
        cost,
        range(0, updates + 1, 10),
        double_step,
    ).history
    return Learning(history["updates"].astype(float), history["cost"])
