"""The figure of the study of starts: it draws records and computes nothing new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ...records import Record
from ...style import line, styled
from . import RATES


@styled
def rates_figure(groups: Mapping[str, Sequence[Record]]) -> Figure:
    """Draw the accuracy on the training digits against the learning rate, the mean over seeds."""
    figure, ax = plt.subplots(figsize=(6.4, 4.2))
    for index, (name, runs) in enumerate(groups.items()):
        accuracies = np.nan_to_num([r.arrays["train_accuracy"] for r in runs], nan=0.0)
        ax.plot(RATES, accuracies.mean(0), label=name, **line(index, 1))
    ax.set(xscale="log", xlabel="learning rate", ylabel="accuracy, training", ylim=(-0.02, 1.02))
    ax.legend(fontsize=8, loc="upper left")
    return figure
