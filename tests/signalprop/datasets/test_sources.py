"""Fetching data sets, from a server on this machine that can fail in many ways."""

from __future__ import annotations

import gc
import gzip
import hashlib
import io
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signalprop import cli
from signalprop.datasets import DataError, download, load, sources

NAMES = ("mnist", "cifar10", "cifar100")

# `requests` drops a connection that broke without closing its socket.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def _sockets_end_here() -> Iterator[None]:
    """Let dropped sockets be collected in the test that dropped them."""
    yield
    gc.collect()


@dataclass
class Server:
    """What the server sends, and what it was asked for.

    Attributes
    ----------
    address : where it is
    files : contents by name
    asked : names, in the order of the requests
    faults : what to do wrong at the next requests: "busy", "cut" or "altered"
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def publish(self, name: str, archives: dict[str, bytes]) -> None:
        """Make archives the published ones of a data set."""
        self.files |= archives
        sums = {f"{self.address}/{k}": hashlib.md5(v).hexdigest() for k, v in archives.items()}
        sources.SOURCES[name] = replace(sources.SOURCES[name], archives=sums)


def handler(server: Server) -> type[BaseHTTPRequestHandler]:
    """Return what answers requests for a server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path[1:]
            server.asked.append(name)
            fault = server.faults.pop(0) if server.faults else ""
            if name not in server.files or fault == "busy":
                self.send_error(503 if fault else 404)
                return
            data = server.files[name]
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if fault == "cut":
                data = data[: len(data) // 2]
            elif fault == "altered":
                data = bytes([data[0] ^ 1]) + data[1:]
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def tar(files: dict[str, bytes]) -> bytes:
    """Pack files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def packed(name: str, files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the archives of a data set."""
    if name == "mnist":
        return {f"{file}.gz": gzip.compress(data) for file, data in files.items()}
    folder = sources.SOURCES[name].layout.folder
    content = {"readme.html": b"About.", **files}
    return {f"{name}.tar.gz": tar({f"{folder}/{file}": data for file, data in content.items()})}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return how long was waited between attempts; nobody waits in earnest."""
    import pooch.core

    waited: list[float] = []

    class Clock:
        sleep = waited.append

    monkeypatch.setattr(pooch.core, "time", Clock)
    return waited


@pytest.fixture
def server(
    made: dict[str, Any], waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """Return a server of the made-up data sets."""
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")
    it = Server()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(it)) as listening:
        it.address = f"http://127.0.0.1:{listening.server_port}"
        for name in NAMES:
            it.publish(name, packed(name, made[name].files))
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield it
        listening.shutdown()
        thread.join()


def tree(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder but its locks."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


# --- all is well --------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_what_is_fetched_can_be_loaded(
    server: Server, made: dict[str, Any], name: str, tmp_path: Path
) -> None:
    where = download(name, tmp_path / "new" / "data")
    assert where.parent == tmp_path / "new" / "data"
    images = load(name, where.parent).train.images
    np.testing.assert_array_equal(images, made[name].images[0])
    about = {} if name == "mnist" else {f"{where.name}/readme.html": b"About."}
    files = {f"{where.name}/{file}": data for file, data in made[name].files.items()}
    assert tree(where.parent) == files | about


@pytest.mark.parametrize("name", NAMES)
def test_what_is_here_is_not_fetched(server: Server, name: str, tmp_path: Path) -> None:
    download(name, tmp_path)
    asked = len(server.asked)
    assert download(name, tmp_path) == tmp_path / sources.SOURCES[name].layout.folder
    assert len(server.asked) == asked


@pytest.mark.parametrize("name", NAMES)
def test_what_is_damaged_or_lost_is_replaced_and_the_rest_stays(
    server: Server, made: dict[str, Any], name: str, tmp_path: Path
) -> None:
    folder = made[name].write(tmp_path / sources.SOURCES[name].layout.folder)
    first, second, *_ = made[name].files
    (folder / first).write_bytes(b"rubbish")
    (folder / second).unlink()
    (folder / "notes").write_text("mine")
    download(name, tmp_path)
    load(name, tmp_path)
    assert (folder / "notes").read_text() == "mine"


def test_the_folder_may_be_named_by_the_environment(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALPROP_DATA", str(tmp_path))
    assert download("mnist") == tmp_path / "mnist"
    load("mnist")


def test_two_that_fetch_the_same_take_turns(server: Server, tmp_path: Path) -> None:
    threads = [threading.Thread(target=download, args=("cifar10", tmp_path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.asked == ["cifar10.tar.gz"]
    load("cifar10", tmp_path)


def test_nothing_is_printed_where_nobody_looks(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    download("mnist", tmp_path)
    assert capfd.readouterr() == ("", "")


# --- all is not well ----------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["busy", "cut", "altered"])
def test_a_failed_attempt_is_tried_again(
    server: Server, waits: list[float], fault: str, tmp_path: Path
) -> None:
    server.faults = [fault] * sources.RETRIES
    download("cifar100", tmp_path)
    load("cifar100", tmp_path)
    assert waits == [1, 2, 3]


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("busy", "the server says 503"),
        ("cut", "the connection failed"),
        ("altered", "another file than the published one"),
    ],
)
def test_after_some_attempts_it_is_an_error_and_nothing_is_changed(
    server: Server, made: dict[str, Any], fault: str, text: str, tmp_path: Path
) -> None:
    server.faults = [fault] * (sources.RETRIES + 1)
    with pytest.raises(DataError, match=text) as error:
        download("cifar100", tmp_path)
    assert f"{server.address}/cifar100.tar.gz" in str(error.value)
    assert "cifar-100-binary" in str(error.value)
    assert not (tmp_path / "cifar-100-binary").exists()
    assert tree(tmp_path) == {}
    folder = made["cifar100"].write(tmp_path / "cifar-100-binary")
    (folder / "test.bin").write_bytes(b"short")
    before = tree(tmp_path)
    server.faults = [fault] * (sources.RETRIES + 1)
    with pytest.raises(DataError, match=text):
        download("cifar100", tmp_path)
    assert tree(tmp_path) == before


def test_without_a_network_it_is_an_error_in_a_line(server: Server, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # but does not listen
        server.address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        server.publish("cifar10", {"a.tar.gz": b""})
        with pytest.raises(DataError, match=r"^cifar10 could not .*: the connection failed\."):
            download("cifar10", tmp_path)


def cut(archive: bytes) -> bytes:
    """Return the first half of an archive."""
    return archive[: len(archive) // 2]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("mnist", cut),
        ("mnist", lambda _: b"no archive"),
        ("mnist", lambda _: gzip.compress(b"something else")),
        ("cifar10", cut),
        ("cifar10", lambda _: b"no archive"),
        ("cifar10", lambda _: tar({"cifar-10-batches-bin/test_batch.bin": b"too short"})),
        ("cifar10", lambda _: tar({"elsewhere/test_batch.bin": b"too short"})),
        ("cifar10", lambda _: tar({"../evil": b"outside"})),
        ("cifar10", lambda _: tar({"cifar-10-batches-bin/../../../evil": b"outside"})),
    ],
)
def test_an_archive_that_does_not_hold_the_set_leaves_nothing(
    server: Server, name: str, change: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """Its checksum is right: whoever published it made the mistake."""
    archives = {
        address.rpartition("/")[2]: change(server.files[address.rpartition("/")[2]])
        for address in sources.SOURCES[name].archives
    }
    server.publish(name, archives)
    with pytest.raises(DataError, match=f"{name} could not be fetched"):
        download(name, tmp_path / "a" / "data")
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("name", NAMES)
def test_after_an_interruption_only_the_rest_is_fetched(
    server: Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pooch

    archives = [address.rpartition("/")[2] for address in sources.SOURCES[name].archives]
    get = pooch.HTTPDownloader.__call__

    def interrupt(self: Any, url: str, output_file: Any, *rest: Any) -> None:
        get(self, url, output_file, *rest)
        if url.endswith(archives[-1]):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pooch.HTTPDownloader, "__call__", interrupt)
        with pytest.raises(KeyboardInterrupt):
            download(name, tmp_path)
    folder = sources.SOURCES[name].layout.folder
    kept = {f".{folder}.part/{archive}": server.files[archive] for archive in archives[:-1]}
    assert tree(tmp_path) == kept
    assert not (tmp_path / folder).exists()
    server.asked.clear()
    download(name, tmp_path)
    load(name, tmp_path)
    assert server.asked == archives[-1:]
    assert not (tmp_path / f".{folder}.part").exists()


@pytest.mark.parametrize("fault", ["busy", "cut", "altered"])
def test_what_came_whole_before_a_failure_is_not_fetched_again(
    server: Server, fault: str, tmp_path: Path
) -> None:
    archives = [address.rpartition("/")[2] for address in sources.SOURCES["mnist"].archives]
    server.faults = ["", "", *[fault] * (sources.RETRIES + 1)]
    with pytest.raises(DataError):
        download("mnist", tmp_path)
    assert set(tree(tmp_path)) == {f".mnist.part/{archive}" for archive in archives[:2]}
    server.asked.clear()
    download("mnist", tmp_path)
    assert server.asked == archives[2:]
    load("mnist", tmp_path)


def test_of_what_a_killed_process_left_only_whole_archives_are_used(
    server: Server, tmp_path: Path
) -> None:
    first, second, *others = (a.rpartition("/")[2] for a in sources.SOURCES["mnist"].archives)
    left = tmp_path / ".mnist.part"
    (left / "mnist").mkdir(parents=True)
    (left / "mnist" / "train-images-idx3-ubyte").write_bytes(b"half")
    (left / "tmp1234").write_bytes(b"of a download")
    (left / first).write_bytes(server.files[first])
    (left / second).write_bytes(b"half")
    download("mnist", tmp_path)
    assert server.asked == [second, *others]
    assert not left.exists()
    load("mnist", tmp_path)


def test_a_disk_that_cannot_be_written_to_is_an_error_in_a_line(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"mnist could not be fetched: .*exists"):
        download("mnist", tmp_path / "data")


@pytest.mark.parametrize("name", ["digits", "minst"])
def test_there_is_nothing_to_fetch_of_other_names(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name must be one of mnist, cifar10, cifar100, got"):
        download(name, tmp_path)


# --- the command --------------------------------------------------------------------------


def test_the_command_says_what_is_here(
    made: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    made["mnist"].write(tmp_path / "here" / "mnist")
    assert cli.main(["data", "--folder", "here"]) == 0
    mnist, cifar10, cifar100, digits = capsys.readouterr().out.splitlines()
    assert mnist == "✓ mnist is in here/mnist"
    assert cifar10.startswith("✗ cifar10 is not in here/cifar-10-batches-bin: there is no such")
    assert "`signalprop data cifar100 --folder here`" in cifar100
    assert digits == "✓ digits come with scikit-learn"
    next((tmp_path / "here" / "mnist").iterdir()).write_bytes(b"")
    assert cli.main(["data", "--folder", "here"]) == 1
    assert "✗ mnist is not in here/mnist" in capsys.readouterr().out


def test_the_command_fetches_what_is_named(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SIGNALPROP_DATA", str(tmp_path))
    assert cli.main(["data", "mnist", "cifar10"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "✓ mnist is whole" in out
    assert "about 170 MB" in out
    load("mnist")
    load("cifar10")
    assert not (tmp_path / "cifar-100-binary").exists()


def test_the_command_fails_in_a_line(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files.clear()
    assert cli.main(["data", "mnist", "--folder", str(tmp_path)]) == 2
    assert "the server says 404" in capsys.readouterr().err
    assert cli.main(["data", "minst", "--folder", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("signalprop: name must be one of")
