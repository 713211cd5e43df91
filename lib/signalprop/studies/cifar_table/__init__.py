"""Xu, Huang & Li (2016), Table 1: six activations in a deep network without normalization.

An Inception network of 31 layers learns CIFAR-100 by gradient descent with momentum, from random
crops and mirror images.  The paper gives neither network nor recipe; both are those that its first
author had published for the same data, less the normalization.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ... import records
from ...activations import Activation, get
from ...datasets import Augmented, ImageSet, load
from ...equivalence import Change, Roles, change, change_, parameter_groups
from ...inception import Inception
from ...initializers import variance_scaling_
from ...memory import keep_freed
from ...probes import error_rate
from ...runner import Result, Study
from ...training import Arrays, Outcome, Watch, optimizer_step, train
from .layers import measure

NAME = "cifar-table"

SIZES = {"cifar100": 28, "digits": 8}
"""Pixels on a side of what the networks see of a data set."""

IMAGES = {"cifar100": 50_000, "digits": 1287}
"""Training images: what an epoch is."""

TRAIN_IMAGES = 5000
"""The first training images, on which a trained network is tested too."""

PROBE_IMAGES = 50
"""Test images with which the layers are measured."""


@dataclass(frozen=True)
class Spec:
    """One training run.

    Attributes
    ----------
    dataset : "cifar100", or "digits" for a trial
    activation : see `activation_of`
    stands_for : another activation, of a network that this one is to be equal to, by its weights
        and its learning rates (see `signalprop.equivalence`); none if empty
    width, stem : the network, see `signalprop.inception.Inception`
    variance : n Var[W] of the uniform weights, n the mean of inputs and outputs; 1 is Xavier's
    rate, late_rate : learning rates of the first epochs and of the last ones
    epochs, late_epochs : how many of each
    momentum, decay : of the descent; the decay is of weights only
    batch : images an update
    half : whether convolutions run in bfloat16
    seed : of the weights and of the order and the crops of the images
    """

    dataset: str = "cifar100"
    activation: str = "relu"
    stands_for: str = ""
    width: float = 1.0
    stem: bool = False
    variance: float = 1.0
    rate: float = 0.05
    late_rate: float = 0.01
    epochs: float = 38
    late_epochs: float = 7
    momentum: float = 0.9
    decay: float = 1e-4
    batch: int = 64
    half: bool = True
    seed: int = 0


TABLE = ("sigmoid", "rescaled_sigmoid", "tanh", "relu", "leaky_tanh", "leaky_relu")
"""The rows of Table 1, in its order."""


def leaky_tanh_without_mean(q: float = 0.5) -> Activation:
    """Return leaky tanh less its mean for Gaussian inputs of variance ``q``."""
    leaky = get("leaky_tanh")
    mean = float(leaky.mean(q))
    low, high = leaky.limits
    return replace(
        leaky,
        name="leaky_tanh_without_mean",
        function=lambda x: leaky(x) - mean,
        limits=(low - mean, high - mean),
    )


def activation_of(name: str) -> Activation:
    """Return an activation of the study by its name.

    Raises
    ------
    ValueError
        If there is none of this name.
    """
    return leaky_tanh_without_mean() if name == "leaky_tanh_without_mean" else get(name)


# --- which runs ---------------------------------------------------------------------------

_LAPTOP = Spec(width=0.125, epochs=4, late_epochs=1)
_FAILS = replace(_LAPTOP, activation="sigmoid", epochs=1, late_epochs=0)

CONTROLS = {
    "tanh, disguised": replace(_LAPTOP, activation="tanh", stands_for="rescaled_sigmoid"),
    "leaky tanh, gain": replace(_LAPTOP, activation="leaky_tanh", variance=2 / (1 + 0.25**2)),
    "leaky tanh, no mean": replace(_LAPTOP, activation="leaky_tanh_without_mean"),
    "ReLU, He's start": replace(_LAPTOP, activation="relu", variance=2.0),
    "leaky ReLU, He's start": replace(_LAPTOP, activation="leaky_relu", variance=2 / (1 + 0.25**2)),
}
"""Runs that the paper does not have, by what they are."""

LAPTOP = {
    **{name: [replace(_LAPTOP, activation=name)] for name in TABLE if name != "sigmoid"},
    "sigmoid": [_FAILS],
    **{name: [spec] for name, spec in CONTROLS.items()},
}
"""The laptop runs by group: rows and controls."""

LONGER = {
    f"{name}, longer": [replace(_LAPTOP, activation=name, epochs=10, late_epochs=2)]
    for name in ("relu", "leaky_relu", "tanh", "leaky_tanh", "rescaled_sigmoid")
}
"""The rows again, for more epochs."""

PAPER_SEEDS = 2

SCALES = {
    "smoke": [
        Spec("digits", name, width=0.05, epochs=0.2, late_epochs=0.1, batch=32) for name in TABLE
    ],
    "laptop": [spec for group in LAPTOP.values() for spec in group],
    "longer": [spec for group in LONGER.values() for spec in group],
    "paper": [Spec(activation=name, seed=seed) for seed in range(PAPER_SEEDS) for name in TABLE],
}


group = records.by_group(NAME, LAPTOP | LONGER)
"""Load the records of a group, see `records.by_group`."""


# --- one run ------------------------------------------------------------------------------


def build(spec: Spec) -> Inception:
    """Build the untrained network of a spec."""
    of, size = data(spec.dataset), SIZES[spec.dataset]
    image = (of.train.images.shape[1], size, size)
    activation = activation_of(spec.activation)
    network = Inception(activation, spec.width, spec.stem, len(of.classes), image)
    generator = torch.Generator().manual_seed(spec.seed)
    for layer in network.layers.values():
        variance_scaling_(layer.weight, spec.variance, "average", "uniform", generator=generator)
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    if spec.stands_for:
        change_(roles(network), change(spec.stands_for, spec.activation))
    return network


def roles(network: Inception) -> Roles:
    """Name the layers that read the image, those in between, and the classifier."""
    first = tuple(network.first.values())
    last = (network.classifier,)
    return Roles(first, tuple(m for m in network.layers.values() if m not in first + last), last)


def make_optimizer(spec: Spec, network: Inception) -> torch.optim.SGD:
    """Return the optimizer of a spec: momentum, and weight decay of the weights only."""
    of = spec.stands_for or spec.activation
    how = change(of, spec.activation) if spec.stands_for else Change(1.0, 1.0)
    groups = parameter_groups(roles(network), how, spec.rate, spec.decay, bias_decay=0.0)
    return torch.optim.SGD(groups, lr=spec.rate, momentum=spec.momentum, fused=True)


@dataclass(frozen=True)
class Schedule:
    """When a run does what, in updates.

    Attributes
    ----------
    drop : when the learning rate becomes the late one
    end : when it ends
    probes : when the network is tested: at the start and after every epoch, and at the end
    """

    drop: int
    end: int
    probes: list[int]

    @classmethod
    def of(cls, spec: Spec) -> Schedule:
        """Return the schedule of a spec."""
        images = IMAGES[spec.dataset]
        epoch = images / spec.batch
        drop, end = (round(n * epoch) for n in (spec.epochs, spec.epochs + spec.late_epochs))
        between = (round(k * epoch) for k in range(1, int(end / epoch) + 1))
        return cls(drop, end, [0, *(n for n in between if n < end), end])


@functools.cache
def data(dataset: str) -> ImageSet:
    """Return a data set; it is read once.

    Raises
    ------
    ValueError
        If the study does not know it, or it is absent or damaged.
    """
    if dataset not in SIZES:
        raise ValueError(f"dataset must be one of {', '.join(SIZES)}, got {dataset!r}")
    return load(dataset)


def run(spec: Spec, watch: Watch) -> Result:
    """Train the network of a spec and test it after every epoch."""
    keep_freed()
    images = data(spec.dataset)
    stream = Augmented(images.train, spec.seed, SIZES[spec.dataset])
    test, train_ = (
        (torch.from_numpy(stream.centre(e)).flatten(1), torch.from_numpy(e.labels))
        for e in (images.test, images.train.part(slice(TRAIN_IMAGES)))
    )
    network = build(spec).fuse()
    optimizer = make_optimizer(spec, network)
    schedule = Schedule.of(spec)
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda n: 1.0 if n < schedule.drop else spec.late_rate / spec.rate
    )
    update = optimizer_step(network, optimizer, spec.half)

    def step(inputs: Tensor, labels: Tensor) -> Tensor:
        cost = update(inputs, labels)
        rates.step()
        return cost

    def probe(network: Inception) -> Arrays:
        with torch.autocast("cpu", torch.bfloat16, enabled=spec.half):
            errors = {
                name: error_rate(network, *of, at_once=500)
                for name, of in (("test_error", test), ("train_error", train_))
            }
        return errors | measure(network, test[0][:PROBE_IMAGES], test[1][:PROBE_IMAGES])

    outcome = train(
        network, stream, probe, schedule.probes, step, spec.batch, watch, [optimizer, rates]
    )
    return Result(metrics(outcome), outcome.history, outcome.seconds)


def metrics(outcome: Outcome) -> dict[str, Any]:
    """Summarize a run in single numbers: accuracies in per cent at its end."""
    history, diverged = outcome.history, outcome.diverged_at is not None
    end = {name: 100 * (1 - float(history[f"{name}_error"][-1])) for name in ("train", "test")}
    return {
        "outcome": "diverged" if diverged else "finished",
        "diverged_at": outcome.diverged_at,
        "train_accuracy": None if diverged else end["train"],
        "test_accuracy": None if diverged else end["test"],
    }


STUDY = Study(
    name=NAME,
    question="Which activation trains a deep network without normalization, and which best?",
    source="Xu, Huang & Li (2016), Table 1",
    scales=SCALES,
    run=run,
    length=lambda spec: Schedule.of(spec).end,
)
