"""What a module is called with: tensors of a batch, and how to take single examples of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

One: TypeAlias = Tensor | NDArray[Any]
Batch: TypeAlias = One | tuple[Any, ...] | list[Any] | Mapping[str, Any]
"""The input of a module; several in a tuple or list, or by their names in a dict."""


@dataclass(frozen=True)
class Inputs:
    """Arguments of a call, whose tensors count examples along their first axis.

    Attributes
    ----------
    args, kwargs : of the call
    examples : how many

    Examples
    --------
    >>> inputs = Inputs.of({"input": np.ones((5, 3))}, nn.Linear(3, 2))
    >>> inputs.examples, inputs.floating.dtype, inputs.call(nn.Linear(3, 2)).shape
    (5, torch.float32, torch.Size([5, 2]))
    >>> inputs.example(0, copies=2).floating.shape
    torch.Size([2, 3])
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    examples: int

    @classmethod
    def of(cls, batch: Batch, module: nn.Module) -> Inputs:
        """Return the arguments on the device, and floats in the precision, of a module.

        Raises
        ------
        ValueError
            If there is no tensor, no example, or a number is not finite.
        """
        device, dtype = _place(module)

        def arrive(value: Any, name: str) -> Any:
            if isinstance(value, np.ndarray):
                value = torch.from_numpy(np.array(value, order="C"))
            if not isinstance(value, Tensor):
                return value
            if value.is_floating_point() and not value.isfinite().all():
                raise ValueError(f"{name} must be finite, it is not")
            value = value.clone() if value.is_inference() else value.detach()
            return value.to(device, dtype) if value.is_floating_point() else value.to(device)

        if isinstance(batch, Mapping):
            args: tuple[Any, ...] = ()
            kwargs = {key: arrive(value, f"batch[{key!r}]") for key, value in batch.items()}
        elif isinstance(batch, tuple | list):
            args = tuple(arrive(value, f"batch[{i}]") for i, value in enumerate(batch))
            kwargs = {}
        else:
            args, kwargs = (arrive(batch, "batch"),), {}
        tensors = [v for v in (*args, *kwargs.values()) if isinstance(v, Tensor) and v.dim()]
        if not tensors:
            raise ValueError(
                "batch must be a tensor or array with examples along its first axis, or a tuple or "
                f"dict of such, got {type(batch).__name__}"
            )
        if not len(tensors[0]):
            raise ValueError("batch must have at least one example, it has none")
        return cls(args, kwargs, len(tensors[0]))

    def map(self, function: Callable[[Tensor], Tensor]) -> Inputs:
        """Return the arguments with a function applied to each tensor of examples."""

        def apply(value: Any) -> Any:
            counts = isinstance(value, Tensor) and value.dim() and len(value) == self.examples
            return function(value) if counts else value

        args = tuple(apply(value) for value in self.args)
        kwargs = {key: apply(value) for key, value in self.kwargs.items()}
        return replace(self, args=args, kwargs=kwargs)

    def example(self, index: int, copies: int = 1) -> Inputs:
        """Return the arguments for one example, several times over."""
        one = self.map(lambda t: t[index : index + 1].expand(copies, *t.shape[1:]).clone())
        return replace(one, examples=copies)

    @property
    def floating(self) -> Tensor | None:
        """The first tensor of real numbers, by which derivatives are taken; None if all count."""
        for value in (*self.args, *self.kwargs.values()):
            if isinstance(value, Tensor) and value.is_floating_point() and value.dim():
                return value
        return None

    def with_floating(self, new: Tensor) -> Inputs:
        """Return the arguments with another tensor in the place of `floating`."""
        old = self.floating
        args = tuple(new if value is old else value for value in self.args)
        kwargs = {key: new if value is old else value for key, value in self.kwargs.items()}
        return replace(self, args=args, kwargs=kwargs)

    def call(self, module: nn.Module) -> Tensor:
        """Return the output of a module, the first tensor of real numbers if there are several.

        The module gets copies, in which it may work in place.

        Raises
        ------
        ValueError
            If there is none.
        """
        args = [_copy(value) for value in self.args]
        kwargs = {key: _copy(value) for key, value in self.kwargs.items()}
        try:
            output = first_tensor(module(*args, **kwargs))
        except RuntimeError as error:
            if self.floating is None:
                error.add_note("(The batch holds no real numbers. Is a .float() missing?)")
            raise
        if output is None:
            raise ValueError("module must return a tensor of real numbers, or several; it does not")
        return output


def first_tensor(value: Any) -> Tensor | None:
    """Return the first tensor of real numbers in nested tuples, lists and dicts.

    >>> first_tensor({"tokens": torch.tensor([1]), "logits": [torch.tensor(0.5)]})
    tensor(0.5000)
    """
    if isinstance(value, Tensor):
        return value if value.is_floating_point() else None
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, tuple | list):
        found = (first_tensor(item) for item in value)
        return next((tensor for tensor in found if tensor is not None), None)
    return None


def precise(tensor: Tensor) -> Tensor:
    """Return numbers in double precision, or in single where the device has no other.

    >>> precise(torch.tensor([0.5]))
    tensor([0.5000], dtype=torch.float64)
    """
    mps = tensor.device.type == "mps"
    return tensor.detach().to(torch.float32 if mps else torch.float64)


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _place(module: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Return where the parameters of a module are, and what they are made of."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            return tensor.device, tensor.dtype
    return torch.device("cpu"), torch.get_default_dtype()
