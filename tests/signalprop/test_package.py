"""The package as others install it: without the book's tools, typed, versioned."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import signalprop

ROOT = Path(__file__).parents[2]

IMPORT_ALL = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BOOK:
            raise ImportError(f"{name} is not installed here")

BOOK = {"IPython", "bookkit", "dask", "distributed", "docutils", "ipykernel", "jupyter_book",
        "jupyter_cache", "jupyterlab", "jupytext", "myst_nb", "nbclient", "nbformat", "nbval",
        "playwright", "pytest", "pytest_mpl", "ruff", "mypy", "sphinx", "anyinit", "lsuv"}
sys.meta_path.insert(0, Absent())
import signalprop
for module in pkgutil.walk_packages(signalprop.__path__, "signalprop."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print("imported")
"""


def test_every_module_can_be_imported_without_the_tools_of_the_book() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "imported\n", done.stderr


def test_the_package_itself_brings_nothing_heavy() -> None:
    heavy = "{'numpy', 'torch', 'scipy', 'matplotlib'}"
    code = f"import signalprop, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_it_is_typed_and_of_one_version() -> None:
    assert (Path(signalprop.__file__).parent / "py.typed").exists()
    assert importlib.metadata.version("signalprop") == signalprop.__version__
    assert f"\n## {signalprop.__version__}\n" in (ROOT / "CHANGELOG.md").read_text("utf8")
