"""What starting weights do to a deep network: to its Jacobian, and to its training.

Starts that packages offer beside critical ones, on plain networks a hundred layers deep.
"""

from __future__ import annotations

import functools
import json
import math
import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ... import records
from ...datasets import Examples, ImageSet, Shuffled, load
from ...jacobians import resolution, singular_values
from ...networks import MLP
from ...probes import error_rate
from ...runner import Result, Study
from ...storage import read_sealed, write_sealed
from ...training import Watch, flat_batch, in_place_step, train
from .make import Q_STAR, STARTS

NAME = "starts"

RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
"""Learning rates, of which each start gets its best."""

SHIFT, SCALE = 0.3, 2.7
"""Digits are given as (pixel - 0.3) * 2.7: about mean 0 and variance 1."""


@dataclass(frozen=True)
class Spec:
    """One start of one network, and what is measured.

    Attributes
    ----------
    measure : "training" on digits, at each of `RATES`; or "jacobian", at one normal input
    start : one of `make.STARTS`
    activation : of all hidden layers
    depth : layers of weights
    width : units of each; all layers are square in a network whose Jacobian is taken
    steps, batch : of plain gradient descent
    input_variance : of the normal inputs at which Jacobians are taken
    seed : of weights, input, and the order of the digits
    """

    measure: Literal["training", "jacobian"] = "training"
    start: str = "critical orthogonal"
    activation: str = "tanh"
    depth: int = 100
    width: int = 100
    steps: int = 250
    batch: int = 128
    input_variance: float = 1.0
    seed: int = 0


SEEDS = range(3)
ACTIVATIONS = ("tanh", "hard_tanh", "relu")

TRAINED = (
    *("torch", "xavier", "xavier, gain 5/3", "lsuv 0.3.0", "lsuv, one pass"),
    *("anyinit 0.4.0, analytic", "anyinit 0.4.0, empirical"),
    *("critical gaussian", "critical orthogonal", "orthogonal"),
)
"""Starts that are trained; the last was added when the others had been seen."""

MEASURED = (
    *("torch", "xavier", "kaiming", "orthogonal", "lsuv 0.3.0", "lsuv, one pass"),
    *("anyinit 0.4.0, analytic", "anyinit 0.4.0, empirical"),
    *("critical gaussian", "critical orthogonal"),
)
"""Starts whose Jacobians are taken."""

LAPTOP: dict[str, list[Spec]] = {
    **{
        f"jacobian {activation}, {start}": [
            Spec("jacobian", start, activation, 200, 200, seed=seed) for seed in SEEDS
        ]
        for activation in ACTIVATIONS
        for start in MEASURED
    },
    "jacobian tanh, critical orthogonal, small inputs": [
        Spec("jacobian", "critical orthogonal", "tanh", 200, 200, input_variance=Q_STAR, seed=seed)
        for seed in SEEDS
    ],
    **{f"training {start}": [Spec(start=start, seed=seed) for seed in SEEDS] for start in TRAINED},
}
"""The laptop runs by group."""

SCALES = {
    "smoke": [
        Spec("jacobian", "xavier", depth=5, width=8),
        Spec(start="critical orthogonal", depth=5, width=8, steps=2, batch=8),
    ],
    "laptop": [spec for group in LAPTOP.values() for spec in group],
}

group = records.by_group(NAME, LAPTOP)
"""Load the records of a laptop group, see `records.by_group`."""


# --- one run ------------------------------------------------------------------------------


def run(spec: Spec, watch: Watch) -> Result:
    """Make a start and measure what it does."""
    measure = _jacobian if spec.measure == "jacobian" else _training
    return measure(spec, watch)


def _jacobian(spec: Spec, watch: Watch) -> Result:
    began = time.monotonic()
    network = MLP([spec.width] * (spec.depth + 1), spec.activation)
    x = torch.randn(512, spec.width, generator=torch.Generator().manual_seed(spec.seed))
    x *= math.sqrt(spec.input_variance)
    made = time.monotonic()
    STARTS[spec.start](network, x, spec.seed)
    made = time.monotonic() - made
    watch.report(1)
    values = singular_values(network, x[:1])[0]
    metrics = {
        "s_max": float(values[0]),
        "median": float(np.median(values)),
        "s_min": float(values[-1]),
        "root_mean_square": float(np.sqrt(np.mean(values**2))),
        "resolution": float(resolution(values, torch.float64)),
        "start_seconds": round(made, 2),
    }
    return Result(metrics, {"singular_values": values}, time.monotonic() - began)


def _training(spec: Spec, watch: Watch) -> Result:
    """Train at one rate after the other; what is done is kept if the run is killed."""
    began = time.monotonic()
    done = _restored(watch)
    earlier = done.pop("seconds", 0.0)
    network = MLP([64, *[spec.width] * (spec.depth - 1), 10], spec.activation)
    images = digits()
    inputs, _ = flat_batch(_stream(images.train, spec.seed), 512)
    STARTS[spec.start](network, inputs, spec.seed)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    for number, rate in enumerate(RATES):
        if str(rate) not in done:
            network.load_state_dict(weights)
            done[str(rate)] = _at_rate(spec, network, images, rate)
            if watch.checkpoint is not None:
                now = {"seconds": earlier + time.monotonic() - began}
                write_sealed(watch.checkpoint, json.dumps(done | now).encode())
        watch.report(number + 1)
    train_accuracy, test_accuracy = np.array([done[str(rate)] for rate in RATES]).T
    best = int(np.nanargmax(np.nan_to_num(train_accuracy, nan=-1)))
    metrics = {
        "best_rate": RATES[best],
        "train_accuracy": float(train_accuracy[best]),
        "test_accuracy": float(test_accuracy[best]),
    }
    arrays = {"train_accuracy": train_accuracy, "test_accuracy": test_accuracy}
    return Result(metrics, arrays, earlier + time.monotonic() - began)


def _restored(watch: Watch) -> dict[str, Any]:
    if watch.checkpoint is None or not watch.checkpoint.exists():
        return {}
    done: dict[str, Any] = json.loads(read_sealed(watch.checkpoint))
    return done


def _at_rate(spec: Spec, network: MLP, images: ImageSet, rate: float) -> tuple[float, float]:
    """Train; return the accuracies on both parts of the digits, not numbers if it diverged."""

    def probe(network: MLP) -> dict[str, NDArray[Any]]:
        return {
            name: np.asarray(1 - error_rate(network, *flat_batch(_stream(part), len(part))))
            for name, part in (("train", images.train), ("test", images.test))
        }

    stream = _stream(images.train, spec.seed)
    step = in_place_step(network, rate)
    outcome = train(network, stream, probe, [spec.steps], step, spec.batch)
    if outcome.diverged_at is not None:
        return math.nan, math.nan
    return tuple(float(outcome.history[name][-1]) for name in ("train", "test"))  # type: ignore[return-value]


@functools.cache
def digits() -> ImageSet:
    """Return scikit-learn's digits."""
    return load("digits")


def _stream(examples: Examples, seed: int = 0) -> Shuffled:
    return Shuffled(examples, seed, SHIFT, SCALE)


STUDY = Study(
    name=NAME,
    question="What do starting weights do to the Jacobian of a deep network, and to its training?",
    source="this book, with the starts of torch, lsuv 0.3.0 and AnyInit 0.4.0",
    scales=SCALES,
    run=run,
    length=lambda spec: 1 if spec.measure == "jacobian" else len(RATES),
)
