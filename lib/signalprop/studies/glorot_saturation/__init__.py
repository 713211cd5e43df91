"""Glorot & Bengio (2010), sections 3 and 4: where the units sit while a deep network trains.

Networks of four or five hidden layers learn Shapeset-3x2 by plain SGD in batches of ten; a
probe set of 300 test images shows the activations of every layer as training goes on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ... import records
from ...activations import Activation, get
from ...datasets.shapeset import CLASS_PRIORS, CLASSES, Shapeset
from ...initializers import standard_, variance_scaling_, xavier_
from ...networks import MLP, initialize
from ...probes import LayerProbe, error_rate
from ...runner import Result, Study
from ...summaries import stays_below
from ...training import Arrays, Outcome, Watch, flat_batch, in_place_step, train

NAME = "glorot-saturation"

EPOCH = 20_000
"""Updates in an "epoch" of the paper's figures."""

PIXELS = 32 * 32
TEST_SEED, TEST_IMAGES, PROBE_IMAGES = 0, 10_000, 300
BATCH = 10

Weights = Literal["standard", "normalized", "standard-fitted", "normalized-fitted"]


@dataclass(frozen=True)
class Spec:
    """One training run.

    Attributes
    ----------
    activation, hidden_layers, width : the network, 1024 inputs and 9 outputs
    centred : subtract the activation's value at 0
    weights : "standard" (eq. 1) or "normalized" (eq. 16) in every layer; the "fitted" ones
        are the variances that the paper's own figures imply, see `initializers`
    output_bias : "learned", or fixed at the logarithms of the class "priors"
    rate : learning rate of plain SGD
    updates : of ten images each
    seed : of the weights and of the training images
    """

    activation: str = "sigmoid"
    hidden_layers: int = 4
    width: int = 1000
    weights: Weights = "standard"
    centred: bool = False
    output_bias: Literal["learned", "priors"] = "learned"
    rate: float = 0.01
    updates: int = 140 * EPOCH
    seed: int = 0


def _seeds(updates: int, **settings: Any) -> list[Spec]:
    return [Spec(width=128, updates=updates, seed=seed, **settings) for seed in range(3)]


RATES = (0.1, 0.2, 0.5)
"""Learning rates at which the sigmoid network's escape is timed at laptop scale."""

LAPTOP = {
    **{f"sigmoid rate {rate}": _seeds(160_000, rate=rate) for rate in RATES},
    "sigmoid depth 5": _seeds(160_000, rate=0.2, hidden_layers=5),
    "sigmoid depth 5, long": _seeds(700_000, rate=0.2, hidden_layers=5),
    "priors": _seeds(160_000, rate=0.2, output_bias="priors"),
    "centred": _seeds(160_000, rate=0.2, centred=True),
    **{
        f"{activation} {weights}": _seeds(
            80_000, activation=activation, hidden_layers=5, weights=weights, rate=0.05
        )
        for activation, weights in (
            ("tanh", "standard"),
            ("tanh", "normalized"),
            ("tanh", "normalized-fitted"),
            ("softsign", "standard"),
            ("softsign", "normalized"),
        )
    },
}
"""The laptop runs by group; three seeds each."""

group = records.by_group(NAME, LAPTOP)
"""Load the records of a laptop group, see `records.by_group`."""


PAPER = Spec()
"""The paper's own size and length: Figure 2, to epoch 140."""

SCALES = {
    "smoke": [Spec(width=64, rate=0.5, updates=4000)],
    "laptop": [spec for group in LAPTOP.values() for spec in group],
    "paper": [PAPER],
}


def initializers(spec: Spec) -> list[Callable[..., Tensor]]:
    """Return the initializer of each layer.

    Equation 16, applied to every layer, does not give the paper's figures 6 and 10, and neither
    equation gives the gradients of its figure 7.  What does is an output layer of variance
    3.2e-3 in both cases and, for "normalized" networks, a first layer left at the standard and
    hidden layers of n Var[W] = 1.3.  The paper says nothing of this; we call it the fitted
    reading.
    """
    hidden = spec.hidden_layers
    if spec.weights == "standard":
        return [standard_] * (hidden + 1)
    if spec.weights == "normalized":
        return [xavier_] * (hidden + 1)

    def output_(weight: Tensor, *, generator: torch.Generator) -> Tensor:
        return variance_scaling_(weight, 3.2e-3 * spec.width, "in", generator=generator)

    def hidden_(weight: Tensor, *, generator: torch.Generator) -> Tensor:
        scale = 1.3 if spec.weights == "normalized-fitted" else 1 / 3
        return variance_scaling_(weight, scale, "in", generator=generator)

    return [standard_, *[hidden_] * (hidden - 1), output_]


