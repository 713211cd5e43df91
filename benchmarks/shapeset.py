"""How many Shapeset images a second: ``python benchmarks/shapeset.py``.

The original generator (Python 2, pygame) makes about 5,400 a second.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os

import numpy as np
from machine import describe, seconds

from signalprop.datasets import Shapeset

ORIGINAL = 5_400
IMAGES = 20_000


def stream(seed: int) -> None:
    """Make images as training asks for them: chunks of 200 batches of ten, in float32."""
    images = Shapeset(seed)
    for _ in range(IMAGES // 2000):
        images.batch(2000, np.float32)


def report(name: str, images: int, times: tuple[float, float, float]) -> None:
    """Print a rate and its spread."""
    median, least, greatest = (images / t for t in times)
    print(
        f"{name:12} {median:8,.0f} images/s  ({greatest:,.0f} to {least:,.0f})  "
        f"{median / ORIGINAL:5.1f} times the original"
    )


def main() -> None:
    """Time one stream, and one in a process for every core."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=7)
    repetitions = parser.parse_args().repetitions
    print(describe())
    report("1 stream", IMAGES, seconds(lambda: stream(0), repetitions))
    # A stream is one process's work; several processes make several streams.
    cores = os.cpu_count() or 1
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        pool.map(stream, range(cores), chunksize=1)  # starts the processes
        times = seconds(lambda: pool.map(stream, range(cores), chunksize=1), repetitions)
    report(f"{cores} streams", cores * IMAGES, times)


if __name__ == "__main__":
    main()
