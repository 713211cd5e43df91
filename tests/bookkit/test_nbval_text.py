"""The plugin must pass what is right and fail whatever is not.

All chapters are run at once, since what takes time is to start: each is wrong in one way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from jupyter_cache import get_cache

from bookkit.cache import cache_path

from .throwaway import Book, Result, glued, printed

USE = "import toy"
GLUE = "from myst_nb import glue\nglue('chi', toy.CHI, display=False)"
PASSED, FAILED, SKIPPED = "passed", "failure", "skipped"


@dataclass(frozen=True)
class Case:
    """A chapter and its reference, what becomes of its tests, and what pytest has to say."""

    cells: Sequence[str]
    known: Sequence[tuple[str, list[dict[str, object]]]]
    outcomes: Sequence[str]
    message: str = ""


CASES = {
    "right": Case(
        [USE, GLUE, "print('chi', toy.CHI)"],
        [
            (USE, []),
            (GLUE, glued("chi", "0.79841237")),
            ("print('chi', toy.CHI)", printed("chi 0.79841237")),
        ],
        [PASSED] * 4,
    ),
    "rounding": Case(
        [USE, GLUE], [(USE, []), (GLUE, glued("chi", "0.7984123700001"))], [PASSED] * 3
    ),
    "number-changed": Case(  # by 0.05 %, in the package
        [USE, GLUE],
        [(USE, []), (GLUE, glued("chi", str(0.79841237 / 1.0005)))],
        [PASSED, FAILED, SKIPPED],
        "on record '0.798013",
    ),
    "print-changed": Case(
        ["print('q = 0.12')"],
        [("print('q = 0.12')", printed("q = 0.13"))],
        [FAILED, SKIPPED],
        "stdout: on record",
    ),
    "output-missing": Case(
        ["x = 1"], [("x = 1", printed("1"))], [FAILED, SKIPPED], "now there are 0"
    ),
    "other-name": Case(
        [USE, GLUE],
        [(USE, []), (GLUE, glued("q", "0.79841237"))],
        [PASSED, FAILED, SKIPPED],
        "'q', now 'chi'",
    ),
    "raises": Case(
        [USE, "toy.CH1"],
        [(USE, []), ("toy.CH1", [])],
        [PASSED, FAILED, SKIPPED],
        "module 'toy' has no attribute 'CH1'",
    ),
    "stderr": Case(
        ["import warnings; warnings.warn('beware')"],
        [("import warnings; warnings.warn('beware')", [])],
        [FAILED, SKIPPED],
        "Cell writes to stderr",
    ),
    "times-out": Case(
        ["import time; time.sleep(60)", "x = 1"],
        [("import time; time.sleep(60)", []), ("x = 1", [])],
        [FAILED, SKIPPED, FAILED],
        "Timeout of 8 seconds exceeded",
    ),
    "kernel-dies": Case(
        ["import os; os._exit(1)", "x = 1"],
        [("import os; os._exit(1)", []), ("x = 1", [])],
        [FAILED, SKIPPED, FAILED],
        "never executed: Cell 1",
    ),
    "new-cell": Case(
        [USE, "x = 1"], [(USE, [])], [PASSED, FAILED, SKIPPED], "Cell has no reference"
    ),
    "no-reference": Case([USE], [], [FAILED, SKIPPED], "Cell has no reference"),
    "cell-gone": Case(
        [USE],
        [(USE, []), ("toy.tell()", printed("0.8"))],
        [PASSED, FAILED],
        "    toy.tell()\nIf that is meant",
    ),
    "part/same-name": Case(["print(1)"], [("print(1)", printed("1"))], [PASSED] * 2),
    "trap/same-name": Case(["print(2)"], [("print(2)", printed("2"))], [PASSED] * 2),
}


@pytest.fixture(scope="module")
def run(book: Book) -> Result:
    for name, case in CASES.items():
        book.chapter(name, *case.cells)
        book.reference(name, *case.known)
    book.reference("renamed", (USE, []))
    return book.test("--nbval-cell-timeout=8", "-n2", "--dist=loadfile")


@pytest.mark.parametrize("name", CASES)
def test_chapter(run: Result, name: str) -> None:
    cells = [f"Cell {number}" for number in range(len(CASES[name].cells))]
    expected = dict(zip([*cells, "whole chapter"], CASES[name].outcomes, strict=True))
    outcomes = run.outcomes[f"book.{name.replace('/', '.')}.md"]
    assert outcomes == expected
    assert CASES[name].message in run.text


def test_reference_without_chapter(run: Result) -> None:
    assert run.outcomes["tests.references.renamed.json"] == {"has its chapter": FAILED}
    assert "renamed.md, which is no chapter with code" in run.text


def test_only_what_passed_is_kept_for_the_build(run: Result, book: Book) -> None:
    assert run.status == pytest.ExitCode.TESTS_FAILED
    cached = get_cache(str(cache_path(book.root)))
    kept = {
        Path(record.uri).relative_to(book.root / "book") for record in cached.list_cache_records()
    }
    cached.db.dispose()
    passed = {Path(f"{name}.md") for name, case in CASES.items() if {*case.outcomes} == {PASSED}}
    assert kept == passed
