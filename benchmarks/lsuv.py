"""Seconds that LSUV takes, in one pass and by the printed loop: ``python benchmarks/lsuv.py``.

The loop runs the whole network twice for each layer, so its time grows with the square of the
depth; it is timed on a shallower network too, in double precision, where the weights of both
ways can be compared.

``--package FOLDER`` times the package ``lsuv`` at full depth beside ours instead, with its default
tolerance; ``--record`` keeps that table for the book.  Its times are of the processor, in one
thread, drawing the weights included; other work on the machine disturbs them little.  The package
is needed for nothing else: ``pip install --target FOLDER --no-deps lsuv==0.3.0``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import torch
from machine import describe, seconds

from signalprop.initializers import lsuv_, orthogonal_
from signalprop.networks import MLP
from signalprop.records import ROOT
from signalprop.studies.lsuv.layers import measure
from signalprop.studies.lsuv.loop import lsuv_loop


def one_pass(network: MLP, inputs: torch.Tensor) -> None:
    """Initialize in one pass."""
    lsuv_(network, inputs, generator=torch.Generator().manual_seed(0))


def loop(network: MLP, inputs: torch.Tensor) -> None:
    """Initialize by the printed algorithm, to a tolerance that lets no layer off."""
    lsuv_loop(network, inputs, 1e-9, generator=torch.Generator().manual_seed(0))


def difference(one: MLP, other: MLP) -> float:
    """Return the largest relative difference between the weights of a layer."""
    pairs = zip(one.layers, other.layers, strict=True)
    with torch.no_grad():
        return max(float((a.weight - b.weight).norm() / b.weight.norm()) for a, b in pairs)


def timed(
    way: Callable[[MLP, torch.Tensor], object],
    widths: list[int],
    activation: str,
    inputs: torch.Tensor,
    repetitions: int,
) -> MLP:
    """Print how long one way takes; return the network it has initialized."""
    network = MLP(widths, activation).to(inputs.dtype)
    median, least, greatest = seconds(partial(way, network, inputs), repetitions)
    print(
        f"{activation:8} depth {len(widths) - 1:4} {str(inputs.dtype)[6:]:8} {way.__name__:9} "
        f"{median:7.3f}  ({least:.3f} to {greatest:.3f})"
    )
    return network


def orthogonal(network: MLP) -> MLP:
    """Fill a network with orthogonal weights, always the same."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in network.layers:
            orthogonal_(layer.weight, generator=generator)
            layer.bias.zero_()
    return network


def packaged(folder: Path) -> tuple[str, Callable[[MLP, torch.Tensor], object]]:
    """Return name and version of the package in a folder, and its initialization.

    It scales the weights that are there, so that both tools can be given the same.
    """
    [version] = {d.version for d in distributions(path=[str(folder)]) if d.name == "lsuv"}
    sys.path.insert(0, str(folder))
    initialize = importlib.import_module("lsuv").lsuv_with_singlebatch
    return f"lsuv {version}", partial(initialize, do_orthonorm=False, verbose=False)


def compare(
    activation: str, widths: list[int], inputs: torch.Tensor, folder: Path, repetitions: int
) -> list[dict[str, Any]]:
    """Return, for each tool, the processor time of one thread and what it makes of the layers."""
    name, package = packaged(folder)
    tools: dict[str, Callable[[MLP, torch.Tensor], object]] = {
        "orthogonal weights, not scaled": lambda network, inputs: None,
        "signalprop": partial(lsuv_, weights="kept"),
        name: package,
    }
    rows, networks = [], {}
    for tool, way in tools.items():
        times = []
        for _ in range(repetitions):
            networks[tool] = MLP(widths, activation)
            start = time.thread_time()
            way(orthogonal(networks[tool]), inputs)
            times.append(time.thread_time() - start)
        deviation = measure(networks[tool], inputs, torch.sum).variance ** 0.5
        rows.append(
            {
                "activation": activation,
                "tool": tool,
                "thread_seconds": statistics.median(times),
                "least_seconds": min(times),
                "greatest_seconds": max(times),
                "std_of_layer_1": deviation[0],
                "least_std": deviation.min(),
                "greatest_std": deviation.max(),
                "weights_differ": difference(networks[tool], networks["signalprop"])
                if "signalprop" in networks
                else None,
            }
        )
    return rows


def package_table(arguments: argparse.Namespace) -> None:
    """Print the table of both tools, and keep it if asked to.

    Inputs are uniform between 0 and 1 and not of variance 1, so that the first layer needs scaling.
    """
    torch.set_num_threads(1)
    machine = describe()
    print(machine)
    source = torch.Generator().manual_seed(1)
    inputs = torch.rand(arguments.examples, arguments.width, generator=source)
    widths = [arguments.width] * (arguments.depth + 1)
    rows: list[dict[str, Any]] = []
    for activation in arguments.activations:
        new = compare(activation, widths, inputs, arguments.package, arguments.repetitions)
        for row in new:
            print(json.dumps(row), flush=True)
        rows += new
    if arguments.record:
        settings = {k: getattr(arguments, k) for k in ("depth", "width", "examples", "repetitions")}
        path = ROOT / "benchmarks" / "lsuv.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"machine": machine, **settings, "rows": rows}, indent=1) + "\n")


def main() -> None:
    """Time one pass at full depth, and both ways on a shallower network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=200)
    parser.add_argument("--depth", type=int, default=200)
    parser.add_argument("--loop-depth", type=int, default=50)
    parser.add_argument("--examples", type=int, default=512)
    parser.add_argument("--activations", nargs="+", default=["tanh", "relu", "sigmoid"])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--package", type=Path, help="a folder that the package lsuv is in")
    parser.add_argument("--record", action="store_true", help="keep the package's table")
    arguments = parser.parse_args()
    if arguments.package:
        package_table(arguments)
        return
    print(describe())
    print(f"width {arguments.width}, {arguments.examples} examples, s: median (range)")
    source = torch.Generator().manual_seed(1)
    inputs = torch.randn(arguments.examples, arguments.width, generator=source)
    deep, shallow = (
        [arguments.width] * (depth + 1) for depth in (arguments.depth, arguments.loop_depth)
    )
    for activation in arguments.activations:
        timed(one_pass, deep, activation, inputs, arguments.repetitions)
        precise = inputs.double()
        once = timed(one_pass, shallow, activation, precise, arguments.repetitions)
        looped = timed(loop, shallow, activation, precise, 1)
        print(f"{activation:8} weights differ by {difference(once, looped):.0e}")


if __name__ == "__main__":
    main()
