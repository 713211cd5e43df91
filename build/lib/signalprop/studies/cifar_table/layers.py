"""What each convolution of the Inception network makes of a batch of images."""

from __future__ import annotations

import copy
import functools

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ...activations import Activation
from ...inception import Convolution, Inception
from ...saturation import MARGIN
from ...training import Arrays

NEAR = 1 - 2 * MARGIN
"""A unit is saturated this far on its way from the value at 0 to a limit.

For a sigmoid: within `MARGIN` of 0 or 1.
"""


def measure(network: Inception, inputs: Tensor, labels: Tensor) -> Arrays:
    """Send images through a network and the gradient of the mean cost back, in double precision.

    Parameters
    ----------
    network : left as it was
    inputs : (batch, features)
    labels : (batch,)

    Returns
    -------
    arrays by name, one value for each convolution in the order of ``network.layers``: ``mean``
    and ``variance`` of its activations over everything; ``data_variance`` across images, averaged
    over channels and positions; ``gradient``, the root mean square of the derivative of the mean
    cost by them, times the batch; ``upper`` and ``lower``, the fractions saturated at either limit
    """
    precise = copy.deepcopy(network).fuse(False).double()
    activations: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, _: object, output: Tensor) -> None:
        activations[name] = output

    layers = {n: m for n, m in precise.layers.items() if isinstance(m, Convolution)}
    for name, layer in layers.items():
        layer.register_forward_hook(functools.partial(keep, name))
    with torch.enable_grad():
        cost = F.cross_entropy(precise(inputs.double()), labels)
        gradients = torch.autograd.grad(cost, [activations[name] for name in layers])
    kept = [activations[name].detach() for name in layers]
    ends = [saturated(precise.activation, h) for h in kept]
    found = {
        "mean": [h.mean() for h in kept],
        "variance": [h.var(correction=0) for h in kept],
        "data_variance": [h.var(0, correction=0).mean() for h in kept],
        "gradient": [g.square().mean().sqrt() * len(inputs) for g in gradients],
        "lower": [lower for lower, _ in ends],
        "upper": [upper for _, upper in ends],
    }
    return {name: _array(values) for name, values in found.items()}


def saturated(activation: Activation, h: Tensor) -> tuple[Tensor, Tensor]:
    """Return the fractions of activations that are saturated below and above.

    A rectifier, whose lower limit is its value at 0, has no lower saturation in this sense, and
    where there is no limit there is none either.

    Examples
    --------
    >>> from signalprop.activations import get
    >>> lower, upper = saturated(get("tanh"), torch.tensor([-0.95, 0.0, 0.8, 0.95]))
    >>> float(lower), float(upper)
    (0.25, 0.25)
    """
    low, high = activation.limits
    start = float(activation(0.0))
    none = torch.zeros((), dtype=torch.float64)
    lower = (start - h > NEAR * (start - low)).double().mean() if low < start else none
    upper = (h - start > NEAR * (high - start)).double().mean() if high < np.inf else none
    return lower, upper


def _array(values: list[Tensor]) -> NDArray[np.float32]:
    return torch.stack(values).double().numpy().astype(np.float32)
