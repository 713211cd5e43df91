"""Tables of the book, as Markdown that Sphinx numbers and links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from . import claims
from .claims import Checked, Claim
from .records import Record
from .runner import Study, describe


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], align: str = "") -> Any:
    """Return a Markdown table for ``glue`` and ``{glue:md}``, or for display.

    Parameters
    ----------
    header : column titles
    rows : cells, shown with ``str``
    align : one of "l" and "r" for each column; all left if empty

    Examples
    --------
    >>> print(table(["depth", "error"], [(1, "0.5"), (2, "0.25")], "rl").data)
    | depth | error |
    |--:|:--|
    | 1 | 0.5 |
    | 2 | 0.25 |
    """
    marks = {"l": ":--", "r": "--:"}
    lines = [
        "| " + " | ".join(header) + " |",
        "|" + "|".join(marks[a] for a in align or "l" * len(header)) + "|",
        *("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows),
    ]
    return markdown("\n".join(lines))


def markdown(text: str) -> Any:
    """Return Markdown for display in a notebook.

    >>> markdown("**bold**").data
    '**bold**'
    """
    from IPython.display import Markdown

    return Markdown(text)  # type: ignore[no-untyped-call]


def verdict_counts(selected: Iterable[Claim]) -> Any:
    """Return how many claims have which verdict, in a line.

    >>> check = claims.by_reading("so it is", "reproduced")
    >>> claim = Claim("a.1", "A (2010)", "Tanh is odd", "yes", check, "reproduced", "By symmetry.")
    >>> verdict_counts([claim]).data
    '1 claims: 1 reproduced.'
    """
    return markdown(claims.summary(selected) + ".")


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def verdict_table(selected: Iterable[Claim], reasons: bool = False) -> Any:
    """Return the table "claim, printed, ours, verdict" that closes a chapter.

    Parameters
    ----------
    selected : a row each
    reasons : whether to add the reason of each verdict, which corrects what is wrong

    Examples
    --------
    >>> check = claims.by_reading("so it is", "reproduced")
    >>> claim = Claim("a.1", "A (2010)", "Tanh is odd", "yes", check, "reproduced", "By symmetry.")
    >>> print(verdict_table([claim]).data)
    | claim | printed | ours | verdict |
    |:--|:--|:--|:--|
    | Tanh is odd (1) | yes | by reading: so it is | **reproduced** |
    """
    header, chosen = ["claim", "printed", "ours", "verdict"], list(selected)
    rows = [_verdict_row(claim) for claim in chosen]
    if reasons:
        header.append("correction or comment")
        rows = [(*row, claim.reason) for row, claim in zip(rows, chosen, strict=True)]
    return table(header, rows)


def _verdict_row(claim: Claim) -> tuple[str, ...]:
    checked: Checked = claims.check(claim)
    ours = checked.finding.ours if checked.finding else "no record"
    verdict = f"**{claim.verdict}**"
    if checked.finding and not checked.agrees:
        verdict += f" (this check: {checked.finding.verdict})"
    place = claim.id.partition(".")[2]
    return f"{claim.says} ({place})", claim.printed, ours, verdict


def claim_list(selected: Iterable[Claim]) -> Any:
    """Return every claim in full, for the page of all claims.

    >>> check = claims.by_reading("so it is", "reproduced")
    >>> claim = Claim("a.1", "A (2010)", "Tanh is odd", "yes", check, "reproduced", "By symmetry.")
    >>> print(claim_list([claim]).data)
    **Tanh is odd** A (2010).
    `a.1`
    <BLANKLINE>
    - printed: yes
    - ours: by reading: so it is
    - verdict: **reproduced**. By symmetry.
    """
    return markdown("\n\n".join(map(_claim_text, selected)))


def _claim_text(claim: Claim) -> str:
    checked = claims.check(claim)
    ours = checked.finding.ours if checked.finding else checked.problem
    return (
        f"**{claim.says}** {claim.source}.\n"
        f"`{claim.id}`\n\n"
        f"- printed: {claim.printed}\n- ours: {ours}\n"
        f"- verdict: **{claim.verdict}**. {claim.reason}"
    )


def provenance_table(study: Study, loaded: Iterable[tuple[Any, Record]]) -> Any:
    """Return what each record of a study was made with, and what it cost.

    >>> from signalprop.studies import STUDIES
    >>> study = STUDIES["question"]
    >>> print(provenance_table(study, study.on_record()).data.splitlines()[0])
    | question: spec | record | minutes | threads | commit | date |
    """
    rows = (
        (
            describe(spec),
            f"`{record.spec_hash}`",
            f"{record.made['seconds'] / 60:.1f}",
            record.made["device"].removeprefix("cpu, ").removesuffix(" threads"),
            f"`{record.made['commit']}`",
            record.made["date"],
        )
        for spec, record in loaded
    )
    header = (f"{study.name}: spec", "record", "minutes", "threads", "commit", "date")
    return table(header, rows, "llrrll")


def speed_table(rows: Iterable[dict[str, Any]]) -> Any:
    """Return the rows of ``benchmarks/spectra.py``: who takes how long, and how far off it is.

    >>> case = {"activation": "tanh", "weights": "orthogonal", "depth": 1000, "tool": "ours"}
    >>> found = {"seconds": 0.0123, "median_error": 1e-14, "largest_error": 2e-12}
    >>> print(speed_table([case | found]).data.splitlines()[-1])
    | tanh, orthogonal | 1,000 | ours | 12.3 | 1e-14 | 2e-12 |
    """

    def cells(row: dict[str, Any]) -> tuple[str, ...]:
        if "l1_error" in row:
            errors = (f"{row['l1_error']:.2f} of the mass", "")
        else:
            errors = (f"{row['median_error']:.0e}", f"{row['largest_error']:.0e}")
        case = f"{row['activation']}, {row['weights']}"
        return case, f"{row['depth']:,}", row["tool"], f"{1000 * row['seconds']:.1f}", *errors

    header = ("law", "depth", "by", "milliseconds", "median error", "largest error")
    return table(header, map(cells, rows), "lrlrrr")