def activation(spec: Spec) -> Activation:
    """Return the activation of a spec's hidden layers."""
    plain = get(spec.activation)
    return plain.centred() if spec.centred else plain


def build(spec: Spec) -> MLP:
    """Build the untrained network of a spec."""
    widths = [PIXELS, *[spec.width] * spec.hidden_layers, len(CLASSES)]
    network = MLP(widths, activation(spec))
    initialize(network, initializers(spec), spec.seed)
    if spec.output_bias == "priors":
        bias = network.layers[-1].bias.requires_grad_(False)
        bias.copy_(torch.from_numpy(np.log(CLASS_PRIORS)))
    return network


@functools.cache
def untrained(spec: Spec) -> list[NDArray[np.float32]]:
    """Return the activations (images, width) of each layer before training, on the probe images."""
    images, _ = Shapeset(TEST_SEED).batch(PROBE_IMAGES, np.float32)
    with torch.no_grad():
        hidden = build(spec).hidden(torch.from_numpy(images).flatten(1))
    return [h.numpy() for h in hidden]


def probe_times(updates: int) -> list[int]:
    """Return when to look: often at first, then at least once an epoch."""
    interval = max(min(EPOCH, updates // 80), 1)
    early = [t for t in (0, 200, 500, 1000, 2000, 5000, 10_000) if t < interval]
    return [*early, *range(interval, updates, interval), updates]


def run(spec: Spec, watch: Watch) -> Result:
    """Train the network of a spec and watch its layers."""
    network = build(spec)
    inputs, targets = flat_batch(Shapeset(TEST_SEED), TEST_IMAGES)
    layers = LayerProbe(inputs[:PROBE_IMAGES], targets[:PROBE_IMAGES])

    def probe(network: MLP) -> Arrays:
        return layers(network) | {
            "test_error": error_rate(network, inputs, targets),
            "output_terms": output_terms(network, layers.inputs),
        }

    outcome = train(
        network,
        Shapeset(1 + spec.seed),
        probe,
        probe_times(spec.updates),
        in_place_step(network, spec.rate),
        BATCH,
        watch,
    )
    return Result(metrics(outcome), outcome.history, outcome.seconds)


@torch.no_grad()
def output_terms(network: MLP, inputs: Tensor) -> NDArray[np.float64]:
    """Return the sizes of the two terms of the logits W h + b, (2,).

    Each is a root mean square over images and classes, after removing the mean over classes,
    to which a softmax is blind.
    """
    features = network.hidden(inputs)[-1] @ network.layers[-1].weight.t()
    terms = features, network.layers[-1].bias[None]
    return np.array([float((t - t.mean(1, keepdim=True)).square().mean().sqrt()) for t in terms])


def metrics(outcome: Outcome) -> dict[str, Any]:
    """Summarize a run in single numbers."""
    history = outcome.history
    return {
        **outcome.ending,
        "escaped_at": escape(history),
        "test_error": float(history["test_error"][-1]),
        "best_test_error": float(history["test_error"].min()),
    }


ESCAPE_COST = 2.0
"""Training cost, in nats, below which a network has left the plateau.

The best constant guess costs 2.11 nats.
"""


def escape(history: Arrays) -> int | None:
    """Return the first probed update from which the training cost stayed below `ESCAPE_COST`."""
    return stays_below(history["updates"], history["training_cost"], ESCAPE_COST)


STUDY = Study(
    name=NAME,
    question="Where do the units of a deep network sit while it trains, and when do they die?",
    source="Glorot & Bengio (2010), sections 2 to 4",
    scales=SCALES,
    run=run,
    length=lambda spec: int(spec.updates),
)
