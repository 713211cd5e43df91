"""Activations as they occur in torch modules: known by name, by their numbers, or by their slope.

A network written by somebody else may use any function of torch, or one of its own.  What the
theory asks of a function, its Gaussian moments, follows from values and slopes; so a function
that is in the book's table is recognized by its values, and any other becomes an `Activation`
of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import norm
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from .activations import NAMES, Activation, get, leaky_relu

Elementwise = Callable[[Tensor], Tensor]

_NAMES = (
    *("celu", "clamp", "clip", "elu", "erf", "expit", "gelu", "hardshrink", "hardsigmoid"),
    *("hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish", "prelu", "relu", "relu6"),
    *("rrelu", "selu", "sigmoid", "silu", "sin", "softplus", "softshrink", "softsign", "tanh"),
    *("tanhshrink", "threshold"),
)

FUNCTIONS: dict[Any, str] = {
    getattr(library, name + ending): {"expit": "sigmoid", "clip": "clamp"}.get(name, name)
    for library in (torch, F, torch.Tensor, torch.special)
    for name in _NAMES
    for ending in ("", "_")
    if hasattr(library, name + ending)
}
"""Functions of torch that act on each element, by their names; those ending in _ work in place."""

_REACH, _POINTS = 10.0, 401
_NORMAL = norm.ppf((np.arange(2000) + 0.5) / 2000)


def identify(function: Elementwise, name: str = "activation") -> Activation:
    """Return the activation that computes the same as a function of torch.

    Parameters
    ----------
    function : elementwise; left alone with tensors of float64, or of float32 if it needs these
    name : of the result if it is not in the table of `activations`

    Returns
    -------
    an entry of the table where the values agree from -8 to 8; else a new activation, whose
    moments are quadratures (accurate if its only kink is at 0)

    Raises
    ------
    ValueError
        If the function cannot be applied to a vector of numbers.

    Examples
    --------
    >>> identify(torch.tanh).name, identify(lambda x: torch.clip(x, -1, 1)).name
    ('tanh', 'hard_tanh')
    >>> float(identify(lambda x: F.leaky_relu(x, 0.1))(-2.0))
    -0.2
    >>> round(float(identify(F.mish, "mish").mean(1.0)), 4)
    0.2404
    """
    x = torch.linspace(-8, 8, _POINTS, dtype=torch.float64)
    try:
        with torch.no_grad():
            values = _in_float64(function, x)
    except (RuntimeError, TypeError, IndexError) as error:
        raise ValueError(f"{name} cannot be applied to a vector of numbers: {error}") from None
    if values.shape != x.shape:
        raise ValueError(f"{name} makes {tuple(values.shape)} of {tuple(x.shape)}: not elementwise")
    slope = float(values[0] / x[0])
    candidates = [get(known) for known in NAMES if known != "leaky_relu"]
    if 0 < slope < 1:
        candidates.append(leaky_relu(round(slope, 7)))
    for candidate in candidates:
        if torch.allclose(values, candidate(x), rtol=1e-6, atol=1e-6):
            return candidate
    return Activation(
        name,
        _for_arrays(lambda t: _in_float64(function, t), function),
        _for_arrays(lambda t: slopes(lambda s: _in_float64(function, s), t)),
    )


def slopes(function: Elementwise, x: Tensor) -> Tensor:
    """Return the derivative of an elementwise function at each element, by autograd.

    Parameters
    ----------
    function : may work in place
    x : any shape; left as it is

    Examples
    --------
    >>> slopes(torch.relu_, torch.tensor([-1.0, 2.0]))
    tensor([0., 1.])
    """
    # With hooks of its own, so that those of a checkpoint around the call are not asked.
    with torch.enable_grad(), saved_tensors_hooks(_same, _same):
        leaf = x.detach().requires_grad_()
        y = function(leaf.clone())
        if not y.requires_grad:  # a constant
            return torch.zeros_like(x)
        return torch.autograd.grad(y.sum(), leaf)[0]


def _same(tensor: Tensor) -> Tensor:
    return tensor


def reference_slopes(function: Elementwise, x: Tensor, channels: bool) -> tuple[Tensor, Tensor]:
    """Return what to compare slopes with: the largest from -10 to 10, and those of normal inputs.

    Parameters
    ----------
    function : elementwise
    x : an input, for its kind and, where channels differ, its shape
    channels : whether channels (axis 1) may have functions of their own, as those of ``nn.PReLU``

    Returns
    -------
    largest : (), or (channels, 1, ...)
    normal : (2000,), or (2000, channels, 1, ...), absolute slopes at the quantiles of a standard
        normal variable

    Examples
    --------
    >>> largest, normal = reference_slopes(torch.relu, torch.zeros(5, 3), channels=False)
    >>> float(largest), float(normal.mean())
    (1.0, 0.5)
    """
    grid = np.concatenate([np.linspace(-_REACH, _REACH, _POINTS), _NORMAL])
    points = torch.from_numpy(grid).to(x.device, x.dtype)
    if channels:
        shape = list(x.shape[1:2]) + [1] * (x.dim() - 2)
        points = points.view(-1, *[1] * len(shape)).expand(-1, *shape)
    size = slopes(function, points).abs()
    return size[:_POINTS].amax(0), size[_POINTS:]


def is_elementwise(module: nn.Module, x: Tensor) -> bool:
    """Tell whether a module acts on each element alone, by shuffling the elements.

    Parameters
    ----------
    module : called twice, in the mode it is in
    x : an input

    Examples
    --------
    >>> x = torch.arange(6.0).view(2, 3)
    >>> is_elementwise(nn.Tanh(), x), is_elementwise(nn.Softmax(1), x)
    (True, False)
    """
    order = torch.randperm(x.numel(), generator=torch.Generator().manual_seed(0)).to(x.device)
    with torch.no_grad():
        try:
            y = module(x.detach().clone())
            if not isinstance(y, Tensor) or y.shape != x.shape:
                return False
            shuffled = module(x.detach().flatten()[order].view_as(x))
        except (RuntimeError, ValueError, TypeError, IndexError):
            return False
    # Not bit for bit: elements are computed several at a time, and the last ones one by one.
    rounding = 64 * torch.finfo(y.dtype).eps
    return torch.allclose(shuffled.flatten(), y.flatten()[order], rtol=rounding, atol=rounding)


def _in_float64(function: Elementwise, x: Tensor) -> Tensor:
    """Apply a function to float64 numbers, in float32 if its own parameters are of that kind."""
    try:
        return function(x.clone())
    except RuntimeError:
        return function(x.float()).double()


def _for_arrays(function: Elementwise, on_tensors: Elementwise | None = None) -> Callable[..., Any]:
    """Let a function of tensors take arrays and numbers too."""

    def apply(x: Any) -> Any:
        if isinstance(x, Tensor):
            return (on_tensors or function)(x)
        array = np.asarray(x, dtype=np.float64)
        with torch.no_grad():
            y = function(torch.from_numpy(np.ascontiguousarray(array).reshape(-1)))
        return y.detach().numpy().reshape(array.shape)[()]

    return cast("Callable[..., Any]", apply)
