"""The checks on depth, LSUV, rectifiers and what users of libraries ask."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ...activations import leaky_relu, leaky_tanh
from ...claims import Finding, decide
from ...initializers import kaiming_, lsuv_, xavier_
from ...networks import MLP, initialize
from ...records import Record
from ...summaries import LIMIT, each, errors_off, listed, spread
from .. import glorot_saturation, he_depth, rectifiers
from ..glorot_saturation import checks as saturation
from ..he_depth.checks import times, told
from ..lsuv.checks import check_one_pass
from ..lsuv.layers import dense
from ..lsuv.theory import data_variances
from ..question import checks as question_checks

Floats = NDArray[np.float64]

# --- depth --------------------------------------------------------------------------------


def check_equal_at_14() -> Finding:
    """Check that at 14 layers Xavier's networks learn, as well as Kaiming's.

    Equality cannot be seen in short runs of one seed and two: more than "partly" is not to be had.
    """
    xavier, kaiming = he_depth.group("xavier 14"), he_depth.group("kaiming 14")
    errors = [each(runs, lambda r: r.metrics["test_error"]) for runs in (xavier, kaiming)]
    means = [float(e.mean()) for e in errors]
    # Binomial, as if each had test images of its own; seeds of a kind share theirs.
    error = math.sqrt(sum(p * (1 - p) / he_depth.TEST_IMAGES for p in means))
    alike = np.isfinite(times(xavier)).all() and abs(means[0] - means[1]) < 3 * error
    return Finding(
        f"Xavier begins after {told(xavier)} updates, Kaiming after {told(kaiming)}; test errors "
        f"{listed(100 * errors[0], 1, ' and ')} % against {listed(100 * errors[1], 1)} %, standard "
        f"error of the difference {100 * error:.1f} points",
        "partly reproduced" if alike else "not reproduced",
    )


def check_adam() -> Finding:
    """Check that Xavier's network of 30 layers learns with Adam."""
    runs = he_depth.group("adam 30")
    error = each(runs, lambda r: r.metrics["test_error"])
    return Finding(
        f"begins after {told(runs)} of {runs[0].spec['updates']:,} updates; test error "
        f"{listed(100 * error, 0)} %",
        decide(np.isfinite(times(runs))),
    )


def check_first_layer(width: int = 100, layers: int = 6, draws: int = 60) -> Finding:
    """Check what the factor 2 does in the first layer, whose inputs no rectifier has halved."""
    generator = np.random.default_rng(0)
    found = np.empty((draws, layers))
    for draw in range(draws):
        x = generator.standard_normal(width)
        h = x * math.sqrt(width / (x @ x))
        for layer in range(layers):
            y = generator.standard_normal((width, width)) * math.sqrt(2 / width) @ h
            found[draw, layer] = np.mean(y**2)
            h = np.maximum(y, 0)
    return Finding(
        f"mean square of layers 1 to {layers}, over that of the inputs: {listed(found.mean(0))}",
        decide(errors_off(found, 2.0) < LIMIT),
    )


def check_leaky_tanh(slope: float = 0.25) -> Finding:
    """Check that the leaky rule keeps small signals through leaky tanh, and not those of size 1."""
    scale = 2 / (1 + slope**2)
    kept = [
        scale * float(f(slope).square_mean(q)) / q
        for f, q in ((leaky_relu, 1.0), (leaky_tanh, 1e-6), (leaky_tanh, 1.0))
    ]
    # Curvature takes 2 q of a squared tanh: 2e-6 and no more is expected of the second.
    return Finding(
        f"a layer multiplies the mean square by {kept[0]:.3f} (leaky ReLU), {kept[1]:.3f} (leaky "
        f"tanh, q = 1e-6), {kept[2]:.3f} (leaky tanh, q = 1)",
        decide(abs(kept[0] - 1) < 1e-6, abs(kept[1] - 1) < 1e-5, kept[2] < 0.9),
    )


# --- LSUV ---------------------------------------------------------------------------------

SHOWN = (2, 3, 5, 18)
"""Layers whose numbers are printed."""


def check_relu_and_tanh() -> Finding:
    """Check the variance across examples of tanh and ReLU networks after LSUV against theory.

    That of tanh is 1 in theory and hardly differs from draw to draw; it may miss by 2/width, the
    order of what a finite width does.
    """
    width, kept, theory = 160, {}, {}
    for name in ("tanh", "relu"):
        nets = [dense(name, width=width, examples=width, seed=seed) for seed in range(4)]
        # Taken over n examples, a variance about their own mean is smaller by 1/n.
        kept[name] = np.array([net.data_variance for net in nets]) / (1 - 1 / width)
        theory[name] = data_variances(name, kept[name].shape[1])
    rows = [layer - 1 for layer in SHOWN]
    text = [
        f"{name} {listed(found.mean(0)[rows], 3)} (theory {listed(theory[name][rows], 3)})"
        for name, found in kept.items()
    ]
    return Finding(
        f"layers {listed(SHOWN, 'd')}, width {width}: {'; '.join(text)}",
        decide(
            np.abs(kept["tanh"] - theory["tanh"]) < 2 / width,
            errors_off(kept["relu"], theory["relu"]) < LIMIT,
        ),
    )


def check_loop() -> Finding:
    """Check whether the loop changes what one pass gives."""
    found = check_one_pass()
    return Finding(found.ours, "refuted" if found.verdict == "reproduced" else "reproduced")


