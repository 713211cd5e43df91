"""The figures of the table: they draw records and the printed numbers, and compute nothing new."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike

from ...records import Record
from ...style import COLOURS, line, styled

Runs = Mapping[str, Sequence[Record]]
"""Records, one a seed, by row of the table."""


@styled
def curves_figure(
    panels: Mapping[str, Runs], printed: Mapping[str, Mapping[str, float]] | None = None
) -> Figure:
    """Draw test error against images seen: a panel for each data set, a line for each row.

    The line is the median of the seeds, the band reaches from the lowest to the highest; both axes
    are logarithmic, so a plateau that is left late stays visible beside the rest.

    Parameters
    ----------
    panels : by title, the runs of each row
    printed : errors in percent, by title and row; drawn as open markers at the right edge
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(3.7 * len(panels), 4.0), squeeze=False)
    for ax, (title, rows) in zip(axes[0], panels.items(), strict=True):
        for index, (row, records) in enumerate(rows.items()):
            errors = 100 * np.stack([r.arrays["test_error"] for r in records])[:, 1:]
            images = 10 * records[0].arrays["updates"][1:]
            kind = line(index)
            ax.plot(images, np.median(errors, 0), label=row, **kind)
            low, high = errors.min(0), errors.max(0)
            ax.fill_between(images, low, high, color=kind["color"], alpha=0.15, lw=0)
            if printed is not None:
                kind |= {"linestyle": "none", "mfc": "none", "clip_on": False, "markevery": 1}
                edge = ax.get_yaxis_transform()
                ax.plot([1.0], [printed[title][row]], transform=edge, **kind)
        ax.set(xscale="log", yscale="log", xlabel="images seen")
        ax.set_title(title, fontsize=10)
        _plain_ticks(ax.yaxis, ax.get_ylim())
    axes[0, 0].set_ylabel("test error, %")
    kinds = axes[0, 0].get_legend_handles_labels()
    figure.legend(*kinds, loc="outside lower center", ncols=5, fontsize=8)
    return figure


@styled
def table_figure(
    ours: Mapping[str, Mapping[str, ArrayLike]],
    printed: Mapping[str, Mapping[str, float]],
    marked: Mapping[str, Collection[str]],
) -> Figure:
    """Draw Table 1: printed errors as diamonds, filled where bold, and ours as circles.

    Parameters
    ----------
    ours : errors in percent over seeds, by column and row; a circle each, and a bar of one
        standard deviation around their mean
    printed : errors in percent, by column and row
    marked : rows printed bold, by column
    """
    figure, axes = plt.subplots(1, len(ours), figsize=(7.4, 3.2), sharey=True, squeeze=False)
    for ax, (title, cells) in zip(axes[0], ours.items(), strict=True):
        rows = list(cells)
        places = np.arange(len(rows))[::-1]
        for place, row in zip(places, rows, strict=True):
            errors = np.asarray(cells[row], dtype=float)
            ax.plot(errors, np.full(len(errors), place), "o", color=COLOURS[0], mfc="none")
            kind: dict[str, Any] = {"color": COLOURS[0], "capsize": 3}
            ax.errorbar(errors.mean(), place, xerr=errors.std(ddof=1), fmt="none", **kind)
            fill = COLOURS[1] if row in marked[title] else "none"
            ax.plot(printed[title][row], place + 0.3, "D", color=COLOURS[1], mfc=fill)
        ax.set(xlabel="test error, %", ylim=(-0.6, len(rows) - 0.3))
        ax.set_yticks(places, rows)
        ax.set_title(title, fontsize=10)
        ax.margins(x=0.12)
    return figure


@styled
def rates_figure(panels: Mapping[str, Mapping[str, Mapping[float, float | None]]]) -> Figure:
    """Draw validation error against the learning rate, by data set and row; none if diverged."""
    figure, axes = plt.subplots(1, len(panels), figsize=(3.7 * len(panels), 3.4), squeeze=False)
    for ax, (title, rows) in zip(axes[0], panels.items(), strict=True):
        for index, (row, errors) in enumerate(rows.items()):
            known = {rate: 100 * e for rate, e in errors.items() if e is not None}
            ax.plot(list(known), list(known.values()), label=row, **line(index, 1))
        ax.set(xscale="log", yscale="log", xlabel="learning rate")
        ax.set_title(title, fontsize=10)
        _plain_ticks(ax.yaxis, ax.get_ylim())
    axes[0, 0].set_ylabel("validation error, %")
    axes[0, 0].legend(fontsize=8)
    return figure


def _plain_ticks(axis: Any, limits: tuple[float, float]) -> None:
    """Label a logarithmic axis with plain numbers, four of them or a few more."""
    low, high = limits
    decades = range(-2, 3)
    coarse, fine = ((1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)), (0.5, 0.1)
    for steps in (*coarse, *(np.arange(1, 10, step) for step in fine)):
        ticks = [s * 10.0**k for k in decades for s in steps if low <= s * 10.0**k <= high]
        if len(ticks) > 3:
            break
    axis.set_ticks(ticks, [f"{tick:.3g}" for tick in ticks])
    axis.set_minor_locator(NullLocator())
