"""Does isometry speed learning up? Pennington, Schoenholz & Ganguli (2017), Figs. 4 to 6.

Plain networks 200 layers deep learn CIFAR-10 by gradient descent: tanh near its linear part and
far from it, and ReLU, from orthogonal and from Gaussian weights, all of them critical.  Then tanh
alone: how its learning time goes with the depth and with q*, and what becomes of isometry.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ... import records
from ...critical import Weights, critical_
from ...datasets import Augmented, ImageSet, load
from ...half import HALF, half_step
from ...jacobians import singular_values
from ...meanfield import critical_point
from ...memory import keep_freed
from ...networks import MLP
from ...probes import error_rate
from ...runner import Result, Study
from ...tangent import conditioning, tangent_kernel
from ...training import Arrays, Outcome, Step, Watch, optimizer_step, train

NAME = "learning-speed"

SIZES = {"cifar10": 28, "digits": 8}
"""Pixels on a side of what the networks see of a data set."""

TRAIN_IMAGES = 1000
"""The first training images, on which a network is tested too."""

REACHED = 0.25
"""Test accuracy at which a network counts as having learned, as we read the paper's figure."""


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "momentum": functools.partial(torch.optim.SGD, momentum=0.9),
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
}
"""The optimizers of Fig. 4, with torch's settings; the paper's are not known."""


@dataclass(frozen=True)
class Spec:
    """One network that learns at one rate.

    Attributes
    ----------
    activation : of the hidden layers
    q_star : variance of the pre-activations, at which the weights are critical
    weights : "orthogonal" or "gaussian"
    depth, width : hidden layers, and units in each
    optimizer : one of `OPTIMIZERS`
    rate : of its steps
    batch : images a step
    steps : after which the training ends
    until : test accuracy at which it ends sooner, from 0 to 1
    test_images : the first ones, on which the network is tested while it learns
    jacobians : test images at which the Jacobian is taken whenever the network is tested
    kernel_images : training images on which the tangent kernel is taken then
    half : whether matrices are multiplied in bfloat16
    data : "cifar10", or "digits" for a trial
    seed : of the weights, and of the order and the crops of the images
    """

    activation: str = "tanh"
    q_star: float = 0.02592
    weights: Weights = "orthogonal"
    depth: int = 200
    width: int = 400
    optimizer: str = "sgd"
    rate: float = 1e-3
    batch: int = 1000
    steps: int = 100
    until: float = 1.0
    test_images: int = 2000
    jacobians: int = 0
    kernel_images: int = 0
    half: bool = True
    data: str = "cifar10"
    seed: int = 0


@dataclass(frozen=True)
class Case:
    """One of the six networks of Fig. 4.

    Attributes
    ----------
    activation, q_star, weights : see `Spec`
    sigma_w2 : the variance that makes it critical, as printed
    """

    activation: str
    q_star: float
    weights: Weights
    sigma_w2: float

    @property
    def label(self) -> str:
        """How a figure calls it."""
        name = "ReLU" if self.activation == "relu" else f"tanh {self.sigma_w2:g}"
        return f"{name}, {self.weights}"


CASES = [
    Case(activation, q_star, weights, sigma_w2)
    for activation, q_star, sigma_w2 in (
        ("tanh", 0.02592, 1.05),
        ("tanh", 0.82135, 2.0),
        ("relu", 2.0, 2.0),  # of any variance, for that matter
    )
    for weights in ("orthogonal", "gaussian")
]
"""The networks of Fig. 4, in the order in which the paper's learn."""


# --- one run ------------------------------------------------------------------------------


@functools.cache
def data(name: str) -> ImageSet:
    """Return a data set; it is read once.

    Raises
    ------
    ValueError
        If the study does not know it, or it is absent or damaged.
    """
    if name not in SIZES:
        raise ValueError(f"data must be one of {', '.join(SIZES)}, got {name!r}")
    return load(name)


