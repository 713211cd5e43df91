"""The cache must forget results when anything that they depend on changes."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from bookkit.cache import fingerprint

INPUTS = (
    "lib/toy/a.py",
    "lib/toy/static/a.js",
    "records/study/1.json",
    "requirements.txt",
    "constraints.txt",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in INPUTS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


@pytest.mark.parametrize("name", INPUTS)
def test_changed_input(project: Path, name: str) -> None:
    before = fingerprint(project)
    (project / name).write_text("y")
    assert fingerprint(project) != before
    (project / name).write_text("x")
    assert fingerprint(project) == before


def test_new_and_renamed_inputs(project: Path) -> None:
    before = fingerprint(project)
    (project / "records/study/2.npz").write_bytes(b"x")
    added = fingerprint(project)
    (project / "records/study/2.npz").rename(project / "records/study/3.npz")
    assert len({before, added, fingerprint(project)}) == 3


def test_other_python(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(project)
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.0")
    assert fingerprint(project) != before


def test_what_results_do_not_depend_on(project: Path) -> None:
    before = fingerprint(project)
    for name in ("README.md", "lib/toy/__pycache__/a.pyc", "tests/test_a.py", "book/chapter.md"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("x")
    assert fingerprint(project) == before
