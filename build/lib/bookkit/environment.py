"""Make, reuse and repair the virtual environment: ``python3 lib/bookkit/environment.py``.

It runs before anything is installed, so it needs nothing but Python.  A stamp in the environment
names what was installed; it is written last, and so is missing whenever an installation was cut
short.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
PINNED = ("requirements.txt", "constraints.txt", "pyproject.toml")


class Environment:
    """The virtual environment of a project.

    Parameters
    ----------
    root : folder of the project
    python : the interpreter to make it with
    """

    def __init__(self, root: Path, python: str = sys.executable) -> None:
        self.root, self.python = root, python
        self.folder = root / ".venv"
        self.stamp = self.folder / "installed"
        self.unfinished = self.folder / "installing"

    def ensure(self) -> bool:
        """Bring the environment up to date; tell whether there was anything to do."""
        if reason := self.broken():
            if self.folder.exists():
                say(f"making .venv anew: {reason}")
            shutil.rmtree(self.folder, ignore_errors=True)
            self.make()
        if self.stamp.exists() and self.stamp.read_text("utf8") == self.wanted():
            return False
        self.stamp.unlink(missing_ok=True)
        self.unfinished.touch()
        self.install()
        self.unfinished.unlink()
        self.stamp.write_text(self.wanted(), "utf8")
        return True

    def broken(self) -> str:
        """Tell why the environment cannot be built upon, or nothing."""
        if not self.folder.exists():
            return "there is none"
        if self.unfinished.exists():  # pip takes half a package for a whole one
            return "an installation was interrupted"
        version = self._output("-c", "import sys; print(*sys.version_info[:2])")
        if version is None or self._output("-m", "pip", "--version") is None:
            return "its Python or pip does not work"
        if self.stamp.exists() and str(self.folder) not in self.stamp.read_text("utf8"):
            return "it was made for another folder"
        if version.split() != [str(number) for number in sys.version_info[:2]]:
            return f"it has Python {version.strip().replace(' ', '.')}"
        return ""

    def wanted(self) -> str:
        """Name what should be installed: the pinned files, by their content, and where."""
        digest = hashlib.sha256(sys.version.encode())
        for name in PINNED:
            digest.update(name.encode() + b"\0" + (self.root / name).read_bytes())
        return f"{digest.hexdigest()} {self.folder}\n"

    def make(self) -> None:
        """Make an environment with nothing in it but pip."""
        say("making .venv")
        self._run(self.python, "-m", "venv", str(self.folder))

    def install(self) -> None:
        """Install what is pinned."""
        say("installing requirements.txt into .venv: a minute or a few, and about 1.6 GB of disk")
        pip = (self._python, "-m", "pip", "--disable-pip-version-check")
        self._run(*pip, "install", "--quiet", "-r", "requirements.txt")
        self._run(*pip, "check")

    @property
    def _python(self) -> str:
        return str(self.folder / "bin" / "python")

    def _output(self, *args: str) -> str | None:
        try:
            return subprocess.run(
                [self._python, *args], capture_output=True, text=True, check=True, cwd=self.root
            ).stdout
        except (OSError, subprocess.CalledProcessError):
            return None

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, cwd=self.root, check=False)
        if done.returncode:
            raise SystemExit(f"environment: `{' '.join(command)}` failed: see above")


def say(text: str) -> None:
    """Tell the user what takes time."""
    print(f"environment: {text}", flush=True)


def main() -> None:
    """Bring the environment of this checkout up to date."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise SystemExit(
            f"environment: Python 3.11 to 3.13 is needed, {sys.executable} is "
            f"{sys.version_info[0]}.{sys.version_info[1]}: name another, as in "
            "`make book PYTHON=python3.12`"
        )
    root = Path(__file__).resolve().parents[2]
    lock = root / "_build" / "environment.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as handle:  # two makes at once take turns
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.environ.pop("PYTHONPATH", None)  # else pip sees packages that are not in .venv
        Environment(root).ensure()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("environment: interrupted; the next make starts .venv anew") from None
