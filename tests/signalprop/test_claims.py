"""Claims against their checks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from signalprop.claims import Claim, Finding, Verdict, check, select
from signalprop.records import RecordError


def claim(name: str = "glorot2010.fig2.top", find: Callable[[], Finding] | None = None) -> Claim:
    """Return a claim that the book calls reproduced."""
    return Claim(
        id=name,
        source="Glorot & Bengio 2010, Fig. 2",
        says="The top layer dies.",
        printed="0.04",
        check=find or (lambda: Finding("0.05", "reproduced")),
        verdict="reproduced",
        reason="It does.",
    )


@pytest.mark.parametrize(("found", "agrees"), [("reproduced", True), ("refuted", False)])
def test_a_check_agrees_when_it_finds_the_book_s_verdict(found: Verdict, agrees: bool) -> None:
    checked = check(claim(find=lambda: Finding("0.05", found)))
    assert checked.agrees is agrees
    assert checked.finding == Finding("0.05", found)


def test_a_missing_record_is_a_problem_and_not_a_crash() -> None:
    def find() -> Finding:
        raise RecordError("no record of this run")

    checked = check(claim(find=find))
    assert not checked.agrees
    assert checked.finding is None
    assert checked.problem == "no record of this run"


def test_a_mistake_in_a_check_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        check(claim(find=lambda: Finding(str(1 / 0), "reproduced")))


IDS = ["glorot2010.fig2.top", "glorot2010.fig2", "glorot2010.fig20.a", "he2015.fig3"]


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        ([], [0, 1, 2, 3]),
        (["glorot2010"], [0, 1, 2]),
        (["glorot2010."], [0, 1, 2]),
        (["glorot2010.fig2"], [0, 1]),  # and not fig20
        (["he2015.fig3", "glorot2010.fig2.top"], [0, 3]),  # in the book's order
    ],
)
def test_claims_are_chosen_by_whole_parts_of_their_id(
    patterns: list[str], chosen: list[int]
) -> None:
    claims = [claim(name) for name in IDS]
    assert select(claims, patterns) == [claims[k] for k in chosen]


@pytest.mark.parametrize("pattern", ["glorot", "glorot2010.fig2.to", "hinton"])
def test_a_pattern_that_fits_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=f"no claim is called '{pattern}'"):
        select([claim(name) for name in IDS], ["he2015", pattern])
