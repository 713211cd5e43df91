"""Runs on record: to find one, and to hold it against one made anew."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from . import records
from .records import Record
from .runner import Result, Study


def find(studies: Iterable[Study], beginning: str) -> tuple[Study, Any, Record]:
    """Find a run on record by the beginning of its hash.

    Returns
    -------
    study, spec and record

    Raises
    ------
    ValueError
        If no record of the studies has such a hash, or several have.
    RecordError
        If the record is damaged.

    Examples
    --------
    >>> from signalprop.studies import STUDIES
    >>> try:
    ...     find(STUDIES.values(), "no hash")
    ... except ValueError as error:
    ...     print(str(error).split(";")[0])
    no record has a hash that begins with 'no hash'
    """
    found = {
        (study.name, spec): study
        for study in studies
        for specs in study.scales.values()
        for spec in specs
        if records.spec_hash(study.name, spec).startswith(beginning)
        and records.exists(study.name, spec)
    }
    if len(found) != 1:
        runs = f"{len(found)} records have" if found else "no record has"
        raise ValueError(
            f"{runs} a hash that begins with {beginning!r}; hashes are the names of the files in "
            f"{records.ROOT}"
        )
    ((_, spec), study) = found.popitem()
    return study, spec, records.load(study.name, spec)


def threads_of(record: Record) -> int | None:
    """Return how many threads made a record, None if it does not say.

    >>> threads_of(Record("a study", {}, {}, {}, made={"device": "cpu, 2 threads"}))
    2
    """
    told = re.search(r"(\d+) threads", str(record.made.get("device")))
    return int(told.group(1)) if told else None


TIMES = re.compile(r"(^|_)(ms|seconds)(_|$)")
"""Names of results that are times, which no run repeats."""


def compared(record: Record, result: Result) -> dict[str, float]:
    """Return by how much results differ from a record at most, by name; times are left out.

    What has another shape, or is there on one side only, or is other text, differs infinitely.

    Examples
    --------
    >>> record = Record("a study", {}, {"error": 0.25, "seconds": 3}, {"x": np.arange(3)}, {})
    >>> compared(record, Result({"error": 0.5, "seconds": 4}, {"x": np.arange(3)}, 1.0))
    {'error': 0.25, 'x (array)': 0.0}
    """
    ours, theirs = (
        {**r.metrics, **{f"{name} (array)": values for name, values in r.arrays.items()}}
        for r in (result, record)
    )
    return {
        name: _gap(ours[name], theirs[name]) if name in ours and name in theirs else math.inf
        for name in sorted(ours.keys() | theirs.keys())
        if not TIMES.search(name.removesuffix(" (array)"))
    }


def _gap(a: Any, b: Any) -> float:
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape or x.dtype.kind not in "biuf" or y.dtype.kind not in "biuf":
        return 0.0 if x.shape == y.shape and np.all(x == y) else math.inf
    differ = (x != y) & ((x == x) | (y == y))  # two that are no numbers are the same
    apart = abs(x[differ].astype(float) - y[differ].astype(float))
    return float(np.nan_to_num(apart, nan=math.inf).max(initial=0.0))
