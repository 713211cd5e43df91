"""Seconds a step of a plain network 200 layers deep: ``python benchmarks/deep_step.py``.

The tanh network of 400 units that learns CIFAR-10 (`signalprop.studies.learning_speed`): plain
float32, bfloat16 by torch's autocast, and our step.  Beside them the rates of the three matrix
products of a layer alone, which no step can beat.  All take turns.  ``--record`` keeps what it
prints.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from machine import describe

from signalprop.critical import critical_
from signalprop.half import HALF, half_step
from signalprop.memory import keep_freed
from signalprop.networks import MLP
from signalprop.records import ROOT
from signalprop.training import Step, autograd_step, optimizer_step

WIDTHS = [2352, *[400] * 200, 10]
RATE = 1e-4


def autocast_step(network: MLP, rate: float) -> Step:
    """Return plain SGD as torch does it in bfloat16."""
    return optimizer_step(network, torch.optim.SGD(network.parameters(), lr=rate), half=True)


WAYS: dict[str, Callable[[MLP, float], Step]] = {
    "float32": autograd_step,
    "autocast": autocast_step,
    "ours": half_step,
}


def products(batch: int) -> Callable[[], None]:
    """Return the work of the square layers' products: forward, backward, and the gradients."""
    h, delta = (torch.randn(batch, 400).to(HALF) for _ in range(2))
    weight = torch.randn(400, 400).to(HALF)
    out, gradient = torch.empty_like(h), torch.empty_like(weight)

    def work() -> None:
        for _ in range(len(WIDTHS) - 3):
            torch.mm(h, weight.t(), out=out)
            torch.mm(delta, weight, out=out)
            torch.mm(delta.t(), h, out=gradient)

    return work


def time_steps(batch: int, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of single steps of each way, and of the products alone, in turns."""
    generator = torch.Generator().manual_seed(0)
    inputs = 0.15 * torch.randn(batch, WIDTHS[0], generator=generator)
    labels = torch.randint(0, WIDTHS[-1], (batch,), generator=generator)
    works: dict[str, Callable[[], object]] = {"products alone": products(batch)}
    for name, make in WAYS.items():
        network = critical_(MLP(WIDTHS, "tanh"), generator=torch.Generator().manual_seed(0))
        step = make(network, RATE)
        works[name] = lambda step=step: step(inputs, labels)
    taken: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            if number:  # the first one fills caches and memory
                taken[name].append(time.perf_counter() - started)
    return taken


def main() -> None:
    """Time steps of large and of small batches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, nargs="+", default=[1000, 128])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed()
    machine = describe()
    print(machine)
    weights = sum(a * b for a, b in pairwise(WIDTHS[1:-1]))
    rows = []
    for batch in arguments.batches:
        for name, times in time_steps(batch, arguments.rounds).items():
            median = statistics.median(times)
            rate = 6 * batch * weights / median / 1e9
            print(f"batch {batch:5} {name:15} {1000 * median:7.1f} ms {rate:7.0f} GFLOP/s")
            row = {"batch": batch, "way": name, "milliseconds": 1000 * median, "gflops": rate}
            rows.append(row | {"least": 1000 * min(times), "greatest": 1000 * max(times)})
    if arguments.record:
        path = ROOT / "benchmarks" / "deep_step.json"
        path.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
