"""Runs that are killed, resumed, and made by several processes at once end the same."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from filelock import FileLock

from signalprop import records, runner
from signalprop.records import Record
from signalprop.runner import Ending, Result, Study, describe, run_study
from signalprop.training import Watch

# A small study of the real parts, run by a process of its own.  It notes its progress in a
# file, waits for others if asked, and may be told to die: by SIGKILL, from another thread, so many
# chunks and a fraction of a chunk's time after its start, whatever it is doing then.
PROGRAM = """
import os, signal, sys, threading, time
from dataclasses import dataclass
from pathlib import Path
import numpy as np, torch
from signalprop.datasets import Shapeset
from signalprop.initializers import xavier_
from signalprop.networks import MLP, initialize
from signalprop.probes import LayerProbe
from signalprop.runner import Result, Study, run_study
from signalprop.training import Watch, in_place_step, train

@dataclass(frozen=True)
class Spec:
    activation: str = "tanh"
    seed: int = 0

UPDATES = 2000
SPECS = [Spec(), Spec(seed=1), Spec("sigmoid")]
log = os.open(os.environ["LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
chunks_to_live, fraction = eval(os.environ.get("DIES", "(-1, 0)"))
chunks, chunk_began = 0, time.monotonic()

def die(chunk_seconds):
    time.sleep(fraction * chunk_seconds)
    os.kill(os.getpid(), signal.SIGKILL)

def run(spec, watch):
    def report(updates):
        global chunks, chunk_began
        now = time.monotonic()
        os.write(log, f"{os.getpid()} {SPECS.index(spec)} {updates}\\n".encode())
        watch.report(updates)
        chunks += 1
        if chunks == chunks_to_live:
            threading.Thread(target=die, args=[now - chunk_began], daemon=True).start()
        chunk_began = now

    network = MLP([64, 20, 20, 9], spec.activation)
    initialize(network, xavier_, spec.seed)
    images, labels = Shapeset(0, size=8).batch(50, np.float32)
    probe = LayerProbe(torch.from_numpy(images).flatten(1), torch.from_numpy(labels))
    outcome = train(
        network, Shapeset(1 + spec.seed, size=8), probe, [0, 300, 1000, UPDATES],
        in_place_step(network, 0.1), watch=Watch(watch.checkpoint, watch.seconds, report),
    )
    last = outcome.history["cost"][-1]
    return Result({"cost": float(last)}, outcome.history, outcome.seconds)

study = Study("small", "Does it end the same?", "none", {"smoke": SPECS}, run, lambda s: UPDATES)
company = Path(os.environ["COMPANY"])
(company / str(os.getpid())).touch()
while len(list(company.iterdir())) < int(os.environ.get("PROCESSES", "1")):
    time.sleep(0.01)
print(len(run_study(study, "smoke", checkpoint_seconds=0)))
"""
CHUNKS = 11  # of a run: they end at the multiples of 200 updates, and at the probe at 300
RUNS = 3


class Place:
    """Folders for the records, the unfinished runs and the notes of some processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records, self.running = folder / "records", folder / "running"
        self.company = folder / "company"
        self.company.mkdir(parents=True)
        self.program = folder / "program.py"
        self.program.write_text(PROGRAM)

    def start(self, **environment: object) -> subprocess.Popen[str]:
        """Start a process that makes the records of the small study."""
        settings = {
            "SIGNALPROP_RECORDS": self.records,
            "SIGNALPROP_RUNNING": self.running,
            "LOG": self.folder / "log",
            "COMPANY": self.company,
            "OMP_NUM_THREADS": 1,
            **environment,
        }
        return subprocess.Popen(
            [sys.executable, "-W", "error", self.program],
            env=os.environ | {name: str(value) for name, value in settings.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def progress(self) -> list[tuple[int, int, int]]:
        """Return what was noted: process, run, updates."""
        lines = (self.folder / "log").read_text().splitlines()
        return [(int(a), int(b), int(c)) for a, b, c in map(str.split, lines)]


class Made(NamedTuple):
    """What a study's records say, but for where and how long they were made."""

    metrics: dict[str, Any]
    arrays: dict[str, bytes]


def made(place: Place) -> dict[str, Made]:
    """Read all records, each checked whole."""
    found = records.load_all("small", place.records)
    return {
        r.spec_hash: Made(dict(r.metrics), {k: v.tobytes() for k, v in r.arrays.items()})
        for r in found
    }


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a process to end well; return what it printed."""
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert errors == ""
    return output


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """Make the records of the study in one go."""
    place = Place(tmp_path_factory.mktemp("undisturbed"))
    assert finish(place.start()) == "0\n"
    assert len(place.progress()) == RUNS * CHUNKS
    result = made(place)
    assert len(result) == RUNS
    return result


def test_a_study_killed_again_and_again_ends_as_if_it_never_was(
    undisturbed: dict[str, Made], tmp_path: Path
) -> None:
    """Five SIGKILLs, spread over the runs of the study."""
    place = Place(tmp_path)
    chance = random.Random(7)
    deaths = [(1, 0), *((chance.randint(3, 5), chance.uniform(0, 1.5)) for _ in range(4))]
    for death in deaths:
        process = place.start(DIES=death)
        process.communicate(timeout=300)
        assert process.returncode == -signal.SIGKILL
        for record in (place.records / "small").glob("*.json"):
            records.read(record)  # whole, whenever the kill came
    assert finish(place.start()) == "0\n"
    assert made(place) == undisturbed
    assert not list(place.running.rglob("*.checkpoint"))

    # Each sitting takes up at the last checkpoint: the chunk in hand is all that is lost.
    sittings = [list(notes) for _, notes in itertools.groupby(place.progress(), lambda n: n[0])]
    assert len(sittings) == len(deaths) + 1
    chunks = [(number, updates) for _, number, updates in place.progress()]
    assert len(set(chunks)) == RUNS * CHUNKS
    assert len(chunks) <= RUNS * CHUNKS + len(deaths)
    for before, after in itertools.pairwise(sittings):
        assert after[0][1:] >= before[-1][1:]


def test_two_processes_share_the_runs_and_harm_nothing(
    undisturbed: dict[str, Made], tmp_path: Path
) -> None:
    place = Place(tmp_path)
    processes = [place.start(PROCESSES=2) for _ in range(2)]
    for process in processes:
        finish(process)
    assert made(place) == undisturbed
    # No run was made twice, and neither process was idle.
    notes = place.progress()
    assert len(notes) == RUNS * CHUNKS
    by = {number: {process for process, k, _ in notes if k == number} for number in range(RUNS)}
    assert all(len(processes) == 1 for processes in by.values())
    assert {process for process, _, _ in notes} == {process.pid for process in processes}


# --- in this process ----------------------------------------------------------------------


@dataclass(frozen=True)
class Spec:
    """What a toy study runs."""

    value: float = 1.0
    name: str = "a"


def study(
    run: Callable[[Spec, Watch], Result], specs: Sequence[Spec] = (Spec(), Spec(2.0))
) -> Study:
    """Return a toy study."""
    return Study("toy", "?", "none", {"smoke": specs, "laptop": [Spec(3.0)]}, run, lambda _: 10)


def double(spec: Spec, watch: Watch) -> Result:
    """Run a spec: double its value."""
    watch.report(10)
    return Result({"twice": 2 * spec.value}, {"values": np.full(3, spec.value)}, 1.26)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep this process's records and unfinished runs out of the repository."""
    monkeypatch.setattr(runner, "RUNNING", tmp_path / "running")
    monkeypatch.setattr(records, "ROOT", tmp_path / "records")
    for function in (records.write, records.exists, records.load, records.load_all):
        monkeypatch.setattr(function, "__defaults__", (tmp_path / "records",))
    return tmp_path


@pytest.mark.usefixtures("folders")
def test_a_run_becomes_a_record_with_its_cost() -> None:
    toy = study(double)
    assert toy.missing("smoke") == [Spec(), Spec(2.0)]
    assert run_study(toy, "smoke") == []
    record: Record = records.load("toy", Spec(2.0))
    assert record.metrics == {"twice": 4.0}
    np.testing.assert_array_equal(record.arrays["values"], [2, 2, 2])
    assert record.made["seconds"] == 1.3
    assert set(record.made) > set(records.provenance())
    assert toy.missing("smoke") == []
    assert toy.missing("laptop") == [Spec(3.0)]


@pytest.mark.usefixtures("folders")
def test_the_smallest_scale_is_not_counted_among_the_records() -> None:
    toy = study(double)
    run_study(toy, "smoke")
    assert list(toy.on_record()) == []
    run_study(toy, "laptop")
    [(spec, record)] = toy.on_record()
    assert (spec, record.metrics) == (Spec(3.0), {"twice": 6.0})


@pytest.mark.usefixtures("folders")
def test_what_is_on_record_is_not_run_again() -> None:
    run_study(study(double, [Spec()]), "smoke")
    seen = []

    def note(spec: Spec, watch: Watch) -> Result:
        seen.append(spec)
        return double(spec, watch)

    run_study(study(note), "smoke")
    assert seen == [Spec(2.0)]


@pytest.mark.usefixtures("folders")
def test_a_run_in_other_hands_is_left_to_them(folders: Path) -> None:
    toy = study(double)
    name = records.spec_hash("toy", Spec())
    lock = folders / "running" / "toy" / f"{name}.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        assert run_study(toy, "smoke") == [Ending(Spec(), "busy")]
        assert toy.missing("smoke") == [Spec()]
    assert run_study(toy, "smoke") == []
    assert toy.missing("smoke") == []


@pytest.mark.usefixtures("folders")
def test_a_record_made_by_another_process_meanwhile_is_kept() -> None:
    """The list of what is missing may be old by the time a run's turn comes."""
    seen = []

    def run(spec: Spec, watch: Watch) -> Result:
        seen.append(spec)
        if spec == Spec():  # another process makes the second run while we do the first
            run_study(study(double, [Spec(2.0)]), "smoke")
        return double(spec, watch)

    assert run_study(study(run), "smoke") == []
    assert seen == [Spec()]


def test_a_run_that_fails_is_told_and_keeps_no_other_from_being_made(folders: Path) -> None:
    def fail(spec: Spec, watch: Watch) -> Result:
        if spec == Spec():
            raise RuntimeError("out of\nluck")
        return double(spec, watch)

    toy = study(fail)
    assert run_study(toy, "smoke") == [Ending(Spec(), "failed", "RuntimeError: out of luck")]
    assert toy.missing("smoke") == [Spec()]
    error = folders / "running" / "toy" / f"{records.spec_hash('toy', Spec())}.error"
    assert "in fail\n" in error.read_text()
    assert run_study(study(double), "smoke") == []  # there is no lock either
    assert toy.missing("smoke") == []
    assert not error.exists()


@pytest.mark.usefixtures("folders")
def test_a_run_that_diverged_is_on_record_and_told_once() -> None:
    def diverge(spec: Spec, watch: Watch) -> Result:
        at = 300 if spec == Spec() else None
        return Result({"outcome": "", "diverged_at": at, "diverged_in_layer": at}, {}, 0.0)

    toy = study(diverge)
    told = Ending(Spec(), "diverged", "diverged_at 300, diverged_in_layer 300")
    assert run_study(toy, "smoke") == [told]
    assert run_study(toy, "smoke") == []
    assert records.load("toy", Spec()).metrics["diverged_at"] == 300


@pytest.mark.usefixtures("folders")
def test_an_interruption_is_not_a_failure() -> None:
    def interrupt(spec: Spec, watch: Watch) -> Result:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(study(interrupt), "smoke")
    assert run_study(study(double), "smoke") == []


@pytest.mark.usefixtures("folders")
def test_an_executor_makes_the_same_records() -> None:
    run_study(study(double), "laptop", threads=2)
    [(_, here)] = study(double).on_record()
    with ThreadPoolExecutor(2) as executor:
        assert run_study(study(double), "smoke", executor=executor) == []
    elsewhere = records.load("toy", Spec(2.0))
    assert (elsewhere.metrics, here.metrics) == ({"twice": 4.0}, {"twice": 6.0})
    assert (here.made["executor"], here.made["device"]) == ("none", "cpu, 2 threads")
    assert elsewhere.made["executor"] == "concurrent.ThreadPoolExecutor"
    assert elsewhere.made["device"] == f"cpu, {torch.get_num_threads()} threads"  # as before


@pytest.mark.usefixtures("folders")
def test_runs_in_the_threads_of_a_process_take_turns() -> None:
    at_work = []

    def run(spec: Spec, watch: Watch) -> Result:
        at_work.append(spec)
        time.sleep(0.01)
        assert at_work == [spec]
        at_work.clear()
        return double(spec, watch)

    with ThreadPoolExecutor(4) as executor:
        specs = [Spec(float(v)) for v in range(8)]
        assert run_study(study(run, specs), "smoke", executor=executor) == []


@pytest.mark.usefixtures("folders")
def test_what_an_executor_gives_up_is_told() -> None:
    """A future that is cancelled, one that raises, and one whose run is on record all the same."""

    class Lost(ThreadPoolExecutor):
        asked = 0

        def submit(self, *call: Any) -> Future[Any]:
            future: Future[Any] = Future()
            self.asked += 1
            if self.asked == 1:
                future.cancel()
                future.set_running_or_notify_cancel()
                return future
            if self.asked == 3:
                super().submit(*call).result()
            future.set_exception(OSError("no such luck"))
            return future

    with Lost(1) as executor:
        ended = run_study(study(double, [Spec(), Spec(2.0), Spec(3.0)]), "smoke", executor=executor)
    assert [(e.spec.value, e.state, e.reason) for e in ended] == [
        (1.0, "failed", "given up by the executor: is its scheduler still there?"),
        (2.0, "failed", "OSError: no such luck"),
    ]


@pytest.mark.usefixtures("folders")
def test_the_bar_counts_the_steps_of_all_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of earlier sittings from the start; those that a failed run has left no longer."""
    seen: list[tuple[str, float, float]] = []

    class Bar:
        def __init__(self, **settings: Any) -> None:
            self.n, self.total = settings["initial"], settings["total"]
            self.text = ""

        def update(self, steps: int) -> None:
            self.n += steps
            seen.append((self.text, self.n, self.total))

        def set_description_str(self, text: str) -> None:
            self.text = text

        def close(self) -> None:
            seen.append(("closed", self.n, self.total))

    def run(spec: Spec, watch: Watch) -> Result:
        watch.report(5)
        if spec.value == 2:
            raise RuntimeError
        return double(spec, watch)

    specs = [Spec(), Spec(2.0), Spec(3.0)]
    note = runner.RUNNING / "toy" / f"{records.spec_hash('toy', Spec())}.progress"
    note.parent.mkdir(parents=True)
    note.write_text("4")
    monkeypatch.setattr(runner, "tqdm", Bar)
    assert len(run_study(study(run, specs), "smoke")) == 1
    assert seen == [
        ("1/3 · defaults", 5, 30),
        ("1/3 · defaults", 10, 30),
        ("1/3 · defaults", 10, 30),
        ("2/3 · value 2.0", 15, 30),
        ("3/3 · value 3.0", 20, 25),
        ("3/3 · value 3.0", 25, 25),
        ("3/3 · value 3.0", 25, 25),
        ("closed", 25, 25),
    ]
    assert not note.exists()


def test_a_run_is_given_its_own_checkpoint_and_the_asked_distance(folders: Path) -> None:
    given = []

    def run(spec: Spec, watch: Watch) -> Result:
        given.append(watch)
        assert watch.checkpoint is not None
        watch.checkpoint.write_bytes(b"state")
        return double(spec, watch)

    run_study(study(run), "smoke", checkpoint_seconds=7)
    names = [records.spec_hash("toy", spec) for spec in (Spec(), Spec(2.0))]
    running = folders / "running" / "toy"
    assert [w.checkpoint for w in given] == [running / f"{name}.checkpoint" for name in names]
    assert {w.seconds for w in given} == {7}
    assert not list(running.glob("*.checkpoint"))


@pytest.mark.usefixtures("folders")
def test_a_scale_that_a_study_has_not_is_refused() -> None:
    for ask in (study(double).specs, study(double).missing, lambda s: run_study(study(double), s)):
        with pytest.raises(ValueError, match="scale must be one of smoke, laptop, got 'paper'"):
            ask("paper")


def test_a_spec_is_described_by_what_sets_it_apart() -> None:
    assert describe(Spec()) == "defaults"
    assert describe(Spec(name="b")) == "name b"
    assert describe(Spec(2.5, "b")) == "value 2.5, name b"
