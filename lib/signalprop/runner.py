"""Running studies: every spec once, resumable, side by side with other processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from . import records
from .records import Record
from .training import Arrays, Watch

RUNNING = Path(
    os.environ.get("SIGNALPROP_RUNNING", Path(__file__).parents[2] / ".running")
)
"""Folder of checkpoints and locks of unfinished runs."""


def run_spec(
    study: str,
    spec: Any,
    run: Callable[[Any, Watch], tuple[dict[str, Any], Arrays]],
    report: Callable[[int], None] = lambda updates: None,
) -> bool:
    """Make the record of one spec; return False if another process is at it."""
    name = records.spec_hash(study, spec)
    checkpoint = RUNNING / study / f"{name}.checkpoint"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(checkpoint.with_suffix(".lock"), timeout=0):
            if records.exists(study, spec):
                return True
            made = records.provenance(0.0)
            metrics, arrays = run(spec, Watch(checkpoint, report=report))
            seconds = metrics.pop("seconds")
            made = made | {"seconds": round(seconds, 1)}
            records.write(Record(study, asdict(spec), metrics, arrays, made))
            checkpoint.unlink(missing_ok=True)
            return True
    except Timeout:
        return False
