"""Figures of the chapter on deep linear networks; they draw, and compute nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from numpy.typing import ArrayLike, NDArray

from ...style import line, styled


@dataclass(frozen=True)
class Course:
    """How strong a mode is in the course of learning.

    Attributes
    ----------
    label : of the mode
    times : (n,)
    exact : (n,), by the differential equation
    simulated : (n,), in whole matrices
    """

    label: str
    times: NDArray[np.float64]
    exact: NDArray[np.float64]
    simulated: NDArray[np.float64]


@styled
def courses_figure(panels: Mapping[str, Sequence[Course]]) -> Figure:
    """Draw exact courses as lines and gradient descent as markers, a panel for each depth."""
    figure, axes = plt.subplots(1, len(panels), figsize=(6.4, 3.1), sharey=True, squeeze=False)
    for ax, (title, courses) in zip(axes.flat, panels.items(), strict=True):
        for index, course in enumerate(courses):
            kind = line(index, None)
            ax.plot(course.times, course.exact, label=course.label, **kind)
            marker = line(index)["marker"]
            some = slice(None, None, max(1, len(course.times) // 12))
            ax.plot(
                course.times[some],
                course.simulated[some],
                marker,
                color=kind["color"],
                mfc="none",
            )
        ax.set(title=title, xlabel=r"time ($\tau/D$)", ylim=(0, 1.35 * courses[0].exact[-1]))
        ax.margins(x=0.02)
    axes[0, 0].set_ylabel("strength $u$ of a mode")
    axes[0, -1].legend(loc="upper left", fontsize=8, handlelength=2)
    return figure


@styled
def aligned_figure(depths: ArrayLike, steps: ArrayLike, relative_rates: ArrayLike) -> Figure:
    """Draw learning time, and the best rate times the depth, against the depth."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.1))
    left.plot(depths, steps, **line(0, 1))
    left.set(ylabel="steps to learn", ylim=(0, None))
    right.plot(depths, relative_rates, **line(1, 1))
    right.set(ylabel="best rate times depth", ylim=(0, None))
    for ax in (left, right):
        ax.set(xscale="log", xlabel="weight matrices $D$")
    return figure


@dataclass(frozen=True)
class Learned:
    """Learning times of a kind of starting weights.

    Attributes
    ----------
    label : of the kind
    depths : (depths,)
    steps : (seeds, depths)
    rates : (seeds, depths), the best ones
    """

    label: str
    depths: NDArray[np.int64]
    steps: NDArray[np.float64]
    rates: NDArray[np.float64]


@styled
def learned_figure(kinds: Sequence[Learned]) -> Figure:
    """Draw learning times and best rates against the depth: means as lines, seeds as markers."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.4))
    for index, kind in enumerate(kinds):
        _seeds(left, index, kind.label, kind.depths, kind.steps)
        _seeds(right, index, kind.label, kind.depths, kind.rates)
    left.set(ylabel="steps to learn")
    right.set(ylabel="best learning rate")
    for ax in (left, right):
        depths = kinds[0].depths
        ax.set(xscale="log", yscale="log", xlabel="weight matrices $D$")
        ax.set_xticks(depths, [str(depth) for depth in depths])
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.minorticks_off()
    left.legend(loc="upper left")
    return figure


def _seeds(
    ax: Axes, index: int, label: str, depths: NDArray[np.int64], values: NDArray[np.float64]
) -> None:
    kind = line(index, None)
    ax.plot(depths, np.exp(np.log(values).mean(0)), label=label, **kind)
    marker = line(index)["marker"]
    for row in values:
        ax.plot(depths, row, marker, color=kind["color"], mfc="none")
