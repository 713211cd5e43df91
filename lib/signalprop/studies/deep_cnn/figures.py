"""The figures of the study of deep convolutional networks: they draw records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ...records import Record
from ...spectra import JacobianLaw
from ...style import line, styled


@styled
def training_figure(groups: Mapping[str, Sequence[Record]]) -> Figure:
    """Draw training cost and test error against updates; runs of a group share a kind of line."""
    figure, axes = plt.subplots(1, 2, figsize=(8.0, 3.8))
    for ax, (name, label) in zip(
        axes, (("training_cost", "training cost, nats"), ("test_error", "test error")), strict=True
    ):
        for index, (title, runs) in enumerate(groups.items()):
            for number, run in enumerate(runs):
                first = 1 if name == "training_cost" else 0
                updates, values = (run.arrays[k][first:] for k in ("updates", name))
                ax.plot(updates, values, label=None if number else title, **line(index, 2))
        ax.set(xlabel="updates", ylabel=label)
    axes[0].set_ylim(0, 3)
    axes[1].set_ylim(-0.02, 1.02)
    axes[0].legend(fontsize=8, loc="lower left")
    return figure


@styled
def isometry_figure(measured: Mapping[str, Record], laws: Mapping[str, JacobianLaw]) -> Figure:
    """Draw how singular values are distributed: steps of networks, dotted lines of theory.

    Parameters
    ----------
    measured : by label
    laws : of infinitely many channels, by the same labels
    """
    figure, ax = plt.subplots(figsize=(6.4, 4.0))
    for index, (name, run) in enumerate(measured.items()):
        values = np.sort(run.arrays["singular_values"])
        shares = np.arange(1, len(values) + 1) / len(values)
        kind = line(index, None)
        ax.plot(np.maximum(values, 1e-4), shares, label=name, drawstyle="steps-post", **kind)
        grid = np.geomspace(1e-4, 1.2 * max(laws[name].s_max, values[-1]), 400)
        ax.plot(grid, laws[name].cdf(grid), color=kind["color"], ls=":", lw=1.2)
    ax.set(xscale="log", xlabel="singular value", ylabel="share at or below", ylim=(-0.02, 1.02))
    ax.legend(fontsize=8, loc="upper left")
    return figure
