"""The algorithm of Mishkin & Matas (2016) as it is printed: layer by layer, turn by turn."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...initializers import orthogonal_
from ...lsuv import linear_layers


@torch.no_grad()
def lsuv_loop(
    network: nn.Module,
    inputs: Tensor,
    tolerance: float = 0.02,
    turns: int = 20,
    generator: torch.Generator | None = None,
) -> int:
    """Initialize a network by their Algorithm 1; return how often the whole network was run.

    It is here to be compared with `signalprop.initializers.lsuv_`, which needs one forward pass and
    should be used instead.

    Parameters
    ----------
    network : overwritten; its layers are treated in the order of their definition
    inputs : the batch
    tolerance : of the variance of each layer's output; 0.02 in the authors' program
    turns : at most so many for a layer
    generator : source of randomness; torch's global one if None
    """
    for layer in linear_layers(network).values():
        orthogonal_(layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
    passes = 0
    for layer in linear_layers(network).values():
        for _ in range(turns):
            variance = _output_variance(network, layer, inputs)
            passes += 1
            if abs(variance - 1) <= tolerance:
                break
            layer.weight /= math.sqrt(variance)
    return passes


def _output_variance(network: nn.Module, layer: nn.Module, inputs: Tensor) -> float:
    """Run the network and return the variance of one layer's outputs, over everything."""
    found: list[float] = []

    def look(module: nn.Module, _: object, output: Tensor) -> None:
        found.append(float(output.var(correction=0)))

    with layer.register_forward_hook(look):
        network(inputs)
    return found[0]
