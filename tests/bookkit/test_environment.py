"""The environment must notice what changed and mend what was cut short."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bookkit import environment
from bookkit.environment import PINNED, Environment


class Rehearsal(Environment):
    """An environment that notes what it would do; its Python is the one that runs this test."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.done: list[str] = []
        self.failure: BaseException | None = None

    def make(self) -> None:
        python = self.folder / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        self.done.append("make")

    def install(self) -> None:
        self.done.append("install")
        if self.failure:
            raise self.failure


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    """Make an environment that is up to date."""
    for name in PINNED:
        (tmp_path / name).write_text(name)
    made = Rehearsal(tmp_path)
    assert made.ensure()
    assert made.done == ["make", "install"]
    made.done.clear()
    return made


def test_nothing_to_do(rehearsal: Rehearsal) -> None:
    assert not rehearsal.ensure()
    assert rehearsal.done == []


@pytest.mark.parametrize("name", PINNED)
def test_changed_pins_are_installed_over(rehearsal: Rehearsal, name: str) -> None:
    (rehearsal.root / name).write_text("changed")
    assert rehearsal.ensure()
    assert rehearsal.done == ["install"]


def test_environment_made_by_hand_is_taken_over(rehearsal: Rehearsal) -> None:
    rehearsal.stamp.unlink()
    assert rehearsal.ensure()
    assert rehearsal.done == ["install"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), SystemExit("no network")])
def test_interrupted_installation_starts_anew(rehearsal: Rehearsal, failure: BaseException) -> None:
    (rehearsal.root / "requirements.txt").write_text("changed")
    rehearsal.failure = failure
    with pytest.raises(type(failure)):
        rehearsal.ensure()
    rehearsal.failure = None
    assert rehearsal.ensure()
    assert rehearsal.done == ["install", "make", "install"]
    assert not rehearsal.ensure()


def test_broken_python_is_replaced(rehearsal: Rehearsal) -> None:
    (rehearsal.folder / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    assert rehearsal.ensure()
    assert rehearsal.done == ["make", "install"]


def test_missing_python_is_replaced(rehearsal: Rehearsal) -> None:
    (rehearsal.folder / "bin" / "python").unlink()
    assert rehearsal.ensure()
    assert rehearsal.done == ["make", "install"]


def test_moved_environment_is_replaced(rehearsal: Rehearsal) -> None:
    moved = Rehearsal(rehearsal.root.rename(rehearsal.root.with_name("moved")))
    assert moved.ensure()
    assert moved.done == ["make", "install"]


def test_failing_command_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"environment: `false .*` failed"):
        Environment(tmp_path, python="false").make()


def test_unfit_python_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "OLDEST", (4, 0))
    monkeypatch.setattr(sys, "argv", ["environment.py"])
    with pytest.raises(SystemExit, match=r"make book PYTHON=python3\.12"):
        environment.main()


def test_needs_nothing_but_python() -> None:
    script = Path(environment.__file__)
    command = [sys.executable, "-I", "-S", str(script), "--help"]
    subprocess.run(command, check=True, capture_output=True)
