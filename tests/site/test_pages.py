"""What can be seen of the built pages without a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from myst_nb.core.read import is_myst_markdown_notebook

from bookkit.pages import Page, problems, remote_in_style

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build" / "html"


def chapters(node: Any) -> Iterator[str]:
    """List the chapters of the table of contents."""
    if isinstance(node, list):
        for item in node:
            yield from chapters(item)
    elif isinstance(node, dict):
        yield from (node[key] for key in ("root", "file") if key in node)
        yield from chapters(list(node.values()))


CHAPTERS = sorted(chapters(yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))))


@pytest.fixture(scope="session")
def pages() -> Mapping[Path, Page]:
    return {path: Page(path) for path in sorted(HTML.rglob("*.html"))}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_is_built_and_offers_its_source_and_executed_notebook(
    chapter: str, pages: Mapping[Path, Page]
) -> None:
    path = HTML / f"{chapter}.html"
    assert path in pages, "run `make book` first"
    offered = {Path(link).name for link in pages[path].links}
    name = Path(chapter).name
    assert f"{name}.md" in offered
    if not is_myst_markdown_notebook((ROOT / f"{chapter}.md").read_text("utf8")):
        return
    assert f"{name}.ipynb" in offered
    notebook = json.loads((HTML / "_sources" / f"{chapter}.ipynb").read_text("utf8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in cells)


def test_page(path: Path, pages: Mapping[Path, Page]) -> None:
    assert not list(problems(pages[path], pages))


def test_styles_load_nothing_remote() -> None:
    styles = {path: remote_in_style(path.read_text("utf8")) for path in HTML.rglob("*.css")}
    assert styles, "run `make book` first"
    assert not {path: found for path, found in styles.items() if found}
