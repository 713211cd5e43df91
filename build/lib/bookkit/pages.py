"""Check built pages without a browser: what they load, where they link, how figures are told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src"}
LOADING_RELATIONS = {"stylesheet", "preload", "modulepreload", "icon", "manifest"}
_IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""")


class Page(HTMLParser):
    """What one page loads, links to, offers as anchors and shows as figures."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.loads: set[str] = set()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.images: list[Mapping[str, str]] = []
        self.loose: list[str] = []  # images of the text that are in no figure
        self.figures: list[set[str]] = []  # the classes met within each figure
        self._open: list[str] = []
        self.feed(path.read_text("utf8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag says."""
        values = {name: value or "" for name, value in attrs}
        if tag in ("article", "figure"):
            self._open.append(tag)
        if tag == "figure":
            self.figures.append(set())
        elif self.figures and "figure" in self._open:
            self.figures[-1].update(values.get("class", "").split())
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if values.get(LOADED.get(tag, "")):
            self.loads.add(values[LOADED[tag]])
        if tag == "link" and LOADING_RELATIONS & set(values.get("rel", "").split()):
            self.loads.add(values["href"])
        if tag == "a" and values.get("href"):
            self.links.add(values["href"])
        if tag == "img" and "article" in self._open:
            self.images.append(values)
            if "figure" not in self._open:
                self.loose.append(values["src"])

    def handle_endtag(self, tag: str) -> None:
        """Leave the article or the figure."""
        if tag in self._open:
            self._open.remove(tag)


def problems(page: Page, pages: Mapping[Path, Page]) -> Iterator[str]:
    """Tell what is wrong with a page among the pages of its site."""
    for url in sorted(page.loads):
        if urlparse(url).netloc:
            yield f"loads {url} from elsewhere"
    for url in sorted(page.loads | page.links):
        yield from _unresolved(page, url, pages)
    for image in page.images:
        # Sphinx puts the name of the file where there is no text
        if not image.get("alt") or "_images/" in image["alt"]:
            yield f"{image['src']} has no alternative text"
    for source in page.loose:
        yield f"{source} is in no figure, so it has neither number nor caption"
    for number, classes in enumerate(page.figures, 1):
        if missing := {"caption-number", "caption-text"} - classes:
            yield f"figure {number} of the page lacks its {' and '.join(sorted(missing))}"


def _unresolved(page: Page, url: str, pages: Mapping[Path, Page]) -> Iterator[str]:
    target, anchor = urldefrag(url)
    parts = urlparse(target)
    if parts.scheme or parts.netloc:
        return
    file = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
    if not file.exists():
        yield f"{url} leads nowhere"
    elif anchor and file in pages and unquote(anchor) not in pages[file].anchors:
        yield f"{url} leads to no place in {file.name}"


def remote_in_style(text: str) -> list[str]:
    """Return what a style sheet would fetch from elsewhere.

    >>> remote_in_style("a { background: url('https://example.org/a.png') } b { src: url(b.woff) }")
    ['https://example.org/a.png']
    """
    return _IN_STYLE.findall(text)
