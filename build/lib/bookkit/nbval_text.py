"""Pytest plugin: every chapter is a test, run by nbval straight from its text.

``pytest --nbval book`` executes the code cells of each chapter and compares what they print with
the reference in ``tests/references``.  A chapter whose cells all passed goes to the cache that the
build of the book reads, so that the published outputs are the checked ones and nothing runs twice.
``--update-references`` rewrites the references instead of comparing.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import is_myst_markdown_notebook
from nbval.plugin import IPyNbCell, IPyNbFile

from .cache import cache_path, read_chapter
from .references import (
    CHAPTERS,
    REFERENCES,
    CellReference,
    chapter_path,
    differences,
    digest,
    load,
    reference_path,
    save,
    texts,
)

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode


class ChapterError(Exception):
    """A chapter and its reference do not belong together."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that rewrites the references."""
    parser.getgroup("nbval").addoption(
        "--update-references", action="store_true", help="take the outputs as the new references"
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect chapters with code, and references, when nbval is asked for."""
    root = parent.config.rootpath
    if not parent.config.option.nbval:
        return None
    if file_path.suffix == ".md" and file_path.is_relative_to(root / CHAPTERS):
        if is_myst_markdown_notebook(file_path.read_text("utf8")):
            return Chapter.from_parent(parent, path=file_path)
    elif file_path.suffix == ".json" and file_path.is_relative_to(root / REFERENCES):
        return Reference.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse to run a part of a chapter: its cells need those before them."""
    chosen = set(items)
    chapters = {item.parent for item in items if isinstance(item.parent, Chapter)}
    for chapter in chapters:
        left_out = sum(item not in chosen for item in chapter.items)
        if left_out:
            raise pytest.UsageError(
                f"{left_out} of the {len(chapter.items)} tests of {chapter.name} are left out: "
                f"a chapter runs whole, or not at all (pytest {chapter.nodeid})"
            )


class Cell(IPyNbCell):
    """One code cell, executed by nbval, compared here."""

    known: CellReference | None = None
    passed: bool | None = None

    def setup(self) -> None:
        """Leave the cell out if the kernel hangs."""
        if self.parent.timed_out:
            pytest.skip("a cell before timed out")

    def runtest(self) -> None:
        """Execute the cell; compare its outputs with the reference."""
        self.passed = False
        super().runtest()
        fresh = texts(self.test_outputs)
        if any("stderr" in output for output in fresh):
            self.raise_cell_error("Cell writes to stderr: mend what it warns of", str(fresh))
        if self.config.option.update_references:
            pass
        elif self.known is None:
            self.raise_cell_error(
                "Cell has no reference: check its outputs, then run `make references`", str(fresh)
            )
        elif differs := "\n".join(differences(self.known.outputs, fresh)):
            self.raise_cell_error("Cell outputs differ from the reference", differs)
        self.passed = True


class Check(pytest.Item):
    """A test of files, whose failure is shown without a traceback through this module."""

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what is wrong."""
        if isinstance(excinfo.value, ChapterError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


class WholeChapter(Check):
    """The last test of a chapter: all cells were executed, and no reference is left over."""

    parent: Chapter

    def runtest(self) -> None:
        """Check the chapter as a whole; keep its outputs if all is well."""
        cells, forgotten = self.parent.cells, self.parent.forgotten
        if never := [cell.name for cell in cells if cell.passed is None]:
            raise ChapterError(f"never executed: {', '.join(never)}")
        if forgotten and not self.config.option.update_references:
            raise ChapterError(
                f"{self.parent.reference} holds cells that {self.parent.path} does not have:\n"
                + "\n".join(f"    {cell.begins}" for cell in forgotten)
                + "\nIf that is meant, run `make references`."
            )
        if not all(cell.passed for cell in cells):
            pytest.skip("cells failed: nothing is kept")
        self.parent.keep()


class Chapter(IPyNbFile):
    """A text notebook and its reference."""

    def collect(self) -> Iterator[pytest.Item]:
        """Make one test of each code cell, and one of the whole."""
        self.nb = read_chapter(self.path)
        self.reference = reference_path(self.path, self.config.rootpath)
        known = defaultdict(list)
        for cell in load(self.reference):
            known[cell.digest].append(cell)
        self.cells = [self._cell(number, node) for number, node in enumerate(code_cells(self.nb))]
        for cell in self.cells:
            if same_source := known[digest(cell.cell.source)]:
                cell.known = same_source.pop(0)
        self.forgotten = [cell for left in known.values() for cell in left]
        self.items: list[pytest.Item] = [
            *self.cells,
            WholeChapter.from_parent(self, name="whole chapter"),
        ]
        yield from self.items

    def _cell(self, number: int, node: NotebookNode) -> Cell:
        expected = "raises-exception" in node.metadata.get("tags", [])
        options = defaultdict(bool, check_exception=expected)  # nbval's own comparison is off
        return Cell.from_parent(
            self, name=f"Cell {number}", cell_num=number, cell=node, options=options
        )

    def setup(self) -> None:
        """Start the kernel, and note to which sources the outputs will belong."""
        self.cache = cache_path(self.config.rootpath)
        self.started = time.perf_counter()
        super().setup()

    def keep(self) -> None:
        """Put the executed chapter into the cache and, if asked for, its outputs on record."""
        executed = read_chapter(self.path)
        for count, (node, cell) in enumerate(zip(code_cells(executed), self.cells, strict=True), 1):
            node.execution_count, node.outputs = count, cell.test_outputs
            for output in node.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
        seconds = time.perf_counter() - self.started
        bundle = CacheBundleIn(executed, str(self.path), data={"execution_seconds": seconds})
        self.cache.mkdir(parents=True, exist_ok=True)
        with FileLock(self.cache.with_suffix(".lock")):  # two workers must not both create it
            cache = get_cache(str(self.cache))
            cache.cache_notebook_bundle(bundle, overwrite=True)
            cache.db.dispose()  # else a ResourceWarning on Python 3.13
        if self.config.option.update_references:
            save(
                self.reference,
                [CellReference.of(cell.cell.source, cell.test_outputs) for cell in self.cells],
            )


class Reference(pytest.File):
    """A reference, which must have a chapter."""

    def collect(self) -> Iterator[pytest.Item]:
        """Make the one test."""
        yield HasChapter.from_parent(self, name="has its chapter")


class HasChapter(Check):
    """A reference without a chapter is left over from one that was renamed or removed."""

    def runtest(self) -> None:
        """Look for the chapter; when references are rewritten, remove what has none."""
        chapter = chapter_path(self.path, self.config.rootpath)
        if chapter.exists() and is_myst_markdown_notebook(chapter.read_text("utf8")):
            return
        if not self.config.option.update_references:
            raise ChapterError(
                f"{self.path} is the reference of {chapter}, which is no chapter with code: "
                "was it renamed or removed? Run `make references`."
            )
        self.path.unlink()


def code_cells(nb: NotebookNode) -> list[NotebookNode]:
    """Return the cells that are executed."""
    return [cell for cell in nb.cells if cell.cell_type == "code"]
