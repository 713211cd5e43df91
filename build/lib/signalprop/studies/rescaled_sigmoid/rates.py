r"""Deep sigmoid networks that learn with another learning rate in each layer, many at once.

Xu, Huang & Li (2016, section 2) name two ways to make a deep sigmoid network learn: a rate of its
own for each layer, the lower the larger, with starting weights that make up for the slopes, the
higher the larger; and the rescaled sigmoid.  They call the two roughly equivalent and run the
second.  Here are both, and what lies between them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...activations import Activation, get
from ...equivalence import change, changed, sigmoidal
from ...initializers import xavier_
from ...networks import MLP, initialize

Start = Literal["xavier", "four", "slopes", "exact"]
Rates = Literal["uniform", "lower 2", "lower 4", "lower 16", "exact"]


def slope_factors(activation: str | Activation, depth: int, signal: float) -> NDArray[np.float64]:
    r"""Return by what starting weights have to exceed Xavier's to make up for the slopes.

    .. math:: a_1 = 1, \qquad a_l^2 = \frac1{\mathbb{E}\,\phi'(\sqrt{q_{l-1}}\, z)^2}, \qquad
        q_l = a_l^2\; \mathbb{E}\,\phi(\sqrt{q_{l-1}}\, z)^2

    keeps the gradient's size from layer to layer of a wide network.  For the sigmoid the factors
    grow from layer to layer, since the units get more saturated: "the higher the larger".

    Parameters
    ----------
    activation : name or Activation of every hidden layer
    depth : number of hidden layers
    signal : mean square of the input, > 0

    Returns
    -------
    (depth + 1,)

    Examples
    --------
    >>> slope_factors("sigmoid", 4, signal=0.3).round(1)
    array([1. , 4.3, 6.1, 7.6, 8.6])
    """
    act, q, factors = get(activation), signal, [1.0]
    for _ in range(depth):
        factors.append(1 / math.sqrt(float(act.slope_square_mean(q))))
        q = factors[-1] ** 2 * float(act.square_mean(q))
    return np.array(factors)


def start(activation: str, weights: Start, widths: Sequence[int], seed: int, signal: float) -> MLP:
    """Build an untrained network whose weights are Xavier's times something.

    Parameters
    ----------
    activation : "sigmoid", "centred sigmoid" or "rescaled_sigmoid"
    weights : "xavier"; "four", four times that in all layers but the first; "slopes", times
        `slope_factors`; or "exact", what the rescaled sigmoid's network with Xavier's weights
        becomes for this activation, biases included
    widths : of the input and of each layer
    seed : of the weights
    signal : mean square of the input, for "slopes"
    """
    if weights == "exact":
        network = MLP(widths, "rescaled_sigmoid")
        initialize(network, xavier_, seed)
        return changed(network, activation)
    network = MLP(widths, sigmoidal(activation))
    initialize(network, xavier_, seed)
    factors = np.ones(len(widths) - 1)
    if weights == "four":
        factors[1:] = 4
    elif weights == "slopes":
        factors = slope_factors(network.activation, len(widths) - 2, signal)
    with torch.no_grad():
        for layer, factor in zip(network.layers, factors.tolist(), strict=True):
            layer.weight.mul_(factor)
    return network


def rate_factors(rates: Rates, layers: int) -> tuple[list[float], list[float]]:
    """Return the factors of the learning rates of weights and of biases, first layer first.

    Parameters
    ----------
    rates : "uniform"; "lower g", g times as high with each layer down, and 1 in the middle; or
        "exact", with which a centred sigmoid learns as the rescaled one does
    layers : of weights

    Examples
    --------
    >>> rate_factors("lower 4", 3)
    ([4.0, 1.0, 0.25], [4.0, 1.0, 0.25])
    >>> rate_factors("exact", 3)
    ([1.0, 16.0, 16.0], [1.0, 1.0, 1.0])
    """
    if rates == "exact":
        how = change("rescaled_sigmoid", "centred sigmoid")
        roles = ["first", *["middle"] * (layers - 2), "last"]
        pairs = [how.factors(role) for role in roles]  # type: ignore[arg-type]
        return [w**2 for w, _ in pairs], [b**2 for _, b in pairs]
    growth = 1.0 if rates == "uniform" else float(rates.removeprefix("lower "))
    factors = [growth ** ((layers + 1) / 2 - layer) for layer in range(1, layers + 1)]
    return factors, factors


@dataclass(frozen=True)
class Stack:
    """Copies of a network that learn at different rates, in few large products.

    Attributes
    ----------
    activation : of the hidden layers
    parameters : weights (copies, out, in) and biases (copies, 1, out), in turn
    rates : (copies, 1, 1) for each of them
    """

    activation: Activation
    parameters: list[Tensor]
    rates: list[Tensor]

    @classmethod
    def of(cls, network: MLP, base: Sequence[float], rates: Rates) -> Stack:
        """Copy a network, once for each base rate.

        Parameters
        ----------
        network : copied
        base : learning rates, which `rate_factors` multiplies
        rates : how those of the other layers follow from it
        """
        copies = torch.tensor(base, dtype=torch.float64).view(-1, 1, 1)
        of_weights, of_biases = rate_factors(rates, len(network.layers))
        parameters, all_rates = [], []
        for layer, w, b in zip(network.layers, of_weights, of_biases, strict=True):
            for value, factor in ((layer.weight, w), (layer.bias[None], b)):
                stacked = value.detach().double().expand(len(base), *value.shape).clone()
                parameters.append(stacked.requires_grad_())
                all_rates.append(factor * copies)
        return cls(network.activation, parameters, all_rates)

    def logits(self, x: Tensor) -> Tensor:
        """Return the outputs, (copies, batch, classes), for inputs (batch, features)."""
        h = x.expand(len(self.rates[0]), *x.shape)  # a view: the copies share it
        pairs = zip(self.parameters[::2], self.parameters[1::2], strict=True)
        for number, (weight, bias) in enumerate(pairs):
            h = torch.baddbmm(bias, self.activation(h) if number else h, weight.mT)
        return h

    def step(self, x: Tensor, labels: Tensor) -> Tensor:
        """Do one update on a batch; return the cost of each copy before it, (copies,)."""
        log_p = F.log_softmax(self.logits(x), -1)
        costs = -log_p[:, torch.arange(len(labels)), labels].mean(1)
        gradients = torch.autograd.grad(costs.sum(), self.parameters)
        with torch.no_grad():
            for p, gradient, rate in zip(self.parameters, gradients, self.rates, strict=True):
                p.addcmul_(rate, gradient, value=-1)
        return costs.detach()
