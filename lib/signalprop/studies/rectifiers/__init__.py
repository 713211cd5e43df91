"""Glorot, Bordes & Bengio (2011): units that are exactly zero, and what they do to the error.

Networks of three hidden layers of rectifiers, softplus or tanh units learn MNIST by plain SGD,
with or without an L1 penalty on the activations.  Now and then every test image goes through the
network, and exact zeros are counted.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ... import records
from ...datasets import Examples, Shuffled, load
from ...initializers import xavier_
from ...networks import MLP, initialize
from ...probes import EVALUATED, error_rate
from ...runner import Result, Study
from ...training import Arrays, Outcome, Watch, in_place_step, train

NAME = "rectifiers"

PROBES = 7
"""Looks at the network during training, at least; one before it besides."""

UNIT_BINS = 20
"""Histogram bins of the fraction of images for which a unit is zero."""


@dataclass(frozen=True)
class Spec:
    """One training run.

    Attributes
    ----------
    dataset : of whose training images the first 5/6 are learned, and the others validate
    activation, hidden_layers, width : the network
    l1 : coefficient of the L1 penalty on the activations, see `~signalprop.training.in_place_step`
    rate : learning rate of plain SGD
    batch, updates : images an update, and how many updates
    seed : of the weights (eq. 16 of Glorot & Bengio 2010) and of the order of the images
    """

    dataset: Literal["mnist", "digits"] = "mnist"
    activation: str = "relu"
    hidden_layers: int = 3
    width: int = 1000
    l1: float = 0.0
    rate: float = 0.1
    batch: int = 10
    updates: int = 250_000
    seed: int = 0


ACTIVATIONS = ("relu", "softplus", "tanh")

RATE = {"relu": 0.1, "softplus": 0.3, "tanh": 0.1}
"""The learning rate of each activation's runs.

Chosen by validation error in pilot runs of four epochs, at .1 and .3.
"""

RATES = (0.1, 0.3, 0.6)
"""Learning rates tried on record."""

PENALTIES = {3e-4: 2, 1e-3: 16, 3e-3: 2, 1e-2: 2}
"""Coefficients of the L1 penalty, and how many runs have them; most have the paper's."""

SEEDS = {"relu": 31, "softplus": 8, "tanh": 31}
"""Runs of each activation.

The first 8 of each, and the first 6 with the paper's penalty, said how many it takes to see the
printed gap and the margin of the penalty's claim (see `power`); the others were added for that.
"""


def _laptop(activation: str, seeds: int, **settings: Any) -> list[Spec]:
    settings = {"rate": RATE[activation]} | settings
    return [
        Spec(activation=activation, width=256, batch=25, updates=14_000, seed=seed, **settings)
        for seed in range(seeds)
    ]


LAPTOP = {
    **{activation: _laptop(activation, SEEDS[activation]) for activation in ACTIVATIONS},
    **{f"l1 {l1:g}": _laptop("relu", seeds, l1=l1) for l1, seeds in PENALTIES.items()},
    **{
        f"{activation} rate {rate:g}": _laptop(activation, 1, rate=rate)
        for activation in ACTIVATIONS
        for rate in RATES
    },
}
"""The laptop runs by group."""


def _in_turn(groups: Sequence[Sequence[Spec]]) -> list[Spec]:
    """Return each spec once: first the first of each group, then the second ones, and so on."""
    longest = max(map(len, groups))
    return list(dict.fromkeys(g[k] for k in range(longest) for g in groups if k < len(g)))


PAPER = {
    **{activation: [Spec(activation=activation, seed=s) for s in range(5)] for activation in RATE},
    "l1 0.001": [Spec(l1=1e-3, seed=s) for s in range(5)],
}
"""The paper's own size; its learning rates and lengths are not known to us."""

SCALES = {
    "smoke": [Spec("digits", width=64, l1=l1, rate=0.05, updates=4000) for l1 in (0.0, 3e-3)],
    "laptop": _in_turn(list(LAPTOP.values())),
    "paper": _in_turn(list(PAPER.values())),
}

group = records.by_group(NAME, LAPTOP)
"""Load the records of a laptop group, see `records.by_group`."""


@functools.cache
def divided(dataset: str) -> tuple[Examples, Examples, Examples]:
    """Return the examples for training, for validation and for the test.

    MNIST's are 50,000, 10,000 and 10,000 images.
    """
    images = load(dataset)
    learned = len(images.train) * 5 // 6
    parts = slice(learned), slice(learned, None)
    return images.train.part(parts[0]), images.train.part(parts[1]), images.test


def build(spec: Spec) -> MLP:
    """Build the untrained network of a spec."""
    learned, _, _ = divided(spec.dataset)
    pixels = learned.images[0].size
    network = MLP([pixels, *[spec.width] * spec.hidden_layers, 10], spec.activation)
    initialize(network, xavier_, spec.seed)
    return network


def tensors(examples: Examples) -> tuple[Tensor, Tensor]:
    """Return images (n, pixels), values in [0, 1], and labels (n,)."""
    inputs = examples.pixels().reshape(len(examples), -1)
    return torch.from_numpy(inputs), torch.from_numpy(examples.labels)


