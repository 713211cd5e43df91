"""Plain SGD of deep dense networks in bfloat16, by few and large kernels on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor

from .fused import kernel
from .networks import MLP
from .training import Step, cross_entropy, optimizer_step

HALF = torch.bfloat16


def half_step(network: MLP, rate: float) -> Step:
    """Return plain SGD on the mean cross-entropy, with the hidden layers in bfloat16.

    Weights are kept and updated in float32, and rounded once a step; signals and gradients are
    rounded at every layer.  The last layer and the cost are computed in float32.  oneDNN applies
    the activation while it writes a product, the slope follows from the activation's value, and
    a gradient is subtracted from the weights as soon as it is there.

    Parameters
    ----------
    network : updated in place; parameters with ``requires_grad=False`` stay as they are
    rate : learning rate

    Notes
    -----
    Where `fused.kernel` knows no kernel for the activation, on another device for instance, or
    where some parameters are to stay, this is `training.optimizer_step` of the same descent, in
    autocast.

    Examples
    --------
    >>> network = MLP([4, 8, 3], "tanh")
    >>> step = half_step(network, rate=0.1)
    >>> inputs, labels = torch.ones(5, 4), torch.ones(5, dtype=torch.long)
    >>> costs = [float(step(inputs, labels)) for _ in range(20)]
    >>> costs[-1] < costs[0]
    True
    """
    *hidden, last = network.layers
    fast = kernel(network.activation, last.weight.new_empty(0, dtype=HALF))
    learning = [p for p in network.parameters() if p.requires_grad]
    if fast is None or len(learning) < len(list(network.parameters())):
        return optimizer_step(network, torch.optim.SGD(learning, lr=rate), half=True)
    linear = torch.ops.mkldnn._linear_pointwise

    @torch.no_grad()
    def step(inputs: Tensor, labels: Tensor) -> Tensor:
        y, entering, weights = inputs.to(HALF), [], []
        for layer in hidden:
            entering.append(y)
            weights.append(layer.weight.to(HALF))
            weight, bias = weights[-1], layer.bias.detach()
            if fast.enter != 1:
                weight, bias = weight * fast.enter, bias * fast.enter
            y = linear(y, weight, bias, fast.name, fast.scalars, "")
            if fast.finish is not None:
                y = fast.finish(y)
        leaving = [*entering[1:], y]
        h = y.float()
        cost, delta = cross_entropy(last(h), labels)
        back = torch.mm(delta, last.weight).to(HALF)
        last.weight.addmm_(delta.t(), h, alpha=-rate)
        last.bias.sub_(delta.sum(0), alpha=rate)
        for i in range(len(hidden) - 1, -1, -1):
            delta = fast.backward(back, leaving[i])
            hidden[i].weight.sub_(torch.mm(delta.t(), entering[i]), alpha=rate)
            hidden[i].bias.sub_(delta.sum(0), alpha=rate)
            if i:
                back = torch.mm(delta, weights[i])
        return cost

    return step
