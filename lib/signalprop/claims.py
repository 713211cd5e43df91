"""Claims: checkable sentences of the papers, each with its test and its verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .records import RecordError

Verdict = Literal["reproduced", "partly reproduced", "not reproduced", "refuted", "open"]
"""``refuted``: the sentence is false as printed; ``open``: our runs cannot tell."""

BLOG_POST = "A blog post on initialization"
"""The source of all claims whose id begins with ``blog``; they stand with the studies they need."""


@dataclass(frozen=True)
class Finding:
    """What a check found: our value, in words and numbers, and the verdict it supports.

    >>> Finding("0.38 after 100 epochs", "reproduced").verdict
    'reproduced'
    """

    ours: str
    verdict: Verdict


@dataclass(frozen=True)
class Claim:
    """One checkable sentence of a source.

    Attributes
    ----------
    id : source, place and subject, separated by dots
    source : paper and locator
    says : the claim in our words
    printed : the value printed there, or read off a figure (then marked "read off")
    check : compute our finding from records or theory
    verdict : what the book says; a check that finds otherwise fails `verify`
    reason : why this verdict, in a sentence or two

    Examples
    --------
    >>> claim = Claim(
    ...     id="answer.slope",
    ...     source="An answer",
    ...     says="The sigmoid is steepest at 0.",
    ...     printed="1/4",
    ...     check=lambda: Finding("0.25", decide(0.25 == 1 / 4)),
    ...     verdict="reproduced",
    ...     reason="The slope is y (1 - y), greatest at y = 1/2.",
    ... )
    >>> check(claim).agrees
    True
    """

    id: str
    source: str
    says: str
    printed: str
    check: Callable[[], Finding]
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Checked:
    """A claim beside what its check found; ``finding`` is None where a record is missing.

    >>> from signalprop.studies import CLAIMS
    >>> claim = select(CLAIMS, ["qa.greatest-slope"])[0]
    >>> Checked(claim, Finding("0.3", "refuted")).agrees
    False
    """

    claim: Claim
    finding: Finding | None
    problem: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the check supports the committed verdict."""
        return self.finding is not None and self.finding.verdict == self.claim.verdict


def check(claim: Claim) -> Checked:
    """Run the check of a claim.

    >>> from signalprop.studies import CLAIMS
    >>> check(select(CLAIMS, ["qa.greatest-slope"])[0]).agrees
    True
    """
    try:
        return Checked(claim, claim.check())
    except RecordError as error:
        return Checked(claim, None, str(error))


def decide(*conditions: Any) -> Verdict:
    """Return "reproduced" if all conditions hold everywhere, "not reproduced" if none does.

    >>> decide([True, True], [True, False])
    'partly reproduced'
    """
    held = [bool(np.all(condition)) for condition in conditions]
    if all(held):
        return "reproduced"
    return "partly reproduced" if any(held) else "not reproduced"


def by_reading(ours: str, verdict: Verdict) -> Callable[[], Finding]:
    """Return the check of a sentence about a text or about history.

    No computation decides such a sentence; the finding says what was read, and where.

    >>> by_reading("section 2 says so", "reproduced")()
    Finding(ours='by reading: section 2 says so', verdict='reproduced')
    """
    return lambda: Finding(f"by reading: {ours}", verdict)


def summary(claims: Iterable[Claim]) -> str:
    """Count claims by verdict, in one line.

    >>> from signalprop.studies import CLAIMS
    >>> summary(select(CLAIMS, ["qa.slope", "qa.greatest-slope"]))
    '2 claims: 2 reproduced'
    """
    count = Counter(claim.verdict for claim in claims)
    verdicts = ", ".join(f"{n} {verdict}" for verdict, n in count.most_common())
    return f"{count.total()} claims: {verdicts}"


def select(claims: Iterable[Claim], patterns: Iterable[str]) -> list[Claim]:
    """Return the claims whose id is, or starts with, one of the patterns; all if there is none.

    Raises
    ------
    ValueError
        If a pattern fits no claim.

    Examples
    --------
    >>> from signalprop.studies import CLAIMS
    >>> [claim.id for claim in select(CLAIMS, ["qa.slope", "qa.greatest-slope"])]
    ['qa.slope', 'qa.greatest-slope']
    """
    everything, wanted = list(claims), list(patterns)
    for pattern in wanted:
        if not any(_fits(claim, pattern) for claim in everything):
            raise ValueError(f"no claim is called {pattern!r}; `signalprop verify` lists them all")
    if not wanted:
        return everything
    return [c for c in everything if any(_fits(c, pattern) for pattern in wanted)]


def _fits(claim: Claim, pattern: str) -> bool:
    return claim.id == pattern or claim.id.startswith(pattern.rstrip(".") + ".")
