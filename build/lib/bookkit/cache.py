"""Executed chapters, shared by the tests and the build of the book.

jupyter-cache keys an executed notebook on its code cells only.  A change in the package that the
cells call would keep serving stale results, so the folder of the cache is itself named after
everything else that the results depend on.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from pathlib import Path

from myst_nb.core.read import read_myst_markdown_notebook
from nbformat import NotebookNode

CACHES = Path("_build", "executed")
SOURCES = {".py", ".js", ".css"}
"""Of the package: interactive figures carry their script and style."""


def fingerprint(root: Path) -> str:
    """Hash what the results depend on besides the cells themselves.

    That is the sources in ``lib``, the ``records``, the pinned requirements and the Python version.

    >>> len(fingerprint(Path.cwd()))
    12
    """
    digest = hashlib.sha256(platform.python_version().encode())
    for path in _inputs(root):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"\n{path.relative_to(root).as_posix()} {content}".encode())
    return digest.hexdigest()[:12]


def cache_path(root: Path) -> Path:
    """Return the folder of the jupyter-cache that belongs to the present sources."""
    return root / CACHES / fingerprint(root)


def read_chapter(path: Path) -> NotebookNode:
    """Read a chapter as the build does, so that all find the same entry of the cache."""
    text = path.read_text("utf8")
    return read_myst_markdown_notebook(text, add_source_map=True, path=path)


def _inputs(root: Path) -> Iterator[Path]:
    yield from sorted(path for path in (root / "lib").rglob("*") if path.suffix in SOURCES)
    yield from sorted(path for path in (root / "records").rglob("*") if path.is_file())
    yield from filter(Path.exists, (root / "requirements.txt", root / "constraints.txt"))
