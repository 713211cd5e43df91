"""The figures of the chapters on ReLU, sigmoids and universality: arrays and laws, drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from ...spectra import JacobianLaw, Law
from ...style import COLOURS, MARKERS, line, styled
from .comparison import NOISE, allowed

Floats = NDArray[np.float64]


class Curves(NamedTuple):
    """A panel of curves.

    Attributes
    ----------
    title, xlabel, ylabel : texts
    x : (n,), of all curves
    lines : (n,) by label
    levels : values to mark by a thin line, by the text beside it
    """

    title: str
    xlabel: str
    ylabel: str
    x: ArrayLike
    lines: Mapping[str, ArrayLike]
    levels: Mapping[str, float] = {}


@styled
def curves_figure(panels: Sequence[Curves], scale: str = "loglog", columns: int = 2) -> Figure:
    """Draw panels of curves on axes that are all "loglog", "semilogx" or "plot" (linear).

    Panels of a row with the same ordinate share its axis.
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    labels = [panel.ylabel for panel in panels]
    alike = all(len(set(labels[r * columns : (r + 1) * columns])) == 1 for r in range(rows))
    size = (6.4, 4.0) if len(panels) == 1 else (4.2 * columns, 3.6 * rows)
    figure, axes = plt.subplots(
        rows, columns, figsize=size, sharey="row" if alike else False, squeeze=False
    )
    for ax, panel in zip(axes.flat, panels, strict=True):
        for index, (label, values) in enumerate(panel.lines.items()):
            shown = np.asarray(values, dtype=float)
            if scale == "loglog":
                shown = np.where(shown > 0, shown, np.nan)
            if np.isnan(shown).all():  # others keep their styles
                continue
            getattr(ax, scale)(panel.x, shown, label=label, **line(index, 0.15))
        for text, level in panel.levels.items():
            ax.axhline(level, color="k", lw=0.8, ls=":")
            ax.annotate(
                text, (1, level), (-2, 2), ("axes fraction", "data"), "offset points", ha="right"
            )
        ax.set(xlabel=panel.xlabel, ylabel=panel.ylabel)
        ax.set_title(panel.title, fontsize=10)
        ax.legend(fontsize=8)
        _plain_ticks(ax)
    for across in axes if scale == "loglog" else ():  # room for the legends
        for ax in across:
            peers = across if alike else [ax]
            ax.set_ylim(top=2 * max(peer.dataLim.y1 for peer in peers))
    return figure


def _plain_ticks(ax: Axes) -> None:
    """Label logarithmic axes 1, 2, 5, 10 or, over more than two decades, 1, 10, 100."""
    for axis in (ax.xaxis, ax.yaxis):
        if axis.get_scale() == "log":
            low, high = axis.get_view_interval()
            subs = (1.0, 2.0, 5.0) if high < 100 * low else (1.0,)
            axis.set_major_locator(LogLocator(subs=subs))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())


class Curve(NamedTuple):
    """A law, and singular values measured on networks, if there are any."""

    label: str
    law: Law
    values: Floats | None = None


@styled
def densities_figure(
    panels: Mapping[str, Sequence[Curve]], reach: Sequence[float], bins: int = 40
) -> Figure:
    """Draw densities on a logarithmic axis: laws as lines, measured values as markers.

    Atoms are upright lines with their mass beside them; the one at 0 is left out, and so are
    measured values below 1e-5.

    Parameters
    ----------
    panels : curves by title
    reach : right end of each panel
    bins : of the measured values, over the reach
    """
    figure, axes = plt.subplots(2, 2, figsize=(8.4, 6.4), sharey=True)
    for ax, (title, curves), end in zip(axes.flat, panels.items(), reach, strict=True):
        for index, curve in enumerate(curves):
            _density(ax, curve, index, end)
            if curve.values is not None:
                centres, height = _histogram(curve.values, end, bins)
                kind = {"color": COLOURS[index], "marker": MARKERS[index]}
                ax.plot(centres, height, ls="none", mfc="none", ms=3.5, mew=0.8, **kind)
        ax.set(yscale="log", ylim=(1e-4, 10), xlim=(0, end))
        ax.set_title(title, fontsize=10)
        ax.legend(fontsize=8, loc="upper right")
    for ax in axes[-1]:
        ax.set_xlabel("singular value $s$")
    for ax in axes[:, 0]:
        ax.set_ylabel("density $P(s)$")
    return figure


