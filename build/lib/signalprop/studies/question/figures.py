"""The figures of the question: they draw records and compute nothing new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ...records import Record
from ...style import COLOURS, MARKERS, line, styled
from . import GROUPS
from .checks import OFTEN, saturated

Groups = Mapping[str, Sequence[Record]]


@styled
def settings_figure(groups: Groups) -> Figure:
    """Draw the saturated fraction of every layer of every trained network, by setting.

    One column for each group, one mark for each layer of each run, shaped by the layer.
    """
    figure, ax = plt.subplots(figsize=(6.4, 3.8))
    seen = set()
    for column, runs in enumerate(groups.values()):
        for number, run in enumerate(runs):
            offset = 0.7 * ((number + 0.5) / len(runs) - 0.5)
            for layer, fraction in enumerate(saturated(run)[OFTEN]):
                label = None if layer in seen else f"layer {layer + 1}"
                seen.add(layer)
                ax.plot(
                    column + offset,
                    fraction,
                    MARKERS[layer],
                    color=COLOURS[layer],
                    ms=4,
                    mfc="none",
                    label=label,
                )
    ax.set_xticks(range(len(groups)), [name.replace(" ", "\n", 1) for name in groups], fontsize=8)
    ax.set(ylabel="fraction within 0.05 of 0 or 1", ylim=(-0.03, 1.03))
    handles, labels = ax.get_legend_handles_labels()
    order = np.argsort(labels)
    figure.legend(
        [handles[i] for i in order], [labels[i] for i in order], loc="outside upper center", ncols=5
    )
    return figure


@styled
def visits_figure(runs: Sequence[Record]) -> Figure:
    """Draw the saturated fraction against updates, mean over layers, by how often visited."""
    figure, ax = plt.subplots()
    updates = np.maximum(runs[0].arrays["updates"], 50)  # the start has no place on a log axis
    values = np.stack(
        [[saturated(run, probe).mean(1) for probe in range(len(updates))] for run in runs]
    )
    for index, name in enumerate(GROUPS):
        mean, spread = values[..., index].mean(0), values[..., index].std(0)
        kind = line(index, 2)
        ax.plot(updates, mean, label=name, **kind)
        ax.fill_between(
            updates, mean - spread, mean + spread, color=kind["color"], alpha=0.12, lw=0
        )
    ax.set(xscale="log", xlabel="updates", ylabel="fraction within 0.05 of 0 or 1")
    ax.legend(title="images visited")
    return figure
