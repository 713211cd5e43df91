"""Interactive figures hold their data and their text, and are compared by their text."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from pathlib import Path

import pytest
from IPython.core.formatters import DisplayFormatter

from bookkit import interactive
from bookkit.references import texts


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "draw.js"
    path.write_text("function draw(root, data) { root.textContent = data.a; }\n")
    return path


class Parts(HTMLParser):
    """The text of each element, and the attributes of the first."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tag, self.texts = "", dict[str, list[str]]()
        self.attributes: dict[str, str | None] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        self.texts.setdefault(tag, []).append("")
        self.attributes = self.attributes or dict(attrs)

    def handle_data(self, data: str) -> None:
        self.texts[self.tag][-1] += data


def test_whatever_the_data_is_it_arrives(script: Path) -> None:
    data = {"a": "</script><!-- & \" ' é", "b": [1.5, [None, True]]}
    label, text = 'a "label" & <more>', "s < 1 & s > 0\n  1"
    parts = Parts(interactive.figure(script, data, label, text).html)
    held, code = parts.texts["script"]
    assert json.loads(held) == data
    assert script.read_text() in code
    assert parts.texts["pre"] == [text]
    assert parts.attributes == {"class": "interactive", "role": "group", "aria-label": label}


def test_a_reference_holds_the_text_only(script: Path) -> None:
    shown = interactive.figure(script, {"a": 0.1}, "label", "a is 0.1")
    data, metadata = DisplayFormatter().format(shown)  # type: ignore[no-untyped-call]
    assert set(data) == {"text/html", "text/plain"}
    output = {"output_type": "execute_result", "data": data, "metadata": metadata}
    assert texts([output]) == [{"text/plain": "a is 0.1"}]
    assert len(texts([{**output, "metadata": {}}])[0]) == 2  # other HTML is compared


def test_what_would_break_the_page_is_refused(script: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        interactive.figure(script, {"a": math.nan}, "label", "text")
    script.write_text("const tag = '</SCRIPT>';")
    with pytest.raises(ValueError, match=r"draw\.js must not contain '</SCRIPT'"):
        interactive.figure(script, {}, "label", "text")
