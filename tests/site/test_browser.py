"""What a reader sees of the built pages, opened from the disk without a network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bookkit.browser import DESKTOP, PHONE, look, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HTML = Path(__file__).parents[2] / "_build" / "html"

pytestmark = pytest.mark.browser


VIEWS = [("light", PHONE), ("dark", DESKTOP), ("dark", PHONE)]


@pytest.mark.parametrize(("scheme", "width"), VIEWS)
def test_page(browser: Browser, path: Path, scheme: str, width: int) -> None:
    assert not look(browser, path, scheme, width)


def test_search_finds_a_chapter_from_the_disk(browser: Browser) -> None:
    url = f"{(HTML / 'search.html').as_uri()}?q=saturation"
    with opened(browser, url, "light", DESKTOP) as (page, found):
        result = page.locator("#search-results li a").first
        result.wait_for(timeout=10_000)
        result.click()
        page.wait_for_url(re.compile(r".*/book/.*\.html.*"))
        assert not found


def test_first_page_leads_to_the_book(browser: Browser) -> None:
    with opened(browser, (HTML / "index.html").as_uri(), "light", DESKTOP) as (page, found):
        page.wait_for_url(re.compile(r".*/book/index\.html"))
        assert not found


def test_a_bad_page_is_told(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<html><head><script>undefined_name</script></head><body>"
        "<img src='http://localhost:9/a.png' alt=''><img src='b.png' alt=''>"
        "<span class='math'>x^2</span><div style='width: 2000px'>wide</div></body></html>"
    )
    found = "\n".join(look(browser, page, "dark", PHONE))
    for problem in (
        "page error: undefined_name is not defined",
        "remote request: http://localhost:9/a.png",
        "failed request: file:",
        "not typeset: x^2",
        "px wider than a window of 390 px",
        "where dark is preferred",
    ):
        assert problem in found
