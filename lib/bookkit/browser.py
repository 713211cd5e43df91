"""Find the browser that looks at the built pages."""

from __future__ import annotations

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


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


if __name__ == "__main__":
    try:
        print(find())
    except FileNotFoundError as error:
        raise SystemExit(f"browser: {error}") from None