def build(spec: Spec) -> MLP:
    """Build the untrained network of a spec, all of whose weights are critical."""
    of, size = data(spec.data), SIZES[spec.data]
    inputs = of.train.images.shape[1] * size**2
    widths = [inputs, *[spec.width] * spec.depth, len(of.classes)]
    network = MLP(widths, spec.activation)
    generator = torch.Generator().manual_seed(spec.seed)
    return critical_(network, spec.q_star, spec.weights, generator=generator)


def input_scale(spec: Spec) -> float:
    """Return the root mean square of the pixels that gives the first layer its variance q_star."""
    sigma_w2, sigma_b2 = critical_point(spec.activation, spec.q_star)
    return math.sqrt((spec.q_star - float(sigma_b2)) / float(sigma_w2))


def probe_times(steps: int, factor: float = 1.15) -> list[int]:
    """Return when to look: at the start, then at intervals that grow by a factor, to the end."""
    times = [0]
    while times[-1] < steps:
        times.append(min(max(times[-1] + 1, round(times[-1] * factor)), steps))
    return times


def updates(spec: Spec, network: MLP) -> tuple[Step, list[torch.optim.Optimizer]]:
    """Return the step of a spec, and what a checkpoint has to keep of it."""
    if spec.optimizer == "sgd" and spec.half:
        return half_step(network, spec.rate), []
    optimizer = OPTIMIZERS[spec.optimizer](network.parameters(), lr=spec.rate)
    return optimizer_step(network, optimizer, spec.half), [optimizer]


def run(spec: Spec, watch: Watch) -> Result:
    """Train the network of a spec, and test it at times that grow like powers."""
    keep_freed()
    images, scale = data(spec.data), input_scale(spec)
    stream = Augmented(images.train, spec.seed, SIZES[spec.data])
    looked_at = {
        "test": images.test.part(slice(spec.test_images)),
        "train": images.train.part(slice(TRAIN_IMAGES)),
    }
    tested = {
        name: (scale * torch.from_numpy(stream.centre(e)).flatten(1), torch.from_numpy(e.labels))
        for name, e in looked_at.items()
    }
    network = build(spec)
    descend, keep = updates(spec, network)

    def step(inputs: Tensor, labels: Tensor) -> Tensor:
        return descend(scale * inputs, labels)

    def probe(network: MLP) -> Arrays:
        with torch.autocast("cpu", HALF, enabled=spec.half):
            found: dict[str, Any] = {
                name: np.asarray(1 - error_rate(network, *of, at_once=1000))
                for name, of in tested.items()
            }
        if spec.jacobians:
            x = tested["test"][0][: spec.jacobians]
            found["singular_values"] = singular_values(network, x, through="hidden").astype("f4")
        if spec.kernel_images:
            x, labels = (of[: spec.kernel_images] for of in tested["train"])
            how = conditioning(tangent_kernel(network, x), labels.numpy())
            found |= {name: np.asarray(value) for name, value in vars(how).items()}
        return found

    outcome = train(
        network,
        stream,
        probe,
        probe_times(spec.steps),
        step,
        spec.batch,
        watch,
        keep,
        enough=lambda measured: bool(measured["test"] >= spec.until),
    )
    return Result(metrics(outcome), outcome.history, outcome.seconds)


def metrics(outcome: Outcome) -> dict[str, Any]:
    """Summarize a run in single numbers."""
    test = outcome.history["test"]
    return {
        **outcome.ending,
        "steps": steps_to(REACHED, outcome.history),
        "best_test_accuracy": float(test.max()),
    }


