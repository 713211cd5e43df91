"""Two devices of the paper: a penalty on activations, and units with their sign turned."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...networks import MLP
from ...training import Step


def sparse_step(network: MLP, rate: float, l1: float) -> Step:
    r"""Return plain SGD on the cross-entropy plus an L1 penalty on the hidden activations.

    .. math:: C = \Big\langle -\log p(y) + \lambda \sum_l \sum_j |h_{lj}| \Big\rangle

    The mean is over the examples of the batch, the sum over all hidden units.  As in
    `signalprop.training.in_place_step`, of which this is the variant with
    :math:`\partial C/\partial h_l = W_{l+1}^T \delta_{l+1} + \lambda\,\mathrm{sign}(h_l)/N`,
    no gradient of a weight matrix is stored.

    Parameters
    ----------
    network : updated in place
    rate : learning rate
    l1 : the coefficient, >= 0

    Raises
    ------
    ValueError
        If ``l1`` is negative.
    """
    if not l1 >= 0:
        raise ValueError(f"l1 must be >= 0, got {l1}")
    activation = network.activation
    layers = [(layer.weight, layer.bias) for layer in network.layers]
    slope = activation.value_slope or activation.derivative

    @torch.no_grad()
    def step(inputs: Tensor, labels: Tensor) -> Tensor:
        count = len(labels)
        h, values, at = inputs, [inputs], []
        for weight, bias in layers[:-1]:
            s = torch.mm(weight, h.t()).t().add(bias).contiguous()
            h = activation(s)
            values.append(h)
            at.append(s if slope is activation.derivative else h)
        weight, bias = layers[-1]
        log_p = F.log_softmax(torch.addmm(bias, h, weight.t()), 1)
        cost = F.nll_loss(log_p, labels)
        delta = log_p.exp_()
        delta[torch.arange(count), labels] -= 1
        delta /= count
        for i in range(len(layers) - 1, -1, -1):
            weight, bias = layers[i]
            back = torch.mm(delta, weight) if i else None  # with the weights before the update
            weight.addmm_(delta.t(), values[i], alpha=-rate)
            bias.sub_(delta.sum(0), alpha=rate)
            if back is not None:
                cost += values[i].abs().sum() * (l1 / count)
                back.add_(values[i].sign(), alpha=l1 / count)
                delta = back.mul_(slope(at[i - 1]))
        return cost

    return step


class Flipped(nn.Module):
    r"""A network whose hidden outputs are multiplied by fixed signs.

    Parameters
    ----------
    network : its layers are used, not copied
    signs : 1 or -1 for each unit, one tensor (width,) for each hidden layer

    Notes
    -----
    :math:`W (s \odot h) = (W\,\mathrm{diag}\,s)\,h`: the signs can be moved into the columns of
    the weights above.  `unflip` does so.
    """

    def __init__(self, network: MLP, signs: Sequence[Tensor]) -> None:
        super().__init__()
        self.network, self.signs = network, list(signs)

    def hidden(self, x: Tensor) -> list[Tensor]:
        """Return the outputs of each hidden layer, (batch, width) each, signs included."""
        outputs = []
        for layer, sign in zip(self.network.layers[:-1], self.signs, strict=True):
            x = self.network.activation(layer(x)) * sign
            outputs.append(x)
        return outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (batch, outputs), for inputs (batch, inputs)."""
        logits: Tensor = self.network.layers[-1](self.hidden(x)[-1])
        return logits


@torch.no_grad()
def unflip(flipped: Flipped, plain: MLP) -> None:
    """Give a plain network the weights with which it computes what the flipped one does."""
    plain.load_state_dict(flipped.network.state_dict())
    for layer, sign in zip(plain.layers[1:], flipped.signs, strict=True):
        layer.weight.mul_(sign)
