"""Units with their sign turned, and how the signs are moved into the weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...networks import MLP


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
