"""The files in which MNIST and CIFAR are published: reading them, and checking that they are those.

MNIST's files are compared with their MD5 sums.  Copies of CIFAR are found in other orders than
the published one (sorted by class, or dealt out so that any prefix is balanced), which changes
nothing but the order of training.  So CIFAR is compared by content: the SHA-256 sums of the
records, each being the labels and the pixels of one image, are added modulo 2**256.  The sum does
not depend on the order, and changes with any byte of any record, with a record lost or repeated,
and with one that moved from training to test.  Checking 60,000 images takes a seventh of a second.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]


class DataError(ValueError):
    """A data set is absent, damaged, or cannot be fetched.

    >>> try:
    ...     Idx("mnist", {"t10k-labels-idx1-ubyte": (10_008, "")}).read(Path("no such folder"))
    ... except DataError as problem:
    ...     print(problem)
    there is no such folder
    """


@dataclass(frozen=True)
class Content:
    """What is read of one data set.

    Attributes
    ----------
    images : of training and of test, each (n, channels, height, width)
    labels : of training and of test, each (n,)
    classes : names by label
    coarse : coarse labels of training and of test, where the set has such
    coarse_classes : names by coarse label

    Examples
    --------
    >>> images, labels = np.zeros((2, 1, 28, 28), np.uint8), np.array([0, 1])
    >>> content = Content((images, images[:1]), (labels, labels[:1]), classes=("0", "1"))
    >>> [len(part) for part in content.images]  # of training and of test
    [2, 1]
    """

    images: tuple[Bytes, Bytes]
    labels: tuple[Labels, Labels]
    classes: tuple[str, ...]
    coarse: tuple[Labels, Labels] | None = None
    coarse_classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Idx:
    """Four IDX files, gzipped or not: images and labels of training, images and labels of test.

    Attributes
    ----------
    folder : where the files are, in the folder of all data
    files : expected size and MD5 sum of each file, not gzipped, in the order above

    Examples
    --------
    >>> from signalprop.datasets.sources import SOURCES
    >>> layout = SOURCES["mnist"].layout
    >>> layout.folder, layout.files["t10k-labels-idx1-ubyte"][0]
    ('mnist', 10008)
    """

    folder: str
    files: Mapping[str, tuple[int, str]]

    def read(self, folder: Path) -> Content:
        """Read and check the files in a folder.

        Raises
        ------
        DataError
            If one is missing or is not the published one.
        """
        parts = []
        for name, (size, md5) in self.files.items():
            data = _plain_or_gzipped(folder / name)
            _check_size(name, len(data), size)
            if hashlib.md5(data, usedforsecurity=False).hexdigest() != md5:
                raise DataError(_altered(name))
            parts.append(idx(data))
        images, labels = parts[::2], [part.astype(np.int64) for part in parts[1::2]]
        return Content(
            (images[0][:, None], images[1][:, None]),
            (labels[0], labels[1]),
            tuple(str(digit) for digit in range(10)),
        )


@dataclass(frozen=True)
class Cifar:
    """The binary version of CIFAR: label bytes, then 3 planes of 32 x 32 pixels, for each image.

    Attributes
    ----------
    folder : where the files are, in the folder of all data
    train, test : names of the files, which together hold the images in any order
    per_file : images in each file of ``train``, and of ``test``
    names : file of class names and their number, one such pair for each label byte of a record;
        the last one is that of the labels, one before it of the coarse labels
    sums : `content_sum` of training, of test, and of the lists of names

    Examples
    --------
    >>> from signalprop.datasets.sources import SOURCES
    >>> layout = SOURCES["cifar100"].layout
    >>> layout.train, layout.per_file, [count for _, count in layout.names]
    (('train.bin',), (50000, 10000), [20, 100])
    """

    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    per_file: tuple[int, int]
    names: tuple[tuple[str, int], ...]
    sums: tuple[str, str, str]

    def read(self, folder: Path) -> Content:
        """Read and check the files in a folder.

        Raises
        ------
        DataError
            If one is missing, or if they do not hold the published images.
        """
        classes = [_lines(folder / name, count) for name, count in self.names]
        if content_sum("\n".join(words).encode() for words in classes) != self.sums[2]:
            raise DataError(_altered(*(name for name, _ in self.names)))
        train = self._records(folder, self.train, self.per_file[0], self.sums[0])
        test = self._records(folder, self.test, self.per_file[1], self.sums[1])
        first = len(self.names)
        labels = [(train[:, k].astype(np.int64), test[:, k].astype(np.int64)) for k in range(first)]
        return Content(
            (train[:, first:].reshape(-1, 3, 32, 32), test[:, first:].reshape(-1, 3, 32, 32)),
            labels[-1],
            classes[-1],
            labels[0] if first > 1 else None,
            classes[0] if first > 1 else (),
        )

    def _records(self, folder: Path, names: tuple[str, ...], count: int, expected: str) -> Bytes:
        length = len(self.names) + 3 * 32 * 32
        records: Bytes = np.empty((len(names), count, length), np.uint8)
        for name, part in zip(names, records, strict=True):
            with _opened(folder / name).open("rb") as file:
                _check_size(name, (folder / name).stat().st_size, part.size)
                file.readinto(part)
        records = records.reshape(-1, length)
        if content_sum(records) != expected:
            raise DataError(_altered(*names))
        records.flags.writeable = False
        return records


def content_sum(records: Iterable[Any]) -> str:
    """Add the SHA-256 sums of records, of bytes, modulo 2**256: a checksum free of their order.

    Examples
    --------
    >>> content_sum([b"a", b"b"]) == content_sum([b"b", b"a"])
    True
    >>> content_sum([b"a", b"b"]) == content_sum([b"a", b"c"])
    False
    """
    total = 0
    for record in records:
        total += int.from_bytes(hashlib.sha256(record).digest(), "big")
    return f"{total % 2**256:064x}"


def idx(data: bytes) -> Bytes:
    """Decode the content of an IDX file of bytes: two zeros, 8, the number of axes, their lengths.

    Examples
    --------
    >>> idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))
    array([7, 9], dtype=uint8)
    """
    axes = data[3]
    shape = np.frombuffer(data, ">u4", axes, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape.tolist())


def _plain_or_gzipped(path: Path) -> bytes:
    gzipped = path.with_name(f"{path.name}.gz")
    if path.exists() or not gzipped.exists():
        return _opened(path).read_bytes()
    try:
        return gzip.decompress(gzipped.read_bytes())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{gzipped.name} does not unpack: {error} (an interrupted copy?)") from None


def _lines(path: Path, count: int) -> tuple[str, ...]:
    lines = tuple(_opened(path).read_text("utf8", errors="replace").split())
    if len(lines) != count:
        raise DataError(f"{path.name} has {len(lines)} names where {count} are expected")
    return lines


def _opened(path: Path) -> Path:
    if not path.parent.is_dir():
        raise DataError("there is no such folder")
    if not path.is_file():
        raise DataError(f"{path.name} is missing")
    return path


def _check_size(name: str, size: int, expected: int) -> None:
    if size != expected:
        cause = " (an interrupted copy?)" if size < expected else ""
        raise DataError(f"{name} has {size:,} bytes where {expected:,} are expected{cause}")


def _altered(*names: str) -> str:
    which, have = (names[0], "has") if len(names) == 1 else (f"{names[0]} to {names[-1]}", "have")
    return f"{which} {have} the right size but not the published content (altered?)"
