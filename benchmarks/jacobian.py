"""Milliseconds a network's Jacobian takes: ``python benchmarks/jacobian.py``.

A deep tanh network at one input, by our product of layers and by ``torch.func.jacrev``, and
the singular values of both.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

import torch
from machine import describe, seconds
from torch import Tensor

from signalprop import meanfield
from signalprop.initializers import orthogonal_
from signalprop.jacobians import jacobian, singular_values
from signalprop.networks import MLP, initialize

Q_STAR = 0.025


def work(network: MLP, x: Tensor) -> dict[str, Callable[[], object]]:
    """Return what is timed, by name."""
    reverse = torch.func.jacrev(network)
    return {
        "signalprop.jacobian": lambda: jacobian(network, x[None], x.dtype),
        "torch.func.jacrev": lambda: reverse(x).detach(),
        "signalprop.singular_values": lambda: singular_values(network, x[None], x.dtype),
        "jacrev, then svdvals": lambda: torch.linalg.svdvals(reverse(x).detach()),
    }


def main() -> None:
    """Time the Jacobian on one thread and on two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=400)
    parser.add_argument("--layers", type=int, default=64)
    parser.add_argument("--repetitions", type=int, default=9)
    arguments = parser.parse_args()
    sigma_w2, _ = meanfield.critical_point("tanh", Q_STAR)
    network = MLP([arguments.width] * (arguments.layers + 1), "tanh")

    def fill(weight: Tensor, *, generator: torch.Generator) -> Tensor:
        return orthogonal_(weight, gain=float(sigma_w2) ** 0.5, generator=generator)

    initialize(network, fill, seed=0)
    x = torch.randn(arguments.width, generator=torch.Generator().manual_seed(1)) * Q_STAR**0.5
    print(describe())
    print(f"{arguments.layers} layers of {arguments.width}, one input, ms: median (range)")
    for threads in sorted({1, min(2, os.cpu_count() or 1)}):
        torch.set_num_threads(threads)
        for dtype in (torch.float32, torch.float64):
            for name, job in work(network.to(dtype), x.to(dtype)).items():
                times = seconds(job, arguments.repetitions)
                median, least, greatest = (1000 * t for t in times)
                print(
                    f"{threads} thread{'s' if threads > 1 else ' '}  "
                    f"{str(dtype).removeprefix('torch.')}  {name:26} {median:6.1f}  "
                    f"({least:.1f} to {greatest:.1f})"
                )


if __name__ == "__main__":
    main()
