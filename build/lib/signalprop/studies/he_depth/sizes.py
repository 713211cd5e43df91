"""How large the signal and the gradient are in every layer of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...convnets import PlainConvNet
from ...training import Arrays


@dataclass(frozen=True)
class Sizes:
    """Second moments in every layer, on a fixed set of examples.

    Parameters
    ----------
    inputs : (examples, features)
    labels : (examples,), classes

    Notes
    -----
    Calling it with a network of ``L`` layers returns arrays, the first layer first; each value
    pools a layer's channels and pixels.

    ``signal`` : (L,), root mean square of the pre-activations
    ``data`` : (L,), root mean square of their deviation from the mean over examples
    ``gradient`` : (L,), root mean square of the mean cost's derivative by a weight
    ``weight`` : (L,), root mean square of the weights
    """

    inputs: Tensor
    labels: Tensor

    def __call__(self, network: PlainConvNet) -> Arrays:
        """Measure; the network is left as it was."""
        weights = [layer.weight for layer in network.layers]
        with torch.enable_grad():
            pre = network.pre_activations(self.inputs)
            gradients = torch.autograd.grad(F.cross_entropy(pre[-1], self.labels), weights)
        return {
            "signal": _sizes(pre),
            "data": _sizes([s - s.mean(0) for s in pre]),
            "gradient": _sizes(gradients),
            "weight": _sizes(weights),
        }


def _sizes(tensors: Sequence[Tensor]) -> NDArray[np.float32]:
    """Return the root mean square of each, the squares added in double precision."""
    squares = [float(t.detach().double().square().mean()) for t in tensors]
    return np.sqrt(squares).astype(np.float32)
