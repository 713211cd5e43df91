"""Glorot & Bengio (2010), Table 1 and Figure 12: five kinds of networks on three data sets.

Softsign and tanh networks of five hidden layers with the standard and the normalized
initialization, and sigmoid networks, learn Shapeset, MNIST and CIFAR-10 by plain SGD in batches
of ten.  The test error is watched, and at the end every wrong answer is kept, so that
networks can be compared image by image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ... import records
from ...datasets import Examples, Shapeset, Shuffled, load
from ...datasets.shapeset import CLASSES
from ...initializers import standard_, xavier_
from ...networks import MLP, initialize
from ...records import Record
from ...runner import Result, Study
from ...training import Arrays, Outcome, Stream, Watch, in_place_step, train

NAME = "glorot-table"

BATCH = 10
TEST_SEED, TEST_IMAGES = 0, 10_000
"""Shapeset's test images are the first of this stream, its validation images the next."""

TRAINING = {"mnist": 50_000, "cifar10": 40_000, "digits": 1047}
"""Images to train on; those after them in the training file are for validation."""

PROBES = 40

Weights = Literal["standard", "normalized"]

ROWS: dict[str, tuple[str, Weights]] = {
    "softsign": ("softsign", "standard"),
    "softsign N": ("softsign", "normalized"),
    "tanh": ("tanh", "standard"),
    "tanh N": ("tanh", "normalized"),
    "sigmoid": ("sigmoid", "standard"),
}
"""Activation and initialization of the rows of Table 1, in its order."""


@dataclass(frozen=True)
class Spec:
    """One training run.

    Attributes
    ----------
    dataset : "mnist", "cifar10", "digits" or "shapeset"
    activation, hidden_layers, width : the network
    weights : "standard" (eq. 1) or "normalized" (eq. 16), in every layer
    rate : learning rate of plain SGD
    updates : of ten images each
    seed : of the weights and of the order of the training images
    """

    dataset: str = "mnist"
    activation: str = "tanh"
    weights: Weights = "standard"
    width: int = 1000
    hidden_layers: int = 5
    rate: float = 0.01
    updates: int = 2_500_000
    seed: int = 0


# --- which runs ---------------------------------------------------------------------------

WIDTH = 128
UPDATES = {
    "mnist": dict.fromkeys(ROWS, 40_000) | {"sigmoid": 80_000},
    "cifar10": dict.fromkeys(ROWS, 20_000) | {"sigmoid": 100_000},
}
"""Length of the laptop runs; pilot runs showed that sigmoid networks need more."""

GRID: dict[str, dict[str, tuple[float, ...]]] = {
    "mnist": dict.fromkeys(ROWS, (0.03, 0.01, 0.1)) | {"sigmoid": (1.0, 0.5)},
    "cifar10": dict.fromkeys(ROWS, (0.03, 0.01, 0.1)) | {"sigmoid": (1.0,)},
}
"""Learning rates tried with seed 0."""

RATES: dict[str, dict[str, float]] = {
    "mnist": {
        "softsign": 0.1,
        "softsign N": 0.1,
        "tanh": 0.1,
        "tanh N": 0.01,
        "sigmoid": 1.0,
    },
    "cifar10": {
        "softsign": 0.03,
        "softsign N": 0.01,
        "tanh": 0.01,
        "tanh N": 0.01,
        "sigmoid": 1.0,
    },
}
"""Learning rates of the table: of `GRID`, the one with the lowest validation error.

Written down so that the runs of other seeds have names before any record is read; `tuned` finds
the same from the records of seed 0.  Most lie at an end of what was tried.
"""

SEEDS = (0, 1, 2)


def _specs(dataset: str, row: str, rates: Sequence[float], seeds: Sequence[int]) -> list[Spec]:
    activation, weights = ROWS[row]
    spec = Spec(dataset, activation, weights, WIDTH, updates=UPDATES[dataset][row])
    return [replace(spec, rate=rate, seed=seed) for rate in rates for seed in seeds]


def _laptop() -> Iterator[Spec]:
    """Yield the first rates of all rows, then the others, then the other seeds."""
    cells = [(dataset, row) for dataset in UPDATES for row in ROWS]
    for nth in range(max(len(rates) for of in GRID.values() for rates in of.values())):
        for dataset, row in cells:
            yield from _specs(dataset, row, GRID[dataset][row][nth : nth + 1], SEEDS[:1])
    for seed in SEEDS[1:]:
        for dataset, row in cells:
            yield from _specs(dataset, row, [RATES[dataset][row]], [seed])


SCALES = {
    "smoke": [
        Spec("digits", *row, width=64, rate=0.3 if row[0] == "sigmoid" else 0.1, updates=600)
        for row in ROWS.values()
    ],
    "laptop": list(_laptop()),
    "paper": [
        Spec(dataset, *row, rate=rate, seed=seed)
        for seed in SEEDS
        for dataset in ("shapeset", *UPDATES)
        for row in ROWS.values()
        for rate in (0.1, 0.01, 0.001)
    ],
}


def group(dataset: str, row: str) -> list[Record]:
    """Load the laptop records of a cell of the table, one for each seed.

    Raises
    ------
    RecordError
        If a record is missing or damaged.
    """
    specs = _specs(dataset, row, [RATES[dataset][row]], SEEDS)
    return [records.load(NAME, spec) for spec in specs]


