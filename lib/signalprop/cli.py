"""The command line: ``signalprop list | run | rerun | verify | show | data | cite``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from pathlib import Path

from . import claims, executors, records, rerun, runner
from .claims import Checked, Claim
from .datasets import DataError, sources
from .storage import DamagedFileError
from .studies import CLAIMS, STUDIES

CITATION = Path(__file__).parents[2] / "CITATION.cff"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status.

    >>> main(["verify", "qa.greatest-slope"])  # doctest: +ELLIPSIS
    ✓ qa.greatest-slope  (Q&A, the answer)
        printed 0.25
        ours 0.250000, at ... of 0
        reproduced
    1 claims: 1 reproduced
    0
    """
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.command(arguments)
        return status
    except (ValueError, records.RecordError, DamagedFileError) as error:
        print(f"signalprop: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nsignalprop: interrupted; finished runs are on record, run again to resume")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="signalprop", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: object, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        return sub

    add("list", _list, "name the studies, their scales, and what is on record")
    run = add("run", _run, "make the missing records of a study")
    run.add_argument("study", choices=STUDIES, metavar="STUDY")
    run.add_argument("--scale", choices=runner.SCALES, required=True)
    where = run.add_mutually_exclusive_group()
    where.add_argument(
        "--jobs", type=int, metavar="N", help="make N runs at a time, in processes of their own"
    )
    where.add_argument(
        "--dask", metavar="ADDRESS", help="make them on the Dask cluster of this scheduler"
    )
    run.add_argument(
        "--threads",
        type=int,
        help="threads of a run's matrix products (all cores, shared among --jobs; 1 with --dask)",
    )
    again = add("rerun", _rerun, "make a run on record anew, and compare; the record stays")
    again.add_argument("hash", help="of the run or its beginning, as 3f8a: the record's name")
    again.add_argument("--threads", type=int, help="of its matrix products (as on record)")
    verify = add("verify", _verify, "check claims against records and theory")
    verify.add_argument("claim", nargs="*", help="an id or the beginning of one, as glorot2010")
    show = add("show", _show, "tell all about one claim")
    show.add_argument("claim")
    data = add("data", _data, "fetch the data sets that are named, or say which are here")
    data.add_argument("name", nargs="*", help=f"of {', '.join(sources.SOURCES)}")
    data.add_argument("--folder", help="where they are (SIGNALPROP_DATA, or else data/ here)")
    add("cite", _cite, "print how to cite the book and the papers it reproduces")
    return parser


def _list(_: argparse.Namespace) -> int:
    for study in STUDIES.values():
        print(f"{study.name}: {study.question}\n  {study.source}")
        for scale, specs in study.scales.items():
            done = len(specs) - len(study.missing(scale))
            print(f"  {scale:7} {len(specs):3} runs, {done} on record; {runner.SCALES[scale]}")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    study, threads = STUDIES[arguments.study], _threads(arguments)
    total, todo = len(study.specs(arguments.scale)), len(study.missing(arguments.scale))
    print(
        f"{study.name} · {arguments.scale} · {total} runs, {total - todo} on record, {todo} to do",
        flush=True,
    )
    with _executor(arguments) as executor:
        endings = runner.run_study(study, arguments.scale, executor=executor, threads=threads)
    for (state, reason), group in groupby(sorted(endings, key=_kind), key=_kind):
        runs = [runner.describe(ending.spec) for ending in group]
        print(
            f"{len(runs)} run{'s' * (len(runs) > 1)} {_STATE[state]}{reason and f': {reason}'}",
            *(f"\n    {run}" for run in runs),
            sep="",
            file=sys.stderr if state == "failed" else sys.stdout,
        )
    if not any(ending.state == "failed" for ending in endings):
        return 0
    where = runner.RUNNING / study.name
    if any(where.glob("*.error")):
        print(f"their tracebacks are in {where}/*.error", file=sys.stderr)
    return 1


