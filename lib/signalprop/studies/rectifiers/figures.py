"""The figures of the rectifier study: they draw records and compute nothing new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ...records import Record
from ...style import COLOURS, MARKERS, line, styled
from .checks import ABOUT_85, at_best, errors
from .power import mean_interval

Groups = Mapping[str, Sequence[Record]]


@styled
def sparsity_figure(groups: Groups) -> Figure:
    """Draw zeros (top) and silent units (bottom) of each layer against time, by group.

    Lines are means over seeds, bands span one standard deviation.
    """
    size = 3.4 * len(groups) + 0.4, 5.4
    figure, axes = plt.subplots(
        2, len(groups), figsize=size, sharex="col", sharey="row", squeeze=False
    )
    for column, (name, runs) in zip(axes.T, groups.items(), strict=True):
        column[0].set_title(name, fontsize=10)
        column[1].set_xlabel("updates, thousands")
        for ax, array in zip(column, ("zeros", "silent"), strict=True):
            _layers(ax, runs, array)
    axes[0, 0].set_ylabel("activations exactly 0")
    axes[1, 0].set_ylabel("units 0 for all images")
    axes[0, 0].legend(fontsize=8)
    axes[0, 0].set_ylim(0, 1)
    axes[1, 0].set_ylim(bottom=0)
    return figure


def _layers(ax: Any, runs: Sequence[Record], array: str) -> None:
    values = np.stack([run.arrays[array] for run in runs]).astype(float)
    mean, spread = values.mean(0), values.std(0, ddof=1)
    time = runs[0].arrays["updates"] / 1000
    for layer in range(mean.shape[1]):
        kind = line(layer)
        ax.plot(time, mean[:, layer], label=f"layer {layer + 1}", **kind)
        low, high = mean[:, layer] - spread[:, layer], mean[:, layer] + spread[:, layer]
        ax.fill_between(time, low, high, color=kind["color"], alpha=0.15, lw=0)


@styled
def units_figure(groups: Mapping[str, tuple[Sequence[Record], bool]]) -> Figure:
    """Draw how many units of a layer are 0 for which fraction of the images, a panel a layer.

    Parameters
    ----------
    groups : by name, the runs, and whether to take them before training or at their best looks
    """
    some = next(iter(groups.values()))[0][0].arrays["unit_histogram"]
    layers, bins = some.shape[1:]
    centres = (np.arange(bins) + 0.5) / bins
    size = 2.6 * layers + 0.6, 3.2
    figure, panels = plt.subplots(1, layers, figsize=size, sharey=True, squeeze=False)
    axes = panels[0]
    for index, (name, (runs, untrained)) in enumerate(groups.items()):
        counts = np.stack(
            [
                run.arrays["unit_histogram"][0] if untrained else at_best(run, "unit_histogram")
                for run in runs
            ]
        ).mean(0)
        share = counts / counts.sum(1, keepdims=True)
        for layer, ax in enumerate(axes):
            ax.plot(centres, share[layer], label=name, **line(index))
    for layer, ax in enumerate(axes):
        ax.set_title(f"layer {layer + 1}", fontsize=10)
        ax.set_xlabel("images for which a unit is 0")
        ax.set_xticks([0, 0.5, 1], ["none", "half", "all"])
    axes[0].set_ylabel("share of the units")
    axes[0].set_ylim(bottom=0)
    axes[-1].legend(fontsize=8)
    return figure


@styled
def tradeoff_figure(groups: Mapping[float, Sequence[Record]]) -> Figure:
    """Draw test error against zeros, a marker for each run, by L1 penalty.

    The line and its band are the mean and one deviation of the runs without a penalty; the
    hatched range is what counts as about 85 %.
    """
    figure, ax = plt.subplots()
    none = errors(groups[0.0])
    ax.axvspan(*ABOUT_85, facecolor="none", edgecolor=COLOURS[1], alpha=0.35, hatch="//", lw=0)
    ax.axhline(none.mean(), color="k", lw=0.8)
    ax.axhspan(
        none.mean() - none.std(ddof=1), none.mean() + none.std(ddof=1), color="k", alpha=0.07
    )
    for index, (l1, runs) in enumerate(groups.items()):
        ax.plot(
            [run.metrics["zeros"] for run in runs],
            errors(runs),
            label=f"{l1:g}" if l1 else "none",
            **(line(index, 1) | {"linestyle": "none"}),
        )
    ax.set(xlabel="activations exactly 0, mean of the layers", ylabel="test error, %")
    ax.legend(title="L1 penalty", fontsize=8)
    return figure


@styled
def errors_figure(groups: Groups, printed: Mapping[str, float]) -> Figure:
    """Draw the test error of every run, by group, with the mean and its 95 % interval.

    A short line on the right of each group is the value printed in the paper.
    """
    figure, ax = plt.subplots()
    for index, (name, runs) in enumerate(groups.items()):
        values = errors(runs)
        mean, low, high = mean_interval(values)
        x = index - 0.15 + 0.3 * np.arange(len(values)) / max(len(values) - 1, 1)
        ax.plot(x, values, MARKERS[index], color=COLOURS[index], mfc="none", label=name)
        ax.errorbar(index + 0.27, mean, [[mean - low], [high - mean]], fmt="k.", capsize=3)
        if name in printed:
            ax.plot([index + 0.34, index + 0.46], [printed[name]] * 2, "k-", lw=2)
    ax.set_xticks(range(len(groups)), list(groups))
    ax.set_xlim(-0.4, len(groups) - 0.4)
    ax.set_ylabel("test error, %")
    ax.grid(axis="x", visible=False)
    return figure


@styled
def detection_figure(seeds: NDArray[Any], detected: Mapping[str, ArrayLike]) -> Figure:
    """Draw the probability of seeing a gap against the number of seeds a group."""
    figure, ax = plt.subplots()
    for index, (name, values) in enumerate(detected.items()):
        ax.plot(seeds, np.asarray(values), label=name, **line(index))
    ax.axhline(0.8, color="k", lw=0.8)
    ax.set(
        xscale="log",
        xlabel="networks of each kind",
        ylabel="probability of seeing the gap",
        ylim=(0, 1.02),
    )
    ticks = [2, 5, 10, 20, 50, 100]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.legend(fontsize=8)
    return figure
