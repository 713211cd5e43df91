"""The figures of the pre-training study: they draw records and arrays and compute nothing new."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...records import Record
from ...style import line, styled
from ..glorot_saturation.figures import over_seeds

Groups = Mapping[str, Sequence[Record]]
Abscissa = Callable[[Record], NDArray[np.float64]]
"""Where the probes of a run stand."""


@styled
def filters_figure(weights: Mapping[str, NDArray[Any]], side: int = 32, shown: int = 8) -> Figure:
    """Draw the weights (units, side * side) of the first units as images, a row for each kind.

    Black and white are the smallest and largest weight of a unit, grey is 0.
    """
    figure, axes = plt.subplots(
        len(weights), shown, figsize=(6.4, 0.95 * len(weights)), squeeze=False
    )
    for row, (name, units) in zip(axes, weights.items(), strict=True):
        for ax, unit in zip(row, units, strict=False):
            largest = np.abs(unit).max()
            ax.imshow(unit.reshape(side, side), cmap="gray", vmin=-largest, vmax=largest)
            ax.set(xticks=[], yticks=[])
            ax.grid(visible=False)
        row[0].set_ylabel(name, fontsize=8)
    return figure


@styled
def plateau_figure(panels: Mapping[str, Groups]) -> Figure:
    """Draw the training cost and the top layer's mean against updates of all layers.

    Parameters
    ----------
    panels : groups of runs, by the title of their column
    """
    figure, axes = plt.subplots(
        2, len(panels), figsize=(3.7 * len(panels), 5.4), sharex=True, sharey="row", squeeze=False
    )
    for (top, bottom), (title, groups) in zip(axes.T, panels.items(), strict=True):
        top.set_title(title, fontsize=10)
        for index, (name, runs) in enumerate(groups.items()):
            updates = runs[0].arrays["updates"][1:]
            cost, cost_spread = (a[1:] for a in over_seeds(runs, "training_cost"))
            mean, mean_spread = (a[1:, -1] for a in over_seeds(runs, "mean"))
            _banded(top, updates, cost, cost_spread, name, index)
            _banded(bottom, updates, mean, mean_spread, name, index)
        top.set(xscale="log")
        bottom.set(xlabel="updates of all layers", ylim=(0, None))
    axes[0, 0].set_ylabel("training cost, nats")
    axes[1, 0].set_ylabel("top layer: mean activation")
    axes[0, 0].legend(fontsize=8, loc="lower left")
    return figure


@styled
def signal_figure(groups: Groups) -> Figure:
    """Draw, layer by layer before the training of all, how far apart images are, and gradients."""
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.6))
    names = ("data_std", "signal_gradient_std")
    for ax, array in zip(axes, names, strict=True):
        for index, (name, runs) in enumerate(groups.items()):
            mean, spread = (a[0] for a in over_seeds(runs, array))
            _banded(ax, np.arange(1, len(mean) + 1), mean, spread, name, index, every=1)
        ax.set(yscale="log", xlabel="layer (1 is next to the input)")
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0].set_ylabel("deviation across images")
    axes[1].set_ylabel("gradient")
    axes[0].legend(fontsize=8)
    return figure


@styled
def error_figure(
    panels: Mapping[str, Groups], abscissae: Mapping[str, Abscissa], chance: float
) -> Figure:
    """Draw test errors, a column for each set of groups and a row for each abscissa.

    Parameters
    ----------
    panels : groups of runs, by the title of their column
    abscissae : by axis label, where the probes of a run stand; averaged over the runs of a group
    chance : error of the best guess
    """
    shape = len(abscissae), len(panels)
    size = (3.7 * shape[1], 3.1 * shape[0])
    figure, axes = plt.subplots(*shape, figsize=size, sharex="row", sharey=True, squeeze=False)
    for row, (label, abscissa) in zip(axes, abscissae.items(), strict=True):
        ends = []
        for ax, (title, groups) in zip(row, panels.items(), strict=True):
            for index, (name, runs) in enumerate(groups.items()):
                mean, spread = (100 * a for a in over_seeds(runs, "test_error"))
                x = np.mean([abscissa(run) for run in runs], 0)
                _banded(ax, x, mean, spread, name, index)
                ends.append(x[-1])
            ax.axhline(100 * chance, color="k", lw=0.8)
            ax.set(xlabel=label)
            if ax in axes[0]:
                ax.set_title(title, fontsize=10)
        row[0].set(ylabel="test error, %", xlim=(0, min(ends)))  # as far as all of them go
    most = max(axes[0], key=lambda ax: len(ax.lines))
    kinds = most.get_legend_handles_labels()
    figure.legend(*kinds, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _banded(
    ax: Axes,
    x: NDArray[Any],
    middle: NDArray[Any],
    half: NDArray[Any],
    label: str,
    index: int,
    every: float = 0.1,
) -> None:
    """Plot a line with a band of one deviation over seeds."""
    kind = line(index, every)
    ax.plot(x, middle, label=label, **kind)
    ax.fill_between(x, middle - half, middle + half, color=kind["color"], alpha=0.15, lw=0)
