"""Studies, and how their runs become records: each spec once, resumable, side by side.

A run belongs to the process that makes it: that process holds its lock, and writes its
checkpoints and its record.  So nothing that is finished is lost with any other process, be it
another worker, a scheduler, or the one that asked for the run.

Of the file system this assumes: that the folders of records (`records.ROOT`) and of unfinished
runs (`RUNNING`) are the same for all processes, which is checked; that a file renamed to another
replaces it at once; and that ``flock`` holds between machines, as on NFS from version 4, on
CephFS, and on Lustre mounted with ``-o flock``.  Where it does not, two machines may make the
same run: time is lost, and no record, as both write the same.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from . import records
from .records import Record
from .training import Arrays, Watch

RUNNING = Path(os.environ.get("SIGNALPROP_RUNNING", Path(__file__).parents[2] / ".running"))
"""Folder of the checkpoints, locks and errors of unfinished runs."""

SCALES = {
    "smoke": "seconds; for tests and live cells",
    "laptop": "minutes to an hour on two CPU cores",
    "longer": "hours on two CPU cores; not every study has it",
    "paper": "the paper's own sizes",
}


class Result(NamedTuple):
    """What a run brings: single numbers, arrays, and the seconds it took in all sittings.

    >>> Result(metrics={"error": 0.1}, arrays={}, seconds=2.5).metrics["error"]
    0.1
    """

    metrics: dict[str, Any]
    arrays: Arrays
    seconds: float


@dataclass(frozen=True)
class Study:
    """One question to one paper, and the runs that answer it.

    Attributes
    ----------
    name : also the name of its folder of records
    question : what it answers, in a sentence
    source : the paper and its sections
    scales : the specs (frozen dataclasses) of each scale
    run : make the result of a spec
    length : progress steps in the run of a spec

    Examples
    --------
    >>> from signalprop.studies import STUDIES
    >>> list(STUDIES["question"].scales)
    ['smoke', 'laptop']
    """

    name: str
    question: str
    source: str
    scales: Mapping[str, Sequence[Any]]
    run: Callable[[Any, Watch], Result]
    length: Callable[[Any], int]

    def specs(self, scale: str) -> Sequence[Any]:
        """Return the specs of a scale.

        Raises
        ------
        ValueError
            If the study has no such scale.
        """
        if scale not in self.scales:
            raise ValueError(f"scale must be one of {', '.join(self.scales)}, got {scale!r}")
        return self.scales[scale]

    def missing(self, scale: str) -> list[Any]:
        """Return the specs of a scale that have no record yet."""
        return [spec for spec in self.specs(scale) if not records.exists(self.name, spec)]

    def on_record(self) -> Iterator[tuple[Any, Record]]:
        """Yield specs and records of all scales but the smallest, as far as there are records."""
        larger = (specs for scale, specs in self.scales.items() if scale != "smoke")
        for spec in dict.fromkeys(spec for specs in larger for spec in specs):
            if records.exists(self.name, spec):
                yield spec, records.load(self.name, spec)


def describe(spec: Any) -> str:
    """Say in a line where a spec differs from the defaults of its class.

    >>> from signalprop.studies.question import Spec
    >>> describe(Spec(depth=1, seed=3)), describe(Spec())
    ('depth 1, seed 3', 'defaults')
    """
    default = asdict(type(spec)())
    return ", ".join(f"{k} {v}" for k, v in asdict(spec).items() if v != default[k]) or "defaults"


class Ending(NamedTuple):
    """How a run ended that did not simply finish.

    Parameters
    ----------
    spec : what was run
    state : "diverged" (and is on record), "failed", or "busy": in the hands of another process
    reason : of a divergence or a failure, in a line

    Examples
    --------
    >>> Ending({"seed": 0}, "busy").reason
    ''
    """

    spec: Any
    state: Literal["diverged", "failed", "busy"]
    reason: str = ""


def run_study(
    study: Study,
    scale: str,
    checkpoint_seconds: float = 30.0,
    executor: Executor | None = None,
    threads: int | None = None,
) -> list[Ending]:
    """Make the missing records of a scale; progress shows on a terminal only.

    Any number of processes may do this at once: they share the runs among them.  A process makes
    one run at a time, and one that fails does not keep it from the others.

    Parameters
    ----------
    study : its ``run`` must be importable where an executor makes the runs
    scale : whose specs are to be on record
    checkpoint_seconds : least time between two checkpoints of a run
    executor : makes the runs, as those of `signalprop.executors` do; this process if None
    threads : of the matrix products of a run; as many as its process has if None

    Returns
    -------
    the runs that diverged, failed, or were left to other processes that are at them

    Raises
    ------
    ValueError
        If the study has no such scale.
    """
    missing = list(dict.fromkeys(study.missing(scale)))
    by = "none" if executor is None else _name(type(executor))
    tasks = [_Task(study.name, study.run, s, checkpoint_seconds, threads, by) for s in missing]
    (RUNNING / study.name).mkdir(parents=True, exist_ok=True)
    endings: dict[Any, Ending] = {}
    with _Progress(study, missing) as progress:
        if executor is None:
            ended = _here(tasks, progress)
        else:
            ended = _elsewhere(tasks, executor, progress)
        for spec, ending in ended:
            progress.end(spec, ending)
            if ending is not None:
                endings[spec] = ending
    return [endings[spec] for spec in missing if spec in endings]


def run_again(
    study: Study, spec: Any, threads: int | None = None, checkpoint_seconds: float = 30.0
) -> Result:
    """Make a run whether it is on record or not, and write no record.

    Parameters
    ----------
    study, spec : what to run
    threads : of its matrix products; as many as the process has if None
    checkpoint_seconds : least time between two checkpoints, from which it resumes if killed

    Raises
    ------
    ValueError
        If another process is making it anew.

    Examples
    --------
    >>> from signalprop.studies import STUDIES
    >>> study = STUDIES["learning-speed"]
    >>> run_again(study, study.specs("smoke")[0]).metrics["outcome"]
    'finished'
    """
    # Another code, or other threads, must not go on where these left off.
    commit = records.provenance()["commit"]
    checkpoint = _file(study.name, spec, f"again-{commit}-{threads}")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(_file(study.name, spec, "again")).acquire(timeout=0)
    except Timeout:
        raise ValueError("another process is making this run anew") from None
    with held, _threads(threads), _Progress(study, [spec]) as progress:
        progress.begin(spec)
        report = partial(progress.at, spec)
        result = study.run(spec, Watch(checkpoint, checkpoint_seconds, report))
        checkpoint.unlink(missing_ok=True)
    return result


@dataclass(frozen=True)
class _Task:
    """A run to be made, as it is sent to where it is made."""

    study: str
    run: Callable[[Any, Watch], Result]
    spec: Any
    checkpoint_seconds: float
    threads: int | None
    executor: str


def _file(study: str, spec: Any, kind: str) -> Path:
    """Return where a run keeps its checkpoint, lock, progress or error."""
    return RUNNING / study / f"{records.spec_hash(study, spec)}.{kind}"


def _name(kind: type) -> str:
    """Return the name of a class after that of its package: distributed.ClientExecutor."""
    return f"{kind.__module__.split('.')[0]}.{kind.__name__}"


# --- where a run is made ------------------------------------------------------------------

_ALONE = threading.RLock()  # a run has its process to itself, whatever threads that has


def _make(task: _Task, report: Callable[[int], None] = lambda done: None) -> Ending | None:
    """Make the record of a spec; return None if it simply finished."""

    def file(kind: str) -> Path:
        return _file(task.study, task.spec, kind)

    try:
        # The system frees the lock of a process that dies, however it dies.
        with _ALONE, FileLock(file("lock"), timeout=0), _threads(task.threads):
            if records.exists(task.study, task.spec):
                record = records.load(task.study, task.spec)
            else:
                made = records.provenance()  # of the code that is about to run
                watch = Watch(
                    file("checkpoint"), task.checkpoint_seconds, _noting(file("progress"), report)
                )
                result = task.run(task.spec, watch)
                made |= {"executor": task.executor, "seconds": round(result.seconds, 1)}
                record = Record(task.study, asdict(task.spec), result.metrics, result.arrays, made)
                records.write(record)
            for kind in ("checkpoint", "progress", "error"):
                file(kind).unlink(missing_ok=True)
    except Timeout:
        return Ending(task.spec, "busy")
    except Exception as problem:
        file("error").write_text(traceback.format_exc(), "utf8")
        return Ending(task.spec, "failed", _line(problem))
    how = [f"{name} {value}" for name, value in record.metrics.items() if value is not None]
    how = [text for text in how if text.startswith("diverged")]
    return Ending(task.spec, "diverged", ", ".join(how)) if how else None


def _make_elsewhere(task: _Task, token: str) -> Ending | None:
    """Make the record of a spec for another process, if both mean the same folders."""
    for folder in (RUNNING, records.ROOT):
        if not (folder / token).exists():
            reason = (
                f"{folder} on {socket.gethostname()} is not the folder of those who asked for the "
                "run: share it, or name one that is shared by SIGNALPROP_RUNNING or "
                "SIGNALPROP_RECORDS"
            )
            return Ending(task.spec, "failed", reason)
    return _make(task)


def _noting(path: Path, report: Callable[[int], None]) -> Callable[[int], None]:
    """Return a report that also notes progress in a file, for others and for later."""
    noted = time.monotonic()

    def report_and_note(done: int) -> None:
        nonlocal noted
        report(done)
        if time.monotonic() - noted >= 1:
            path.write_text(str(done), "ascii")
            noted = time.monotonic()

    return report_and_note


@contextmanager
def _threads(n: int | None) -> Iterator[None]:
    """Give matrix products so many threads, whichever library makes them."""
    if n is None:
        yield
        return
    before = torch.get_num_threads()
    with threadpool_limits(n):
        torch.set_num_threads(n)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _line(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {' '.join(str(problem).split())}"


# --- where runs are asked for -------------------------------------------------------------


def _here(tasks: Sequence[_Task], progress: _Progress) -> Iterator[tuple[Any, Ending | None]]:
    """Make runs one after the other in this process."""
    for task in tasks:
        progress.begin(task.spec)
        yield task.spec, _make(task, partial(progress.at, task.spec))


def _elsewhere(
    tasks: Sequence[_Task], executor: Executor, progress: _Progress
) -> Iterator[tuple[Any, Ending | None]]:
    """Have runs made by an executor."""
    with _token() as token:
        tasks_of = {executor.submit(_make_elsewhere, task, token): task for task in tasks}
        left = set(tasks_of)
        while left:
            progress.look([tasks_of[future].spec for future in left])
            done, left = wait(left, timeout=1, return_when=FIRST_COMPLETED)
            for future in done:
                yield tasks_of[future].spec, _ending(future, tasks_of[future])


def _ending(future: Future[Ending | None], task: _Task) -> Ending | None:
    """Return how a run ended, or that what was to make it or to tell us did."""
    try:
        return future.result()
    except CancelledError:
        reason = "given up by the executor: is its scheduler still there?"
    except Exception as problem:
        reason = _line(problem)
    if records.exists(task.study, task.spec):
        return None
    return Ending(task.spec, "failed", reason)


@contextmanager
def _token() -> Iterator[str]:
    """Put a file of one name into both folders, for others to see that they mean the same."""
    with ExitStack() as stack:
        token = stack.enter_context(tempfile.NamedTemporaryFile(dir=RUNNING, prefix=".asked-"))
        name = Path(token.name).name
        records.ROOT.mkdir(parents=True, exist_ok=True)
        (records.ROOT / name).touch()
        stack.callback((records.ROOT / name).unlink, missing_ok=True)
        yield name


class _Progress:
    """A bar over the steps of all runs, with an estimate of the time that remains."""

    def __init__(self, study: Study, specs: Sequence[Any]) -> None:
        self._study = study
        self._done = {spec: self._noted(spec) for spec in specs}
        self._ended = 0
        self._bar = tqdm(
            initial=sum(self._done.values()),  # by earlier sittings
            total=sum(study.length(spec) for spec in specs),
            unit_scale=True,
            smoothing=0.05,
            bar_format="{desc} {bar} {n_fmt}/{total_fmt} steps, about {remaining} left",
            disable=None,  # that is, where stderr is no terminal
            leave=False,
        )

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def begin(self, spec: Any) -> None:
        """Say which run is being made."""
        self._say(f"{self._ended + 1}/{len(self._done)} · {describe(spec)}")

    def at(self, spec: Any, done: int) -> None:
        """Say how far a run is."""
        self._bar.update(done - self._done[spec])
        self._done[spec] = done

    def look(self, specs: Sequence[Any]) -> None:
        """Find out how far runs are that are made elsewhere."""
        for spec in specs:
            self.at(spec, max(self._noted(spec), self._done[spec]))
        self._say(f"{self._ended}/{len(self._done)} runs")

    def end(self, spec: Any, ending: Ending | None) -> None:
        """Say that a run is over: finished, or no longer waited for."""
        self._ended += 1
        if ending is None or ending.state == "diverged":
            self.at(spec, self._study.length(spec))
        elif self._bar.total is not None:
            self._bar.total -= self._study.length(spec) - self._done[spec]

    def _say(self, text: str) -> None:
        self._bar.set_description_str(text)

    def _noted(self, spec: Any) -> int:
        try:
            return int(_file(self._study.name, spec, "progress").read_text("ascii"))
        except (OSError, ValueError):  # there is none, or it is just being written
            return 0
