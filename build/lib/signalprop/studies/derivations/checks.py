"""Checks of Glorot & Bengio (2010), section 4.2.1: its formulas against drawn networks."""

from __future__ import annotations

import math
from functools import cache, partial

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ... import summaries
from ...claims import Finding, Verdict, decide
from ...initializers import standard_, xavier_
from ...propagation import (
    backward_factor,
    forward_factor,
    geometric_mean_singular_value,
    mean_singular_value,
    variances,
)
from ...summaries import LIMIT
from . import one_layer
from .libraries import generator
from .simulation import EQUAL, UNEQUAL, Estimate, networks, sample

Floats = NDArray[np.float64]

listed = partial(summaries.listed, separator=", ")


def misprint(measured: Estimate, printed: ArrayLike, corrected: ArrayLike) -> Verdict:
    """Return "refuted" where numbers fit a corrected formula and not the printed one."""
    if measured.off(printed) < LIMIT:
        return "reproduced"
    return "refuted" if measured.off(corrected) < LIMIT else "open"


def forward_product(rule: str, widths: tuple[int, ...]) -> Floats:
    """Return the product of n_in Var[W] over the first 1, 2, ... layers."""
    return np.asarray(np.cumprod(forward_factor(widths[:-1], variances(rule, widths))), np.float64)


def backward_product(rule: str, widths: tuple[int, ...]) -> Floats:
    """Return the product of n_out Var[W] over the matrices above layer 1, 2, ..."""
    factors = backward_factor(widths[1:], variances(rule, widths))
    return np.asarray(np.append(np.cumprod(factors[:0:-1])[::-1], 1.0))


def check_forward() -> Finding:
    """Check the product for the signal's variance in linear networks."""
    measured = Estimate.of(networks("linear", "xavier", UNEQUAL).signal[:, 1:])
    formula = forward_product("xavier", UNEQUAL)
    return Finding(
        f"300 linear networks of widths {listed(UNEQUAL, 'd')}: {measured}; the product: "
        f"{listed(formula, 3)}",
        decide(measured.off(formula) < LIMIT),
    )


def check_backward() -> Finding:
    """Check the product for the gradient's variance in linear networks."""
    measured = Estimate.of(networks("linear", "xavier", UNEQUAL).gradient[:, :-1])
    formula = backward_product("xavier", UNEQUAL)[:-1]
    return Finding(
        f"300 linear networks of widths {listed(UNEQUAL, 'd')}: {measured}; the product: "
        f"{listed(formula, 3)}",
        decide(measured.off(formula) < LIMIT),
    )


def check_weight_gradient() -> Finding:
    """Check that weight gradients are alike in all layers where signal and gradient are not."""
    drawn = networks("linear", "standard", EQUAL)
    formula = float(forward_product("standard", EQUAL)[-2])  # (n Var[W])^(L - 1)
    measured = Estimate.of(drawn.weight_gradient / formula)
    falls = Estimate.of(drawn.signal[:, -2:-1] / drawn.signal[:, :1])
    return Finding(
        f"over the formula: {measured} in layers 1 to 5, while the signal falls to {falls} of the "
        "input",
        decide(measured.off(1) < LIMIT),
    )


def check_standard() -> Finding:
    """Check that the standard rule has n Var[W] = 1/3, and what a layer does with it."""
    n = 400
    weight = standard_(torch.empty(n, n, dtype=torch.float64), generator=generator())
    drawn = Estimate.of(n * weight.square().flatten().numpy())
    layer = Estimate.of(networks("linear", "standard", EQUAL).forward.ravel())
    return Finding(
        f"n Var[W] = {drawn}; a linear layer multiplies the variance by {layer}",
        decide(drawn.off(1 / 3) < LIMIT, layer.off(1 / 3) < LIMIT),
    )


def check_compromise() -> Finding:
    """Check what the compromise does to signal and gradient, at equal and unequal widths."""
    equal, unequal = (networks("linear", "xavier", widths) for widths in (EQUAL, UNEQUAL))
    kept = [Estimate.of(growth.ravel()) for growth in (equal.forward, equal.backward)]
    n = np.array(UNEQUAL[1:], dtype=float)
    below, above = 2 * n[:-1] / (n[:-1] + n[1:]), 2 * n[1:] / (n[:-1] + n[1:])
    up, down = Estimate.of(unequal.forward), Estimate.of(unequal.backward)
    return Finding(
        f"equal widths: a layer multiplies signal and gradient by {kept[0]} and {kept[1]}; widths "
        f"{listed(UNEQUAL[1:], 'd')}: by {up} and {down}, where 2n/(n + m) is {listed(below, 3)} "
        f"and 2m/(n + m) {listed(above, 3)}",
        decide(
            max(k.off(1) for k in kept) < LIMIT,
            up.off(below) < LIMIT and down.off(above) < LIMIT,
        ),
    )


def check_bound() -> Finding:
    """Check that the uniform rule has the variance of the compromise, in torch draws."""
    n, m = 300, 500
    weight = xavier_(torch.empty(m, n, dtype=torch.float64), generator=generator())
    bound = math.sqrt(6 / (n + m))
    drawn = Estimate.of((n + m) / 2 * weight.square().flatten().numpy())
    reach = float(weight.abs().max()) / bound
    return Finding(
        f"variance over 2/(n + m): {drawn}; the largest of 150,000 weights is {reach:.4f} of the "
        "bound",
        decide(drawn.off(1) < LIMIT, 0.999 < reach <= 1),
    )


