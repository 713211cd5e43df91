"""The checks behind the question's claims that need no trained network."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize_scalar

from ...activations import get
from ...claims import Finding, decide
from ...datasets import Shapeset
from ...meanfield import fixed_correlation, fixed_point, gradient_factor
from ...saturation import MARGIN, computed_rounding_points, saturated_fraction
from ...summaries import listed

SIGMOID = get("sigmoid")


def check_slope() -> Finding:
    """Check the slope's formula against a complex step, which has no rounding of differences."""
    x = np.linspace(-20, 20, 401)
    step = 1e-30
    slope = np.imag(1 / (1 + np.exp(-(x + 1j * step)))) / step
    error = np.abs(SIGMOID(x) * (1 - SIGMOID(x)) / slope - 1).max()
    # 1 - sigma(x) at x = 20 is 2e-9 and has lost half of its digits.
    return Finding(f"relative difference at most {error:.0e}", decide(error < 1e-6))


def check_greatest_slope() -> Finding:
    """Check the greatest slope and where it is."""
    best = minimize_scalar(lambda x: -SIGMOID.derivative(x), bracket=(-1.0, 0.7))
    return Finding(
        f"{-best.fun:.6f}, at {abs(best.x):.0e} of 0",
        decide(abs(-best.fun - 0.25) < 1e-12, abs(best.x) < 1e-4),
    )


def check_large_weights_saturate() -> Finding:
    """Check how often units are saturated before training, by formula and on images."""
    images = Shapeset(seed=0).batch(300)[0].reshape(300, -1)
    rng = np.random.default_rng(0)
    fan_in = images.shape[1]
    measured, formula = [], []
    for deviation in (1 / np.sqrt(fan_in), 1.0):  # Xavier's, for equal fans; and unit weights
        s = images @ (deviation * rng.standard_normal((fan_in, 300)))
        measured.append(np.mean(np.abs(SIGMOID(s) - 0.5) > 0.5 - MARGIN))
        norms = deviation * np.linalg.norm(images, axis=1)
        formula.append(float(saturated_fraction(norms, MARGIN).mean()))
    # 300 units share the images: the error is that of 300 independent units, at most.
    error = np.sqrt(0.25 / 300)
    return Finding(
        f"saturated with weights of deviation 1/sqrt(n) and 1: {listed(measured, 3)}; formula "
        f"{listed(formula, 3)}",
        decide(
            measured[0] < 0.01,
            measured[1] > 0.5,
            np.abs(np.subtract(measured, formula)) < 4 * error,
        ),
    )


def check_zero_gradient() -> Finding:
    """Check that the slope of a saturated sigmoid is 0; only rounding makes it so."""
    share = 4 * SIGMOID.derivative(np.log(np.array([0.05, 0.01]) / np.array([0.95, 0.99])))
    below, above = computed_rounding_points(np.float32)
    exact = bool(np.all(SIGMOID.derivative(np.array([-600.0, 600.0])) > 0))
    return Finding(
        f"at outputs of .05 and .01 the slope is {listed(share)} of its greatest; it is 0 in "
        f"single precision only below {below:.1f} and above {above:.1f}",
        "refuted" if exact else "reproduced",
    )


def window(weight: ArrayLike) -> NDArray[np.float64]:
    r"""Return how wide the interval of inputs is where one unit passes on the whole error.

    A chain of one unit a layer multiplies the error by :math:`|w\,\sigma'(w a + b)|`, which is 1
    or more where :math:`|w a + b| \le 2 \operatorname{arcosh}(\sqrt{|w|}/2)`.
    """
    w = np.abs(np.asarray(weight, dtype=float))
    return np.asarray(4 * np.arccosh(np.sqrt(np.maximum(w, 4)) / 2) / w)


def threshold() -> float:
    r"""Return the s at which wide layers with weights of deviation s/sqrt(n) keep a gradient."""
    return float(brentq(lambda s: gradient_factor("sigmoid", s**2) - 1, 4.0, 20.0))


def saturated_at(s: float) -> float:
    """Return the fraction of saturated units in a settled network of such weights."""
    return float(saturated_fraction(np.sqrt(fixed_point("sigmoid", s**2, 0.0))))


def check_weight_of_four() -> Finding:
    """Check that errors shrink if, and only if, weights are below 4, in a chain and in a layer."""
    widest = minimize_scalar(lambda w: -window(w), bounds=(4.0, 40.0), method="bounded")
    kept = threshold()
    factors = [gradient_factor("sigmoid", s**2) for s in (1.0, 4.0)]
    centred = gradient_factor(SIGMOID.centred(), 16.0)
    sufficient = window(3.999) == 0 and factors[1] < 1
    # The input of a unit is an output of the one before, anywhere between 0 and 1.
    necessary = -widest.fun > 1 or abs(kept - 4) < 0.1
    return Finding(
        f"above 4 a unit passes the error on within an interval of inputs at most "
        f"{-widest.fun:.3f} wide (at {widest.x:.2f}); a layer with weights of deviation "
        f"s/sqrt(n) has factor {factors[0]:.3f} at s = 1, {factors[1]:.2f} at 4, 1 at "
        f"{kept:.2f}; a centred sigmoid {centred:.2f} at 4",
        decide(sufficient, necessary),
    )


def check_worse_with_depth(seed: int = 0) -> Finding:
    """Check that the gradient fades by one factor a layer, in a random network."""
    width, depth, sigma_w = 400, 12, 1.0
    rng = np.random.default_rng(seed)
    h, slopes, weights = rng.standard_normal((100, width)), [], []
    for _ in range(depth):
        weights.append(sigma_w * rng.standard_normal((width, width)) / np.sqrt(width))
        s = h @ weights[-1]
        h = SIGMOID(s)
        slopes.append(SIGMOID.derivative(s))
    delta = rng.standard_normal(h.shape)
    sizes = []
    for weight, slope in zip(weights[::-1], slopes[::-1], strict=True):
        delta = (delta * slope) @ weight.T
        sizes.append(np.sqrt(np.mean(delta**2)))
    steps = np.exp(np.diff(np.log(sizes)))
    theory = gradient_factor("sigmoid", sigma_w**2)
    # A factor averages width x 100 products; 1/sqrt(width) bounds its relative error.
    return Finding(
        f"factor of a layer {steps.mean():.3f}, from {steps.min():.3f} to {steps.max():.3f}; "
        f"theory {theory:.3f}",
        decide(np.abs(steps / theory - 1) < 3 / np.sqrt(width)),
    )


def check_small_and_large() -> Finding:
    """Check that small weights lose the gradient and large ones saturate."""
    kept = threshold()
    below = np.linspace(0.5, 0.99 * kept, 20)
    small = np.array([gradient_factor("sigmoid", s**2) for s in below])
    dead = saturated_at(kept)
    alike = fixed_correlation("sigmoid", (0.9 * kept) ** 2, 0.0)
    return Finding(
        f"gradients fade below s = {kept:.2f} (weights of deviation s/sqrt(n)), where "
        f"{100 * dead:.0f} % of the units are saturated; below it two inputs become one "
        f"(correlation {alike:.3f})",
        decide(small < 1, dead > 0.5),
    )
