"""Files that are either whole or absent: atomic writing, and checksums on reading."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_DIGEST_BYTES = 32


class DamagedFileError(Exception):
    """A file does not hold what was written to it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "weights"
    ...     write_atomic(path, b"not sealed")
    ...     try:
    ...         read_sealed(path)
    ...     except DamagedFileError:
    ...         print("damaged")
    damaged
    """


def sha256(data: bytes) -> str:
    """Return the checksum that records carry, in hexadecimal.

    >>> sha256(b"weights")[:8]
    '9a129038'
    """
    return hashlib.sha256(data).hexdigest()


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a kill at any moment, sees all of it or none.

    The new file takes the place of an old one only once it is on the disk.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "made for it" / "weights"
    ...     write_atomic(path, b"0.5")
    ...     path.read_bytes()
    b'0.5'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_sealed(path: Path, data: bytes) -> None:
    """Write data behind its own checksum; `read_sealed` undoes this.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "weights"
    ...     write_sealed(path, b"0.5")
    ...     path.stat().st_size  # 32 bytes of checksum, 3 of data
    35
    """
    write_atomic(path, hashlib.sha256(data).digest() + data)


def read_sealed(path: Path) -> bytes:
    """Read what `write_sealed` wrote.

    Raises
    ------
    DamagedFileError
        If the content does not match its checksum.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "weights"
    ...     write_sealed(path, b"0.5")
    ...     read_sealed(path)
    b'0.5'
    """
    content = path.read_bytes()
    digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if hashlib.sha256(data).digest() != digest:
        raise DamagedFileError(
            f"{path} is damaged (its checksum does not match). Remove it to start this run again."
        )
    return data
