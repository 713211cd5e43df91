"""What is noted of layers and activations in a pass, and how it is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..activations import Activation
from ..elementwise import Elementwise, identify, reference_slopes, slopes
from ..saturation import MARGIN
from .inputs import precise

SATURATED = 4 * MARGIN * (1 - MARGIN)
"""Share of its largest slope below which an activation counts as saturated.

It is the sigmoid's within 0.05 of 0 or 1, and the slope of tanh beyond 0.9.
"""

DEAD = 1e-3
"""Share of its largest slope below which an activation lets nothing through."""


@dataclass
class ActivationRecord:
    """What one call of an activation did to a batch.

    Attributes
    ----------
    name : of the module that called it, and the function's
    saturated : share of all units and examples whose slope is below `SATURATED` of the largest
    dead : share of units, or of channels of images, below `DEAD` of it for every example
    ordinary : share that would be saturated if its inputs were standard normal numbers
    slope_square : mean squared slope
    function : what was called, with all but its first argument
    input, output : tensors
    example_slopes : slopes at the example that was asked for, flat

    Examples
    --------
    >>> x = torch.tensor([[-1.0, 2.0]])
    >>> note = ActivationRecord("relu", 0.5, 0.5, 0.5, 0.5, torch.relu, x)
    >>> note.known_as().name
    'relu'
    """

    name: str
    saturated: float
    dead: float
    ordinary: float
    slope_square: float
    function: Elementwise
    input: Tensor
    output: Tensor | None = None
    example_slopes: Tensor | None = None

    def known_as(self) -> Activation | None:
        """Return the activation in the terms of the theory, None if it has none."""
        try:
            return identify(self.function, self.name)
        except ValueError:
            return None


@dataclass
class LayerRecord:
    """What one call of a layer of weights did to a batch, and to the gradient.

    Attributes
    ----------
    name, module : the layer
    shape : of the output of one example
    second_moment : of its outputs, over units and examples
    data_share : share of it that is variance across examples; None for a single example
    gradient : second moment of the gradient by its outputs, for the cost of one example
    weight, weight_gradient : root mean square of its weights and of their gradient
    activations : that followed, before the next layer
    input, output : tensors

    Examples
    --------
    >>> LayerRecord("0", nn.Linear(3, 2), (2,), second_moment=1.0, data_share=0.5).activations
    []
    """

    name: str
    module: nn.Module
    shape: tuple[int, ...]
    second_moment: float
    data_share: float | None
    gradient: float | None = None
    weight: float | None = None
    weight_gradient: float | None = None
    activations: list[ActivationRecord] = field(default_factory=list)
    input: Tensor | None = None
    output: Tensor | None = None


@dataclass
class Recording:
    """All that a pass has shown.

    Attributes
    ----------
    layers : in the order of their calls
    before : activations in front of the first layer
    normalizations : names of layers that normalize
    sums : how often two signals of one shape were added
    embedding : name of the first embedding that was called
    coupled : whether the output for an example depends on others in the batch
    output : of the module

    Examples
    --------
    >>> Recording().sums
    0
    """

    layers: list[LayerRecord] = field(default_factory=list)
    before: list[ActivationRecord] = field(default_factory=list)
    normalizations: list[str] = field(default_factory=list)
    sums: int = 0
    embedding: str = ""
    coupled: bool = False
    output: Tensor | None = None


class References(NamedTuple):
    """The largest slope of an activation, and the share saturated with normal inputs.

    Examples
    --------
    >>> largest, ordinary = References.of(torch.relu, torch.zeros(1, 3), channels=False)
    >>> float(largest), ordinary
    (1.0, 0.5)
    """

    largest: Tensor
    ordinary: float

    @classmethod
    def of(cls, function: Elementwise, x: Tensor, channels: bool) -> References:
        """Take them from a range of inputs; from those given where only their shape will do."""
        try:
            largest, normal = reference_slopes(function, x, channels)
        except RuntimeError:
            return cls(slopes(function, x).abs().amax(), 0.0)
        return cls(largest, share(normal < SATURATED * largest))


def describe(
    name: str,
    function: Elementwise,
    x: Tensor,
    axis: int,
    references: References,
    example: int | None,
) -> ActivationRecord:
    """Measure an activation at its inputs, before it may overwrite them.

    Examples
    --------
    >>> x = torch.tensor([[-1.0, 2.0], [-3.0, -4.0]])
    >>> references = References.of(torch.relu, x, channels=False)
    >>> note = describe("relu", torch.relu, x, -1, references, example=0)
    >>> note.saturated, note.dead, note.example_slopes
    (0.75, 0.5, tensor([0., 1.]))
    """
    slope = slopes(function, x)
    relative = torch.nan_to_num(slope.abs() / references.largest)
    units = relative.movedim(axis if x.dim() > 2 else -1, -1)
    return ActivationRecord(
        name,
        saturated=share(relative < SATURATED),
        dead=share(units.reshape(-1, units.shape[-1]).amax(0) < DEAD),
        ordinary=references.ordinary,
        slope_square=float(precise(slope).square().mean()),
        function=function,
        input=x,
        example_slopes=None if example is None else slope[example].flatten().clone(),
    )


def share(condition: Tensor) -> float:
    """Return the share of elements that are true.

    >>> share(torch.tensor([True, False]))
    0.5
    """
    return int(condition.count_nonzero()) / condition.numel()


def moments(y: Tensor, examples: int) -> tuple[float, float | None]:
    """Return the second moment, and the share of it that is variance across examples.

    >>> moments(torch.tensor([[1.0], [3.0]]), examples=2)
    (5.0, 0.2)
    """
    values = precise(y)
    second = float(values.square().mean())
    if examples < 2 or not values.dim() or len(values) != examples or not second:
        return second, None
    return second, float(values.var(0, correction=0).mean()) / second


def note_gradient(note: LayerRecord, examples: int, gradient: Tensor) -> None:
    """Add the second moment of a gradient by a layer's outputs, for the cost of one example.

    >>> note = LayerRecord("0", nn.Linear(3, 1), (1,), second_moment=1.0, data_share=0.5)
    >>> note_gradient(note, 2, torch.tensor([[0.5], [1.5]]))
    >>> note.gradient
    5.0
    """
    moment = float(precise(gradient).mul(examples).square().mean())
    note.gradient = moment + (note.gradient or 0.0)


def root_mean_square(tensors: list[Any]) -> float:
    """Return that of the elements of all tensors together.

    >>> root_mean_square([torch.tensor([1.0]), torch.tensor([[5.0, 7.0]])])
    5.0
    """
    total = sum(float(precise(t).square().sum()) for t in tensors)
    return float(np.sqrt(total / sum(t.numel() for t in tensors)))
