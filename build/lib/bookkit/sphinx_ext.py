"""Sphinx extension: pages that read without a network, chapters that are executed once.

MathJax comes out of the installed ``sphinx-mathjax-offline`` wheel, which is only a carrier here:
its own ``setup`` would copy all of its 24 MB.  One self-contained file is enough, and its SVG
output needs no fonts.
"""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from jupyter_cache import get_cache
from myst_nb.core.read import is_myst_markdown_notebook
from sphinx import addnodes

from .cache import cache_path, read_chapter

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.config import Config

MATHJAX = "tex-svg-full.js"
STATIC = Path(__file__).parent / "static"

LONGEST_VALUE = 200
"""Characters of a constant's value that the API page shows."""

# Search works from a folder, but its summaries are fetched, which browsers refuse to file: pages.
NO_FETCH = 'if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;'


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_css_file("bookkit.css")
    app.add_js_file(None, body=NO_FETCH)
    app.connect("config-inited", configure, priority=900)
    app.connect("doctree-read", drop_values)
    app.connect("html-page-context", offer_notebook)
    app.connect("html-page-context", drop_repeated_scripts, priority=900)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def configure(app: Sphinx, config: Config) -> None:
    """Point Sphinx to the local MathJax, the style, and the cache of these very sources."""
    config.mathjax_path = f"mathjax/{MATHJAX}"
    config.html_static_path.append(str(STATIC))
    config.nb_execution_cache_path = str(cache_path(Path(app.srcdir)))


def drop_values(app: Sphinx, doctree: nodes.document) -> None:
    """Drop the values of constants that nobody reads: long ones, and those of this machine only."""
    for signature in doctree.findall(addnodes.desc_signature):
        for part in list(signature.findall(addnodes.desc_annotation)):
            text = part.astext()
            if text.startswith(" = ") and (
                len(text) > LONGEST_VALUE or re.search(r"Path\(|<(class|function) ", text)
            ):
                part.parent.remove(part)


def offer_notebook(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Offer the executed notebook; the theme does so by itself only with launch buttons.

    It comes from the cache: the notebook that myst-nb leaves behind has no outputs when they
    were found there.
    """
    source = Path(app.srcdir, f"{pagename}.md")
    if not source.exists() or not is_myst_markdown_notebook(source.read_text("utf8")):
        return
    notebook = read_chapter(source)
    cache = get_cache(app.config.nb_execution_cache_path)
    _, executed = cache.merge_match_into_notebook(notebook)
    cache.db.dispose()
    target = Path(app.outdir, "_sources", f"{pagename}.ipynb")
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(executed, target)
    context["ipynb_source"] = f"{pagename}.ipynb"


def drop_repeated_scripts(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Keep inline scripts once: sphinx-thebe adds one twice ("has already been declared")."""
    seen = set()
    scripts = []
    for script in context.get("script_files", []):
        body = getattr(script, "attributes", {}).get("body")
        if not body or body not in seen:
            scripts.append(script)
        seen.add(body)
    context["script_files"] = scripts


def copy_mathjax(app: Sphinx, exception: Exception | None) -> None:
    """Put MathJax among the static files."""
    if exception is None and app.builder.format == "html":
        wheel = find_spec("sphinx-mathjax-offline")
        if wheel is None or wheel.origin is None:
            raise RuntimeError("sphinx-mathjax-offline is not installed: run `make book`")
        target = Path(app.outdir, "_static", "mathjax", MATHJAX)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(wheel.origin).parent / "static" / "mathjax" / MATHJAX, target)
