"""Where data sets are published, how they lie on this machine, and fetching them."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock
from tqdm import tqdm

from .formats import Cifar, Content, DataError, Idx

RETRIES = 3
"""How often a download is tried again, after 1, 2 and 3 seconds."""


@dataclass(frozen=True)
class Source:
    """A data set that lies in files.

    Attributes
    ----------
    layout : the files and how to read them
    archives : MD5 sums by address; either of one gzipped file each or of tar files that hold
        the folder of the layout
    megabytes : size of the download

    Examples
    --------
    >>> SOURCES["cifar10"].layout.folder, SOURCES["cifar10"].megabytes
    ('cifar-10-batches-bin', 170)
    >>> [address.rpartition("/")[2] for address in SOURCES["cifar10"].archives]
    ['cifar-10-binary.tar.gz']
    """

    layout: Idx | Cifar
    archives: dict[str, str]
    megabytes: int


_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist"
_CIFAR = "https://www.cs.toronto.edu/~kriz"

SOURCES = {
    "mnist": Source(
        Idx(
            "mnist",
            {
                "train-images-idx3-ubyte": (47_040_016, "6bbc9ace898e44ae57da46a324031adb"),
                "train-labels-idx1-ubyte": (60_008, "a25bea736e30d166cdddb491f175f624"),
                "t10k-images-idx3-ubyte": (7_840_016, "2646ac647ad5339dbf082846283269ea"),
                "t10k-labels-idx1-ubyte": (10_008, "27ae3e4e09519cfbb04c329615203637"),
            },
        ),
        {
            f"{_MNIST}/train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            f"{_MNIST}/train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
            f"{_MNIST}/t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
            f"{_MNIST}/t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        },
        12,
    ),
    "cifar10": Source(
        Cifar(
            "cifar-10-batches-bin",
            train=tuple(f"data_batch_{k}.bin" for k in range(1, 6)),
            test=("test_batch.bin",),
            per_file=(10_000, 10_000),
            names=(("batches.meta.txt", 10),),
            sums=(
                "d17523651dcffdf1be45e6671e5077f61b15cbf5376a64e556c870e6fb6066d3",
                "ab21d127e2bbf4b95f1588dcadf3c8502b8fedb328dd5315bc7fa51b5ab965c0",
                "bb3914949cecedee6d1257f7f5fdb8f43fa3b2c8095fd1763161caf1b873fe59",
            ),
        ),
        {f"{_CIFAR}/cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
        170,
    ),
    "cifar100": Source(
        Cifar(
            "cifar-100-binary",
            train=("train.bin",),
            test=("test.bin",),
            per_file=(50_000, 10_000),
            names=(("coarse_label_names.txt", 20), ("fine_label_names.txt", 100)),
            sums=(
                "38687b68dab48bb273094c1b366473fcb718ca3d9136c8d50f53cdd7bbe0964f",
                "4bdb8df876901fd525a2b0f3b17dfa05b56653fbc064870eae5c11955f179c3c",
                "9731655a953dac189e145a2b5d4889f4a9793b3c2f3fc175c52dc4ace93e3ea8",
            ),
        ),
        {f"{_CIFAR}/cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8"},
        169,
    ),
}
"""The sets that can be fetched, by name.

