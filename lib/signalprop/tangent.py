"""The tangent kernel of a network at hand: how alike two examples move it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .networks import MLP

Floats = NDArray[np.float64]


@torch.no_grad()
def tangent_kernel(network: MLP, x: Tensor) -> Floats:
    r"""Return the tangent kernel of a network at some inputs, averaged over its outputs.

    .. math:: \Theta_{ij} = \frac{1}{K} \sum_{k=1}^{K}
        \Big\langle \frac{\partial f_k(x_i)}{\partial \theta},
        \frac{\partial f_k(x_j)}{\partial \theta} \Big\rangle

    A small step of gradient descent on an example j moves the outputs for an example i in
    proportion to it (Jacot, Gabriel & Hongler 2018).

    Parameters
    ----------
    network : of K outputs; theta is all its weights and biases
    x : (n, inputs)

    Returns
    -------
    (n, n)

    Notes
    -----
    The gradient of a weight matrix is an outer product of what enters and of what comes back, so
    the inner product of two of them is that of the signals times that of the gradients; no gradient
    is ever formed.

    Examples
    --------
    >>> network = MLP([2, 1], "linear")
    >>> tangent_kernel(network, torch.tensor([[1.0, 0.0], [1.0, 2.0]]))  # x . x' + 1
    array([[2., 2.],
           [2., 6.]])
    """
    entering, slopes = [x], []
    for layer in network.layers[:-1]:
        s = layer(entering[-1])
        slopes.append(network.activation.derivative(s))
        entering.append(network.activation(s))
    readout = network.layers[-1].weight
    kernel = _signals(entering[-1])
    back = readout[:, None, :].expand(-1, len(x), -1)
    for i in range(len(slopes) - 1, -1, -1):
        delta = back * slopes[i]
        kernel += (delta @ delta.mT).mean(0).double() * _signals(entering[i])
        back = delta @ network.layers[i].weight
    return kernel.numpy()


def _signals(h: Tensor) -> Tensor:
    """Return inner products of signals, to which a bias adds a unit that is always 1."""
    return (h @ h.t()).double() + 1


@dataclass(frozen=True)
class Conditioning:
    """What a kernel says of the time that gradient descent needs.

    Attributes
    ----------
    largest : its largest eigenvalue over n, which bounds the learning rate
    signal : what it passes of the labels: the mean over n of y^T K y / y^T y, y the labels one-hot
        less their mean

    Examples
    --------
    >>> Conditioning(largest=300.0, signal=3.0).ratio
    100.0
    """

    largest: float
    signal: float

    @property
    def ratio(self) -> float:
        """How many steps at the largest rate it takes, about, to move the outputs by the labels."""
        return self.largest / self.signal


def conditioning(kernel: Floats, labels: NDArray[np.int64]) -> Conditioning:
    """Return how a kernel is conditioned for some labels.

    Parameters
    ----------
    kernel : (n, n), symmetric
    labels : (n,), of two classes at least

    Raises
    ------
    ValueError
        If the shapes do not fit, or all labels are the same.

    Examples
    --------
    >>> round(conditioning(np.ones((4, 4)) + np.eye(4), np.array([0, 1, 0, 1])).ratio, 6)
    5.0
    """
    n = len(labels)
    if kernel.shape != (n, n):
        raise ValueError(f"kernel must be ({n}, {n}) for {n} labels, got {kernel.shape}")
    y = np.eye(int(labels.max()) + 1)[labels]
    y -= y.mean(0)
    if not y.any():
        raise ValueError("labels must be of two classes at least")
    signal = float(np.sum(y * (kernel @ y)) / np.sum(y**2))
    return Conditioning(float(np.linalg.eigvalsh(kernel)[-1]) / n, signal / n)
