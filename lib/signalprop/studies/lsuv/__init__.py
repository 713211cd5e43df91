"""Mishkin & Matas (2016): unit variance in every layer, and the sigmoid that does not train.

FitNet-4, a convolutional network of 19 layers, learns CIFAR-10 from different starting weights.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ... import records
from ...datasets import Shuffled, load
from ...fitnet import fitnet4
from ...initializers import kaiming_, lsuv_, orthogonal_, xavier_
from ...lsuv import linear_layers
from ...probes import error_rate
from ...runner import Result, Study
from ...summaries import stays_below
from ...training import Arrays, Outcome, Watch, flat_batch, optimizer_step, train
from .layers import measure

NAME = "lsuv"

Init = Literal["lsuv", "lsuv-means", "xavier", "kaiming", "orthogonal"]

FILLS: dict[str, Callable[..., Tensor]] = {
    "xavier": xavier_,
    "kaiming": kaiming_,
    "orthogonal": orthogonal_,
}

MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
"""Of the three colours over the training images, which are standardized by them."""

TEST_IMAGES, PROBE_IMAGES = 1000, 32
MOMENTUM, WEIGHT_DECAY = 0.9, 5e-4


@dataclass(frozen=True)
class Spec:
    """One training run.

    Attributes
    ----------
    activation : of all hidden layers of FitNet-4
    init : "lsuv", on the first batch; "lsuv-means", with each unit's mean removed; or weights
        that do not look at data: "xavier" (uniform), "kaiming" (normal), "orthogonal"; biases
        start at 0 otherwise
    width : multiple of the paper's channels and units
    rate : learning rate of gradient descent with momentum 0.9, constant
    updates : how many
    batch : images in each
    seed : of the weights and of the order of the images
    """

    activation: str = "sigmoid"
    init: Init = "lsuv"
    width: float = 1.0
    rate: float = 0.01
    updates: int = 90_000
    batch: int = 128
    seed: int = 0


# --- the runs -----------------------------------------------------------------------------

SMALL = Spec(width=0.25, updates=300)

INITS: tuple[Init, ...] = ("lsuv", "xavier", "kaiming", "orthogonal")
"""Those of the paper's table."""

RATES = (0.0025, 0.01, 0.04, 0.16)
"""Learning rates of the sigmoid networks, around the paper's 0.01: every start is to have its
best chance."""

SEEDS_RATE = 0.01
"""Learning rate of the further seeds, and of the other activations: the paper's."""

LAPTOP: dict[str, list[Spec]] = {
    "sigmoid lsuv": [replace(SMALL, rate=rate) for rate in RATES],
    "sigmoid lsuv-means": [replace(SMALL, init="lsuv-means", rate=rate) for rate in RATES],
    "tanh lsuv": [replace(SMALL, activation="tanh")],
    "rescaled_sigmoid lsuv": [replace(SMALL, activation="rescaled_sigmoid")],
    "relu lsuv": [replace(SMALL, activation="relu")],
    **{
        f"sigmoid {init}": [replace(SMALL, init=init, rate=rate) for rate in RATES[1::2]]
        for init in INITS[1:]
    },
    **{
        f"sigmoid {init}, seeds": [
            replace(SMALL, init=init, rate=SEEDS_RATE, seed=seed) for seed in (1, 2)
        ]
        for init in ("lsuv-means", "lsuv")
    },
}
"""The laptop runs by group, the most telling first."""

SCALES = {
    "smoke": [Spec(width=0.05, updates=4, batch=8)],
    "laptop": [spec for group in LAPTOP.values() for spec in group],
    "paper": [
        *(Spec(init=init) for init in (*INITS, "lsuv-means")),
        *(Spec(activation) for activation in ("tanh", "relu", "rescaled_sigmoid")),
    ],
}

group = records.by_group(NAME, LAPTOP)
"""Load the records of a laptop group, see `records.by_group`."""


# --- one run ------------------------------------------------------------------------------


def build(spec: Spec, inputs: Tensor) -> nn.Sequential:
    """Build the untrained network of a spec; ``inputs`` (batch, 3072) are what LSUV looks at."""
    network = fitnet4(spec.activation, spec.width)
    # The order in memory in which convolutions this thin are fastest.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    generator = torch.Generator().manual_seed(spec.seed)
    if spec.init in ("lsuv", "lsuv-means"):
        return lsuv_(network, inputs, remove_means=spec.init != "lsuv", generator=generator)
    for layer in linear_layers(network).values():
        FILLS[spec.init](layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
    return network


def optimizer(network: nn.Module, rate: float) -> torch.optim.SGD:
    """Return the paper's: momentum, and weight decay of the weights only."""
    parameters = list(network.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in parameters if p.dim() <= 1]},
    ]
    return torch.optim.SGD(groups, lr=rate, momentum=MOMENTUM)


def probe_times(updates: int, probes: int = 10) -> list[int]:
    """Return when to look: at the start, then at equal intervals to the end."""
    return sorted({round(k * updates / probes) for k in range(probes + 1)})


def run(spec: Spec, watch: Watch) -> Result:
    """Train the network of a spec."""
    images = load("cifar10")
    scale = tuple(1 / s for s in DEVIATION)
    stream = Shuffled(images.train, spec.seed, MEAN, scale)
    network = build(spec, flat_batch(stream, spec.batch)[0])
    test = Shuffled(images.test, 0, MEAN, scale)
    inputs, labels = flat_batch(test, TEST_IMAGES)
    descent = optimizer(network, spec.rate)

    def probe(network: nn.Module) -> Arrays:
        return layer_arrays(network, inputs[:PROBE_IMAGES], labels[:PROBE_IMAGES]) | {
            "test_error": error_rate(network, inputs, labels)
        }

    outcome = train(
        network,
        stream,
        probe,
        probe_times(spec.updates),
        optimizer_step(network, descent),
        spec.batch,
        watch,
        keep=[descent],
    )
    return Result(metrics(outcome), outcome.history, outcome.seconds)


def layer_arrays(network: nn.Module, inputs: Tensor, labels: Tensor) -> Arrays:
    """Return the statistics of a network's layers, (19,) each; see `layers.Layers`.

    They are taken in double precision: what is left of the data after some sigmoid layers is
    below the rounding of single precision.
    """
    precise = copy.deepcopy(network).double()
    found = measure(precise, inputs.double(), lambda logits: F.cross_entropy(logits, labels))
    return {name: values.astype(np.float32) for name, values in vars(found).items()}


# --- what became of it --------------------------------------------------------------------

LEARNING_COST = 2.2
"""Training cost, in nats, below which a network has begun to learn.

Ten equally frequent classes cost a blind guess log 10 = 2.303 nats.
"""


def metrics(outcome: Outcome) -> dict[str, Any]:
    """Summarize a run in single numbers."""
    history = outcome.history
    costs = history["training_cost"][1:]
    learns_from = stays_below(history["updates"], history["training_cost"], LEARNING_COST)
    return {
        **outcome.ending,
        "learns_from": learns_from if outcome.diverged_at is None else None,
        "final_cost": float(costs[-1]) if len(costs) else None,
        "test_error": float(history["test_error"][-1]),
    }


STUDY = Study(
    name=NAME,
    question="Why does unit variance in every layer not make a sigmoid network train?",
    source="Mishkin & Matas (2016)",
    scales=SCALES,
    run=run,
    length=lambda spec: int(spec.updates),
)
