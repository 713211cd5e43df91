"""The figures of the chapter on the rescaled sigmoid: they draw what they are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ...records import Record
from ...style import line, styled
from . import BLIND, LEARNED, final_costs
from .moments import Moments

Floats = NDArray[np.float64]


@styled
def moments_figure(
    curves: Mapping[str, tuple[Moments, Sequence[Moments], Moments]],
) -> Figure:
    """Draw second moments by layer: theory, networks, and what the paper's equations say.

    Parameters
    ----------
    curves : by label, theory (line), drawn networks (open markers: their mean) and the paper's
        equations (thin dotted line)
    """
    panels = (
        ("whole", "whole, over units and examples"),
        ("data", "across examples"),
        ("gradient", "gradient, top layer 1"),
    )
    figure, axes = plt.subplots(1, 3, figsize=(9.2, 3.4))
    for ax, (name, title) in zip(axes, panels, strict=True):
        for index, (label, (theory, networks, printed)) in enumerate(curves.items()):
            kind = line(index, 1)
            values = getattr(theory, name)
            layers = np.arange(1, len(values) + 1)
            mean = np.mean([getattr(m, name) for m in networks], 0)
            ax.plot(layers, values, label=label, **{**kind, "marker": ""})
            points = {"linestyle": "none", "mfc": "none", "ms": 6}
            ax.plot(layers, mean, **{**kind, **points})
            ax.plot(layers, getattr(printed, name), color=kind["color"], ls=":", lw=0.9)
        ax.set_title(title, fontsize=10)
        ax.set(yscale="log", xlabel="layer")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_ylabel("mean square")
    axes[0].legend(fontsize=8, loc="lower left")
    return figure


@styled
def apart_figure(panels: Mapping[str, Mapping[str, Floats]]) -> Figure:
    """Draw how far two trainings part, update by update, by panel and by label."""
    figure, axes = plt.subplots(1, len(panels), figsize=(4.1 * len(panels), 3.5), sharey=True)
    for ax, (title, curves) in zip(np.atleast_1d(axes), panels.items(), strict=True):
        for index, (label, values) in enumerate(curves.items()):
            seen = np.maximum(values, 1e-17)  # where they are equal to the last bit
            ax.plot(np.arange(len(values)), seen, label=label, **line(index))
        ax.set_title(title, fontsize=10)
        ax.set(yscale="log", xlabel="updates", ylim=(3e-18, 1e2))
        ax.legend(fontsize=8, loc="center right")
    np.atleast_1d(axes)[0].set_ylabel("largest difference of logits")
    return figure


@styled
def rates_figure(panels: Mapping[str, Mapping[str, Sequence[Record]]]) -> Figure:
    """Draw the training cost at the end against the base rate: mean and range over seeds.

    Parameters
    ----------
    panels : groups of records by panel and label
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(4.3 * len(panels), 4.4), sharey=True)
    for ax, (title, groups) in zip(np.atleast_1d(axes), panels.items(), strict=True):
        for index, (label, records) in enumerate(groups.items()):
            # A network that diverged is drawn at the upper edge.
            costs = np.clip([final_costs(r.arrays) for r in records], None, 4.0)
            rates, kind = records[0].arrays["rates"], line(index, 1)
            ax.fill_between(
                rates, costs.min(0), costs.max(0), color=kind["color"], alpha=0.15, lw=0
            )
            ax.plot(rates, costs.mean(0), label=label, **kind)
        ax.axhline(BLIND, color="k", lw=0.8)
        ax.axhline(LEARNED, color="k", lw=0.8, ls=":")
        ax.set_title(title, fontsize=10)
        ax.set(xscale="log", xlabel="base learning rate", ylim=(0, 4.05))
        ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2)
    np.atleast_1d(axes)[0].set_ylabel("training cost at the end, nats")
    return figure
