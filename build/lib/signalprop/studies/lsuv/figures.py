"""The figures of the LSUV study: they draw records and arrays and compute nothing new."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...records import Record
from ...style import line, styled
from . import LEARNING_COST
from .layers import Floats, Layers


@styled
def dense_figure(theory: Mapping[str, Floats], measured: Mapping[str, Layers]) -> Figure:
    """Draw the variance across examples by layer: lines of theory, markers of networks.

    Parameters
    ----------
    theory : (L,) by label
    measured : networks by the same labels
    """
    figure, ax = plt.subplots(figsize=(6.4, 4.0))
    for index, (name, values) in enumerate(theory.items()):
        layers = np.arange(1, len(values) + 1)
        kind = line(index, 1)
        points = {"linestyle": "none", "mfc": "none", "ms": 7}
        ax.plot(layers, values, **{**kind, "marker": ""})
        ax.plot(layers, measured[name].data_variance, label=name, **{**kind, **points})
    ax.set(yscale="log", xlabel="layer", ylabel="variance across examples", ylim=(1e-16, 10))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(fontsize=8, loc="lower left")
    return figure


@styled
def layers_figure(records: Mapping[str, Record]) -> Figure:
    """Draw what untrained networks make of images, and of the gradient, layer by layer."""
    figure, axes = plt.subplots(1, 2, figsize=(8.0, 3.8))
    panels = (
        ("data_variance", "variance across images"),
        ("gradient", "gradient, relative to the last layer"),
    )
    for ax, (name, label) in zip(axes, panels, strict=True):
        for index, (title, record) in enumerate(records.items()):
            values = record.arrays[name][0].astype(float)
            scale = values[-1] if name == "gradient" else 1.0
            layers = np.arange(1, len(values) + 1)
            ax.plot(layers, values / scale, label=title, **line(index, 2))
        ax.set(yscale="log", xlabel="layer of weights", ylabel=label)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].legend(fontsize=8, loc="lower left")
    return figure


@styled
def rates_figure(groups: Mapping[str, Sequence[Record]]) -> Figure:
    """Draw the cost at the end of each run against its learning rate."""
    figure, ax = plt.subplots(figsize=(6.4, 4.0))
    for index, (name, records) in enumerate(groups.items()):
        ended = [r for r in records if r.metrics["final_cost"] is not None]
        rates = [r.spec["rate"] for r in ended]
        ax.plot(rates, [r.metrics["final_cost"] for r in ended], label=name, **line(index, 1))
    _blind_guess(ax)
    ticks = sorted({r.spec["rate"] for records in groups.values() for r in records})
    ax.set(xscale="log", xlabel="learning rate", ylabel="training cost at the end, nats")
    ax.set_xticks(ticks, [f"{rate:g}" for rate in ticks])
    ax.minorticks_off()
    ax.legend(fontsize=8)
    return figure


@styled
def training_figure(runs: Mapping[str, Sequence[Record]]) -> Figure:
    """Draw the training cost of some runs against updates; seeds share a line's kind."""
    figure, ax = plt.subplots(figsize=(6.4, 4.0))
    for index, (name, records) in enumerate(runs.items()):
        for number, record in enumerate(records):
            updates, cost = (record.arrays[k][1:] for k in ("updates", "training_cost"))
            label = None if number else name
            ax.plot(updates, cost, label=label, **line(index, 2))
    _blind_guess(ax)
    ax.set(xlabel="updates", ylabel="training cost, nats")
    ax.legend(fontsize=8, loc="lower left")
    return figure


def _blind_guess(ax: Axes) -> None:
    """Draw the cost of guessing blindly, and that below which a run counts as learning."""
    ax.axhline(math.log(10), color="k", lw=0.8)
    ax.axhline(LEARNING_COST, color="k", lw=0.8, ls=":")
