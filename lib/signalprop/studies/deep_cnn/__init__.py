"""Plain convolutional networks hundreds and thousands of layers deep: Xiao et al. (2018).

Nothing but 3 x 3 convolutions and tanh, from delta-orthogonal weights at the critical point and
from the weights that torch starts with.
"""

from __future__ import annotations

import functools
import math
import time
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor, nn

from ... import records
from ...convnets import PlainConvNet, Stage
from ...datasets import Examples, Shuffled, load
from ...diagnostics.jacobian import Spectrum, estimated_spectrum
from ...diagnostics.products import Operator
from ...initializers import critical_, xavier_
from ...networks import initialize
from ...probes import error_rate
from ...runner import Result, Study
from ...training import Arrays, Outcome, Watch, flat_batch, optimizer_step, train

NAME = "deep-cnn"

Start = Literal["delta", "gaussian", "xavier", "torch"]

FOLD = {"mnist": 4, "digits": 2}
"""Pixels on a side of the blocks that become one pixel of as many channels."""

MEAN, DEVIATION = {"mnist": 0.1307, "digits": 0.3059}, {"mnist": 0.3081, "digits": 0.3754}
"""Of the pixels, which are standardized by them."""

MOMENTUM = 0.9
TEST_IMAGES = 1000


@dataclass(frozen=True)
class Spec:
    """One network; it is trained, or its Jacobian taken at the start if ``updates`` is 0.

    Attributes
    ----------
    start : "delta" and "gaussian" are critical at ``q_star``; "xavier" (normal, without biases) and
        "torch" are not
    depth : convolutions; a dense layer follows
    channels : of each
    data : "mnist", folded to 7 x 7 pixels of 16 channels, or "digits", to 4 x 4 of 4
    q_star : variance of the pre-activations of critical starts, and of the inputs of all; 1 /
        depth if None
    rate : learning rate of gradient descent with momentum 0.9
    updates : how many
    batch : images in each
    seed : of the weights and of the order of the images
    """

    start: Start = "delta"
    depth: int = 256
    channels: int = 16
    data: str = "mnist"
    q_star: float | None = None
    rate: float = 0.01
    updates: int = 200
    batch: int = 64
    seed: int = 0

    @property
    def variance(self) -> float:
        """The variance of the inputs, and of pre-activations where they are critical."""
        return 1 / self.depth if self.q_star is None else self.q_star


# --- the runs -----------------------------------------------------------------------------

PRINTED_Q_STAR = 0.02592
"""Where sigma_w2 = 1.05 is critical, as in the paper's deep networks (from memory)."""

RATES = (0.001, 0.003, 0.01, 0.03)
SEEDS_RATE = 0.003
"""Learning rate of the further seeds; set after pilots of 60 updates (48 layers) and 30 (256)."""

LAPTOP: dict[str, list[Spec]] = {
    "isometry, q* = 1/L": [Spec(depth=10_000, updates=0)],
    "isometry, printed": [Spec(depth=10_000, updates=0, q_star=PRINTED_Q_STAR)],
    "isometry, gaussian": [Spec("gaussian", depth=10_000, updates=0)],
    "delta": [Spec(rate=rate) for rate in RATES],
    "torch": [Spec("torch", rate=rate) for rate in RATES],
    "xavier": [Spec("xavier", rate=rate) for rate in RATES[1:3]],
    "gaussian": [Spec("gaussian", rate=rate) for rate in RATES[1:3]],
    "delta, seeds": [Spec(rate=SEEDS_RATE, seed=seed) for seed in (1, 2)],
    "delta, lower rate": [Spec(rate=RATES[0], seed=seed) for seed in (1, 2)],
}
"""The laptop runs by group; the last was added when those of the first seed had been seen."""

SMOKE = Spec(depth=6, channels=4, data="digits", updates=3, batch=8)
SCALES = {
    "smoke": [SMOKE, replace(SMOKE, updates=0), replace(SMOKE, start="torch")],
    "laptop": [spec for group in LAPTOP.values() for spec in group],
    "paper": [
        Spec(depth=depth, channels=256, updates=50_000) for depth in (1250, 2500, 5000, 10_000)
    ],
}

group = records.by_group(NAME, LAPTOP)
"""Load the records of a laptop group, see `records.by_group`."""


# --- one run ------------------------------------------------------------------------------


