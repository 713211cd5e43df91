"""A module read as a chain: its layers of weights, and the activation that follows each.

The module is traced symbolically (`torch.fx`): its `forward` is run on a stand-in for the input
that notes what is done with it.  So activations are found wherever they are written, and nothing
has to be known of the data.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from .activations import Activation, get
from .convnets import Wrap
from .elementwise import FUNCTIONS, identify, is_elementwise
from .lsuv import LINEAR


@dataclass(frozen=True)
class Link:
    """A layer of weights and the activation behind it.

    Attributes
    ----------
    name : of the layer, as in ``module.named_modules()``
    layer : dense or convolutional
    activation : linear where none follows

    Examples
    --------
    >>> read_chain(nn.Sequential(nn.Linear(3, 4), nn.ReLU()))[0].activation.name
    'relu'
    """

    name: str
    layer: nn.Linear
    activation: Activation


def read_chain(module: nn.Module) -> list[Link]:
    """Return the layers of a module that is one chain, the first one first.

    Between a layer and the next there may be one activation, and whatever leaves the variance of
    a signal alone or changes it a little: dropout, poolings, paddings, changes of shape.

    Parameters
    ----------
    module : left as it is; anything between its layers must be such that `torch.fx` can
        trace it

    Raises
    ------
    ValueError
        If the module is no chain of dense and convolutional layers and activations; the message
        names the first thing that is not.

    Examples
    --------
    >>> mlp = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Flatten(), nn.Linear(4, 2))
    >>> [(link.name, link.activation.name) for link in read_chain(mlp)]
    [('0', 'tanh'), ('3', 'linear')]
    """
    reader = _Reader(module)
    with _traceable_activations(module):
        try:
            graph = _Tracer().trace(module)
        except (fx.proxy.TraceError, TypeError) as error:
            raise ValueError(f"the module cannot be traced by torch.fx: {error}") from None
        for node in graph.nodes:
            reader.read(node)
    if not reader.links:
        raise ValueError("the module must have a dense or convolutional layer, it has none")
    return reader.links


# --- the trace ----------------------------------------------------------------------------


class _Tracer(fx.Tracer):
    """Look into modules that contain others, and at nothing inside those that do not."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        childless = next(m.children(), None) is None
        bare = next(m.parameters(recurse=False), None) is None
        return super().is_leaf_module(m, module_qualified_name) or (childless and bare)


@contextmanager
def _traceable_activations(module: nn.Module) -> Iterator[None]:
    """Let the activations that the book's networks hold as attributes appear in a trace."""
    held = [
        (part, name, value)
        for part in module.modules()
        for name, value in vars(part).items()
        if isinstance(value, Activation)
    ]
    try:
        for part, name, value in held:
            setattr(part, name, replace(value, function=_traced(value)))
        yield
    finally:
        for part, name, value in held:
            setattr(part, name, value)


def _traced(activation: Activation) -> Any:
    def apply(x: Any) -> Any:
        if isinstance(x, fx.Proxy):
            return x.tracer.create_proxy("call_function", apply, (x,), {})
        return activation(x)

    apply.__name__ = activation.name
    apply.activation = activation  # type: ignore[attr-defined]
    return apply


# --- the reading --------------------------------------------------------------------------

