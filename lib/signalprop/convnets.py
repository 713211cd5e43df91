"""Plain deep convolutional networks: one layer after the other, no shortcuts, no normalization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .activations import Activation, get

Padding = Literal["circular", "zeros"]
Model = Literal["B", "E"]

DENSE_LAYERS = 3
"""Dense layers at the end of every network of He et al. (2015)."""

SHORTEST = {"B": 4 + DENSE_LAYERS, "E": 6 + DENSE_LAYERS}
"""Layers of the shallowest network of either kind."""


@dataclass(frozen=True)
class Stage:
    """Convolutions of one size, and the pooling after the last of them.

    Attributes
    ----------
    convolutions : how many
    channels : outputs of each
    kernel : pixels on a side
    stride : of the first of them
    pool : pixels on a side of which the maximum is taken; no pooling if 1

    Examples
    --------
    >>> Stage(2, 16, pool=1)
    Stage(convolutions=2, channels=16, kernel=3, stride=1, pool=1)
    """

    convolutions: int
    channels: int
    kernel: int = 3
    stride: int = 1
    pool: int = 2


class PlainConvNet(nn.Module):
    r"""Stages of convolutions, then dense layers: :math:`h_l = \phi(W_l * h_{l-1} + b_l)`.

    Parameters
    ----------
    stages : at least one
    dense : units of the dense layers, the number of classes last
    activation : name or `Activation` of every layer but the last, which is linear
    image : channels, height and width
    padding : "circular" wraps images round, so that every pixel has the same number of
        neighbours, as the theory of starting weights supposes; "zeros" puts zeros around them

    Raises
    ------
    ValueError
        If a size is not positive, the image is too small for the stages, or a name is unknown.

    Notes
    -----
    ``layers`` are the layers with weights, the first one first; their number is the depth.
    ``leading`` are the modules in front of each: poolings, paddings, changes of shape.

    Examples
    --------
    >>> network = PlainConvNet([Stage(1, 8), Stage(2, 16, kernel=2)], [20, 10])
    >>> network(torch.zeros(5, 3 * 32 * 32)).shape
    torch.Size([5, 10])
    >>> [tuple(s.shape[1:]) for s in network.pre_activations(torch.zeros(1, 3 * 32 * 32))]
    [(8, 32, 32), (16, 16, 16), (16, 16, 16), (20,), (10,)]
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        dense: Sequence[int],
        activation: str | Activation = "relu",
        image: tuple[int, int, int] = (3, 32, 32),
        padding: Padding = "circular",
    ) -> None:
        super().__init__()
        for name, sizes in (("stages", stages), ("dense", dense), ("image", image)):
            if not sizes:
                raise ValueError(f"{name} must not be empty")
        for name, sizes in (("dense", dense), ("image", image)):
            if min(sizes) < 1:
                raise ValueError(f"{name} must be positive integers, got {sizes}")
        if padding not in get_args(Padding):
            raise ValueError(f"padding must be one of circular, zeros; got {padding!r}")
        self.activation = get(activation)
        # Torch's own rectifier does the same in one pass over the memory.
        relu = self.activation.name == "relu"
        self._activate = F.relu if relu else self.activation
        units = _units(stages, image)
        layers, leading = _convolutions(stages, image, padding)
        for leaving in dense:
            layers.append(nn.Linear(units, leaving))
            leading.append([])
            units = leaving
        pools = [stage.pool for stage in stages]
        leading[-len(dense)] = [*_pooling(pools[-1]), nn.Flatten()]
        self.layers = cast("Sequence[nn.Conv2d | nn.Linear]", nn.ModuleList(layers))
        self.leading = nn.ModuleList(nn.Sequential(*modules) for modules in leading)

    def pre_activations(self, x: Tensor) -> list[Tensor]:
        """Return the pre-activations of each layer, (batch, ...), for flat images; logits last."""
        pre: list[Tensor] = []
        for layer, lead in zip(self.layers, self.leading, strict=True):
            pre.append(layer(lead(self._activate(pre[-1]) if pre else x)))
        return pre

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (batch, classes), for flat images (batch, features)."""
        return self.pre_activations(x)[-1]


def conv_stack(
    model: Model,
    depth: int,
    width: int,
    dense: int,
    classes: int = 10,
    image: tuple[int, int, int] = (3, 32, 32),
    padding: Padding = "circular",
) -> PlainConvNet:
    """Build a ReLU network of the shape of model B or E of He et al. (2015), for small images.

    Both begin with a large kernel, stride 2 and a pooling, and end with three dense layers.
    Between these, B has three stages of 3 x 3 convolutions, as equal as may be, with 1/2, 1 and 1
    times ``width`` channels.  E has four convolutions of 2 x 2 with half of ``width``, then all
    the others, 2 x 2 again.  In the paper B has 22 layers and width 512; E has 14, or 30 with
    16 more in its last stage, and width 256; 4096 dense units.

    Parameters
    ----------
    model : "B" or "E"
    depth : layers with weights, dense ones included; at least `SHORTEST`
    width : channels of the widest convolutions, at least 4
    dense : units of the two hidden dense layers
    classes : outputs
    image : channels, height and width; 32 x 32 pixels become 8 x 8 in the first stage, and then
        half as many in each
    padding : see `PlainConvNet`

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Other than in the paper, the first kernel is 5 x 5 instead of 7 x 7, E's first pooling 2 x 2
    instead of 3 x 3, and a pooling of 2 x 2 stands for the spatial pyramid at the end.

    Examples
    --------
    >>> [len(conv_stack("E", depth, 32, 128).layers) for depth in (14, 30)]
    [14, 30]
    """
    if model not in SHORTEST:
        raise ValueError(f"model must be one of {', '.join(SHORTEST)}, got {model!r}")
    if depth < SHORTEST[model]:
        raise ValueError(f"depth must be at least {SHORTEST[model]}, got {depth}")
    if width < 4:
        raise ValueError(f"width must be at least 4, got {width}")
    convolutions = depth - DENSE_LAYERS - 1
    if model == "B":
        stem, channels = 3 * width // 16, [width // 2, width, width]
        numbers = [len(range(k, convolutions, 3)) for k in range(3)]
        kernel = 3
    else:
        stem, channels = width // 4, [width // 2, width]
        numbers = [4, convolutions - 4]
        kernel = 2
    stages = [Stage(1, max(stem, 1), kernel=5, stride=2)]
    stages += [Stage(n, c, kernel) for n, c in zip(numbers, channels, strict=True)]
    return PlainConvNet(stages, [dense, dense, classes], "relu", image, padding)


def share_inside(kernel: int, size: int) -> float:
    """Return which share of the pixels under a kernel lies inside the image, on average.

    The others are zeros, where the image is padded with them: this is by what they lower the
    second moment of the output, position by position averaged (and exactly so if the second
    moment of the input is the same everywhere).

    Parameters
    ----------
    kernel : pixels on a side, > 0
    size : of the image, pixels on a side, at least ``kernel // 2``

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> share_inside(2, 4), round(share_inside(3, 1), 4)
    (0.765625, 0.1111)
    """
    if kernel < 1 or size < max(kernel // 2, 1):
        raise ValueError(f"kernel and size must be positive and fit, got {kernel} and {size}")
    before, after = (kernel - 1) // 2, kernel // 2
    lost = before * (before + 1) / 2 + after * (after + 1) / 2
    return (1 - lost / (kernel * size)) ** 2


# --- parts --------------------------------------------------------------------------------


def _convolutions(
    stages: Sequence[Stage], image: tuple[int, int, int], padding: Padding
) -> tuple[list[nn.Module], list[list[nn.Module]]]:
    """Return the convolutions and the modules in front of each."""
    layers: list[nn.Module] = []
    leading: list[list[nn.Module]] = []
    channels, pool = image[0], 1
    for stage in stages:
        for number in range(stage.convolutions):
            stride = stage.stride if number == 0 else 1
            layers.append(nn.Conv2d(channels, stage.channels, stage.kernel, stride))
            leading.append([*_pooling(pool), *_padding(stage.kernel, padding)])
            channels, pool = stage.channels, 1
        pool = stage.pool
    leading[0].insert(0, nn.Unflatten(1, image))
    return layers, leading


def _units(stages: Sequence[Stage], image: tuple[int, int, int]) -> int:
    """Return the number of outputs of the last stage."""
    channels, *size = image
    for stage in stages:
        if min(stage.convolutions, stage.channels, stage.kernel, stage.stride, stage.pool) < 1:
            raise ValueError(f"every number of a stage must be positive, got {stage}")
        # Circular padding cannot wrap an image round more than once.
        if min(size) < stage.kernel // 2:
            raise ValueError(f"image is too small: of {image} only {size} is left for {stage}")
        size = [-(-pixels // stage.stride) // stage.pool for pixels in size]
        channels = stage.channels
    if min(size) < 1:
        raise ValueError(f"image is too small: nothing of {image} is left after {stages[-1]}")
    return channels * size[0] * size[1]


def _pooling(pool: int) -> list[nn.Module]:
    return [nn.MaxPool2d(pool)] if pool > 1 else []


def _padding(kernel: int, padding: Padding) -> list[nn.Module]:
    """Return what lets a kernel of stride 1 leave the image's size as it is."""
    if kernel == 1:
        return []
    before, after = (kernel - 1) // 2, kernel // 2
    if padding == "circular":
        return [Wrap(before, after)]
    return [nn.ZeroPad2d((before, after, before, after))]


class Wrap(nn.Module):
    """Continue images periodically, on small ones faster than ``torch.nn.CircularPad2d``.

    Parameters
    ----------
    before, after : pixels added above and below, left and right

    Examples
    --------
    >>> Wrap(0, 1)(torch.tensor([[1, 2], [3, 4]]))
    tensor([[1, 2, 1],
            [3, 4, 3],
            [1, 2, 1]])
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before, self.after = before, after

    def forward(self, x: Tensor) -> Tensor:
        """Return images (..., height + before + after, width + before + after)."""
        for axis in (-1, -2):
            size = x.shape[axis]
            parts = [x, x.narrow(axis, 0, self.after)]
            if self.before:
                parts.insert(0, x.narrow(axis, size - self.before, self.before))
            x = torch.cat(parts, axis)
        return x

    def extra_repr(self) -> str:
        """Return the numbers of pixels."""
        return f"{self.before}, {self.after}"
