"""How the book's figures look: one style, and lines told apart without colour."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8C6D1F", "#56B4E9", "#333333")
"""Okabe & Ito's palette, darkened where it would be faint on white."""

DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.5, 1.2)),
    (0, (7, 1.5, 1.5, 1.5)),
    (0, (3, 3)),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

RC: Any = {
    "figure.figsize": (6.4, 3.6),
    "figure.dpi": 110,
    "savefig.dpi": 110,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the book's style, then leave matplotlib as it was; also a decorator."""
    with mpl.rc_context(RC):
        yield


def line(index: int, markevery: float | None = 0.1) -> dict[str, Any]:
    """Return colour, dashes and marker of the line ``index``, counted from 0."""
    kind: dict[str, Any] = {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": DASHES[index % len(DASHES)],
    }
    if markevery is not None:
        kind |= {"marker": MARKERS[index % len(MARKERS)], "markevery": markevery}
    return kind
