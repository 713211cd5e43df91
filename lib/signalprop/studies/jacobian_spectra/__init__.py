"""Pennington, Schoenholz & Ganguli (2017, 2018): the Jacobians of real networks against theory.

Deep random networks at criticality are drawn, an input is sent through, and the singular values
of the Jacobian at this input are kept, to be laid over the laws of infinite width.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ... import meanfield, records, spectra
from ...activations import get
from ...initializers import lecun_, orthogonal_
from ...jacobians import resolution
from ...runner import Result, Study
from ...storage import read_sealed, write_sealed
from ...training import Arrays, Watch

NAME = "jacobian-spectra"


@dataclass(frozen=True)
class Spec:
    """Some draws of one random network.

    Attributes
    ----------
    activation, weights, depth, width : the network, of as many inputs as units in a layer; its
        weights are orthogonal or Gaussian and its biases Gaussian
    q_star : variance of the pre-activations, at which the variances of weights and biases are
        critical; for piecewise-linear activations without a scale of their own it only sets the
        length of the input
    slopes : "network" for those at the network's own pre-activations; "independent" for those
        at Gaussian numbers of variance ``q_star`` drawn anew for each layer, as in the theory
    draws : networks drawn, one input each
    seed : of all draws; a draw is the same whatever their number
    """

    activation: str = "linear"
    weights: spectra.Weights = "gaussian"
    depth: int = 2
    q_star: float = 1.0
    width: int = 1000
    slopes: Literal["network", "independent"] = "network"
    draws: int = 2
    seed: int = 0


# --- the runs -----------------------------------------------------------------------------


def _pinned(q: float) -> float:
    """Return a solved q* to ten digits: a run's name must not hang on its rounding."""
    return float(f"{q:.10g}")


DEPTHS = (2, 8, 32, 128)
"""Of Figure 2 of both papers."""

UNIVERSAL_DEPTHS = (2, 3, 4, 8, 32, 128)
"""Of Figure 4 of the second paper."""

UNIVERSAL_VARIANCE = 0.25
"""Of the squared singular values, in that figure."""

DRAWS_BY_WIDTH = {250: 8, 500: 4, 1000: 2, 2000: 1}
"""As many singular values at each width."""

DENSITIES = (
    Spec("linear", "gaussian"),
    Spec("relu", "orthogonal"),
    Spec("hard_tanh", "orthogonal", q_star=1 / 4),
    Spec("erf", "orthogonal", q_star=_pinned(math.pi / 64)),
)
"""The networks of Figure 2; the papers do not state q*, these are the ones its curves imply.

The paper's erf is erf(sqrt(pi) h / 2), of slope 1 at 0; its 1/16 is pi / 64 for our erf(x).
"""

_TANH = Spec("tanh", "orthogonal", 32, _pinned(meanfield.critical_q("tanh", 2.0)))

LAPTOP: dict[str, list[Spec]] = {
    "densities": [replace(spec, depth=depth) for spec in DENSITIES for depth in DEPTHS],
    "universality": [
        Spec(
            name,
            "orthogonal",
            depth,
            _pinned(spectra.isometric_q(name, depth, UNIVERSAL_VARIANCE)),
        )
        for name in ("hard_tanh", "erf")
        for depth in UNIVERSAL_DEPTHS
    ],
    "width": [replace(_TANH, width=n, draws=draws) for n, draws in DRAWS_BY_WIDTH.items()],
    "independent slopes": [replace(_TANH, slopes="independent")],
}
"""The laptop runs by group."""

SCALES = {
    "smoke": [
        Spec(width=100),
        Spec("tanh", "orthogonal", 8, 0.25, width=100),
        Spec("tanh", "orthogonal", 8, 0.25, width=100, slopes="independent"),
    ],
    "laptop": [spec for specs in LAPTOP.values() for spec in specs],
    "paper": [replace(spec, draws=10) for specs in LAPTOP.values() for spec in specs],
}

group = records.by_group(NAME, LAPTOP)
"""Load the records of a laptop group, see `records.by_group`."""


def law(spec: Spec) -> spectra.JacobianLaw:
    """Return what infinite width predicts for the singular values of a spec."""
    return spectra.jacobian_law(spec.activation, spec.depth, spec.weights, spec.q_star)


