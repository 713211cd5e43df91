"""The input-output Jacobian of any module, as products with vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _NormBase

from .inputs import Inputs


class JacobianError(Exception):
    """Why a Jacobian cannot be taken, in words.

    >>> Operator(torch.ones_like, torch.tensor([[1.0]]), 0, coupled=False)
    Traceback (most recent call last):
        ...
    signalprop.diagnostics.products.JacobianError: the output does not depend on the input in \
torch's graph
    """


class Operator:
    r"""The Jacobian of one example's output by its input, as products with vectors.

    Rows of :math:`J` are gradients.  A product :math:`J v` is taken as the derivative of
    :math:`J^T u`, which is linear in :math:`u`, along :math:`v`: two backward passes.  Several
    vectors go through at once, each with a copy of the example; only where examples are
    coupled, as in batch normalization, one after the other with the whole batch.

    Parameters
    ----------
    call : map of points (k, ...) to outputs (k, ...)
    point : (1, ...), where the Jacobian is taken; if coupled (examples, ...)
    example : which row of ``point`` it is
    coupled : whether an example's output depends on the others

    Raises
    ------
    JacobianError
        If outputs do not count examples along their first axis, there are none, or they do not
        depend on the point in torch's graph; and by a product, if it is not finite.

    Examples
    --------
    >>> square = Operator(torch.square, torch.tensor([[1.0, 2.0]]), 0, coupled=False)
    >>> square.times(torch.tensor([[1.0, 1.0]]))
    tensor([[2., 4.]], dtype=torch.float64)
    """

    def __init__(
        self, call: Callable[[Tensor], Tensor], point: Tensor, example: int, coupled: bool
    ) -> None:
        self._call, self._point, self._example, self.coupled = call, point, example, coupled
        self._copies, self._graph = 0, (point, point)
        x, output = self._forward(1)
        if not output.dim() or len(output) != len(x):
            raise JacobianError(
                "the first axis of the output does not count examples, its shape is "
                f"{tuple(output.shape)} for {len(x)}"
            )
        self.rows, self.columns = output[0].numel(), point[0].numel()
        self.dtype = output.dtype
        if not self.rows or not self.columns:
            raise JacobianError("there are no outputs, or no inputs")
        if not output.requires_grad or _gradient(output, x, torch.zeros_like(output)) is None:
            raise JacobianError("the output does not depend on the input in torch's graph")

    def transposed(self, u: Tensor) -> Tensor:
        """Return u J, (k, columns), for vectors u (k, rows)."""
        return self._blocks(u, self._transposed)

    def times(self, v: Tensor) -> Tensor:
        """Return J v, (k, rows), for vectors v (k, columns)."""
        return self._blocks(v, self._times)

    def _blocks(self, vectors: Tensor, product: Callable[[Tensor], Tensor]) -> Tensor:
        blocks = torch.split(vectors, 1) if self.coupled else (vectors,)
        result = torch.cat([product(block).detach().cpu().double() for block in blocks])
        if not result.isfinite().all():
            raise JacobianError("it has entries that are not finite")
        return result

    def _transposed(self, u: Tensor) -> Tensor:
        x, y = self._forward(len(u))
        (gradient,) = torch.autograd.grad(y, x, self._like(y, u), retain_graph=True)
        return self._own(gradient)

    def _times(self, v: Tensor) -> Tensor:
        x, y = self._forward(len(v))
        u = torch.zeros_like(y, requires_grad=True)
        (gradient,) = torch.autograd.grad(y, x, u, create_graph=True)
        (product,) = torch.autograd.grad(gradient, u, self._like(x, v))
        return self._own(product)

    def _forward(self, copies: int) -> tuple[Tensor, Tensor]:
        """Return points and outputs, from the last time if that is the same."""
        if copies != self._copies:
            x = self._point if self.coupled else self._point.expand(copies, *self._point.shape[1:])
            x = x.detach().clone().requires_grad_()
            self._copies, self._graph = copies, (x, self._call(x))
        return self._graph

    def _like(self, tensor: Tensor, vectors: Tensor) -> Tensor:
        """Return vectors in the shape of a tensor: of the one example only, if coupled."""
        vectors = vectors.to(tensor.device, tensor.dtype)
        if not self.coupled:
            return vectors.view(tensor.shape)
        full = torch.zeros_like(tensor)
        full[self._example] = vectors.view(tensor.shape[1:])
        return full

    def _own(self, tensor: Tensor) -> Tensor:
        one = tensor[self._example : self._example + 1] if self.coupled else tensor
        return one.reshape(len(one), -1)


def _gradient(y: Tensor, x: Tensor, u: Tensor) -> Tensor | None:
    """Return the gradient of u y by x, None if y does not depend on x, and keep the graph."""
    return torch.autograd.grad(y, x, u, retain_graph=True, allow_unused=True)[0]


@contextmanager
def jacobian_of(
    module: nn.Module, inputs: Inputs, example: int, embedding: str = "", coupled: bool = False
) -> Iterator[Operator]:
    """Hand out the Jacobian of a borrowed module at one example.

    Parameters
    ----------
    module : in the mode in which it is to run
    inputs : a batch
    example : which of it
    embedding : name of the module by whose output the derivative is taken, if no input is of
        real numbers
    coupled : whether the example's output is known to depend on others in the batch

    Examples
    --------
    >>> layer = nn.Linear(3, 2)
    >>> with jacobian_of(layer, Inputs.of(torch.ones(5, 3), layer), example=0) as operator:
    ...     product = operator.times(torch.ones(1, 3))
    >>> torch.allclose(product.float(), layer.weight.sum(1))
    True
    """
    coupled = coupled or is_coupled(module)
    whole = inputs if coupled else inputs.example(example)
    with ExitStack() as stack:
        stack.enter_context(torch.enable_grad())
        # The fused kinds of attention have no second derivative.
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        point, place = whole.floating, None
        if point is None:
            place = _Replacement(module.get_submodule(embedding))
            stack.callback(place.handle.remove)
            place.call(whole, module, None)
            point = place.point

        def call(x: Tensor) -> Tensor:
            now = whole if coupled else inputs.example(example, len(x))
            if place is not None:
                return place.call(now, module, x)
            return now.with_floating(x).call(module)

        yield Operator(call, point, example if coupled else 0, coupled)


class _Replacement:
    """Put another tensor in the place of what a part of a module returns when first called."""

    def __init__(self, part: nn.Module) -> None:
        self.point: Any = None
        self._waiting = False
        self.handle = part.register_forward_hook(self._replace)

    def call(self, inputs: Inputs, module: nn.Module, point: Tensor | None) -> Tensor:
        """Call the module with a point in that place; with what is there itself if None."""
        self.point, self._waiting = point, True
        return inputs.call(module)

    def _replace(self, part: nn.Module, args: Any, output: Tensor) -> Tensor | None:
        if not self._waiting:
            return None
        self._waiting = False
        if self.point is None:
            self.point = output.detach()
        point: Tensor = self.point
        return point


def is_coupled(module: nn.Module) -> bool:
    """Tell whether a module has normalization that lets examples depend on each other.

    >>> is_coupled(nn.BatchNorm1d(3)), is_coupled(nn.BatchNorm1d(3).eval())
    (True, False)
    """
    return any(
        isinstance(part, _NormBase) and (part.training or not part.track_running_stats)
        for part in module.modules()
        if not isinstance(part, nn.modules.instancenorm._InstanceNorm)
    )