def _rerun(arguments: argparse.Namespace) -> int:
    if arguments.threads is not None and arguments.threads < 1:
        raise ValueError(f"--threads must be at least 1, got {arguments.threads}")
    study, spec, record = rerun.find(STUDIES.values(), arguments.hash)
    threads = arguments.threads or rerun.threads_of(record)
    made = record.made
    print(
        f"{study.name} · {runner.describe(spec)}\non record: {made['seconds']:.0f} seconds, "
        f"{made['device']}, commit {made['commit']}, {made['date']}",
        flush=True,
    )
    result = runner.run_again(study, spec, threads)
    print(f"made anew: {result.seconds:.0f} seconds")
    compared = rerun.compared(record, result)
    apart = {name: gap for name, gap in compared.items() if gap}
    for name, gap in apart.items():
        print(f"{_MARK[False]} {name} differs by at most {gap:.3g}")
    if not apart:
        print(f"{_MARK[True]} {len(compared)} results, all the same")
    return 1 if apart else 0


_STATE = {"failed": "failed", "diverged": "diverged", "busy": "in the hands of another process"}


def _kind(ending: runner.Ending) -> tuple[str, str]:
    return ending.state, ending.reason


def _executor(arguments: argparse.Namespace) -> AbstractContextManager[Executor | None]:
    if arguments.dask is not None:
        return executors.dask(arguments.dask)
    if arguments.jobs is not None:
        return executors.Processes(arguments.jobs)
    return nullcontext()


def _threads(arguments: argparse.Namespace) -> int | None:
    """Return the threads of a run: together no more than there are cores, unless one says so."""
    import torch

    if arguments.threads is not None:
        if arguments.threads < 1:
            raise ValueError(f"--threads must be at least 1, got {arguments.threads}")
        return int(arguments.threads)
    if arguments.dask is not None:
        return 1
    if arguments.jobs is not None:
        return max(1, torch.get_num_threads() // max(1, int(arguments.jobs)))
    return None


_MARK = {True: "✓", False: "✗"}


def _verify(arguments: argparse.Namespace) -> int:
    checked = [claims.check(claim) for claim in claims.select(CLAIMS, arguments.claim)]
    for result in checked:
        print(_line(result))
    print(claims.summary(result.claim for result in checked))
    wrong = sum(not result.agrees for result in checked)
    if wrong:
        print(f"{wrong} checks do not support the verdict of the book", file=sys.stderr)
    return 1 if wrong else 0


def _line(result: Checked) -> str:
    claim = result.claim
    if result.finding is None:
        outcome = f"no finding: {result.problem}"
    else:
        outcome = f"ours {result.finding.ours}"
        if not result.agrees:
            outcome += f"  [found: {result.finding.verdict}]"
    return (
        f"{_MARK[result.agrees]} {claim.id}  ({claim.source})\n"
        f"    printed {claim.printed}\n    {outcome}\n    {claim.verdict}"
    )


def _show(arguments: argparse.Namespace) -> int:
    for claim in claims.select(CLAIMS, [arguments.claim]):
        print(_text(claims.check(claim)))
    return 0


def _text(result: Checked) -> str:
    claim: Claim = result.claim
    return f"{_line(result)}\n    says    {claim.says}\n    because {claim.reason}"


def _data(arguments: argparse.Namespace) -> int:
    folder: str | None = arguments.folder
    for name in arguments.name:
        where = sources.place(name, folder)
        size = sources.SOURCES[name].megabytes
        print(f"{name}: to {sources.shown(where)}, about {size} MB if it is not there", flush=True)
        sources.download(name, folder)
        print(f"{_MARK[True]} {name} is whole", flush=True)
    return 0 if arguments.name else _data_here(folder)


def _data_here(folder: str | None) -> int:
    damaged = False
    for name in sources.SOURCES:
        where = sources.place(name, folder)
        try:
            sources.read(name, folder)
            print(f"{_MARK[True]} {name} is in {sources.shown(where)}")
        except DataError as problem:
            damaged |= where.exists()
            print(f"{_MARK[False]} {problem}")
    print(f"{_MARK[True]} digits come with scikit-learn")
    return 1 if damaged else 0


def _cite(_: argparse.Namespace) -> int:
    print(CITATION.read_text("utf8"))
    return 0
