"""The checks behind the claims: printed figures beside untrained networks, and records."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...claims import Finding, Verdict, decide
from ...cost_surface import Cost, Surface, midpoints, plateau_area, population, surface
from ...records import Record
from ...summaries import each, gap, listed, spread
from ..glorot_saturation import EPOCH, group
from . import READINGS, Quantity, deviations, peaks
from .replication import bounds, initial_deviations

Floats = NDArray[np.float64]

# --- Fig. 5: the cost as a surface --------------------------------------------------------

REACH = 4.0
COSTS: tuple[Cost, Cost] = ("cross_entropy", "quadratic")
EPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Thresholds of the gradient's length at which plateaus are measured."""

CORNERS: dict[Cost, tuple[float, float]] = {"cross_entropy": (3.3, 4.5), "quadratic": (0.45, 0.8)}
"""Lowest and highest corner of Fig. 5, read off."""

READING: dict[Cost, float] = {"cross_entropy": 0.2, "quadratic": 0.05}
"""Reading error, 5 % of the axis."""


@functools.cache
def quadrant(cost: Cost, cells: int = 80) -> Surface:
    """Return the population's surface over [0, 4]^2, at the middles of cells.

    The other three quadrants of Fig. 5 are its mirror images: x and -x are equally likely, and
    so are both targets.  A step of 0.04 leaves errors of 1e-6, much less than an area needs.
    """
    w = midpoints(0, REACH, cells)
    return surface(cost, w[:, None], w, population(step=0.04))


def areas(eps: ArrayLike = EPS, steepest: float | None = None) -> dict[Cost, Floats]:
    """Return the plateaus' share of the square for each threshold, by cost."""
    return {cost: plateau_area(quadrant(cost).steepness, eps, steepest) for cost in COSTS}


def high_areas(eps: ArrayLike = EPS) -> dict[Cost, Floats]:
    """Return the share of plateaus whose cost is above the middle of its range, by cost."""
    found: dict[Cost, Floats] = {}
    for cost in COSTS:
        on = quadrant(cost)
        high = on.value > (on.value.min() + on.value.max()) / 2
        lengths = np.where(high, on.steepness, np.inf)
        found[cost] = plateau_area(lengths, eps, float(on.steepness.max()))
    return found


def corner_gap(n: int) -> float:
    r"""Return the deviation, over samples of n, of the difference of two corners' cross-entropies.

    Corners whose :math:`z` differ in sign differ by the average of :math:`\pm z`, the sign being
    that of the target: by a sum of n independent terms of mean square
    :math:`\mathbb{E} z^2 = 64\,\mathbb{E} \tanh(4 x)^2`.
    """
    data = population()
    z = 2 * REACH * np.tanh(REACH * data.inputs)
    return math.sqrt(float(data.weights @ z**2) / n)


def check_heights() -> Finding:
    """Check heights read off Fig. 5 against the population's, and whether samples can be so."""
    w = midpoints(-REACH, REACH, 9)
    axis = {c: surface(c, [*w, *(0 * w)], [*(0 * w), *w]).value for c in COSTS}
    corner = {c: surface(c, REACH, [-REACH, REACH]).value for c in COSTS}
    level: dict[Cost, float] = {"cross_entropy": 0.7, "quadratic": 0.25}
    flat = [np.all(abs(axis[c] - level[c]) < READING[c]) for c in COSTS]
    inside = [
        np.all((corner[c] > low - READING[c]) & (corner[c] < high + READING[c]))
        for c, (low, high) in CORNERS.items()
    ]
    # Where z changes sign, p becomes 1 - p: with the target given, two corners' quadratic costs
    # are p^2 and (1 - p)^2, which add to 1 at most.
    possible = sum(CORNERS["quadratic"]) - 2 * READING["quadratic"] <= 1
    return Finding(
        f"axes {axis['cross_entropy'].max():.3f} and {axis['quadratic'].max():.3f}; corners "
        f"{corner['cross_entropy'][0]:.2f} and {corner['quadratic'][0]:.3f}, all four alike; in a "
        "sample two of the quadratic cost's differ, but add to 1 at most",
        decide(flat, inside, possible),
    )


