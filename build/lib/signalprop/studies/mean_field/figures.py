"""The figures of the theory chapters: they draw what they are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ...style import COLOURS, line, styled

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]


def _theory_and_points(
    ax: Axes, index: int, label: str, theory: ArrayLike, points: ArrayLike
) -> None:
    """Draw a line against the layer, and what was simulated as open markers on it."""
    kind = line(index)
    layers = np.arange(len(np.asarray(theory)))
    ax.plot(layers, theory, label=label, **(kind | {"marker": ""}))
    ax.plot(layers, points, ls="none", marker=kind["marker"], color=kind["color"], mfc="none")


@styled
def length_figure(
    q: Floats, maps: Mapping[str, Floats], depths: Mapping[str, Pair], fixed: Sequence[float]
) -> Figure:
    """Draw length maps with their fixed points, and variances layer by layer.

    Parameters
    ----------
    q : (n,) where the maps are given
    maps : (n,) the next layer's variance, by network
    depths : theory and simulation, (layers,) each, by network
    fixed : fixed points, in the order of the maps
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6))
    left.plot(q, q, color="#777777", lw=0.8)
    for index, ((name, values), star) in enumerate(zip(maps.items(), fixed, strict=True)):
        kind = line(index, None)
        left.plot(q, values, label=name, **kind)
        left.plot(star, star, "o", color=kind["color"], ms=6)
    left.set(xlabel="variance $q$ of a layer", ylabel="variance of the next layer")
    left.legend(fontsize=8, loc="upper left")
    for index, (name, (theory, points)) in enumerate(depths.items()):
        _theory_and_points(right, index, name, theory, points)
    right.set(xlabel="layer", ylabel="variance $q$", yscale="log")
    return figure


@styled
def phase_figure(
    q_star: Floats, weights: Floats, biases: Floats, marked: Mapping[float, tuple[float, float]]
) -> Figure:
    """Draw a critical line with the q* along it in colour, and some of them written beside it.

    Parameters
    ----------
    q_star, weights, biases : (n,) along the line
    marked : (sigma_w2, sigma_b2) of the points to mark, by q*
    """
    figure, ax = plt.subplots(figsize=(6.4, 4.0))
    points = np.column_stack([weights, biases])
    segments = np.stack([points[:-1], points[1:]], axis=1)
    coloured = LineCollection(segments.tolist(), cmap="viridis", lw=3.5, capstyle="round")
    coloured.set_array(q_star[:-1])
    coloured.set_clim(0, 1.5)
    ax.add_collection(coloured)
    figure.colorbar(coloured, label="$q^*$", ticks=[0, 0.5, 1, 1.5])
    for q, (w, b) in marked.items():
        ax.plot(w, b, "o", color="k", mfc="white", ms=5)
        place = (7, -9) if b > 0.02 else (-34, 8)
        ax.annotate(f"$q^*$ = {q:g}", (w, b), xytext=place, textcoords="offset points")
    ax.annotate("ordered: $\\chi < 1$\ngradients vanish", (0.62, 0.19))
    ax.annotate("chaotic: $\\chi > 1$\ngradients explode", (2.2, 0.035))
    ax.set(xlim=(0.5, 3), ylim=(0, 0.25), xlabel=r"$\sigma_w^2$", ylabel=r"$\sigma_b^2$")
    return figure


