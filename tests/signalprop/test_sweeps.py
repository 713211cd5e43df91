"""Sweeps over processes and over a Dask cluster, any part of which is killed, lose nothing.

Everything here is real: processes, a local cluster, and SIGKILL.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from signalprop import executors, records, runner
from signalprop.executors import ProcessDiedError, Processes

# A small study, importable by every process, and a client that wants it made.  Its runs take a
# second, save their state at each step, and note it in a file.  One diverges, and one fails.
STUDY = """
import json, os, sys, time
from dataclasses import dataclass
import numpy as np
from signalprop import executors
from signalprop.runner import Result, Study, run_study
from signalprop.storage import read_sealed, write_sealed

@dataclass(frozen=True)
class Spec:
    seed: int = 0
    ends: str = "well"

STEPS = 20
PACE = float(os.environ.get("PACE", "0"))

def run(spec, watch):
    if spec.ends == "badly":
        raise RuntimeError("out of luck")
    step, value = 0, spec.seed
    if watch.checkpoint.exists():
        step, value = json.loads(read_sealed(watch.checkpoint))
    while step < STEPS:
        time.sleep(PACE)
        step, value = step + 1, (1103515245 * value + 12345) % 2**31
        write_sealed(watch.checkpoint, json.dumps([step, value]).encode())
        with open(os.environ["LOG"], "a") as log:
            log.write(f"{os.getpid()} {spec.seed} {step}\\n")
        watch.report(step)
    at = 7 if spec.ends == "diverged" else None
    arrays = {"values": np.arange(value % 100), "seed": np.array(spec.seed)}
    return Result({"value": value, "diverged_at": at}, arrays, STEPS * PACE)

SPECS = [Spec(1, "badly"), Spec(2, "diverged"), *(Spec(seed) for seed in range(3, 9))]
SWEEP = Study("sweep", "Is anything lost?", "none", {"smoke": SPECS}, run, lambda spec: STEPS)

if __name__ == "__main__":
    import sweep_study  # under the name by which others know it
    where = sys.argv[1]
    dask = where.startswith("tcp:")
    with executors.dask(where) if dask else executors.Processes(int(where)) as executor:
        endings = run_study(sweep_study.SWEEP, "smoke", executor=executor, threads=1)
    print(json.dumps([(e.spec.seed, e.state, e.reason) for e in endings]))
"""
STEPS = 20
FAILED: list[Any] = [1, "failed", "RuntimeError: out of luck"]
DIVERGED: list[Any] = [2, "diverged", "diverged_at 7"]
MADE = set(range(2, 9))  # seeds of the runs that become records
CLUSTER = """
import time
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        time.sleep(600)
"""
PARENT = """
import os, time
from signalprop.executors import Processes
if __name__ == "__main__":
    with Processes(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600).result()
