"""Figures of the chapter on learning speed; they draw, and compute nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ...style import COLOURS, DASHES, MARKERS, line, styled

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """How well a network does while it learns.

    Attributes
    ----------
    label : of the network
    steps : (n,)
    test, train : (n,), accuracies, 0 to 1
    printed : steps to the level that is marked, as the paper has them
    """

    label: str
    steps: NDArray[np.int64]
    test: Floats
    train: Floats
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
    ax.set(xscale="log", xlabel="steps", ylabel="test accuracy", ylim=(0.05, None))
    ax.legend(fontsize=8, ncols=2, loc="upper left")
    ax.margins(y=0.25)
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
            ax.plot(x, y, MARKERS[index // 2], color=colour, mfc=face, ms=8, label=label)
        ax.set(xscale="log", yscale="log", xlabel=name)
        ax.margins(0.15)
    axes[0, 0].set_ylabel("steps to learn")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8)
    return figure


@dataclass(frozen=True)
class Sweep:
    """Learning times at one depth.

    Attributes
    ----------
    label : of the depth
    depth : hidden layers
    rates, steps : (rates,)
    """

    label: str
    depth: int
    rates: Floats
    steps: Floats


@styled
def depth_figure(kinds: Mapping[str, Sequence[Sweep]]) -> Figure:
    """Draw learning times over rates times depth, a panel for each kind of weights."""
    figure, axes = plt.subplots(1, len(kinds), figsize=(6.4, 3.4), sharey=True, squeeze=False)
    for ax, (title, sweeps) in zip(axes.flat, kinds.items(), strict=True):
        for index, sweep in enumerate(sweeps):
            ax.plot(sweep.depth * sweep.rates, sweep.steps, label=sweep.label, **line(index, 1))
        ax.set(xscale="log", yscale="log", title=title, xlabel=r"learning rate $\times\ L$")
        ax.yaxis.set_major_formatter("{x:g}")
    axes[0, 0].set_ylabel("steps to learn")
    axes[0, -1].legend(fontsize=8, title="$L$")
    return figure


@dataclass(frozen=True)
class Watched:
    """A network while it learns.

    Attributes
    ----------
    label : of its start
    steps : (n,)
    isometry, test : (n,), 0 to 1
    """

    label: str
    steps: NDArray[np.int64]
    isometry: Floats
    test: Floats


@styled
def isometry_figure(networks: Sequence[Watched]) -> Figure:
    """Draw conditioning and test accuracy against steps; the start is drawn at half a step."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.4))
    for index, network in enumerate(networks):
        steps = np.maximum(network.steps, 0.5)
        left.plot(steps, network.isometry, label=network.label, **line(index, 4))
        right.plot(steps, network.test, **line(index, 4))
    left.set(ylabel=r"$\langle\lambda\rangle^2 / \langle\lambda^2\rangle$", ylim=(0, 1.02))
    right.set(ylabel="test accuracy")
    for ax in (left, right):
        ax.set(xscale="log", xlabel="steps")
    left.legend(fontsize=8)
    return figure
