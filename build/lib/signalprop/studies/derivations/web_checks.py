"""Checks of what a blog post says about the two papers, and of what users of libraries ask."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import truncnorm
from torch import Tensor, nn

from ...activations import Floats, get, leaky_relu
from ...claims import Finding, Verdict, decide
from ...initializers import standard_
from ...meanfield import chi, fixed_point, gradient_factor
from ...propagation import gain, variances
from ...summaries import LIMIT
from .checks import listed
from .libraries import (
    FAMILY,
    KERAS,
    KERAS_TRUNCATION,
    SELU,
    GainRow,
    gain_rows,
    generator,
    keras_normal,
)
from .simulation import UNEQUAL, Estimate, networks, sample

SHAPE = (500, 300)
"""Of the matrices that are drawn from torch: fan out, fan in."""


# --- a blog post --------------------------------------------------------------------------


def check_gradient_index() -> Finding:
    """Check both index patterns of a weight's derivative against difference quotients."""
    rng = np.random.default_rng(0)
    tanh, x, w = get("tanh"), rng.standard_normal(4), rng.standard_normal((4, 3))
    slope, h = tanh.derivative(x @ w), 1e-6
    quotient = np.empty_like(w)
    for j, k in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[j, k] = h
        quotient[j, k] = (tanh(x @ (w + step)) - tanh(x @ (w - step)))[k] / (2 * h)
    right = np.outer(x, slope)
    # f'(s_j) with j < 3 only: a unit j = 4 of the layer above does not even exist.
    printed = x[:3, None] * slope[:3, None] * np.ones(3)
    off = float(np.abs(quotient - right).max())
    wrong = float(np.abs(quotient[:3] - printed).max())
    verdict: Verdict = "reproduced" if wrong < 1e-8 else "refuted" if off < 1e-8 else "open"
    return Finding(
        f"difference quotients: f'(s_k) x_j is off by less than 1e-8, f'(s_j) x_j by up to "
        f"{wrong:.2f}",
        verdict,
    )


def check_blog_xavier() -> Finding:
    """Check the post's formulas, and whether the gradient's variance is kept."""
    uniform = np.random.default_rng(0).uniform(-0.3, 0.3, 100_000)
    drawn = Estimate.of(uniform**2 / 0.3**2)
    n_in, n_out = 30, 50
    bound = math.sqrt(6 / (n_in + n_out))
    formulas = abs(bound**2 / 3 / variances("xavier", [n_in, n_out])[0] - 1) < 1e-12
    growth = Estimate.of(networks("linear", "xavier", UNEQUAL).backward)
    return Finding(
        f"Var U(-a, a) = {drawn} a^2; a^2/3 = 2/(n + m); at widths {listed(UNEQUAL[1:], 'd')} a "
        f"layer multiplies the gradient's variance by {growth}",
        decide(drawn.off(1 / 3) < LIMIT and formulas, growth.off(1) < LIMIT),
    )


def check_blog_kaiming() -> Finding:
    """Check the post's two steps and their product."""
    rng = np.random.default_rng(0)
    s, w = rng.standard_normal((2, 200_000))
    x = get("relu")(s)
    halved = Estimate.of((x - x.mean()) ** 2)  # Var(x) / Var(s)
    product = Estimate.of((w * x) ** 2 / x.var())  # Var(w x) / (Var(w) Var(x))
    both = Estimate.of((w * x) ** 2)
    wrong = halved.off(0.5) > LIMIT and product.off(1) > LIMIT
    right = both.off(0.5) < LIMIT
    verdict: Verdict = "refuted" if wrong and right else "open" if wrong else "reproduced"
    return Finding(
        f"Var(x) = {halved} Var(s); Var(w x) = {product} Var(w) Var(x); together {both}", verdict
    )


def check_blog_uniform() -> Finding:
    """Check whether sqrt(6/n) is the deviation of the uniform rule, or its bound."""
    weight = _drawn(nn.init.kaiming_uniform_, nonlinearity="relu")
    claimed, right = math.sqrt(6 / SHAPE[1]), math.sqrt(2 / SHAPE[1])
    square = Estimate.of(weight**2)
    reach = float(abs(weight).max()) / claimed
    refuted = square.off(right**2) < LIMIT and 0.999 < reach <= 1 + 1e-6
    return Finding(
        f"n = 300: deviation {weight.std():.4f}; sqrt(2/n) = {right:.4f}, sqrt(6/n) = "
        f"{claimed:.4f} is the bound (largest weight: {reach:.4f} of it)",
        "refuted" if refuted else "reproduced" if square.off(claimed**2) < LIMIT else "open",
    )


