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
def training_figure(panels: Mapping[str, Mapping[str, Sequence[Record]]]) -> Figure:
    """Draw test errors against updates.

    Parameters
    ----------
    panels : by title, the runs by label; those of one label share a kind of line
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(8.0, 3.8), sharey=True, squeeze=False)
    for ax, (title, groups) in zip(axes[0], panels.items(), strict=True):
        for index, (label, runs) in enumerate(groups.items()):
            for number, run in enumerate(runs):
                updates, errors = run.arrays["updates"], run.arrays["test_error"]
                ax.plot(updates, errors, label=None if number else label, **line(index, 2))
        ax.set(title=title, xlabel="updates", ylim=(-0.02, 1.02))
        ax.legend(fontsize=8, loc="lower left", ncols=2)
    axes[0, 0].set_ylabel("test error")
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