def check_equation_6() -> Finding:
    """Count the factors between two layers: as printed, one more than there are matrices."""
    drawn, factor = networks("linear", "standard", EQUAL), 1 / 3
    steps = np.arange(len(EQUAL) - 2, 0, -1)  # matrices between the layer and the last one
    measured = Estimate.of(drawn.gradient[:, :-1] / factor**steps)
    return Finding(
        f"over (1/3)^(d - i): {measured} for d - i = {listed(steps, 'd')}; as printed it would be "
        "1/3",
        misprint(measured, factor, 1.0),
    )


def check_equation_13() -> Finding:
    """Check whether gradients scale with the input's variance, as printed."""
    v = variances("standard", EQUAL)
    inputs = (0.25, 4.0)
    rows = [sample("linear", EQUAL, v, 300, signal=x).gradient[:, :1] for x in inputs]
    formula = float(backward_product("standard", EQUAL)[0])
    measured = Estimate.of(np.hstack(rows) / formula)
    return Finding(
        f"over (n Var[W])^(d - i): {measured} at Var[x] = 1/4 and 4, with Var[dCost/ds^d] = 1",
        misprint(measured, inputs, 1.0),
    )


# --- about 0.8 against 0.5 -----------------------------------------------------------------


@cache
def drawn_layers(rule: str) -> tuple[one_layer.Drawn, ...]:
    """Draw four small tanh networks."""
    return tuple(one_layer.draw(rule, 120, seed, weights=False) for seed in range(4))


@cache
def wide_layers(rule: str) -> tuple[one_layer.Layer, ...]:
    """Return the layers of the paper's network in theory."""
    return tuple(one_layer.layers(rule))


def check_singular_values() -> Finding:
    """Check the average singular value, in theory at the paper's size and in small networks."""
    printed = {"xavier": 0.8, "standard": 0.5}
    means, words = {}, []
    for rule in printed:
        theory = [layer.mean for layer in wide_layers(rule)]
        drawn = Estimate.of([d.jacobians.mean() for d in drawn_layers(rule)])
        means[rule] = float(np.mean(theory)), float(drawn.value)
        words.append(
            f"{rule} {listed(theory, 3)} (width 120: {drawn} on average; the quarter circle "
            f"without slopes: {quarter_circle(rule):.3f})"
        )
    return Finding(
        "; ".join(words),
        decide(*(abs(mean - p) < 0.05 for rule, p in printed.items() for mean in means[rule])),
    )


def quarter_circle(rule: str) -> float:
    """Return the mean singular value of a square matrix drawn by a rule."""
    return mean_singular_value(1000, 1000, float(variances(rule, [1000, 1000])[0]))


def check_quarter_circle() -> Finding:
    """Check 8/(3 pi) and e^(-1/2) on matrices of two widths, extrapolated to infinite width."""
    ours, off = [], []
    drawn = [one_layer.square_matrices(width, draws) for width, draws in ((30, 400), (60, 200))]
    for values, limit in (
        (drawn, mean_singular_value(1, 1, 1.0)),
        ([np.log(s) for s in drawn], math.log(geometric_mean_singular_value(1, 1, 1.0))),
    ):
        narrow, wide = (Estimate.of(one.mean(1)) for one in values)
        value = 2 * wide.value - narrow.value  # an error of order 1/n drops out
        error = math.hypot(2 * float(wide.error), float(narrow.error))
        ours.append(f"{value:.3f} ± {error:.3f} ({limit:.3f})")
        off.append(abs(value - limit) / error)
    return Finding(
        f"mean {ours[0]}, mean logarithm {ours[1]}; in brackets 8/(3 pi) and -1/2",
        decide(max(off) < LIMIT),
    )


def check_volume() -> Finding:
    """Check whether the average singular value is the ratio of volumes, per dimension."""
    rows = {
        rule: [(layer.mean, layer.geometric) for layer in wide_layers(rule)]
        for rule in ("xavier", "standard")
    }
    pairs = np.array(list(rows.values()))
    same = abs(pairs[..., 0] - pairs[..., 1]) < 0.05
    drawn = Estimate.of([np.exp(np.log(d.jacobians).mean()) for d in drawn_layers("xavier")])
    apart = drawn.off(np.mean([average for average, _ in rows["xavier"]])) > LIMIT
    return Finding(
        "; ".join(
            f"{rule}: average {listed([a for a, _ in row], 3)}, volume per dimension "
            f"{listed([g for _, g in row], 3)}"
            for rule, row in rows.items()
        )
        + f" (xavier at width 120: {drawn})",
        "reproduced" if same.all() else "refuted" if apart else "open",
    )


def check_variance_ratio() -> Finding:
    """Check whether the average singular value is the ratio of variances, or its root."""
    words, agree, apart = [], [], []
    for rule in ("xavier", "standard"):
        average = np.array([layer.mean for layer in wide_layers(rule)])
        ratio = np.array([layer.ratio for layer in wide_layers(rule)])
        ratios = np.array([np.mean(d.ratio) for d in drawn_layers(rule)])
        drawn = Estimate.of(ratios)
        off = [Estimate.of(r).off(average.mean()) for r in (ratios, np.sqrt(ratios))]
        apart.append(min(off) > LIMIT)
        agree.append([abs(average - r) < 0.05 for r in (ratio, np.sqrt(ratio))])
        words.append(
            f"{rule}: average {listed(average, 3)}, variances {listed(ratio, 3)} "
            f"(width 120: {drawn}), deviations {listed(np.sqrt(ratio), 3)}"
        )
    either = np.array(agree).all(axis=(0, 2))
    verdict: Verdict = "reproduced" if either.any() else "refuted" if any(apart) else "open"
    return Finding("; ".join(words), verdict)
