"""Starts: ways to set the weights of a network, ours and those of published packages."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType

import torch
from torch import Tensor, nn

from ...initializers import critical_, kaiming_, lsuv_, orthogonal_, variance_scaling_, xavier_
from ...networks import MLP, initialize

Start = Callable[[MLP, Tensor, int], None]
"""Set the weights of a network, given inputs (batch, features) and a seed."""

Q_STAR = 0.025
"""Variance of the pre-activations in critical networks."""

TORCHS: Mapping[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "hard_tanh": nn.Hardtanh,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
}
"""Activations as the packages know them."""


class PackageMissingError(Exception):
    """A start needs a package that is not here, or not of the version that it names."""


def package(name: str, version: str) -> ModuleType:
    """Import a package of an exact version.

    Raises
    ------
    PackageMissingError
        If it is not installed, or another version is.
    """
    try:
        found = importlib.metadata.version(name)
        module = importlib.import_module(name)
    except ImportError:
        found = "none"
    if found != version:
        raise PackageMissingError(
            f"this start is that of {name} {version}, and {found} is installed: "
            f"pip install --no-deps {name}=={version}"
        )
    return module


# --- starts that do not look at data ------------------------------------------------------


def _torch(network: MLP, inputs: Tensor, seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in network.layers:
            layer.reset_parameters()


def _filled(fill: Callable[..., Tensor]) -> Start:
    def start(network: MLP, inputs: Tensor, seed: int) -> None:
        initialize(network, fill, seed)

    return start


def _critical(weights: str, network: MLP, inputs: Tensor, seed: int) -> None:
    critical_(network, Q_STAR, weights, generator=torch.Generator().manual_seed(seed))  # type: ignore[arg-type]


# --- starts that may ----------------------------------------------------------------------


def _one_pass(network: MLP, inputs: Tensor, seed: int) -> None:
    lsuv_(network, inputs, generator=torch.Generator().manual_seed(seed))


def as_modules(network: MLP) -> nn.Sequential:
    """Return the same network, of the same layers, as packages expect to see it."""
    kind = TORCHS[network.activation.name]
    *hidden, last = network.layers
    return nn.Sequential(*[module for layer in hidden for module in (layer, kind())], last)


def _lsuv_package(network: MLP, inputs: Tensor, seed: int) -> None:
    lsuv = package("lsuv", "0.3.0")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        lsuv.lsuv_with_singlebatch(as_modules(network), inputs, verbose=False)


def _anyinit(mode: str, network: MLP, inputs: Tensor, seed: int) -> None:
    anyinit = package("anyinit", "0.4.0")
    anyinit.initialize(as_modules(network), mode, inputs, seed=seed)


STARTS: dict[str, Start] = {
    "torch": _torch,
    "xavier": _filled(partial(xavier_, distribution="normal")),
    "xavier, gain 5/3": _filled(
        partial(variance_scaling_, scale=25 / 9, fan="average", distribution="normal")
    ),
    "kaiming": _filled(kaiming_),
    "orthogonal": _filled(orthogonal_),
    "lsuv 0.3.0": _lsuv_package,
    "lsuv, one pass": _one_pass,
    "anyinit 0.4.0, analytic": partial(_anyinit, "analytic"),
    "anyinit 0.4.0, empirical": partial(_anyinit, "empirical"),
    "critical gaussian": partial(_critical, "gaussian"),
    "critical orthogonal": partial(_critical, "orthogonal"),
}
"""Starts by name; those with a version need that package."""
