"""Glorot & Bengio (2010), section 4: what an untrained network looks like inside.

The networks of Figs. 6 to 8 at the paper's own size, five tanh layers of 1000 units on 300
images of Shapeset-3x2, take a second or two; there is nothing to record.  Fig. 9 watches
gradients during training, and reads the records of `glorot_saturation`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...datasets import Shapeset
from ...initializers import variance_scaling_
from ...networks import MLP
from ..glorot_saturation import BATCH, PROBE_IMAGES, TEST_SEED, Spec, Weights, build

Floats = NDArray[np.float64]
Quantity = Literal["activations", "gradients", "weight gradients", "batch gradients"]
"""What is watched: "weight gradients" are those of single images, "batch gradients" the means of
ten."""

READINGS: dict[str, dict[str, Weights]] = {
    "standard": {"literal": "standard", "fitted": "standard-fitted"},
    "normalized": {"literal": "normalized", "fitted": "normalized-fitted"},
}
"""The two initializations: the printed formula in every layer, and the fitted reading."""

REACH: dict[Quantity, dict[str, float]] = {
    "activations": {"standard": 1.0, "normalized": 1.0},
    "gradients": {"standard": 0.06, "normalized": 0.15},
    "weight gradients": {"standard": 0.006, "normalized": 0.06},
    "batch gradients": {"standard": 0.006, "normalized": 0.06},
}
"""Half the width of our abscissas, by initialization; those of Figs. 7 and 8 are wider."""

SEEDS = range(3)
"""Draws of the weights that are averaged; the paper shows one."""

WINDOW = 0.25
"""A peak is the share of values within so many standard deviations of 0, over the width of that.

For a Gaussian it is 1 % too low.  A narrower window makes it much noisier: most of what a unit
holds is the same for all images, so a layer has about a thousand independent values and not
300,000.
"""

OUTPUT_VARIANCE = 3.2e-3
"""Of the output layer's weights in the fitted reading, see `glorot_saturation.initializers`."""

BINS = 81
"""Bins of a histogram; odd, so that one has its middle at 0."""

SHARE = 12
"""The densities of gradients count the weights between every twelfth unit of both layers."""


@dataclass(frozen=True)
class Distribution:
    """How the values of a layer are spread.

    Attributes
    ----------
    std : standard deviation
    peak : density at 0, see `WINDOW`
    density : (BINS,), histogram over the abscissa, as a share of all values by width
    """

    std: float
    peak: float
    density: Floats


def distribution(values: Tensor, reach: float) -> Distribution:
    """Summarize values by their deviation and density.

    Parameters
    ----------
    values : any shape, not all equal
    reach : the histogram is over [-reach, reach], positive

    Raises
    ------
    ValueError
        If the reach is not positive, or all values are equal.
    """
    std = float(values.double().std(correction=0))
    if not (reach > 0 and std > 0):
        raise ValueError(f"reach and deviation must be positive, got {reach} and {std}")
    counts = torch.histc(values, BINS, -reach, reach).double().numpy()
    near = float((values.abs() < WINDOW * std).double().mean())
    density = counts * BINS / (2 * reach * values.numel())
    return Distribution(std, near / (2 * WINDOW * std), density)


