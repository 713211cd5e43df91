"""Layer-sequential unit-variance initialization, LSUV, in a single forward pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast, get_args

import torch
from torch import Tensor, nn

from .arguments import checked_variance

Network = TypeVar("Network", bound=nn.Module)
Weights = Literal["orthogonal", "gaussian", "kept"]

LINEAR = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
"""Layers whose output is linear in their weights."""


def linear_layers(network: nn.Module) -> dict[str, nn.Linear]:
    """Return the dense and convolutional layers of a network by name, in the order of definition.

    (A convolution counts as an ``nn.Linear`` to the type checker: both have ``weight`` and
    ``bias``.)

    >>> list(linear_layers(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))))
    ['0', '2']
    """
    return {
        name or type(module).__name__: cast("nn.Linear", module)
        for name, module in network.named_modules()
        if isinstance(module, LINEAR)
    }


def lsuv_(
    network: Network,
    inputs: Any,
    *,
    target: float = 1.0,
    remove_means: bool = False,
    weights: Weights = "orthogonal",
    generator: torch.Generator | None = None,
) -> Network:
    r"""Give every layer's output the same variance on some data (Mishkin & Matas 2016).

    The weights of every dense and convolutional layer are drawn, its bias is set to zero, and
    then the layers are scaled one after the other in the order in which the data reach them.

    Parameters
    ----------
    network : any module made of ``nn.Linear`` and ``nn.Conv*`` layers, each of them called once
        in a forward pass; overwritten.  Other parameters stay as they are.
    inputs : a batch of what the network will be trained on, preprocessed like it, on the device
        of the network; the examples are counted by the first axis
    target : variance to be given to the outputs of each layer, > 0
    remove_means : set the bias of each unit (each channel of a convolution) to minus its mean over
        the data, and scale by the deviation *across examples*.  The original method scales
        by the variance over everything, examples and units together, which counts constants
        of the units as signal; where activations have a mean, as the sigmoid's 1/2, soon
        there is nothing else.
    weights : "orthogonal" (the paper's), "gaussian", or "kept" to scale the weights that are there
    generator : source of randomness; torch's global one if None

    Returns
    -------
    the network

    Raises
    ------
    ValueError
        If an argument is out of range; if a layer is not called, is called twice, shares its
        weights or computes them, has no bias to remove means with, or has outputs that do not
        vary or are not finite.  The network is then as it was before.

    Notes
    -----
    *Why one pass is enough.*  With a bias of zero the output of a layer is linear in its weights,
    :math:`s(W) = W * h`, where :math:`h` depends on earlier layers only and :math:`*` is a
    product or a convolution.  Let :math:`v` be the variance of :math:`s(W)` over the batch.  Then
    :math:`s(W / \sqrt v) = s(W) / \sqrt v` has the variance 1, exactly, in the first attempt;
    and the next layer's input, :math:`\phi(s(W) / \sqrt v)`, follows from what is known already.
    So each layer's output is divided on its way through one forward pass, and nothing is
    computed twice.  The same holds with means removed:
    :math:`s(W / \sqrt v) + b = (s(W) - m) / \sqrt v` for :math:`b = -m / \sqrt v`.

    The loop of the paper (measure, divide, measure again until the variance is within 0.1 or
    0.02 of 1) is needed only where the measurement is not of this kind: if each turn takes
    another batch, if dropout is on, if there are biases that are not scaled along, or if an
    activation that works in place has overwritten the output before it is read.

    The network runs in evaluation mode (no dropout; batch normalization with its running
    averages) and is handed back in its own.

    Examples
    --------
    >>> from signalprop.networks import MLP
    >>> network = MLP([20, 50, 50, 3], "tanh")
    >>> data = torch.randn(100, 20, generator=torch.Generator().manual_seed(0))
    >>> _ = lsuv_(network, data, generator=torch.Generator().manual_seed(0))
    >>> round(float(network(data).detach().var(correction=0)), 4)
    1.0
    """
    checked_variance("target", target)
    if weights not in get_args(Weights):
        known = ", ".join(get_args(Weights))
        raise ValueError(f"weights must be one of {known}, got {weights!r}")
    layers = linear_layers(network)
    _check(layers, remove_means)
    parameters = [p for layer in layers.values() for p in layer.parameters(recurse=False)]
    before = [p.detach().clone() for p in parameters]
    modes = {module: module.training for module in network.modules()}
    reached: set[str] = set()
    hooks = []
    try:
        with torch.no_grad():
            for name, layer in layers.items():
                _fill(layer.weight, weights, generator)
                if layer.bias is not None:
                    layer.bias.zero_()
                scale = _scaling(name, reached, target, remove_means)
                # Before any other hook, so that these see the layer as it will be.
                hooks.append(layer.register_forward_hook(scale, prepend=True))
            network.eval()
            network(inputs)
        for name in layers:
            if name not in reached:
                raise ValueError(f"layer {name} is not called when the network is")
    except BaseException:
        with torch.no_grad():
            for parameter, value in zip(parameters, before, strict=True):
                parameter.copy_(value)
        raise
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes.items():
            module.training = training
    return network


def _check(layers: dict[str, nn.Linear], remove_means: bool) -> None:
    """Refuse what cannot be scaled layer by layer, before anything is changed."""
    if not layers:
        raise ValueError("network must have a dense or convolutional layer, it has none")
    owners: dict[nn.Parameter, str] = {}
    for name, layer in layers.items():
        parameters = dict(layer.named_parameters(recurse=False))
        if "weight" not in parameters:
            raise ValueError(f"layer {name} computes its weight from other parameters")
        for parameter in parameters.values():
            if parameter in owners:
                raise ValueError(f"layer {name} shares its parameters with {owners[parameter]}")
            owners[parameter] = name
        if remove_means and "bias" not in parameters:
            raise ValueError(f"layer {name} has no bias to remove its means with")


def _fill(weight: Tensor, weights: Weights, generator: torch.Generator | None) -> None:
    """Draw weights of a variance that does not matter, as it is scaled away."""
    from .initializers import lecun_, orthogonal_  # which imports this module

    if weights == "orthogonal":
        orthogonal_(weight, generator=generator)
    elif weights == "gaussian":
        lecun_(weight, generator=generator)


def _scaling(
    name: str, reached: set[str], target: float, remove_means: bool
) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    """Return the hook that scales a layer, and its output with it."""

    def scale(module: nn.Module, _: Any, output: Tensor) -> Tensor:
        if name in reached:
            raise ValueError(f"layer {name} is called twice in a forward pass")
        reached.add(name)
        layer = cast("nn.Linear", module)
        channel = _channel_axis(name, layer, output)
        values = output.double()
        everything_else = [axis for axis in range(output.dim()) if axis != channel]
        if remove_means:
            means = values.mean(everything_else)
            variance = float(values.var(0, correction=0).mean())
        else:
            means = values.new_zeros(output.shape[channel])
            variance = float(values.var(correction=0))
        # What remains of constants is rounding: the layer's own precision sets the limit.
        rounding = 16 * torch.finfo(output.dtype).eps * float(values.square().mean().sqrt())
        if not math.isfinite(variance):
            raise ValueError(f"layer {name} has outputs that are not finite")
        if math.sqrt(variance) <= rounding:
            over = "from example to example" if remove_means else "over the data"
            raise ValueError(f"layer {name} has outputs that do not vary {over}")
        factor = math.sqrt(target / variance)
        layer.weight.mul_(factor)
        if remove_means:
            layer.bias.copy_(-factor * means)
            spread = [1] * output.dim()
            spread[channel] = -1
            values = values - means.view(spread)
        return (factor * values).to(output.dtype)

    return scale


def _channel_axis(name: str, layer: nn.Linear, output: Tensor) -> int:
    """Return the axis of a layer's outputs that counts its units."""
    dense = isinstance(layer, nn.Linear)
    if output.dim() < 2 or (not dense and output.dim() < layer.weight.dim()):
        raise ValueError(
            "inputs must be a batch, with an axis of examples in front; "
            f"layer {name} makes of them outputs of shape {tuple(output.shape)}"
        )
    return output.dim() - 1 if dense else 1