def tried(dataset: str, row: str) -> dict[float, Record]:
    """Load the laptop records of a cell at every learning rate tried, lowest first; seed 0.

    Raises
    ------
    RecordError
        If a record is missing or damaged.
    """
    specs = _specs(dataset, row, sorted(GRID[dataset][row]), SEEDS[:1])
    return {spec.rate: records.load(NAME, spec) for spec in specs}


def tuned(dataset: str, row: str) -> float:
    """Return the learning rate of the lowest validation error; the lower one of equals.

    A run that diverged has none.
    """
    errors = {rate: r.metrics["validation_error"] for rate, r in tried(dataset, row).items()}
    return min((r for r in errors if errors[r] is not None), key=lambda r: float(errors[r]))


# --- one run ------------------------------------------------------------------------------

Labelled = tuple[Tensor, Tensor]
"""Images (n, pixels) in [0, 1] and their classes (n,)."""


@dataclass(frozen=True)
class Data:
    """What a run sees.

    Attributes
    ----------
    stream : the training images, in the order of a seed
    validation, test : fixed sets
    classes : how many there are
    """

    stream: Stream
    validation: Labelled
    test: Labelled
    classes: int


def data(dataset: str, seed: int) -> Data:
    """Open a data set: fresh images for ever, or a fixed set divided as in the paper.

    Raises
    ------
    ValueError
        If ``dataset`` is unknown, absent or damaged.
    """
    if dataset == "shapeset":
        images = Shapeset(TEST_SEED)
        test, validation = (images.batch(TEST_IMAGES, np.float32) for _ in range(2))
        return Data(Shapeset(1 + seed), _flat(*validation), _flat(*test), len(CLASSES))
    if dataset not in TRAINING:
        names = ", ".join(["shapeset", *TRAINING])
        raise ValueError(f"dataset must be one of {names}, got {dataset!r}")
    every, training = load(dataset), TRAINING[dataset]
    stream = Shuffled(every.train.part(slice(training)), seed)
    held_out = every.train.part(slice(training, None))
    return Data(stream, _labelled(held_out), _labelled(every.test), len(every.classes))


def _labelled(examples: Examples) -> Labelled:
    return _flat(examples.pixels(), examples.labels)


def _flat(images: NDArray[np.floating], labels: NDArray[np.int64]) -> Labelled:
    return torch.from_numpy(images).flatten(1), torch.from_numpy(labels)


def build(spec: Spec, pixels: int, classes: int) -> MLP:
    """Build the untrained network of a spec."""
    network = MLP([pixels, *[spec.width] * spec.hidden_layers, classes], spec.activation)
    fill = {"standard": standard_, "normalized": xavier_}[spec.weights]
    initialize(network, fill, spec.seed)
    return network


@torch.no_grad()
def mistakes(network: MLP, of: Labelled, at_once: int = 2500) -> NDArray[np.bool_]:
    """Return which of the images (n,) a network takes for another class."""
    parts = zip(*(torch.split(tensor, at_once) for tensor in of), strict=True)
    return np.concatenate([(network(x).argmax(1) != y).numpy() for x, y in parts])


def probe_times(updates: int) -> list[int]:
    """Return when to look, at least `PROBES` times, start and end included."""
    interval = max(updates // PROBES, 1)
    return [*range(0, updates, interval), updates]


def run(spec: Spec, watch: Watch) -> Result:
    """Train the network of a spec and test it as it learns."""
    seen = data(spec.dataset, spec.seed)
    network = build(spec, seen.test[0].shape[1], seen.classes)

    def probe(network: MLP) -> Arrays:
        wrong = mistakes(network, seen.test)
        return {"test_error": np.asarray(wrong.mean(), np.float32)}

    step = in_place_step(network, spec.rate)
    times = probe_times(spec.updates)
    outcome = train(network, seen.stream, probe, times, step, BATCH, watch)
    wrong = mistakes(network, seen.test)
    summary = metrics(outcome, float(mistakes(network, seen.validation).mean()), len(wrong))
    return Result(summary, outcome.history | {"wrong": np.packbits(wrong)}, outcome.seconds)


def metrics(outcome: Outcome, validation_error: float, test_images: int) -> dict[str, Any]:
    """Summarize a run in single numbers; the answers of a diverged network count for nothing."""
    errors, diverged = outcome.history["test_error"], outcome.diverged_at is not None
    return {
        "outcome": "diverged" if diverged else "finished",
        "diverged_at": outcome.diverged_at,
        "test_error": None if diverged else float(errors[-1]),
        "best_test_error": float(errors.min()),
        "validation_error": None if diverged else validation_error,
        "test_images": test_images,
    }


def wrong_answers(record: Record) -> NDArray[np.bool_]:
    """Return which test images (n,) the network of a record got wrong at the end."""
    count = int(record.metrics["test_images"])
    return np.unpackbits(record.arrays["wrong"], count=count).astype(bool)


STUDY = Study(
    name=NAME,
    question="How much do activation and initialization change the test error of deep networks?",
    source="Glorot & Bengio (2010), Table 1 and Figure 12",
    scales=SCALES,
    run=run,
    length=lambda spec: int(spec.updates),
)
