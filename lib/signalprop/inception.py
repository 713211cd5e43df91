"""The Inception network for small images, without normalization.

Ten blocks of parallel convolutions, 31 layers of weights on the longest path: the network that
the first author of the CIFAR-100 table had published for this data set, less its normalization.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from .activations import Activation, get
from .fused import convolve, fan_out

Pool = Literal["average", "maximum"]


class Shape(NamedTuple):
    """Outputs of the convolutions of a block.

    The paths are: one pixel; one pixel, then 3 x 3; one pixel, then 3 x 3 twice; pooling of
    3 x 3, then one pixel.  A block that halves the image has no first path, a stride of 2 in
    the last convolution of the others, and nothing after its pooling.

    >>> shape = BLOCKS["3a"]
    >>> shape.outputs(channels=192), shape.times(0.5).outputs(channels=96), shape.halves
    (256, 128, False)
    """

    single: int
    reduce: int
    triple: int
    reduce_double: int
    double: int
    pool: Pool
    projection: int

    @property
    def halves(self) -> bool:
        """Return whether the block halves the image."""
        return self.single == 0

    def times(self, width: float) -> Shape:
        """Return the shape with another number of channels everywhere."""

        def scaled(channels: int) -> int:
            return max(round(width * channels), 1) if channels else 0

        channels: dict[str, Any] = {
            name: scaled(value) for name, value in self._asdict().items() if name != "pool"
        }
        return self._replace(**channels)

    def outputs(self, channels: int) -> int:
        """Return the outputs of a block of that many inputs."""
        return (
            self.single + self.triple + self.double + (channels if self.halves else self.projection)
        )


BLOCKS: Mapping[str, Shape] = {
    "3a": Shape(64, 64, 64, 64, 96, "average", 32),
    "3b": Shape(64, 64, 96, 64, 96, "average", 64),
    "3c": Shape(0, 128, 160, 64, 96, "maximum", 0),
    "4a": Shape(224, 64, 96, 96, 128, "average", 128),
    "4b": Shape(192, 96, 128, 96, 128, "average", 128),
    "4c": Shape(160, 128, 160, 128, 160, "average", 128),
    "4d": Shape(96, 128, 192, 160, 192, "average", 128),
    "4e": Shape(0, 128, 192, 192, 256, "maximum", 0),
    "5a": Shape(352, 192, 320, 160, 224, "average", 128),
    "5b": Shape(352, 192, 320, 192, 224, "maximum", 128),
}
"""The blocks in their order, by their names in Ioffe & Szegedy (2015)."""

STEM = ((64, 7), (64, 1), (192, 3))
"""Outputs and kernels of the three convolutions in front, in the variant of 33."""

IMAGE = (3, 28, 28)
"""Channels, height and width of the recipe's images."""


