"""The checks of built pages must find what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookkit.pages import Page, problems

FIGURE = """<figure id="f"><img src="a.png" alt="A line."><figcaption>
<span class="caption-number">Fig. 1</span><span class="caption-text">A line.</span>
</figcaption></figure>"""


def check(folder: Path, body: str) -> list[str]:
    """Check a page of this body, in a folder with one other page and one image."""
    (folder / "a.png").touch()
    (folder / "page.html").write_text(f"<article>{body}</article>")
    (folder / "other.html").write_text("<article><p id='there'></p></article>")
    pages = {path: Page(path) for path in folder.glob("*.html")}
    return list(problems(pages[folder / "page.html"], pages))


def test_a_good_page(tmp_path: Path) -> None:
    links = """<a href="other.html#there">.</a><a href="#f">.</a><a href="https://a.org">.</a>"""
    assert not check(tmp_path, FIGURE + links)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<script src="https://a.org/b.js"></script>', "loads https://a.org/b.js from elsewhere"),
        ('<link rel="stylesheet" href="//a.org/b.css">', "loads //a.org/b.css from elsewhere"),
        ('<a href="gone.html">.</a>', "gone.html leads nowhere"),
        ('<a href="other.html#gone">.</a>', "other.html#gone leads to no place in other.html"),
        ('<a href="#gone">.</a>', "#gone leads to no place in page.html"),
        (FIGURE.replace("A line.", "", 1), "a.png has no alternative text"),
        (FIGURE.replace("A line.", "../_images/a.png", 1), "a.png has no alternative text"),
        ('<img src="a.png" alt="A line.">', "a.png is in no figure, so"),
        (FIGURE.replace("caption-number", ""), "figure 1 of the page lacks its caption-number"),
        (FIGURE.replace("caption-text", ""), "figure 1 of the page lacks its caption-text"),
    ],
)
def test_a_bad_page(tmp_path: Path, body: str, problem: str) -> None:
    (found,) = check(tmp_path, body)
    assert found.startswith(problem)