SMALL_BATCH = 64
ALLOWED = 0.1
"""Relative error of a layer's variance that still counts as unit variance."""


@functools.cache
def _digits() -> torch.Tensor:
    from ...datasets import load

    pixels = load("digits").train.pixels(dtype=np.float64).reshape(-1, 64)
    return torch.from_numpy((pixels - pixels.mean()) / pixels.std())


def _worst(batch: torch.Tensor, images: torch.Tensor, activation: str, seed: int) -> float:
    """Return by how much a layer's variance on images misses 1 at most, after LSUV on a batch."""
    network = MLP([64, *[100] * 8, 10], activation).double()
    lsuv_(network, batch, generator=torch.Generator().manual_seed(seed))
    h, worst = images, 0.0
    with torch.no_grad():
        for layer in network.layers:
            s = layer(h)
            worst = max(worst, abs(float(s.var(correction=0)) - 1))
            h = network.activation(s)
    return worst


def check_batch() -> Finding:
    """Check that a small batch of images will do, and that noise like them will."""
    images = _digits()
    noise = torch.randn(1000, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    cases = [(a, seed) for a in ("tanh", "relu") for seed in range(3)]
    small, replaced = (
        np.array([_worst(batch, images[-1000:], *case) for case in cases])
        for batch in (images[:SMALL_BATCH], noise)
    )
    return Finding(
        f"10 layers on 8 x 8 digits, tanh and ReLU: variances on 1,000 other images off by up to "
        f"{small.max():.0%} with {SMALL_BATCH} images (in {(small < ALLOWED).sum()} of "
        f"{len(cases)} networks below {ALLOWED:.0%}), by up to {replaced.max():.0%} with noise",
        decide(small < ALLOWED, replaced < ALLOWED),
    )


# --- rectifiers ---------------------------------------------------------------------------


def _zeros(runs: Sequence[Record]) -> Floats:
    return each(runs, lambda r: r.metrics["zeros"])


def check_folk_sparsity() -> Finding:
    """Check that 50 to 80 % of activations are zero: before training, after it, with a penalty."""
    none, penalized = rectifiers.group("relu"), rectifiers.group("l1 0.001")
    start = each(none, lambda r: r.arrays["zeros"][0].mean())
    after, with_penalty = _zeros(none), _zeros(penalized)
    return Finding(
        f"before training {spread(start, 2)}, after it {spread(after, 2)}, with the penalty .001 "
        f"{spread(with_penalty, 2)}",
        decide(
            np.abs(start - 0.5) < 0.02,
            (after > 0.5) & (after < 0.8),
            (with_penalty > 0.5) & (with_penalty < 0.8),
        ),
    )


# --- what users ask -----------------------------------------------------------------------

TROUBLE = 0.1
"""Share of saturated tanh units that a question takes for a bound."""


def check_threshold() -> Finding:
    """Check whether networks with more saturated units than a tenth are in trouble.

    A network is not in trouble if it errs ten points less than the best guess without looking.
    """
    runs = [r for n in ("standard", "normalized") for r in glorot_saturation.group(f"tanh {n}")]
    share = each(runs, lambda r: saturation.outer_mass(r).max())
    at_start = max(float(saturation.outer_mass(r, 0).max()) for r in runs)
    learned = each(runs, lambda r: r.metrics["test_error"]) < 5 / 6 - 0.1
    sigmoid = each(question_checks.usual(), lambda r: question_checks.saturated(r)[0].max())
    fine = share[learned]
    return Finding(
        f"{learned.sum()} of {len(runs)} tanh networks learn; their most saturated layers have "
        f"{fine.min():.2f} to {fine.max():.2f} of their activations beyond ±.96 (before "
        f"training at most {at_start:.2f}); sigmoid layers in "
        f"trained networks up to {sigmoid.max():.2f}",
        "refuted" if (fine > TROUBLE).any() else "reproduced",
    )


def check_formulas(n: int = 40, m: int = 80) -> Finding:
    """Check two formulas of Xavier's deviation, and one of Kaiming's neurons, by drawing."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.stack([xavier_(torch.empty(m, n), generator=generator) for _ in range(50)])
    squares = weights.double().square().flatten(1).mean(1).numpy()
    network = MLP([n, m, 10], "relu")
    moments = []
    for seed in range(200):
        initialize(network, kaiming_, seed)
        x = torch.randn(20, n, generator=generator)
        with torch.no_grad():
            moments.append(float(network.layers[0](x).square().mean()))
    neurons = np.array(moments)
    right = errors_off(squares[:, None], 2 / (n + m)) < LIMIT
    wrong = [errors_off(squares[:, None], v) > LIMIT for v in (1 / n, 2 / n + m)]
    of_one = errors_off(neurons[:, None], 2.0) < LIMIT < errors_off(neurons[:, None], 2 / n)
    return Finding(
        f"fans {n} and {m}: deviation {math.sqrt(squares.mean()):.4f}; sqrt(2/(n + m)) is "
        f"{math.sqrt(2 / (n + m)):.4f}, sqrt(1/n) {math.sqrt(1 / n):.4f}, sqrt(2/n + m) "
        f"{math.sqrt(2 / n + m):.1f}; with weights of variance 2/n a neuron's variance is "
        f"{neurons.mean():.2f}, and 2/n is {2 / n:.2f}",
        "refuted" if right and all(wrong) and of_one else "open",
    )
