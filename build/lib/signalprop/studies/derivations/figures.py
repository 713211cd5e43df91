"""The figures of the initialization chapters: they draw what they are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ...style import COLOURS, line, styled
from .simulation import Estimate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """Second moments layer by layer, by the rule of the weights.

    Attributes
    ----------
    title, ylabel : of the panel
    curves : theory (layers,) and drawn networks, by rule
    first : number of the first layer
    """

    title: str
    ylabel: str
    curves: Mapping[str, tuple[Floats, Estimate]]
    first: int = 1


@styled
def profiles_figure(rows: Sequence[Sequence[Panel]]) -> Figure:
    """Draw theory as lines, drawn networks as open markers with two standard errors."""
    size = (3.0 * len(rows[0]) + 0.6, 2.9 * len(rows))
    figure, axes = plt.subplots(len(rows), len(rows[0]), figsize=size, squeeze=False)
    for ax, panel in zip(axes.flat, [p for row in rows for p in row], strict=True):
        for index, (name, (theory, drawn)) in enumerate(panel.curves.items()):
            kind = line(index)
            layers = panel.first + np.arange(len(theory))
            ax.plot(layers, theory, label=name, **(kind | {"marker": ""}))
            ax.errorbar(
                layers,
                drawn.value,
                2 * drawn.error,
                fmt=kind["marker"],
                color=kind["color"],
                mfc="none",
                elinewidth=1,
            )
        ax.set_title(panel.title, fontsize=10)
        ax.set(xlabel="layer", ylabel=panel.ylabel, yscale="log")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        low, high = np.log10(ax.get_ylim())
        if high - low < 1:  # less than a decade: what is level should look it
            ax.set_ylim(10 ** np.floor(low), 10 ** np.ceil(high))
    axes[0, 0].legend(fontsize=8)
    return figure


@dataclass(frozen=True)
class Spectrum:
    """Drawn singular values beside a law.

    Attributes
    ----------
    label : of the line
    values : drawn singular values
    s, density : the law
    mean : of the law
    """

    label: str
    values: Floats
    s: Floats
    density: Floats
    mean: float


@styled
def singular_values_figure(panels: Mapping[str, Sequence[Spectrum]]) -> Figure:
    """Draw histograms of singular values as steps, laws as lines, their means as triangles."""
    figure, axes = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 3.4), sharey=True)
    for ax, (title, spectra) in zip(np.atleast_1d(axes), panels.items(), strict=True):
        for index, one in enumerate(spectra):
            kind = line(index, None)
            ax.hist(
                one.values, 30, density=True, histtype="stepfilled", alpha=0.25, fc=COLOURS[index]
            )
            ax.plot(one.s, one.density, label=one.label, **kind)
            ax.plot(one.mean, 0.03, "^" if index == 0 else "s", color=kind["color"], ms=8)
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="singular value", xlim=(0, 2.05), ylim=(0, None))
        ax.legend(fontsize=8)
    np.atleast_1d(axes)[0].set_ylabel("density")
    return figure


@styled
def gains_figure(
    q: Floats,
    signal: Mapping[str, Floats],
    gradient: Mapping[str, Floats],
    recommended: Mapping[str, float],
) -> Figure:
    """Draw gains against the variance of the pre-activations, and torch's at variance 1.

    Parameters
    ----------
    q : (n,)
    signal, gradient : (n,) the gains that keep either, by activation
    recommended : torch's gain, by activation
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.6), sharey=True)
    for ax, curves, title in zip(
        axes, (signal, gradient), ("keeps the signal", "keeps the gradient"), strict=True
    ):
        for index, (name, gains) in enumerate(curves.items()):
            kind = line(index)
            ax.plot(q, gains, label=name, **(kind | {"marker": ""}))
            if name in recommended:
                at = recommended[name]
                ax.plot(1, at, kind["marker"], color=kind["color"], mfc="none", ms=8)
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="variance $q$ of the pre-activations", xscale="log", yscale="log")
        ax.set_yticks([0.25, 0.5, 1, 2, 4, 8], ["1/4", "1/2", "1", "2", "4", "8"])
        ax.minorticks_off()
    axes[0].set(ylabel="gain", ylim=(0.2, 10))
    axes[1].legend(fontsize=8, loc="lower right", ncols=2)
    return figure
