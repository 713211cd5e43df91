"""Figures of the chapter on learning speed; they draw, and compute nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
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
    test, train : (n,), accuracies on new images and on those it learned from, 0 to 1
    printed : steps to the level that is marked, as the paper has them
    """

    label: str
    steps: NDArray[np.int64]
    test: Floats
    train: Floats
    printed: float


@styled
def learning_figure(curves: Sequence[Curve], level: float) -> Figure:
    """Draw accuracies against steps, pairs of curves in one colour, and printed crossings."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 4.0), sharey=True)
    for index, curve in enumerate(curves):
        colour = COLOURS[index // 2]
        for ax, accuracy in ((left, curve.test), (right, curve.train)):
            ax.plot(
                curve.steps[1:],  # a logarithmic axis has no start
                accuracy[1:],
                color=colour,
                linestyle=DASHES[index % 2],
                marker=MARKERS[index // 2],
                markevery=5,
                mfc=colour if index % 2 == 0 else "white",
                label=curve.label,
            )
        marker = MARKERS[index // 2]
        left.plot(curve.printed, level, marker, color=colour, ms=11, mfc="none", mew=1.5)
    for ax in (left, right):
        ax.axhline(level, color="#333333", lw=0.8)
        ax.set(xscale="log", xlabel="steps", ylim=(0.05, 0.3))
    left.set(title="test", ylabel="accuracy")
    right.set(title="training")
    handles, names = right.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8)
    return figure


def _point(index: int) -> dict[str, Any]:
    """Return how one of the six networks is drawn as a point; Gaussian weights are open."""
    colour = COLOURS[index // 2]
    face = colour if index % 2 == 0 else "white"
    return {"marker": MARKERS[index], "color": colour, "mfc": face, "ms": 8, "ls": "none"}


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
            ax.plot(x, y, label=label, **_point(index))
        ax.set(xscale="log", yscale="log", xlabel=name)
        _plain_ticks(ax.xaxis)
        ax.minorticks_off()
        ax.margins(0.15)
    axes[0, 0].set_ylabel("steps to learn")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8)
    return figure


@styled
def optimizers_figure(
    labels: Sequence[str], panels: Mapping[str, Mapping[str, ArrayLike]], more: ArrayLike
) -> Figure:
    """Draw learning times of the six networks by optimizer.

    Parameters
    ----------
    labels : of the networks
    panels : by title, and then by optimizer, steps (networks,); infinite where not known
    more : (optimizers, networks), than which it takes; where steps are infinite, an arrow is there
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(6.4, 4.0), sharey=True, squeeze=False)
    bounds = np.asarray(more, dtype=float)
    for ax, (title, optimizers) in zip(axes.flat, panels.items(), strict=True):
        for index, label in enumerate(labels):
            steps = np.array([np.asarray(of, dtype=float)[index] for of in optimizers.values()])
            x = np.arange(len(steps)) + (index - 2.5) * 0.1
            known = np.isfinite(steps)
            ax.plot(x[known], steps[known], label=label, **_point(index))
            if not known.all():
                ax.plot(x[~known], bounds[~known, index], **_point(index) | {"marker": 6})
        ax.set(yscale="log", title=title)
        ax.set_xticks(range(len(optimizers)), list(optimizers), fontsize=8)
        ax.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel("steps to 25 %")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8)
    return figure


# --- Figures 5 and 6 ------------------------------------------------------------------------


@dataclass(frozen=True)
class Times:
    """Learning times at one depth.

    Attributes
    ----------
    depth : hidden layers
    rates, steps : (rates,), steps infinite where they are not known
    """

    depth: int
    rates: Floats
    steps: Floats


