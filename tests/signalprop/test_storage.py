"""Files are whole or absent, and damage is noticed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from signalprop import storage
from signalprop.storage import DamagedFileError, read_sealed, sha256, write_atomic, write_sealed

DATA = bytes(range(256)) * 2


def test_a_checksum_is_sha256_in_hexadecimal() -> None:
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_is_written_with_its_folders_and_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failing_write_leaves_the_old_file_and_nothing_else(
    call: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def fail(*_: object) -> None:
        raise error

    if call == "fsync":
        monkeypatch.setattr(storage.os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(type(error)):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_new_content_is_on_the_disk_before_it_takes_the_old_one_s_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut between the two leaves the old file, not an empty one."""
    path = tmp_path / "file"
    write_atomic(path, b"old")
    fsync, synced = os.fsync, []

    def look(descriptor: int) -> None:
        fsync(descriptor)
        synced.append((os.fstat(descriptor).st_size, path.read_bytes()))

    monkeypatch.setattr(storage.os, "fsync", look)
    write_atomic(path, b"newer")
    assert synced == [(5, b"old")]


def test_two_processes_may_write_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One comes between the other's writing and renaming; the last to rename wins, whole."""
    path = tmp_path / "file"
    fsync, process = os.fsync, os.getpid()

    def interrupt(descriptor: int) -> None:
        fsync(descriptor)
        monkeypatch.setattr(storage.os, "fsync", fsync)
        with monkeypatch.context() as other:
            other.setattr(storage.os, "getpid", lambda: process + 1)
            write_atomic(path, b"theirs")
        assert path.read_bytes() == b"theirs"

    monkeypatch.setattr(storage.os, "fsync", interrupt)
    write_atomic(path, b"ours")
    assert path.read_bytes() == b"ours"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("data", [b"", b"x", DATA])
def test_what_was_sealed_is_read_back(data: bytes, tmp_path: Path) -> None:
    write_sealed(tmp_path / "file", data)
    assert read_sealed(tmp_path / "file") == data
    assert (tmp_path / "file").read_bytes() == hashlib.sha256(data).digest() + data


def test_any_altered_byte_breaks_the_seal(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_sealed(path, DATA)
    whole = path.read_bytes()
    for k in range(len(whole)):
        path.write_bytes(whole[:k] + bytes([whole[k] ^ (1 << k % 8)]) + whole[k + 1 :])
        with pytest.raises(DamagedFileError, match="is damaged"):
            read_sealed(path)


def test_any_missing_or_added_end_breaks_the_seal(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_sealed(path, DATA)
    whole = path.read_bytes()
    for content in (*(whole[:k] for k in range(len(whole))), whole + b"\0", whole + whole):
        path.write_bytes(content)
        with pytest.raises(DamagedFileError, match="Remove it to start this run again"):
            read_sealed(path)
