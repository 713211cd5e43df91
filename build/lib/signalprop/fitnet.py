"""FitNet-4, the thin and deep convolutional network of Mishkin & Matas (2016)."""

from __future__ import annotations

import math
from collections import OrderedDict

from torch import Tensor, nn

from .activations import Activation, get

CHANNELS = ((32, 32, 32, 48, 48), (80,) * 6, (128,) * 6)
"""Outputs of the convolutions between two poolings."""

HIDDEN_UNITS = 500
"""Of the one hidden dense layer."""


class Elementwise(nn.Module):
    """An activation as a layer.

    >>> Elementwise("tanh")
    Elementwise(tanh)
    """

    def __init__(self, activation: str | Activation) -> None:
        super().__init__()
        self.activation = get(activation)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation."""
        y: Tensor = self.activation(x)
        return y

    def extra_repr(self) -> str:
        """Return the name of the activation."""
        return self.activation.name


def fitnet4(
    activation: str | Activation,
    width: float = 1.0,
    image: tuple[int, int, int] = (3, 32, 32),
    classes: int = 10,
) -> nn.Sequential:
    """Build FitNet-4: 17 convolutions of 3 x 3 and two dense layers, 19 layers of weights.

    An activation follows every layer but the last; a maximum over 2 x 2 pixels follows the
    fifth and the eleventh convolution, and the maximum over the whole image the last.  The
    layers are those of the configurations that the paper's authors publish.

    Parameters
    ----------
    activation : name or Activation of every hidden layer
    width : multiple of the paper's channels (32 to 128) and hidden units (500), > 0
    image : channels, height and width of the images, height and width at least 4
    classes : outputs

    Returns
    -------
    the network, with torch's own starting weights; images come in flat, (batch, features), and
    logits come out, (batch, classes)

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    There is no dropout (the paper: 0.2 after the data, each pooling and the hidden dense
    layer).  It delays over-fitting in 230 epochs, whereas here the question is whether a
    network begins to learn; and a network without it repeats its runs bit for bit.

    Examples
    --------
    >>> import torch
    >>> network = fitnet4("tanh", width=0.25)
    >>> network(torch.zeros(2, 3 * 32 * 32)).shape
    torch.Size([2, 10])
    """
    if not 0 < width < math.inf:
        raise ValueError(f"width must be positive, got {width}")
    if min(image) < 1 or min(image[1:]) < 4:
        raise ValueError(
            f"image must be (channels, height, width) of 4 pixels or more, got {image}"
        )
    if classes < 2:
        raise ValueError(f"classes must be 2 or more, got {classes}")
    act = get(activation)
    layers: OrderedDict[str, nn.Module] = OrderedDict(image=nn.Unflatten(1, image))
    entering, number = image[0], 0
    for stage, stage_channels in enumerate(CHANNELS, start=1):
        for channels in stage_channels:
            number += 1
            leaving = max(round(width * channels), 1)
            layers[f"conv{number}"] = nn.Conv2d(entering, leaving, 3, padding=1)
            layers[f"act{number}"] = Elementwise(act)
            entering = leaving
        last = stage == len(CHANNELS)
        layers[f"pool{stage}"] = nn.AdaptiveMaxPool2d(1) if last else nn.MaxPool2d(2)
    hidden = max(round(width * HIDDEN_UNITS), 1)
    layers["flat"] = nn.Flatten()
    layers[f"dense{number + 1}"] = nn.Linear(entering, hidden)
    layers[f"act{number + 1}"] = Elementwise(act)
    layers[f"dense{number + 2}"] = nn.Linear(hidden, classes)
    return nn.Sequential(layers)
