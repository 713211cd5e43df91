"""Checks of He et al. (2015), section 2.2: its formulas against drawn networks."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

from ...activations import get, leaky_relu
from ...claims import Finding, decide
from ...propagation import backward_factor, forward_factor, variances
from ...summaries import LIMIT, bounded
from .checks import listed
from .libraries import generator
from .simulation import EQUAL, UNEQUAL, Estimate, networks, sample


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
        f"({listed(found[1][1], 3)})",
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
        f"{found[1][0]} ({listed(found[1][1], 3)})",
        decide(*(measured.off(formula) < LIMIT for measured, formula in found)),
    )


def check_fans() -> Finding:
    """Check that a convolution's fans are k^2 times the channels, forward and backward."""
    channels, filters, k, size = 6, 10, 3, 8
    draw = partial(torch.randn, generator=generator(), dtype=torch.float64)
    up, down = [], []
    for _ in range(60):
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
        f"2/(1 + a^2) = {listed(gains, 3)} at a = 0, 1/4, 1; at a = 1/4 a layer multiplies signal "
        f"and gradient by {measured[2]} and {measured[3]}",
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
