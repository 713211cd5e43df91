"""Studies, and how their runs become records: each spec once, resumable, side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout
from tqdm import tqdm

from . import records
from .records import Record
from .training import Arrays, Watch

RUNNING = Path(os.environ.get("SIGNALPROP_RUNNING", Path(__file__).parents[2] / ".running"))
"""Folder of the checkpoints and locks of unfinished runs."""

SCALES = {
    "smoke": "seconds; for tests and live cells",
    "laptop": "minutes to an hour on two CPU cores",
    "paper": "the paper's own sizes",
}


class Result(NamedTuple):
    """What a run brings: single numbers, arrays, and the seconds it took in all sittings."""

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
    """Say in a line where a spec differs from the defaults of its class."""
    default = asdict(type(spec)())
    return ", ".join(f"{k} {v}" for k, v in asdict(spec).items() if v != default[k]) or "defaults"


def run_study(study: Study, scale: str, checkpoint_seconds: float = 30.0) -> list[Any]:
    """Make the missing records of a scale; progress shows on a terminal only.

    Any number of processes may do this at once: they share the runs among them.

    Returns
    -------
    the specs left to other processes that were still at them
    """
    busy = []
    missing = study.missing(scale)
    for number, spec in enumerate(missing, start=1):
        with tqdm(
            total=study.length(spec),
            desc=f"{number}/{len(missing)} · {describe(spec)}",
            unit_scale=True,
            disable=None,  # that is, where stderr is no terminal
            leave=False,
        ) as bar:
            if not _run_spec(study, spec, checkpoint_seconds, bar):
                busy.append(spec)
    return busy


def _run_spec(study: Study, spec: Any, checkpoint_seconds: float, bar: tqdm[Any]) -> bool:
    """Make the record of one spec; return False if another process is at it."""
    checkpoint = RUNNING / study.name / f"{records.spec_hash(study.name, spec)}.checkpoint"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)

    def report(done: int) -> None:
        bar.update(done - bar.n)

    try:
        # The system frees the lock of a process that dies, however it dies.
        with FileLock(checkpoint.with_suffix(".lock"), timeout=0):
            if records.exists(study.name, spec):
                return True
            made = records.provenance()  # of the code that is about to run
            result = study.run(spec, Watch(checkpoint, checkpoint_seconds, report))
            made["seconds"] = round(result.seconds, 1)
            record = Record(study.name, asdict(spec), result.metrics, result.arrays, made)
            records.write(record)
            checkpoint.unlink(missing_ok=True)
            return True
    except Timeout:
        return False