def steps_to(accuracy: float, history: Mapping[str, NDArray[Any]]) -> float | None:
    """Return after how many steps the test accuracy first reached a value, None if never.

    Between two tests the accuracy is taken to grow with the logarithm of the steps.
    """
    reached = np.flatnonzero(history["test"] >= accuracy)
    if not len(reached):
        return None
    k = int(reached[0])
    updates, test = history["updates"], history["test"]
    if k == 0 or updates[k - 1] == 0:
        return float(updates[k])
    share = (accuracy - test[k - 1]) / (test[k] - test[k - 1])
    return float(np.exp(np.interp(share, [0, 1], np.log(updates[k - 1 : k + 1]))))


# --- which runs ---------------------------------------------------------------------------

RATES = {
    "tanh 1.05, orthogonal": (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003),
    "tanh 1.05, gaussian": (0.1, 0.03, 0.01, 0.003, 0.001),
    "tanh 2, orthogonal": (0.01, 0.003, 0.001, 0.0003),
    "tanh 2, gaussian": (0.01, 0.003, 0.001, 0.0003),
    "ReLU, orthogonal": (0.03, 0.01, 0.003, 0.001),
    "ReLU, gaussian": (0.03, 0.01, 0.003, 0.001),
}
"""Learning rates to choose from, by case; a best one at an end would ask for more."""

SEARCH_STEPS = 100


def of_case(case: Case, **settings: Any) -> Spec:
    """Return a spec of one of the six networks."""
    return Spec(case.activation, case.q_star, case.weights, **settings)


def of_panel(optimizer: str, case: Case, rate: float, steps: int) -> Spec:
    """Return a spec of one of the six networks, of half its depth and half its width."""
    return of_case(
        case,
        depth=100,
        width=200,
        optimizer=optimizer,
        rate=rate,
        steps=steps,
        until=REACHED,
    )


SEARCH = {
    case.label: [
        of_case(case, rate=r, steps=SEARCH_STEPS, until=REACHED) for r in RATES[case.label]
    ]
    for case in CASES
}
"""Runs that look for the best rate, by case: up to `REACHED` or for `SEARCH_STEPS`."""

FINALS = {
    "tanh 2, orthogonal": [(0.003, 6000)],
    "tanh 2, gaussian": [(0.001, 6000)],
    "ReLU, orthogonal": [(0.01, 6000)],
    "ReLU, gaussian": [(0.001, 6000)],
}
"""Rates and most steps of the runs that go on to `REACHED`, by case.

The rates are those of the lowest cost in the search; `checks.promising` finds them again.  Two
cases need none, since they are there within the search.
"""

START_SEEDS = range(3)

MORE_SEEDS = {
    "tanh 1.05, orthogonal": (0.03, (1, 2)),
    "tanh 1.05, gaussian": (0.003, (1, 2)),
    "tanh 2, orthogonal": (0.003, (1, 2)),
    "tanh 2, gaussian": (0.001, (1, 2)),
    "ReLU, orthogonal": (0.01, (1,)),
}
"""Best rates, and further seeds that learn at them, by case, as far as that is cheap."""

# The four panels of Fig. 4, in networks of half the depth and half the width.
PANEL_RATES: dict[str, tuple[float, ...]] = {
    "sgd": (0.1, 0.03, 0.01, 0.003, 0.001),
    "momentum": (0.01, 0.003, 0.001, 0.0003, 0.0001),
    "rmsprop": (3e-5, 1e-5, 3e-6, 1e-6, 3e-7),
    "adam": (3e-4, 1e-4, 3e-5, 1e-5, 3e-6),
}
"""Learning rates to choose from, by optimizer."""

