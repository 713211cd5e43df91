"""Records: the committed results of runs, with all that is needed to trust or repeat them.

A record is two files named after the hash of its spec: ``<hash>.json`` (spec, metrics,
provenance) and ``<hash>.npz`` (arrays).  Both carry checksums and are written whole.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import io
import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .storage import sha256, write_atomic

ROOT = Path(os.environ.get("SIGNALPROP_RECORDS", Path(__file__).parents[2] / "records"))
"""Folder of the committed records."""

FORMAT = "signalprop record 1"


class RecordError(Exception):
    """A file is not the record it should be.

    >>> try:
    ...     load("a study", {"seed": 0})
    ... except RecordError as error:
    ...     print("no record of this run" in str(error))
    True
    """


@dataclass(frozen=True)
class Record:
    """One run and its result.

    Attributes
    ----------
    study : name of the study
    spec : what was run, as plain values
    metrics : single results by name (numbers, strings, None)
    arrays : results with axes, by name
    made : provenance: versions, commit, hardware, threads, seconds, date

    Examples
    --------
    >>> record = Record("a study", {"seed": 0}, {"error": 0.1}, {"x": np.arange(3)}, made={})
    >>> record.spec_hash == spec_hash("a study", {"seed": 0})
    True
    """

    study: str
    spec: Mapping[str, Any]
    metrics: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    made: Mapping[str, Any]

    @property
    def spec_hash(self) -> str:
        """The name of the run."""
        return spec_hash(self.study, self.spec)


def spec_hash(study: str, spec: Any) -> str:
    """Return the eight hexadecimal digits that name the run of a spec (dataclass or mapping).

    >>> spec_hash("a study", {"seed": 0, "depth": 5})
    '42631f03'
    >>> spec_hash("a study", {"depth": 5, "seed": 0})
    '42631f03'
    """
    values = dict(spec) if isinstance(spec, Mapping) else asdict(spec)
    return sha256(_canonical({"study": study, "spec": values}))[:8]


def write(record: Record, folder: Path = ROOT) -> Path:
    """Write a record atomically; return the path of its JSON file.

    >>> import tempfile
    >>> record = Record("a study", {"seed": 0}, {"error": 0.1}, {"x": np.arange(3)}, made={})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write(record, Path(folder))
    ...     sorted(file.suffix for file in path.parent.iterdir())
    ['.json', '.npz']
    """
    path = _path(folder, record.study, record.spec_hash)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **record.arrays)
    content = {
        "format": FORMAT,
        "study": record.study,
        "spec_hash": record.spec_hash,
        "spec": dict(record.spec),
        "metrics": dict(record.metrics),
        "made": dict(record.made),
        "arrays_sha256": sha256(buffer.getvalue()),
    }
    content["sha256"] = sha256(_canonical(content))
    # The arrays go first: a record exists once its JSON file does.
    write_atomic(path.with_suffix(".npz"), buffer.getvalue())
    write_atomic(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
    return path


def exists(study: str, spec: Any, folder: Path = ROOT) -> bool:
    """Tell whether a spec has been run.

    >>> exists("a study", {"seed": 0})
    False
    """
    return _path(folder, study, spec_hash(study, spec)).exists()


def load(study: str, spec: Any, folder: Path = ROOT) -> Record:
    """Load the record of a spec.

    Raises
    ------
    RecordError
        If there is none, or a file is damaged or belongs to something else.

    Examples
    --------
    >>> import tempfile
    >>> record = Record("a study", {"seed": 0}, {"error": 0.1}, {"x": np.arange(3)}, made={})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write(record, Path(folder))
    ...     load("a study", {"seed": 0}, Path(folder)).arrays["x"]
    array([0, 1, 2])
    """
    path = _path(folder, study, spec_hash(study, spec))
    if not path.exists():
        raise RecordError(
            f"{path} does not exist: no record of this run. "
            f"Make it with `signalprop run {study}` at the scale that has the spec {spec}"
        )
    return read(path)


def by_group(study: str, groups: Mapping[str, Sequence[Any]]) -> Callable[[str], list[Record]]:
    """Return a function that loads the records of a group of specs, given its name."""

    def group(name: str) -> list[Record]:
        """Load the records of a group.

        Raises
        ------
        RecordError
            If a record is missing or damaged.
        """
        return [load(study, spec) for spec in groups[name]]

    return group


def load_all(study: str, folder: Path = ROOT) -> Iterator[Record]:
    """Load every record of a study, in the order of their names.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for seed in (0, 1):
    ...         _ = write(Record("a study", {"seed": seed}, {}, {}, {}), Path(folder))
    ...     sorted(record.spec["seed"] for record in load_all("a study", Path(folder)))
    [0, 1]
    """
    for path in sorted((folder / study).glob("*.json")):
        yield read(path)


def read(path: Path) -> Record:
    """Read one record and check it whole.

    Raises
    ------
    RecordError
        If a file is damaged or is not the record that its name says.

    Examples
    --------
    >>> import tempfile
    >>> record = Record("a study", {"seed": 0}, {"error": 0.1}, {"x": np.arange(3)}, made={})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read(write(record, Path(folder))).metrics
    {'error': 0.1}
    """
    try:
        content = json.loads(path.read_bytes())
        is_record = content.get("format") == FORMAT
    except (ValueError, AttributeError):
        raise RecordError(f"{path} is damaged: it is not JSON. {_REMEDY}") from None
    if not is_record:
        raise RecordError(f"{path} is not a record of this version ({FORMAT!r}). {_REMEDY}")
    if content.pop("sha256", None) != sha256(_canonical(content)):
        raise RecordError(f"{path} was altered: its checksum does not match. {_REMEDY}")
    if path.absolute().parts[-2:] != (content["study"], f"{content['spec_hash']}.json"):
        raise RecordError(
            f"{path} is the record of {content['study']}/{content['spec_hash']}: "
            "it was renamed or moved. Put it back."
        )
    if content["spec_hash"] != spec_hash(content["study"], content["spec"]):
        raise RecordError(f"{path} names a spec that is not the one it holds. {_REMEDY}")
    arrays_path = path.with_suffix(".npz")
    if not arrays_path.exists():
        raise RecordError(f"{arrays_path} is missing: {path.name} is half a record. {_REMEDY}")
    arrays = arrays_path.read_bytes()
    if sha256(arrays) != content["arrays_sha256"]:
        raise RecordError(f"{arrays_path} is damaged: its checksum does not match. {_REMEDY}")
    with np.load(io.BytesIO(arrays), allow_pickle=False) as stored:
        return Record(
            content["study"],
            content["spec"],
            content["metrics"],
            dict(stored),
            content["made"],
        )


_REMEDY = "Restore it with git, or remove both its files and run the study again."


def provenance() -> dict[str, Any]:
    """Describe what makes a result here and now: code, libraries, hardware, date.

    >>> sorted(provenance())
    ['commit', 'date', 'device', 'numpy', 'package', 'processor', 'python', 'torch']
    """
    import torch

    return {
        "package": importlib.metadata.version("signalprop"),
        "commit": _commit(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "device": f"cpu, {torch.get_num_threads()} threads",
        "processor": _processor(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _path(folder: Path, study: str, name: str) -> Path:
    return folder / study / f"{name}.json"


def _canonical(values: Any) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()


def _commit() -> str:
    """Return the commit of the source, marked if it was changed since; "unknown" outside git."""
    command = ["git", "-C", str(Path(__file__).parent)]
    try:
        commit = subprocess.run(
            [*command, "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            check=True,
        )
        changes = subprocess.run(
            [*command, "status", "--porcelain", "--", "."],
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit.stdout.decode().strip() + ("+changes" if changes.stdout else "")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
