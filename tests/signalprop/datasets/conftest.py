"""Small data sets in the published formats, in place of the published ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from signalprop.datasets import sources
from signalprop.datasets.formats import Cifar, Idx

COUNTS = {"mnist": (7, 3), "cifar10": (15, 3), "cifar100": (9, 4)}
"""Examples of training and of test."""


@dataclass
class Made:
    """A data set made up for a test.

    Attributes
    ----------
    files : contents by name, in the order of the layout
    images, labels, coarse : of training and of test
    """

    files: dict[str, bytes]
    images: list[np.ndarray]
    labels: list[np.ndarray]
    coarse: list[np.ndarray]

    def write(self, folder: Path) -> Path:
        """Write the files into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        return folder


def idx_file(values: np.ndarray) -> bytes:
    """Encode bytes as IDX."""
    lengths = b"".join(length.to_bytes(4, "big") for length in values.shape)
    return bytes([0, 0, 8, values.ndim]) + lengths + values.tobytes()


def order_free_sum(records: Iterable[bytes]) -> str:
    """Add the SHA-256 sums of records modulo 2**256."""
    total = sum(int(hashlib.sha256(record).hexdigest(), 16) for record in records)
    return hex(total % 2**256)[2:].zfill(64)


def _random(name: str, channels: int, size: int, classes: int) -> Made:
    rng = np.random.default_rng(len(name))
    images = [
        rng.integers(256, size=(n, channels, size, size), dtype=np.uint8) for n in COUNTS[name]
    ]
    labels = [rng.integers(classes, size=n, dtype=np.uint8) for n in COUNTS[name]]
    coarse = [values // 5 for values in labels]
    return Made({}, images, labels, coarse)


def _mnist(layout: Idx) -> tuple[Made, Idx]:
    made = _random("mnist", 1, 28, 10)
    arrays = [made.images[0][:, 0], made.labels[0], made.images[1][:, 0], made.labels[1]]
    made.files = dict(zip(layout.files, map(idx_file, arrays), strict=True))
    files = {k: (len(v), hashlib.md5(v).hexdigest()) for k, v in made.files.items()}
    return made, replace(layout, files=files)


def _cifar(name: str, layout: Cifar) -> tuple[Made, Cifar]:
    classes = layout.names[-1][1]
    made = _random(name, 3, 32, classes)
    records = [
        [
            bytes([c, k] if len(layout.names) > 1 else [k]) + image.tobytes()
            for c, k, image in zip(coarse, labels, images, strict=True)
        ]
        for coarse, labels, images in zip(made.coarse, made.labels, made.images, strict=True)
    ]
    per_file = len(records[0]) // len(layout.train), len(records[1])
    for k, file in enumerate(layout.train):
        made.files[file] = b"".join(records[0][k * per_file[0] : (k + 1) * per_file[0]])
    made.files[layout.test[0]] = b"".join(records[1])
    names = {file: [f"{file[0]}{k}" for k in range(n)] for file, n in layout.names}
    for file, words in names.items():
        made.files[file] = "".join(f"{word}\n" for word in words).encode()
    sums = [*records, ["\n".join(words).encode() for words in names.values()]]
    train, test, words = map(order_free_sum, sums)
    return made, replace(layout, per_file=per_file, sums=(train, test, words))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Made]:
    """Return made-up data sets, which for the test are the published ones."""
    monkeypatch.delenv("SIGNALPROP_DATA", raising=False)
    all_made = {}
    for name, source in sources.SOURCES.items():
        if isinstance(source.layout, Idx):
            all_made[name], layout = _mnist(source.layout)
        else:
            all_made[name], layout = _cifar(name, source.layout)
        monkeypatch.setitem(sources.SOURCES, name, replace(source, layout=layout))
    return all_made
