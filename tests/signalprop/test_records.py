"""Records come back as they were written, or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signalprop import records
from signalprop.records import Record, RecordError, spec_hash
from signalprop.studies import glorot_saturation


@dataclass(frozen=True)
class Spec:
    """What a small study might run."""

    activation: str = "tanh"
    rate: float = 0.1
    layers: tuple[int, ...] = (3, 4)
    seed: int = 0


METRICS = {"error": 0.1 + 0.2, "escaped_at": None, "note": "½ → ⅓", "steps": 10**15, "tiny": 1e-300}
MADE = {"package": "0", "seconds": 1.5}


def arrays() -> dict[str, np.ndarray]:
    """Return arrays of every kind that studies make."""
    rng = np.random.default_rng(1)
    return {
        "curve": rng.standard_normal((4, 3)).astype(np.float32),
        "exact": rng.standard_normal(5),
        "updates": np.arange(4),
        "single": np.array(2.5),
        "none": np.empty((0, 2)),
        "odd": np.array([np.nan, np.inf, -0.0]),
    }


def record(**changes: Any) -> Record:
    """Return a record of a `Spec` with some fields changed."""
    return Record("study", asdict(Spec(**changes)), METRICS, arrays(), MADE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a record and return its path."""
    return records.write(record(), tmp_path)


def flipped(content: bytes, k: int) -> bytes:
    """Return the content with all bits of one byte turned over."""
    return content[:k] + bytes([content[k] ^ 0xFF]) + content[k + 1 :]


def test_a_record_comes_back_bit_for_bit(tmp_path: Path) -> None:
    written = record()
    read = records.read(records.write(written, tmp_path))
    assert read.study == written.study
    assert read.spec_hash == written.spec_hash
    assert read.metrics == METRICS
    assert read.made == MADE
    assert read.spec == {**written.spec, "layers": [3, 4]}  # JSON has lists only
    assert list(read.arrays) == list(written.arrays)
    for name, values in written.arrays.items():
        assert read.arrays[name].dtype == values.dtype
        assert read.arrays[name].shape == values.shape
        assert read.arrays[name].tobytes() == values.tobytes()


def test_a_spec_finds_its_record_and_no_other(tmp_path: Path) -> None:
    for seed in (0, 1, 2):
        records.write(record(seed=seed), tmp_path)
    assert records.exists("study", Spec(seed=1), tmp_path)
    assert not records.exists("study", Spec(seed=3), tmp_path)
    assert not records.exists("other", Spec(seed=1), tmp_path)
    assert records.load("study", Spec(seed=1), tmp_path).spec["seed"] == 1
    assert [r.spec_hash for r in records.load_all("study", tmp_path)] == sorted(
        spec_hash("study", Spec(seed=s)) for s in (0, 1, 2)
    )
    assert list(records.load_all("other", tmp_path)) == []


def test_a_missing_record_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"no record of this run.*signalprop run study.*seed=7"):
        records.load("study", Spec(seed=7), tmp_path)


def test_equal_records_are_equal_files(tmp_path: Path) -> None:
    """No dates inside: making a record again changes nothing in git."""
    paths = [records.write(record(), tmp_path / name) for name in "ab"]
    for suffix in (".json", ".npz"):
        assert len({p.with_suffix(suffix).read_bytes() for p in paths}) == 1


def test_the_json_file_is_meant_for_people_too(path: Path) -> None:
    text = path.read_text("utf8")
    assert json.loads(text)["metrics"] == METRICS
    assert "½ → ⅓" in text
    assert text.endswith("}\n")
    assert path.name == f"{record().spec_hash}.json"


# --- names --------------------------------------------------------------------------------


def test_the_names_of_runs_are_what_they_were() -> None:
    """Pinned: records and checkpoints are found by them."""
    assert spec_hash("study", Spec()) == "931ea891"
    assert spec_hash("glorot-saturation", glorot_saturation.Spec()) == "86653f5a"


def test_a_dataclass_and_its_mapping_have_the_same_name_in_any_order() -> None:
    values = asdict(Spec())
    assert spec_hash("study", values) == spec_hash("study", Spec())
    assert spec_hash("study", dict(reversed(values.items()))) == spec_hash("study", Spec())


def test_every_field_changes_the_name() -> None:
    changes: dict[str, Any] = {
        "activation": "relu",
        "rate": 0.1 + 1e-16 + 1e-17,
        "layers": (3, 5),
        "seed": 1,
    }
    names = {spec_hash("study", replace(Spec(), **{k: v})) for k, v in changes.items()}
    names |= {spec_hash("study", Spec()), spec_hash("other", Spec())}
    assert len(names) == len(changes) + 2


def test_every_field_of_the_saturation_study_changes_the_name() -> None:
    other: dict[str, Any] = {
        "activation": "tanh",
        "hidden_layers": 5,
        "width": 999,
        "weights": "normalized",
        "centred": True,
        "output_bias": "priors",
        "rate": 0.02,
        "updates": 1,
        "seed": 1,
    }
    spec = glorot_saturation.Spec()
    assert set(asdict(spec)) == set(other)
    names = {spec_hash("study", replace(spec, **{k: v})) for k, v in other.items()}
    assert len(names | {spec_hash("study", spec)}) == len(other) + 1


