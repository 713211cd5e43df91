"""The figures of untrained networks, cost surfaces and gradients: they draw what they are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter
from numpy.typing import ArrayLike, NDArray

from ...style import line, styled

Floats = NDArray[np.float64]


@styled
def surface_figure(w: Floats, surfaces: Mapping[str, Floats], levels: int = 12) -> Figure:
    """Draw surfaces over two weights as maps with contour lines.

    Parameters
    ----------
    w : (n,) both weights
    surfaces : (n, n) values by title, the first weight along the first axis
    levels : number of contour lines
    """
    figure, axes = plt.subplots(1, len(surfaces), figsize=(3.8 * len(surfaces), 3.4), squeeze=False)
    for ax, (title, values) in zip(axes[0], surfaces.items(), strict=True):
        drawn = ax.pcolormesh(w, w, values.T, cmap="cividis", shading="nearest", rasterized=True)
        lines = ax.contour(w, w, values.T, levels, colors="white", linewidths=0.7)
        ax.clabel(lines, lines.levels[2::3], fontsize=7, fmt="%.2g")
        figure.colorbar(drawn, ax=ax, shrink=0.9)
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="$w_1$", ylabel="$w_2$", aspect="equal")
        ax.grid(visible=False)
    return figure


@styled
def area_figure(eps: Floats, panels: Mapping[str, Mapping[str, Floats]]) -> Figure:
    """Draw the area of plateaus against the threshold, a line for each cost.

    Parameters
    ----------
    eps : (n,) thresholds
    panels : (n,) areas as fractions, by title and cost
    """
    figure, axes = _row(len(panels), 2.6)
    for ax, (title, areas) in zip(axes, panels.items(), strict=True):
        for index, (name, area) in enumerate(areas.items()):
            ax.plot(eps, 100 * area, label=name, **line(index))
        ax.set_title(title, fontsize=10)
        ax.set(xscale="log", xlabel=r"threshold $\epsilon$", ylim=(0, 100))
    axes[0].set_ylabel("plateau, % of the square")
    axes[0].legend(fontsize=8)
    return figure


@styled
def density_figure(
    panels: Mapping[str, tuple[Floats, Floats]],
    printed: Mapping[str, Sequence[float]],
    xlabel: str,
    lowest: float | None = None,
) -> Figure:
    """Draw the density of each layer's values, and the printed heights at 0.

    Parameters
    ----------
    panels : abscissas (bins,) and densities (layers, bins), by title
    printed : heights of the layers at 0 by title, drawn as the layers' markers
    xlabel : what is distributed
    lowest : where a logarithmic ordinate begins; a linear one if None
    """
    figure, axes = _row(len(panels), 3.7)
    for ax, (title, (centres, densities)) in zip(axes, panels.items(), strict=True):
        for layer, density in enumerate(densities):
            shown = np.where(density > 0, density, np.nan) if lowest else density
            ax.plot(centres, shown, label=f"layer {layer + 1}", **line(layer, 0.13))
        for layer, height in enumerate(printed[title]):
            kind = line(layer)
            ax.plot(0, height, kind["marker"], color=kind["color"], mfc="white", ms=8, zorder=3)
        ax.set_title(title, fontsize=10)
        ax.set(xlabel=xlabel)
        ax.xaxis.set_major_locator(MaxNLocator(4))
        if lowest:
            ax.set(yscale="log", ylim=(lowest, None))
        else:
            ax.set(ylim=(0, None))
    axes[0].set_ylabel("density")
    axes[-1].legend(fontsize=8, handlelength=2.6)
    return figure


@styled
def peak_figure(panels: Mapping[str, Mapping[str, ArrayLike]]) -> Figure:
    """Draw densities at 0 against the layer, on a logarithmic axis.

    Parameters
    ----------
    panels : heights (layers,) by title and by where they come from; two rows of panels
    """
    columns = -(-len(panels) // 2)
    figure, axes = plt.subplots(2, columns, figsize=(2.6 * columns, 5.2), squeeze=False)
    for ax, (title, of) in zip(axes.T.flat, panels.items(), strict=True):
        for index, (name, values) in enumerate(of.items()):
            heights = np.asarray(values, dtype=float)
            ax.plot(np.arange(len(heights)) + 1, heights, label=name, **line(index, 1))
        ax.set_title(title, fontsize=9)
        ax.set(yscale="log", xlabel="layer", xticks=range(1, 6))
        _plain_numbers(ax)
    for ax in axes[:, 0]:
        ax.set_ylabel("density at 0")
    axes[0, 0].legend(fontsize=8)
    return figure


@styled
def training_figure(panels: Mapping[str, tuple[Floats, Floats]]) -> Figure:
    """Draw the deviation of each hidden layer's weight gradients against time.

    Parameters
    ----------
    panels : times in epochs (n,) and deviations (n, layers), by title
    """
    figure, axes = _row(len(panels), 3.7, sharey=True)
    for ax, (title, (times, deviations)) in zip(axes, panels.items(), strict=True):
        for layer, values in enumerate(deviations.T):
            ax.plot(times, values, label=f"layer {layer + 1}", **line(layer, 0.13))
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="epochs of 20,000 updates", yscale="log")
        _plain_numbers(ax)
    axes[0].set_ylabel("deviation of weight gradients")
    axes[0].legend(fontsize=8, ncols=2, loc="lower right")
    return figure


@styled
def learning_figure(curves: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Figure:
    """Draw the cost against updates: a line for the mean over seeds, a band of one deviation.

    Parameters
    ----------
    curves : updates (probes,) and costs (seeds, probes), by name
    """
    figure, ax = plt.subplots(figsize=(5.6, 3.4))
    for index, (name, (updates, costs)) in enumerate(curves.items()):
        values = np.asarray(costs, dtype=float)
        mean, half = values.mean(0), values.std(0, ddof=1)
        kind = line(index)
        ax.plot(np.asarray(updates), mean, label=name, **kind)
        ax.fill_between(
            np.asarray(updates), mean - half, mean + half, color=kind["color"], alpha=0.15, lw=0
        )
    ax.set(xlabel="updates", ylabel="cost on test images, nats", ylim=(0, None))
    ax.legend(fontsize=8)
    return figure


def _plain_numbers(ax: Axes) -> None:
    """Label a logarithmic ordinate with 1, 2 and 5, and not with powers."""
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_locator(NullLocator())


def _row(count: int, width: float, *, sharey: bool = False) -> tuple[Figure, list[Axes]]:
    figure, axes = plt.subplots(
        1, count, figsize=(width * count, 3.4), sharey=sharey, squeeze=False
    )
    panels: list[Any] = list(axes[0])
    return figure, panels