@styled
def correlation_figure(
    c: Floats, maps: Mapping[str, Floats], depths: Mapping[str, Pair], fixed: Sequence[float]
) -> Figure:
    """Draw correlation maps with c*, and the correlation of two inputs layer by layer.

    Parameters
    ----------
    c : (n,) where the maps are given
    maps : (n,) the next layer's correlation, by network
    depths : theory and simulation, (layers,) each, by network
    fixed : c*, in the order of the maps
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6))
    left.plot(c, c, color="#777777", lw=0.8)
    for index, ((name, values), star) in enumerate(zip(maps.items(), fixed, strict=True)):
        kind = line(index, None)
        left.plot(c, values, label=name, **kind)
        left.plot(star, star, "o", color=kind["color"], ms=6)
    left.set(xlabel="correlation $c$ of a layer", ylabel="correlation of the next layer")
    left.legend(fontsize=8, loc="upper left")
    for index, (name, (theory, points)) in enumerate(depths.items()):
        _theory_and_points(right, index, name, theory, points)
    right.set(xlabel="layer", ylabel="correlation $c$", ylim=(-0.05, 1.05))
    return figure


@styled
def depth_scale_figure(sigma_w2: Floats, xi_q: Floats, xi_c: Floats, critical: float) -> Figure:
    """Draw the two depth scales against the weight variance; a vertical line: criticality."""
    figure, ax = plt.subplots()
    ax.axvline(critical, color="#777777", lw=0.8)
    ax.plot(sigma_w2, xi_c, label=r"$\xi_c$, of the correlation", **line(0, None))
    ax.plot(sigma_w2, xi_q, label=r"$\xi_q$, of the length", **line(1, None))
    ax.set(xlabel=r"$\sigma_w^2$", ylabel="depth scale, layers", yscale="log", ylim=(0.5, 2000))
    ax.annotate("ordered", (critical, 1000), xytext=(-8, 0), textcoords="offset points", ha="right")
    ax.annotate("chaotic", (critical, 1000), xytext=(8, 0), textcoords="offset points")
    ax.legend(fontsize=8, loc="upper right")
    return figure


@styled
def gradient_figure(profiles: Mapping[str, Pair]) -> Figure:
    """Draw squared gradients layer by layer relative to the last, theory and simulation."""
    figure, ax = plt.subplots()
    for index, (name, (theory, points)) in enumerate(profiles.items()):
        _theory_and_points(ax, index, name, theory, points)
    ax.set(xlabel="layer", ylabel="squared gradient, relative to the last layer", yscale="log")
    ax.legend(fontsize=8)
    return figure


@styled
def curve_figure(speeds: Mapping[str, Pair], curvatures: Mapping[str, Pair]) -> Figure:
    """Draw squared speed and squared curvature of a circle's image, theory and simulation."""
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.4))
    for ax, panel, label in zip(
        axes, (speeds, curvatures), ("squared speed, per unit", "squared curvature"), strict=True
    ):
        for index, (name, (theory, points)) in enumerate(panel.items()):
            _theory_and_points(ax, index, name, theory, points)
        ax.set(xlabel="layer", ylabel=label, yscale="log")
    axes[0].legend(fontsize=8)
    return figure


# --- free probability ---------------------------------------------------------------------


