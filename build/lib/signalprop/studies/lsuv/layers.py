"""Instruments of the LSUV study: what each layer of a network makes of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...initializers import lsuv_
from ...lsuv import linear_layers
from ...networks import MLP

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Layers:
    """Statistics of the outputs of the layers of weights, the first layer first.

    Attributes
    ----------
    variance : (L,) over everything: examples, units and positions
    data_variance : (L,) across examples, averaged over units and positions
    gradient : (L,) root mean square of the cost's derivative by these outputs
    """

    variance: Floats
    data_variance: Floats
    gradient: Floats


def measure(network: nn.Module, inputs: Tensor, cost: Callable[[Tensor], Tensor]) -> Layers:
    """Send a batch through a network, and the gradient of a cost of its outputs back.

    Parameters
    ----------
    network : its dense and convolutional layers are looked at in the order of their definition;
        left as it was
    inputs : (batch, ...)
    cost : a number as a function of the outputs
    """
    outputs: list[Tensor] = []

    def keep(module: nn.Module, _: object, output: Tensor) -> None:
        outputs.append(output)

    hooks = [layer.register_forward_hook(keep) for layer in linear_layers(network).values()]
    try:
        with torch.enable_grad():
            final = cost(network(inputs))
    finally:
        for hook in hooks:
            hook.remove()
    gradients = torch.autograd.grad(final, outputs)
    kept = [output.detach() for output in outputs]
    return Layers(
        np.array([float(s.var(correction=0)) for s in kept]),
        np.array([float(s.var(0, correction=0).mean()) for s in kept]),
        np.array([float(g.square().mean().sqrt()) for g in gradients]),
    )


def dense(
    activation: str,
    remove_means: bool = False,
    depth: int = 18,
    width: int = 512,
    examples: int = 512,
    seed: int = 0,
) -> Layers:
    """Measure a dense network after LSUV on Gaussian noise, in double precision.

    The gradient that comes in at the top is Gaussian noise too.

    Parameters
    ----------
    activation, depth, width : the network, as many inputs as units in a layer
    remove_means : see `signalprop.initializers.lsuv_`
    examples : in the batch
    seed : of weights and noise
    """
    generator = torch.Generator().manual_seed(seed)
    network = MLP([width] * (depth + 1), activation).double()
    data, noise = torch.randn(2, examples, width, dtype=torch.float64, generator=generator)
    lsuv_(network, data, remove_means=remove_means, generator=generator)
    return measure(network, data, lambda outputs: (noise * outputs).sum())
