"""Pairs of networks that should learn alike: training them, and how far they part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ...equivalence import Change, PulledBack, Roles, change, changed, parameter_groups
from ...networks import MLP

Floats = NDArray[np.float64]
Batches = tuple[Tensor, Tensor]
Optimizer = torch.optim.Optimizer

WIDTHS = (20, 16, 16, 16, 5)
"""Of the networks that the checks train."""

SGD: dict[str, Any] = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3}
"""Settings of the rescaled sigmoid's network."""

ADAM: dict[str, Any] = {"lr": 0.01, "weight_decay": 1e-3}


def build(widths: Sequence[int] = WIDTHS, seed: int = 0) -> MLP:
    """Build a network of rescaled sigmoids, with random biases, in double precision."""
    network = MLP(widths, "rescaled_sigmoid").double()
    generator = torch.Generator().manual_seed(seed)
    for p in network.parameters():
        scale = 0.3 if p.dim() == 1 else p.shape[1] ** -0.5
        nn.init.normal_(p, 0, scale, generator=generator)
    return network


def gaussian(updates: int, batch: int = 20, seed: int = 0) -> Batches:
    """Return made-up batches, (updates, batch, features) and (updates, batch)."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(updates, batch, WIDTHS[0], dtype=torch.float64, generator=generator)
    return x, x[..., : WIDTHS[-1]].argmax(-1)


def learn(network: nn.Module, optimizer: Optimizer, data: Batches) -> Floats:
    """Train; return the logits before each update, (updates, batch, classes).

    Parameters
    ----------
    network, optimizer : changed in place
    data : inputs (updates, batch, ...) and labels (updates, batch)
    """
    seen = []
    for x, labels in zip(*data, strict=True):
        optimizer.zero_grad()
        logits = network(x)
        F.cross_entropy(logits, labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        seen.append(logits.detach().numpy().copy())
    return np.stack(seen)


def apart(ours: Floats, theirs: Floats) -> Floats:
    """Return the largest difference of two trainings' logits, before each update."""
    return np.asarray(np.abs(ours - theirs).max((1, 2)))


def beside(
    network: MLP,
    activation: str,
    data: Batches,
    factor: float | None = None,
    settings: dict[str, Any] | None = None,
    make: Callable[..., Optimizer] = torch.optim.SGD,
) -> Floats:
    """Train a network and its change side by side; return how far they part, (updates,).

    Parameters
    ----------
    network : of rescaled sigmoids
    activation : of the other
    data : see `learn`
    factor : of the learning rates of all weights but the first layer's, instead of the right one;
        weight decay stays the right one
    settings : of the optimizer, for the rescaled sigmoid
    make : ``torch.optim.SGD`` or ``Adam``
    """
    options = dict(SGD if settings is None else settings)
    how = change("rescaled_sigmoid", activation)
    twins = changed(network, "rescaled_sigmoid"), changed(network, activation)
    ours = learn(twins[0], make(twins[0].parameters(), **options), data)
    other = _groups(twins[1], how, factor, options, make)
    if other is None:
        return apart(ours, learn(twins[1], pulled_back(twins[1], how, options, make), data))
    rest = {k: v for k, v in options.items() if k not in ("lr", "weight_decay")}
    return apart(ours, learn(twins[1], make(other, **rest), data))


def pulled_back(
    network: MLP, how: Change, settings: dict[str, Any], make: Callable[..., Optimizer]
) -> PulledBack:
    """Return the coupled update of a changed network."""
    return PulledBack(Roles.of(network.layers), how, lambda p: make(p, **settings))


def _groups(
    network: MLP,
    how: Change,
    factor: float | None,
    options: dict[str, Any],
    make: Callable[..., Optimizer],
) -> list[dict[str, Any]] | None:
    """Return the groups for a changed network; None if there are none that are right."""
    if how.shift and factor is None:
        return None
    without_shift = Change(how.scale, how.stretch)
    rule = "sgd" if make is torch.optim.SGD else "adam"
    groups = parameter_groups(
        Roles.of(network.layers),
        without_shift,
        options["lr"],
        options.get("weight_decay", 0.0),
        rule=rule,  # type: ignore[arg-type]
    )
    if factor is not None:
        for group in groups[2::2]:
            group["lr"] = factor * options["lr"]
    return groups