def check_plateaus() -> Finding:
    """Check that plateaus cover less area with cross-entropy, whatever the threshold."""
    area, high = areas(), high_areas()
    percent = {c: " ".join(f"{100 * a:.0f}" for a in area[c]) for c in COSTS}
    above = {c: " ".join(f"{100 * a:.0f}" for a in high[c]) for c in COSTS}
    return Finding(
        f"% of the square, eps {' '.join(f'{e:g}' for e in EPS)}: cross-entropy "
        f"{percent['cross_entropy']}, quadratic {percent['quadratic']}; of that high up: "
        f"{above['cross_entropy']} and {above['quadratic']}",
        decide(*(area["cross_entropy"] < area["quadratic"])),
    )


# --- Figs. 6 to 8: the untrained network --------------------------------------------------

PRINTED: dict[Quantity, dict[str, tuple[float, ...]]] = {
    "activations": {
        "standard": (1.4, 2.55, 4.35, 7.8, 13.7),
        "normalized": (1.45, 1.40, 1.35, 1.33, 1.27),
    },
    "gradients": {"standard": (80, 42, 23, 13, 7.5), "normalized": (6.7, 7.6, 8, 8.3, 8.2)},
    # "258 to 273" and "40 to 42" for layers 2 to 5; which is which cannot be told
    "weight gradients": {
        "standard": (225, 265, 265, 265, 265),
        "normalized": (35, 41, 41, 41, 41),
    },
}
"""Densities at 0 in layers 1 to 5, read off Figs. 6 to 8."""

PEAK_READING = 0.10
"""Relative error allowed a peak: 5 % in the reading, as much for the one draw that is shown."""


def misses(ours: ArrayLike, printed: ArrayLike) -> Floats:
    """Return relative differences from printed values."""
    difference: Floats = np.abs(np.divide(ours, printed) - 1)
    return difference


def _both(quantity: Quantity, panel: str, digits: int) -> tuple[Floats, str]:
    """Return the literal peaks, and both readings in words."""
    ours = {name: peaks(weights, quantity) for name, weights in READINGS[panel].items()}
    fit = misses(ours["fitted"], PRINTED[quantity][panel]).max()
    return ours["literal"], (
        f"{listed(ours['literal'], digits)}; fitted reading {listed(ours['fitted'], digits)}, "
        f"off by up to {100 * fit:.0f} %"
    )


def _like_printed(ours: Floats, printed: tuple[float, ...]) -> Verdict:
    """Decide whether peaks change from layer to layer as printed, and agree with the print."""
    return decide(
        np.sign(np.diff(ours)) == np.sign(np.diff(printed)), misses(ours, printed) < PEAK_READING
    )


def check_standard_activations() -> Finding:
    """Check the peaks of Fig. 6, top, against equation 1 in every layer."""
    ours = peaks("standard", "activations")
    return Finding(listed(ours), _like_printed(ours, PRINTED["activations"]["standard"]))


def check_normalized_activations() -> Finding:
    """Check the peaks of Fig. 6, bottom, against equation 16 in every layer."""
    ours, words = _both("activations", "normalized", 2)
    return Finding(
        f"eq. 16 in every layer: {words}",
        _like_printed(ours, PRINTED["activations"]["normalized"]),
    )


def check_gradients_shrink() -> Finding:
    """Check that gradients shrink downwards at the printed rate with equation 1."""
    std, ours = deviations("standard", "gradients"), peaks("standard", "gradients")
    printed = np.asarray(PRINTED["gradients"]["standard"])
    rates, theirs = ours[:-1] / ours[1:], printed[:-1] / printed[1:]
    return Finding(
        f"deviation of a layer over that of the next below: {listed(std[1:] / std[:-1])}; peaks: "
        f"{listed(rates)}, printed {listed(theirs)}",
        decide(np.diff(std) > 0, misses(rates, theirs) < math.sqrt(2) * PEAK_READING),
    )


def check_gradient_peaks() -> Finding:
    """Check the peaks of Fig. 7 against the formulas in every layer."""
    standard, normalized = (
        _both("gradients", panel, digits) for panel, digits in (("standard", 0), ("normalized", 1))
    )
    return Finding(
        f"standard {standard[1]}; normalized {normalized[1]}",
        decide(
            misses(standard[0], PRINTED["gradients"]["standard"]) < PEAK_READING,
            misses(normalized[0], PRINTED["gradients"]["normalized"]) < PEAK_READING,
        ),
    )


