r"""Convolutions that train fast on a CPU: the same sums in fewer passes over memory.

A thin convolution in bfloat16 takes less time than the passes around it: adding the bias, the
activation, the sum of the gradients of an input with several readers.  Two steps save them.

- oneDNN applies the activation while it writes the output of a convolution.  All activations of
  the CIFAR-100 table are such functions that their slope follows from their value, so that the
  pre-activation need not be kept.
- Convolutions of one pixel which read the same input are one matrix product, forward and
  backward.  An average over neighbours and a convolution of one pixel commute, hence a pooled
  projection belongs to them too, and the average is taken of its few outputs and not of its many
  inputs.

Where no such kernel exists (another activation, another device, double precision) the same
functions do the same by torch's ordinary operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .activations import Activation

aten = torch.ops.aten

POOL = 3
"""Pixels on a side of the neighbourhood that is averaged."""


@dataclass(frozen=True)
class Kernel:
    """An activation as oneDNN applies it, and its slope from its value.

    Attributes
    ----------
    name, scalars : oneDNN's function and its parameters
    backward : gradient at the pre-activation from that at the output and the output
    enter : factor of the pre-activation before the function
    finish : what remains to be done to the output, in place

    Examples
    --------
    >>> tanh = Kernel("tanh", [], aten.tanh_backward)
    >>> tanh.backward(torch.ones(1), torch.tensor([0.5]))  # 1 - y**2
    tensor([0.7500])
    """

    name: str
    scalars: list[float]
    backward: Callable[[Tensor, Tensor], Tensor]
    enter: float = 1.0
    finish: Callable[[Tensor], Tensor] | None = None


def kernel(activation: Activation, like: Tensor) -> Kernel | None:
    """Return the kernel of an activation, or None if there is none for tensors like this one.

    Parameters
    ----------
    activation : any
    like : an input of the convolution

    Examples
    --------
    >>> from signalprop.activations import get
    >>> print(kernel(get("tanh"), torch.zeros(1, dtype=torch.float64)))  # no double precision
    None
    """
    served = like.device.type == "cpu" and like.dtype in (torch.float32, torch.bfloat16)
    if not served or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return None
    match activation.name:
        case "relu":
            return Kernel("relu", [], lambda g, y: aten.threshold_backward(g, y, 0))
        case "leaky_relu":
            a = float(activation.derivative(-1.0))
            return Kernel("leaky_relu", [a], lambda g, y: aten.leaky_relu_backward(g, y, a, a > 0))
        case "sigmoid":
            return Kernel("sigmoid", [], aten.sigmoid_backward)
        case "tanh":
            return Kernel("tanh", [], aten.tanh_backward)
        case "rescaled_sigmoid":  # 2 tanh(x / 2)
            return Kernel(
                "tanh", [], lambda g, y: aten.tanh_backward(g, y / 2), 0.5, lambda y: y.mul_(2)
            )
        case "leaky_tanh" if activation.limits[0]:
            return _leaky_tanh(-activation.limits[0])
    return None


def _leaky_tanh(a: float) -> Kernel:
    """Return the kernel of leaky tanh, which is leaky ReLU of tanh."""

    def backward(gradient: Tensor, y: Tensor) -> Tensor:
        gradient = aten.leaky_relu_backward(gradient, y, a, True)
        below: Tensor = aten.tanh_backward(gradient, F.leaky_relu(y, 1 / a))
        return below

    return Kernel("tanh", [], backward, finish=lambda y: F.leaky_relu(y, a, inplace=True))


# --- the two steps ------------------------------------------------------------------------


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor, stride: int, activation: Activation
) -> Tensor:
    """Return a convolution with its activation; zeros are put round the image.

    Parameters
    ----------
    x : (batch, channels, height, width)
    weight : (outputs, channels, kernel, kernel), of odd kernel; computed with in the type of ``x``
    bias : (outputs,)
    stride : pixels
    activation : applied to the sums

    Returns
    -------
    (batch, outputs, height / stride, width / stride), rounded up

    Examples
    --------
    Ones everywhere count the pixels under the kernel:

    >>> from signalprop.activations import get
    >>> ones = torch.ones(1, 1, 3, 3)
    >>> convolve(ones, ones, torch.zeros(1), 1, get("relu"))[0, 0]
    tensor([[4., 6., 4.],
            [6., 9., 6.],
            [4., 6., 4.]])
    """
    fast = kernel(activation, x)
    if fast is not None:
        y: Tensor = _Convolve.apply(x, weight, bias, stride, fast)  # type: ignore[no-untyped-call]
    else:
        weight, bias = weight.to(x.dtype), bias.to(x.dtype)
        y = activation(F.conv2d(x, weight, bias, stride, weight.shape[-1] // 2))
    return y


def fan_out(
    x: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    projection: Tensor | None,
    activation: Activation,
) -> tuple[list[Tensor], Tensor | None]:
    """Return what convolutions of one pixel make of one input.

    Parameters
    ----------
    x : (batch, channels, height, width)
    weights, biases : (outputs, channels, 1, 1) and (outputs,) of each
    projection : weight of one more, of which neighbours are averaged instead (zeros round the
        image count), without bias and activation; or None
    activation : of the others

    Returns
    -------
    the outputs (batch, outputs, height, width), and those of the projection

    Examples
    --------
    >>> from signalprop.activations import get
    >>> weights, biases = [torch.ones(n, 2, 1, 1) for n in (3, 4)], [torch.zeros(3), torch.zeros(4)]
    >>> x, projection = torch.ones(1, 2, 8, 8), torch.ones(5, 2, 1, 1)
    >>> outputs, pooled = fan_out(x, weights, biases, projection, get("tanh"))
    >>> [y.shape[1] for y in [*outputs, pooled]]
    [3, 4, 5]
    """
    weight, bias = torch.cat(list(weights)), torch.cat(list(biases))
    sizes = [len(b) for b in biases]
    fast = kernel(activation, x)
    if fast is not None:
        found = _FanOut.apply(x, weight, bias, projection, sizes, fast)  # type: ignore[no-untyped-call]
        return list(found[:-1]), found[-1]
    outputs = list(torch.split(convolve(x, weight, bias, 1, activation), sizes, 1))
    if projection is None:
        return outputs, None
    return outputs, _neighbours(F.conv2d(x, (projection / POOL**2).to(x.dtype)))


def _neighbours(x: Tensor) -> Tensor:
    """Return the sum over each pixel and those around it; this linear map is its own transpose."""
    # As a convolution channel by channel: seven times faster than avg_pool2d on thin images.
    ones = x.new_ones(x.shape[1], 1, POOL, POOL)
    return F.conv2d(x, ones, padding=POOL // 2, groups=x.shape[1])


def _forward(x: Tensor, weight: Tensor, bias: Tensor, stride: int, fast: Kernel) -> Tensor:
    padding = weight.shape[-1] // 2
    y: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x,
        weight * fast.enter,
        (bias * fast.enter).to(x.dtype),
        [padding, padding],
        [stride, stride],
        [1, 1],
        1,
        fast.name,
        fast.scalars,
        None,
    )
    return y if fast.finish is None else fast.finish(y)


def _dense(x: Tensor) -> Tensor:
    """Return the tensor in the order in which the channels of a pixel are neighbours."""
    return x.contiguous(memory_format=torch.channels_last)


def _rows(x: Tensor) -> Tensor:
    """Return images as a matrix (pixels of all images, channels), without a copy if `_dense`."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)


