"""What the chapters are known to print: one small JSON file a chapter, compared with every run.

A reference holds, for each code cell, a digest of its source and its text outputs: printed lines,
results, and glued numbers.  Images are left out, and so is the HTML of interactive figures, whose
text says what is to be compared; figures have tests of their own.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from .interactive import UNCOMPARED

Output: TypeAlias = dict[str, str]
"""One output of a cell: its text by kind (``stdout``, ``text/plain``, ...)."""

CHAPTERS = Path("book")
REFERENCES = Path("tests", "references")

RELATIVE, ABSOLUTE = 1e-6, 1e-12
"""Decimals may differ this much between machines: the last digits of floating-point sums do."""

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class CellReference:
    """One code cell: how it begins, a digest of all of its source, and its outputs."""

    begins: str
    digest: str
    outputs: list[Output]

    @classmethod
    def of(cls, source: str, outputs: Iterable[Mapping[str, Any]]) -> CellReference:
        """Make the reference of a cell that was executed."""
        return cls(source.strip().partition("\n")[0], digest(source), texts(outputs))


def digest(source: str) -> str:
    """Identify a cell by its source.

    >>> digest("x = 1") == digest("x = 1 ") != digest("x = 2")
    True
    """
    return hashlib.sha256(source.strip().encode()).hexdigest()[:12]


def reference_path(chapter: Path, root: Path) -> Path:
    """Return where the reference of a chapter is kept: the same path in another tree.

    >>> reference_path(Path("/r/book/part/chapter.md"), Path("/r")).as_posix()
    '/r/tests/references/part/chapter.json'
    """
    return root / REFERENCES / chapter.relative_to(root / CHAPTERS).with_suffix(".json")


def chapter_path(reference: Path, root: Path) -> Path:
    """Return the chapter to which a reference belongs."""
    return root / CHAPTERS / reference.relative_to(root / REFERENCES).with_suffix(".md")


def load(path: Path) -> list[CellReference]:
    """Read a reference; a chapter without one has no cells on record."""
    if not path.exists():
        return []
    try:
        return [CellReference(**cell) for cell in json.loads(path.read_text("utf8"))]
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged ({error}): restore it with git, or run `make references`"
        ) from None


def save(path: Path, cells: Iterable[CellReference]) -> None:
    """Write a reference so that the same outputs give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps([asdict(cell) for cell in cells], indent=1, ensure_ascii=False)
    path.write_text(content + "\n", "utf8")


def texts(outputs: Iterable[Mapping[str, Any]]) -> list[Output]:
    """Keep of notebook outputs what is text, and the names of glued values."""
    return [text for output in outputs if (text := _text(output))]


def _text(output: Mapping[str, Any]) -> Output:
    if output["output_type"] == "stream":
        return {output["name"]: output["text"]}
    if output["output_type"] == "error":
        return {"error": f"{output['ename']}: {output['evalue']}"}
    data = {kind: value for kind, value in output["data"].items() if "image/" not in kind}
    if output["metadata"].get(UNCOMPARED):
        data.pop("text/html", None)
    name = output["metadata"].get("scrapbook", {}).get("name")
    glued = {"glued": name} if name else {}
    return glued | {kind: v if isinstance(v, str) else json.dumps(v) for kind, v in data.items()}


def differences(known: list[Output], fresh: list[Output]) -> Iterator[str]:
    """Tell what differs between the outputs on record and those of this run.

    >>> list(differences([{"stdout": "chi 0.7984"}], [{"stdout": "chi 0.7988"}]))
    ["stdout: on record 'chi 0.7984', now 'chi 0.7988'"]
    """
    if len(known) != len(fresh):
        yield f"{len(known)} outputs are on record, now there are {len(fresh)}: {fresh}"
        return
    for old, new in zip(known, fresh, strict=True):
        for kind in old | new:
            was, now = old.get(kind), new.get(kind)
            if was is None or now is None or not same(was, now):
                yield f"{kind}: on record {was!r}, now {now!r}"


def same(known: str, fresh: str) -> bool:
    """Compare two texts word by word, and decimals in them to within rounding.

    >>> same("q = 0.30000000000000004", "q = 0.3")
    True
    >>> same("q = 0.3000", "q = 0.3002"), same("n = 10", "n = 11")
    (False, False)
    """
    if _NUMBER.split(known) != _NUMBER.split(fresh):
        return False
    return all(map(_same_number, _NUMBER.findall(known), _NUMBER.findall(fresh)))


def _same_number(known: str, fresh: str) -> bool:
    if known == fresh:
        return True
    if known.lstrip("+-").isdigit() and fresh.lstrip("+-").isdigit():
        return False  # counts are exact
    return math.isclose(float(known), float(fresh), rel_tol=RELATIVE, abs_tol=ABSOLUTE)