def check_gradients_level() -> Finding:
    """Check that normalized networks' gradients differ by no more than the printed 1.24."""
    literal, fitted = (
        deviations(weights, "gradients") for weights in READINGS["normalized"].values()
    )
    printed = PRINTED["gradients"]["normalized"]
    most = max(printed) / min(printed)
    standard = deviations("standard", "gradients")
    return Finding(
        f"largest over smallest deviation: {np.max(literal) / np.min(literal):.2f}, fitted "
        f"reading {np.max(fitted) / np.min(fitted):.2f}; standard "
        f"{np.max(standard) / np.min(standard):.1f}",
        decide(np.max(literal) / np.min(literal) < most),
    )


EQUAL = 1.15
"""Largest over smallest deviation of weight gradients that count as equal; printed peaks: 1.06."""


def check_weight_gradients_equal() -> Finding:
    """Check that weight gradients are alike in layers 2 to 5, with either formula."""
    std = {panel: deviations(READINGS[panel]["literal"], "batch gradients") for panel in READINGS}
    ratios = {panel: s[1:].max() / s[1:].min() for panel, s in std.items()}
    words = (
        f"{panel} {' '.join(f'{s:.1e}' for s in values)} ({ratios[panel]:.2f})"
        for panel, values in std.items()
    )
    return Finding(
        f"deviations in layers 1 to 5 (largest over smallest of 2 to 5): {'; '.join(words)}",
        decide(ratios["standard"] < EQUAL, ratios["normalized"] < EQUAL),
    )


def scale_factors(kind: str, quantity: Quantity = "weight gradients") -> Floats:
    """Return our peaks over the printed ones for layers 2 to 5 of Fig. 8, (2,): both panels."""
    ours = (peaks(readings[kind], quantity)[1:] for readings in READINGS.values())
    printed = (values[1:] for values in PRINTED["weight gradients"].values())
    return np.array([np.mean(o / np.asarray(p)) for o, p in zip(ours, printed, strict=True)])


def check_weight_gradient_scale() -> Finding:
    """Check the peaks of Fig. 8 against the formulas, for gradients of one image or of ten."""
    sizes: dict[str, Quantity] = {"one image": "weight gradients", "ten": "batch gradients"}
    agrees = [
        [
            np.all(misses(peaks(readings["literal"], quantity), printed) < PEAK_READING)
            for quantity in sizes.values()
        ]
        for readings, printed in zip(
            READINGS.values(), PRINTED["weight gradients"].values(), strict=True
        )
    ]
    words = (
        f"{kind} {listed(scale_factors(kind, quantity), 1)} ({size})"
        for kind in ("literal", "fitted")
        for size, quantity in sizes.items()
    )
    return Finding(
        f"our peaks over the printed ones, standard and normalized: {', '.join(words)}",
        decide(*map(any, agrees)),
    )


# --- Fig. 9: weight gradients during training ---------------------------------------------

START_VALUES = {"standard": (0.003,) * 5, "normalized": (0.03, *(0.016,) * 4)}
"""Deviations of weight gradients at epoch 0, layers 1 to 5, read off Fig. 9."""

COURSE_VALUES = {
    "standard": {
        "epoch 10": (0.05, 0.022, 0.013, 0.011, 0.009),
        "epoch 90": (0.05, 0.037, 0.028, 0.019, 0.016),
    },
    "normalized": {"later on": (0.05, 0.038, 0.038, 0.033, 0.025)},
}
"""Deviations of weight gradients during training, layers 1 to 5, read off Fig. 9."""

DIGIT = 0.2
"""Relative error allowed them: half a unit of the one digit that can be read of .003."""


def check_start_values() -> Finding:
    """Check Fig. 9's deviations at epoch 0 against single images' gradients, both formulas."""
    found = {
        kind: {
            panel: deviations(readings[kind], "weight gradients")
            for panel, readings in READINGS.items()
        }
        for kind in ("literal", "fitted")
    }
    fit = max(misses(found["fitted"][p], printed).max() for p, printed in START_VALUES.items())
    words = (
        f"{kind}: {'; '.join(listed(std, 4) for std in of.values())}" for kind, of in found.items()
    )
    return Finding(
        f"single images, {', '.join(words)}, the latter off by up to {100 * fit:.0f} %",
        decide(*(misses(found["literal"][p], v) < DIGIT for p, v in START_VALUES.items())),
    )


TRAINED = {panel: f"tanh {panel}" for panel in READINGS}
START = 1.25
"""Largest over smallest deviation in layers 2 to 5 that counts as equal, before training."""


