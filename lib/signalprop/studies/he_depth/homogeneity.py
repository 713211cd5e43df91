r"""What a positive factor in the weights does to a ReLU network, and to its training.

A ReLU hands a positive factor on, and so do pooling and padding.  Let a network have weights
:math:`V_l` and biases :math:`b_l`, and another one

.. math:: W_l = a_l V_l, \qquad \beta_l = A_l b_l, \qquad A_l = a_1 a_2 \cdots a_l .

Then every layer of the second is the first's times :math:`A_l`, for every input, and so are the
outputs, :math:`f_W = A_L f_V`.  By the chain rule :math:`\partial C/\partial W_l =
a_l^{-1}\,\partial C/\partial V_l`, so a step of gradient descent on :math:`W_l` is a step on
:math:`V_l` with another rate:

.. math:: \Delta V_l = -\frac{\eta}{a_l^2} \frac{\partial C}{\partial V_l}, \qquad
    \Delta b_l = -\frac{\eta}{A_l^2} \frac{\partial C}{\partial b_l}, \qquad C = C(A_L f_V).

With momentum this holds step by step, and with weight decay if the decay of each layer is
multiplied by what its rate is divided by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

Weights = Literal["kaiming", "xavier", "xavier-first", "xavier-last"]
"""Starting weights: the two rules, and Xavier with the missing factor put back into a layer."""


def missing_factor(convolutions: int) -> float:
    r"""Return by what Kaiming's signal exceeds Xavier's after so many layers, :math:`2^{m/2}`."""
    return float(2 ** (convolutions / 2))


def factors(weights: Weights, convolutions: int, layers: int) -> NDArray[np.float64]:
    r"""Return the factors :math:`a_l` that make the given starting weights of Kaiming's, (layers,).

    Parameters
    ----------
    weights : which
    convolutions : layers that follow the rule; they come first
    layers : all of them; the others start alike in every case

    Raises
    ------
    ValueError
        If there are no such starting weights, or the numbers do not fit.

    Examples
    --------
    >>> factors("xavier-first", 2, 3).round(6)
    array([1.414214, 0.707107, 1.      ])
    """
    if weights not in get_args(Weights):
        raise ValueError(f"weights must be one of {', '.join(get_args(Weights))}, got {weights!r}")
    if not 0 < convolutions <= layers:
        raise ValueError(f"convolutions must be from 1 to {layers}, got {convolutions}")
    a = np.ones(layers)
    if weights != "kaiming":
        a[:convolutions] = np.sqrt(0.5)
    if weights == "xavier-first":
        a[0] *= missing_factor(convolutions)
    if weights == "xavier-last":
        a[-1] *= missing_factor(convolutions)
    return a


def rates(a: ArrayLike, rate: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return the rates :math:`\eta/a_l^2` of weights and :math:`\eta/A_l^2` of biases.

    They are those at which the unscaled network would have to learn to do as the scaled one does.

    Parameters
    ----------
    a : (layers,), positive
    rate : of the scaled network, the same in all layers

    Examples
    --------
    >>> weights, biases = rates([2.0, 0.5], 1.0)
    >>> weights.tolist(), biases.tolist()
    ([0.25, 4.0], [0.25, 1.0])
    """
    scales = _positive(a, np.size(a))
    return rate / np.square(scales), rate / np.square(np.cumprod(scales))


def parameter_groups(
    layers: Sequence[nn.Module], a: ArrayLike, rate: float, decay: float = 0.0
) -> list[dict[str, Any]]:
    """Return groups for an optimizer that let a network learn as the scaled one would.

    Parameters
    ----------
    layers : of the unscaled network
    a : (layers,), the factors of the scaled one
    rate, decay : learning rate and weight decay of the scaled one
    """
    of_weights, of_biases = rates(a, rate)
    return [
        {"params": [parameter], "lr": float(one), "weight_decay": decay * rate / float(one)}
        for layer, w, b in zip(layers, of_weights, of_biases, strict=True)
        for parameter, one in ((layer.weight, w), (layer.bias, b))
    ]


def learn(
    network: Callable[[Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    labels: Tensor,
    updates: int,
    factor: float = 1.0,
) -> NDArray[np.float64]:
    """Train on one batch, and return the logits before each update, (updates, batch, classes).

    Parameters
    ----------
    network : from inputs to logits
    optimizer : of its parameters
    inputs, labels : the batch
    updates : how many
    factor : multiplies the logits
    """
    seen = []
    for _ in range(updates):
        optimizer.zero_grad()
        logits = factor * network(inputs)
        F.cross_entropy(logits, labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        seen.append(logits.detach().numpy().copy())
    return np.stack(seen)


def _positive(a: ArrayLike, length: int) -> NDArray[np.float64]:
    scales = np.asarray(a, dtype=np.float64)
    if scales.shape != (length,) or not np.all((scales > 0) & (scales < np.inf)):
        raise ValueError(f"a must be {length} positive numbers, got {a!r}")
    return scales