class Convolution(nn.Conv2d):
    """A convolution and its activation; zeros are put round the image.

    Parameters
    ----------
    channels, outputs : numbers of channels
    kernel, stride : pixels; the kernel odd
    activation : applied to the sums

    Examples
    --------
    >>> convolution = Convolution(3, 8, kernel=5, activation=get("tanh"), stride=2)
    >>> convolution(torch.zeros(1, 3, 28, 28)).shape
    torch.Size([1, 8, 14, 14])
    """

    fused = False

    def __init__(
        self, channels: int, outputs: int, kernel: int, activation: Activation, stride: int = 1
    ) -> None:
        super().__init__(channels, outputs, kernel, stride, kernel // 2)
        self.activation = activation

    @property
    def shift(self) -> Tensor:
        """Return the bias."""
        assert self.bias is not None
        return self.bias

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs (batch, outputs, height / stride, width / stride)."""
        if self.fused:
            return convolve(x, self.weight, self.shift, self.stride[0], self.activation)
        y: Tensor = self.activation(super().forward(x))
        return y


class Block(nn.Module):
    """Paths of convolutions side by side, their outputs joined.

    Parameters
    ----------
    channels : inputs
    shape : see `Shape`
    activation : after every convolution

    Examples
    --------
    >>> block = Block(16, BLOCKS["3c"].times(0.125), get("tanh"))  # it halves the image
    >>> block(torch.zeros(1, 16, 28, 28)).shape
    torch.Size([1, 48, 14, 14])
    """

    fused = False

    def __init__(self, channels: int, shape: Shape, activation: Activation) -> None:
        super().__init__()
        self.shape = shape
        stride = 2 if shape.halves else 1

        def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> Convolution:
            return Convolution(inputs, outputs, kernel, activation, stride)

        self.reduce = convolution(channels, shape.reduce, 1)
        self.triple = convolution(shape.reduce, shape.triple, 3, stride)
        self.reduce_double = convolution(channels, shape.reduce_double, 1)
        self.double1 = convolution(shape.reduce_double, shape.double, 3)
        self.double2 = convolution(shape.double, shape.double, 3, stride)
        self.pool: nn.Module
        if shape.pool == "average":
            self.pool = nn.AvgPool2d(3, 1, 1)
        else:
            self.pool = nn.MaxPool2d(3, stride, 2 - stride, ceil_mode=True)
        if not shape.halves:
            self.single = convolution(channels, shape.single, 1)
            self.projection = convolution(channels, shape.projection, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, outputs, height, width), or half the height and width, rounded up."""
        if self.fused:
            return self._fused(x)
        paths = [self.triple(self.reduce(x)), self.double2(self.double1(self.reduce_double(x)))]
        if self.shape.halves:
            return torch.cat([*paths, self.pool(x)], 1)
        return torch.cat([self.single(x), *paths, self.projection(self.pool(x))], 1)

    def _fused(self, x: Tensor) -> Tensor:
        """Return the same; all that reads ``x`` by single pixels reads it together."""
        together = [self.reduce, self.reduce_double]
        if not self.shape.halves:
            together.append(self.single)
        commutes = self.shape.pool == "average"
        (reduced, reduced_double, *single), pooled = fan_out(
            x,
            [c.weight for c in together],
            [c.shift for c in together],
            self.projection.weight if commutes else None,
            self.reduce.activation,
        )
        paths = [*single, self.triple(reduced), self.double2(self.double1(reduced_double))]
        if pooled is not None:
            shift = self.projection.shift.to(pooled.dtype)
            last = self.projection.activation(pooled + shift.view(-1, 1, 1))
        else:
            last = self.pool(x) if self.shape.halves else self.projection(self.pool(x))
        return torch.cat([*paths, last], 1)


class Inception(nn.Module):
    """The network: a stem if there is one, the blocks, the mean over the image, a dense layer.

    Parameters
    ----------
    activation : name or `Activation` after every convolution
    width : multiple of the published numbers of channels, > 0
    stem : whether three convolutions of stride 1 come before the blocks: 33 convolutions on the
        longest path, instead of 30
    classes : outputs, at least 2
    image : channels, height and width; height and width multiples of 4
    fused : whether to compute the same in the way that trains fast, see `fused`; the modules
        inside are then passed by, and no hook of theirs is called

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Images come in flat, (batch, features), and logits come out, (batch, classes).  Under
    ``torch.autocast`` the convolutions run in its type.

    Examples
    --------
    >>> network = Inception("tanh", width=0.125)
    >>> network(torch.zeros(2, 3 * 28 * 28)).shape
    torch.Size([2, 100])
    >>> len(network.layers), network.depth
    (67, 31)
    """

    def __init__(
        self,
        activation: str | Activation,
        width: float = 1.0,
        stem: bool = False,
        classes: int = 100,
        image: tuple[int, int, int] = IMAGE,
        fused: bool = False,
    ) -> None:
        super().__init__()
        if not 0 < width < math.inf:
            raise ValueError(f"width must be positive, got {width}")
        if min(image) < 1 or image[1] % 4 or image[2] % 4:
            raise ValueError(
                f"image must be (channels, height, width), the last two multiples of 4, got {image}"
            )
        if classes < 2:
            raise ValueError(f"classes must be 2 or more, got {classes}")
        self.activation, self.image = get(activation), image
        channels = image[0]
        self.stem = nn.Sequential()
        for outputs, kernel in STEM if stem else ():
            outputs = max(round(width * outputs), 1)
            self.stem.append(Convolution(channels, outputs, kernel, self.activation))
            channels = outputs
        self.blocks = nn.ModuleDict()
        for name, published in BLOCKS.items():
            shape = published.times(width)
            self.blocks[name] = Block(channels, shape, self.activation)
            channels = shape.outputs(channels)
        self.classifier = nn.Linear(channels, classes)
        self.fuse(fused)
        # The order in memory in which oneDNN's convolutions read thin images fastest.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def fuse(self, on: bool = True) -> Inception:
        """Choose the way in which the network computes; return the network."""
        self.fused = on
        for module in self.modules():
            if isinstance(module, Convolution | Block):
                module.fused = on
        return self

    @property
    def layers(self) -> dict[str, nn.Conv2d | nn.Linear]:
        """Return the layers with weights by name, the first one first."""
        return {n: m for n, m in self.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}

    @property
    def first(self) -> dict[str, nn.Conv2d | nn.Linear]:
        """Return those that read the image."""
        if len(self.stem):
            return {"stem.0": self.layers["stem.0"]}
        names = ("single", "reduce", "reduce_double", "projection")
        return {f"blocks.3a.{name}": self.layers[f"blocks.3a.{name}"] for name in names}

    @property
    def depth(self) -> int:
        """Return the number of layers with weights on the longest path."""
        return len(self.stem) + 3 * len(self.blocks) + 1

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (batch, classes), for flat images (batch, features)."""
        x = x.view(-1, *self.image).contiguous(memory_format=torch.channels_last)
        device = x.device.type
        autocast = torch.is_autocast_enabled(device)
        if autocast and self.fused:
            x = x.to(torch.get_autocast_dtype(device))
        with torch.autocast(device, enabled=autocast and not self.fused):
            x = self.stem(x)
            for block in self.blocks.values():
                x = block(x)
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits
