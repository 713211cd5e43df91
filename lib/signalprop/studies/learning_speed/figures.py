"""Figures of the chapter on learning speed; they draw, and compute nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from numpy.typing import ArrayLike, NDArray

from ...style import COLOURS, DASHES, MARKERS, styled

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """How well a network does while it learns.

    Attributes
    ----------
    label : of the network
    steps : (n,)
    test : (n,), accuracies, 0 to 1
    printed : steps to the level that is marked, as the paper has them
    """

    label: str
    steps: NDArray[np.int64]
    test: Floats
    printed: float


@styled
def learning_figure(curves: Sequence[Curve], level: float) -> Figure:
    """Draw test accuracies against steps, pairs of curves in one colour, and printed crossings."""
    figure, ax = plt.subplots(figsize=(6.4, 4.0))
    for index, curve in enumerate(curves):
        colour, marker = COLOURS[index // 2], MARKERS[index // 2]
        shown = slice(1, None)  # a logarithmic axis has no start
        ax.plot(
            curve.steps[shown],
            curve.test[shown],
            color=colour,
            linestyle=DASHES[index % 2],
            marker=marker,
            markevery=5,
            mfc=colour if index % 2 == 0 else "white",
            label=curve.label,
        )
        ax.plot(curve.printed, level, marker, color=colour, ms=11, mfc="none", mew=1.5)
    ax.axhline(level, color="#333333", lw=0.8)
    ax.set(xscale="log", xlabel="steps", ylabel="test accuracy", ylim=(0.05, 0.3))
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    return figure


@styled
def predictors_figure(
    labels: Sequence[str], steps: ArrayLike, predictors: Mapping[str, ArrayLike]
) -> Figure:
    """Draw learning times against what might order them, a panel for each."""
    figure, axes = plt.subplots(1, len(predictors), figsize=(6.4, 3.2), sharey=True, squeeze=False)
    times = np.asarray(steps, dtype=float)
    for ax, (name, values) in zip(axes.flat, predictors.items(), strict=True):
        for index, (label, x, y) in enumerate(
            zip(labels, np.asarray(values, dtype=float), times, strict=True)
        ):
            colour = COLOURS[index // 2]
            face = colour if index % 2 == 0 else "white"
            ax.plot(x, y, MARKERS[index], color=colour, mfc=face, ms=8, label=label)
        ax.set(xscale="log", yscale="log", xlabel=name)
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.minorticks_off()
        ax.margins(0.15)
    axes[0, 0].set_ylabel("steps to learn")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8)
    return figure