def _column_sums(matrix: Tensor) -> Tensor:
    """Return the sums (1, columns), by a product: faster than a reduction of bfloat16."""
    return matrix.new_ones(1, len(matrix)) @ matrix


class _Convolve(torch.autograd.Function):
    """`convolve` by a kernel."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int, fast: Kernel
    ) -> Tensor:
        x, weight = _dense(x), weight.to(x.dtype)
        y = _forward(x, weight, bias, stride, fast)
        ctx.save_for_backward(x, weight, y)
        ctx.stride, ctx.fast, ctx.dtype = stride, fast, bias.dtype
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, y = ctx.saved_tensors
        gradient = _dense(ctx.fast.backward(_dense(gradient), y))
        padding = weight.shape[-1] // 2
        gx, gw, gb = aten.convolution_backward(
            gradient,
            x,
            weight,
            [len(weight)],
            [ctx.stride] * 2,
            [padding] * 2,
            [1, 1],
            False,
            [0, 0],
            1,
            [ctx.needs_input_grad[0], True, True],
        )
        return gx, gw.to(ctx.dtype), gb.to(ctx.dtype), None, None


class _FanOut(torch.autograd.Function):
    """`fan_out` by a kernel: one product forward, one backward."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        projection: Tensor | None,
        sizes: list[int],
        fast: Kernel,
    ) -> tuple[Tensor | None, ...]:
        x, weight = _dense(x), weight.to(x.dtype)
        y = _forward(x, weight, bias, 1, fast)
        pooled = None
        if projection is not None:
            projection = (projection / POOL**2).to(x.dtype)
            pooled = _neighbours(F.conv2d(x, projection))
        ctx.save_for_backward(x, weight, y, projection)
        ctx.sizes, ctx.fast, ctx.dtype = sizes, fast, bias.dtype
        return *(_dense(part) for part in torch.split(y, sizes, 1)), pooled

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        x, weight, y, projection = ctx.saved_tensors
        *parts, pooled = gradients
        # Joined before the slope: passes over some channels of many are slow.
        total = ctx.fast.backward(_dense(torch.cat(parts, 1)), y)
        rows, inputs = _rows(total), _rows(x)
        gx = rows @ weight.flatten(1) if ctx.needs_input_grad[0] else None
        gw = (rows.t() @ inputs).view_as(weight).to(ctx.dtype)
        gb = _column_sums(rows)[0].to(ctx.dtype)
        gp = None
        if projection is not None:
            back = _rows(_dense(_neighbours(_dense(pooled))))
            gp = (back.t() @ inputs).view_as(projection).to(ctx.dtype) / POOL**2
            if gx is not None:
                gx.addmm_(back, projection.flatten(1))
        if gx is not None:
            n, channels, height, width = x.shape
            gx = gx.view(n, height, width, channels).permute(0, 3, 1, 2)
        return gx, gw, gb, gp, None, None