"""


class Place:
    """Folders of records, of unfinished runs, and of the study's own notes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records, self.running = folder / "records", folder / "running"
        self.log = folder / "log"
        self.log.touch()
        self.started: list[subprocess.Popen[str]] = []
        (folder / "sweep_study.py").write_text(STUDY)
        (folder / "cluster.py").write_text(CLUSTER)
        (folder / "parent.py").write_text(PARENT)

    def start(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a program whose runs take a second."""
        settings = {
            "SIGNALPROP_RECORDS": self.records,
            "SIGNALPROP_RUNNING": self.running,
            "LOG": self.log,
            "PACE": 0.05,
            "PYTHONPATH": self.folder,
            "OMP_NUM_THREADS": 1,
        }
        process = subprocess.Popen(
            [sys.executable, "-W", "error", self.folder / program, *arguments],
            env=os.environ | {name: str(value) for name, value in settings.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def stop(self) -> None:
        """End what was started and is still there."""
        for process in self.started:
            if process.returncode is None:
                process.kill()
                process.communicate(timeout=300)

    def sweep(self, where: str) -> subprocess.Popen[str]:
        """Start a client of so many processes, or of the cluster of this address."""
        return self.start("sweep_study.py", where)

    def notes(self) -> list[tuple[int, int, int]]:
        """Return what runs have noted: process, seed, step."""
        lines = self.log.read_text().splitlines()
        return [(int(a), int(b), int(c)) for a, b, c in map(str.split, lines)]

    def at_work(self) -> dict[int, int]:
        """Return the seed of the run that each process is in, and not about to end."""
        last = {process: (seed, step) for process, seed, step in self.notes()}
        return {p: seed for p, (seed, step) in last.items() if step < 3 * STEPS / 4 and alive(p)}

    def kill_one(self, but: Container[int] = ()) -> tuple[int, int]:
        """Kill a process in the midst of a run whose seed is none of some; return both."""
        while True:
            at_work = until(lambda: [(p, s) for p, s in self.at_work().items() if s not in but])
            for process, seed in at_work:
                os.kill(process, signal.SIGSTOP)  # and see whether it was quicker
                kind = signal.SIGKILL if self.at_work().get(process) == seed else signal.SIGCONT
                os.kill(process, kind)
                if kind == signal.SIGKILL:
                    return process, seed

    def made(self) -> dict[int, tuple[Any, bytes]]:
        """Return metrics and the bytes of the arrays of each record, by seed; each is whole."""
        found = {}
        for path in (self.records / "sweep").glob("*.json"):
            record = records.read(path)
            found[record.spec["seed"]] = record.metrics, path.with_suffix(".npz").read_bytes()
        return found

    def written(self) -> dict[Path, int]:
        """Return when each file of the records was written."""
        return {path: path.stat().st_mtime_ns for path in (self.records / "sweep").glob("*.*")}

    def here(self, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
        """Make this process work in these folders; return the module of the study."""
        monkeypatch.setattr(runner, "RUNNING", self.running)
        monkeypatch.setattr(records, "ROOT", self.records)
        for function in (records.write, records.exists, records.load):
            monkeypatch.setattr(function, "__defaults__", (self.records,))
        monkeypatch.setenv("LOG", str(self.log))
        monkeypatch.syspath_prepend(self.folder)
        monkeypatch.delitem(sys.modules, "sweep_study", raising=False)
        return importlib.import_module("sweep_study")


def until(condition: Callable[[], Any], seconds: float = 300) -> Any:
    """Wait until a condition holds; return what it found."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return found


def endings(client: subprocess.Popen[str]) -> Any:
    """Wait for a client to end well; return what it says of the runs."""
    out, err = client.communicate(timeout=300)
    assert client.returncode == 0, err
    assert err == ""
    return json.loads(out)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{process}/stat").read_text().split()[2]


def most_once(notes: list[tuple[int, int, int]], kills: int) -> bool:
    """Tell whether no step was taken twice, but for one that a kill had cut off."""
    steps = [(seed, step) for _, seed, step in notes]
    return len(steps) <= len(set(steps)) + kills


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Any, bytes]]:
    """Make all records in one go, in this process."""
    place = Place(tmp_path_factory.mktemp("undisturbed"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        study = place.here(monkeypatch)
        ended = runner.run_study(study.SWEEP, "smoke")
    assert [[e.spec.seed, e.state, e.reason] for e in ended] == [FAILED, DIVERGED]
    assert place.made().keys() == MADE
    return place.made()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Make folders of a test's own."""
    place = Place(tmp_path)
    yield place
    place.stop()


# --- local processes ----------------------------------------------------------------------


def test_a_process_that_is_killed_costs_one_step_and_no_run(
    undisturbed: dict[int, tuple[Any, bytes]], place: Place
) -> None:
    client = place.sweep("2")
    victim, seed = place.kill_one()

    # What failed is told with its reason and is not fatal; what diverged is on record.
    assert endings(client) == [FAILED, DIVERGED]
    assert place.made() == undisturbed
    notes = place.notes()
    assert most_once(notes, kills=1)
    assert {process for process, its, _ in notes if its == seed} > {victim}  # another took it up
    assert client.pid not in {process for process, _, _ in notes}
    for record in records.load_all("sweep", place.records):
        assert record.made["executor"] == "signalprop.Processes"
        assert record.made["device"] == "cpu, 1 threads"
    [error] = (place.running / "sweep").glob("*.error")
    assert 'raise RuntimeError("out of luck")' in error.read_text()
    kinds = {path.suffix for path in (place.running / "sweep").iterdir()}
    assert kinds == {".lock", ".error"}


def test_processes_end_with_the_one_that_began_them(place: Place) -> None:
    client = place.start("parent.py")
    assert client.stdout is not None
    worker = int(client.stdout.readline())
    assert alive(worker)
    client.kill()
    until(lambda: not alive(worker), seconds=60)


def test_a_call_that_kills_its_process_is_given_up_and_the_next_is_made() -> None:
    with Processes(1) as pool:
        future = pool.submit(signal.raise_signal, signal.SIGKILL)
        with pytest.raises(ProcessDiedError, match="killed, perhaps for want of memory"):
            future.result(timeout=300)
        assert pool.submit(abs, -3).result(timeout=300) == 3


def test_what_ends_the_block_ends_its_processes_at_once() -> None:
    began = time.monotonic()
    pool = Processes(1)
    process = pool.submit(os.getpid).result(timeout=300)
    future, later = (pool.submit(time.sleep, 600) for _ in range(2))
    until(future.running)
    with pytest.raises(KeyboardInterrupt), pool:
        raise KeyboardInterrupt
    assert not alive(process)
    assert isinstance(future.exception(), ProcessDiedError)
    assert later.cancelled()
    assert time.monotonic() - began < 300


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_process_is_too_few(jobs: int) -> None:
    with pytest.raises(ValueError, match=f"jobs must be at least 1, got {jobs}"):
        Processes(jobs)


# --- a Dask cluster -----------------------------------------------------------------------


def test_a_cluster_loses_clients_workers_and_its_scheduler_but_no_run(
    undisturbed: dict[int, tuple[Any, bytes]], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = place.start("cluster.py")
    assert cluster.stdout is not None
    address = cluster.stdout.readline().strip()

    # The client is killed: the runs that the workers are at end well.
    client = place.sweep(address)
    until(place.at_work)
    client.kill()
    client.communicate()
    until(lambda: place.made().keys() >= {seed for _, seed, _ in place.notes()})
    in_hand, written = set(place.made()), place.written()
    assert in_hand < MADE
    for record in records.load_all("sweep", place.records):
        assert record.made["executor"] == "distributed.ClientExecutor"

    # The next client asks for the others.  A worker is killed: another takes its run up.
    client = place.sweep(address)
    victim, seed = place.kill_one(but=in_hand)
    until(lambda: {p for p, its, _ in place.notes() if its == seed} > {victim})
    assert most_once(place.notes(), kills=1)

    # The scheduler is killed: the client says what is not made.
    cluster.kill()
    reasons = {reason for _, state, reason in endings(client) if state == "failed"}
    lost = "given up by the executor: is its scheduler still there?"
    assert {lost} <= reasons <= {lost, FAILED[2]}
    workers = {process for process, *_ in place.notes()}
    until(lambda: not any(map(alive, workers)), seconds=60)

    # All that is left is made, and no more than that.
    before = set(place.made())
    study = place.here(monkeypatch)
    ended = runner.run_study(study.SWEEP, "smoke")
    assert [e.spec.seed for e in ended if e.state == "failed"] == [1]
    assert place.made() == undisturbed
    assert most_once(place.notes(), kills=3)
    assert {seed for process, seed, _ in place.notes() if process == os.getpid()} == MADE - before
    assert place.written().items() >= written.items()


def test_no_scheduler_is_an_error_in_a_line() -> None:
    with (
        pytest.raises(ValueError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9: "),
        executors.dask("tcp://127.0.0.1:9", seconds=0.1),
    ):
        pass


def test_without_dask_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ValueError, match=r"pip install 'signalprop\[dask\]'"),
        executors.dask("tcp://127.0.0.1:9"),
    ):
        pass


def test_a_worker_with_other_folders_makes_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine that does not share them: here a thread that looks for another token."""
    study = place.here(monkeypatch)
    with ThreadPoolExecutor(1) as pool:
        assert len(runner.run_study(study.SWEEP, "smoke", executor=pool)) == 2
    assert place.made().keys() == MADE
    for path in place.written():
        path.unlink()
    kept = runner._make_elsewhere

    def elsewhere(task: runner._Task, token: str) -> runner.Ending | None:
        return kept(task, "another")

    monkeypatch.setattr(runner, "_make_elsewhere", elsewhere)
    with ThreadPoolExecutor(1) as pool:
        ended = runner.run_study(study.SWEEP, "smoke", executor=pool)
    assert len(ended) == 8
    assert {e.state for e in ended} == {"failed"}
    assert all("is not the folder of those who asked for the run" in e.reason for e in ended)
    assert not list(place.folder.rglob(".asked-*"))