def hidden_gradients(record: Record) -> Floats:
    """Return the deviation of the weight gradients of the hidden layers, (probes, layers)."""
    return np.asarray(record.arrays["weight_gradient_std"][:, :-1], dtype=float)


def course(runs: Sequence[Record], probes: int = 5) -> tuple[Floats, Floats]:
    """Return times in epochs, (n,), and the layers' deviations, (n, layers), before and smoothed.

    The first time is 0.  The others are those of ``probes`` probes each, over which, and over the
    runs, the average is geometric: probes jump by a factor of 2.
    """
    logs = np.mean([np.log(hidden_gradients(r)) for r in runs], axis=0)
    at = runs[0].arrays["updates"] / EPOCH
    first = 1 + (len(at) - 1) % probes
    blocks = np.arange(first, len(at)).reshape(-1, probes)
    times = np.concatenate([[0.0], at[blocks].mean(1)])
    return times, np.exp(np.concatenate([logs[:1], logs[blocks].mean(1)]))


def start_ratio(record: Record) -> float:
    """Return largest over smallest deviation in layers 2 and up, before training."""
    first = hidden_gradients(record)[0, 1:]
    return float(first.max() / first.min())


def tilt(record: Record, lower: int = 0) -> float:
    """Return a layer's deviation over the top one's, averaged over the last quarter of a run.

    The average is geometric; ``lower`` counts layers from 0.
    """
    late = hidden_gradients(record)[-(len(record.arrays["updates"]) // 4) :]
    return float(np.exp(np.mean(np.log(late[:, lower] / late[:, -1]))))


def check_equal_at_start() -> Finding:
    """Check that layers 2 to 5 start with equal weight gradients in every run on record."""
    ratios = {panel: each(group(name), start_ratio) for panel, name in TRAINED.items()}
    return Finding(
        "; ".join(f"{panel} {spread(r, 2)}" for panel, r in ratios.items())
        + ", largest over smallest of layers 2 to 5",
        decide(*(r < START for r in ratios.values())),
    )


def check_lower_layers_larger() -> Finding:
    """Check that late in training lower layers have larger gradients, if standard."""
    runs = group(TRAINED["standard"])
    first, second = each(runs, tilt), each(runs, _second)
    return Finding(
        f"over layer 5's in the last quarter: layer 1 {spread(first, 2)}, layer 2 "
        f"{spread(second, 2)}",
        decide(first > 1.5, second > 1),
    )


def check_worse_with_standard() -> Finding:
    """Check that the tilt is larger with standard weights, by more than three standard errors."""
    tilts = {panel: each(group(name), tilt) for panel, name in TRAINED.items()}
    difference, error = gap(tilts["standard"], tilts["normalized"])
    verdict: Verdict = "open"
    if abs(difference) > 3 * error:
        verdict = "reproduced" if difference > 0 else "not reproduced"
    return Finding(
        "layer 1 over layer 5 in the last quarter: "
        + ", ".join(f"{panel} {spread(t, 2)}" for panel, t in tilts.items())
        + "; layer 2: "
        + ", ".join(f"{p} {spread(each(group(n), _second), 2)}" for p, n in TRAINED.items()),
        verdict,
    )


def _second(record: Record) -> float:
    return tilt(record, 1)


# --- a replication ------------------------------------------------------------------------


def check_replication_alike() -> Finding:
    """Check that the replication's two arms look alike before training, layer by layer."""
    lecun, xavier = bounds("LeCun"), bounds("equation 16")
    ratio = initial_deviations("equation 16") / initial_deviations("LeCun")
    # Only the first layer's law differs below the output: its factor is the most that can show.
    most = xavier[0] / lecun[0]
    same = bool(np.all(xavier[1:5] == lecun[1:5]))
    return Finding(
        f"bounds of the four matrices between hidden layers: {'equal' if same else 'different'}; "
        f"first matrix {most:.3f}, last {xavier[-1] / lecun[-1]:.3f} times LeCun's; deviations of "
        f"the five layers {listed(ratio)} times",
        decide(same, (ratio > 1 / most) & (ratio < most)),
    )


def check_replication_baseline() -> Finding:
    """Check that the replication's baseline is the paper's standard initialization."""
    ratio = bounds("LeCun") / bounds("equation 1")
    equal = np.allclose(ratio, 1, rtol=1e-12)
    return Finding(
        f"in every layer {ratio.min():.4f} times as wide" if not equal else "the same",
        "reproduced" if equal else "refuted",
    )
