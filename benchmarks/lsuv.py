"""Seconds that LSUV takes, in one pass and by the printed loop: ``python benchmarks/lsuv.py``.

The loop runs the whole network twice for each layer, so its time grows with the square of the
depth; it is timed on a shallower network too, in double precision, where the weights of both
ways can be compared.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import torch
from machine import describe, seconds

from signalprop.initializers import lsuv_
from signalprop.networks import MLP
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


def main() -> None:
    """Time one pass at full depth, and both ways on a shallower network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=200)
    parser.add_argument("--depth", type=int, default=200)
    parser.add_argument("--loop-depth", type=int, default=50)
    parser.add_argument("--examples", type=int, default=512)
    parser.add_argument("--activations", nargs="+", default=["tanh", "relu", "sigmoid"])
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
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
