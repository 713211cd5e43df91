r"""One network with two activations: exact changes of weights and of learning rates.

The sigmoid, the sigmoid less one half, Xu, Huang & Li's rescaled sigmoid and tanh are one curve,
moved and stretched: each is :math:`a \tanh(kx) + c`.  So of any two of them one is

.. math:: \phi(x) = \alpha\, \psi(\beta x) + \gamma,

and a network of :math:`\phi` computes what a network of :math:`\psi` computes with other weights.
With hidden layers :math:`h_l = \phi(W_l h_{l-1} + b_l)` and outputs :math:`W_L h_{L-1} + b_L`,

.. math::
    W_1' &= \beta W_1, & b_1' &= \beta b_1, \\
    W_l' &= \alpha\beta\, W_l, & b_l' &= \beta\, (b_l + \gamma\, W_l \mathbf 1), \\
    W_L' &= \alpha W_L, & b_L' &= b_L + \gamma\, W_L \mathbf 1.

This is a linear map of the parameters, :math:`\theta' = T\theta`, and gradients go the other way,
:math:`g = T^T g'`.  A step :math:`-\eta g` of gradient descent is therefore
:math:`-\eta\, T T^T g'` in the other network.  Without a shift :math:`T` is diagonal, and that is
another learning rate for each group of parameters, `parameter_groups`.  With a shift it is
not: a weight's step depends on the gradient of its unit's bias, and no choice of learning rates
can do the same; `PulledBack` does.

Pooling, flattening and concatenation lie between layers unharmed.  Where zeros are put around
the hidden activations, they have to become `Change.zero` (`pad_with_`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..activations import Activation, get
from ..networks import MLP

Layer = nn.Linear | nn.Conv2d
Role = Literal["first", "middle", "last"]

CURVES = {
    "tanh": (1.0, 1.0, 0.0),
    "rescaled_sigmoid": (2.0, 0.5, 0.0),
    "centred sigmoid": (0.5, 0.5, 0.0),
    "sigmoid": (0.5, 0.5, 0.5),
}
r"""Activations that are :math:`a \tanh(kx) + c`: their :math:`(a, k, c)`."""


def sigmoidal(name: str) -> Activation:
    """Return one of the `CURVES`.

    >>> float(sigmoidal("centred sigmoid")(0.0))
    0.0
    """
    _curve(name)
    return get("sigmoid").centred() if name == "centred sigmoid" else get(name)


@dataclass(frozen=True)
class Change:
    r"""How an activation is made of another, :math:`\phi(x) = \alpha\, \psi(\beta x) + \gamma`.

    Attributes
    ----------
    scale : :math:`\alpha`, > 0
    stretch : :math:`\beta`, > 0
    shift : :math:`\gamma`

    Raises
    ------
    ValueError
        If scale or stretch is not positive.

    Examples
    --------
    A rectifier is :math:`\alpha\,\phi(x/\alpha)` itself, so its layers can be scaled:

    >>> Change(scale=2.0, stretch=0.5).factors("middle")
    (1.0, 0.5)
    """

    scale: float
    stretch: float
    shift: float = 0.0

    def __post_init__(self) -> None:
        """Check the values."""
        if not (self.scale > 0 and self.stretch > 0):
            raise ValueError(
                f"scale and stretch must be positive, got {self.scale} and {self.stretch}"
            )

    @property
    def zero(self) -> float:
        """What stands for an activation of 0 in the other network."""
        return -self.shift / self.scale + 0.0  # no negative zero

    @property
    def inverse(self) -> Change:
        """The change back; its `map` undoes the one of this change."""
        return Change(1 / self.scale, 1 / self.stretch, -self.shift / self.scale)

    def factors(self, role: Role) -> tuple[float, float]:
        """Return by what a layer's weights and biases are multiplied, the shift aside."""
        below = 1.0 if role == "first" else self.scale
        above = 1.0 if role == "last" else self.stretch
        return below * above, above

    def _shift_of_inputs(self, role: Role, bias: Tensor | None) -> float:
        shift = 0.0 if role == "first" else self.shift
        if shift and bias is None:
            raise ValueError("every layer but the first must have a bias to take up the shift")
        return shift

    def map(self, role: Role, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
        r"""Return :math:`T\theta`: weights and bias, or steps of both, in the other network.

        Parameters
        ----------
        role : of the layer
        weight : (out, in) or (out, in, height, width)
        bias : (out,); may be None if nothing is to be shifted

        Raises
        ------
        ValueError
            If a bias is needed and there is none.
        """
        of_weight, of_bias = self.factors(role)
        shift = self._shift_of_inputs(role, bias)
        if bias is not None:
            if shift:
                bias = bias + shift * weight.flatten(1).sum(1)
            bias = of_bias * bias
        return of_weight * weight, bias

    def pull_back(
        self, role: Role, weight: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        r"""Return :math:`T^T g'`: the gradient in this network, given that in the other one.

        Parameters
        ----------
        role : of the layer
        weight, bias : derivatives of the cost, of the shapes of the layer's weight and bias

        Raises
        ------
        ValueError
            If a bias is needed and there is none.
        """
        of_weight, of_bias = self.factors(role)
        shift = self._shift_of_inputs(role, bias)
        weight = of_weight * weight
        if bias is not None:
            bias = of_bias * bias
            if shift:
                weight = weight + shift * bias.view(-1, *[1] * (weight.dim() - 1))
        return weight, bias


def change(source: str | Activation, target: str | Activation) -> Change:
    r"""Return how one of the `CURVES`, the source, is made of another, the target.

    Raises
    ------
    ValueError
        If one of them is not such a curve.

    Examples
    --------
    >>> change("rescaled_sigmoid", "sigmoid")
    Change(scale=4.0, stretch=1.0, shift=-2.0)
    >>> change("rescaled_sigmoid", "tanh")
    Change(scale=2.0, stretch=0.5, shift=0.0)
    """
    (a, k, c), (b, m, d) = _curve(source), _curve(target)
    return Change(a / b, k / m, c - a * d / b)


def _curve(activation: str | Activation) -> tuple[float, float, float]:
    name = activation if isinstance(activation, str) else activation.name
    if name not in CURVES:
        raise ValueError(f"activation must be one of {', '.join(CURVES)}; got {name!r}")
    return CURVES[name]


# --- networks -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Roles:
    """The layers of a network with weights, by where their inputs come from and outputs go.

    Attributes
    ----------
    first : those that read the network's input, all of them, and feed an activation
    middle : those that read activations and feed one
    last : those that read activations and give the network's outputs

    Raises
    ------
    ValueError
        If a layer has two roles, or there is no first or no last one.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    >>> Roles(first=(network[0],), middle=(), last=(network[2],)) == Roles.of(network)
    True
    """

    first: tuple[Layer, ...]
    middle: tuple[Layer, ...]
    last: tuple[Layer, ...]

    def __post_init__(self) -> None:
        """Check that every layer has one role."""
        layers = [layer for _, layer in self]
        if len({id(layer) for layer in layers}) < len(layers):
            raise ValueError("every layer must have one role only")
        if not self.first or not self.last:
            raise ValueError("there must be a first and a last layer")

    @classmethod
    def of(cls, network: nn.Module | Sequence[nn.Module]) -> Roles:
        """Name the layers of a network that is a plain chain of them.

        Parameters
        ----------
        network : its dense and convolutional layers are taken in the order of their
            definition; or these layers themselves, the first one first

        Raises
        ------
        ValueError
            If there are fewer than two.
        """
        modules = network.modules() if isinstance(network, nn.Module) else network
        layers = [module for module in modules if isinstance(module, Layer)]
        if len(layers) < 2:
            raise ValueError(f"there must be two layers or more, got {len(layers)}")
        return cls(tuple(layers[:1]), tuple(layers[1:-1]), tuple(layers[-1:]))

    def __iter__(self) -> Iterator[tuple[Role, Layer]]:
        """Yield each layer with its role."""
        for role in get_args(Role):
            for layer in getattr(self, role):
                yield role, layer


def set_(layer: Layer, weight: Tensor, bias: Tensor | None) -> None:
    """Overwrite the parameters of a layer.

    >>> layer = nn.Linear(2, 1)
    >>> set_(layer, torch.tensor([[1.0, 2.0]]), torch.tensor([3.0]))
    >>> layer(torch.ones(1, 2)).item()
    6.0
    """
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None and layer.bias is not None:
            layer.bias.copy_(bias)


@torch.no_grad()
def change_(roles: Roles, how: Change) -> None:
    """Change the weights of a network, in place, into those that serve the other activation.

    Parameters
    ----------
    roles : its layers; the activation between them is the caller's to replace
    how : made by `change`

    Raises
    ------
    ValueError
        If there is a shift, and a layer but the first has no bias or puts zeros around
        its input; then nothing has changed.

    Examples
    --------
    >>> network, x = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)), torch.ones(1, 2)
    >>> before = network(x)
    >>> change_(Roles.of(network), change("tanh", "sigmoid"))
    >>> network[1] = nn.Sigmoid()
    >>> bool(torch.allclose(network(x), before, atol=1e-6))
    True
    """
    values = []
    for role, layer in roles:
        if how.shift and role != "first" and _puts_zeros(layer):
            raise ValueError(f"{layer} puts zeros around activations: see pad_with_")
        values.append((layer, how.map(role, layer.weight, layer.bias)))
    for layer, (weight, bias) in values:
        set_(layer, weight, bias)


def changed(network: MLP, activation: str | Activation) -> MLP:
    """Return the network of another activation that computes the same outputs.

    Parameters
    ----------
    network : of one of the `CURVES`, with at least one hidden layer; left as it was
    activation : another of the `CURVES`

    Raises
    ------
    ValueError
        If an activation is none of them.

    Examples
    --------
    >>> network = MLP([3, 5, 2], "rescaled_sigmoid").double()
    >>> x = torch.ones(1, 3, dtype=torch.float64)
    >>> bool(torch.allclose(network(x), changed(network, "sigmoid")(x)))
    True
    """
    how = change(network.activation, activation)
    made = copy.deepcopy(network)
    made.activation = sigmoidal(activation) if isinstance(activation, str) else activation
    change_(Roles.of(made.layers), how)
    return made


# --- padding ------------------------------------------------------------------------------


class _Pad:
    """Puts a value around what goes into a module, before the module sees it."""

    def __init__(self, padding: Sequence[int], value: float) -> None:
        self.padding, self.value = list(padding), value

    def __call__(self, module: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        return F.pad(inputs[0], self.padding, value=self.value)


def pad_with_(modules: Iterable[nn.Module], value: float) -> None:
    """Let modules that put zeros around their inputs put another value there, in place.

    A border of zeros is a border of units whose activation is 0.  After a change with a shift such
    units have the activation `Change.zero`: 1/2 for the sigmoid in place of the rescaled one.

    Parameters
    ----------
    modules : ``Conv2d``, ``AvgPool2d`` and ``ConstantPad2d`` (``ZeroPad2d``) that read hidden
        activations; one that puts no zeros there stays as it is
    value : finite

    Raises
    ------
    ValueError
        If a module is none of these, or is padded in a way that this cannot repeat.

    Examples
    --------
    >>> pool = nn.AvgPool2d(3, stride=1, padding=1)
    >>> pad_with_([pool], 0.5)
    >>> bool((pool(torch.full((1, 1, 2, 2), 0.5)) == 0.5).all())
    True
    """
    for module in modules:
        if isinstance(module, nn.ConstantPad2d):
            module.value = value
        elif not isinstance(module, nn.Conv2d | nn.AvgPool2d):
            raise ValueError(f"{module} is not a convolution, an average pooling or a padding")
        elif _puts_zeros(module):
            padding = module.padding
            if isinstance(padding, str) or getattr(module, "ceil_mode", False):
                raise ValueError(f"the padding of {module} cannot be repeated")
            high, wide = padding if isinstance(padding, tuple) else (padding, padding)
            module.register_forward_pre_hook(_Pad((wide, wide, high, high), value))
            module.padding = (0, 0)


def _puts_zeros(module: nn.Module) -> bool:
    """Tell whether a layer or pooling sees zeros around its input."""
    if isinstance(module, nn.Conv2d):
        return module.padding_mode == "zeros" and module.padding not in ((0, 0), "valid")
    if isinstance(module, nn.AvgPool2d):
        return module.count_include_pad and module.padding not in (0, (0, 0))
    return False