def check_blog_torch() -> Finding:
    """Check whether torch's Kaiming rules differ from the paper's by a factor sqrt(2)."""
    n = SHAPE[1]
    rules = {
        "normal": _drawn(nn.init.kaiming_normal_, nonlinearity="relu"),
        "uniform": _drawn(nn.init.kaiming_uniform_, nonlinearity="relu"),
        "with its defaults, normal": _drawn(nn.init.kaiming_normal_),
        "uniform by default": _drawn(nn.init.kaiming_uniform_),
    }
    squares = {name: Estimate.of(n / 2 * weight**2) for name, weight in rules.items()}
    refuted = max(square.off(1) for square in squares.values()) < LIMIT
    return Finding(
        "variance over 2/n: " + "; ".join(f"{name} {x}" for name, x in squares.items()),
        "refuted" if refuted else "open",
    )


def check_blog_keras() -> Finding:
    """Check that what Keras documents has the paper's variance, truncation included."""
    n_in, n_out = 300, 500
    named = {m.keras_name: m for m in FAMILY}
    errors = [
        named[name].keras_variance(n_in, n_out) / (2 / n_in) - 1
        for name in ("he_normal", "he_uniform")
    ]
    constant = abs(float(truncnorm.std(-2, 2)) - KERAS_TRUNCATION)
    size = KERAS["he_normal"](n_in, n_out)
    drawn = Estimate.of(keras_normal(size, 100_000) ** 2 * n_in / 2)
    return Finding(
        f"as documented, both have variance 2/n; a normal cut off at two deviations and rescaled "
        f"by {KERAS_TRUNCATION:.4f} has {drawn} of it",
        decide(np.abs(errors) < 1e-12, constant < 1e-12 and drawn.off(1) < LIMIT),
    )


def _drawn(fill: Callable[..., Tensor], **options: str) -> Floats:
    weight = torch.empty(SHAPE, dtype=torch.float64)
    fill(weight, generator=generator(), **options)
    return np.asarray(weight.numpy().ravel())


# --- what users ask -----------------------------------------------------------------------


def check_linear_default() -> Finding:
    """Check that a linear layer of torch starts with the standard rule, to the last bit."""
    same = []
    with torch.random.fork_rng(devices=[]):
        for inputs, outputs in ((7, 9), (300, 200), (1000, 30)):
            torch.manual_seed(3)
            layer = nn.Linear(inputs, outputs)
            torch.manual_seed(3)
            ours = standard_(torch.empty(outputs, inputs))
            same.append(torch.equal(ours, layer.weight))
    gain_at_root_5 = nn.init.calculate_gain("leaky_relu", math.sqrt(5))
    return Finding(
        f"the same numbers in {sum(same)} of {len(same)} layers; the gain of slope sqrt(5) is "
        f"{gain_at_root_5:.4f} = sqrt(1/3), and the bound sqrt(3) times that over sqrt(n)",
        decide(same, abs(gain_at_root_5**2 - 1 / 3) < 1e-12),
    )


def check_linear_third() -> Finding:
    """Check what a linear layer of torch makes of the variance of its input."""
    kept, biases = [], []
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        for seed in range(40):
            torch.manual_seed(seed)
            layer = nn.Linear(200, 200, dtype=torch.float64)
            x = torch.randn(200, dtype=torch.float64)
            x /= x.square().mean().sqrt()
            kept.append(float((layer(x) - layer.bias).square().mean()))
            biases.append(float(layer.bias.square().mean()))
    weights, bias = Estimate.of(kept), Estimate.of(np.array(biases) * 3 * 200)
    return Finding(
        f"without the bias a layer leaves {weights} of the variance; its bias adds {bias} times "
        "1/(3n)",
        decide(weights.off(1 / 3) < LIMIT),
    )


