"""What the Sphinx extension does to documents."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from docutils import nodes
from sphinx import addnodes

from bookkit.sphinx_ext import LONGEST_VALUE, drop_values


def constant(value: str, kind: str = "") -> Any:
    """Return a document with the signature of a constant."""
    signature = addnodes.desc_signature("", "", addnodes.desc_name("", "NAME"))
    if kind:
        signature += addnodes.desc_annotation("", "", nodes.Text(f": {kind}"))
    signature += addnodes.desc_annotation("", "", nodes.Text(f" = {value}"))
    return nodes.container("", signature)


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        ("0.05", "", "NAME = 0.05"),
        ("('a', 'b')", "tuple[str, ...]", "NAME: tuple[str, ...] = ('a', 'b')"),
        ("x" * (LONGEST_VALUE - 3), "", "NAME = " + "x" * (LONGEST_VALUE - 3)),
        ("x" * (LONGEST_VALUE - 2), "dict[str, str]", "NAME: dict[str, str]"),
        ("PosixPath('/home/me/records')", "", "NAME"),
        ("{'a': <function <lambda>>}", "", "NAME"),
        ("(<class 'torch.nn.Linear'>,)", "", "NAME"),
    ],
)
def test_values_that_nobody_reads_are_dropped(value: str, kind: str, shown: str) -> None:
    document = constant(value, kind)
    drop_values(cast("Any", SimpleNamespace()), document)
    assert document.astext().replace("\n\n", "") == shown
