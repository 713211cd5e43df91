"""The figures of the saturation study: they draw records and compute nothing new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ...datasets.shapeset import CLASSES
from ...probes import histogram_range
from ...records import Record
from ...style import COLOURS, MARKERS, line, styled
from . import EPOCH, Spec, activation

Groups = Mapping[str, Sequence[Record]]


def epochs(record: Record) -> NDArray[np.float64]:
    """Return when a run was probed, in epochs of 20,000 updates."""
    return record.arrays["updates"] / EPOCH


def bins(record: Record) -> tuple[NDArray[np.float64], float]:
    """Return the centres and the width of a run's histogram bins."""
    low, high = histogram_range(activation(Spec(**record.spec)))
    edges = np.linspace(low, high, record.arrays["histogram"].shape[-1] + 1)
    return (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0])


def over_seeds(records: Sequence[Record], name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return mean and standard deviation over runs of an array; 0 for a single run."""
    values = np.stack([record.arrays[name] for record in records]).astype(float)
    spread = values.std(0, ddof=1) if len(records) > 1 else np.zeros_like(values[0])
    return values.mean(0), spread


@styled
def samples_figure(images: NDArray[Any], labels: NDArray[Any], columns: int = 9) -> Figure:
    """Draw images (n, size, size) in a grid, each under the name of its class."""
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(6.4, 0.86 * rows), squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, image, label in zip(axes.flat, images, labels, strict=False):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        ax.set_title(CLASSES[label], fontsize=8, pad=2)
    return figure


@styled
def activation_figure(
    groups: Groups, printed: Mapping[float, Sequence[float]] | None = None
) -> Figure:
    """Draw mean and spread of each layer's activations against time, a panel for each group.

    The line is the mean over units, probe images and seeds; the band is one standard
    deviation over units and probe images, averaged over seeds.

    Parameters
    ----------
    groups : runs by title
    printed : means of the layers read off the paper's figure, by epoch; drawn as open markers
    """
    figure, axes = _panels(groups)
    for ax, records in zip(axes, groups.values(), strict=True):
        mean, _ = over_seeds(records, "mean")
        band, _ = over_seeds(records, "std")
        time = epochs(records[0])
        for layer in range(mean.shape[1]):
            kind = line(layer)
            ax.plot(time, mean[:, layer], label=_layer(layer, mean.shape[1]), **kind)
            low, high = mean[:, layer] - band[:, layer], mean[:, layer] + band[:, layer]
            ax.fill_between(time, low, high, color=kind["color"], alpha=0.12, linewidth=0)
        for layer, values in enumerate(zip(*(printed or {}).values(), strict=True)):
            kind = line(layer, 1) | {"linestyle": "none", "mfc": "white", "ms": 8}
            ax.plot(list(printed or ()), values, **kind)
        ax.set_ylim(-0.05, 1.15)
        ax.legend(fontsize=8, loc="upper left", ncols=3, columnspacing=1, handlelength=2.6)
    axes[0].set_ylabel("activation")
    return figure


@styled
def saturation_figure(groups: Groups) -> Figure:
    """Draw the 98th percentile of absolute activations (markers) and the deviation (lines)."""
    figure, axes = _panels(groups)
    for ax, records in zip(axes, groups.values(), strict=True):
        std, _ = over_seeds(records, "std")
        percentile = over_seeds(records, "abs_quantiles")[0][..., -1]
        time = epochs(records[0])
        for layer in range(std.shape[1]):
            kind = line(layer, None)
            ax.plot(time, std[:, layer], **kind)
            ax.plot(
                time,
                percentile[:, layer],
                label=_layer(layer, std.shape[1]),
                **(line(layer, 0.12) | {"linestyle": "none"}),
            )
        ax.set_ylim(0, 1.05)
    axes[0].set_ylabel("|activation|")
    axes[0].legend(fontsize=8, loc="lower right", ncols=2, handlelength=1)
    return figure


@styled
def histogram_figure(groups: Groups, top: float = 3.0) -> Figure:
    """Draw the density of each layer's activations at the end of training."""
    figure, axes = _panels(groups, "activation")
    for ax, records in zip(axes, groups.values(), strict=True):
        counts = over_seeds(records, "histogram")[0][-1]
        centres, width = bins(records[0])
        density = counts / counts.sum(1, keepdims=True) / width
        for layer, values in enumerate(density):
            ax.plot(centres, values, label=_layer(layer, len(density)), **line(layer))
        ax.set_ylim(0, top)
    axes[0].set_ylabel("density")
    axes[0].legend(fontsize=8, loc="upper center", ncols=2)
    return figure


@styled
def error_figure(groups: Groups, chance: float) -> Figure:
    """Draw test error against time for each group; the band spans one deviation over seeds."""
    figure, ax = plt.subplots(figsize=(6.4, 4.0))
    for index, (name, records) in enumerate(groups.items()):
        _curve(ax, records, "test_error", name, index, scale=100)
    ax.axhline(100 * chance, color="k", lw=0.8)
    ax.annotate("chance", (0, 100 * chance), xytext=(3, 3), textcoords="offset points")
    shortest = min(epochs(records[0])[-1] for records in groups.values())
    ax.set(xlabel="epochs of 20,000 updates", ylabel="test error, %", xlim=(0, shortest))
    ax.set_ylim(top=100)
    ax.legend(fontsize=8, loc="upper right", ncols=2)
    return figure


@styled
def control_figure(groups: Groups) -> Figure:
    """Draw the top layer's mean activation and the training cost of the controls."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6))
    for index, (name, records) in enumerate(groups.items()):
        _curve(left, records, "mean", name, index, layer=-1)
        _curve(right, records, "training_cost", name, index, skip=1)
    left.set(xlabel="epochs of 20,000 updates", ylabel="top layer: mean activation")
    right.set(xlabel="epochs of 20,000 updates", ylabel="training cost, nats")
    left.legend(fontsize=8)
    return figure


@styled
def terms_figure(groups: Groups) -> Figure:
    """Draw the sizes of the two terms of the logits, W h and b, against time."""
    figure, axes = _panels(groups)
    for ax, records in zip(axes, groups.values(), strict=True):
        terms, spread = over_seeds(records, "output_terms")
        time = epochs(records[0])
        for index, label in enumerate(("W h, from the top layer", "b, the biases")):
            kind = line(index)
            ax.plot(time, terms[:, index], label=label, **kind)
            low, high = terms[:, index] - spread[:, index], terms[:, index] + spread[:, index]
            ax.fill_between(time, low, high, color=kind["color"], alpha=0.15, linewidth=0)
        ax.set(yscale="log", ylim=(0.01, 4))
    axes[0].set_ylabel("r.m.s. over images and classes")
    axes[0].legend(fontsize=8)
    return figure


@styled
def escape_figure(groups: Mapping[float, Sequence[Record]]) -> Figure:
    """Draw when each run left the plateau against its learning rate; an arrow: not in its time."""
    figure, ax = plt.subplots(figsize=(5.6, 3.4))
    longest = 0.0
    for rate, records in groups.items():
        for record in records:
            at, seed = record.metrics["escaped_at"], record.spec["seed"]
            end = record.spec["updates"] / EPOCH
            x = rate * 1.03 ** (seed - 1)  # seeds side by side
            longest = max(longest, end)
            if at is None:
                ax.annotate("", (x, 1.12 * end), (x, end), arrowprops={"arrowstyle": "->"})
            else:
                ax.plot(x, at / EPOCH, MARKERS[seed % 3], color=COLOURS[seed % 3])
    ax.set(xscale="log", xlabel="learning rate", ylabel="escape, epochs", ylim=(0, 1.15 * longest))
    ax.set_xticks(list(groups), [f"{rate:g}" for rate in groups])
    ax.minorticks_off()
    return figure


def _panels(groups: Groups, xlabel: str = "epochs of 20,000 updates") -> tuple[Figure, list[Axes]]:
    """Return a row of panels with a shared ordinate, titled by the groups."""
    size = (6.4, 4.0) if len(groups) == 1 else (3.7 * len(groups), 3.6)
    figure, axes = plt.subplots(1, len(groups), figsize=size, sharey=True, squeeze=False)
    for ax, name in zip(axes[0], groups, strict=True):
        ax.set_xlabel(xlabel)
        if len(groups) > 1:
            ax.set_title(name, fontsize=10)
    return figure, list(axes[0])


def _layer(index: int, layers: int) -> str:
    return f"layer {index + 1}" + (" (top)" if index == layers - 1 else "")


def _curve(
    ax: Axes,
    records: Sequence[Record],
    name: str,
    label: str,
    index: int,
    *,
    layer: int | None = None,
    scale: float = 1,
    skip: int = 0,
) -> None:
    """Plot an array's mean over seeds against time, with a band of one deviation."""
    mean, spread = over_seeds(records, name)
    if layer is not None:
        mean, spread = mean[:, layer], spread[:, layer]
    time, middle, half = (
        _skip(a, skip) for a in (epochs(records[0]), scale * mean, scale * spread)
    )
    kind = line(index)
    ax.plot(time, middle, label=label, **kind)
    ax.fill_between(time, middle - half, middle + half, color=kind["color"], alpha=0.15, lw=0)


def _skip(values: ArrayLike, count: int) -> NDArray[Any]:
    return np.asarray(values)[count:]
