"""One forward and backward pass through a module, and what it shows of each layer.

Layers of weights are seen by hooks, activations at the functions of torch that they call: so
they are found as modules and written into a ``forward`` alike.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.overrides import TorchFunctionMode

from ..activations import Activation
from ..elementwise import FUNCTIONS, Elementwise, identify, is_elementwise, reference_slopes, slopes
from ..lsuv import LINEAR
from ..saturation import MARGIN
from .inputs import Inputs, first_tensor, precise

SATURATED = 4 * MARGIN * (1 - MARGIN)
"""Share of its largest slope below which an activation counts as saturated.

It is the sigmoid's within 0.05 of 0 or 1, and the slope of tanh beyond 0.9.
"""

DEAD = 1e-3
"""Share of its largest slope below which an activation lets nothing through."""

NORMALIZATION = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
_NORMALIZING = {F.batch_norm, F.layer_norm, F.group_norm, F.instance_norm, F.rms_norm}


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
    example_slopes : slopes at the first example, flat
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
    output : of the module
    """

    layers: list[LayerRecord] = field(default_factory=list)
    before: list[ActivationRecord] = field(default_factory=list)
    normalizations: list[str] = field(default_factory=list)
    sums: int = 0
    embedding: str = ""
    output: Tensor | None = None


def record(module: nn.Module, inputs: Inputs, objective: Callable[[Tensor], Tensor]) -> Recording:
    """Run a borrowed module forward and backward, and note what happens in it.

    Parameters
    ----------
    module : hooks, attributes and ``requires_grad`` are changed: see `borrow.borrowed`
    inputs : one batch
    objective : of the output, whose gradient is taken: a scalar that is a mean over examples
    """
    watcher = _Watcher(module, inputs.examples)
    point = inputs.floating
    if point is not None:
        point = point.clone().requires_grad_()
        inputs = inputs.with_floating(point)
    with torch.enable_grad():
        with watcher:
            output = inputs.call(module)
        watcher.paused = True  # what a backward pass computes again was seen
        watcher.recording.output = output.detach()
        if output.requires_grad and bool(output.isfinite().all()):
            _backward(objective(output), watcher.recording.layers, point)
    return watcher.recording


def is_layer(module: nn.Module) -> bool:
    """Tell whether a module is a layer of weights: dense, convolutional, recurrent, or your own.

    >>> is_layer(nn.Linear(2, 3)), is_layer(nn.LSTM(2, 3)), is_layer(nn.LayerNorm(3))
    (True, True, False)
    """
    if isinstance(module, (*LINEAR, nn.MultiheadAttention)):
        return True
    if isinstance(module, NORMALIZATION) or next(module.children(), None) is not None:
        return False
    return any(p.dim() > 1 for p in module.parameters())