class Folded:
    """A stream of images whose blocks of pixels have become channels, as flat vectors.

    Parameters
    ----------
    examples, seed, shift, scale : as for `datasets.Shuffled`
    fold : pixels on a side of a block
    """

    def __init__(
        self, examples: Examples, seed: int, fold: int, shift: float, scale: float
    ) -> None:
        self._stream, self._fold = Shuffled(examples, seed, shift, scale), fold

    @property
    def position(self) -> int:
        """Examples delivered."""
        return self._stream.position

    @position.setter
    def position(self, value: int) -> None:
        self._stream.position = value

    def batch(
        self, n: int, dtype: DTypeLike = np.float32
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return the next ``n`` images, (n, channels, height, width) after folding, and labels."""
        images, labels = self._stream.batch(n, dtype)
        folded = nn.functional.pixel_unshuffle(torch.from_numpy(images), self._fold)
        return folded.numpy(), labels


@functools.cache
def images(name: str) -> Any:
    """Return a data set."""
    return load(name)


def stream(spec: Spec, part: str = "train", seed: int | None = None) -> Folded:
    """Return the images of a spec, of its input variance on average."""
    name = spec.data
    scale = math.sqrt(spec.variance) / DEVIATION[name]
    examples: Examples = getattr(images(name), part)
    return Folded(examples, spec.seed if seed is None else seed, FOLD[name], MEAN[name], scale)


def shape(spec: Spec) -> tuple[int, int, int]:
    """Return channels, height and width of the folded images."""
    size = {"mnist": 28, "digits": 8}[spec.data] // FOLD[spec.data]
    return FOLD[spec.data] ** 2, size, size


def build(spec: Spec) -> PlainConvNet:
    """Build the untrained network of a spec."""
    stages = [Stage(spec.depth, spec.channels, kernel=3, pool=1)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        network = PlainConvNet(stages, [10], "tanh", shape(spec))
    if spec.start == "xavier":
        initialize(network, functools.partial(xavier_, distribution="normal"), spec.seed)
    elif spec.start != "torch":
        weights: Any = "orthogonal" if spec.start == "delta" else "gaussian"
        generator = torch.Generator().manual_seed(spec.seed)
        critical_(network, spec.variance, weights, generator=generator)
    return network


def run(spec: Spec, watch: Watch) -> Result:
    """Train the network of a spec, or take its Jacobian."""
    if not spec.updates:
        return _isometry(spec, watch)
    network = build(spec)
    test = stream(spec, "test", seed=0)
    inputs, labels = flat_batch(test, TEST_IMAGES)

    def probe(network: nn.Module) -> Arrays:
        return {"test_error": error_rate(network, inputs, labels)}

    descent = torch.optim.SGD(network.parameters(), lr=spec.rate, momentum=MOMENTUM)
    outcome = train(
        network,
        stream(spec),
        probe,
        probe_times(spec.updates),
        optimizer_step(network, descent),
        spec.batch,
        watch,
        keep=[descent],
    )
    return Result(metrics(outcome), outcome.history, outcome.seconds)


def probe_times(updates: int, probes: int = 10) -> list[int]:
    """Return when to look: at the start, then at equal intervals to the end."""
    return sorted({round(k * updates / probes) for k in range(probes + 1)})


def metrics(outcome: Outcome) -> dict[str, Any]:
    """Summarize a run in single numbers."""
    costs = outcome.history["training_cost"][1:]
    return {
        **outcome.ending,
        "final_cost": float(costs[-1]) if len(costs) else None,
        "test_error": float(outcome.history["test_error"][-1]),
    }


# --- the Jacobian -------------------------------------------------------------------------


def _isometry(spec: Spec, watch: Watch) -> Result:
    began = time.monotonic()
    found = spectrum(spec)
    watch.report(1)
    values = {
        "s_max": found.largest,
        "s_min": found.smallest,
        "root_mean_square": math.sqrt(found.mean_square),
        "method": found.method,
    }
    every = found.singular_values
    arrays = {} if every is None else {"singular_values": every}
    return Result(values, arrays, time.monotonic() - began)


def spectrum(spec: Spec) -> Spectrum:
    """Return the singular values of all convolutions and activations, at a normal input.

    A delta-orthogonal convolution acts on each pixel alone.  So the Jacobian is one small matrix
    for each pixel, and one backward pass for each channel, from all pixels at once, gives them all.
    """
    network = build(spec).double()
    size = shape(spec)
    normal = torch.randn(1, math.prod(size), generator=torch.Generator().manual_seed(spec.seed))
    x = normal.double() * math.sqrt(spec.variance)
    if spec.start != "delta":
        return estimated_spectrum(
            Operator(functools.partial(_hidden, network), x, 0, False), spec.seed
        )
    pixels = size[1] * size[2]
    points = x.expand(spec.channels, -1).clone().requires_grad_()
    last = _hidden(network, points).view(spec.channels, spec.channels, pixels)
    picked = last.diagonal(dim1=0, dim2=1).sum()  # channel c of copy c, at every pixel
    (rows,) = torch.autograd.grad(picked, points)
    blocks = rows.view(spec.channels, size[0], pixels).movedim(2, 0)
    values = torch.linalg.svdvals(blocks).flatten().sort(descending=True).values.numpy()
    return Spectrum(
        inputs=math.prod(size),
        outputs=spec.channels * pixels,
        largest=float(values[0]),
        smallest=float(values[-1]),
        mean_square=float(np.mean(values**2)),
        method=f"all, pixel by pixel, by {spec.channels} backward products",
        singular_values=values,
    )


def _hidden(network: PlainConvNet, x: Tensor) -> Tensor:
    """Return the last activations, flat."""
    activated: Tensor = network.activation(network.pre_activations(x)[-2])
    return activated.flatten(1)


STUDY = Study(
    name=NAME,
    question="How deep can a plain convolutional network be, and still be trained?",
    source="Xiao et al. (2018)",
    scales=SCALES,
    run=run,
    length=lambda spec: max(int(spec.updates), 1),
)