def probe_times(updates: int) -> list[int]:
    """Return when to look: before training, then at least `PROBES` times."""
    interval = max(min(5000, updates // PROBES), 1)
    return [*range(0, updates, interval), updates]


@dataclass(frozen=True)
class ZeroProbe:
    """Exact zeros of every hidden layer on a fixed set of examples.

    Parameters
    ----------
    inputs : (examples, inputs)
    labels : (examples,), classes

    Notes
    -----
    Calling the probe with an `MLP` of ``L`` hidden layers returns arrays, the first hidden layer
    first.

    ``zeros`` : (L,), fraction of activations that are exactly 0, of all units and examples
    ``unit_deviation`` : (L,), standard deviation over units of a unit's own fraction
    ``silent``, ``always`` : (L,), fraction of units that are 0 for all examples, for none
    ``unit_histogram`` : (L, UNIT_BINS), units by their own fraction, over [0, 1]
    ``kinks`` : (L,), number of pre-activations that are exactly 0
    ``mean`` : (L,), of all activations
    ``variation`` : (L,), standard deviation over mean of the activations that are not 0
    ``wrong`` : (examples / 8,), a bit for each example, set where the network errs
    ``test_error`` : (), fraction misclassified
    """

    inputs: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)

    @torch.no_grad()
    def __call__(self, network: MLP) -> Arrays:
        """Measure; the network is left as it was."""
        hidden = network.layers[:-1]
        zeros = torch.zeros(len(hidden), hidden[0].out_features, dtype=torch.int64)
        kinks = torch.zeros(len(hidden), dtype=torch.int64)
        sums = torch.zeros(2, len(hidden), dtype=torch.float64)
        wrong = []
        parts = (torch.split(t, EVALUATED) for t in (self.inputs, self.labels))
        for x, y in zip(*parts, strict=True):
            h = x
            for i, layer in enumerate(hidden):
                s = layer(h)
                h = network.activation(s)
                zeros[i] += (h == 0).sum(0)
                kinks[i] += (s == 0).sum()
                sums[0, i] += h.sum(dtype=torch.float64)
                sums[1, i] += h.square().sum(dtype=torch.float64)
            wrong.append(network.layers[-1](h).argmax(1) != y)
        errs = torch.cat(wrong).numpy()
        return {
            **_zero_statistics(zeros.numpy() / len(errs)),
            **_value_statistics(sums.numpy(), zeros.numpy(), len(errs)),
            "kinks": kinks.numpy(),
            "wrong": np.packbits(errs),
            "test_error": np.asarray(errs.mean()),
        }


def _zero_statistics(own: Any) -> Arrays:
    """Sum up the units' own fractions of zeros, (L, width)."""
    return {
        "zeros": own.mean(1),
        "unit_deviation": own.std(1),
        "silent": (own == 1).mean(1),
        "always": (own == 0).mean(1),
        "unit_histogram": np.stack(
            [np.histogram(of, UNIT_BINS, (0, 1))[0].astype(np.int32) for of in own]
        ),
    }


def _value_statistics(sums: Any, zeros: Any, count: int) -> Arrays:
    """Sum up the activations, from the sums of their first two powers, (2, L)."""
    total = count * zeros.shape[1]
    others = np.maximum(total - zeros.sum(1), 1)
    mean, square = sums / others
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    variation = np.divide(deviation, np.abs(mean), out=np.zeros_like(mean), where=mean != 0)
    return {"mean": sums[0] / total, "variation": variation}


def run(spec: Spec, watch: Watch) -> Result:
    """Train the network of a spec, and count its zeros."""
    learned, held_out, test = divided(spec.dataset)
    network = build(spec)
    zeros = ZeroProbe(*tensors(test))
    validation = tensors(held_out)

    def probe(network: MLP) -> Arrays:
        return zeros(network) | {"validation_error": error_rate(network, *validation)}

    outcome = train(
        network,
        Shuffled(learned, spec.seed),
        probe,
        probe_times(spec.updates),
        in_place_step(network, spec.rate, spec.l1),
        spec.batch,
        watch,
    )
    return Result(metrics(outcome), outcome.history, outcome.seconds)


def metrics(outcome: Outcome) -> dict[str, Any]:
    """Summarize a run at the look with the lowest validation error: early stopping."""
    history = outcome.history
    best = int(np.argmin(history["validation_error"]))
    return {
        **outcome.ending,
        "best_at": int(history["updates"][best]),
        "validation_error": float(history["validation_error"][best]),
        "test_error": float(history["test_error"][best]),
        "zeros": float(history["zeros"][best].mean()),
        "last_test_error": float(history["test_error"][-1]),
    }


STUDY = Study(
    name=NAME,
    question="How many units of a rectifier network are exactly zero, and does it matter?",
    source="Glorot, Bordes & Bengio (2011), sections 3 and 4",
    scales=SCALES,
    run=run,
    length=lambda spec: int(spec.updates),
)