def weights_of(layer: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of a layer that are its weights, not its biases.

    >>> [tuple(w.shape) for w in weights_of(nn.Linear(2, 3))]
    [(3, 2)]
    """
    return [p for p in layer.parameters() if p.dim() > 1 and p.is_floating_point()]


# --- the watcher --------------------------------------------------------------------------

_ADDITIONS = {torch.add, torch.Tensor.add, torch.Tensor.add_, torch.Tensor.__add__}
_ADDITIONS |= {torch.Tensor.__iadd__, torch.Tensor.__radd__}


class _Watcher(TorchFunctionMode):
    """See the calls of a module's parts, and of torch's functions, as they happen."""

    def __init__(self, module: nn.Module, examples: int) -> None:
        super().__init__()
        self.recording = Recording()
        self.examples = examples
        self.names = {part: name or type(module).__name__ for name, part in module.named_modules()}
        self.running: list[nn.Module] = []  # modules that have been called, the innermost last
        self.paused = False
        self.references: dict[Hashable, _References] = {}
        for part in self.names:
            part.register_forward_pre_hook(self._enter)
            part.register_forward_hook(self._leave, always_call=True)  # also if its owner catches
            _swap_activations(part, self._called_activation)
            if is_layer(part):
                for weight in weights_of(part):
                    weight.requires_grad_()

    # activations

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note an activation that is called, and call it."""
        kwargs = kwargs or {}
        if self.paused or not args or not _is_signal(args[0]):
            return func(*args, **kwargs)
        if func in _ADDITIONS and len(args) > 1 and _is_signal(args[1]):
            self.recording.sums += args[0].shape == args[1].shape
        if func in _NORMALIZING:
            self.recording.normalizations.append(self.names[self.running[-1]])
        if func not in FUNCTIONS or not args[0].dim():
            return func(*args, **kwargs)
        function = partial(_call, func, args[1:], kwargs)
        plain = all(isinstance(a, int | float | str) for a in (*args[1:], *kwargs.values()))
        key = (func, args[1:], tuple(kwargs.items())) if plain else None
        note = self._activation(self._called(FUNCTIONS[func]), function, args[0], key)
        note.output = func(*args, **kwargs)
        return note.output

    def _called_activation(self, activation: Activation, x: Any) -> Any:
        """Note an activation that one of the book's networks calls, and call it."""
        if self.paused or not _is_signal(x):
            return activation(x)
        with self._pause():
            note = self._activation(self._called(activation.name), activation, x, id(activation))
            note.output = activation(x)
        return note.output

    def _activation(
        self, name: str, function: Elementwise, x: Tensor, key: Hashable = None
    ) -> ActivationRecord:
        """Note a call; functions of the same key are the same, in every channel."""
        if key not in self.references or key is None:
            self.references[key] = _References.of(function, x, channels=key is None)
        note = _describe(name, function, x, self._axis(), self.references[key])
        layers = self.recording.layers
        (layers[-1].activations if layers else self.recording.before).append(note)
        return note

    def _called(self, function: str) -> str:
        """Return how a function is called here: the module that calls it, and its own name."""
        return f"{self.names[self.running[-1]]} ({function})"

    def _axis(self) -> int:
        """Return the axis of units: that of channels behind a convolution, else the last."""
        layers = self.recording.layers
        dense = not layers or not isinstance(layers[-1].module, LINEAR[1:])
        return -1 if dense else 1

    @contextmanager
    def _pause(self) -> Iterator[None]:
        self.paused, before = True, self.paused
        try:
            yield
        finally:
            self.paused = before

    # modules

    def _enter(self, part: nn.Module, args: Any) -> None:
        if not self.paused:
            self.running.append(part)

    def _leave(self, part: nn.Module, args: Any, output: Any) -> None:
        if self.paused:
            return
        self.running.pop()
        name, y = self.names[part], first_tensor(output)
        if isinstance(part, nn.Embedding) and not self.recording.embedding:
            self.recording.embedding = name
        if y is None:
            return
        if is_layer(part):
            with self._pause():
                self._layer(name, part, first_tensor(args), y)
        elif self._is_own_activation(part, args, y):
            self._own_activation(name, part, args[0], y)

    def _layer(self, name: str, layer: nn.Module, x: Tensor | None, y: Tensor) -> None:
        second, share = _moments(y, self.examples)
        note = LayerRecord(name, layer, tuple(y.shape[1:]), second, share, input=x, output=y)
        weights = weights_of(layer)
        if weights:
            note.weight = _root_mean_square(weights)
        self.recording.layers.append(note)
        if y.requires_grad:
            y.register_hook(partial(_note_gradient, note, self.examples))  # type: ignore[no-untyped-call]

    def _is_own_activation(self, part: nn.Module, args: Any, y: Tensor) -> bool:
        """Tell whether a module that is not torch's is an activation, written by its owner."""
        if type(part).__module__.startswith("torch.") or next(part.children(), None) is not None:
            return False
        if len(args) != 1 or not _is_signal(args[0]) or args[0].shape != y.shape:
            return False
        with self._pause():
            return not torch.equal(args[0], y) and is_elementwise(part, args[0])

    def _own_activation(self, name: str, part: nn.Module, x: Tensor, y: Tensor) -> None:
        """Note it in place of the functions that it is made of."""
        layers = self.recording.layers
        notes = layers[-1].activations if layers else self.recording.before
        inside = [note for note in notes if note.name.partition(" (")[0] == name]
        if any(note.output is y for note in inside):  # one function and nothing else
            return
        notes[:] = [note for note in notes if all(note is not other for other in inside)]
        with self._pause():
            self._activation(f"{name} ({type(part).__name__})", part, x).output = y


def _backward(objective: Tensor, layers: list[LayerRecord], point: Tensor | None) -> None:
    """Take the gradient of a mean over examples, by outputs of layers and by weights."""
    if objective.numel() != 1:
        raise ValueError(
            f"loss must return a single number, got a tensor of shape {tuple(objective.shape)}"
        )
    weights = dict.fromkeys(w for note in layers for w in weights_of(note.module))
    by: list[Tensor] = [w for w in weights if w.requires_grad]
    if point is not None:
        by.append(point)
    gradients: Sequence[Tensor | None] = (
        torch.autograd.grad(objective, by, allow_unused=True) if by else ()
    )
    found = dict(zip(by, gradients, strict=True))
    for note in layers:
        own = [g for w in weights_of(note.module) if (g := found.get(w)) is not None]
        if own:
            note.weight_gradient = _root_mean_square(own)


def _swap_activations(part: nn.Module, called: Callable[[Activation, Any], Any]) -> None:
    """Have the activations that the book's networks hold as attributes report their calls."""
    for name, value in list(vars(part).items()):
        if isinstance(value, Activation):
            setattr(part, name, replace(value, function=partial(called, value)))


# --- numbers ------------------------------------------------------------------------------


class _References(NamedTuple):
    """The largest slope of an activation, and the share saturated with normal inputs."""

    largest: Tensor
    ordinary: float

    @classmethod
    def of(cls, function: Elementwise, x: Tensor, channels: bool) -> _References:
        try:
            largest, normal = reference_slopes(function, x, channels)
        except RuntimeError:  # it insists on the shape that it knows
            return cls(slopes(function, x).abs().amax(), 0.0)
        return cls(largest, _share(normal < SATURATED * largest))


def _describe(
    name: str, function: Elementwise, x: Tensor, axis: int, references: _References
) -> ActivationRecord:
    """Measure an activation at its inputs, before it may overwrite them."""
    slope = slopes(function, x)
    relative = torch.nan_to_num(slope.abs() / references.largest)
    units = relative.movedim(axis if x.dim() > 2 else -1, -1)
    return ActivationRecord(
        name,
        saturated=_share(relative < SATURATED),
        dead=_share(units.reshape(-1, units.shape[-1]).amax(0) < DEAD),
        ordinary=references.ordinary,
        slope_square=float(precise(slope).square().mean()),
        function=function,
        input=x,
        example_slopes=slope[0].flatten(),
    )


def _share(condition: Tensor) -> float:
    return int(condition.count_nonzero()) / condition.numel()


def _moments(y: Tensor, examples: int) -> tuple[float, float | None]:
    """Return the second moment, and the share of it that is variance across examples."""
    values = precise(y)
    second = float(values.square().mean())
    if examples < 2 or len(values) != examples or not second:
        return second, None
    return second, float(values.var(0, correction=0).mean()) / second


def _note_gradient(note: LayerRecord, examples: int, gradient: Tensor) -> None:
    moment = float(precise(gradient).mul(examples).square().mean())
    note.gradient = moment + (note.gradient or 0.0)


def _root_mean_square(tensors: list[Any]) -> float:
    total = sum(float(precise(t).square().sum()) for t in tensors)
    return float(np.sqrt(total / sum(t.numel() for t in tensors)))


def _is_signal(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.requires_grad


def _call(function: Any, rest: Any, keywords: Any, x: Tensor) -> Tensor:
    return cast("Tensor", function(x, *rest, **keywords))