def check_gain_squared() -> Finding:
    """Check both proposals for the deviation of the uniform rule by what ReLU layers do."""
    widths = (60,) * 5
    found = {}
    for power in (1, 2):
        deviation = math.sqrt(2) ** power / math.sqrt(widths[0])
        v = np.full(len(widths) - 1, deviation**2)
        drawn = sample("relu", widths, v, 200, distribution="uniform")
        found[power] = Estimate.of(drawn.forward.ravel())
    verdict: Verdict = "open"
    if found[1].off(1) < LIMIT and found[2].off(1) > LIMIT:
        verdict = "refuted"
    elif found[2].off(1) < LIMIT:
        verdict = "reproduced"
    return Finding(
        f"uniform weights of deviation gain/sqrt(n): a ReLU layer multiplies the variance by "
        f"{found[1]}; of deviation gain^2/sqrt(n): by {found[2]}",
        verdict,
    )


TOLERANCE = 0.1
"""Relative difference of a recommended gain from a computed one that counts as agreement."""


def _gain_finding(*names: str) -> Finding:
    rows: dict[str, GainRow] = {row.name: row for row in gain_rows()}
    words, signal, gradient = [], [], []
    for name in names:
        row = rows[name]
        signal.append(abs(row.torch / row.computed.signal - 1) < TOLERANCE)
        gradient.append(abs(row.torch / row.computed.gradient - 1) < TOLERANCE)
        keeps = "any variance" if row.q_star is None else f"q* = {row.q_star:.3f}"
        words.append(
            f"{name}: torch {row.torch:.3f}; at q = 1 the signal needs {row.computed.signal:.3f}, "
            f"the gradient {row.computed.gradient:.3f}; with torch's it keeps {keeps}, and a layer "
            f"multiplies squared gradients by {row.chi:.3f}"
        )
    return Finding("; ".join(words), decide(signal, gradient))


def check_gain_rectifiers() -> Finding:
    """Check torch's gains of the piecewise-linear units."""
    return _gain_finding("linear", "relu", "leaky_relu")


def check_gain_tanh() -> Finding:
    """Check torch's gain of tanh."""
    return _gain_finding("tanh")


def check_gain_sigmoid() -> Finding:
    """Check torch's gain of the sigmoid."""
    return _gain_finding("sigmoid")


def check_gain_selu() -> Finding:
    """Check torch's gain of SELU."""
    return _gain_finding("selu")


def check_measured_gains() -> Finding:
    """Check the gains that users measured: they are those of deviations, mean removed."""
    measured = {"sigmoid": 4.809, "tanh": 1.598, "relu": 1.707, "leaky": 1.542, "selu": 1.0003}
    acts = [get("sigmoid"), get("tanh"), get("relu"), leaky_relu(0.2), SELU]
    spreads = [gain(act).spread for act in acts]
    # 100,000 numbers were drawn there: the ratio of two deviations is good to about 1 %.
    close = np.abs(np.array(list(measured.values())) / spreads - 1) < 0.01
    root_2 = gain("relu").signal
    return Finding(
        f"x.std() / f(x).std(): {listed(spreads, 3)} for sigmoid, tanh, ReLU, leaky ReLU (0.2), "
        f"SELU; but ReLU needs {root_2:.3f}, by its second moment",
        decide(close),
    )


def check_sigmoid_factor() -> Finding:
    """Check the factor 4 for the sigmoid: its slope, and what weights that large do."""
    slope = 1 / float(get("sigmoid").derivative(0.0))
    centred = get("sigmoid").centred()
    small = chi(centred, 1e-9, 16.0)
    q, plain = float(fixed_point("sigmoid", 16.0, 0.0)), gradient_factor("sigmoid", 16.0)
    widths = (100,) * 7
    drawn = sample("sigmoid", widths, np.full(6, 16 / 100), 40, signal=0.5).backward[:, 1:4]
    measured = Estimate.of(drawn.ravel())
    return Finding(
        f"1/slope = {slope:g}; with sigma_w2 = 16 small gradients of a centred sigmoid are "
        f"multiplied by {math.sqrt(float(small)):.3f} a layer, those of the plain one by "
        f"{plain:.3f} (squared {plain**2:.3f}; networks of 100 units: {measured}), since "
        f"q* = {q:.2f}",
        decide(slope == 4 and abs(float(small) - 1) < 1e-6, abs(plain - 1) < TOLERANCE),
    )
