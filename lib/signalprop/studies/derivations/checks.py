"""Checks of the two papers: their formulas against drawn networks and closed forms."""

from __future__ import annotations

import math
from functools import cache, partial

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray

from ...activations import get, leaky_relu
from ...claims import Finding, Verdict, decide
from ...initializers import standard_, xavier_
from ...propagation import (
    backward_factor,
    forward_factor,
    geometric_mean_singular_value,
    mean_singular_value,
    variances,
)
from ..mean_field.agreement import LIMIT, bounded
from . import one_layer
from .simulation import Estimate, Sample, sample

Floats = NDArray[np.float64]

UNEQUAL = (60, 40, 80, 30, 60)
"""Units of the input and of four layers, where fans in and out differ."""

EQUAL = (50,) * 6
"""Units of the input and of five layers."""


def listed(values: ArrayLike, form: str = ".3f") -> str:
    """Write numbers, a comma between."""
    return ", ".join(f"{v:{form}}" for v in np.ravel(values))


@cache
def networks(activation: str, rule: str, widths: tuple[int, ...], draws: int = 300) -> Sample:
    """Draw networks, the same ones for every check."""
    return sample(activation, widths, variances(rule, widths), draws)


def misprint(measured: Estimate, printed: ArrayLike, corrected: ArrayLike) -> Verdict:
    """Return "refuted" where numbers fit a corrected formula and not the printed one."""
    if measured.off(printed) < LIMIT:
        return "reproduced"
    return "refuted" if measured.off(corrected) < LIMIT else "open"


# --- Glorot & Bengio 2010, section 4.2.1 ---------------------------------------------------


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
        f"{listed(formula)}",
        decide(measured.off(formula) < LIMIT),
    )


def check_backward() -> Finding:
    """Check the product for the gradient's variance in linear networks."""
    measured = Estimate.of(networks("linear", "xavier", UNEQUAL).gradient[:, :-1])
    formula = backward_product("xavier", UNEQUAL)[:-1]
    return Finding(
        f"300 linear networks of widths {listed(UNEQUAL, 'd')}: {measured}; the product: "
        f"{listed(formula)}",
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
    weight = standard_(torch.empty(n, n, dtype=torch.float64), generator=_generator())
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
        f"{listed(UNEQUAL[1:], 'd')}: by {up} and {down}, where 2n/(n + m) is {listed(below)} and "
        f"2m/(n + m) {listed(above)}",
        decide(
            max(k.off(1) for k in kept) < LIMIT,
            up.off(below) < LIMIT and down.off(above) < LIMIT,
        ),
    )


def check_bound() -> Finding:
    """Check that the uniform rule has the variance of the compromise, in torch draws."""
    n, m = 300, 500
    weight = xavier_(torch.empty(m, n, dtype=torch.float64), generator=_generator())
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
            f"{rule} {listed(theory)} (width 120: {drawn} on average; the quarter circle without "
            f"slopes: {quarter_circle(rule):.3f})"
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
    drawn = [np.exp(np.log(d.jacobians).mean()) for d in drawn_layers("xavier")]
    return Finding(
        "; ".join(
            f"{rule}: average {listed([a for a, _ in row])}, volume per dimension "
            f"{listed([g for _, g in row])}"
            for rule, row in rows.items()
        )
        + f" (xavier at width 120: {Estimate.of(drawn)})",
        "reproduced" if same.all() else "refuted",
    )


def check_variance_ratio() -> Finding:
    """Check whether the average singular value is the ratio of variances, or its root."""
    words, agree = [], []
    for rule in ("xavier", "standard"):
        average = np.array([layer.mean for layer in wide_layers(rule)])
        ratio = np.array([layer.ratio for layer in wide_layers(rule)])
        drawn = Estimate.of([np.mean(d.ratio) for d in drawn_layers(rule)])
        agree.append([abs(average - r) < 0.05 for r in (ratio, np.sqrt(ratio))])
        words.append(
            f"{rule}: average {listed(average)}, variances {listed(ratio)} (width 120: {drawn}), "
            f"deviations {listed(np.sqrt(ratio))}"
        )
    either = np.array(agree).all(axis=(0, 2))
    return Finding("; ".join(words), "reproduced" if either.any() else "refuted")


# --- He et al. 2015, section 2.2 ----------------------------------------------------------


