"""The figures of the CIFAR-100 table: they draw records and compute nothing new."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...records import Record
from ...style import line, styled
from .checks import along, epochs
from .printed import NAMES, ROWS


@styled
def curves_figure(pairs: Mapping[str, tuple[Record, Record]]) -> Figure:
    """Draw accuracies against epochs, one row of the table beside another in each panel.

    Parameters
    ----------
    pairs : by title, the row itself and the one it is compared with
    """
    figure, axes = plt.subplots(2, 2, figsize=(7.2, 5.6), sharex=True, sharey=True)
    for ax, (title, records) in zip(axes.flat, pairs.items(), strict=True):
        for index, record in enumerate(records):
            _curves(ax, record, index)
        ax.axvline(records[0].spec["epochs"], color="k", lw=0.8, ls=":")
        ax.set_title(title, fontsize=10)
        ax.legend(fontsize=7, loc="upper left")
    for ax in axes[-1]:
        ax.set_xlabel("epochs")
    for ax in axes[:, 0]:
        ax.set_ylabel("accuracy, %")
    return figure


def _curves(ax: Axes, record: Record, index: int) -> None:
    """Draw train (thin, without marks) and test accuracy of a run."""
    name = NAMES[record.spec["activation"]]
    for of in ("test", "train"):
        accuracy = 100 * (1 - record.arrays[f"{of}_error"])
        kind = line(index, 1) | ({"marker": "", "lw": 0.9} if of == "train" else {})
        ax.plot(epochs(record), accuracy, label=f"{name}, {of}", **kind)


@styled
def start_figure(runs: Mapping[str, Record]) -> Figure:
    """Draw signal and gradient along the longest path before training.

    Parameters
    ----------
    runs : by label
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.6))
    layers = np.arange(1, 31)
    for index, (label, record) in enumerate(runs.items()):
        for ax, name in zip(axes, ("data_variance", "gradient"), strict=True):
            values = along(record, name)
            ax.plot(layers, values, label=label, **line(index, 0.15))
    for ax, title in zip(
        axes, ("variance across images", "gradient, root mean square"), strict=True
    ):
        ax.set(xlabel="convolution on the longest path", yscale="log")
        ax.set_title(title, fontsize=10)
    axes[0].legend(fontsize=8)
    return figure


@styled
def saturation_figure(runs: Mapping[str, Record], probe: int = -1) -> Figure:
    """Draw the share of saturated activations along the longest path.

    Parameters
    ----------
    runs : by label
    probe : which look at the network; the last one is after training
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.4), sharey=True)
    layers = np.arange(1, 31)
    for index, (label, record) in enumerate(runs.items()):
        for ax, name in zip(axes, ("lower", "upper"), strict=True):
            ax.plot(layers, along(record, name, probe), label=label, **line(index, 0.15))
    for ax, side in zip(axes, ("below", "above"), strict=True):
        ax.set(xlabel="convolution on the longest path")
        ax.set_title(f"saturated {side}", fontsize=10)
    axes[0].set_ylabel("share of activations")
    axes[1].legend(fontsize=8)
    return figure


@styled
def table_figure(ours: Mapping[str, tuple[float, float]], earlier: Mapping[str, float]) -> Figure:
    """Draw our test accuracies against the printed ones, row by row.

    Parameters
    ----------
    ours : by row, test accuracy and its standard deviation in per cent
    earlier : by row, test accuracy of a shorter run; hollow marks
    """
    figure, ax = plt.subplots(figsize=(5.2, 3.8))
    for index, (name, (accuracy, error)) in enumerate(ours.items()):
        kind, at = line(index, 1) | {"linestyle": "none"}, ROWS[name].test
        ax.plot([at, at], [earlier[name], accuracy], color=kind["color"], lw=0.8, ls=":")
        ax.plot(at, earlier[name], **kind, markerfacecolor="none")
        ax.errorbar(at, accuracy, 2 * error, capsize=3, label=NAMES[name], **kind)
    ax.set(xlabel="printed test accuracy, %", ylabel="our test accuracy, %")
    ax.legend(fontsize=8)
    return figure
