"""How long deep linear networks learn: Saxe, McClelland & Ganguli (2014), Fig. 6A.

Depth by depth, gradient descent on the squared error from orthogonal and from Glorot's weights,
each at the best learning rate of a grid.  What can be said exactly (`signalprop.deep_linear`) is
in `checks` and needs no records.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ... import datasets
from ...deep_linear import descent_step
from ...initializers import orthogonal_, xavier_
from ...records import Record
from ...runner import Result, Study
from ...storage import read_sealed, write_sealed
from ...training import Watch

Floats = NDArray[np.float64]

NAME = "deep-linear"
WEIGHTS: dict[str, Callable[..., Tensor]] = {"orthogonal": orthogonal_, "glorot": xavier_}
DEPTHS = (2, 4, 8, 16, 32, 64)

RATES = tuple(10 ** (-k / 5) for k in range(41))
"""Learning rates to choose from, five a decade, the largest first."""

LEFT = (0.75, 0.5, 0.25)
"""Shares of the explainable squared error that are left when we look at the clock.

A network counts as trained at the last.  What is explainable is what the best linear map takes
off the error of the map that is 0.
"""

WORSE = 3
"""After so many rates in a row that are no better than a larger one, no smaller one is tried."""

MAX_STEPS = 50_000


@dataclass(frozen=True)
class Spec:
    """A deep linear network, whose learning time is sought.

    Attributes
    ----------
    data : "digits" or "mnist", all training images, their labels one-hot
    weights : "orthogonal" or "glorot" (uniform)
    depth : number of weight matrices; the paper counts one more
    width : units in each hidden layer
    seed : of the weights
    """

    data: str = "digits"
    weights: str = "orthogonal"
    depth: int = 2
    width: int = 256
    seed: int = 0


SCALES = {
    "smoke": [Spec(weights=w, depth=d, width=64) for w in WEIGHTS for d in (2, 8)],
    "laptop": [Spec(weights=w, depth=d, seed=s) for s in range(3) for d in DEPTHS for w in WEIGHTS],
    "paper": [
        Spec("mnist", w, d, 1000, s) for s in range(3) for d in (2, 9, 29, 53, 99) for w in WEIGHTS
    ],
}


@dataclass(frozen=True)
class Problem:
    """Least squares in as few examples as there are directions in the inputs.

    Attributes
    ----------
    inputs : (features, examples)
    targets : (outputs, examples), the projection of the labels on what is explainable
    """

    inputs: Floats
    targets: Floats

    @property
    def explainable(self) -> float:
        """Return by how much the best linear map is better than none."""
        return float(np.square(self.targets).sum()) / 2


@functools.cache
def problem(data: str) -> Problem:
    """Return the least squares problem of a data set, as small as it can be made.

    With X = U S V^T over all images, the squared error of a linear map differs from that on the
    examples U S with the targets Y V by what no linear map explains.  Pixels are scaled to a mean
    square of 1, and labels have mean 0; the errors of images are averaged.
    """
    train = datasets.load(data).train
    pixels: Floats = train.pixels(dtype=np.float64).reshape(len(train), -1).astype(np.float64)
    labels = np.eye(int(train.labels.max()) + 1)[train.labels]
    return compressed(pixels / np.sqrt(np.mean(pixels**2)), labels - labels.mean(0))


def compressed(inputs: Floats, targets: Floats) -> Problem:
    """Return the same least squares problem on as few examples as the inputs have directions.

    Parameters
    ----------
    inputs : (examples, features)
    targets : (examples, outputs)
    """
    # By the eigenvectors of X^T X: of MNIST's 60,000 images the SVD itself would take minutes.
    n = len(inputs)
    variances, directions = np.linalg.eigh(inputs.T @ inputs / n)
    kept = variances > 1e-9 * variances[-1]
    scales, directions = np.sqrt(variances[kept]), directions[:, kept]
    explained = (targets.T @ inputs / n) @ directions / scales
    return Problem(directions * scales, explained)


def starting_weights(spec: Spec) -> list[Floats]:
    """Draw the weights that a network starts from, those next to the input first."""
    of = problem(spec.data)
    sizes = [len(of.inputs), *[spec.width] * (spec.depth - 1), len(of.targets)]
    generator = torch.Generator().manual_seed(spec.seed)
    draw = WEIGHTS[spec.weights]
    return [
        draw(torch.empty(n_out, n_in, dtype=torch.float64), generator=generator).numpy()
        for n_in, n_out in pairwise(sizes)
    ]


def descend(spec: Spec, rate: float, most: int) -> Iterator[float]:
    """Yield the share of the explainable error that is left, before each step."""
    of, weights = problem(spec.data), starting_weights(spec)
    for _ in range(most):
        yield descent_step(weights, of.inputs, of.targets, rate) / of.explainable


def steps_to(spec: Spec, rate: float, most: int) -> list[int | None]:
    """Return after how many steps each of `LEFT` was first reached, None where it never was.

    The walk ends at the last of them, when it diverges, or after ``most`` steps.
    """
    reached: list[int | None] = [None] * len(LEFT)
    with np.errstate(over="ignore", invalid="ignore"):
        for step, left in enumerate(descend(spec, rate, most + 1)):
            for k, level in enumerate(LEFT):
                if reached[k] is None and left <= level:
                    reached[k] = step
            if reached[-1] is not None or not left < 1e9:
                break
    return reached


def run(spec: Spec, watch: Watch) -> Result:
    """Try rate after rate, the largest first, until smaller ones only take longer.

    Arrays: ``rates`` (tried,); ``steps`` (tried, levels), after which each of `LEFT` was reached,
    -1 where it was not within the steps of the best rate before.
    """
    tried, seconds = _restore(watch.checkpoint)
    began = time.monotonic() - seconds
    while not _enough(tried):
        most = min([MAX_STEPS, *(t[-1] for t in tried if t[-1] is not None)])
        tried.append(steps_to(spec, RATES[len(tried)], most))
        if watch.checkpoint is not None:
            state = {"tried": tried, "seconds": time.monotonic() - began}
            write_sealed(watch.checkpoint, json.dumps(state).encode())
        watch.report(len(tried))
    steps = np.array([[-1 if t is None else t for t in row] for row in tried], np.int32)
    arrays = {"rates": np.array(RATES[: len(tried)]), "steps": steps}
    return Result(metrics(arrays), arrays, time.monotonic() - began)


def _enough(tried: list[list[int | None]]) -> bool:
    """Tell whether the best rate is behind us; of equals the largest counts."""
    trained = [(row[-1], k) for k, row in enumerate(tried) if row[-1] is not None]
    passed = bool(trained) and len(tried) - 1 - min(trained)[1] >= WORSE
    return passed or len(tried) == len(RATES)


def _restore(path: Path | None) -> tuple[list[list[int | None]], float]:
    """Return what the rates tried so far brought, and the seconds they took."""
    if path is None or not path.exists():
        return [], 0.0
    state = json.loads(read_sealed(path))
    return state["tried"], state["seconds"]


def metrics(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Return the learning time at the best rate, and that rate; None if no rate trained it."""
    steps = arrays["steps"][:, -1]
    if not (steps >= 0).any():
        return {"steps": None, "rate": None}
    best = int(np.argmin(np.where(steps >= 0, steps, np.iinfo(np.int32).max)))
    return {"steps": int(steps[best]), "rate": float(arrays["rates"][best])}


STUDY = Study(
    name=NAME,
    question="How does the learning time of a deep linear network depend on its depth?",
    source="Saxe, McClelland & Ganguli (2014), Fig. 6A",
    scales=SCALES,
    run=run,
    length=lambda spec: 25,  # rates, about
)


def on_record(data: str = "digits") -> dict[str, dict[int, list[Record]]]:
    """Return the records by weights and depth, in the order of seeds."""
    found: dict[str, dict[int, list[Record]]] = {w: {} for w in WEIGHTS}
    for spec, record in STUDY.on_record():
        if spec.data == data:
            found[spec.weights].setdefault(spec.depth, []).append(record)
    return found
