"""Xu, Huang & Li (2016), sections 1 and 2: what four times the sigmoid minus two does, and is.

Its equations and identities are checked live (`series`, `moments`, `pairs`).  The runs are those
that the paper proposes and does not make: a learning rate of its own for each layer of a deep
sigmoid network, and starting weights that make up for the slopes, on scikit-learn's digits.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from ... import records
from ...datasets import ImageSet, Shuffled, load
from ...runner import Result, Study
from ...training import Arrays, Watch
from .rates import Rates, Stack, Start, start

NAME = "rescaled-sigmoid"

BASE_RATES = tuple(4.0**k for k in range(-4, 5))
"""Learning rates that every run tries, each on a copy of the same network."""

EVERY = 50
"""Updates over which a record averages the cost."""

Name = Literal["sigmoid", "centred sigmoid", "rescaled_sigmoid"]


@dataclass(frozen=True)
class Spec:
    """Copies of one network learn digits at all `BASE_RATES`, by plain gradient descent.

    Attributes
    ----------
    activation : of all hidden layers
    weights : what Xavier's starting weights are multiplied by, see `rates.start`
    rates : how the layers' learning rates follow from the base rate, see `rates.rate_factors`
    depth, width : hidden layers, and units of each
    batch, updates : images in an update, and how many updates
    seed : of the weights and of the order of the images
    """

    activation: Name = "sigmoid"
    weights: Start = "xavier"
    rates: Rates = "uniform"
    depth: int = 6
    width: int = 32
    batch: int = 32
    updates: int = 2000
    seed: int = 0


SEEDS = range(3)

SCHEMES: dict[str, dict[str, Any]] = {
    "sigmoid": {},
    "sigmoid, rates 2": {"rates": "lower 2"},
    "sigmoid, rates 4": {"rates": "lower 4"},
    "sigmoid, rates 16": {"rates": "lower 16"},
    "sigmoid, weights": {"weights": "slopes"},
    "sigmoid, weights and rates 2": {"weights": "slopes", "rates": "lower 2"},
    "sigmoid, weights and rates 4": {"weights": "slopes", "rates": "lower 4"},
    "sigmoid, four": {"weights": "four"},
    "sigmoid, four, rates 16": {"weights": "four", "rates": "exact"},
    "sigmoid, shifted": {"weights": "exact"},
    "sigmoid, shifted, rates 16": {"weights": "exact", "rates": "exact"},
    "centred": {"activation": "centred sigmoid"},
    "centred, rates 4": {"activation": "centred sigmoid", "rates": "lower 4"},
    "centred, four": {"activation": "centred sigmoid", "weights": "four"},
    "centred, four, rates 16": {
        "activation": "centred sigmoid",
        "weights": "exact",
        "rates": "exact",
    },
    "rescaled": {"activation": "rescaled_sigmoid"},
}
"""The schemes that are compared, each at six hidden layers."""

DEEP, DEEP_SCHEMES = (
    20,
    (
        "sigmoid",
        "sigmoid, rates 4",
        "sigmoid, weights",
        "sigmoid, four",
        "rescaled",
    ),
)
"""A larger depth, and the schemes that are run there too."""

LAPTOP = {
    **{name: [Spec(**scheme, seed=s) for s in SEEDS] for name, scheme in SCHEMES.items()},
    **{
        f"{name}, deep": [Spec(**SCHEMES[name], depth=DEEP, seed=s) for s in SEEDS]
        for name in DEEP_SCHEMES
    },
}
"""The laptop runs by group."""

SCALES = {
    "smoke": [Spec(depth=2, width=12, updates=100, activation="rescaled_sigmoid")],
    "laptop": [group[k] for k in range(len(SEEDS)) for group in LAPTOP.values()],
}

group = records.by_group(NAME, LAPTOP)
"""Load the records of a laptop group, see `records.by_group`."""


@functools.cache
def digits() -> ImageSet:
    """Return scikit-learn's digits; they are read once."""
    return load("digits")


def run(spec: Spec, watch: Watch) -> Result:
    """Train the copies of a spec; it takes seconds, and so there are no checkpoints."""
    started = time.monotonic()
    images = digits()
    pixels = images.train.pixels(dtype=np.float64)
    widths = [pixels[0].size, *[spec.width] * spec.depth, len(images.classes)]
    signal = float((pixels**2).mean())
    network = start(spec.activation, spec.weights, widths, spec.seed, signal)
    stack = Stack.of(network, BASE_RATES, spec.rates)
    stream = Shuffled(images.train, spec.seed)
    costs = []
    for update in range(spec.updates):
        batch, labels = stream.batch(spec.batch)
        costs.append(stack.step(torch.from_numpy(batch).flatten(1), torch.from_numpy(labels)))
        if (update + 1) % EVERY == 0:
            watch.report(update + 1)
    blocks = torch.stack(costs).view(-1, EVERY, len(BASE_RATES)).mean(1)
    x = torch.from_numpy(images.test.pixels(dtype=np.float64)).flatten(1)
    with torch.no_grad():
        wrong = stack.logits(x).argmax(-1) != torch.from_numpy(images.test.labels)
    arrays: Arrays = {
        "rates": np.array(BASE_RATES),
        "updates": EVERY * np.arange(1, len(blocks) + 1),
        "cost": blocks.numpy().astype(np.float32),
        "test_error": wrong.double().mean(1).numpy().astype(np.float32),
    }
    return Result(metrics(arrays), arrays, time.monotonic() - started)


# --- what became of it --------------------------------------------------------------------

BLIND = math.log(10)
"""Cost of a blind guess among ten equally frequent classes, in nats."""

LEARNED = BLIND / 2
"""Training cost below which a network has learned; fixed before the runs."""

BEGUN = 2.2
"""Training cost below which a network has begun to learn: a tenth of a nat below a blind guess."""


def final_costs(arrays: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the training cost at the end at each base rate; infinite where it diverged."""
    last = np.asarray(arrays["cost"][-2:], dtype=np.float64).mean(0)
    return np.where(np.isfinite(last), last, np.inf)


def metrics(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Summarize a run by its best base rate."""
    final = final_costs(arrays)
    best = int(np.argmin(final))
    below = np.flatnonzero(arrays["cost"][:, best] < LEARNED)
    return {
        "best_rate": float(arrays["rates"][best]),
        "best_cost": float(final[best]),
        "test_error": float(arrays["test_error"][best]),
        "learned_at": int(arrays["updates"][below[0]]) if below.size else None,
    }


STUDY = Study(
    name=NAME,
    question="Do learning rates of their own for each layer make a deep sigmoid network learn?",
    source="Xu, Huang & Li (2016), section 2",
    scales=SCALES,
    run=run,
    length=lambda spec: int(spec.updates),
)