def _density(ax: Axes, curve: Curve, index: int, end: float) -> None:
    """Draw the density of a law and its atoms."""
    kind = line(index, None)
    low, high = curve.law.support
    s = low + (high - low) * np.sin(np.linspace(0, np.pi / 2, 500)[1:]) ** 2
    ax.plot(s, np.maximum(curve.law.density(s), 1e-12), label=curve.label, **kind)
    for location, mass in curve.law.atoms:
        if 0 < location < end:
            ax.axvline(location, **(kind | {"lw": 1.2}))
            at = (location, 5 / 2**index)  # one below the other
            ax.annotate(f"{mass:.3f}", at, (3, 0), textcoords="offset points", size=7)


def _histogram(values: Floats, end: float, bins: int) -> tuple[Floats, Floats]:
    """Return bin centres and densities; NaN where a bin is empty."""
    counts, edges = np.histogram(values[values > NOISE], bins, (0, end))
    height = counts / len(values) / np.diff(edges)
    return (edges[:-1] + edges[1:]) / 2, np.where(counts, height, np.nan)


@styled
def distribution_figure(
    laws: Mapping[str, Law], reach: tuple[float, float], log: bool = False
) -> Figure:
    """Draw distribution functions; atoms are jumps.

    Parameters
    ----------
    laws : by label
    reach : ends of the axis of s
    log : use a logarithmic axis of s
    """
    low, high = reach
    grid = np.geomspace(low, high, 500) if log else np.linspace(low, high, 500)
    figure, ax = plt.subplots(figsize=(6.4, 3.8))
    for index, (label, law) in enumerate(laws.items()):
        jumps = [a * f for a, _ in law.atoms if low <= a < high for f in (1 - 1e-12, 1 + 1e-12)]
        s = np.sort(np.concatenate([grid, jumps]))
        ax.plot(s, law.cdf(s), label=label, **line(index, 0.13))
    if log:
        ax.set_xscale("log")
    ax.set(xlabel="singular value $s$", ylabel="fraction of singular values up to $s$")
    ax.set(xlim=reach, ylim=(0, 1.02))
    ax.legend(fontsize=8)
    return figure


@styled
def widths_figure(law: Law, samples: Mapping[str, Floats], reach: tuple[float, float]) -> Figure:
    """Draw distribution functions of networks and of infinite width, and their difference.

    The band is what independent draws, as many as the fewest sampled, exceed once in a thousand.

    Parameters
    ----------
    law : of infinite width
    samples : singular values by label
    reach : ends of the logarithmic axis of s
    """
    s = np.geomspace(*reach, 300)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.8))
    left.semilogx(s, law.cdf(s), "k", lw=2.5, alpha=0.4, label="infinite width")
    for index, (label, values) in enumerate(samples.items()):
        share = np.searchsorted(np.sort(values), s, side="right") / len(values)
        left.semilogx(s, share, label=label, **line(index, 0.13))
        right.semilogx(s, share - law.cdf(s), label=label, **line(index, 0.13))
    band = allowed(min(map(len, samples.values())))
    right.axhspan(-band, band, color="#999999", alpha=0.15, lw=0)
    right.axhline(0, color="k", lw=0.8)
    left.set(xlabel="singular value $s$", ylabel="fraction of singular values up to $s$")
    right.set(xlabel="singular value $s$", ylabel="network minus infinite width")
    left.legend(fontsize=8)
    return figure


class Slope(NamedTuple):
    """An activation and the laws of its slope.

    Attributes
    ----------
    function : the activation
    laws : of one orthogonal layer, whose singular values are slopes times sigma_w, by q*
    """

    function: Callable[[Floats], Any]
    laws: Mapping[float, JacobianLaw]


