"""One forward and backward pass through a module, and what it shows of each layer.

Layers of weights are seen by hooks, activations at the functions of torch that they call: so
they are found as modules and written into a ``forward`` alike.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.overrides import TorchFunctionMode

from ..activations import Activation
from ..elementwise import FUNCTIONS, Elementwise, is_elementwise
from ..lsuv import LINEAR
from .inputs import Inputs, first_tensor
from .measures import (
    ActivationRecord,
    LayerRecord,
    Recording,
    References,
    describe,
    moments,
    note_gradient,
    root_mean_square,
)

NORMALIZATION = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
_NORMALIZING = {F.batch_norm, F.layer_norm, F.group_norm, F.instance_norm, F.rms_norm}


def record(
    module: nn.Module, inputs: Inputs, objective: Callable[[Tensor], Tensor], example: int = 0
) -> Recording:
    """Run a borrowed module forward and backward, and note what happens in it.

    Parameters
    ----------
    module : hooks, attributes and ``requires_grad`` are changed: see `borrow.borrowed`
    inputs : one batch
    objective : of the output, whose gradient is taken: a scalar that is a mean over examples
    example : whose slopes are kept, and whose output is asked whether it depends on others

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    >>> seen = record(network, Inputs.of(torch.ones(5, 3), network), torch.mean)
    >>> [(layer.name, [a.name for a in layer.activations]) for layer in seen.layers]
    [('0', ['1 (relu)'])]
    """
    watcher = _Watcher(module, inputs.examples, example)
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
            for handle in watcher.handles:
                handle.remove()
            watcher.recording.coupled = _is_coupled(output, point, inputs.examples, example)
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

    def __init__(self, module: nn.Module, examples: int, example: int) -> None:
        super().__init__()
        self.recording = Recording()
        self.examples, self.example = examples, example
        self.handles: list[Any] = []  # of hooks that wait for the backward pass
        self.names = {part: name or type(module).__name__ for name, part in module.named_modules()}
        self.running: list[nn.Module] = []  # modules that have been called, the innermost last
        self.paused = False
        self.references: dict[Hashable, References] = {}
        for part in self.names:
            part.register_forward_pre_hook(self._enter, prepend=True)  # before its owner's
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
            self.references[key] = References.of(function, x, channels=key is None)
        example = self.example if len(x) == self.examples else None
        note = describe(name, function, x, self._axis(), self.references[key], example)
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
        second, share = moments(y, self.examples)
        note = LayerRecord(name, layer, tuple(y.shape[1:]), second, share, input=x, output=y)
        weights = weights_of(layer)
        if weights:
            note.weight = root_mean_square(weights)
        self.recording.layers.append(note)
        if y.requires_grad:
            hook = partial(note_gradient, note, self.examples)
            self.handles.append(y.register_hook(hook))  # type: ignore[no-untyped-call]

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
        torch.autograd.grad(objective, by, allow_unused=True, retain_graph=True) if by else ()
    )
    found = dict(zip(by, gradients, strict=True))
    for note in layers:
        own = [g for w in weights_of(note.module) if (g := found.get(w)) is not None]
        if own:
            note.weight_gradient = root_mean_square(own)


def _is_coupled(output: Tensor, point: Tensor | None, examples: int, example: int) -> bool:
    """Tell whether the output for one example depends on the inputs of others."""
    if point is None or not output.dim() or not len(output) == len(point) == examples > 1:
        return False
    (gradient,) = torch.autograd.grad(output[example].sum(), point, allow_unused=True)
    if gradient is None:
        return False
    gradient[example] = 0
    return bool(gradient.any())


def _swap_activations(part: nn.Module, called: Callable[[Activation, Any], Any]) -> None:
    """Have the activations that the book's networks hold as attributes report their calls."""
    for name, value in list(vars(part).items()):
        if isinstance(value, Activation):
            setattr(part, name, replace(value, function=partial(called, value)))


def _is_signal(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.requires_grad


def _call(function: Any, rest: Any, keywords: Any, x: Tensor) -> Tensor:
    return cast("Tensor", function(x, *rest, **keywords))