# --- damage -------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_any_altered_byte_is_noticed(suffix: str, path: Path) -> None:
    file = path.with_suffix(suffix)
    whole = file.read_bytes()
    for k in range(0, len(whole), max(len(whole) // 400, 1)):
        file.write_bytes(flipped(whole, k))
        with pytest.raises(RecordError) as refusal:
            records.read(path)
        assert str(file) in str(refusal.value)
        assert "Restore it with git, or remove both" in str(refusal.value)


def test_a_bit_altered_in_the_json_file_is_noticed_or_means_the_same(path: Path) -> None:
    """Only the case of the e in 1e-300 is free."""
    whole = path.read_bytes()
    harmless = 0
    for k in range(len(whole)):
        path.write_bytes(whole[:k] + bytes([whole[k] ^ (1 << k % 8)]) + whole[k + 1 :])
        try:
            read = records.read(path)
        except RecordError:
            continue
        harmless += 1
        assert read.metrics == METRICS
        assert read.made == MADE
    assert harmless <= 1


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_a_file_cut_short_is_noticed(suffix: str, path: Path) -> None:
    file = path.with_suffix(suffix)
    whole = file.read_bytes()
    end = len(whole.rstrip())  # without the last newline, the JSON file is still whole
    for k in {0, 1, 2, *range(3, end, max(end // 60, 1)), end - 1}:
        file.write_bytes(whole[:k])
        with pytest.raises(RecordError, match=r"is damaged|was altered|not a record"):
            records.read(path)


@pytest.mark.parametrize("content", ["null", "[]", "3", '"text"', "{}", '{"format": "other 9"}'])
def test_a_foreign_json_file_is_refused(content: str, path: Path) -> None:
    path.write_text(content)
    with pytest.raises(RecordError, match=r"is damaged|is not a record of this version"):
        records.read(path)


@pytest.mark.parametrize("field", ["spec", "metrics", "made", "study", "arrays_sha256", "sha256"])
def test_a_number_edited_by_hand_is_refused(field: str, path: Path) -> None:
    content = json.loads(path.read_text("utf8"))
    if isinstance(content[field], dict):
        content[field]["error"] = 0.25
    else:
        content[field] = "x" + content[field][1:]
    path.write_text(json.dumps(content))
    with pytest.raises(RecordError, match="was altered: its checksum does not match"):
        records.read(path)


@pytest.mark.parametrize("place", ["study/12345678", "other/{name}"])
def test_a_renamed_or_moved_record_is_refused(place: str, path: Path, tmp_path: Path) -> None:
    target = tmp_path / f"{place.format(name=path.stem)}.json"
    target.parent.mkdir(exist_ok=True)
    for suffix in (".json", ".npz"):
        path.with_suffix(suffix).rename(target.with_suffix(suffix))
    with pytest.raises(RecordError, match=rf"is the record of study/{path.stem}: .*renamed or mov"):
        records.read(target)


def test_a_record_may_move_with_its_folder(path: Path, tmp_path: Path) -> None:
    path.parent.parent.joinpath("study").rename(tmp_path / "kept")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "kept").rename(tmp_path / "elsewhere" / "study")
    assert records.load("study", Spec(), tmp_path / "elsewhere").metrics == METRICS


def test_half_a_record_is_refused(path: Path) -> None:
    path.with_suffix(".npz").unlink()
    with pytest.raises(RecordError, match=r"\.npz is missing: .*\.json is half a record"):
        records.read(path)


def test_the_arrays_of_another_run_are_refused(path: Path, tmp_path: Path) -> None:
    other = records.write(replace(record(seed=1), arrays={"a": np.arange(3)}), tmp_path)
    other.with_suffix(".npz").replace(path.with_suffix(".npz"))
    with pytest.raises(RecordError, match=r"\.npz is damaged: its checksum does not match"):
        records.read(path)


def test_a_record_is_found_from_wherever_one_stands(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (path.parents[1], path.parent):
        monkeypatch.chdir(folder)
        assert records.read(path.relative_to(folder)).metrics == METRICS


# --- writing ------------------------------------------------------------------------------


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_record_exists_only_once_both_its_files_do(
    fails_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that dies at either file leaves no record, and does not hinder the next."""
    calls = []
    write_atomic = records.write_atomic

    def die(path: Path, data: bytes) -> None:
        calls.append(path)
        if len(calls) == fails_at:
            raise OSError("disk full")
        write_atomic(path, data)

    monkeypatch.setattr(records, "write_atomic", die)
    with pytest.raises(OSError, match="disk full"):
        records.write(record(), tmp_path)
    assert not records.exists("study", Spec(), tmp_path)
    assert list(records.load_all("study", tmp_path)) == []
    records.write(record(), tmp_path)
    assert records.load("study", Spec(), tmp_path).metrics == METRICS


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": {"error": np.float32(0.5)}},
        {"metrics": {"error": object()}},
        {"arrays": {"a": np.array([object()])}},
    ],
)
def test_what_cannot_be_read_back_is_not_written(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises((TypeError, ValueError)):
        records.write(replace(record(), **changes), tmp_path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_provenance_says_what_made_the_result() -> None:
    made = records.provenance()
    assert set(made) >= {"package", "commit", "python", "numpy", "torch", "device", "date"}
    assert made["numpy"] == np.__version__
    assert made["python"] == sys.version.split()[0]
    assert all(isinstance(value, str) and value for value in made.values())
    json.dumps(made)


def test_the_folder_of_records_can_be_named_in_the_environment(tmp_path: Path) -> None:
    program = "from signalprop import records; print(records.ROOT)"
    environment = {**os.environ, "SIGNALPROP_RECORDS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True, text=True
    )
    assert done.stdout.strip() == str(tmp_path)
