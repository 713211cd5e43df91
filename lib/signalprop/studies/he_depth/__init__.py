"""He et al. (2015), section 2.2 and Figs. 2 and 3: plain ReLU networks of 22 and 30 layers.

Convolutional networks of the papers' shapes, an eighth as wide, learn CIFAR-10 from Kaiming's or
Xavier's starting weights, or from Xavier's with the missing factor put back into one layer.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ... import datasets, records
from ...convnets import DENSE_LAYERS, Model, PlainConvNet, conv_stack
from ...initializers import kaiming_, lecun_, variance_scaling_
from ...networks import initialize
from ...probes import error_rate
from ...runner import Result, Study
from ...summaries import stays_below
from ...training import Arrays, Outcome, Watch, optimizer_step, train
from .homogeneity import Weights, missing_factor
from .sizes import Sizes

NAME = "he-depth"

PIXEL_MEAN, PIXEL_DEVIATION = 0.4734, 0.2516
"""Of all pixels of CIFAR-10's training images; inputs have mean 0 and second moment 1 with them."""

TEST_IMAGES, PROBE_IMAGES = 2000, 100

RATE = {"sgd": 0.01, "adam": 0.001}
"""Learning rates; that of gradient descent is the paper's first one."""


@dataclass(frozen=True)
class Spec:
    """One training run on CIFAR-10.

    Attributes
    ----------
    model, depth, width, dense : the network, see `conv_stack`
    weights : of the convolutions, in the paper's backward form: "kaiming", n Var[W] = 2;
        "xavier", n Var[W] = 1; or "xavier" with the factor that is then missing in the logits
        multiplied into the weights of the "first" layer or of the "last"
    biases : whether they are learned; else they stay 0
    optimizer : "sgd", with momentum, or "adam"
    rate, momentum, decay : of the optimizer; momentum for "sgd" only
    batch, updates : images an update, and how many updates
    seed : of the weights and of the order of the images
    """

    model: Model = "E"
    depth: int = 30
    width: int = 32
    dense: int = 128
    weights: Weights = "kaiming"
    biases: bool = True
    optimizer: Literal["sgd", "adam"] = "sgd"
    rate: float = RATE["sgd"]
    momentum: float = 0.9
    decay: float = 5e-4
    batch: int = 64
    updates: int = 2000
    seed: int = 0


DEPTHS = (10, 14, 18, 22, 26, 30)
"""Depths at which both rules are run."""

DEEP, SHALLOWER = 30, 22
"""The depths of the paper's Figures 3 and 2."""


def _seeds(number: int, **settings: Any) -> list[Spec]:
    return [Spec(seed=seed, **settings) for seed in range(number)]


LAPTOP = {
    **{f"{w} {d}": _seeds(2, weights=w, depth=d) for d in (30, 22) for w in ("kaiming", "xavier")},
    **{f"{w} 30": _seeds(2, weights=w) for w in ("xavier-first", "xavier-last")},
    **{
        f"{w} 30, no biases": _seeds(1, weights=w, biases=False)
        for w in ("kaiming", "xavier", "xavier-first", "xavier-last")
    },
    **{f"xavier {d}": _seeds(2, weights="xavier", depth=d) for d in (10, 14, 18, 26)},
    "adam 30": _seeds(1, weights="xavier", optimizer="adam", rate=RATE["adam"], decay=0.0),
    **{f"kaiming {d}": _seeds(1, depth=d) for d in (14, 10, 18, 26)},
}
"""The laptop runs by group, the most important first."""

_PAPER_SHAPES: list[tuple[Model, int, int, int]] = [("B", 22, 512, 30_000), ("E", 30, 256, 90_000)]
_RULES: list[Weights] = ["kaiming", "xavier"]

PAPER = [
    Spec(model=model, depth=depth, width=width, dense=4096, weights=weights, batch=128, updates=n)
    for model, depth, width, n in _PAPER_SHAPES
    for weights in _RULES
]
"""The paper's widths, batches and numbers of updates (3 and 9 of its epochs), on CIFAR-10."""

SCALES = {
    "smoke": [
        Spec(depth=9, width=4, dense=8, weights=w, updates=40) for w in ("kaiming", "xavier")
    ],
    "laptop": [spec for group in LAPTOP.values() for spec in group],
    "paper": PAPER,
}

group = records.by_group(NAME, LAPTOP)
"""Load the records of a laptop group, see `records.by_group`."""


