"""What a finding says of the book is true: the chapters it names are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalprop.diagnostics.findings import CHAPTERS

BOOK = Path(__file__).parents[2] / "book"


@pytest.mark.parametrize("name", CHAPTERS)
def test_findings_point_to_chapters_that_exist(name: str) -> None:
    assert f"\n# {CHAPTERS[name]}\n" in (BOOK / f"{name}.md").read_text("utf8")
