"""Use somebody else's module, and leave no trace in it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


@contextmanager
def borrowed(module: nn.Module) -> Iterator[None]:
    """Put everything back in the end, however it ends.

    That is, in every part of the module: its attributes and the contents of those that are dicts,
    lists or sets (hooks, modes, counters and caches are among them); the numbers in parameters,
    buffers and other tensors it holds, their ``requires_grad`` and ``grad``; generators it holds,
    and the random states of torch, of its devices, of NumPy and of Python.

    What hooks of the owner do elsewhere, and what lies deeper in objects of the owner, is not
    ours to know.

    Parameters
    ----------
    module : yours to change while the context lasts

    Examples
    --------
    >>> module = nn.BatchNorm1d(3)
    >>> with borrowed(module):
    ...     _ = module(torch.randn(5, 3))
    >>> module.running_mean
    tensor([0., 0., 0.])
    """
    with ExitStack() as stack:
        stack.enter_context(_random_states())
        values = [value for part in module.modules() for value in _values(part)]
        for generator in _unique(values, torch.Generator):
            stack.callback(generator.set_state, generator.get_state())
        for tensor in _unique(values, Tensor):
            stack.callback(_put_back, tensor, tensor.detach().clone())
            if tensor.is_leaf:
                stack.callback(_put_back_leaf, tensor, tensor.requires_grad, tensor.grad)
        for part in module.modules():
            stack.callback(_refill, vars(part), dict(vars(part)))
            for value in vars(part).values():
                if isinstance(value, dict | list | set):
                    stack.callback(_refill, value, value.copy())
        yield


def _values(part: nn.Module) -> list[Any]:
    """Return what the attributes of a module hold, down to the items of its containers."""
    found: list[Any] = []
    for value in vars(part).values():
        found.append(value)
        if isinstance(value, dict):
            found.extend(value.values())
        elif isinstance(value, list | tuple | set):
            found.extend(value)
    return found


def _unique(values: list[Any], kind: type) -> list[Any]:
    return list({id(value): value for value in values if isinstance(value, kind)}.values())


def _refill(container: Any, content: Any) -> None:
    """Give a dict, list or set its former content, in place."""
    container.clear()
    if isinstance(container, list):
        container.extend(content)
    else:
        container.update(content)


def _put_back(tensor: Tensor, value: Tensor) -> None:
    # Through .data: a graph that holds the tensor is not told of a change that is none.
    if tensor.shape != value.shape or tensor.dtype != value.dtype:
        tensor.data = value
    elif not torch.equal(tensor.data, value):
        tensor.data.copy_(value)


def _put_back_leaf(tensor: Tensor, required: bool, grad: Tensor | None) -> None:
    if not tensor.is_leaf:  # it was changed in place, within the graph
        tensor.detach_()
    tensor.requires_grad_(required)
    tensor.grad = grad


@contextmanager
def _random_states() -> Iterator[None]:
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    on_cuda = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    cuda = torch.cuda.get_rng_state_all() if on_cuda else []
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        if mps is not None:
            torch.mps.set_rng_state(mps)
