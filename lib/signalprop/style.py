"""How the book's figures look: one style, and lines told apart without colour."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

P = ParamSpec("P")

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


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let a function draw its figure in the book's style.

    The figure is handed out closed: a notebook shows it once, as the value of its cell, and
    pyplot keeps nothing of it.

    Examples
    --------
    >>> @styled
    ... def empty() -> Figure:
    ...     return plt.figure()
    >>> tuple(float(inches) for inches in empty().get_size_inches())
    (6.4, 3.6)
    """

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(RC):
            figure = draw(*args, **kwargs)
        plt.close(figure)
        return figure

    return drawn


def line(index: int, markevery: float | None = 0.1) -> dict[str, Any]:
    """Return colour, dashes and marker of the line ``index``, counted from 0.

    >>> line(1, markevery=None)
    {'color': '#D55E00', 'linestyle': (0, (5, 1.5))}
    """
    kind: dict[str, Any] = {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": DASHES[index % len(DASHES)],
    }
    if markevery is not None:
        kind |= {"marker": MARKERS[index % len(MARKERS)], "markevery": markevery}
    return kind
