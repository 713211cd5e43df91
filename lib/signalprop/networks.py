"""Plain deep multi-layer perceptrons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from .activations import Activation, get


class MLP(nn.Module):
    r"""A dense feed-forward network: :math:`h_l = \phi(W_l h_{l-1} + b_l)`, linear at the end.

    Parameters
    ----------
    widths : units of each layer, the input first and the output last; at least two
    activation : name or `Activation` of the hidden layers

    Raises
    ------
    ValueError
        If a width is not positive, there are fewer than two, or the activation is unknown.

    Notes
    -----
    The layers are ``torch.nn.Linear`` modules with torch's own starting weights; use
    `initialize` for others.

    Examples
    --------
    >>> network = MLP([1024, 100, 100, 9], "sigmoid")
    >>> network(torch.zeros(5, 1024)).shape
    torch.Size([5, 9])
    >>> [tuple(h.shape) for h in network.hidden(torch.zeros(5, 1024))]
    [(5, 100), (5, 100)]
    """

    def __init__(self, widths: Sequence[int], activation: str | Activation) -> None:
        super().__init__()
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"widths must be two or more positive integers, got {widths}")
        self.activation = get(activation)
        modules = nn.ModuleList(nn.Linear(m, n) for m, n in pairwise(widths))
        self.layers = cast("Sequence[nn.Linear]", modules)

    def hidden(self, x: Tensor) -> list[Tensor]:
        """Return the activations of each hidden layer, (batch, width) each."""
        activations = []
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
            activations.append(x)
        return activations

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs (logits), (batch, outputs), for inputs (batch, inputs)."""
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        logits: Tensor = self.layers[-1](x)
        return logits


class Layered(Protocol):
    """A network with its layers of weights in ``layers``, the first one first.

    >>> network: Layered = MLP([3, 4, 2], "tanh")
    >>> len(network.layers)
    2
    """

    @property
    def layers(self) -> Sequence[nn.Linear | nn.Conv2d]:
        """Return the layers."""
        ...


def initialize(
    network: Layered,
    fill: Callable[..., Tensor] | Sequence[Callable[..., Tensor]],
    seed: int,
) -> None:
    """Draw the weights and set the biases to zero, in place.

    Parameters
    ----------
    network : overwritten
    fill : an initializer of this package, or one for each layer, the first layer first
    seed : the weights depend on nothing else

    Raises
    ------
    ValueError
        If a sequence of initializers has not the length of the network.

    Examples
    --------
    >>> network = MLP([3, 4, 2], "tanh")
    >>> initialize(network, nn.init.orthogonal_, seed=0)
    >>> network.layers[0].bias.tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    fills = [fill] * len(network.layers) if callable(fill) else list(fill)
    if len(fills) != len(network.layers):
        raise ValueError(f"fill must name {len(network.layers)} initializers, got {len(fills)}")
    generator = torch.Generator().manual_seed(seed)
    for layer, fill_layer in zip(network.layers, fills, strict=True):
        fill_layer(layer.weight, generator=generator)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
