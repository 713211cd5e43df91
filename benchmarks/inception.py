"""Images a second that the Inception network trains on: ``python benchmarks/inception.py``.

Batches of 128 in bfloat16, channels last: torch's ordinary operations under autocast, and the
fused way of the package with memory kept.  Both ways take turns in processes of their own, since
what an allocator is asked for holds for a whole process; their costs must agree.  With them the
rate at which the data path crops and mirrors images.  ``--record`` keeps what it prints.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import torch
from machine import describe, seconds

from signalprop.datasets import Augmented, Examples
from signalprop.inception import IMAGE, Inception
from signalprop.initializers import xavier_
from signalprop.memory import keep_freed
from signalprop.records import ROOT
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


def drawing_rate(batch: int) -> float:
    """Return the images a second that the data path gives, on one thread."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (10_000, 3, 32, 32), dtype=np.uint8)
    stream = Augmented(Examples(images, np.zeros(10_000, dtype=np.int64)), 0, IMAGE[1])
    return batch / seconds(lambda: stream.batch(batch, np.dtype(np.float32)), 50)[0]


def main() -> None:
    """Compare both ways at full and at quarter width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", type=float, nargs="+", default=[0.25, 1.0])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--updates", type=int, default=6, help="in each process")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        width, fused, batch, updates, threads = arguments.child
        torch.set_num_threads(int(threads))
        found = time_updates(float(width), fused == "True", int(batch), int(updates))
        print(json.dumps(found))
        return
    machine = describe()
    print(machine)
    sizes = arguments.batch, arguments.updates, arguments.threads
    print(f"batches of {arguments.batch}, {arguments.threads} threads, images a second: median")
    rows = []
    for width in arguments.widths:
        taken: dict[bool, list[float]] = {False: [], True: []}
        costs = {}
        for _ in range(arguments.rounds):
            for fused, times in taken.items():
                found = in_process(width, fused, *sizes)
                times += found["seconds"][2:]  # the first ones fill caches and memory
                costs[fused] = found["costs"]
        rates = {fused: arguments.batch / statistics.median(t) for fused, t in taken.items()}
        apart = max(abs(a - b) for a, b in zip(*costs.values(), strict=True))
        print(
            f"width {width:5g}: plain {rates[False]:6.0f}, fused {rates[True]:6.0f}, "
            f"ratio {rates[True] / rates[False]:.2f}; costs apart by at most {apart:.1e}"
        )
        rows.append({"width": width, "plain": rates[False], "fused": rates[True], "apart": apart})
    drawn = drawing_rate(arguments.batch)
    print(f"drawn by the data path: {drawn:.0f}")
    if arguments.record:
        path = ROOT / "benchmarks" / "inception.json"
        found = {"machine": machine, "batch": arguments.batch, "drawn": drawn, "rows": rows}
        path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