@styled
def slopes_figure(columns: Mapping[str, Slope]) -> Figure:
    """Draw activations over Gaussians of several variances, and the law of the slope below."""
    size = (2.1 * len(columns), 4.6)
    figure, axes = plt.subplots(2, len(columns), figsize=size, sharey="row", squeeze=False)
    x = np.linspace(-3, 3, 301)
    for (top, bottom), (name, column) in zip(axes.T, columns.items(), strict=True):
        for index, (q, law) in enumerate(column.laws.items()):
            density = np.exp(-(x**2) / (2 * q)) / math.sqrt(2 * math.pi * q)
            top.plot(x, density, lw=1, **(line(index, None) | {"alpha": 0.9}))
            slope = np.linspace(-0.02, 1.2, 400)
            jumps = [a / math.sqrt(law.sigma_w2) + e for a, _ in law.atoms for e in (-1e-9, 1e-9)]
            slope = np.sort(np.append(slope, jumps))
            share = law.cdf(slope * math.sqrt(law.sigma_w2))
            bottom.plot(slope, share, label=f"$q$ = {q:g}", **line(index, 0.2))
        top.plot(x, column.function(x), "k", lw=2)
        top.set(xlabel="$x$", ylim=(-1.1, 1.5))
        top.set_title(name, fontsize=10)
        bottom.set(xlabel=r"slope $|\phi'|$", xlim=(-0.02, 1.2), ylim=(-0.02, 1.04))
    axes[0, 0].set_ylabel(r"$\phi(x)$, density of $x$")
    axes[1, 0].set_ylabel("fraction of units")
    axes[1, 0].legend(fontsize=8, loc=(0.08, 0.53), handlelength=2.4, labelspacing=0.2)
    return figure


class Convergence(NamedTuple):
    """Networks of one depth beside their law and the limit of infinite depth."""

    values: Floats
    law: Law
    limit: Law


@styled
def convergence_figure(
    rows: Mapping[str, Mapping[int, Convergence]], reach: float = 2.0, bins: int = 40
) -> Figure:
    """Draw histograms of networks, their laws (dashed) and the limit (black).

    Beside an atom of the law stand its mass, and the share of the networks' singular values
    within 5 % of it.

    Parameters
    ----------
    rows : by activation, then by depth
    reach, bins : of the histograms
    """
    depths = list(next(iter(rows.values())))
    size = (2.3 * len(depths), 2.4 * len(rows))
    figure, axes = plt.subplots(
        len(rows), len(depths), figsize=size, sharex=True, sharey=True, squeeze=False
    )
    for across, (name, panels) in zip(axes, rows.items(), strict=True):
        for ax, (depth, panel) in zip(across, panels.items(), strict=True):
            centres, height = _histogram(panel.values, reach, bins)
            ax.bar(centres, np.nan_to_num(height), reach / bins, color="#BBBBBB")
            for law, kind in ((panel.law, line(1, None)), (panel.limit, {"color": "k"})):
                low, high = law.support
                s = low + (high - low) * np.sin(np.linspace(0, np.pi / 2, 300)[1:-1]) ** 2
                ax.plot(s, law.density(s), **kind)
                for location, _ in law.atoms:
                    if location > 0:
                        ax.axvline(location, **(kind | {"lw": 1.0}))
            for location, mass in panel.law.atoms:
                if location > 0:
                    near = (abs(panel.values / location - 1) < 0.05).mean()
                    text = f"{mass:.3f}\n({near:.3f})"
                    ax.annotate(text, (location + 0.06, 2.3), fontsize=7)
            ax.set(xlim=(0, reach), ylim=(0, 3))
            ax.set_title(f"{name}, $L$ = {depth}", fontsize=9)
    for ax in axes[-1]:
        ax.set_xlabel("$s$")
    for ax in axes[:, 0]:
        ax.set_ylabel("density")
    return figure