@torch.no_grad()
def signals(network: MLP, inputs: Tensor, labels: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return what a tanh network's hidden layers hold, forwards and backwards.

    Parameters
    ----------
    network : of tanh units
    inputs : (n, inputs)
    labels : (n,), classes

    Returns
    -------
    activations of each layer, (n, width), and the derivative of each example's own
    cross-entropy by the pre-activations of each layer, (n, width); first layer first

    Raises
    ------
    ValueError
        If the units are not tanh.
    """
    if network.activation.name != "tanh":
        raise ValueError(f"the network must be of tanh units, got {network.activation.name}")
    hidden = network.hidden(inputs)
    back = torch.softmax(network.layers[-1](hidden[-1]), 1)
    back[torch.arange(len(labels)), labels] -= 1
    gradients: list[Tensor] = []
    above = list(network.layers)[:0:-1]
    for layer, h in zip(above, reversed(hidden), strict=True):
        back = (back @ layer.weight) * (1 - h.square())
        gradients.insert(0, back)
    return hidden, gradients


def batch_gradients(below: Tensor, gradients: Tensor, batch: int) -> Tensor:
    """Return the mean cost's derivative by a layer's weights, for each batch of examples.

    Parameters
    ----------
    below : (n, inputs), what enters the layer
    gradients : (n, units), each example's cost by the layer's pre-activations
    batch : examples that are averaged; divides n

    Returns
    -------
    (n / batch, units, inputs)
    """
    back, entering = (x.reshape(-1, batch, x.shape[1]) for x in (gradients, below))
    return torch.matmul(back.mT, entering) / batch


def gradient_deviation(below: Tensor, gradients: Tensor, batch: int) -> float:
    r"""Return the standard deviation of a layer's `batch_gradients`, over all weights and batches.

    They are never made: with :math:`\delta_n` and :math:`h_n` what an example brings from above
    and below, the squares of the entries of :math:`\sum_n \delta_n h_n^T` add to
    :math:`\sum_{nm} (\delta_n \cdot \delta_m)(h_n \cdot h_m)`.
    """
    back, entering = (x.double().reshape(-1, batch, x.shape[1]) for x in (gradients, below))
    products = (back @ back.mT) * (entering @ entering.mT)
    entries = back.shape[-1] * entering.shape[-1]
    square = float(products.sum((1, 2)).mean()) / batch**2 / entries
    mean = float((back.mean(-1) * entering.mean(-1)).mean())
    return math.sqrt(square - mean**2)


@functools.cache
def probe_images(channels: int = 1) -> tuple[Tensor, Tensor]:
    """Return the 300 probe images, flat and repeated in each channel, and their labels."""
    images, labels = Shapeset(TEST_SEED).batch(PROBE_IMAGES, np.float32)
    return torch.from_numpy(images).flatten(1).repeat(1, channels), torch.from_numpy(labels)


@functools.cache
def untrained(weights: Weights, seed: int = 0) -> dict[Quantity, Sequence[Distribution]]:
    """Return the distributions in each hidden layer of the paper's untrained tanh network.

    Parameters
    ----------
    weights : initialization, see `READINGS`
    seed : of the weights
    """
    network = build(Spec(activation="tanh", hidden_layers=5, weights=weights, seed=seed))
    inputs, labels = probe_images()
    hidden, gradients = signals(network, inputs, labels)
    panel = "standard" if weights.startswith("standard") else "normalized"
    found: dict[Quantity, Sequence[Distribution]] = {
        "activations": [distribution(h, REACH["activations"][panel]) for h in hidden],
        "gradients": [distribution(g, REACH["gradients"][panel]) for g in gradients],
    }
    layers = list(zip([inputs, *hidden[:-1]], gradients, strict=True))
    # Densities of single gradients take every fifth image: the units, not the images, make noise.
    sizes: dict[Quantity, tuple[int, int]] = {
        "weight gradients": (1, 5),
        "batch gradients": (BATCH, 1),
    }
    for quantity, (batch, step) in sizes.items():
        some = (batch_gradients(h[::step, ::SHARE], g[::step, ::SHARE], batch) for h, g in layers)
        found[quantity] = [
            replace(
                distribution(values, REACH[quantity][panel]),
                std=gradient_deviation(*layer, batch),
            )
            for values, layer in zip(some, layers, strict=True)
        ]
    return found


def bell_shaped_output(weights: Weights, seed: int = 0) -> Floats:
    """Return the peaks of the gradients, (5,), with an output layer of Gaussian weights.

    They have the variance of the fitted reading.
    """
    network = build(Spec(activation="tanh", hidden_layers=5, weights=weights, seed=seed))
    variance_scaling_(
        network.layers[-1].weight,
        OUTPUT_VARIANCE * network.layers[-1].in_features,
        "in",
        "normal",
        generator=torch.Generator().manual_seed(seed),
    )
    _, gradients = signals(network, *probe_images())
    return np.array([distribution(g, 1.0).peak for g in gradients])


def over_seeds(weights: Weights, quantity: Quantity, attribute: str) -> Floats:
    """Return an attribute of each `Distribution`, (seeds, layers) or (seeds, layers, BINS)."""
    return np.array(
        [
            [getattr(layer, attribute) for layer in untrained(weights, seed)[quantity]]
            for seed in SEEDS
        ]
    )


def peaks(weights: Weights, quantity: Quantity) -> Floats:
    """Return the density at 0 of each layer, averaged over seeds, (5,)."""
    mean: Floats = over_seeds(weights, quantity, "peak").mean(0)
    return mean


def deviations(weights: Weights, quantity: Quantity) -> Floats:
    """Return the standard deviation of each layer, averaged over seeds, (5,)."""
    mean: Floats = over_seeds(weights, quantity, "std").mean(0)
    return mean
