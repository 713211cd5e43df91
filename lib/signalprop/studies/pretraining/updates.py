"""One update of the pre-training, and how long one takes."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ...activations import Activation
from ...networks import MLP
from ...pretraining import TiedPair, Update, contrastive_divergence_step, denoising_step
from ...training import in_place_step
from ..glorot_saturation import BATCH

if TYPE_CHECKING:
    from . import Spec

BURSTS, BURST = 10, 20
"""Bursts that are timed, and updates in each."""


def method(spec: Spec) -> Callable[[TiedPair, torch.Generator], Update]:
    """Return what makes the updates of a spec's pre-training."""

    def make(pair: TiedPair, generator: torch.Generator) -> Update:
        if spec.pretraining == "rbms":
            return contrastive_divergence_step(
                pair, spec.pretraining_rate, spec.gibbs_steps, generator
            )
        return denoising_step(pair, spec.pretraining_rate, spec.corruption, generator)

    return make


def step_milliseconds(spec: Spec, network: MLP, inputs: Tensor, labels: Tensor) -> dict[str, float]:
    """Time one update of each kind on copies of a network.

    Parameters
    ----------
    spec, network : as trained
    inputs, labels : of which the first make the batches of a burst, `BURST` of them

    Returns
    -------
    milliseconds an update in the quickest of `BURSTS` bursts, which other work on the machine
    disturbs least, without drawing the images: ``ms_all_layers`` by back-propagation; layer-wise
    (``ms_autoencoders``, ``ms_cd1``, ``ms_cd10``) the sum over all hidden layers, so that each
    gets one update, and what leads there through the layers below
    """
    inputs, labels = inputs[: BURST * BATCH], labels[: BURST * BATCH]
    whole = copy.deepcopy(network)
    step = in_place_step(whole, spec.rate)

    def all_layers() -> None:
        for x, y in zip(_batches(inputs), _batches(labels), strict=True):
            step(x, y)

    bursts = {"all_layers": [all_layers]}
    kinds = {
        "autoencoders": replace(spec, pretraining="autoencoders"),
        "cd1": replace(spec, pretraining="rbms", gibbs_steps=1),
        "cd10": replace(spec, pretraining="rbms", gibbs_steps=10),
    }
    for name, kind in kinds.items():
        layers = copy.deepcopy(network).layers[:-1]
        bursts[name] = [
            _burst(kind, layers, i, network.activation, inputs) for i in range(len(layers))
        ]
    best = dict.fromkeys(bursts, np.inf)
    for _ in range(BURSTS):
        for name, calls in bursts.items():
            start = time.perf_counter()
            for call in calls:
                call()
            best[name] = min(best[name], time.perf_counter() - start)
    updates = len(_batches(inputs))
    return {f"ms_{name}": 1000 * seconds / updates for name, seconds in best.items()}


def _burst(
    spec: Spec, layers: Sequence[nn.Linear], i: int, activation: Activation, inputs: Tensor
) -> Callable[[], None]:
    """Return what gives layer i one update for each batch, as `pretrain` does it."""
    pair = TiedPair(layers[i], activation, activation if i else "sigmoid")
    update = method(spec)(pair, torch.Generator().manual_seed(0))

    @torch.no_grad()
    def burst() -> None:
        x = inputs
        for layer in layers[:i]:
            x = activation(layer(x))
        for v in _batches(x):
            update(v)

    return burst


def _batches(x: Tensor) -> Tensor:
    return x.reshape(-1, BATCH, *x.shape[1:])
