"""Milliseconds an update of the paper's networks takes: ``python benchmarks/update.py``.

Five hidden layers of 1000 units between 1024 pixels and nine classes, batches of ten
(Glorot & Bengio 2010), by autograd and torch's optimizer, and by our update in place.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np
import torch
from machine import describe, seconds

from signalprop.datasets import Shapeset
from signalprop.initializers import xavier_
from signalprop.networks import MLP, initialize
from signalprop.training import autograd_step, in_place_step

BATCH, BATCHES = 10, 40


def update(make: Callable[..., Any], widths: list[int], activation: str) -> Callable[[], None]:
    """Return work that does `BATCHES` updates of a fresh network."""
    network = MLP(widths, activation)
    initialize(network, xavier_, seed=0)
    step = make(network, 0.01)
    images, labels = Shapeset(seed=0).batch(BATCH * BATCHES, np.float32)
    inputs = torch.from_numpy(images).reshape(BATCHES, BATCH, -1)
    targets = torch.from_numpy(labels).reshape(BATCHES, BATCH)
    batches = cycle(zip(inputs, targets, strict=True))

    def work() -> None:
        for _ in range(BATCHES):
            step(*next(batches))

    return work


def main() -> None:
    """Time both updates on one thread and on two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--hidden-layers", type=int, default=5)
    parser.add_argument("--activations", nargs="+", default=["sigmoid", "tanh"])
    parser.add_argument("--repetitions", type=int, default=9)
    arguments = parser.parse_args()
    widths = [32 * 32, *[arguments.width] * arguments.hidden_layers, 9]
    print(describe())
    print(f"widths {'-'.join(map(str, widths))}, batches of {BATCH}, ms an update: median (range)")
    for threads in sorted({1, min(2, os.cpu_count() or 1)}):
        torch.set_num_threads(threads)
        for activation in arguments.activations:
            for make in (autograd_step, in_place_step):
                times = seconds(update(make, widths, activation), arguments.repetitions)
                median, least, greatest = (1000 * t / BATCHES for t in times)
                print(
                    f"{threads} thread{'s' if threads > 1 else ' '}  {activation:8} "
                    f"{make.__name__:14} {median:6.2f}  ({least:.2f} to {greatest:.2f})"
                )


if __name__ == "__main__":
    main()
