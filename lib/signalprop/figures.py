"""Figures of the theory chapters; those of a study stand beside it."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from .activations import get
from .saturation import saturated_fraction
from .style import line, styled


@styled
def sigmoid_figure() -> Figure:
    """Draw the sigmoid and its derivative, and where the unit counts as saturated.

    >>> sigmoid, slope, *_ = sigmoid_figure().axes[0].lines
    >>> float(slope.get_ydata().max())
    0.25
    """
    x = np.linspace(-8, 8, 401)
    sigmoid = get("sigmoid")
    edge = float(np.log(19))  # the sigmoid is .95 there
    figure, ax = plt.subplots()
    for side in (-1, 1):
        ax.axvspan(side * edge, side * 8, color="#999999", alpha=0.18, lw=0)
    ax.plot(x, sigmoid(x), label=r"sigmoid $\sigma(x)$", **line(0))
    ax.plot(x, sigmoid.derivative(x), label=r"slope $\sigma'(x)$", **line(1))
    ax.axhline(0.25, color="k", lw=0.8, ls=":")
    ax.annotate("1/4", (-7.9, 0.26))
    ax.set(xlabel="pre-activation $x$", xlim=(-8, 8), ylim=(0, 1.02))
    ax.legend(loc="center left")
    return figure


@styled
def saturated_figure(
    deviations: ArrayLike, simulated: Mapping[float, NDArray[np.floating]], margin: float = 0.05
) -> Figure:
    """Draw the formula for the saturated fraction, and simulated units as points.

    Parameters
    ----------
    deviations : of the pre-activations at the simulated points
    simulated : activations by deviation
    margin : distance from 0 or 1 that counts as saturated

    Examples
    --------
    >>> figure = saturated_figure([4.0], {4.0: np.array([0.01, 0.3, 0.6, 0.99])})
    >>> formula, simulated = figure.axes[0].lines
    >>> simulated.get_ydata().tolist()
    [0.5]
    """
    s = np.geomspace(0.5, 20, 200)
    points = np.asarray(deviations, dtype=float)
    measured = [
        np.mean((simulated[k] < margin) | (simulated[k] > 1 - margin)) for k in points.tolist()
    ]
    figure, ax = plt.subplots()
    ax.plot(s, saturated_fraction(s, margin), label="formula", **line(0, None))
    ax.plot(points, measured, "o", color="#D55E00", label="simulated units", mfc="none", ms=7)
    ax.set(
        xscale="log",
        xlabel="standard deviation of the pre-activation",
        ylabel=f"fraction outside [{margin:g}, {1 - margin:g}]",
    )
    ax.set_xticks([0.5, 1, 2, 4, 9, 20], ["0.5", "1", "2", "4", "9", "20"])
    ax.minorticks_off()
    ax.legend()
    return figure


@styled
def gradient_figure(profiles: Mapping[str, NDArray[np.floating]]) -> Figure:
    """Draw the size of the back-propagated gradient at each hidden layer, by network.

    >>> figure = gradient_figure({"sigmoid": np.array([0.25, 1.0, 4.0])})
    >>> figure.axes[0].lines[0].get_ydata()
    array([0.0625, 0.25  , 1.    ])
    """
    figure, ax = plt.subplots()
    for index, (name, profile) in enumerate(profiles.items()):
        layers = np.arange(1, len(profile) + 1)
        ax.plot(layers, profile / profile[-1], label=name, **line(index, 1))
    ax.set(
        yscale="log",
        xlabel="layer (1 is next to the input)",
        ylabel="gradient, relative to the top layer",
    )
    ax.legend(loc="lower right")
    return figure
