"""Look at built pages in a browser, as a reader would, and tell what is wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP, PHONE = 1280, 390

_TYPESET = "() => window.MathJax?.startup?.promise?.then(() => null)"
_UNTYPESET = """() => [...document.querySelectorAll(".math")]
    .filter(formula => !formula.querySelector("mjx-container") ||
                       formula.querySelector("[data-mjx-error]"))
    .map(formula => formula.textContent.trim().slice(0, 60))"""
_EXCESS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def find() -> str:
    """Return the path of Chromium, or of the program that ``CHROMIUM`` names.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    wanted = os.environ.get("CHROMIUM")
    for name in (wanted,) if wanted else NAMES:
        if path := shutil.which(name):
            return path
    raise FileNotFoundError(
        f"{wanted or 'Chromium'} is not here, and the built pages are to be looked at in it: "
        "install it (Debian: `apt-get install chromium`), name another with CHROMIUM=/path/to/it, "
        "or do without those tests: `make test BROWSER=no`"
    )


@contextmanager
def launched() -> Iterator[Browser]:
    """Run a browser without a window."""
    from playwright.sync_api import sync_playwright  # find() must work before it is installed

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=[*OPTIONS])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, url: str, scheme: str, width: int) -> Iterator[tuple[Page, list[str]]]:
    """Open a page in light or dark; what goes wrong is added to the list."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    found: list[str] = []
    page = context.new_page()
    page.on(
        "console",
        lambda m: found.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: found.append(f"page error: {error}"))
    page.on("requestfailed", lambda request: found.append(f"failed request: {request.url}"))
    page.on(
        "request",
        lambda r: found.append(f"remote request: {r.url}") if r.url.startswith("http") else None,
    )
    page.goto(url, wait_until="load")
    yield page, found
    context.close()


def look(browser: Browser, path: Path, scheme: str, width: int) -> list[str]:
    """Return what is wrong with a page, read from the disk without a server."""
    with opened(browser, path.resolve().as_uri(), scheme, width) as (page, found):
        page.evaluate(_TYPESET)
        found += [f"not typeset: {formula}" for formula in page.evaluate(_UNTYPESET)]
        if excess := page.evaluate(_EXCESS):
            found.append(f"{excess} px wider than a window of {width} px")
        if (theme := page.evaluate("() => document.documentElement.dataset.theme")) != scheme:
            found.append(f"shows itself in {theme} where {scheme} is preferred")
        return found


if __name__ == "__main__":
    try:
        print(find())
    except FileNotFoundError as error:
        raise SystemExit(f"browser: {error}") from None