def _xavier_(weight: Tensor, *, generator: torch.Generator) -> Tensor:
    """Draw as the paper does under this name: normal, with the number of outputs as fan."""
    return variance_scaling_(weight, 1, "out", "normal", generator=generator)


def _kaiming_(weight: Tensor, *, generator: torch.Generator) -> Tensor:
    return kaiming_(weight, fan="out", generator=generator)


def initializers(spec: Spec) -> list[Callable[..., Tensor]]:
    """Return the initializer of each layer.

    The rules are those of the convolutions.  In the paper the dense layers have deviations of
    their own, made for its inputs of up to 128; ours keep the signal: 2/n in the hidden ones, and
    1/n in the last.
    """
    rule = _kaiming_ if spec.weights == "kaiming" else _xavier_
    return [rule] * (spec.depth - DENSE_LAYERS) + [kaiming_] * (DENSE_LAYERS - 1) + [lecun_]


def build(spec: Spec) -> PlainConvNet:
    """Build the untrained network of a spec."""
    network = conv_stack(spec.model, spec.depth, spec.width, spec.dense)
    initialize(network, initializers(spec), spec.seed)
    if spec.weights.startswith("xavier-"):
        layer = network.layers[0 if spec.weights == "xavier-first" else -1]
        with torch.no_grad():
            layer.weight.mul_(missing_factor(spec.depth - DENSE_LAYERS))
    for layer in network.layers:
        layer.bias.requires_grad_(spec.biases)  # type: ignore[union-attr]
    return network


def make_optimizer(spec: Spec, network: PlainConvNet) -> torch.optim.Optimizer:
    """Return the optimizer of a spec."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    if spec.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=spec.rate, weight_decay=spec.decay)
    return torch.optim.SGD(
        parameters, lr=spec.rate, momentum=spec.momentum, weight_decay=spec.decay
    )


def probe_times(updates: int) -> list[int]:
    """Return when to look: before training, and then three times in every doubling."""
    times = {round(2 ** (k / 3)) for k in range(9, int(3 * np.log2(max(updates, 8))) + 1)}
    return [0, *sorted(t for t in times if t < updates), updates]


@functools.cache
def data() -> datasets.ImageSet:
    """Return CIFAR-10; it is read once."""
    return datasets.load("cifar10")


def tensors(examples: datasets.Examples) -> tuple[Tensor, Tensor]:
    """Return images (n, features) as the networks see them, and labels (n,)."""
    images = (examples.pixels() - PIXEL_MEAN) / PIXEL_DEVIATION
    return torch.from_numpy(images.astype(np.float32)).flatten(1), torch.from_numpy(examples.labels)


def run(spec: Spec, watch: Watch) -> Result:
    """Train the network of a spec and watch its layers.

    In float32: the rounding of bfloat16, 2**-9, beside a bias would swallow the signals of 2**-13
    that this is about.
    """
    network = build(spec)
    inputs, labels = tensors(data().test.part(slice(TEST_IMAGES)))
    sizes = Sizes(inputs[:PROBE_IMAGES], labels[:PROBE_IMAGES])

    def probe(network: PlainConvNet) -> Arrays:
        return sizes(network) | {"test_error": error_rate(network, inputs, labels)}

    optimizer = make_optimizer(spec, network)
    outcome = train(
        network,
        datasets.Shuffled(data().train, spec.seed, PIXEL_MEAN, 1 / PIXEL_DEVIATION),
        probe,
        probe_times(spec.updates),
        optimizer_step(network, optimizer),
        spec.batch,
        watch,
        keep=[optimizer],
    )
    return Result(metrics(outcome), outcome.history, outcome.seconds)


def metrics(outcome: Outcome) -> dict[str, Any]:
    """Summarize a run in single numbers."""
    history = outcome.history
    return {
        **outcome.ending,
        "escaped_at": stays_below(history["updates"], history["training_cost"], ESCAPE_COST),
        "final_cost": float(history["training_cost"][-1]),
        "test_error": float(history["test_error"][-1]),
    }


CHANCE_COST = float(np.log(10))
"""Cost of giving each class the same probability, in nats."""

ESCAPE_COST = 2.2
"""Training cost below which a network has begun to learn: a tenth of a nat below chance."""


STUDY = Study(
    name=NAME,
    question="At which depth does a plain ReLU network stop learning, and is it the depth?",
    source="He et al. (2015), section 2.2",
    scales=SCALES,
    run=run,
    length=lambda spec: int(spec.updates),
)
