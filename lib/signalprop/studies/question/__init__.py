"""Whether the hidden units of a trained sigmoid network are near 0 or 1, as a Q&A site asks.

Networks of one to five hidden layers learn scikit-learn's digits or MNIST by plain SGD in batches
of ten.  Half of the training images are visited nine times as often as the other half, so that
what visits do can be told from what training does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.stats
import torch
from numpy.typing import NDArray
from torch import Tensor

from ... import records
from ...datasets import Examples, load
from ...initializers import variance_scaling_, xavier_
from ...networks import MLP, initialize
from ...probes import error_rate
from ...runner import Result, Study
from ...saturation import MARGIN
from ...training import Arrays, Step, Watch, in_place_step, train

NAME = "question"
BATCH = 10

GROUPS = ("often", "rarely", "never", "noise")
"""The probe images by how often training visits them.

``never`` are test images; ``noise`` are often visited ones with their pixels in random order.
"""
PROBED = 500
OFTEN = 0.9


@dataclass(frozen=True)
class Spec:
    """One training run.

    Attributes
    ----------
    dataset, depth, width : what is learned, and the number and size of the hidden layers
    weights : "xavier", or "unit": normal with variance 1, whatever the fan-in
    rate, decay : learning rate, and weight decay in units of the gradient
    updates : of ten images each
    seed : of the weights, of the order of the images, and of the noise
    """

    dataset: Literal["digits", "mnist"] = "digits"
    depth: int = 2
    width: int = 100
    weights: Literal["xavier", "unit"] = "xavier"
    rate: float = 0.5
    decay: float = 0.0
    updates: int = 30_000
    seed: int = 0


SEEDS = range(3)
DEPTHS = (1, 2, 3, 4, 5)
RATES = (0.1, 0.5, 2.0)
DECAYS = (1e-4, 1e-3)

LAPTOP = {
    **{
        f"rate {rate}": [
            Spec(depth=depth, rate=rate, seed=seed) for seed in SEEDS for depth in DEPTHS
        ]
        for rate in RATES
    },
    **{
        f"decay {decay:g}": [
            Spec(depth=depth, decay=decay, seed=seed) for seed in SEEDS for depth in (1, 3)
        ]
        for decay in DECAYS
    },
    "large weights": [
        Spec(depth=depth, weights="unit", rate=0.1, seed=seed) for seed in SEEDS for depth in (1, 3)
    ],
    "long": [Spec(updates=150_000, seed=seed) for seed in SEEDS],
    "mnist": [
        Spec("mnist", depth=depth, width=200, updates=60_000, seed=seed)
        for seed in SEEDS
        for depth in (1, 2, 3)
    ],
}
"""The laptop runs by group."""

SCALES = {
    "smoke": [Spec(updates=1000)],
    "laptop": [spec for group in LAPTOP.values() for spec in group],
}

group = records.by_group(NAME, LAPTOP)
"""Load the records of a laptop group, see `records.by_group`."""


class Visits:
    """Training images in random order, the first half of them in `OFTEN` of all visits.

    Parameters
    ----------
    examples : an even number of them or one more, which is never seen
    seed : of the order
    """

    BLOCK = 1000

    def __init__(self, examples: Examples, seed: int) -> None:
        self.examples, self.seed, self.position = examples, seed, 0

    def batch(self, n: int, dtype: Any = np.float32) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return the next ``n`` images (n, channels, height, width) and labels."""
        first, last = self.position // self.BLOCK, (self.position + n - 1) // self.BLOCK
        blocks = np.concatenate([self._block(number) for number in range(first, last + 1)])
        start = self.position - first * self.BLOCK
        which = blocks[start : start + n]
        self.position += n
        return self.examples.pixels(which, dtype), self.examples.labels[which]

    def _block(self, number: int) -> NDArray[np.int64]:
        half = len(self.examples) // 2
        rng = np.random.default_rng((self.seed, number))
        which = rng.integers(half, size=self.BLOCK)
        return np.where(rng.random(self.BLOCK) < OFTEN, which, which + half)


