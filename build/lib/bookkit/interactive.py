"""Figures that answer to the reader: data and a script in the page itself, no library, no network.

The page holds a plain text, which the script replaces by what it draws; where no script runs, or
one fails, the text stays.  Colours and sizes are in ``static/interactive.css``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

STYLE = Path(__file__).parent / "static" / "interactive.css"

UNCOMPARED = "interactive"
"""Marks outputs whose HTML is no part of the reference of a chapter; their text is."""

_START = """
const root = document.currentScript.parentElement, place = document.createElement("div");
draw(place, JSON.parse(root.querySelector("script").textContent));
root.querySelector("pre").replaceWith(place);
"""


@dataclass(frozen=True)
class Interactive:
    """What a cell of a notebook shows: HTML, and its plain text. Made by `figure`."""

    html: str
    text: str

    def __repr__(self) -> str:
        """Return the plain text."""
        return self.text

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, bool]]:
        return {"text/html": self.html, "text/plain": self.text}, {UNCOMPARED: True}


def figure(script: Path, data: Mapping[str, Any], label: str, fallback: str) -> Interactive:
    """Return a figure drawn by a script from data.

    Parameters
    ----------
    script : JavaScript that defines a function ``draw(root, data)``, which fills an empty ``div``
    data : anything that JSON can hold
    label : what the figure is, for readers who do not see it
    fallback : plain text shown where no script runs; chapters are compared by it

    Raises
    ------
    ValueError
        If the script would end its own element, or the data holds NaN or infinity.
    """
    code = script.read_text("utf8")
    if found := re.search(r"</script|<!--", code, re.IGNORECASE):
        raise ValueError(f"{script} must not contain {found[0]!r}: it goes into a script element")
    held = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    html = (
        f'<div class="interactive" role="group" aria-label="{escape(label)}">'
        f"<style>{STYLE.read_text('utf8')}</style><pre>{escape(fallback)}</pre>"
        f'<script type="application/json">{held}</script>'
        f"<script>(() => {{\n{code}{_START}}})();</script></div>"
    )
    return Interactive(html, fallback)
