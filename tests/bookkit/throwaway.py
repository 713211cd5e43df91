"""Throw-away books, run by a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any
from xml.etree import ElementTree

from bookkit.references import CellReference, reference_path, save

HEADER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
    format_version: 0.13
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A chapter
"""
CELL = "\n```{{code-cell}} ipython3\n{}\n```\n"


@dataclass(frozen=True)
class Result:
    """What a run of pytest came to: its exit status, what it wrote, and each test's outcome."""

    status: int
    text: str
    outcomes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Book:
    """A project that can be edited and tested; its package holds one number."""

    root: Path

    def write(self, path: str, text: str) -> None:
        """Write any file."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf8")

    def chapter(self, name: str, *cells: str) -> None:
        """Write a chapter of these cells."""
        blocks = [CELL.format(dedent(cell).strip()) for cell in cells]
        self.write(f"book/{name}.md", HEADER + "".join(blocks))

    def reference(self, name: str, *cells: tuple[str, Sequence[Mapping[str, Any]]]) -> None:
        """Write what the cells of a chapter are known to print."""
        path = reference_path(self.root / "book" / f"{name}.md", self.root)
        save(path, [CellReference.of(source, outputs) for source, outputs in cells])

    def test(self, *args: str) -> Result:
        """Run pytest as the book does."""
        report = self.root / "report.xml"
        options = ["-p", "bookkit.nbval_text", "--nbval", "--nbval-current-env", "--color=no"]
        options += ["-o", "norecursedirs=_build", f"--junitxml={report}"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *args],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root / "lib"), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        outcomes: dict[str, dict[str, str]] = {}
        for test in ElementTree.parse(report).iter("testcase") if report.exists() else ():
            outcome = next((child.tag for child in test), "passed")
            outcomes.setdefault(test.attrib["classname"], {})[test.attrib["name"]] = outcome
        report.unlink(missing_ok=True)
        return Result(done.returncode, done.stdout + done.stderr, outcomes)


def printed(text: str) -> list[dict[str, Any]]:
    """Return the outputs of a cell that prints a line."""
    return [{"output_type": "stream", "name": "stdout", "text": f"{text}\n"}]


def glued(name: str, text: str) -> list[dict[str, Any]]:
    """Return the outputs of a cell that glues a value without showing it."""
    return [
        {
            "output_type": "display_data",
            "data": {"application/papermill.record/text/plain": text},
            "metadata": {"scrapbook": {"name": name}},
        }
    ]