# Fig. 5: learning times against depth and against q*.  Rates are given times the depth.
DEPTHS = (12, 25, 50, 100, 200)
DEPTH_Q_STAR = 0.025
DEPTH_RATES: dict[Weights, tuple[float, ...]] = {
    "orthogonal": (1.0, 1.4, 2.0, 2.8, 4.0, 5.7, 8.0, 11.0, 16.0),
    "gaussian": (0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
}
DEPTH_STEPS: dict[Weights, int] = {"orthogonal": 100, "gaussian": 300}
DEPTH_REACHED = 0.30
"""Test accuracy of Fig. 5's learning times; 0.25 is passed within a step or two."""

Q_STARS = (1 / 256, 1 / 64, 1 / 16, 1 / 4, 1.0)
Q_RATES = {
    **dict.fromkeys(Q_STARS[:3], (1.0, 2.0, 4.0, 8.0, 16.0)),
    1 / 4: (0.5, 1.0, 2.0, 4.0, 8.0),
    1.0: (0.25, 0.5, 1.0, 2.0),
}
Q_STEPS = {**dict.fromkeys(Q_STARS[:3], 100), 1 / 4: 300, 1.0: 600}

# Fig. 6: one rate for all, so that they differ by their start alone.
TRAINED_RATE, TRAINED_STEPS = 0.003, 400

ROUNDED = {case.label: (case, rate) for case, rate in ((CASES[0], 0.01), (CASES[2], 0.003))}
"""Networks, with a rate, that are trained in float32 as well."""

_DEPTH = Spec(q_star=DEPTH_Q_STAR, until=DEPTH_REACHED, test_images=10_000)

LAPTOP: dict[str, list[Spec]] = {
    **{
        f"to 25 %, {case.label}": [
            of_case(case, rate=rate, steps=steps, until=REACHED)
            for rate, steps in FINALS.get(case.label, ())
        ]
        for case in CASES
    },
    **{f"search, {label}": specs for label, specs in SEARCH.items()},
    **{
        f"start, {case.label}": [
            of_case(case, steps=0, jacobians=4, kernel_images=500, seed=seed)
            for seed in START_SEEDS
        ]
        for case in CASES
    },
    **{
        f"rounding, {label}": [
            of_case(case, rate=rate, steps=40, half=half) for half in (True, False)
        ]
        for label, (case, rate) in ROUNDED.items()
    },
    **{
        f"more seeds, {case.label}": [
            of_case(case, rate=rate, steps=6000, until=REACHED, seed=seed) for seed in seeds
        ]
        for case in CASES
        for rate, seeds in (MORE_SEEDS.get(case.label, (0.0, ())),)
    },
    **{
        f"panel of {optimizer}, {case.label}": [
            of_panel(optimizer, case, rate, SEARCH_STEPS) for rate in rates
        ]
        for optimizer, rates in PANEL_RATES.items()
        for case in CASES
    },
    **{
        f"depth {depth}, {weights}": [
            replace(
                _DEPTH, weights=weights, depth=depth, rate=r / depth, steps=DEPTH_STEPS[weights]
            )
            for r in DEPTH_RATES[weights]
        ]
        for weights in DEPTH_STEPS
        for depth in DEPTHS
    },
    **{
        f"q* = {q:g}": [replace(_DEPTH, q_star=q, rate=r / 200, steps=Q_STEPS[q]) for r in rates]
        for q, rates in Q_RATES.items()
    },
    **{
        f"training, q* = {q:g}": [
            Spec(q_star=q, rate=TRAINED_RATE, steps=TRAINED_STEPS, jacobians=2)
        ]
        for q in Q_STARS
    },
}
"""The laptop runs by group."""

_SMOKE = Spec(depth=10, width=30, batch=50, steps=3, rate=0.03, data="digits")

SCALES = {
    "smoke": [
        _SMOKE,
        replace(_SMOKE, half=False, jacobians=1),
        replace(_SMOKE, activation="relu", q_star=2.0),
    ],
    "laptop": [spec for group in LAPTOP.values() for spec in group],
}

group = records.by_group(NAME, LAPTOP)
"""Load the records of a laptop group, see `records.by_group`."""

STUDY = Study(
    name=NAME,
    question="Do networks near isometry learn faster, and by how much?",
    source="Pennington, Schoenholz & Ganguli (2017), Figs. 4 to 6",
    scales=SCALES,
    run=run,
    length=lambda spec: max(int(spec.steps), 1),
)
