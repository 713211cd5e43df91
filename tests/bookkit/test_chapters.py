"""The code in chapters is held to the style of all code; ruff itself does not look there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from myst_nb.core.read import is_myst_markdown_notebook

from bookkit.cache import read_chapter

ROOT = Path(__file__).parents[2]
TEXTS = {path: path.read_text("utf8") for path in sorted((ROOT / "book").rglob("*.md"))}
CHAPTERS = [path for path, text in TEXTS.items() if is_myst_markdown_notebook(text)]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_style_of_cells(path: Path) -> None:
    cells = read_chapter(path).cells
    code = "\n\n".join(cell.source for cell in cells if cell.cell_type == "code")
    # a chapter needs no docstring, imports where it needs them, and ends cells with values
    command = [sys.executable, "-m", "ruff", "check", "--ignore=D,E402,B018", "--no-cache"]
    done = subprocess.run(
        [*command, f"--stdin-filename={path.with_suffix('.py')}", "-"],
        input=code + "\n",
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
