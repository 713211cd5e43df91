"""Images a second that the Inception network trains on: ``python benchmarks/inception.py``.

Batches of 128 in bfloat16, channels last: torch's ordinary operations under autocast, and the
fused way of the package with memory kept.  Both ways take turns in processes of their own, since
what an allocator is asked for holds for a whole process; their costs must agree.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import torch
from machine import describe

from signalprop.inception import IMAGE, Inception
from signalprop.initializers import xavier_
from signalprop.memory import keep_freed
from signalprop.training import optimizer_step


def time_updates(width: float, fused: bool, batch: int, updates: int) -> dict[str, list[float]]:
    """Train a network for some updates; return the seconds and the cost of each."""
    if fused:
        keep_freed()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator().manual_seed(0)
    network = Inception("tanh", width, fused=fused)
    for layer in network.layers.values():
        xavier_(layer.weight, generator=generator)
    network = network.to(device)
    descent = torch.optim.SGD(
        network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4, fused=fused or None
    )
    step = optimizer_step(network, descent, half=True)
    found: dict[str, list[float]] = {"seconds": [], "costs": []}
    for _ in range(updates):
        images = torch.randn(batch, IMAGE[0] * IMAGE[1] * IMAGE[2], generator=generator)
        labels = torch.randint(0, 100, (batch,), generator=generator)
        images, labels = images.to(device), labels.to(device)
        started = time.perf_counter()
        cost = step(images, labels)
        if device == "cuda":
            torch.cuda.synchronize()
        found["seconds"].append(time.perf_counter() - started)
        found["costs"].append(float(cost))
    return found


def in_process(*arguments: object) -> dict[str, list[float]]:
    """Do `time_updates` in a process of its own."""
    command = [sys.executable, __file__, "--child", *map(str, arguments)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, list[float]] = json.loads(answer)
    return found


def main() -> None:
    """Compare both ways at full and at quarter width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", type=float, nargs="+", default=[0.25, 1.0])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--updates", type=int, default=6, help="in each process")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        width, fused, batch, updates, threads = arguments.child
        torch.set_num_threads(int(threads))
        found = time_updates(float(width), fused == "True", int(batch), int(updates))
        print(json.dumps(found))
        return
    print(describe())
    sizes = arguments.batch, arguments.updates, arguments.threads
    print(f"batches of {arguments.batch}, {arguments.threads} threads, images a second: median")
    for width in arguments.widths:
        seconds: dict[bool, list[float]] = {False: [], True: []}
        costs = {}
        for _ in range(arguments.rounds):
            for fused, times in seconds.items():
                found = in_process(width, fused, *sizes)
                times += found["seconds"][2:]  # the first ones fill caches and memory
                costs[fused] = found["costs"]
        rates = {fused: arguments.batch / statistics.median(t) for fused, t in seconds.items()}
        apart = max(abs(a - b) for a, b in zip(*costs.values(), strict=True))
        print(
            f"width {width:5g}: plain {rates[False]:6.0f}, fused {rates[True]:6.0f}, "
            f"ratio {rates[True] / rates[False]:.2f}; costs apart by at most {apart:.1e}"
        )


if __name__ == "__main__":
    main()