# --- one network --------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """One layer of a drawn network, and what passes through it.

    Attributes
    ----------
    weight, bias : (width, width) and (width,)
    inputs, pre_activations : (width,) each
    slopes : (width,), those that the Jacobian takes
    """

    weight: Tensor
    bias: Tensor
    inputs: Tensor
    pre_activations: Tensor
    slopes: Tensor


def layers(spec: Spec, draw: int) -> Iterator[Layer]:
    """Draw a network layer by layer, so that it is never held whole, and send an input through.

    The input is a Gaussian vector, of the length that gives the first layer's pre-activations
    the variance q* on average over networks.
    """
    activation = get(spec.activation)
    sigma_w2, sigma_b2 = (float(v) for v in meanfield.critical_point(activation, spec.q_star))
    entropy = np.random.SeedSequence([spec.seed, draw]).generate_state(1, np.uint64)[0]
    generator = torch.Generator().manual_seed(int(entropy >> np.uint64(1)))

    def normal(variance: float) -> Tensor:
        z = torch.empty(spec.width, dtype=torch.float64).normal_(generator=generator)
        return z * math.sqrt(variance)

    x = normal(1.0)
    x *= math.sqrt((spec.q_star - sigma_b2) / sigma_w2 / float(x.square().mean()))
    fill: Callable[..., Tensor] = orthogonal_ if spec.weights == "orthogonal" else lecun_
    for _ in range(spec.depth):
        weight = torch.empty(spec.width, spec.width, dtype=torch.float64)
        fill(weight, generator=generator).mul_(math.sqrt(sigma_w2))
        bias = normal(sigma_b2)
        h = weight @ x + bias
        at = h if spec.slopes == "network" else normal(spec.q_star)
        yield Layer(weight, bias, x, h, activation.derivative(at))
        x = activation(h)


def run(spec: Spec, watch: Watch) -> Result:
    """Measure the singular values of each draw.

    Arrays: ``singular_values`` (draws, width), the largest first; ``resolution`` (draws,), below
    which they are rounding noise; ``pre_activation_variance`` (draws, depth), mean squares.
    """
    done, seconds = _restore(watch.checkpoint)
    started = time.monotonic() - seconds
    saved = time.monotonic()
    for draw in range(len(done["resolution"]) if done else 0, spec.draws):
        new = _measure(spec, draw, watch.report)
        done = {name: np.concatenate([done[name], new[name]]) for name in new} if done else new
        now = time.monotonic()
        if watch.checkpoint is not None and now - saved >= watch.seconds:
            _save(watch.checkpoint, done, now - started)
            saved = now
    return Result(metrics(done), done, time.monotonic() - started)


def _measure(spec: Spec, draw: int, report: Callable[[int], None]) -> Arrays:
    """Return the arrays of one draw, (1, ...) each."""
    product, squares = torch.empty(0), []
    for number, layer in enumerate(layers(spec, draw), start=1):
        entered = layer.weight if number == 1 else layer.weight @ product
        product = layer.slopes[:, None] * entered
        squares.append(float(layer.pre_activations.square().mean()))
        report(draw * spec.depth + number)
    values = torch.linalg.svdvals(product).numpy()[None]
    return {
        "singular_values": values.astype(np.float32),
        "resolution": resolution(values, torch.float64),
        "pre_activation_variance": np.array([squares]),
    }


def metrics(arrays: Arrays) -> dict[str, Any]:
    """Summarize a run: s_max and the mean of s**2, over its draws."""
    s = arrays["singular_values"].astype(np.float64)
    return {"s_max": float(s.max(1).mean()), "square_mean": float((s**2).mean())}


def _save(path: Path, done: Arrays, seconds: float) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, seconds=np.array(seconds), **done)
    write_sealed(path, buffer.getvalue())


def _restore(path: Path | None) -> tuple[Arrays, float]:
    """Return the arrays of the draws measured so far, and the seconds they took."""
    if path is None or not path.exists():
        return {}, 0.0
    with np.load(io.BytesIO(read_sealed(path)), allow_pickle=False) as saved:
        done = dict(saved)
    return done, float(done.pop("seconds"))


STUDY = Study(
    name=NAME,
    question="Are the singular values of real networks' Jacobians those of infinite width?",
    source="Pennington, Schoenholz & Ganguli (2017), section 2; (2018), sections 2 to 5",
    scales=SCALES,
    run=run,
    length=lambda spec: int(spec.depth * spec.draws),
)
