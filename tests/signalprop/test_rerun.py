"""Runs made anew: found by their hash, resumed if killed, compared number by number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from signalprop import records, runner
from signalprop.records import Record
from signalprop.rerun import compared, threads_of
from signalprop.runner import Result, Study, run_again
from signalprop.studies import STUDIES
from signalprop.training import Watch


@dataclass(frozen=True)
class Spec:
    """What the toy study runs."""

    seed: int = 0


def toy(run: Any) -> Study:
    return Study("toy", "?", "none", {"smoke": [Spec()]}, run, lambda spec: 1)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "RUNNING", tmp_path)


def test_a_killed_rerun_finds_its_checkpoint_and_a_finished_one_leaves_none() -> None:
    seen = []

    def run(spec: Spec, watch: Watch) -> Result:
        assert watch.checkpoint is not None
        seen.append(watch.checkpoint.exists())
        watch.checkpoint.touch()
        if len(seen) == 1:
            raise KeyboardInterrupt
        return Result({}, {}, 0.0)

    with pytest.raises(KeyboardInterrupt):
        run_again(toy(run), Spec())
    run_again(toy(run), Spec(), threads=1)  # would round otherwise, and starts afresh
    run_again(toy(run), Spec())
    run_again(toy(run), Spec())
    assert seen == [False, False, True, False]


def test_two_processes_do_not_make_a_run_anew_at_once(tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    lock = tmp_path / "toy" / f"{records.spec_hash('toy', Spec())}.again"
    with (
        FileLock(lock),
        pytest.raises(ValueError, match="another process is making this run anew"),
    ):
        run_again(toy(lambda spec, watch: Result({}, {}, 0.0)), Spec())


@pytest.mark.parametrize(
    ("ours", "theirs", "gap"),
    [
        (1.0, 1.5, 0.5),
        (None, None, None),
        (None, 1.0, math.inf),
        ("finished", "finished", None),
        ("finished", "diverged", math.inf),
        (math.nan, math.nan, None),
        (math.nan, 1.0, math.inf),
        (math.inf, math.inf, None),
        (True, False, 1.0),
        (np.arange(3), np.array([0, 1, 4]), 2.0),
        (np.arange(3), np.arange(4), math.inf),
        (np.zeros((0, 2)), np.zeros((0, 2)), None),
        (np.array(["a"]), np.array(["a"]), None),
    ],
)
def test_differences_are_named_with_their_size(ours: Any, theirs: Any, gap: float | None) -> None:
    record = Record("toy", {}, {"x": theirs}, {}, {})
    found = compared(record, Result({"x": ours}, {}, 0.0))
    assert found == {"x": gap or 0.0}


def test_what_one_side_lacks_differs() -> None:
    record = Record("toy", {}, {"x": None}, {"y": np.zeros(2)}, {})
    found = compared(record, Result({"z": 1.0}, {"y": np.zeros(2)}, 0.0))
    assert found == {"x": math.inf, "z": math.inf, "y (array)": 0.0}


def test_a_number_and_an_array_of_one_name_are_two_results() -> None:
    record = Record("toy", {}, {"x": 1.0}, {"x": np.zeros(2)}, {})
    found = compared(record, Result({"x": 2.0}, {"x": np.zeros(2)}, 0.0))
    assert found == {"x": 1.0, "x (array)": 0.0}


def test_times_are_not_compared() -> None:
    record = Record("toy", {}, {"ms_cd1": 1, "start_seconds": 1, "beams": 1}, {}, {})
    assert compared(record, Result({"ms_cd1": 2, "start_seconds": 2, "beams": 1}, {}, 0.0)) == {
        "beams": 0.0
    }


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_every_committed_record_can_be_made_again(study: Study) -> None:
    specs = (spec for specs in study.scales.values() for spec in specs)
    known = {records.spec_hash(study.name, spec) for spec in specs}
    committed = {path.stem for path in (records.ROOT / study.name).glob("*.json")}
    assert committed <= known


def test_threads_are_those_on_record() -> None:
    assert threads_of(Record("toy", {}, {}, {}, {"device": "cpu, 1 threads"})) == 1
    assert threads_of(Record("toy", {}, {}, {}, {})) is None
