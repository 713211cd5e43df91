"""Does isometry speed learning up? Pennington, Schoenholz & Ganguli (2017), Figs. 4 to 6.

Plain networks 200 layers deep learn CIFAR-10 by gradient descent: tanh near its linear part and
far from it, and ReLU, from orthogonal and from Gaussian weights, all of them critical.  Then tanh
alone: how its learning time goes with the depth and with q*, and what becomes of isometry.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ... import records
from ...critical import critical_
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
from .specs import FIGURE_4, FIGURES_5_6, REACHED, Spec

NAME = "learning-speed"

SIZES = {"cifar10": 28, "digits": 8}
"""Pixels on a side of what the networks see of a data set."""

TRAIN_IMAGES = 1000
"""The first training images, on which a network is tested too."""


def rmsprop_from_one(
    parameters: Iterable[nn.Parameter], lr: float, alpha: float = 0.9, eps: float = 1e-5
) -> torch.optim.RMSprop:
    """Return RMSProp as TensorFlow 1 has it: its mean of squared gradients starts at one.

    torch's starts at zero, and decays by 0.99 a step.  TensorFlow adds 1e-10 below the root, of
    which ``eps`` is the root.
    """
    optimizer = torch.optim.RMSprop(parameters, lr, alpha, eps)
    for p in optimizer.param_groups[0]["params"]:
        optimizer.state[p] = {"step": torch.zeros(()), "square_avg": torch.ones_like(p)}
    return optimizer


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "momentum": functools.partial(torch.optim.SGD, momentum=0.9),
    "rmsprop": torch.optim.RMSprop,
    "rmsprop from one": rmsprop_from_one,
    "adam": torch.optim.Adam,
}
"""The optimizers of Fig. 4, with torch's settings if nothing else is said."""

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


# --- the study ------------------------------------------------------------------------------

LAPTOP = FIGURE_4 | FIGURES_5_6
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
