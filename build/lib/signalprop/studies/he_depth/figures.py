"""The figures of the study of depth: they draw records and compute nothing new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from ...records import Record
from ...style import line, styled
from . import CHANCE_COST

Runs = Mapping[str, Sequence[Record]]


@styled
def curves_figure(panels: Mapping[str, Runs], name: str, ylabel: str, chance: float) -> Figure:
    """Draw an array of every run against the number of updates.

    Parameters
    ----------
    panels : by title, the runs by label; runs of one label differ in their seed
    name : of the array, (probes,); the value before training is not drawn
    ylabel : what it is
    chance : its value for a network that has learned nothing
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(3.6 * len(panels), 3.4), sharey=True, squeeze=False
    )
    for ax, (title, runs) in zip(axes[0], panels.items(), strict=True):
        for index, (label, records) in enumerate(runs.items()):
            for number, record in enumerate(records):
                updates, values = (record.arrays[k][1:] for k in ("updates", name))
                text = label if number == 0 else f"_{label}"
                ax.plot(updates, values, label=text, **line(index, 0.2))
        ax.axhline(chance, color="k", lw=0.8)
        ax.set(title=title, xscale="log", xlabel="updates")
        ax.title.set_fontsize(10)
    axes[0, 0].set_ylabel(ylabel)
    axes[0, -1].legend(fontsize=8)
    return figure


@styled
def depth_figure(rules: Mapping[str, Runs], reference: str | None = None) -> Figure:
    """Draw the last training cost, and when a run began to learn, against the depth.

    Parameters
    ----------
    rules : by label, the runs of each depth; the names of the depths are not used
    reference : label of the rule beside which a line is drawn that doubles every two layers,
        through the mean of its logarithms; none if None
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6))
    for index, (label, of) in enumerate(rules.items()):
        runs = [record for records in of.values() for record in records]
        depths = np.array([record.spec["depth"] for record in runs])
        kind = line(index, 1) | {"linestyle": "none", "mfc": "none"}
        left.plot(depths, [record.metrics["final_cost"] for record in runs], label=label, **kind)
        escaped = [record.metrics["escaped_at"] for record in runs]
        times = np.array([np.nan if at is None else at for at in escaped], dtype=float)
        right.plot(depths, times, label=label, **kind)
        _arrows(right, runs, index)
        begun = np.isfinite(times)
        if label == reference and begun.any():
            middle = np.exp2(np.mean(np.log2(times[begun]) - depths[begun] / 2))
            ends = np.array([depths.min(), depths.max()])
            right.plot(ends, middle * 2 ** (ends / 2), "k:", lw=1, label="doubling in 2 layers")
    left.axhline(CHANCE_COST, color="k", lw=0.8)
    left.set(xlabel="layers", ylabel="training cost at the end, nats")
    right.set(xlabel="layers", ylabel="updates until the cost is below 2.2", yscale="log")
    right.legend(fontsize=8)
    return figure


def _arrows(ax: Axes, runs: Sequence[Record], index: int) -> None:
    """Mark runs that did not begin to learn by an arrow at their end."""
    for record in runs:
        if record.metrics["escaped_at"] is None:
            depth, end = record.spec["depth"], record.arrays["updates"][-1]
            style = {"arrowstyle": "->", "color": line(index)["color"]}
            ax.annotate("", (depth, 1.5 * end), (depth, end), arrowprops=style)


@styled
def sizes_figure(runs: Runs, probe: int = 0) -> Figure:
    """Draw the size of signal and gradient in every layer, one run for each label.

    Parameters
    ----------
    runs : by label; of several the first is drawn
    probe : which look at the network; 0 is before training
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.5))
    for index, (label, records) in enumerate(runs.items()):
        for ax, name in zip(axes, ("signal", "gradient"), strict=True):
            values = records[0].arrays[name][probe]
            ax.plot(np.arange(1, len(values) + 1), values, label=label, **line(index, 0.15))
    for ax, title in zip(axes, ("signal $s_l$", "gradient of a weight"), strict=True):
        ax.set(xlabel="layer (1 is next to the input)", yscale="log")
        ax.set_title(f"{title}, root mean square", fontsize=10)
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_minor_formatter(NullFormatter())
    axes[0].legend(fontsize=8)
    return figure
