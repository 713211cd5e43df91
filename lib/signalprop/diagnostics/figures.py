"""The figure of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..style import line, styled

if TYPE_CHECKING:
    from .jacobian import Spectrum
    from .report import Report
    from .stack import Stack


@styled
def report_figure(report: Report) -> Figure:
    """Draw a report in four panels.

    Activations: what share is saturated, and what share of units dead.  Second moments of signals
    and gradients.  Weights over their gradients.  The distribution of singular values, of the
    stack that theory covers if there is one, else from input to output.

    Examples
    --------
    >>> import torch
    >>> from signalprop.diagnostics import diagnose
    >>> figure = report_figure(diagnose(torch.nn.Linear(3, 2), torch.ones(10, 3)))
    >>> [ax.get_ylabel() for ax in figure.axes][:2]
    ['share', 'second moment']
    """
    figure, axes = plt.subplots(2, 2, figsize=(8.0, 6.0))
    (top_left, top_right), (bottom_left, bottom_right) = axes
    _activations(top_left, report)
    _moments(top_right, report)
    _ratios(bottom_left, report)
    _singular_values(bottom_right, report)
    return figure


def _activations(ax: Axes, report: Report) -> None:
    for index, name in enumerate(("saturated", "dead")):
        shares = [getattr(a, name) for a in report.activations]
        ax.plot(np.arange(1, len(shares) + 1), shares, label=name, **line(index, 0.1))
    ax.set(xlabel="activation, in the order of calls", ylabel="share", ylim=(-0.03, 1.03))
    _finish(ax, len(report.activations))


def _moments(ax: Axes, report: Report) -> None:
    for index, (label, name) in enumerate((("signal", "second_moment"), ("gradient", "gradient"))):
        values = [getattr(layer, name) for layer in report.layers]
        _by_layer(ax, values, label, index)
    ax.set(xlabel="layer of weights", ylabel="second moment")
    _finish(ax, len(report.layers))


def _ratios(ax: Axes, report: Report) -> None:
    values = [layer.weight_to_gradient for layer in report.layers]
    _by_layer(ax, values, "weights over their gradients", 0)
    ax.set(xlabel="layer of weights", ylabel="root mean squares, ratio")
    _finish(ax, len(report.layers))


def _by_layer(ax: Axes, values: list[float | None], label: str, index: int) -> None:
    """Draw positive numbers on a logarithmic axis; others are left out."""
    numbers = np.array([np.nan if v is None else v for v in values], dtype=float)
    numbers[~(np.isfinite(numbers) & (numbers > 0))] = np.nan
    ax.plot(np.arange(1, len(numbers) + 1), numbers, label=label, **line(index, 0.1))
    if np.isfinite(numbers).any():
        ax.set_yscale("log")


def _finish(ax: Axes, count: int) -> None:
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(ax, count)


def _legend(ax: Axes, count: int) -> None:
    if count:
        ax.legend(fontsize=8)
    else:
        ax.text(0.5, 0.5, "none", transform=ax.transAxes, ha="center")


def _singular_values(ax: Axes, report: Report) -> None:
    stack = report.stack
    if stack is not None and stack.spectrum is not None:
        _distribution(ax, stack.spectrum, f"{len(stack.layers)} layers, measured")
        _law(ax, stack)
    elif report.spectrum is not None:
        _distribution(ax, report.spectrum, "input to output")
    ax.set(xlabel="singular value", ylabel="share at or below", ylim=(-0.03, 1.03))
    _legend(ax, len(ax.lines))


def _distribution(ax: Axes, found: Spectrum, label: str) -> None:
    """Draw all values, or where there are only estimates, these."""
    if found.singular_values is None:
        marks = (
            ("smallest is below", found.smallest),
            ("root mean square", np.sqrt(found.mean_square)),
            ("largest", found.largest),
        )
        for index, (name, value) in enumerate(marks):
            ax.axvline(value, label=name, **line(index, None))
    else:
        values = np.sort(found.singular_values)
        values = np.maximum(values, max(found.noise, np.finfo(float).tiny))
        shares = np.arange(1, len(values) + 1) / len(values)
        ax.plot(values, shares, label=label, drawstyle="steps-post", **line(0, None))
    if found.smallest < 0.03 * found.largest and found.largest > 0:
        ax.set_xscale("log")
    else:
        ax.xaxis.set_major_locator(MaxNLocator(6))


def _law(ax: Axes, stack: Stack) -> None:
    if stack.law is None:
        return
    low, high = ax.get_xlim()
    low, high = max(min(low, stack.law.support[0]), 1e-3 * high), max(high, 1.05 * stack.law.s_max)
    grid = np.geomspace(low, high, 300)
    ax.plot(grid, stack.law.cdf(grid), label="law of theory", **line(1, None))