_PASSED_OVER = (
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
    nn.PixelShuffle,
    nn.PixelUnshuffle,
    nn.modules.dropout._DropoutNd,
    nn.modules.padding._ConstantPadNd,
    nn.modules.padding._CircularPadNd,
    nn.modules.padding._ReflectionPadNd,
    nn.modules.padding._ReplicationPadNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
    Wrap,
)
_PASSED_OVER_NAMES = {
    *("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "avg_pool1d"),
    *("avg_pool2d", "max_pool1d", "max_pool2d", "contiguous", "dropout", "dropout2d", "flatten"),
    *("pad", "permute", "reshape", "squeeze", "transpose", "unflatten", "unsqueeze", "view"),
}
_OUTPUTS = (nn.Softmax, nn.LogSoftmax)
_OUTPUT_NAMES = {"softmax", "log_softmax"}
_SHAPES = {getattr, operator.getitem, operator.floordiv, operator.mul}
_SHAPE_METHODS = {"size", "dim", "numel"}


class _Reader:
    """Read the nodes of a trace one by one into links."""

    def __init__(self, module: nn.Module) -> None:
        self.modules = dict(module.named_modules())
        self.links: list[Link] = []
        self.signal: fx.Node | None = None  # the node whose value the chain has reached
        self.sizes: set[fx.Node] = set()  # nodes that hold shapes
        self.open = False  # no activation yet behind the last layer
        self.ended = ""  # what has made outputs of the signal
        self.layers: set[nn.Module] = set()

    def read(self, node: fx.Node) -> None:
        """Take in the next node."""
        if node.op == "placeholder":
            if self.signal is not None:
                raise ValueError(f"the module must have one input, {node.target} is another")
            self.signal = node
            return
        inputs = [n for n in node.all_input_nodes if n not in self.sizes]
        if node.op == "output":
            if inputs != [self.signal]:
                raise ValueError("the module must return one tensor, the end of its chain")
            return
        if self._is_size(node):
            self.sizes.add(node)
            return
        name = str(node.target) if node.op == "call_module" else self._describe(node)
        if inputs != [self.signal]:
            raise ValueError(
                f"{name} does not take the signal alone (a skip connection, a parameter of its "
                "own?): criticality is known for a single chain of layers"
            )
        if node.op == "call_module":
            self._module(name, self.modules[name])
        else:
            self._function(name, node)
        self.signal = node

    def _module(self, name: str, module: nn.Module) -> None:
        if isinstance(module, LINEAR):
            self._layer(name, cast("nn.Linear", module))
        elif isinstance(module, _OUTPUTS):
            self.ended = name
        elif isinstance(module, _PASSED_OVER):
            return
        elif is_elementwise(module, torch.linspace(-3, 3, 11, dtype=_dtype(module))):
            self._activation(name, identify(module, name))
        else:
            raise ValueError(
                f"{name} ({type(module).__name__}) is neither a dense or convolutional layer "
                "nor an activation: criticality is not known for it"
            )

    def _function(self, name: str, node: fx.Node) -> None:
        target: Any = node.target
        function: Any = getattr(Tensor, target, None) if node.op == "call_method" else target
        if hasattr(function, "activation"):
            self._activation(name, function.activation)
        elif name in _OUTPUT_NAMES:
            self.ended = name
        elif name in _PASSED_OVER_NAMES:
            return
        elif function in FUNCTIONS:
            applied = partial(_call, function, node.args[1:], node.kwargs)
            self._activation(name, identify(applied, name))
        else:
            raise ValueError(f"{name} is not known to leave a signal critical")

    def _layer(self, name: str, layer: nn.Linear) -> None:
        if self.ended:
            raise ValueError(f"layer {name} comes after {self.ended}, which makes probabilities")
        if layer in self.layers:
            raise ValueError(f"layer {name} is used twice")
        self.layers.add(layer)
        self.links.append(Link(name, layer, get("linear")))
        self.open = True

    def _activation(self, name: str, activation: Activation) -> None:
        if activation.name == "linear" or not self.links:
            return
        if not self.open:
            raise ValueError(
                f"layer {self.links[-1].name} is followed by two activations, the second is {name}"
            )
        self.links[-1] = replace(self.links[-1], activation=activation)
        self.open = False

    def _is_size(self, node: fx.Node) -> bool:
        if node.op == "call_method" and node.target in _SHAPE_METHODS:
            return True
        if node.op != "call_function" or node.target not in _SHAPES:
            return False
        of_shape = node.target is getattr and node.args[1] == "shape"
        return of_shape or all(n in self.sizes for n in node.all_input_nodes)

    def _describe(self, node: fx.Node) -> str:
        if node.op == "call_method":
            return str(node.target).rstrip("_")
        return str(getattr(node.target, "__name__", node.target)).rstrip("_")


def _call(function: Any, rest: Any, keywords: Any, x: Tensor) -> Tensor:
    y: Tensor = function(x, *rest, **keywords)
    return y


def _dtype(module: nn.Module) -> torch.dtype:
    parameter = next(module.parameters(), None)
    return torch.float64 if parameter is None else parameter.dtype