def _plain_ticks(axis: Axis) -> None:
    """Mark 1, 2 and 5 of each decade of a logarithmic axis, in plain numbers."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


@styled
def collapse_figure(panels: Mapping[str, tuple[float, Sequence[Times]]]) -> Figure:
    """Draw learning times over a power of the depth against rate times depth.

    Parameters
    ----------
    panels : by title, the power and the times of each depth
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(6.4, 3.6), squeeze=False)
    for ax, (title, (power, sweeps)) in zip(axes.flat, panels.items(), strict=True):
        for index, sweep in enumerate(sweeps):
            known = np.isfinite(sweep.steps)
            x, y = sweep.depth * sweep.rates, sweep.steps / sweep.depth**power
            ax.plot(x[known], y[known], label=f"{sweep.depth} layers", **line(index, 1))
        ax.set(xscale="log", yscale="log", xlabel=r"learning rate $\times\ L$")
        ax.set_title(title, fontsize=9)
        _plain_ticks(ax.xaxis)
        _plain_ticks(ax.yaxis)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8)
    return figure


@styled
def best_times_figure(
    by_depth: Mapping[str, Sequence[tuple[int, float]]], by_q: Sequence[tuple[float, float]]
) -> Figure:
    """Draw the learning times at the best rates against the depth, and against q*.

    Parameters
    ----------
    by_depth : by kind of network, depth and steps of each
    by_q : q* and steps, at one depth
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.6), sharey=True)
    for index, (label, times) in enumerate(by_depth.items()):
        left.plot(*zip(*times, strict=True), label=label, **line(index, 1))
    right.plot(*zip(*by_q, strict=True), **line(0, 1))
    left.set(xscale="log", yscale="log", xlabel="hidden layers $L$", ylabel="steps to learn")
    depths = sorted({depth for times in by_depth.values() for depth, _ in times})
    left.set_xticks(depths, [f"{depth}" for depth in depths])
    left.minorticks_off()
    right.set(xscale="log", xlabel=r"$q^*$")
    _plain_ticks(left.yaxis)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    return figure


@dataclass(frozen=True)
class Explained:
    """A learning time and what might explain it.

    Attributes
    ----------
    kernel : conditioning of the tangent kernel at the start
    s_max : largest singular value of the Jacobian at the start
    steps : to learn
    """

    kernel: float
    s_max: float
    steps: float


@styled
def kernel_figure(kinds: Mapping[str, Sequence[Explained]]) -> Figure:
    """Draw learning times against the tangent kernel and against s_max, by kind of network."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.8), sharey=True)
    for index, (label, networks) in enumerate(kinds.items()):
        steps = [n.steps for n in networks]
        style: dict[str, Any] = {"color": COLOURS[index], "marker": MARKERS[index], "ls": "none"}
        style |= {"ms": 7, "mfc": "none", "mew": 1.5}
        left.plot([n.kernel for n in networks], steps, label=label, **style)
        right.plot([n.s_max for n in networks], steps, **style)
    left.set(yscale="log", xlabel="tangent kernel", ylabel="steps to learn")
    right.set(xlabel=r"$s_{\max}$")
    _plain_ticks(left.yaxis)
    for ax in (left, right):
        ax.set(xscale="log")
        _plain_ticks(ax.xaxis)
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=8)
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
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.8))
    for index, network in enumerate(networks):
        steps = np.maximum(network.steps, 0.5)
        left.plot(steps, network.isometry, label=network.label, **line(index, 4))
        right.plot(steps, network.test, **line(index, 4))
    left.set(ylabel=r"$\langle\lambda\rangle^2 / \langle\lambda^2\rangle$", ylim=(0, 1.02))
    right.set(ylabel="test accuracy")
    for ax in (left, right):
        ax.set(xscale="log", xlabel="steps")
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8)
    return figure


@styled
def spectrum_figure(spectra: Mapping[str, Floats]) -> Figure:
    """Draw singular values in the order of their size, by time.

    Parameters
    ----------
    spectra : by time, (inputs, width), each row descending; their mean over inputs is drawn
    """
    figure, ax = plt.subplots(figsize=(6.4, 3.6))
    for index, (label, values) in enumerate(spectra.items()):
        mean = values.mean(0)
        ax.plot(np.arange(1, len(mean) + 1), mean, label=label, **line(index))
    ax.set(xscale="log", yscale="log", xlabel="rank", ylabel="singular value", ylim=(0.2, None))
    _plain_ticks(ax.xaxis)
    _plain_ticks(ax.yaxis)
    ax.legend(title="after")
    return figure