@styled
def wishart_figure(squares: Floats, square_law: Pair, singular_law: Pair) -> Figure:
    """Draw the eigenvalues of W W^T and the singular values of W beside their laws.

    Parameters
    ----------
    squares : (n,) eigenvalues
    square_law, singular_law : where, and density, of either
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2))
    for ax, values, (x, density), label in (
        (left, squares, square_law, r"eigenvalue $\lambda$ of $WW^T$"),
        (right, np.sqrt(squares), singular_law, "singular value $s$ of $W$"),
    ):
        ax.hist(values, bins=40, density=True, color="#BBBBBB")
        ax.plot(x, density, **line(0, None))
        ax.set(xlabel=label)
    left.set(ylabel="density", ylim=(0, 1.5))
    return figure


@styled
def s_figure(curves: Mapping[str, tuple[Floats, Floats, Floats]]) -> Figure:
    """Draw S-transforms: formulas as lines, those of drawn matrices as markers.

    Parameters
    ----------
    curves : w, formula and measurement, (n,) each, by name
    """
    figure, ax = plt.subplots()
    for index, (name, (w, formula, measured)) in enumerate(curves.items()):
        kind = line(index)
        ax.plot(w, formula, label=name, **(kind | {"marker": ""}))
        ax.plot(w, measured, ls="none", marker=kind["marker"], color=kind["color"], mfc="none")
    ax.set(xlabel="$w$", ylabel="$S(w)$", yscale="log")
    ax.legend(fontsize=8)
    return figure


@styled
def product_figure(pairs: Mapping[str, tuple[Floats, Floats, Floats]]) -> Figure:
    """Draw S of products (markers) and the product of the factors' S (line), a panel a pair.

    Parameters
    ----------
    pairs : w, product of both S-transforms, S of the product, (n,) each, by name
    """
    figure, axes = plt.subplots(1, len(pairs), figsize=(2.5 * len(pairs), 3.2), sharey=True)
    for ax, (name, (w, rule, measured)) in zip(axes, pairs.items(), strict=True):
        ax.plot(w, rule, label="$S_A S_B$", **line(0, None))
        ax.plot(w, measured, "o", color=COLOURS[1], mfc="none", label="$S_{AB}$")
        ax.set_title(name, fontsize=9)
        ax.set(xlabel="$w$", yscale="log")
    axes[0].legend(fontsize=8)
    return figure


@styled
def path_figure(
    paths: Sequence[tuple[NDArray[Any], NDArray[Any]]], ends: tuple[float, float]
) -> Figure:
    """Draw half circles of z, and the paths of y, each from its start (circle) to its end.

    Parameters
    ----------
    paths : z and y along each path
    ends : lowest and highest value of the slopes' law, where y may not go
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6))
    for index, (z, y) in enumerate(paths):
        kind = line(index, None)
        for ax, points in ((left, z), (right, y)):
            ax.plot(points.real, points.imag, **kind)
            ax.plot(points[0].real, points[0].imag, "o", color=kind["color"], mfc="white")
            ax.plot(points[-1].real, points[-1].imag, "s", color=kind["color"])
    right.plot(ends, [0, 0], color="k", lw=4, solid_capstyle="butt")
    left.set(xlabel="Re $z$", ylabel="Im $z$")
    right.set(xlabel="Re $y$", ylabel="Im $y$")
    for ax in (left, right):
        ax.axhline(0, color="#777777", lw=0.8)
        ax.set_aspect("equal", adjustable="datalim")
    return figure


@styled
def density_figure(panels: Mapping[str, tuple[Floats, Floats, Floats]]) -> Figure:
    """Draw densities of singular values as lines over histograms of simulated ones.

    Parameters
    ----------
    panels : where, density, and singular values of networks, by title
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 3.2))
    for ax, (name, (s, density, values)) in zip(axes, panels.items(), strict=True):
        ax.hist(values, bins=40, density=True, color="#BBBBBB", label="networks")
        ax.plot(s, density, label="theory", **line(0, None))
        ax.set_title(name, fontsize=10)
        ax.set(xlabel="singular value $s$", yscale="log", ylim=(1e-3, 20))
    axes[0].set_ylabel("density")
    axes[0].legend(fontsize=8)
    return figure


@styled
def variance_figure(rows: Mapping[str, tuple[float, Floats, Floats]]) -> Figure:
    """Draw simulated variances over the formula's, network by network.

    Parameters
    ----------
    rows : formula, and simulated variances of narrow and wide networks, by name
    """
    figure, ax = plt.subplots(figsize=(6.4, 0.5 * len(rows) + 1.2))
    ax.axvline(1, color="#777777", lw=0.8)
    for index, (formula, narrow, wide) in enumerate(rows.values()):
        for shift, values, marker, colour in (
            (0.15, narrow, "s", COLOURS[1]),
            (-0.15, wide, "o", COLOURS[0]),
        ):
            ratio = values / formula
            ax.plot(ratio, np.full(len(ratio), index + shift), marker, color=colour, mfc="none")
            ax.plot([ratio.mean()] * 2, index + shift + np.array([-0.13, 0.13]), color=colour, lw=3)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.invert_yaxis()
    ax.set(xlabel=r"$\sigma^2 / m_1^2$ of a network, over the formula")
    ax.grid(axis="y", visible=False)
    return figure