def check_second_moment() -> Finding:
    """Check E relu(y)^2 and Var relu(y), and which of the two the next layer sees."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal(200_000)
    x = get("relu")(y)
    second = Estimate.of(x**2)
    variance = Estimate.of((x - x.mean()) ** 2)
    flat = Estimate.of(get("relu")(rng.uniform(-math.sqrt(3), math.sqrt(3), 200_000)) ** 2)
    drawn = networks("relu", "kaiming", UNEQUAL)
    seen = Estimate.of(drawn.pre[:, 1:] / drawn.pre[:, :-1] / 2)
    return Finding(
        f"E[x^2] = {second} (uniform y: {flat}), Var[x] = {variance}, both over Var[y]; the next "
        f"layers see {seen}",
        decide(
            second.off(0.5) < LIMIT and flat.off(0.5) < LIMIT,
            seen.off(0.5) < LIMIT,
            variance.off(0.5 - 1 / (2 * math.pi)) < LIMIT,
        ),
    )


def check_he_forward() -> Finding:
    """Check n Var[w] / 2 for the signal of ReLU networks."""
    found = [
        (
            Estimate.of(networks("relu", rule, UNEQUAL).forward),
            forward_factor(UNEQUAL[1:-1], variances(rule, UNEQUAL)[1:], "relu"),
        )
        for rule in ("kaiming", "kaiming, backward")
    ]
    return Finding(
        f"n Var[w] = 2: a layer multiplies by {found[0][0]}; with the other fan by {found[1][0]} "
        f"({listed(found[1][1])})",
        decide(*(measured.off(formula) < LIMIT for measured, formula in found)),
    )


def check_he_backward() -> Finding:
    """Check n Var[w] / 2 for the gradient of ReLU networks."""
    found = [
        (
            Estimate.of(networks("relu", rule, UNEQUAL).backward),
            backward_factor(UNEQUAL[2:], variances(rule, UNEQUAL)[1:], "relu"),
        )
        for rule in ("kaiming, backward", "kaiming")
    ]
    return Finding(
        f"n Var[w] = 2, fan out: a layer multiplies by {found[0][0]}; with the other fan by "
        f"{found[1][0]} ({listed(found[1][1])})",
        decide(*(measured.off(formula) < LIMIT for measured, formula in found)),
    )


def check_fans() -> Finding:
    """Check that a convolution's fans are k^2 times the channels, forward and backward."""
    channels, filters, k, size, generator = 6, 10, 3, 8, _generator()
    up, down = [], []
    for _ in range(60):
        draw = partial(torch.randn, generator=generator, dtype=torch.float64)
        x, w = draw(1, channels, size, size).requires_grad_(), draw(filters, channels, k, k)
        y = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), w)  # no border, no fewer terms
        g = draw(y.shape)
        (back,) = torch.autograd.grad(y, x, g)
        up.append(float(y.detach().square().mean() / x.detach().square().mean()))
        down.append(float(back.square().mean() / g.square().mean()))
    forward, backward = Estimate.of(np.array(up) / 9), Estimate.of(np.array(down) / 9)
    return Finding(
        f"3 x 3 kernels, 6 channels to 10: signal {forward} and gradient {backward} times 9 Var[w]",
        decide(forward.off(channels) < LIMIT, backward.off(filters) < LIMIT),
    )


NARROWING = (90, 70, 50, 40, 25)
"""Units of the input and of layers that get narrower."""


def check_either_suffices() -> Finding:
    """Check that with the backward condition the signal changes by c_2 / d_L over all layers."""
    drawn = networks("relu", "kaiming, backward", NARROWING)
    measured = Estimate.of(drawn.pre[:, -1:] / drawn.pre[:, :1])
    formula = NARROWING[1] / NARROWING[-1]
    return Finding(
        f"widths {listed(NARROWING, 'd')}: the variance grows by {measured} from the first layer "
        f"to the last; c_2/d_L = {formula:g}",
        decide(measured.off(formula) < LIMIT),
    )


def check_leaky() -> Finding:
    """Check the leaky rectifier's factor, and its two ends."""
    off, gains, measured = [], [], []
    for slope in (0.0, 0.25, 1.0):
        gains.append(2 / (1 + slope**2))
        v = np.full(len(EQUAL) - 1, gains[-1] / EQUAL[0])
        drawn = sample(leaky_relu(slope), EQUAL, v, 200)
        for growth in (drawn.forward, drawn.backward):
            measured.append(Estimate.of(growth.ravel()))
            off.append(measured[-1].off(1))
    return Finding(
        f"2/(1 + a^2) = {listed(gains)} at a = 0, 1/4, 1; at a = 1/4 a layer multiplies signal and "
        f"gradient by {measured[2]} and {measured[3]}",
        decide(max(off) < LIMIT, gains[0] == 2 and gains[2] == 1),
    )


def check_xavier_factor() -> Finding:
    """Check the ratio of the signals of the same network at the two variances."""
    sizes = []
    for depth in (22, 30):
        widths = (20,) * (depth + 1)
        xavier, kaiming = (
            sample("relu", widths, variances(rule, widths), 10).pre[:, -1]
            for rule in ("xavier", "kaiming")
        )
        sizes.append(np.sqrt(xavier / kaiming) * 2 ** (depth / 2) - 1)
    return Finding(
        f"after 22 and 30 layers 2^-11 and 2^-15 = {2**-11:.1e} and {2**-15:.1e}; relative "
        f"differences {bounded(sizes)}",
        decide(np.max(np.abs(sizes)) < 1e-9),  # rounding: ReLU networks are homogeneous
    )


PRINTED_DEVIATIONS = (0.059, 0.042, 0.029, 0.021)


def check_fixed_deviation() -> Finding:
    """Check the deviations that VGG-B needs, and what 0.01 instead does to its gradient."""
    needed = [math.sqrt(2 / (9 * filters)) for filters in (64, 128, 256, 512)]
    times = (1, 2, 2, 4)  # layers of each kind between conv10 and conv2
    shrink = math.prod((d / 0.01) ** n for d, n in zip(needed, times, strict=True))
    return Finding(
        f"deviations {listed(needed, '.4f')}; the gradient shrinks by {shrink:.2g}",
        decide(
            np.abs(np.subtract(needed, PRINTED_DEVIATIONS)) < 0.0005, abs(shrink / 1.7e4 - 1) < 0.03
        ),
    )


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
