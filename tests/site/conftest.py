"""The built book: `make book` comes first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bookkit.browser import launched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build" / "html"


def is_current(page: Path) -> bool:
    """Tell pages of the book from static files and from what an earlier build left."""
    path = page.relative_to(HTML)
    if path.parts[0] == "book":
        return (ROOT / path).with_suffix(".md").exists()
    return path.parts[0] != "_static"


PAGES = [page for page in sorted(HTML.rglob("*.html")) if is_current(page)]
# Without a built book there is one page to miss, so that tests fail and are not left out.
PAGES = PAGES or [HTML / "book" / "index.html"]


LISTINGS = [page for page in PAGES if "_modules" in page.parts]
# A browser need not open every listing of source code, but the longest one and their index; nor
# the first page, which sends readers on.
ALIKE = {HTML / "index.html", *sorted(LISTINGS, key=lambda page: page.stat().st_size)[:-1]}
ALIKE -= {HTML / "_modules" / "index.html"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a path on every page."""
    if "path" in metafunc.fixturenames:
        pages = PAGES
        if metafunc.definition.get_closest_marker("browser"):
            pages = [page for page in PAGES if page not in ALIKE]
        names = [page.relative_to(HTML).as_posix() for page in pages]
        metafunc.parametrize("path", pages, ids=names)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run Chromium without a window."""
    with launched() as browser:
        yield browser
