"""The command line on a toy study and toy claims."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

from signalprop import cli, executors, records, runner
from signalprop.claims import Claim, Finding, Verdict
from signalprop.runner import Ending, Result, Study
from signalprop.training import Watch


@dataclass(frozen=True)
class Spec:
    """What the toy study runs."""

    seed: int = 0


def run(spec: Spec, watch: Watch) -> Result:
    """Run nothing."""
    return Result({"seed": spec.seed}, {"a": np.arange(2)}, 0.0)


TOY = Study("toy", "Does it run?", "none", {"smoke": [Spec(), Spec(1)]}, run, lambda _: 1)


def claim(name: str, found: Verdict) -> Claim:
    """Return a claim that the book calls reproduced, whatever is found."""
    finding = Finding("0.05 ± 0.01", found)
    return Claim(name, "A. Paper, p. 1", "It is.", "0.04", lambda: finding, "reproduced", "So.")


@pytest.fixture(autouse=True)
def _toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "STUDIES", {"toy": TOY})
    monkeypatch.setattr(cli, "CLAIMS", [claim("a.one", "reproduced"), claim("b.two", "refuted")])
    monkeypatch.setattr(runner, "RUNNING", tmp_path / "running")
    for function in (records.write, records.exists, records.load, records.load_all):
        monkeypatch.setattr(function, "__defaults__", (tmp_path / "records",))


def test_a_study_is_run_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["run", "toy", "--scale", "smoke"]) == 0
    assert "2 runs, 0 on record, 2 to do" in capsys.readouterr().out
    assert len(list((tmp_path / "records" / "toy").glob("*.json"))) == 2
    assert cli.main(["run", "toy", "--scale", "smoke"]) == 0
    assert "2 runs, 2 on record, 0 to do" in capsys.readouterr().out


def test_a_run_is_made_anew_and_held_against_its_record(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.main(["run", "toy", "--scale", "smoke"])
    name = records.spec_hash("toy", Spec(1))
    capsys.readouterr()
    assert cli.main(["rerun", name]) == 0
    assert "✓ 2 results, all the same" in capsys.readouterr().out

    def otherwise(spec: Spec, watch: Watch) -> Result:
        return Result({"seed": spec.seed}, {"a": np.array([0.0, 1.5])}, 0.0)

    changed = Study("toy", "?", "none", TOY.scales, otherwise, TOY.length)
    monkeypatch.setitem(cli.STUDIES, "toy", changed)
    assert cli.main(["rerun", name[:6]]) == 1
    assert "✗ a (array) differs by at most 0.5" in capsys.readouterr().out
    assert records.load("toy", Spec(1)).arrays["a"].tolist() == [0, 1]  # as it was


def test_a_run_that_is_not_one_is_not_made_anew(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["rerun", records.spec_hash("toy", Spec())]) == 2
    assert "no record has a hash that begins with" in capsys.readouterr().err
    cli.main(["run", "toy", "--scale", "smoke"])
    assert cli.main(["rerun", ""]) == 2
    assert "2 records have a hash that begins with ''" in capsys.readouterr().err


def test_studies_are_listed_with_what_is_on_record(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["run", "toy", "--scale", "smoke"])
    capsys.readouterr()
    assert cli.main(["list"]) == 0
    out = capsys.readouterr().out
    assert "toy: Does it run?" in out
    assert "2 runs, 2 on record" in out


@pytest.mark.parametrize(
    ("arguments", "status"), [([], 1), (["a"], 0), (["a.one"], 0), (["b"], 1), (["a", "b"], 1)]
)
def test_verify_fails_where_a_check_does_not_support_the_book(
    arguments: list[str], status: int
) -> None:
    assert cli.main(["verify", *arguments]) == status


def test_verify_shows_what_was_printed_and_what_we_found(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cli.main(["verify"])
    out, err = capsys.readouterr()
    for text in ("✓ a.one", "✗ b.two", "printed 0.04", "0.05 ± 0.01", "[found: refuted]"):
        assert text in out
    assert "1 checks do not support" in err


def test_one_claim_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", "a.one"]) == 0
    out = capsys.readouterr().out
    for text in ("A. Paper, p. 1", "It is.", "So.", "0.04", "0.05 ± 0.01"):
        assert text in out
    assert "b.two" not in out


@pytest.mark.parametrize("command", ["verify", "show"])
def test_an_unknown_claim_is_an_error_in_a_line(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "c.three"]) == 2
    assert capsys.readouterr().err.startswith("signalprop: no claim is called 'c.three'")


def test_a_scale_without_runs_is_an_error_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "toy", "--scale", "paper"]) == 2
    assert capsys.readouterr().err.startswith("signalprop: scale must be one of smoke")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["run", "unknown"],
        ["run"],
        ["run", "toy"],
        ["run", "toy", "--scale", "smoke", "--jobs", "2", "--dask", "tcp://here:1"],
    ],
)
def test_a_wrong_command_ends_with_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    assert "usage: signalprop" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_an_error_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from signalprop.storage import read_sealed

    def resume(spec: Spec, watch: Watch) -> Result:
        assert watch.checkpoint is not None
        watch.checkpoint.write_bytes(b"rubbish")
        read_sealed(watch.checkpoint)
        raise AssertionError

    monkeypatch.setitem(
        cli.STUDIES, "toy", Study("toy", "?", "none", TOY.scales, resume, TOY.length)
    )
    assert cli.main(["run", "toy", "--scale", "smoke"]) == 1
    assert ".checkpoint is damaged" in capsys.readouterr().err


def test_runs_that_did_not_simply_finish_are_told_with_their_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(spec: Spec, watch: Watch) -> Result:
        if spec.seed < 2:
            raise RuntimeError("out of luck")
        return Result({"diverged_at": 7 if spec.seed == 2 else None}, {}, 0.0)

    specs = {"smoke": [Spec(seed) for seed in range(5)]}
    toy = Study("toy", "?", "none", specs, end, TOY.length)
    monkeypatch.setitem(cli.STUDIES, "toy", toy)
    lock = tmp_path / "running" / "toy" / f"{records.spec_hash('toy', Spec(4))}.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        assert cli.main(["run", "toy", "--scale", "smoke"]) == 1
    out, err = capsys.readouterr()
    assert "1 run diverged: diverged_at 7\n    seed 2\n" in out
    assert "1 run in the hands of another process\n    seed 4\n" in out
    assert "2 runs failed: RuntimeError: out of luck\n    defaults\n    seed 1\n" in err
    assert f"{lock.parent}/*.error" in err
    assert [spec.seed for spec in toy.missing("smoke")] == [0, 1, 4]


@pytest.mark.parametrize(
    ("arguments", "where", "threads"),
    [
        ([], "none", None),
        (["--threads", "3"], "none", 3),
        (["--jobs", "2"], "Processes 2", 4),
        (["--jobs", "3"], "Processes 3", 2),
        (["--jobs", "16"], "Processes 16", 1),
        (["--jobs", "2", "--threads", "1"], "Processes 2", 1),
        (["--dask", "tcp://here:1"], "dask tcp://here:1", 1),
        (["--dask", "tcp://here:1", "--threads", "2"], "dask tcp://here:1", 2),
    ],
)
def test_runs_are_made_where_it_is_said_and_threads_are_no_more_than_cores(
    arguments: list[str],
    where: str,
    threads: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def run_study(study: Study, scale: str, executor: object, threads: int | None) -> list[Ending]:
        asked.append((executor or "none", threads))
        return []

    monkeypatch.setattr(runner, "run_study", run_study)
    monkeypatch.setattr(executors, "Processes", lambda n: nullcontext(f"Processes {n}"))
    monkeypatch.setattr(executors, "dask", lambda address: nullcontext(f"dask {address}"))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    assert cli.main(["run", "toy", "--scale", "smoke", *arguments]) == 0
    assert asked == [(where, threads)]


@pytest.mark.parametrize("option", ["--jobs", "--threads"])
def test_none_is_too_few(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "toy", "--scale", "smoke", option, "0"]) == 2
    assert f"{option.removeprefix('--')} must be at least 1, got 0" in capsys.readouterr().err


def test_an_interruption_says_that_nothing_finished_is_lost(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(spec: Spec, watch: Watch) -> Result:
        raise KeyboardInterrupt

    monkeypatch.setitem(
        cli.STUDIES, "toy", Study("toy", "?", "none", TOY.scales, interrupt, TOY.length)
    )
    assert cli.main(["run", "toy", "--scale", "smoke"]) == 130
    assert "finished runs are on record" in capsys.readouterr().out