The sums of CIFAR were computed from a copy in another order.  That it holds the published images
is known from the mean of its pixels, by colour, training and test: these agree with what others
computed, in the 16 digits (CIFAR-100) or 8 (CIFAR-10) that are quoted.
"""


def place(name: str, folder: str | Path | None = None) -> Path:
    """Return where the files of a data set belong.

    Parameters
    ----------
    name : one of `SOURCES`
    folder : that of all data; if None, the environment variable ``SIGNALPROP_DATA``, or else
        ``data`` in the repository

    Raises
    ------
    ValueError
        If there is no such set.

    Examples
    --------
    >>> place("cifar10", "downloads").as_posix()
    'downloads/cifar-10-batches-bin'
    """
    if name not in SOURCES:
        raise ValueError(f"name must be one of {', '.join(SOURCES)}, got {name!r}")
    chosen = folder or os.environ.get("SIGNALPROP_DATA") or Path(__file__).parents[3] / "data"
    return Path(chosen) / SOURCES[name].layout.folder


def read(name: str, folder: str | Path | None = None) -> Content:
    """Read and check the files of a data set; see `place` for the arguments.

    Raises
    ------
    DataError
        If the set is absent or damaged: what is wrong, where, and what to do about it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as empty:
    ...     read("mnist", empty)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    signalprop.datasets.formats.DataError: mnist is not in ...: there is no such folder. Fetch ...
    """
    where = place(name, folder)
    try:
        return SOURCES[name].layout.read(where)
    except OSError as error:
        problem = f"{Path(error.filename or where).name}: {error.strerror}"
    except DataError as error:
        problem = str(error)
    option = f" --folder {folder}" if folder else ""
    raise DataError(
        f"{name} is not in {shown(where)}: {problem}. Fetch it with `signalprop data {name}"
        f"{option}`, or name another folder with SIGNALPROP_DATA."
    )


def download(name: str, folder: str | Path | None = None) -> Path:
    """Fetch a data set from its authors, unless it is there already.

    Files appear in their place only when all are fetched, unpacked and checked; damaged ones are
    replaced.  Archives that came whole before an attempt broke off are kept beside that place, and
    the next attempt fetches the others only.  Progress shows on a terminal only.  Two processes
    that fetch the same take turns.

    Parameters
    ----------
    name, folder : see `place`

    Returns
    -------
    the folder of the files

    Raises
    ------
    DataError
        If it cannot be fetched, or what came is not what is published.
    ValueError
        If there is no such set.

    Examples
    --------
    >>> download("imagenet")
    Traceback (most recent call last):
        ...
    ValueError: name must be one of mnist, cifar10, cifar100, got 'imagenet'
    """
    where = place(name, folder).resolve()  # what is renamed must stay on one disk
    source = SOURCES[name]
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(where.with_name(f".{where.name}.lock")):
            if not _is_whole(source, where):
                part = where.with_name(f".{where.name}.part")
                archives = _fetch_all(source, part)
                files = _unpack_all(source, archives, part)
                where.mkdir(exist_ok=True)
                for path in sorted(files.iterdir()):
                    path.replace(where / path.name)
                shutil.rmtree(part)
    except (OSError, DataError) as error:
        raise DataError(
            f"{name} could not be fetched: {error}. Try again, or fetch "
            f"{' '.join(source.archives)} by other means, so that the files lie in {shown(where)}."
        ) from error
    return where


def shown(path: Path) -> str:
    """Return a path as people would write it from where they are.

    >>> shown(Path.cwd() / "data"), shown(Path("/elsewhere"))
    ('data', '/elsewhere')
    """
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _is_whole(source: Source, where: Path) -> bool:
    try:
        source.layout.read(where)
    except DataError:
        return False
    return True


def _fetch_all(source: Source, part: Path) -> list[Path]:
    """Fetch the archives of a data set that are not whole in a folder already; return all.

    Nothing but whole archives is left there if one cannot be had.
    """
    part.mkdir(exist_ok=True)
    names = {address.rpartition("/")[2] for address in source.archives}
    _clear(part, names)  # of what a process that was killed had begun
    try:
        return [_fetch(address, md5, part) for address, md5 in source.archives.items()]
    except BaseException:
        _clear(part, names)
        if not any(part.iterdir()):
            part.rmdir()
        raise


def _clear(folder: Path, names: set[str]) -> None:
    """Remove everything from a folder but the files of these names."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in names:
            path.unlink()


def _unpack_all(source: Source, archives: list[Path], part: Path) -> Path:
    """Unpack and check the files of a data set in a folder of their own; return it."""
    files = part / source.layout.folder
    files.mkdir()
    try:
        for archive in archives:
            _unpack(archive, part, files)
        source.layout.read(files)
    except DataError:
        shutil.rmtree(part)  # it was published so: there is nothing to resume
        raise
    return files


def _unpack(archive: Path, part: Path, files: Path) -> None:
    try:
        if archive.name.endswith(".tar.gz"):
            with tarfile.open(archive) as tar:
                tar.extractall(part, filter="data")  # nothing outside of the folder
        else:
            with gzip.open(archive) as packed, (files / archive.stem).open("wb") as file:
                shutil.copyfileobj(packed, file)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{archive.name} does not unpack: {error}") from error


def _fetch(address: str, md5: str, folder: Path) -> Path:
    """Fetch one file, with its MD5 sum checked, unless it is in the folder with that sum."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    name = address.rpartition("/")[2]

    def get(url: str, output_file: Any, pup: Any) -> None:
        with tqdm(total=1, desc=name, unit="B", unit_scale=True, disable=None, leave=False) as bar:
            pooch.HTTPDownloader(progressbar=bar, chunk_size=2**18)(url, output_file, pup)

    known = pooch.create(
        folder, "", registry={name: f"md5:{md5}"}, urls={name: address}, retry_if_failed=RETRIES
    )
    try:
        return Path(known.fetch(name, downloader=get))
    except OSError as error:
        if error.errno is not None:  # not of the network but of this machine
            raise
        response = getattr(error, "response", None)
        answer = (
            "the connection failed"
            if response is None
            else f"the server says {response.status_code}"
        )
        raise DataError(f"{address}: {answer}") from error
    except ValueError as error:  # pooch's word for another checksum
        raise DataError(f"{address} sends another file than the published one") from error