def probe_images(spec: Spec) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the images, (images, pixels), and the labels, (images,), of each of `GROUPS`."""
    images = load(spec.dataset)
    half = len(images.train) // 2
    part = np.arange(PROBED)
    often, labels = images.train.pixels(part), images.train.labels[part]
    order = np.random.default_rng(spec.seed).permuted
    shuffled = order(often.reshape(len(often), -1), axis=1)
    pixels = {
        "often": often,
        "rarely": images.train.pixels(half + part),
        "never": images.test.pixels(slice(0, PROBED)),
        "noise": shuffled,
    }
    truth = {
        "often": labels,
        "rarely": images.train.labels[half + part],
        "never": images.test.labels[:PROBED],
        "noise": labels,
    }
    return (
        {name: torch.from_numpy(x).flatten(1) for name, x in pixels.items()},
        {name: torch.from_numpy(y) for name, y in truth.items()},
    )


def build(spec: Spec, pixels: int) -> MLP:
    """Build the untrained network of a spec, for ten classes."""

    def unit_(weight: Tensor, *, generator: torch.Generator) -> Tensor:
        return variance_scaling_(weight, weight.shape[1], "in", "normal", generator=generator)

    network = MLP([pixels, *[spec.width] * spec.depth, 10], "sigmoid")
    initialize(network, xavier_ if spec.weights == "xavier" else unit_, spec.seed)
    return network


def measure(network: MLP, inputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Arrays:
    """Return how saturated each layer is on each of `GROUPS`.

    Returns
    -------
    ``low``, ``high`` : (groups, layers), fractions of activations within `MARGIN` of 0 and of 1
    ``slope`` : (groups, layers), mean slope of the sigmoid relative to its greatest
    ``error`` : (groups,), fraction misclassified
    ``kurtosis``, ``skewness`` : (layers + 1,), of the weights; excess over the normal law
    """
    with torch.no_grad():
        hidden = {name: network.hidden(inputs[name]) for name in GROUPS}

    def each(statistic: Callable[[Tensor], Tensor]) -> NDArray[np.float32]:
        values = [[float(statistic(h)) for h in hidden[name]] for name in GROUPS]
        return np.array(values, np.float32)

    weights = [layer.weight.detach().numpy().ravel() for layer in network.layers]
    return {
        "low": each(lambda h: (h < MARGIN).float().mean()),
        "high": each(lambda h: (h > 1 - MARGIN).float().mean()),
        "slope": each(lambda h: (4 * h * (1 - h)).mean()),
        "error": np.stack([error_rate(network, inputs[name], labels[name]) for name in GROUPS]),
        "kurtosis": np.array([scipy.stats.kurtosis(w) for w in weights], np.float32),
        "skewness": np.array([scipy.stats.skew(w) for w in weights], np.float32),
    }


def decaying(step: Step, network: MLP, factor: float) -> Step:
    """Return a step that first shrinks every weight, but no bias, by ``1 - factor``."""

    @torch.no_grad()
    def decayed(inputs: Tensor, labels: Tensor) -> Tensor:
        for layer in network.layers:
            layer.weight.mul_(1 - factor)
        return step(inputs, labels)

    return decayed if factor else step


def probe_times(updates: int) -> list[int]:
    """Return when to look: at the start, then about evenly in the logarithm."""
    return sorted({0, *np.geomspace(100, updates, 16).round().astype(int).tolist()})


def run(spec: Spec, watch: Watch) -> Result:
    """Train the network of a spec and look where its units are."""
    inputs, labels = probe_images(spec)
    network = build(spec, inputs["often"].shape[1])
    step = decaying(in_place_step(network, spec.rate), network, spec.rate * spec.decay)
    outcome = train(
        network,
        Visits(load(spec.dataset).train, spec.seed),
        lambda network: measure(network, inputs, labels),
        probe_times(spec.updates),
        step,
        BATCH,
        watch,
    )
    last = {name: float(outcome.history["error"][-1, i]) for i, name in enumerate(GROUPS)}
    metrics = {
        **outcome.ending,
        "training_error": last["often"],
        "test_error": last["never"],
    }
    return Result(metrics, outcome.history, outcome.seconds)


STUDY = Study(
    name=NAME,
    question="Are the hidden units of a trained sigmoid network near 0 or 1?",
    source="A question on a Q&A site, and its answer",
    scales=SCALES,
    run=run,
    length=lambda spec: int(spec.updates),
)
