"""Instruments that watch the layers of a network on a fixed set of examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from .activations import Activation
from .networks import MLP

Measurements = dict[str, NDArray[np.float32]]

QUANTILES = (0.5, 0.9, 0.98)
"""Levels of the quantiles of \\|activation\\| that a probe takes."""

EVALUATED = 2500
"""Examples that go through a network at once when it is tested; memory sets the limit."""


@dataclass(frozen=True)
class LayerProbe:
    """Statistics of every layer on a fixed set of examples.

    Parameters
    ----------
    inputs : (examples, inputs)
    labels : (examples,), classes
    bins : number of histogram bins over the activation's range, cut to [-5, 5]

    Notes
    -----
    Calling the probe with an `MLP` of ``L`` hidden layers returns arrays, the first
    hidden layer first.  Statistics pool the units of a layer and the examples.

    ``mean``, ``std`` : (L,), of the activations
    ``data_std`` : (L,), root mean square over units of the deviation across examples
    ``abs_quantiles`` : (L, 3), of the absolute activations at `QUANTILES`
    ``histogram`` : (L, bins), counts of activations
    ``signal_gradient_std`` : (L,), of the cost's derivative by the pre-activations, for
    the cost of one example
    ``weight_gradient_std``, ``weight_std`` : (L + 1,), of the mean cost's derivative by the
    weights, and of the weights
    ``cost``, ``error`` : (), mean cross-entropy in nats and fraction misclassified

    Examples
    --------
    >>> probe = LayerProbe(torch.randn(20, 4), torch.zeros(20, dtype=torch.long))
    >>> probe(MLP([4, 6, 5, 3], "tanh"))["std"].shape
    (2,)
    """

    inputs: Tensor
    labels: Tensor
    bins: int = 50

    def __call__(self, network: MLP) -> Measurements:
        """Measure; the network is left as it was."""
        with torch.enable_grad():
            pre, activations, logits = _forward(network, self.inputs)
            cost = F.cross_entropy(logits, self.labels)
            weights = [layer.weight for layer in network.layers]
            gradients = torch.autograd.grad(cost, pre + weights)
        signal, weight = gradients[: len(pre)], gradients[len(pre) :]
        with torch.no_grad():
            return {
                "mean": _each(activations, torch.mean),
                "std": _each(activations, torch.std),
                "data_std": _each(activations, lambda h: h.var(0).mean().sqrt()),
                "abs_quantiles": _each(activations, _abs_quantiles),
                "histogram": np.stack([self._histogram(network, h) for h in activations]),
                "signal_gradient_std": _each(signal, lambda g: g.std() * len(self.inputs)),
                "weight_gradient_std": _each(weight, torch.std),
                "weight_std": _each(weights, torch.std),
                "cost": _array(cost),
                "error": _array((logits.argmax(1) != self.labels).float().mean()),
            }

    def _histogram(self, network: MLP, h: Tensor) -> NDArray[np.float32]:
        counts = np.histogram(h.numpy(), self.bins, histogram_range(network.activation))[0]
        return counts.astype(np.float32)


@torch.no_grad()
def error_rate(
    network: nn.Module, inputs: Tensor, labels: Tensor, at_once: int = EVALUATED
) -> NDArray[np.float32]:
    """Return the fraction of examples, (n, ...), whose largest output is another class, ().

    >>> outputs = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> float(error_rate(nn.Identity(), outputs, torch.tensor([1, 1])))
    0.5
    """
    parts = zip(*(torch.split(t, at_once) for t in (inputs, labels)), strict=True)
    return _array(torch.cat([network(x).argmax(1) != y for x, y in parts]).float().mean())


def histogram_range(activation: Activation) -> tuple[float, float]:
    """Return the ends of a probe's histograms.

    >>> from signalprop import activations
    >>> histogram_range(activations.get("relu"))
    (0.0, 5.0)
    """
    low, high = activation.limits
    return max(low, -5.0), min(high, 5.0)


def _forward(network: MLP, x: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Return pre-activations and activations of the hidden layers, and the logits."""
    pre, activations = [], []
    for layer in network.layers[:-1]:
        pre.append(layer(x))
        x = network.activation(pre[-1])
        activations.append(x.detach())
    return pre, activations, network.layers[-1](x)


def _abs_quantiles(h: Tensor) -> Tensor:
    return torch.from_numpy(np.quantile(h.abs().numpy(), QUANTILES))


def _array(x: Tensor) -> NDArray[np.float32]:
    return x.detach().numpy().astype(np.float32)


def _each(tensors: Iterable[Tensor], statistic: Callable[[Tensor], Tensor]) -> NDArray[np.float32]:
    return np.stack([_array(statistic(x)) for x in tensors])
